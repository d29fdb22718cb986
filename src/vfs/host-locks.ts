/** Byte-range locks as other programs of the host see them. */
import type { Errno } from './errno.ts';

export type HostLockKind = 'shared' | 'exclusive';

/**
 * Locks of fcntl(2), which stop those of other programs, and are stopped by them: to all of those the server is one, whose
 * own stop it from nothing. They end with `close`.
 */
export interface VfsHostLocks {
  /** It can lock exclusively; else it locks for reading what it is asked to lock so. */
  readonly isWritable: boolean;
  /**
   * Locks from `offset` to `last`, in place of what was locked there; undefined unlocks. What lies behind 2^63 - 1 is
   * locked for nobody. EAGAIN: another program's lock is in the way. ENOLCK, EINVAL, EOPNOTSUPP: the file system cannot.
   */
  set(offset: bigint, last: bigint, kind: HostLockKind | undefined): Errno | 0;
  close(): void;
}
