/**
 * MS-SMB2 3.3.5.20.3 and 3.3.5.21.3 as Apple's NFS_ACE has it: owner, group and mode stand in a DACL as entries for
 * S-1-5-88-1-uid, -2-gid and -3-mode, which deny nothing (MS-DTYP 2.4.2.4 knows S-1-5-88 as NFS's). A client
 * reads them with the ACL, and sends all back with the mode changed: that is chmod(2). None of them is stored.
 */
import { WRITE_DAC } from '../dtyp/access-mask.ts';
import { type Ace, type Acl, aclBytes, deniedAce, encodeAcl, MAX_ACL_BYTES } from '../dtyp/acl.ts';
import { type NtStatus, STATUS_ACCESS_DENIED, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import {
  DACL_SECURITY_INFORMATION,
  decodeSecurityDescriptor,
  encodeSecurityDescriptor,
  PROTECTED_DACL_SECURITY_INFORMATION,
  type SecurityDescriptor,
  UNPROTECTED_DACL_SECURITY_INFORMATION,
} from '../dtyp/security-descriptor.ts';
import { nfsGidOf, nfsGroupSid, nfsModeOf, nfsModeSid, nfsUidOf, nfsUserSid } from '../dtyp/sid.ts';
import type { SetInfoRequest } from '../smb2/set-info.ts';
import { isErrno, type Result } from '../vfs/errno.ts';
import type { OpenRequest } from './command.ts';
import { statusOfErrno } from './errno-status.ts';
import { setSecurity } from './set-security.ts';

/** What a client may set: not the type of a file, nor whose identity runs it. */
const PERMISSION_BITS = 0o777;
const OF_DACL =
  DACL_SECURITY_INFORMATION |
  PROTECTED_DACL_SECURITY_INFORMATION |
  UNPROTECTED_DACL_SECURITY_INFORMATION;

const modeIn = (ace: Ace): number | undefined =>
  ace.kind === 'sid' ? nfsModeOf(ace.sid) : undefined;

const isNfs = (ace: Ace): boolean =>
  ace.kind === 'sid' &&
  (nfsModeOf(ace.sid) !== undefined ||
    nfsUidOf(ace.sid) !== undefined ||
    nfsGidOf(ace.sid) !== undefined);

const withoutNfs = (dacl: Acl): Acl => ({
  ...dacl,
  aces: dacl.aces.filter((ace) => !isNfs(ace)),
});

/** A descriptor as this client is told it. Without a DACL everything is granted, which an entry would change. */
export async function toldToApple(
  descriptor: SecurityDescriptor,
  information: number,
  { open, session }: OpenRequest,
): Promise<Result<SecurityDescriptor>> {
  const asks = (information & DACL_SECURITY_INFORMATION) !== 0;
  if (session.apple?.nfsAces !== true || !asks || !descriptor.dacl) return descriptor;
  const handle = open.handle!;
  const stat = await (handle.base ?? handle).stat();
  if (isErrno(stat)) return stat;
  const { aces, revision } = withoutNfs(descriptor.dacl);
  const told = [
    ...aces,
    deniedAce(nfsModeSid(stat.mode), 0),
    deniedAce(nfsUserSid(stat.uid), 0),
    deniedAce(nfsGroupSid(stat.gid), 0),
  ];
  const dacl = { revision, aces: told };
  return aclBytes(dacl) > MAX_ACL_BYTES ? descriptor : { ...descriptor, dacl };
}

/** Undefined: nothing in it is Apple's. */
export function setAppleSecurity(
  body: SetInfoRequest,
  request: OpenRequest,
): Promise<NtStatus> | undefined {
  const { open, session, tree } = request;
  const sets = (body.additionalInformation & DACL_SECURITY_INFORMATION) !== 0;
  if (session.apple === undefined || open.handle === undefined || !sets) return undefined;
  const given = decodeSecurityDescriptor(body.buffer);
  if (!given.dacl) return undefined;
  if (given.dacl.aces.length === 0) {
    return tree.share.appleEmptyAcls === true ? undefined : setRest(body, request);
  }
  if (!session.apple.nfsAces || !given.dacl.aces.some(isNfs)) return undefined;
  return setWithMode(body, { ...given, dacl: withoutNfs(given.dacl) }, given.dacl, request);
}

/** All but the DACL, for which the right is needed all the same. */
async function setRest(body: SetInfoRequest, request: OpenRequest): Promise<NtStatus> {
  const { open, tree } = request;
  if (tree.readOnly || (open.access & WRITE_DAC) === 0) return STATUS_ACCESS_DENIED;
  const additionalInformation = body.additionalInformation & ~OF_DACL;
  if (additionalInformation === 0) return STATUS_SUCCESS;
  return setSecurity({ ...body, additionalInformation }, request);
}

/**
 * The ACL as far as it is another one than before, then the mode if that is. A mode that is set ends the
 * descriptor that was stored, as when chmod(1) sets it on the server; hence an ACL that only comes along with
 * a new mode is not stored before.
 */
async function setWithMode(
  body: SetInfoRequest,
  given: SecurityDescriptor & { readonly dacl: Acl },
  sent: Acl,
  request: OpenRequest,
): Promise<NtStatus> {
  const handle = request.open.handle!;
  const file = handle.base ?? handle;
  const before = await file.stat();
  if (isErrno(before)) return statusOfErrno(before);
  const current = await handle.security();
  if (isErrno(current)) return statusOfErrno(current);
  const mode = sent.aces.map(modeIn).find((each) => each !== undefined);
  const chmod = mode !== undefined && ((mode ^ before.mode) & PERMISSION_BITS) !== 0;
  const only = given.dacl.aces.length === 0;
  const same = current.dacl && encodeAcl(current.dacl).equals(encodeAcl(given.dacl));
  const set =
    only || (chmod && same)
      ? await setRest(body, request)
      : await setSecurity({ ...body, buffer: encodeSecurityDescriptor(given) }, request);
  if (set !== STATUS_SUCCESS || !chmod) return set;
  const bits = (before.mode & ~PERMISSION_BITS & 0o7777) | (mode & PERMISSION_BITS);
  const changed = await file.set({ mode: bits });
  return isErrno(changed) ? statusOfErrno(changed) : STATUS_SUCCESS;
}
