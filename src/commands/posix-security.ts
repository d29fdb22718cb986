/**
 * MS-SMB2 3.3.5.21.3 as the SMB3 POSIX extensions have it: chmod(2) and chown(2). A client puts the mode into
 * the DACL as an entry for S-1-5-88-3-mode, and names owner and group by Unix SIDs or by those of NFS. What
 * comes so becomes mode and owner, by the user's own identity; the kernel says who may.
 *
 * Linux' client sends with a chown(2) the DACL that it was told, in which entries of the old owner may have become the
 * new one's. Of a file without a descriptor that was made of its mode, and says nothing new.
 */
import { WRITE_DAC, WRITE_OWNER } from '../dtyp/access-mask.ts';
import type { Ace } from '../dtyp/acl.ts';
import { type NtStatus, STATUS_ACCESS_DENIED, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { posixGidOf, posixModeOf, posixUidOf } from '../dtyp/posix-sids.ts';
import {
  DACL_SECURITY_INFORMATION,
  decodeSecurityDescriptor,
  GROUP_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
  type SecurityDescriptor,
} from '../dtyp/security-descriptor.ts';
import type { SetInfoRequest } from '../smb2/set-info.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsHandle } from '../vfs/vfs.ts';
import type { OpenRequest } from './command.ts';
import { statusOfErrno } from './errno-status.ts';
import { setSecurity } from './set-security.ts';

interface Changes {
  mode?: number | undefined;
  uid?: number;
  gid?: number;
}

/** Undefined: the descriptor does not speak of POSIX, or the open is none of the extensions'. */
export function setPosixSecurity(
  body: SetInfoRequest,
  request: OpenRequest,
): Promise<NtStatus> | undefined {
  const { additionalInformation, buffer } = body;
  const { open, tree } = request;
  if (!open.isPosix || open.handle === undefined) return undefined;
  const has = (flag: number): boolean => (additionalInformation & flag) !== 0;
  const { owner, group, dacl } = decodeSecurityDescriptor(buffer);
  const changes: Changes = {};
  if (has(DACL_SECURITY_INFORMATION)) changes.mode = posixModeOf(dacl);
  if (has(OWNER_SECURITY_INFORMATION)) {
    const uid = posixUidOf(owner);
    if (uid === undefined) return undefined;
    changes.uid = uid;
  }
  if (has(GROUP_SECURITY_INFORMATION)) {
    const gid = posixGidOf(group);
    if (gid === undefined) return undefined;
    changes.gid = gid;
  }
  const givesAway = changes.uid !== undefined || changes.gid !== undefined;
  const hasDacl = has(DACL_SECURITY_INFORMATION);
  const unknown = hasDacl && changes.mode === undefined;
  if (unknown && !givesAway) return undefined;
  const needed = (givesAway ? WRITE_OWNER : 0) | (hasDacl ? WRITE_DAC : 0);
  if (tree.readOnly || (needed & ~open.access) !== 0) return Promise.resolve(STATUS_ACCESS_DENIED);
  if (!unknown) return apply(changes, request);
  return isAsToldOf(open.handle, { owner, group, dacl }).then((isAsTold) =>
    isAsTold ? apply(changes, request) : setSecurity(body, request),
  );
}

async function apply({ mode, ...owners }: Changes, { open }: OpenRequest): Promise<NtStatus> {
  const result = await open.handle!.set(mode === undefined ? owners : { mode, ...owners });
  return isErrno(result) ? statusOfErrno(result) : STATUS_SUCCESS;
}

/** Whether the DACL is what the file's mode amounts to, save for whose the entries of owner and group are. */
async function isAsToldOf(
  handle: VfsHandle,
  given: Pick<SecurityDescriptor, 'owner' | 'group' | 'dacl'>,
): Promise<boolean> {
  if ((await handle.storedSecurity()) !== undefined) return false;
  const told = await handle.security();
  if (isErrno(told) || !told.dacl || !given.dacl) return false;
  const isOf = (ace: Ace, as: Ace | undefined): boolean =>
    as?.kind === 'sid' &&
    ace.kind === 'sid' &&
    ace.type === as.type &&
    ace.flags === as.flags &&
    ace.mask === as.mask &&
    (ace.sid === as.sid ||
      (as.sid === told.owner && ace.sid === given.owner) ||
      (as.sid === told.group && ace.sid === given.group));
  const { aces } = told.dacl;
  return (
    given.dacl.aces.length === aces.length && given.dacl.aces.every((ace, i) => isOf(ace, aces[i]))
  );
}
