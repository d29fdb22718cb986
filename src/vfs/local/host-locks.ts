/**
 * Byte-range locks that other programs of the host see and have: fcntl(2), by a descriptor of its own, so that they are
 * there until that is closed, whatever else of the file the server opens and closes.
 */
import { O_RDONLY, O_RDWR } from '../../native/constants.ts';
import { close } from '../../native/files.ts';
import { RecordLock, setRecordLock } from '../../native/record-locks.ts';
import { EACCES, EAGAIN, type Errno, type Result } from '../errno.ts';
import type { HostLockKind, VfsHostLocks } from '../host-locks.ts';
import { reopen } from './reopen.ts';
import type { LocalShare } from './share.ts';

/** off_t: what lies behind is nobody's but SMB's. */
const MAX_OFFSET = 0x7fff_ffff_ffff_ffffn;

class LocalHostLocks implements VfsHostLocks {
  readonly isWritable: boolean;
  readonly #fd: number;

  constructor(fd: number, isWritable: boolean) {
    this.#fd = fd;
    this.isWritable = isWritable;
  }

  set(offset: bigint, last: bigint, kind: HostLockKind | undefined): Errno | 0 {
    if (offset > MAX_OFFSET || last < offset) return 0;
    // The kernel wants a descriptor for writing to lock exclusively; SMB locks what it reads.
    const exclusively = this.isWritable ? RecordLock.WRITE : RecordLock.READ;
    const type =
      kind === undefined ? RecordLock.NONE : kind === 'exclusive' ? exclusively : RecordLock.READ;
    const length = last >= MAX_OFFSET ? 0n : last - offset + 1n;
    const result = setRecordLock(this.#fd, type, offset, length);
    return result === EACCES ? EAGAIN : result;
  }

  close(): void {
    close(this.#fd);
  }
}

/** Of a file that is open as `fd` with these rights: whether its user may was asked then. */
export function openHostLocks(
  share: LocalShare,
  fd: number,
  isWritable: boolean,
): Result<VfsHostLocks> {
  const own = reopen(share, fd, isWritable ? O_RDWR : O_RDONLY);
  return own < 0 ? own : new LocalHostLocks(own, isWritable);
}
