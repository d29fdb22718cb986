/**
 * Copies by the kernel, copy_file_range(2): nothing passes through this process, and file systems that share
 * blocks (btrfs, XFS) write nothing. In libuv's pool, a few at a time, so that reads find a thread.
 */
import { MAX_COPIES_AT_ONCE } from '../../base/limits.ts';
import {
  type CopyRange,
  cloneFileRange,
  copyFileRange,
  copyFileRangeInPool,
} from '../../native/copy.ts';
import { copyBytes, overlap } from '../copy-bytes.ts';
import { EBADF, EINVAL, EIO, ENOSYS, EOPNOTSUPP, type Errno, EXDEV } from '../errno.ts';
import type { MaybePromise, VfsHandle } from '../vfs.ts';
import { flushed, type OpenInode } from './open-inodes.ts';
import type { OwnChanges } from './own-changes.ts';
import type { HandleState } from './share.ts';

/** What the kernel says where it cannot, and reading and writing can. */
const NOT_THIS_WAY: ReadonlySet<number> = new Set([EXDEV, EOPNOTSUPP, EINVAL, ENOSYS]);

const isNotThisWay = (count: number): boolean => NOT_THIS_WAY.has(count);

let underWay = 0;
const waiting: (() => void)[] = [];

async function enter(): Promise<void> {
  if (underWay >= MAX_COPIES_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  else underWay += 1;
}

function leave(): void {
  const next = waiting.shift();
  // Who waits takes the place over.
  if (next === undefined) underWay -= 1;
  else next();
}

const rest = (range: CopyRange, done: number): CopyRange => ({
  ...range,
  from: range.from + done,
  position: range.position + done,
  length: range.length - done,
});

/** The count, or an errno where nothing was copied: see VfsHandle.copyRange. */
async function copyInPool(range: CopyRange): Promise<number> {
  await enter();
  try {
    for (let done = 0; ; ) {
      const count = await copyFileRangeInPool(rest(range, done));
      if (count < 0) return done > 0 ? done : count;
      done += count;
      if (count === 0 || done === range.length) return done;
    }
  } finally {
    leave();
  }
}

/** The same at once, for what has to happen on this thread. */
export function copyNow(range: CopyRange): number {
  for (let done = 0; ; ) {
    const count = copyFileRange(rest(range, done));
    if (count < 0) return done > 0 ? done : count;
    done += count;
    if (count === 0 || done === range.length) return done;
  }
}

/** A handle of this back end, on the loop's thread or on one of the pool's. */
export interface CopyEnd extends VfsHandle {
  readonly inode: OpenInode;
  readonly state: HandleState;
  writing(write: () => number): number;
  whileRunning<T>(operation: Promise<T>): Promise<T>;
}

export type Where = Pick<CopyRange, 'from' | 'position' | 'length'>;

/** Whether the kernel would refuse since the ranges overlap. */
export const areOverlapping = (
  source: { inode: OpenInode },
  target: { inode: OpenInode },
  { from, position, length }: Where,
): boolean => source.inode.key === target.inode.key && overlap(from, position, length);

/** What the kernel's copy came to, or another way to do it. */
export function copied(
  count: number,
  source: VfsHandle,
  target: VfsHandle & { inode: OpenInode },
  { from, position, length }: Where,
): MaybePromise<number> {
  if (isNotThisWay(count)) return copyBytes(source, from, target, position, length);
  return count === EIO ? flushed(target.inode, EIO) : count;
}

/** Between two files of this back end; the target is open for writing. */
export function copyLocal(
  own: OwnChanges,
  source: CopyEnd,
  target: CopyEnd,
  where: Where,
): MaybePromise<number> {
  const [reads, writes] = [source.state, target.state];
  if (!reads.access.read) return EBADF;
  if (areOverlapping(source, target, where)) {
    return copyBytes(source, where.from, target, where.position, where.length);
  }
  const range = { source: reads.fd, target: writes.fd, ...where };
  if (!writes.losesPrivilege && !own.areSynchronous) {
    const copying = source.whileRunning(copyInPool(range));
    return target.whileRunning(copying.then((count) => copied(count, source, target, where)));
  }
  const count = own.touching(target.inode.key, () => target.writing(() => copyNow(range)));
  return copied(count, source, target, where);
}

const ENOTTY = -25;

/** See VfsHandle.cloneRange; the target is open for writing. */
export function cloneLocal(
  own: OwnChanges,
  source: CopyEnd,
  target: CopyEnd,
  where: Where,
): Errno | 0 {
  const [reads, writes] = [source.state, target.state];
  if (!reads.access.read) return EBADF;
  const range = { source: reads.fd, target: writes.fd, ...where };
  const result = own.touching(target.inode.key, () => target.writing(() => cloneFileRange(range)));
  return result === ENOTTY ? EOPNOTSUPP : result;
}
