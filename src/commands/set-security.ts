/**
 * MS-SMB2 3.3.5.21.3 and MS-FSA 2.1.5.17: setting owner, group, DACL and SACL, each by its own right. What
 * the request does not name stays as it is.
 */
import {
  type AccessToken,
  holdsPrivilege,
  SE_RESTORE_PRIVILEGE,
  SE_TAKE_OWNERSHIP_PRIVILEGE,
} from '../dtyp/access-check.ts';
import { ACCESS_SYSTEM_SECURITY, WRITE_DAC, WRITE_OWNER } from '../dtyp/access-mask.ts';
import { type Acl, SYSTEM_MANDATORY_LABEL_ACE_TYPE } from '../dtyp/acl.ts';
import { storedControl, withMappedRights } from '../dtyp/inheritance.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_OWNER,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  ATTRIBUTE_SECURITY_INFORMATION,
  BACKUP_SECURITY_INFORMATION,
  DACL_SECURITY_INFORMATION,
  decodeSecurityDescriptor,
  GROUP_SECURITY_INFORMATION,
  LABEL_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
  PROTECTED_DACL_SECURITY_INFORMATION,
  PROTECTED_SACL_SECURITY_INFORMATION,
  SACL_SECURITY_INFORMATION,
  SCOPE_SECURITY_INFORMATION,
  SE_DACL_AUTO_INHERITED,
  SE_DACL_DEFAULTED,
  SE_DACL_PROTECTED,
  SE_SACL_AUTO_INHERITED,
  SE_SACL_DEFAULTED,
  SE_SACL_PROTECTED,
  type SecurityDescriptor,
  UNPROTECTED_DACL_SECURITY_INFORMATION,
  UNPROTECTED_SACL_SECURITY_INFORMATION,
} from '../dtyp/security-descriptor.ts';
import type { SetInfoRequest } from '../smb2/set-info.ts';
import { EPERM, isErrno, type Result } from '../vfs/errno.ts';
import { archive } from './archive.ts';
import { audited } from './audited.ts';
import { breakFor } from './caching.ts';
import type { OpenRequest } from './command.ts';
import { mayGiveTo } from './created-security.ts';
import { statusOfErrno } from './errno-status.ts';

/** What stands in the SACL but is none of its audit entries: it cannot be set by itself. */
const NOT_SETTABLE =
  LABEL_SECURITY_INFORMATION | ATTRIBUTE_SECURITY_INFORMATION | SCOPE_SECURITY_INFORMATION;

export const setSecurity = (body: SetInfoRequest, request: OpenRequest): Promise<NtStatus> =>
  audited('security', request, () => set(body, request));

async function set(body: SetInfoRequest, request: OpenRequest): Promise<NtStatus> {
  const { open, tree } = request;
  const { handle } = open;
  if (handle === undefined || !tree.share.vfs!.features.securityDescriptors) {
    return STATUS_NOT_SUPPORTED;
  }
  const information = body.additionalInformation;
  if ((information & (NOT_SETTABLE | BACKUP_SECURITY_INFORMATION)) !== 0) {
    return STATUS_NOT_SUPPORTED;
  }
  const given = decodeSecurityDescriptor(body.buffer);
  if (tree.readOnly) return STATUS_ACCESS_DENIED;
  if ((neededToSet(information) & ~open.access) !== 0) return STATUS_ACCESS_DENIED;
  if ((information & OWNER_SECURITY_INFORMATION) !== 0) {
    if (given.owner === undefined || !mayGiveTo(tree, given.owner)) return STATUS_INVALID_OWNER;
  }
  if ((information & GROUP_SECURITY_INFORMATION) !== 0 && given.group === undefined) {
    return STATUS_INVALID_PARAMETER;
  }
  const waiting = breakFor(request, open.file!, { kind: 'delete' }, open);
  const broken = waiting === undefined ? undefined : await waiting;
  if (broken !== undefined) return broken;
  if (open.closed) return STATUS_FILE_CLOSED;
  const { canonicalInheritedFlag } = tree.share;
  const control = canonicalInheritedFlag === false ? given.control : storedControl(given.control);
  const result = await handle.setSecurity((current, isStored) =>
    edited(current, { ...given, control }, information, isStored ? undefined : tree.token),
  );
  if (isErrno(result)) return statusOfErrno(result);
  if (open.archives) await archive(open);
  return STATUS_SUCCESS;
}

