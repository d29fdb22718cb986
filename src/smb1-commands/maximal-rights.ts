/** MS-SMB 2.2.4.1.2 and 2.2.4.9.2: MaximalAccessRights, for which a client asks with every open. */
import { after } from '../base/after.ts';
import { maximalAccess, plainAccess } from '../commands/access.ts';
import type { FoundFile } from '../commands/command.ts';
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

/** `found`: of an open that was made just now. */
export function maximalRights(
  { tree, handle, access }: Open,
  found?: FoundFile,
): MaybePromise<number> {
  if (handle === undefined) return access;
  return rightsJustFound(tree!, handle, found) ?? rightsOf(tree!, handle);
}

/** Nobody is asked what was asked for the open, and nothing has been waited for since. */
function rightsJustFound(
  tree: TreeConnect,
  handle: VfsHandle,
  found: FoundFile | undefined,
): number | undefined {
  if (found === undefined || !isPlainFile(handle, found.path)) return undefined;
  const permissions = handle.plainPermissions?.();
  const mayDelete = lastAnswer(tree, directoryOf(found.path), found.stat.uid);
  if (permissions === undefined || mayDelete === undefined) return undefined;
  return plainAccess(tree, permissions, mayDelete);
}

/** Of a directory and of a stream other things decide as well. */
const isPlainFile = (handle: VfsHandle, path: readonly string[]): boolean =>
  path.length > 0 && handle.kind === 'file' && handle.base === undefined;

const directoryOf = (path: readonly string[]): string => path.slice(0, -1).join('/');

/** Whether such a file may be deleted; undefined where that was asked too long ago. */
function lastAnswer(tree: TreeConnect, directory: string, owner: number): boolean | undefined {
  const found = lastFound.get(tree);
  const stands =
    found?.directory === directory &&
    found.owner === owner &&
    performance.now() - found.atMs < DIRECTORY_STANDS_MS;
  return stands ? found.mayDelete : undefined;
}

function rightsOf(tree: TreeConnect, handle: VfsHandle): MaybePromise<number> {
  const path = handle.toldPath?.() ?? handle.path();
  if (isErrno(path) || !isPlainFile(handle, path)) return maximalAccess(tree, handle);
  const { securityDescriptors } = tree.share.vfs!.features;
  return after(securityDescriptors ? handle.storedSecurity() : undefined, (stored) =>
    after(handle.stat(), (stat) =>
      stored !== undefined || isErrno(stat)
        ? maximalAccess(tree, handle)
        : plainRights(tree, handle, directoryOf(path), stat.uid),
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
  const mayDelete = lastAnswer(tree, directory, owner);
  if (mayDelete !== undefined) {
    const given = mayDelete ? DELETE : 0;
    return after(maximalAccess(tree, handle, 0), (rights) => (rights | given) >>> 0);
  }
  const atMs = performance.now();
  return after(maximalAccess(tree, handle), (rights) => {
    lastFound.set(tree, { directory, owner, mayDelete: (rights & DELETE) !== 0, atMs });
    return rights;
  });
}
