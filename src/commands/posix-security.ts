/**
 * MS-SMB2 3.3.5.21.3 as the SMB3 POSIX extensions have it: chmod(2) and chown(2). A client puts the mode into
 * the DACL as an entry for S-1-5-88-3-mode, and names owner and group by Unix SIDs or by those of NFS. What
 * comes so becomes mode and owner, by the user's own identity; the kernel says who may.
 */
import { WRITE_DAC, WRITE_OWNER } from '../dtyp/access-mask.ts';
import type { Acl } from '../dtyp/acl.ts';
import { type NtStatus, STATUS_ACCESS_DENIED, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import {
  DACL_SECURITY_INFORMATION,
  decodeSecurityDescriptor,
  GROUP_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
} from '../dtyp/security-descriptor.ts';
import { gidOf, nfsGidOf, nfsModeOf, nfsUidOf, type Sid, uidOf } from '../dtyp/sid.ts';
import type { SetInfoRequest } from '../smb2/set-info.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsChanges } from '../vfs/vfs.ts';
import type { OpenRequest } from './command.ts';
import { statusOfErrno } from './errno-status.ts';

const PERMISSION_BITS = 0o7777;

/** Undefined: the descriptor does not speak of POSIX, or the open is none of the extensions'. */
export function setPosixSecurity(
  { additionalInformation, buffer }: SetInfoRequest,
  request: OpenRequest,
): Promise<NtStatus> | undefined {
  const { open, tree } = request;
  if (!open.isPosix || open.handle === undefined) return undefined;
  const has = (flag: number): boolean => (additionalInformation & flag) !== 0;
  const { owner, group, dacl } = decodeSecurityDescriptor(buffer);
  const changes: { mode?: number; uid?: number; gid?: number } = {};
  if (has(DACL_SECURITY_INFORMATION)) {
    const mode = modeOf(dacl);
    if (mode === undefined) return undefined;
    changes.mode = mode;
  }
  if (has(OWNER_SECURITY_INFORMATION)) {
    const uid = numberOf(owner, uidOf, nfsUidOf);
    if (uid === undefined) return undefined;
    changes.uid = uid;
  }
  if (has(GROUP_SECURITY_INFORMATION)) {
    const gid = numberOf(group, gidOf, nfsGidOf);
    if (gid === undefined) return undefined;
    changes.gid = gid;
  }
  const givesAway = changes.uid !== undefined || changes.gid !== undefined;
  const needed = (givesAway ? WRITE_OWNER : 0) | (changes.mode === undefined ? 0 : WRITE_DAC);
  const refused = tree.readOnly || (needed & ~open.access) !== 0;
  return refused ? Promise.resolve(STATUS_ACCESS_DENIED) : apply(changes, request);
}

async function apply(changes: VfsChanges, { open }: OpenRequest): Promise<NtStatus> {
  const result = await open.handle!.set(changes);
  return isErrno(result) ? statusOfErrno(result) : STATUS_SUCCESS;
}

function modeOf(dacl: Acl | null | undefined): number | undefined {
  for (const ace of dacl?.aces ?? []) {
    const mode = ace.kind === 'sid' ? nfsModeOf(ace.sid) : undefined;
    if (mode !== undefined) return mode & PERMISSION_BITS;
  }
  return undefined;
}

type NumberOf = (sid: Sid) => number | undefined;

const numberOf = (sid: Sid | undefined, ofUnix: NumberOf, ofNfs: NumberOf): number | undefined =>
  sid === undefined ? undefined : (ofUnix(sid) ?? ofNfs(sid));
