/** POSIX permissions by mode, owner and group, as a kernel without ACLs decides them. */
import { EACCES, EPERM, type Errno } from '../errno.ts';
import type { Identity, VfsPermissions } from '../vfs.ts';
import type { DirectoryNode, MemoryNode } from './node.ts';

export const READ = 4;
export const WRITE = 2;
export const SEARCH = 1;

const STICKY = 0o1000;
const ANY_EXECUTE = 0o111;

const isSuperuser = (identity: Identity | undefined): boolean =>
  identity === undefined || identity.uid === 0;

/** Whether all of `wanted` is granted. */
export function may(node: MemoryNode, identity: Identity | undefined, wanted: number): boolean {
  if (identity === undefined || identity.uid === 0) {
    const executes = (wanted & SEARCH) !== 0 && node.kind !== 'directory';
    return !executes || (node.mode & ANY_EXECUTE) !== 0;
  }
  const isGroup = node.gid === identity.gid || identity.groups.includes(node.gid);
  const shift = node.uid === identity.uid ? 6 : isGroup ? 3 : 0;
  return ((node.mode >> shift) & wanted) === wanted;
}

export const permissionsOf = (
  node: MemoryNode,
  identity: Identity | undefined,
): VfsPermissions => ({
  read: may(node, identity, READ),
  write: may(node, identity, WRITE),
  execute: may(node, identity, SEARCH),
  owns: isSuperuser(identity) || node.uid === identity?.uid,
});

/** Whether a name may be made in a directory. */
export const mayAdd = (parent: DirectoryNode, identity: Identity | undefined): Errno | 0 =>
  may(parent, identity, WRITE | SEARCH) ? 0 : EACCES;

/** Whether the name of `node` may be taken out of `parent`. */
export function mayTake(
  parent: DirectoryNode,
  node: MemoryNode,
  identity: Identity | undefined,
): Errno | 0 {
  if (!may(parent, identity, WRITE | SEARCH)) return EACCES;
  if (isSuperuser(identity) || (parent.mode & STICKY) === 0) return 0;
  return node.uid === identity?.uid || parent.uid === identity?.uid ? 0 : EPERM;
}

/** Whether times may be set to something else than the present. */
export const mayOwn = (node: MemoryNode, identity: Identity | undefined): Errno | 0 =>
  isSuperuser(identity) || node.uid === identity?.uid ? 0 : EPERM;
