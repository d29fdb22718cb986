/** What a file system cannot copy by itself: read into memory, and written. */
import { bufferPool } from '../base/buffer-pool.ts';
import type { VfsHandle } from './vfs.ts';

/** See VfsHandle.copyRange; all is read before anything is written. */
export async function copyBytes(
  source: VfsHandle,
  from: number,
  target: VfsHandle,
  position: number,
  length: number,
): Promise<number> {
  const buffer = bufferPool.take(length);
  try {
    const count = await source.read(buffer, from);
    if (count <= 0) return count;
    return await target.write(buffer.subarray(0, count), position);
  } finally {
    bufferPool.give(buffer);
  }
}

/** Whether two ranges of the same length have a byte in common. */
export const overlap = (from: number, position: number, length: number): boolean =>
  Math.abs(from - position) < length;
