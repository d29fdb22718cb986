/**
 * MS-FSA 2.1.4.10: whether reading or writing meets a lock. Among opens of the SMB3 POSIX extensions locks are
 * advisory, as fcntl(2) has them: they stop other locks, and what Windows does, but not what POSIX does.
 */
import type { LockRange } from '../objects/byte-range-locks.ts';
import type { Open } from '../objects/open.ts';
import type { LockOwner } from '../objects/process-locks.ts';
import type { SharedFile } from '../objects/shared-file.ts';

export function meetsLock(open: Open, owner: LockOwner, range: LockRange, write: boolean): boolean {
  const file = open.file!;
  if (open.isPosix && isAdvisory(file)) return false;
  return file.locks.conflicts(owner, range, write);
}

/** Nobody else holds a lock of this file. */
function isAdvisory({ opens, locks }: SharedFile): boolean {
  for (const open of opens) {
    if (open.isPosix) continue;
    if (open.processLocks !== undefined || locks.count(open) > 0) return false;
  }
  return true;
}