const neededToSet = (information: number): number =>
  ((information & (OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION)) !== 0
    ? WRITE_OWNER
    : 0) |
  ((information & DACL_SECURITY_INFORMATION) !== 0 ? WRITE_DAC : 0) |
  ((information & SACL_SECURITY_INFORMATION) !== 0 ? ACCESS_SYSTEM_SECURITY : 0);

const OF_DACL = SE_DACL_PROTECTED | SE_DACL_AUTO_INHERITED | SE_DACL_DEFAULTED;
const OF_SACL = SE_SACL_PROTECTED | SE_SACL_AUTO_INHERITED | SE_SACL_DEFAULTED;

/**
 * What there is with what was given put in. `posix`: there is only mode and owner so far, and the rights that
 * were granted by these let nobody but the owner give the file a descriptor, as chmod(2) and chown(2) do.
 */
function edited(
  current: SecurityDescriptor,
  given: SecurityDescriptor,
  information: number,
  posix: AccessToken | undefined,
): Result<SecurityDescriptor> {
  if (posix !== undefined && !mayChange(posix, current)) return EPERM;
  const has = (flag: number): boolean => (information & flag) !== 0;
  let { control, owner, group, dacl, sacl } = current;
  if (has(OWNER_SECURITY_INFORMATION)) owner = given.owner;
  if (has(GROUP_SECURITY_INFORMATION)) group = given.group;
  if (has(DACL_SECURITY_INFORMATION)) {
    // Not present is as NULL: everything is granted.
    dacl = given.dacl ? withMappedRights(given.dacl) : null;
    control = (control & ~OF_DACL) | (given.control & OF_DACL);
  }
  if (has(SACL_SECURITY_INFORMATION)) {
    sacl = audits(given.sacl, current.sacl);
    control = (control & ~OF_SACL) | (given.control & OF_SACL);
  }
  return { control: isProtected(control, information), owner, group, dacl, sacl };
}

const mayChange = (token: AccessToken, { owner }: SecurityDescriptor): boolean =>
  (owner !== undefined && token.sids.includes(owner)) ||
  holdsPrivilege(token, SE_TAKE_OWNERSHIP_PRIVILEGE | SE_RESTORE_PRIVILEGE);

/** The audit entries are replaced, labels stay. */
function audits(given: Acl | null | undefined, current: Acl | null | undefined): Acl | undefined {
  const labels = current?.aces.filter(({ type }) => type === SYSTEM_MANDATORY_LABEL_ACE_TYPE) ?? [];
  const others = given?.aces.filter(({ type }) => type !== SYSTEM_MANDATORY_LABEL_ACE_TYPE) ?? [];
  const revision = given?.revision ?? current?.revision;
  if (revision === undefined || (!given && labels.length === 0)) return undefined;
  return { revision, aces: [...others, ...labels] };
}

/** MS-DTYP 2.4.7: said apart from the descriptor's own flags. */
function isProtected(control: number, information: number): number {
  let result = control;
  if ((information & PROTECTED_DACL_SECURITY_INFORMATION) !== 0) result |= SE_DACL_PROTECTED;
  if ((information & UNPROTECTED_DACL_SECURITY_INFORMATION) !== 0) result &= ~SE_DACL_PROTECTED;
  if ((information & PROTECTED_SACL_SECURITY_INFORMATION) !== 0) result |= SE_SACL_PROTECTED;
  if ((information & UNPROTECTED_SACL_SECURITY_INFORMATION) !== 0) result &= ~SE_SACL_PROTECTED;
  return result;
}
