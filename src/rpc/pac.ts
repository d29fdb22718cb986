/**
 * MS-PAC: who a user is to its domain, in a Kerberos ticket: PACTYPE (2.3), KERB_VALIDATION_INFO (2.5) in the
 * type serialization of MS-RPCE 2.2.6, and the SIDs that follow from it (MS-KILE 3.4.5.3, MS-PAC 4.1.2.2).
 * Signatures are the library's affair, which has verified the server's before this is read.
 */
import { MAX_SUB_AUTHORITIES, type Sid, sidInDomain, subAuthoritiesOf } from '../dtyp/sid.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  conformantArray,
  counted,
  decodeNdr,
  encodeNdr,
  fixedArray,
  type NdrValue,
  struct,
  u16,
  u32,
  unique,
} from './ndr.ts';
import { fixedOctets, rpcSid, unicodeString } from './security-types.ts';

/** 2.4 */
const LOGON_INFORMATION = 1;
const HEADER_BYTES = 8;
const BUFFER_INFO_BYTES = 16;
/** There are less than 20 kinds, and one of each. */
export const MAXIMUM_PAC_BUFFERS = 64;
/** A domain lets nobody be in more than 1,015 groups; several domains and SID histories add up. */
export const MAXIMUM_PAC_GROUPS = 4096;

/** MS-RPCE 2.2.6.1, 2.2.6.2: version 1, little-endian, and the length of the header; then that of the object. */
const SERIALIZATION_HEADER = Buffer.from('01100800cccccccc', 'hex');
const SERIALIZATION_BYTES = 16;

/** MS-DTYP 2.3.3: two halves. */
const FILETIME = fixedOctets(8, 4);
/** 2.2.2 */
const GROUP_MEMBERSHIP = struct({ relativeId: u32, attributes: u32 });
/** 2.2.1 */
const KERB_SID_AND_ATTRIBUTES = struct({ sid: unique(rpcSid), attributes: u32 });

/** 2.5 */
export const KERB_VALIDATION_INFO = struct({
  logonTime: FILETIME,
  logoffTime: FILETIME,
  kickOffTime: FILETIME,
  passwordLastSet: FILETIME,
  passwordCanChange: FILETIME,
  passwordMustChange: FILETIME,
  effectiveName: unicodeString,
  fullName: unicodeString,
  logonScript: unicodeString,
  profilePath: unicodeString,
  homeDirectory: unicodeString,
  homeDirectoryDrive: unicodeString,
  logonCount: u16,
  badPasswordCount: u16,
  userId: u32,
  primaryGroupId: u32,
  groupIds: counted(conformantArray(GROUP_MEMBERSHIP)),
  userFlags: u32,
  userSessionKey: fixedOctets(16),
  logonServer: unicodeString,
  logonDomainName: unicodeString,
  logonDomainId: unique(rpcSid),
  reserved1: fixedArray(u32, 2),
  userAccountControl: u32,
  subAuthStatus: u32,
  lastSuccessfulILogon: FILETIME,
  lastFailedILogon: FILETIME,
  failedILogonCount: u32,
  reserved3: u32,
  extraSids: counted(conformantArray(KERB_SID_AND_ATTRIBUTES)),
  resourceGroupDomainSid: unique(rpcSid),
  resourceGroupIds: counted(conformantArray(GROUP_MEMBERSHIP)),
});
export type KerbValidationInfo = NdrValue<typeof KERB_VALIDATION_INFO>;

/** MS-PAC 2.2.1: what a SID that counts has. */
export const SE_GROUP_ENABLED = 4;

const wrong = (problem: string): WireError => new WireError('PAC', problem);

