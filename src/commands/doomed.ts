/**
 * MS-FSA 2.1.5.1, phase 6: nothing is opened or made below a directory that is marked for deletion, or
 * it would not be empty when its time comes. Nor is a directory marked while something is being made in it.
 */

import { type NtStatus, STATUS_DELETE_PENDING } from '../dtyp/ntstatus.ts';
import { isErrno } from '../vfs/errno.ts';
import type { MaybePromise, TreeRequest } from './command.ts';

/**
 * Does what makes a name at `path`, unless its directory is going away; it cannot be marked meanwhile. `make` is told
 * whether nothing was waited for.
 */
export function arriving<T>(
  path: readonly string[],
  request: TreeRequest,
  make: (isFresh: boolean) => MaybePromise<T>,
): MaybePromise<T | NtStatus> {
  const { arrivals, doomed } = request.server.files;
  const arrival = { share: request.tree.share, path };
  arrivals.add(arrival);
  let made: MaybePromise<T | NtStatus>;
  try {
    made = doomed.size === 0 ? make(true) : unlessLate(path, request, () => make(false));
  } catch (error) {
    arrivals.delete(arrival);
    throw error;
  }
  if (made instanceof Promise) return made.finally(() => arrivals.delete(arrival));
  arrivals.delete(arrival);
  return made;
}

async function unlessLate<T>(
  path: readonly string[],
  request: TreeRequest,
  make: () => MaybePromise<T>,
): Promise<T | NtStatus> {
  return (await isBelowDoomed(path, request)) ? STATUS_DELETE_PENDING : make();
}

/** Whether a directory on the way to `path` is going away; to be asked where any file is. */
export async function isBelowDoomed(
  path: readonly string[],
  { server, tree }: TreeRequest,
): Promise<boolean> {
  if (path.length < 2) return false;
  const parent = await tree.files!.lookup(path.slice(0, -1));
  if (isErrno(parent)) return false;
  const way = parent.path();
  parent.close();
  if (isErrno(way)) return false;
  for (const { deleters } of server.files.doomed) {
    const [deleter] = deleters;
    if (deleter?.handle?.kind !== 'directory' || deleter.home !== tree.share) continue;
    const doomed = deleter.handle.path();
    if (!isErrno(doomed) && doomed.every((component, i) => component === way[i])) return true;
  }
  return false;
}
