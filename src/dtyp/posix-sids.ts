/**
 * MS-DTYP 2.4.2 as POSIX uses it: modes, uids and gids in security descriptors, S-1-22-1 and -2 as Samba has them, S-1-5-88-1, -2 and -3 as
 * Microsoft's NFS server and Linux' client have them, the mode in an entry of the DACL.
 */
import type { Acl } from './acl.ts';
import type { SecurityDescriptor } from './security-descriptor.ts';
import { gidOf, nfsGidOf, nfsModeOf, nfsUidOf, type Sid, uidOf } from './sid.ts';

const PERMISSION_BITS = 0o7777;

export const posixUidOf = (sid: Sid | undefined): number | undefined =>
  sid === undefined ? undefined : (uidOf(sid) ?? nfsUidOf(sid));

export const posixGidOf = (sid: Sid | undefined): number | undefined =>
  sid === undefined ? undefined : (gidOf(sid) ?? nfsGidOf(sid));

export function posixModeOf(dacl: Acl | null | undefined): number | undefined {
  for (const ace of dacl?.aces ?? []) {
    const mode = ace.kind === 'sid' ? nfsModeOf(ace.sid) : undefined;
    if (mode !== undefined) return mode & PERMISSION_BITS;
  }
  return undefined;
}

export interface PosixOwners {
  readonly uid?: number;
  readonly gid?: number;
}

/** Of a descriptor that speaks of POSIX, which an entry with a mode tells; else undefined. */
export function posixOwnersOf(security: SecurityDescriptor): PosixOwners | undefined {
  if (posixModeOf(security.dacl) === undefined) return undefined;
  const uid = posixUidOf(security.owner);
  const gid = posixGidOf(security.group);
  return { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
}