/** The content of the one buffer of this kind; undefined where there is none. */
function bufferOf(pac: Buffer, kind: number): Buffer | undefined {
  if (pac.length < HEADER_BYTES) throw wrong(`${pac.length} bytes`);
  const count = pac.readUInt32LE(0);
  if (pac.readUInt32LE(4) !== 0) throw wrong('its version is not 0');
  if (count > MAXIMUM_PAC_BUFFERS || HEADER_BYTES + count * BUFFER_INFO_BYTES > pac.length) {
    throw wrong(`${count} buffers in ${pac.length} bytes`);
  }
  for (let i = 0; i < count; i++) {
    const at = HEADER_BYTES + i * BUFFER_INFO_BYTES;
    if (pac.readUInt32LE(at) !== kind) continue;
    const size = pac.readUInt32LE(at + 4);
    const offset = pac.readBigUInt64LE(at + 8);
    if (offset > BigInt(pac.length) || size > pac.length - Number(offset)) {
      throw wrong(`${size} bytes at ${offset}`);
    }
    return pac.subarray(Number(offset), Number(offset) + size);
  }
  return undefined;
}

/** Undefined: a PAC without logon information, as KDCs outside Active Directory make them. WireError: none at all. */
export function decodePac(pac: Buffer): KerbValidationInfo | undefined {
  const buffer = bufferOf(pac, LOGON_INFORMATION);
  if (buffer === undefined) return undefined;
  const head = buffer.subarray(0, 4);
  if (buffer.length < SERIALIZATION_BYTES || !head.equals(SERIALIZATION_HEADER.subarray(0, 4))) {
    throw wrong('its logon information has another header');
  }
  const info = decodeNdr(unique(KERB_VALIDATION_INFO), buffer.subarray(SERIALIZATION_BYTES));
  if (info === null) throw wrong('its logon information is null');
  return info;
}

/** For tests: a PAC without signatures. */
export function encodePac(info: KerbValidationInfo): Buffer {
  const object = encodeNdr(unique(KERB_VALIDATION_INFO), info);
  const head = Buffer.alloc(HEADER_BYTES + BUFFER_INFO_BYTES + SERIALIZATION_BYTES);
  head.writeUInt32LE(1, 0);
  head.writeUInt32LE(LOGON_INFORMATION, 8);
  head.writeUInt32LE(SERIALIZATION_BYTES + object.length, 12);
  head.writeBigUInt64LE(BigInt(HEADER_BYTES + BUFFER_INFO_BYTES), 16);
  SERIALIZATION_HEADER.copy(head, HEADER_BYTES + BUFFER_INFO_BYTES);
  head.writeUInt32LE(object.length, HEADER_BYTES + BUFFER_INFO_BYTES + 8);
  return Buffer.concat([head, object]);
}

/** The SIDs of the user, its own first, each once. WireError where they are more than any user has. */
export function sidsOfPac(info: KerbValidationInfo): Sid[] {
  const { logonDomainId: domain, resourceGroupDomainSid: resources } = info;
  for (const each of [domain, resources]) {
    if (each !== null && subAuthoritiesOf(each).length >= MAX_SUB_AUTHORITIES) {
      throw wrong(`the domain ${each} has no room for a user`);
    }
  }
  const groups = info.groupIds ?? [];
  const extra = info.extraSids ?? [];
  const ofResources = info.resourceGroupIds ?? [];
  if (groups.length + extra.length + ofResources.length > MAXIMUM_PAC_GROUPS) {
    throw wrong('more groups than any user has');
  }
  const counts = ({ attributes }: { readonly attributes: number }): boolean =>
    (attributes & SE_GROUP_ENABLED) !== 0;
  const inDomain = (of: Sid | null, members: typeof groups): Sid[] =>
    of === null ? [] : members.filter(counts).map(({ relativeId }) => sidInDomain(of, relativeId));
  // 2.5: a UserId of 0 is in ExtraSids, as a SID of another domain.
  const own = domain === null || info.userId === 0 ? [] : [sidInDomain(domain, info.userId)];
  const primary = domain === null ? [] : [sidInDomain(domain, info.primaryGroupId)];
  return [
    ...new Set([
      ...own,
      ...primary,
      ...inDomain(domain, groups),
      ...extra.filter(counts).flatMap(({ sid }) => (sid === null ? [] : [sid])),
      ...inDomain(resources, ofResources),
    ]),
  ];
}
