/**
 * MS-FSA 2.1.5.4 and 2.1.5.15.2: Open.UserSetModificationTime. Whoever has set a file's time of writing, or
 * frozen it, goes on to write through the same open and finds the time as it was.
 */
import { isErrno } from '../vfs/errno.ts';
import type { VfsHandle } from '../vfs/vfs.ts';
import type { MaybePromise } from './command.ts';

/**
 * Does what the kernel stamps with the time of writing, and puts that back. The kernel lets nobody but the owner do
 * it; others who froze the time find it changed.
 */
export async function keepWriteTime<Result extends number>(
  handle: VfsHandle,
  operate: () => MaybePromise<Result>,
): Promise<Result> {
  const before = await handle.stat();
  const result = await operate();
  if (result >= 0 && !isErrno(before)) {
    await handle.set({ lastWriteTime: before.lastWriteTime });
  }
  return result;
}
