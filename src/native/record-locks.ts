/**
 * Locks on ranges of a file that belong to an open file description: fcntl(2), F_OFD_SETLK. 0 or a negative errno; never a
 * wait and never a throw.
 */
import { bind, lastErrno } from './library.ts';

const c = {
  fcntl: bind<(fd: number, command: number, flock: Buffer) => number>('fcntl', 'int', [
    'int',
    'int',
    'void *',
  ]),
};

const F_OFD_SETLK = 37;
export const RecordLock = { READ: 0, WRITE: 1, NONE: 2 } as const;
export type RecordLock = (typeof RecordLock)[keyof typeof RecordLock];

/** struct flock: s16 type, s16 whence, 4 bytes of nothing, s64 start, s64 length, s32 pid, which has to be 0. */
const flock = Buffer.alloc(32);

/** `length` of 0: to the end of all files. EAGAIN, EACCES: another's lock is in the way. */
export function setRecordLock(fd: number, type: RecordLock, start: bigint, length: bigint): number {
  flock.writeInt16LE(type, 0);
  flock.writeBigInt64LE(start, 8);
  flock.writeBigInt64LE(length, 16);
  return c.fcntl(fd, F_OFD_SETLK, flock) < 0 ? -lastErrno() : 0;
}
