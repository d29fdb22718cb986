/**
 * MS-FSA 2.1.5.4 and 2.1.5.15.2: Open.UserSetModificationTime and Open.UserSetChangeTime. Whoever has set one
 * of a file's times, or frozen it, goes on through the same open and finds it as it was.
 */
import type { Open } from '../objects/open.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsChanges, VfsHandle } from '../vfs/vfs.ts';
import type { MaybePromise } from './command.ts';

export type UserTimes = Pick<Open, 'userSetModificationTime' | 'userSetChangeTime'>;

/** An allocation is no writing, whoever makes it. */
export const ALLOCATION: UserTimes = { userSetModificationTime: true, userSetChangeTime: false };

/**
 * Does what the file system stamps with the time, and puts back what it has to leave. The kernel lets nobody but
 * the owner do it; others who froze a time find it changed.
 */
export function keepUserTimes<Result extends number>(
  times: UserTimes,
  handle: VfsHandle,
  operate: () => MaybePromise<Result>,
): MaybePromise<Result> {
  if (!times.userSetModificationTime && !times.userSetChangeTime) return operate();
  return keep(times, handle, operate);
}

async function keep<Result extends number>(
  times: UserTimes,
  handle: VfsHandle,
  operate: () => MaybePromise<Result>,
): Promise<Result> {
  const before = await handle.stat();
  const result = await operate();
  if (result < 0 || isErrno(before)) return result;
  const { lastWriteTime, changeTime } = before;
  const kept: VfsChanges = {
    ...(times.userSetModificationTime && { lastWriteTime }),
    ...(times.userSetChangeTime && { changeTime }),
  };
  await handle.set(kept);
  return result;
}
