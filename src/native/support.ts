/** What of the native layer works in this process. */
import { O_DIRECTORY, O_PATH } from './constants.ts';
import { close, openat, openBeneath } from './files.ts';
import { missing } from './library.ts';

export interface NativeSupport {
  /** Undefined when native calls work; else why they do not, for a log line. */
  readonly unavailable: string | undefined;
  /** Linux 5.6, and no seccomp filter that forbids it. */
  readonly openat2: boolean;
}

function probe(): NativeSupport {
  const without = (unavailable: string): NativeSupport => ({ unavailable, openat2: false });
  if (process.platform !== 'linux') return without(`no native calls on ${process.platform}`);
  if (process.arch !== 'x64' && process.arch !== 'arm64') {
    return without(`no native calls on ${process.arch}`);
  }
  if (missing !== undefined) return without(missing);
  const root = openat(-1, '/', O_PATH | O_DIRECTORY);
  if (root < 0) return without(`openat fails with errno ${-root}`);
  const fd = openBeneath(root, '.', O_PATH | O_DIRECTORY);
  if (fd >= 0) close(fd);
  close(root);
  return { unavailable: undefined, openat2: fd >= 0 };
}

let support: NativeSupport | undefined;

/** Asked once in a process. */
export function nativeSupport(): NativeSupport {
  support ??= probe();
  return support;
}
