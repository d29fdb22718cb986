/**
 * What a user may do with a file, MS-FSA 2.1.5.1.2.1. Where a security descriptor is stored with it, that
 * and its directory's decide (MS-DTYP 2.5.3.2). Where none is, read, write and execute by POSIX mode and ACL
 * become the rights that Windows knows. The kernel checks again, with the user's identity, whenever
 * something is really done.
 */
import { after } from '../base/after.ts';
import {
  holdsPrivilege,
  maximumAllowed,
  missingAccess,
  SE_BACKUP_PRIVILEGE,
  SE_RESTORE_PRIVILEGE,
  SE_SECURITY_PRIVILEGE,
  SE_TAKE_OWNERSHIP_PRIVILEGE,
} from '../dtyp/access-check.ts';
import {
  ACCESS_SYSTEM_SECURITY,
  DELETE,
  FILE_ADD_FILE,
  FILE_ADD_SUBDIRECTORY,
  FILE_APPEND_DATA,
  FILE_DELETE_CHILD,
  FILE_EXECUTE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_LIST_DIRECTORY,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_READ_EA,
  FILE_TRAVERSE,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
  FILE_WRITE_EA,
  READ_CONTROL,
  SYNCHRONIZE,
  WRITE_DAC,
  WRITE_OWNER,
} from '../dtyp/access-mask.ts';
import type { SecurityDescriptor } from '../dtyp/security-descriptor.ts';
import { FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_READONLY } from '../fscc/attributes.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { FILE_OPEN_FOR_BACKUP_INTENT } from '../smb2/create-options.ts';
import { type Errno, isErrno } from '../vfs/errno.ts';
import type { MaybePromise, VfsHandle, VfsPermissions } from '../vfs/vfs.ts';

/** Rights that come with seeing the file at all. */
const ALWAYS = FILE_READ_ATTRIBUTES | READ_CONTROL | SYNCHRONIZE;
const READ = FILE_READ_DATA | FILE_READ_EA;
const WRITE =
  FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES | FILE_DELETE_CHILD;
/** The owner's, whatever the mode says, and nobody else's: utimensat(2), chmod(2), chown(2). */
const OWNERS = FILE_WRITE_ATTRIBUTES | WRITE_DAC | WRITE_OWNER;
/** What changes a file or its description; none of it on a read-only share. */
export const CHANGES = WRITE | OWNERS | DELETE;
const BACKUP_ACCESS = READ_CONTROL | ACCESS_SYSTEM_SECURITY | FILE_GENERIC_READ | FILE_TRAVERSE;
const RESTORE_ACCESS =
  WRITE_DAC |
  WRITE_OWNER |
  ACCESS_SYSTEM_SECURITY |
  FILE_GENERIC_WRITE |
  FILE_ADD_FILE |
  FILE_ADD_SUBDIRECTORY |
  DELETE;
/** MS-FSA: cleared from the maximal access by FILE_ATTRIBUTE_READONLY. */
const NOT_WHEN_READONLY = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD;

/**
 * The most that the tree connect's user may get on this file. DELETE is found by asking the parent
 * directory, which is left out where nobody wants it.
 */
export const maximalAccess = (
  tree: TreeConnect,
  handle: VfsHandle,
  inQuestion = DELETE,
): MaybePromise<number> =>
  after(storedSecurity(tree, handle), (stored) => {
    if (stored === undefined) {
      const most = byPermissions(tree, handle, inQuestion);
      return after(most, (rights) => rights & tree.maximalAccess);
    }
    if (isErrno(stored)) return 0;
    return after(
      fromParent(tree, handle),
      (given) => (maximumAllowed(tree.token, stored) | given) & tree.maximalAccess,
    );
  });

/** The same without what a directory gives to what is in it. */
export async function ownAccess(tree: TreeConnect, handle: VfsHandle): Promise<number> {
  const stored = await storedSecurity(tree, handle);
  if (isErrno(stored)) return 0;
  const own =
    stored === undefined
      ? await byPermissions(tree, handle, 0)
      : maximumAllowed(tree.token, stored);
  return own & tree.maximalAccess;
}

