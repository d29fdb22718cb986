/**
 * What a user may do with a file, MS-FSA 2.1.5.1.2.1, where the file has no NT security descriptor:
 * read, write and execute by POSIX mode and ACL become the rights that Windows knows. The kernel
 * checks again, with the user's identity, whenever something is really done.
 */
import {
  DELETE,
  FILE_APPEND_DATA,
  FILE_DELETE_CHILD,
  FILE_EXECUTE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_READ_EA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
  FILE_WRITE_EA,
  READ_CONTROL,
  SYNCHRONIZE,
  WRITE_DAC,
  WRITE_OWNER,
} from '../dtyp/access-mask.ts';
import { FILE_ATTRIBUTE_READONLY } from '../fscc/attributes.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { isErrno, type Result } from '../vfs/errno.ts';
import type { MaybePromise, VfsHandle, VfsPermissions } from '../vfs/vfs.ts';

/** Rights that come with seeing the file at all. */
const ALWAYS = FILE_READ_ATTRIBUTES | READ_CONTROL | SYNCHRONIZE;
const READ = FILE_READ_DATA | FILE_READ_EA;
const WRITE =
  FILE_WRITE_DATA |
  FILE_APPEND_DATA |
  FILE_WRITE_EA |
  FILE_WRITE_ATTRIBUTES |
  FILE_DELETE_CHILD |
  WRITE_DAC |
  WRITE_OWNER;
/** What changes a file or its description; none of it on a read-only share. */
export const CHANGES = WRITE | DELETE;
/** MS-FSA: cleared from the maximal access by FILE_ATTRIBUTE_READONLY. */
const NOT_WHEN_READONLY = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD;

/**
 * The most that the tree connect's user may get on this file. DELETE is found by asking the parent
 * directory, which is left out where nobody wants it.
 */
export function maximalAccess(
  tree: TreeConnect,
  handle: VfsHandle,
  inQuestion = DELETE,
): MaybePromise<number> {
  const permissions = handle.permissions();
  if (permissions instanceof Promise) {
    return permissions.then((known) => maximalBy(tree, handle, inQuestion, known));
  }
  return maximalBy(tree, handle, inQuestion, permissions);
}

function maximalBy(
  tree: TreeConnect,
  handle: VfsHandle,
  inQuestion: number,
  permissions: Result<VfsPermissions>,
): MaybePromise<number> {
  if (isErrno(permissions)) return 0;
  const asks = (inQuestion & DELETE) !== 0 && !tree.readOnly;
  const removable = asks && mayRemove(handle, permissions);
  return removable instanceof Promise
    ? removable.then((may) => rights(permissions, may) & tree.maximalAccess)
    : rights(permissions, removable) & tree.maximalAccess;
}

/** The share's root is never removed, but clients open it with all the rights that they have. */
function mayRemove(handle: VfsHandle, permissions: VfsPermissions): MaybePromise<boolean> {
  const path = handle.path();
  if (typeof path !== 'number' && path.length === 0) return permissions.write;
  const refused = handle.removable();
  return refused instanceof Promise ? refused.then((errno) => errno === 0) : refused === 0;
}

function rights(permissions: VfsPermissions, removable: boolean): number {
  return (
    ALWAYS |
    (permissions.read ? READ : 0) |
    (permissions.write ? WRITE : 0) |
    // Executing is reading, to Windows; a readable program starts from a share without an x bit.
    (permissions.execute || permissions.read ? FILE_EXECUTE : 0) |
    (removable ? DELETE : 0)
  );
}

/**
 * The rights to grant of those wanted (generic ones mapped, MAXIMUM_ALLOWED taken out): undefined
 * where something wanted is not to be had. Asks the file system only for what is in question.
 */
export function grantable(
  tree: TreeConnect,
  handle: VfsHandle,
  wanted: number,
): MaybePromise<boolean> {
  if ((wanted & ~tree.maximalAccess) !== 0) return false;
  if ((wanted & ~ALWAYS) === 0) return true;
  const maximal = maximalAccess(tree, handle, wanted);
  return typeof maximal === 'number'
    ? (wanted & ~maximal) === 0
    : maximal.then((most) => (wanted & ~most) === 0);
}

/** MAXIMUM_ALLOWED on a file with these attributes. */
export const withoutReadonly = (access: number, attributes: number): number =>
  (attributes & FILE_ATTRIBUTE_READONLY) === 0 ? access : access & ~NOT_WHEN_READONLY;
