/** MS-SMB 2.2.4.1.2 and 2.2.4.9.2: MaximalAccessRights, for which a client asks with every open. */
import { after } from '../base/after.ts';
import { maximalAccess } from '../commands/access.ts';
import { DELETE } from '../dtyp/access-mask.ts';
import type { Open } from '../objects/open.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsHandle } from '../vfs/vfs.ts';
import type { MaybePromise } from './call.ts';

/**
 * What is told is no grant, and whether a file may be deleted is its directory's affair, which costs more to ask
 * than the rest of an open: what was found for files of the same owner in the same directory stands so long.
 */
const DIRECTORY_STANDS_MS = 100;

interface Found {
  readonly directory: string;
  readonly owner: number;
  readonly mayDelete: boolean;
  readonly atMs: number;
}

const lastFound = new WeakMap<TreeConnect, Found>();

export function maximalRights({ tree, handle, access }: Open): MaybePromise<number> {
  return handle === undefined ? access : rightsOf(tree!, handle);
}

function rightsOf(tree: TreeConnect, handle: VfsHandle): MaybePromise<number> {
  const path = handle.toldPath?.() ?? handle.path();
  // Of a directory and of a stream other things decide as well.
  if (isErrno(path) || path.length === 0 || handle.kind !== 'file' || handle.base !== undefined) {
    return maximalAccess(tree, handle);
  }
  const { securityDescriptors } = tree.share.vfs!.features;
  return after(securityDescriptors ? handle.storedSecurity() : undefined, (stored) =>
    after(handle.stat(), (stat) =>
      stored !== undefined || isErrno(stat)
        ? maximalAccess(tree, handle)
        : plainRights(tree, handle, path.slice(0, -1).join('/'), stat.uid),
    ),
  );
}

/** Of a file whose permissions are its mode's. */
function plainRights(
  tree: TreeConnect,
  handle: VfsHandle,
  directory: string,
  owner: number,
): MaybePromise<number> {
  const found = lastFound.get(tree);
  const nowMs = performance.now();
  const stands =
    found?.directory === directory &&
    found.owner === owner &&
    nowMs - found.atMs < DIRECTORY_STANDS_MS;
  if (stands) {
    const given = found.mayDelete ? DELETE : 0;
    return after(maximalAccess(tree, handle, 0), (rights) => (rights | given) >>> 0);
  }
  return after(maximalAccess(tree, handle), (rights) => {
    lastFound.set(tree, { directory, owner, mayDelete: (rights & DELETE) !== 0, atMs: nowMs });
    return rights;
  });
}
