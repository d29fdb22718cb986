/**
 * Calls of node:fs as vfs.ts wants them answered: with a value or a negative errno. The errno is taken
 * by name, since its number differs between systems.
 */
import * as table from '../errno.ts';
import { EIO, type Errno } from '../errno.ts';

const numbers = new Map<string, Errno>(
  Object.entries(table).flatMap(([name, value]) =>
    typeof value === 'number' ? [[name, value] as const] : [],
  ),
);

/** Systems that have no name of ours for it, by their own. */
const FOREIGN: Readonly<Record<string, Errno>> = {
  EUNKNOWN: EIO,
  ENOSYS: table.EOPNOTSUPP,
  ENOTSUP: table.EOPNOTSUPP,
};

export function errnoOf(error: unknown): Errno {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // What is no system error is a bug, and goes on as one.
  if (typeof code !== 'string' || !('syscall' in (error as object))) throw error;
  return numbers.get(code) ?? FOREIGN[code] ?? EIO;
}

/** What `call` returns, or the errno that it fails with. */
export function attempt<T>(call: () => T): T | Errno {
  try {
    return call();
  } catch (error) {
    return errnoOf(error);
  }
}

/** 0, or the errno that `call` fails with. */
export function done(call: () => void): Errno | 0 {
  try {
    call();
    return 0;
  } catch (error) {
    return errnoOf(error);
  }
}
