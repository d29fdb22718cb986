/**
 * Holes of a file: fallocate(2) makes them, SEEK_DATA and SEEK_HOLE tell of them. Large ones take their time
 * and are made in libuv's pool.
 */
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
} from '../../native/constants.ts';
import { fallocate, fallocateInPool, seekData, seekHole } from '../../native/files.ts';
import { EIO, ENOSYS, ENXIO, EOPNOTSUPP, type Errno, type Result } from '../errno.ts';
import type { MaybePromise, VfsHandle, VfsRange } from '../vfs.ts';
import { writeZeros } from '../write-zeros.ts';
import { flushed, type OpenInode } from './open-inodes.ts';
import type { HandleState, LocalShare } from './share.ts';

const PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
const ZERO = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;

/** What is tried, one after the other: tmpfs knows no ZERO_RANGE, and what was punched is reserved anew. */
const KEEPING: readonly (readonly number[])[] = [[ZERO], [PUNCH, FALLOC_FL_KEEP_SIZE]];
const PUNCHING: readonly (readonly number[])[] = [[PUNCH], [ZERO]];

const cannot = (result: Errno | 0): boolean => result === EOPNOTSUPP || result === ENOSYS;

/** EOPNOTSUPP where the file system can do nothing of it. */
export function zeroNow(fd: number, { position, length }: VfsRange, keeps: boolean): Errno | 0 {
  for (const modes of keeps ? KEEPING : PUNCHING) {
    let result: Errno | 0 = 0;
    for (const mode of modes) result ||= fallocate(fd, mode, position, length);
    if (!cannot(result)) return result;
  }
  return EOPNOTSUPP;
}

async function zeroInPool(
  fd: number,
  { position, length }: VfsRange,
  keeps: boolean,
): Promise<Errno | 0> {
  for (const modes of keeps ? KEEPING : PUNCHING) {
    let result: Errno | 0 = 0;
    for (const mode of modes) result ||= await fallocateInPool(fd, mode, position, length);
    if (!cannot(result)) return result;
  }
  return EOPNOTSUPP;
}

interface Zeroed extends VfsHandle {
  readonly inode: OpenInode;
  readonly state: HandleState;
  writing(write: () => number): number;
  whileRunning<T>(operation: Promise<T>): Promise<T>;
}

/** What the kernel made of it, or another way to do it. */
export function zeroed(
  result: Errno | 0,
  handle: VfsHandle & { inode: OpenInode },
  range: VfsRange,
): MaybePromise<Errno | 0> {
  if (result === EOPNOTSUPP) return writeZeros(handle, range);
  return result === EIO ? flushed(handle.inode, EIO) : result;
}

/** See VfsHandle.zero; on a thread of the pool EOPNOTSUPP is left to the loop. */
export function zeroLocal(
  { own, isRemote }: LocalShare,
  handle: Zeroed,
  range: VfsRange,
  keepsSpace: boolean,
): MaybePromise<Errno | 0> {
  if (range.length === 0) return 0;
  const { fd, losesPrivilege } = handle.state;
  const now = () => handle.writing(() => zeroNow(fd, range, keepsSpace));
  if (isRemote) return now();
  if (losesPrivilege || own.areSynchronous) {
    return zeroed(own.touching(handle.inode.key, now), handle, range);
  }
  const zeroing = zeroInPool(fd, range, keepsSpace);
  return handle.whileRunning(zeroing.then((result) => zeroed(result, handle, range)));
}

/** See VfsHandle.dataRanges. */
export function dataRanges(
  fd: number,
  { position, length }: VfsRange,
  max: number,
): Result<readonly VfsRange[]> {
  const end = position + length;
  const found: VfsRange[] = [];
  for (let at = position; at < end && found.length < max; ) {
    const from = seekData(fd, at);
    // There is nothing any more.
    if (from === ENXIO || from >= end) break;
    if (from < 0) return from;
    const to = seekHole(fd, from);
    // Cut off in between.
    if (to === ENXIO) break;
    if (to < 0) return to;
    found.push({ position: from, length: Math.min(to, end) - from });
    at = to;
  }
  return found;
}
