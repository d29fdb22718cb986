/**
 * Security descriptors on disk (MS-FSA 2.1.1.3): `security.NTACL` in the format of Samba and ksmbd
 * (nt-acl.ts), for as long as owner, mode and POSIX ACL are as they were when it was set. Where there is
 * none, or none that is current, these alone say what an object permits (posix-descriptor.ts).
 *
 * Read as the server; written by privileged.ts.
 */
import type { SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import {
  decodePosixAcl,
  isDirectoryMode,
  POSIX_ACL_ACCESS,
  POSIX_ACL_DEFAULT,
  type PosixAcl,
  type PosixPermissions,
} from '../../fscc/posix-acl.ts';
import { AT_EMPTY_PATH } from '../../native/constants.ts';
import { statx, stx } from '../../native/stat.ts';
import { fgetxattr, getxattr, getxattrat, hasGetxattrat } from '../../native/xattr.ts';
import { ENODATA, EOPNOTSUPP, type Errno, isErrno, type Result } from '../errno.ts';
import type { SecurityEdit } from '../vfs.ts';
import type { KnownAttributes } from './attribute-cache.ts';
import type { Credentials } from './credentials.ts';
import { decodeNtAcl, isCurrent } from './nt-acl.ts';
import { descriptorOfPermissions } from './posix-descriptor.ts';
import { storeSecurity } from './privileged.ts';
import type { LocalShare } from './share.ts';

/** An open file or directory; `isData` when the descriptor is open for more than its path. */
export interface Secured {
  readonly fd: number;
  readonly isData: boolean;
}

function readValue(share: LocalShare, { fd, isData }: Secured, name: string): Buffer | Errno {
  if (isData) return fgetxattr(fd, name);
  return hasGetxattrat
    ? getxattrat(share.procFd, `${fd}`, true, name)
    : getxattr(`/proc/self/fd/${fd}`, name);
}

const isAbsent = (value: Buffer | Errno): boolean => value === ENODATA || value === EOPNOTSUPP;

function listOf(share: LocalShare, object: Secured, name: string): PosixAcl | undefined | Errno {
  const value = readValue(share, object, name);
  if (typeof value !== 'number') return decodePosixAcl(value);
  return isAbsent(value) ? undefined : value;
}

/** Owner, mode and POSIX ACLs as they are. */
export function posixPermissionsOf(share: LocalShare, object: Secured): Result<PosixPermissions> {
  const missing = statx(object.fd, '', AT_EMPTY_PATH);
  if (missing !== 0) return missing;
  const [uid, gid, mode] = [stx.uid(), stx.gid(), stx.mode()];
  const access = listOf(share, object, POSIX_ACL_ACCESS);
  if (isErrno(access)) return access;
  const isDirectory = isDirectoryMode(mode);
  const handedOn = isDirectory ? listOf(share, object, POSIX_ACL_DEFAULT) : undefined;
  if (isErrno(handedOn)) return handedOn;
  return { uid, gid, mode, access, default: handedOn };
}

/** What owner, mode and POSIX ACLs amount to. */
export const derivedSecurity = (
  share: LocalShare,
  permissions: PosixPermissions,
): SecurityDescriptor =>
  descriptorOfPermissions(permissions, share.sids, share.fileMode | share.directoryMode);

/**
 * Undefined: there is none, or another program has changed mode, owner or ACL since. `known`: what is known of the
 * object's attributes, where its stat was asked for just now.
 */
export function storedSecurity(
  share: LocalShare,
  object: Secured,
  known?: KnownAttributes,
): SecurityDescriptor | undefined | Errno {
  const { ntAclName } = share;
  if (ntAclName === undefined || known?.noNtAcl === ntAclName) return undefined;
  const value = readValue(share, object, ntAclName);
  if (typeof value === 'number') {
    if (!isAbsent(value)) return value;
    if (known !== undefined) known.noNtAcl = ntAclName;
    return undefined;
  }
  const acl = decodeNtAcl(value);
  if (acl === undefined) return undefined;
  if (share.ignoresSystemAcls) return acl.descriptor;
  const permissions = posixPermissionsOf(share, object);
  if (isErrno(permissions)) return permissions;
  const isValid = isCurrent(acl, permissions, () => derivedSecurity(share, permissions));
  return isValid ? acl.descriptor : undefined;
}

export function security(share: LocalShare, object: Secured): Result<SecurityDescriptor> {
  const stored = storedSecurity(share, object);
  if (stored !== undefined) return stored;
  const permissions = posixPermissionsOf(share, object);
  return isErrno(permissions) ? permissions : derivedSecurity(share, permissions);
}

/** Call with no identity entered. */
export function setSecurity(
  share: LocalShare,
  credentials: Credentials,
  object: Secured,
  edit: SecurityEdit,
): Errno | 0 {
  if (share.ntAclName === undefined) return EOPNOTSUPP;
  const stored = storedSecurity(share, object);
  if (isErrno(stored)) return stored;
  const permissions = posixPermissionsOf(share, object);
  if (isErrno(permissions)) return permissions;
  const current = stored ?? derivedSecurity(share, permissions);
  const edited = edit(current, stored !== undefined);
  return isErrno(edited) ? edited : storeSecurity(share, credentials, object, edited);
}
