/**
 * MS-SMB2 3.3.5.9.2 and MS-FSA 2.1.5.1.1: the security descriptor of what a CREATE makes, from the one that
 * it sends (SMB2_CREATE_SD_BUFFER) and that of the directory.
 */
import {
  holdsPrivilege,
  missingAccess,
  SE_RESTORE_PRIVILEGE,
  SE_SECURITY_PRIVILEGE,
} from '../dtyp/access-check.ts';
import {
  FILE_ADD_FILE,
  FILE_ADD_SUBDIRECTORY,
  FILE_ALL_ACCESS,
  FILE_GENERIC_EXECUTE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
} from '../dtyp/access-mask.ts';
import { type Acl, allowedAce, makeAcl } from '../dtyp/acl.ts';
import { createSecurityDescriptor, defaultDacl } from '../dtyp/inheritance.ts';
import {
  type NtStatus,
  STATUS_INVALID_OWNER,
  STATUS_PRIVILEGE_NOT_HELD,
} from '../dtyp/ntstatus.ts';
import { decodeSecurityDescriptor, type SecurityDescriptor } from '../dtyp/security-descriptor.ts';
import { EVERYONE, LOCAL_SYSTEM, type Sid } from '../dtyp/sid.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import type { CreateRequest } from '../smb2/create.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import { EACCES } from '../vfs/errno.ts';
import type { InheritSecurity } from '../vfs/vfs.ts';

/** Decoded before anything is touched: a malformed one must not leave a file behind. */
export function createdSecurity({ createContexts }: CreateRequest): SecurityDescriptor | undefined {
  const data = findCreateContext(createContexts, CreateContextName.SD_BUFFER);
  return data && decodeSecurityDescriptor(data);
}

/**
 * Whether the user may make this SID the owner of a file: its own, and any with the privilege to restore. Of its
 * groups Windows takes only those marked with SE_GROUP_OWNER; Samba takes all, down to Everyone, and
 * smb2.acls.SDFLAGSVSCHOWN wants that.
 */
export const mayGiveTo = ({ token }: TreeConnect, owner: Sid): boolean =>
  owner === token.user || token.sids.includes(owner) || holdsPrivilege(token, SE_RESTORE_PRIVILEGE);

/** What of a descriptor the user may not give to a new file. */
export function refuseSecurity(
  security: SecurityDescriptor | undefined,
  tree: TreeConnect,
): NtStatus | undefined {
  if (security === undefined) return undefined;
  const { owner, sacl } = security;
  if (owner !== undefined && !mayGiveTo(tree, owner)) return STATUS_INVALID_OWNER;
  const audits = sacl !== undefined && sacl !== null && sacl.aces.length > 0;
  return audits && !holdsPrivilege(tree.token, SE_SECURITY_PRIVILEGE)
    ? STATUS_PRIVILEGE_NOT_HELD
    : undefined;
}

const everybody = makeAcl([allowedAce(EVERYONE, FILE_ALL_ACCESS)]);
/** Samba's reading of such a mode: nobody but the owner may delete, or change what is permitted. */
const READS_AND_WRITES = FILE_GENERIC_READ | FILE_GENERIC_WRITE | FILE_GENERIC_EXECUTE;
const shared = (owner: Sid, group: Sid): Acl =>
  makeAcl([
    allowedAce(owner, FILE_ALL_ACCESS),
    allowedAce(group, READS_AND_WRITES),
    allowedAce(EVERYONE, READS_AND_WRITES),
    allowedAce(LOCAL_SYSTEM, FILE_ALL_ACCESS),
  ]);
/** Samba's "default acl style". */
const DEFAULTS = { windows: defaultDacl, posix: null, shared, everyone: () => everybody } as const;

/** Asks the directory whether it takes the new file, and makes the file's descriptor. */
export function inheritance(
  tree: TreeConnect,
  isContainer: boolean,
  security: SecurityDescriptor | undefined,
): InheritSecurity {
  const { token } = tree;
  const defaultFor = DEFAULTS[tree.share.defaultAclStyle ?? 'windows'];
  const adding = isContainer ? FILE_ADD_SUBDIRECTORY : FILE_ADD_FILE;
  return (parent) =>
    parent !== undefined && missingAccess(token, parent, adding) !== 0
      ? EACCES
      : createSecurityDescriptor(token, parent, security, isContainer, defaultFor);
}
