/**
 * Copies by the kernel, copy_file_range(2): nothing passes through this process, and file systems that share
 * blocks (btrfs, XFS) write nothing. In libuv's pool, a few at a time, so that reads find a thread.
 */
import { MAX_COPIES_AT_ONCE } from '../../base/limits.ts';
import { type CopyRange, copyFileRange, copyFileRangeInPool } from '../../native/copy.ts';
import { EINVAL, ENOSYS, EOPNOTSUPP, EXDEV } from '../errno.ts';

/** What the kernel says where it cannot, and reading and writing can. */
const NOT_THIS_WAY: ReadonlySet<number> = new Set([EXDEV, EOPNOTSUPP, EINVAL, ENOSYS]);

export const isNotThisWay = (count: number): boolean => NOT_THIS_WAY.has(count);

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
export async function copyInPool(range: CopyRange): Promise<number> {
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