/** Undefined: the file has none of its own, and the kernel's permissions decide. */
function storedSecurity(
  tree: TreeConnect,
  handle: VfsHandle,
): MaybePromise<SecurityDescriptor | undefined | Errno> {
  return tree.share.vfs!.features.securityDescriptors ? handle.storedSecurity() : undefined;
}

/** Rights that a directory gives to what is in it, whatever the file's own descriptor says. */
function fromParent(tree: TreeConnect, handle: VfsHandle): MaybePromise<number> {
  // A stream has its file's.
  const file = handle.base ?? handle;
  const path = file.path();
  if (!isErrno(path) && path.length === 0) return FILE_READ_ATTRIBUTES;
  return after(file.parentSecurity(), (parent) => {
    if (isErrno(parent)) return 0;
    if (parent === undefined) {
      // That the name could be reached is the kernel's word for listing.
      return after(file.removable(), (refused) =>
        refused === 0 ? FILE_READ_ATTRIBUTES | DELETE : FILE_READ_ATTRIBUTES,
      );
    }
    const gives = (right: number): boolean => missingAccess(tree.token, parent, right) === 0;
    return (
      (gives(FILE_LIST_DIRECTORY) ? FILE_READ_ATTRIBUTES : 0) |
      (gives(FILE_DELETE_CHILD) ? DELETE : 0)
    );
  });
}

/** The same of a file without a security descriptor, of which that much is known. */
export const plainAccess = (
  tree: TreeConnect,
  permissions: VfsPermissions,
  mayDelete: boolean,
): number => ((rights(permissions, mayDelete) | takenOwnership(tree)) & tree.maximalAccess) >>> 0;

const byPermissions = (
  tree: TreeConnect,
  handle: VfsHandle,
  inQuestion: number,
): MaybePromise<number> =>
  after(handle.permissions(), (permissions) => {
    if (isErrno(permissions)) return 0;
    const asks = (inQuestion & DELETE) !== 0 && !tree.readOnly;
    return after(
      asks && mayRemove(tree, handle, permissions),
      (removable) => rights(permissions, removable) | takenOwnership(tree),
    );
  });

/** MS-DTYP 2.5.3.2: by privilege, of any file. */
const takenOwnership = ({ token }: TreeConnect): number =>
  holdsPrivilege(token, SE_TAKE_OWNERSHIP_PRIVILEGE) ? WRITE_OWNER : 0;

/** The share's root is never removed, but clients open it with all the rights that they have. */
function mayRemove(
  tree: TreeConnect,
  handle: VfsHandle,
  permissions: VfsPermissions,
  path = handle.path(),
): MaybePromise<boolean> {
  if (typeof path !== 'number' && path.length === 0) return permissions.write;
  return after(handle.removable(), (refused) => {
    if (refused !== 0) return false;
    return !tree.share.vfs!.features.securityDescriptors || directoryPermits(tree, handle);
  });
}

/** What the kernel lets whoever may add to a directory do, its descriptor may forbid. */
const directoryPermits = (tree: TreeConnect, handle: VfsHandle): MaybePromise<boolean> =>
  after(handle.parentSecurity(), (parent) => {
    if (parent === undefined) return true;
    if (isErrno(parent)) return false;
    if (missingAccess(tree.token, parent, FILE_DELETE_CHILD) === 0) return true;
    return after(
      handle.security(),
      (own) => !isErrno(own) && missingAccess(tree.token, own, DELETE) === 0,
    );
  });

function rights(permissions: VfsPermissions, removable: boolean): number {
  return (
    ALWAYS |
    (permissions.read ? READ : 0) |
    (permissions.write ? WRITE : 0) |
    (permissions.owns ? OWNERS : 0) |
    // Executing is reading, to Windows; a readable program starts from a share without an x bit.
    (permissions.execute || permissions.read ? FILE_EXECUTE : 0) |
    (removable ? DELETE : 0)
  );
}

/**
 * The rights to grant of those wanted (generic ones mapped, MAXIMUM_ALLOWED taken out): false where
 * something wanted is not to be had. Asks the file system only for what is in question. `found`: the path by which the
 * file was looked up, where nothing has been waited for since.
 */
