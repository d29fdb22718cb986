/**
 * READs and WRITEs that wait for their volume: a disk that is slow, a server or a program behind it that does
 * not answer. What they hold meanwhile is counted, so that READs of a volume that stands still take no buffers
 * beyond its part of them, and the other volumes have the rest.
 */
import { bufferPool, MIN_POOLED_BYTES } from '../base/buffer-pool.ts';

const waitingBytes = new Map<number, number>();

/** Whether one more may take a buffer of so many bytes now. Its volume lets a single one through always. */
export function hasRoom(volumeId: number, bytes: number): boolean {
  if (bufferPool.isFull && bytes >= MIN_POOLED_BYTES) return false;
  if (waitingBytes.size === 0) return true;
  const others = waitingBytes.get(volumeId) ?? 0;
  return others === 0 || others + bytes <= bufferPool.sharedBytes;
}

/** Counts the bytes until the work is done. */
export function whileWaiting<T>(volumeId: number, bytes: number, work: Promise<T>): Promise<T> {
  waitingBytes.set(volumeId, (waitingBytes.get(volumeId) ?? 0) + bytes);
  return work.finally(() => {
    const left = waitingBytes.get(volumeId)! - bytes;
    if (left > 0) waitingBytes.set(volumeId, left);
    else waitingBytes.delete(volumeId);
    bufferPool.look();
  });
}
