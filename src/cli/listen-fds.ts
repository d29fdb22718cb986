/**
 * Sockets that systemd listens on and hands to what it starts, sd_listen_fds(3): LISTEN_FDS of them from descriptor 3 on, with the
 * names of LISTEN_FDNAMES, for the process LISTEN_PID alone.
 */
import { MAX_HANDED_SOCKETS } from '../base/limits.ts';
import type { HandedSocket } from '../handed-sockets.ts';
import { CommandError } from './command-error.ts';

const FIRST_FD = 3;
/** Newer ones of systemd say by LISTEN_PIDFDID what LISTEN_PID says. */
const VARIABLES = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'] as const;
/** As systemd has it for those without a name. */
const NAMELESS = 'unknown';

/** None for another process than `pid`, as sd_listen_fds has it. Throws CommandError for what systemd does not say. */
export function handedSockets(
  environment: NodeJS.ProcessEnv,
  pid: number = process.pid,
): readonly HandedSocket[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment;
  if (LISTEN_FDS === undefined || LISTEN_PID !== String(pid)) return [];
  const count = Number(LISTEN_FDS);
  if (!/^\d{1,9}$/.test(LISTEN_FDS) || count > MAX_HANDED_SOCKETS) {
    throw new CommandError(
      `LISTEN_FDS is "${LISTEN_FDS}"; expected the number of sockets handed over, ${MAX_HANDED_SOCKETS} at most`,
    );
  }
  const names = LISTEN_FDNAMES?.split(':') ?? Array<string>(count).fill(NAMELESS);
  if (count > 0 && names.length !== count) {
    throw new CommandError(
      `LISTEN_FDNAMES has ${names.length} names for ${count} sockets; expected as many, separated by colons, or none`,
    );
  }
  return Array.from({ length: count }, (_, i) => ({ fd: FIRST_FD + i, name: names[i]! }));
}

/** The same for good: children are not told of them. */
export function takeHandedSockets(environment: NodeJS.ProcessEnv): readonly HandedSocket[] {
  const handed = handedSockets(environment);
  for (const name of VARIABLES) delete environment[name];
  return handed;
}
