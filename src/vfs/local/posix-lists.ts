/** The POSIX ACLs of an open file or directory (acl(5)), as clients with Unix extensions read and set them. */

import {
  ACL_MASK,
  aclOfMode,
  encodePosixAcl,
  isDirectoryMode,
  isNamed,
  POSIX_ACL_ACCESS,
  POSIX_ACL_DEFAULT,
  type PosixAcl,
} from '../../fscc/posix-acl.ts';
import { removexattr, setxattr } from '../../native/xattr.ts';
import { EACCES, EINVAL, ENODATA, EOPNOTSUPP, type Errno, isErrno, type Result } from '../errno.ts';
import type { VfsKind, VfsPosixAcls } from '../vfs.ts';
import { actAs, type Credentials } from './credentials.ts';
import { posixPermissionsOf, type Secured } from './security.ts';
import type { LocalShare } from './share.ts';

interface Listed extends Secured {
  readonly kind: VfsKind;
}

/** Of what has no list of its own the mode's three entries. */
export function posixAcls(
  share: LocalShare,
  object: Listed,
): Result<VfsPosixAcls & { readonly isDirectory: boolean }> {
  if (object.kind !== 'file' && object.kind !== 'directory') return EOPNOTSUPP;
  const permissions = posixPermissionsOf(share, object);
  if (isErrno(permissions)) return permissions;
  const { mode, access = aclOfMode(mode) } = permissions;
  return { access, default: permissions.default ?? [], isDirectory: isDirectoryMode(mode) };
}

/** Sets what is given, as the user, whom the kernel permits it where the file is his. Call with no identity entered. */
export function setPosixAcls(
  share: LocalShare,
  credentials: Credentials,
  object: Listed,
  lists: Partial<VfsPosixAcls>,
): Errno | 0 {
  const now = posixAcls(share, object);
  if (isErrno(now)) return now;
  const { access, default: handedOn } = lists;
  // acl_set_file(3) of what is no directory.
  if (handedOn !== undefined && handedOn.length > 0 && !now.isDirectory) return EACCES;
  const path = `/proc/self/fd/${object.fd}`;
  return actAs(credentials, () => {
    const wanted = access?.length === 0 ? withoutNamed(now.access) : access;
    const refused = wanted === undefined ? 0 : store(path, POSIX_ACL_ACCESS, wanted);
    if (refused !== 0 || handedOn === undefined || !now.isDirectory) return refused;
    if (handedOn.length > 0) return store(path, POSIX_ACL_DEFAULT, handedOn);
    const removed = removexattr(path, POSIX_ACL_DEFAULT);
    return removed === ENODATA ? 0 : (removed as Errno | 0);
  });
}

/** "No entries" leaves those that every file has. */
const withoutNamed = (acl: PosixAcl): PosixAcl =>
  acl.filter(({ tag }) => tag !== ACL_MASK && !isNamed(tag));

const store = (path: string, name: string, acl: PosixAcl): Errno | 0 =>
  acl.some(({ tag, id }) => isNamed(tag) && id === undefined)
    ? EINVAL
    : (setxattr(path, name, encodePosixAcl(acl)) as Errno | 0);