export function grantable(
  tree: TreeConnect,
  handle: VfsHandle,
  wanted: number,
  found?: readonly string[],
): MaybePromise<boolean> {
  if ((wanted & ~ACCESS_SYSTEM_SECURITY & ~tree.maximalAccess) !== 0) return false;
  if (lacksPrivilege(tree, wanted)) return false;
  return after(storedSecurity(tree, handle), (stored) =>
    isGranted(tree, handle, wanted, stored, found),
  );
}

/** The SACL is for those with the privilege, whatever a descriptor says. */
export const lacksPrivilege = ({ token }: TreeConnect, wanted: number): boolean =>
  (wanted & ACCESS_SYSTEM_SECURITY) !== 0 && !holdsPrivilege(token, SE_SECURITY_PRIVILEGE);

function isGranted(
  tree: TreeConnect,
  handle: VfsHandle,
  wanted: number,
  stored: SecurityDescriptor | undefined | Errno,
  found: readonly string[] | undefined,
): MaybePromise<boolean> {
  if (isErrno(stored)) return false;
  if (stored === undefined) {
    const asked = wanted & ~ACCESS_SYSTEM_SECURITY;
    // Where the kernel has opened the file for it, as this user and just now, it need not be asked whether it would.
    const isOpened = handle.isReadable === true && handle.kind === 'file';
    const known = isOpened ? ALWAYS | READ | FILE_EXECUTE : ALWAYS;
    if ((asked & ~known) === 0) return true;
    const plain = found && handle.plainPermissions?.();
    if (plain !== undefined) {
      const missing = asked & ~plainAccess(tree, plain, false);
      if (missing !== DELETE || tree.readOnly) return missing === 0;
      return mayRemove(tree, handle, plain, found);
    }
    return after(byPermissions(tree, handle, asked), (most) => (asked & ~most) === 0);
  }
  const missing = missingAccess(tree.token, stored, wanted);
  if (missing === 0) return true;
  if ((missing & ~(DELETE | FILE_READ_ATTRIBUTES)) !== 0) return false;
  return after(fromParent(tree, handle), (given) => (missing & ~given) === 0);
}

/**
 * Of an open that was granted DELETE: where that was by a security descriptor, the kernel is not asked again
 * when the file goes.
 */
export function permitRemoval(
  tree: TreeConnect,
  handle: VfsHandle,
  granted: number,
): MaybePromise<Errno | 0> {
  if ((granted & DELETE) === 0) return 0;
  return after(storedSecurity(tree, handle), (stored) => {
    if (isErrno(stored)) return stored;
    if (stored !== undefined) handle.permitRemoval();
    return 0;
  });
}

/** MS-FSA 2.1.5.1.1, 2.1.5.15.12: whether a name may be added to a directory that has a descriptor. */
export async function mayAdd(
  tree: TreeConnect,
  directory: VfsHandle,
  right: typeof FILE_ADD_FILE | typeof FILE_ADD_SUBDIRECTORY,
): Promise<boolean> {
  const stored = await storedSecurity(tree, directory);
  if (isErrno(stored)) return false;
  return stored === undefined || missingAccess(tree.token, stored, right) === 0;
}

/** MS-FSA 2.1.5.1: what FILE_OPEN_FOR_BACKUP_INTENT gives to who has the privileges of backup programs. */
export function backupAccess({ token }: TreeConnect, createOptions: number): number {
  if ((createOptions & FILE_OPEN_FOR_BACKUP_INTENT) === 0) return 0;
  return (
    (holdsPrivilege(token, SE_BACKUP_PRIVILEGE) ? BACKUP_ACCESS : 0) |
    (holdsPrivilege(token, SE_RESTORE_PRIVILEGE) ? RESTORE_ACCESS : 0)
  );
}

/**
 * MAXIMUM_ALLOWED on a file with these attributes. To a directory Windows lets READONLY mean nothing
 * (smb2.maximum_allowed.read_only_dir), whatever MS-FSA says.
 */
export const withoutReadonly = (access: number, attributes: number): number =>
  (attributes & (FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_DIRECTORY)) === FILE_ATTRIBUTE_READONLY
    ? access & ~NOT_WHEN_READONLY
    : access;
