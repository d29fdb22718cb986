/**
 * MS-DTYP 2.4.2: security identifiers. A SID is held as its string in canonical form, so that `===`, Map and
 * Set compare it; the binary form is read and written at the edge.
 */
import { WireError } from '../wire/wire-error.ts';

export type Sid = `S-1-${string}`;

/** 2.4.2.2: "The maximum number of elements allowed is 15." */
export const MAX_SUB_AUTHORITIES = 15;

const REVISION = 1;
const HEADER_BYTES = 8;
const MAX_U32 = 0xffff_ffff;
const MAX_AUTHORITY = 0xffff_ffff_ffff;

export const MAX_SID_BYTES = HEADER_BYTES + 4 * MAX_SUB_AUTHORITIES;

export function makeSid(authority: number, ...subAuthorities: readonly number[]): Sid {
  if (!Number.isInteger(authority) || authority < 0 || authority > MAX_AUTHORITY) {
    throw new RangeError(`identifier authority ${authority}`);
  }
  if (subAuthorities.length > MAX_SUB_AUTHORITIES) throw new RangeError('too many sub-authorities');
  for (const each of subAuthorities) {
    if (each >>> 0 !== each) throw new RangeError(`sub-authority ${each}`);
  }
  const text =
    authority > MAX_U32 ? `0x${authority.toString(16).padStart(12, '0')}` : String(authority);
  return `S-1-${[text, ...subAuthorities].join('-')}`;
}

const TEXT = /^s-1-(0x[0-9a-f]{12}|\d{1,10})((?:-\d{1,10})*)$/i;

/** From text, brought into canonical form; undefined when it is no SID. */
export function parseSid(text: string): Sid | undefined {
  const match = TEXT.exec(text);
  if (match === null) return undefined;
  const authority = Number(match[1]);
  const subAuthorities = match[2]!.split('-').slice(1).map(Number);
  if (subAuthorities.length > MAX_SUB_AUTHORITIES) return undefined;
  if (subAuthorities.some((each) => each > MAX_U32)) return undefined;
  // Ten digits may exceed 32 bits, and such an authority is written in hexadecimal.
  if (authority > MAX_U32 && !match[1]!.startsWith('0')) return undefined;
  return makeSid(authority, ...subAuthorities);
}

export const subAuthoritiesOf = (sid: Sid): number[] => sid.split('-').slice(3).map(Number);

/** Bytes of the packet representation. */
export const sidBytes = (sid: Sid): number => HEADER_BYTES + 4 * (sid.split('-').length - 3);

export function encodeSid(sid: Sid): Buffer {
  const authority = Number(sid.split('-')[2]);
  const subAuthorities = subAuthoritiesOf(sid);
  const b = Buffer.alloc(HEADER_BYTES + 4 * subAuthorities.length);
  b[0] = REVISION;
  b[1] = subAuthorities.length;
  b.writeUIntBE(authority, 2, 6);
  for (const [i, each] of subAuthorities.entries()) b.writeUInt32LE(each, HEADER_BYTES + 4 * i);
  return b;
}

/** The SID at `offset`; what follows it does not matter. */
export function decodeSid(b: Buffer, offset = 0): Sid {
  if (offset < 0 || b.length - offset < HEADER_BYTES) {
    throw new WireError('SID', `${b.length} bytes, at ${offset}`);
  }
  const count = b[offset + 1]!;
  if (b[offset] !== REVISION) throw new WireError('SID', `Revision is ${b[offset]}`);
  if (count > MAX_SUB_AUTHORITIES || HEADER_BYTES + 4 * count > b.length - offset) {
    throw new WireError('SID', `SubAuthorityCount is ${count}`);
  }
  const subAuthorities: number[] = [];
  for (let i = 0; i < count; i++)
    subAuthorities.push(b.readUInt32LE(offset + HEADER_BYTES + 4 * i));
  return makeSid(b.readUIntBE(offset + 2, 6), ...subAuthorities);
}

/** A relative identifier in a domain. */
export const sidInDomain = (domain: Sid, rid: number): Sid => {
  const [authority, ...subAuthorities] = domain.split('-').slice(2).map(Number);
  return makeSid(authority!, ...subAuthorities, rid);
};

/** The domain and the relative identifier; undefined for a SID without sub-authorities. */
export function splitSid(sid: Sid): { domain: Sid; rid: number } | undefined {
  const at = sid.lastIndexOf('-');
  if (sid.split('-').length < 4) return undefined;
  return { domain: sid.slice(0, at) as Sid, rid: Number(sid.slice(at + 1)) };
}

// 2.4.2.4 Well-Known SID Structures
export const NULL_SID: Sid = 'S-1-0-0';
export const EVERYONE: Sid = 'S-1-1-0';
export const CREATOR_OWNER: Sid = 'S-1-3-0';
export const CREATOR_GROUP: Sid = 'S-1-3-1';
export const OWNER_RIGHTS: Sid = 'S-1-3-4';
export const NETWORK: Sid = 'S-1-5-2';
export const ANONYMOUS: Sid = 'S-1-5-7';
export const AUTHENTICATED_USERS: Sid = 'S-1-5-11';
export const LOCAL_SYSTEM: Sid = 'S-1-5-18';
export const BUILTIN_DOMAIN: Sid = 'S-1-5-32';
export const BUILTIN_ADMINISTRATORS: Sid = 'S-1-5-32-544';
export const BUILTIN_USERS: Sid = 'S-1-5-32-545';
export const BUILTIN_GUESTS: Sid = 'S-1-5-32-546';

/** Relative identifiers in the domain of the machine or of Active Directory. */
export const RID_ADMINISTRATOR = 500;
export const RID_GUEST = 501;
export const RID_DOMAIN_ADMINS = 512;
export const RID_DOMAIN_USERS = 513;
export const RID_DOMAIN_GUESTS = 514;

// Not in MS-DTYP: Samba's SIDs for users and groups that have no other, shared by ksmbd.
const UNIX_USERS: Sid = 'S-1-22-1';
const UNIX_GROUPS: Sid = 'S-1-22-2';

// Not in MS-DTYP: owner, group and mode as macOS and Windows' NFS put them into an ACL.
const NFS_USER: Sid = 'S-1-5-88-1';
const NFS_GROUP: Sid = 'S-1-5-88-2';
const NFS_MODE: Sid = 'S-1-5-88-3';

export const unixUserSid = (uid: number): Sid => sidInDomain(UNIX_USERS, uid);
export const unixGroupSid = (gid: number): Sid => sidInDomain(UNIX_GROUPS, gid);
export const nfsUserSid = (uid: number): Sid => sidInDomain(NFS_USER, uid);
export const nfsGroupSid = (gid: number): Sid => sidInDomain(NFS_GROUP, gid);
export const nfsModeSid = (mode: number): Sid => sidInDomain(NFS_MODE, mode);

function ridIn(domain: Sid, sid: Sid): number | undefined {
  const split = splitSid(sid);
  return split?.domain === domain ? split.rid : undefined;
}

export const uidOf = (sid: Sid): number | undefined => ridIn(UNIX_USERS, sid);
export const gidOf = (sid: Sid): number | undefined => ridIn(UNIX_GROUPS, sid);
export const nfsUidOf = (sid: Sid): number | undefined => ridIn(NFS_USER, sid);
export const nfsGidOf = (sid: Sid): number | undefined => ridIn(NFS_GROUP, sid);
export const nfsModeOf = (sid: Sid): number | undefined => ridIn(NFS_MODE, sid);
