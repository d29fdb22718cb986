/**
 * What this back end does as the server because a security descriptor permits it though the kernel would
 * refuse the user. The list is closed (root-calls.test.ts):
 *
 * - storing a descriptor, and reflecting it in owner, group, mode and POSIX ACL: only the superuser writes
 *   into `security.`, only a file's owner changes its mode, and nobody takes ownership by chown(2);
 * - removing a name by the object's own DELETE or its directory's DELETE_CHILD;
 * - keeping an object id (MS-FSA 2.1.5.10.1), which whoever reads a file may have made.
 *
 * Each is done to an object that is open already, after the check of MS-DTYP 2.5.3.2, or what the operation has in its
 * place, by whoever calls.
 */
import { now } from '../../dtyp/filetime.ts';
import type { SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import {
  ACL_GROUP_OBJ,
  ACL_MASK,
  ACL_OTHER,
  ACL_USER_OBJ,
  encodePosixAcl,
  isDirectoryMode,
  POSIX_ACL_ACCESS,
  POSIX_ACL_DEFAULT,
  type PosixAcl,
} from '../../fscc/posix-acl.ts';
import { AT_EMPTY_PATH } from '../../native/constants.ts';
import { fchmodat, fchownat } from '../../native/names.ts';
import { statx, stx } from '../../native/stat.ts';
import { getxattr, removexattr, setxattr } from '../../native/xattr.ts';
import {
  E2BIG,
  EACCES,
  ENODATA,
  ENOSPC,
  EOPNOTSUPP,
  EPERM,
  type Errno,
  isErrno,
} from '../errno.ts';
import { type Credentials, ownCredentials } from './credentials.ts';
import { encodeNtAcl, hashOfDescriptor, hashOfPermissions } from './nt-acl.ts';
import { permissionsOfDacl } from './reflected-permissions.ts';
import { remove } from './renaming.ts';
import { KEPT } from './reparse.ts';
import { derivedSecurity, posixPermissionsOf, type Secured } from './security.ts';
import type { LocalObject, LocalShare } from './share.ts';

/** A uid_t or gid_t that leaves the id as it is. */
const SAME_ID = 0xffff_ffff;
const SPECIAL_BITS = 0o7000;

const pathOf = ({ fd }: Secured): string => `/proc/self/fd/${fd}`;

/**
 * Stores the descriptor and makes owner, group, mode and POSIX ACL what it amounts to. Call with no identity
 * entered. What has no room leaves everything as it was.
 */
export function storeSecurity(
  share: LocalShare,
  credentials: Credentials,
  object: Secured,
  descriptor: SecurityDescriptor,
): Errno | 0 {
  const name = share.ntAclName;
  if (name === undefined) return EOPNOTSUPP;
  const found = getxattr(pathOf(object), name);
  const before = typeof found === 'number' ? found : Buffer.from(found);
  if (isErrno(before) && before !== ENODATA) return before;
  // The same bytes but for the hashes: what has room now has room below.
  const room = write(share, object, descriptor);
  if (room !== 0) return room;
  const refused =
    giveAway(share, credentials, object, descriptor) ||
    (share.ignoresSystemAcls ? 0 : reflect(share, object, descriptor));
  if (refused === 0) return write(share, object, descriptor);
  if (typeof before === 'number') removexattr(pathOf(object), name);
  else setxattr(pathOf(object), name, before);
  return refused;
}

function write(share: LocalShare, object: Secured, descriptor: SecurityDescriptor): Errno | 0 {
  const permissions = posixPermissionsOf(share, object);
  if (isErrno(permissions)) return permissions;
  const bytes = encodeNtAcl({
    descriptor,
    descriptorHash: hashOfDescriptor(derivedSecurity(share, permissions)),
    permissionsHash: hashOfPermissions(permissions),
    time: now(),
  });
  return setxattr(pathOf(object), share.ntAclName!, bytes);
}

/**
 * Owner and group of the disk, as far as the descriptor's are known to it: to the user itself, to a group of
 * its own. Only the superuser gives a file to others, who may have a quota.
 */
function giveAway(
  share: LocalShare,
  credentials: Credentials,
  object: Secured,
  { owner, group }: SecurityDescriptor,
): Errno | 0 {
  const missing = statx(object.fd, '', AT_EMPTY_PATH);
  if (missing !== 0) return missing;
  const [uid, gid] = [stx.uid(), stx.gid()];
  const user = owner && share.sids.idOf(owner);
  const isSuperuser = credentials.uid === 0;
  const takes =
    user !== undefined && user.kind !== 'group' && (isSuperuser || user.id === credentials.uid);
  const newUid = takes && user.id !== uid ? user.id : SAME_ID;
  const its = group && share.sids.idOf(group);
  const mayGive =
    its !== undefined &&
    its.kind !== 'user' &&
    (isSuperuser || its.id === credentials.gid || credentials.groups.includes(its.id));
  const newGid = mayGive && its.id !== gid ? its.id : SAME_ID;
  if (newUid === SAME_ID && newGid === SAME_ID) return 0;
  return fchownat(share.procFd, `${object.fd}`, newUid, newGid);
}

/** The DACL as mode and POSIX ACLs. */
function reflect(share: LocalShare, object: Secured, { dacl }: SecurityDescriptor): Errno | 0 {
  const missing = statx(object.fd, '', AT_EMPTY_PATH);
  if (missing !== 0) return missing;
  const mode = stx.mode();
  const isDirectory = isDirectoryMode(mode);
  const subject = { uid: stx.uid(), gid: stx.gid(), isDirectory };
  const reflection = permissionsOfDacl(dacl, subject, share.sids);
  const refused = setAccess(share, object, mode & SPECIAL_BITS, reflection.access);
  if (refused !== 0 || !isDirectory) return refused;
  return setList(object, POSIX_ACL_DEFAULT, reflection.default);
}

const isPlain = (acl: PosixAcl): boolean => acl.length === 3;

function setAccess(
  share: LocalShare,
  object: Secured,
  special: number,
  access: PosixAcl,
): Errno | 0 {
  const result = setList(object, POSIX_ACL_ACCESS, isPlain(access) ? undefined : access);
  // Where the file system has no ACLs, the mode says what it can.
  if (result !== 0 && result !== EOPNOTSUPP) return result;
  if (result === 0 && !isPlain(access)) return 0;
  return fchmodat(share.procFd, `${object.fd}`, special | modeOf(access));
}

function setList(object: Secured, name: string, acl: PosixAcl | undefined): Errno | 0 {
  if (acl !== undefined) return setxattr(pathOf(object), name, encodePosixAcl(acl));
  const result = removexattr(pathOf(object), name);
  return result === ENODATA || result === EOPNOTSUPP ? 0 : result;
}

/** Without a place for more than three, the group's digit is what all who are named may have together. */
function modeOf(access: PosixAcl): number {
  const bits = (tag: number): number => access.find((entry) => entry.tag === tag)?.permissions ?? 0;
  const group = access.some(({ tag }) => tag === ACL_MASK) ? bits(ACL_MASK) : bits(ACL_GROUP_OBJ);
  return (bits(ACL_USER_OBJ) << 6) | (group << 3) | bits(ACL_OTHER);
}

/** Undefined takes it away. Call with no identity entered. */
export function storeObjectId(fd: number, id: Buffer | undefined): Errno | 0 {
  const path = `/proc/self/fd/${fd}`;
  if (id !== undefined) {
    const result = setxattr(path, KEPT.objectId, id);
    return result === ENOSPC ? E2BIG : result;
  }
  const result = removexattr(path, KEPT.objectId);
  return result === ENODATA ? 0 : result;
}

/** Removes the object's own name where the kernel refuses the user. Call with no identity entered. */
export function removePermitted(
  share: LocalShare,
  credentials: Credentials,
  object: LocalObject,
): Errno | 0 {
  const result = remove(share, credentials, object);
  if (result !== EACCES && result !== EPERM) return result;
  return remove(share, ownCredentials(), object);
}
