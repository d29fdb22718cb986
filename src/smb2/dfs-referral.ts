/**
 * MS-DFSC 2.2.2 to 2.2.5: referrals, as FSCTL_DFS_GET_REFERRALS of MS-SMB2 2.2.31 carries them. A referral is for
 * a path of which it says how much it covers, and names who serves that.
 */
import { utf16, utf16Bytes } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';

export interface ReferralRequest {
  /** 1 to 4; servers answer with the newest of it that they know. */
  readonly maxReferralLevel: number;
  /** `\server\share\path`. */
  readonly requestFileName: string;
}

export interface Referral {
  /** Of `requestFileName`, in characters. */
  readonly pathConsumed: number;
  readonly dfsPath: string;
  /** A root is a server's own share, a link leads elsewhere. */
  readonly kind: 'root' | 'link';
  /** `\server\share` and what is behind; at least one. */
  readonly targets: readonly string[];
  readonly timeToLiveSeconds: number;
}

const REQUEST = 'REQ_GET_DFS_REFERRAL';
/** Longer paths are no path of a file here either (MS-FSCC 2.1.5). */
export const MAX_REFERRAL_PATH_UNITS = 32_767;
const HEADER_BYTES = 8;
const V1_BYTES = 8;
const V2_BYTES = 22;
const V3_BYTES = 34;
export const MAX_REFERRAL_VERSION = 4;

/** 2.2.4: ReferralServers, StorageServers. */
const REFERRAL_SERVERS = 0x1;
const STORAGE_SERVERS = 0x2;
/** 2.2.5.4: the first target of a set of equals. */
const TARGET_SET_BOUNDARY = 0x4;
const ROOT_TARGETS = 1;
const LINK_TARGETS = 0;

export function decodeReferralRequest(b: Buffer): ReferralRequest {
  if (b.length < 4) throw new WireError(REQUEST, `${b.length} bytes`);
  return { maxReferralLevel: b.readUInt16LE(0), requestFileName: terminated(b.subarray(2)) };
}

/** REQ_GET_DFS_REFERRAL_EX: the site that may follow the name means nothing without a directory service. */
export function decodeReferralRequestEx(b: Buffer): ReferralRequest {
  if (b.length < 10) throw new WireError(REQUEST, `${b.length} bytes`);
  const nameBytes = b.readUInt16LE(8);
  if (nameBytes > b.length - 10) throw new WireError(REQUEST, `a name of ${nameBytes} bytes`);
  const requestFileName = terminated(b.subarray(10, 10 + nameBytes));
  return { maxReferralLevel: b.readUInt16LE(0), requestFileName };
}

function terminated(b: Buffer): string {
  const text = utf16(b.subarray(0, b.length - (b.length % 2)), REQUEST);
  const end = text.indexOf('\0');
  const name = end < 0 ? text : text.slice(0, end);
  if (name.length > MAX_REFERRAL_PATH_UNITS) throw new WireError(REQUEST, `${name.length} units`);
  return name;
}

export function encodeReferralRequest(request: ReferralRequest): Buffer {
  const name = utf16Bytes(`${request.requestFileName}\0`);
  const b = Buffer.alloc(2 + name.length);
  b.writeUInt16LE(request.maxReferralLevel, 0);
  name.copy(b, 2);
  return b;
}

/** RESP_GET_DFS_REFERRAL with an entry for each target. */
export function encodeReferral(referral: Referral, maxReferralLevel: number): Buffer {
  const { kind, targets, pathConsumed } = referral;
  const version = Math.max(1, Math.min(maxReferralLevel, MAX_REFERRAL_VERSION));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16LE(2 * pathConsumed, 0);
  header.writeUInt16LE(targets.length, 2);
  header.writeUInt32LE(STORAGE_SERVERS | (kind === 'root' ? REFERRAL_SERVERS : 0), 4);
  if (version === 1) return Buffer.concat([header, ...targets.map((each) => entryV1(kind, each))]);
  return Buffer.concat([header, ...entries(referral, version)]);
}

function entryV1(kind: Referral['kind'], target: string): Buffer {
  const name = utf16Bytes(`${target}\0`);
  const b = Buffer.alloc(V1_BYTES + name.length);
  b.writeUInt16LE(1, 0);
  b.writeUInt16LE(b.length, 2);
  b.writeUInt16LE(kind === 'root' ? ROOT_TARGETS : LINK_TARGETS, 4);
  name.copy(b, V1_BYTES);
  return b;
}

/** The fixed parts one after the other, then the strings, to which they point from where they stand. */
function entries(referral: Referral, version: number): Buffer[] {
  const { dfsPath, kind, targets, timeToLiveSeconds } = referral;
  const size = version === 2 ? V2_BYTES : V3_BYTES;
  const path = utf16Bytes(`${dfsPath}\0`);
  let stringAt = targets.length * size + 2 * path.length;
  const addresses = targets.map((target) => utf16Bytes(`${target}\0`));
  const fixed = targets.map((_, i) => {
    const at = i * size;
    const b = Buffer.alloc(size);
    b.writeUInt16LE(version, 0);
    b.writeUInt16LE(size, 2);
    b.writeUInt16LE(kind === 'root' ? ROOT_TARGETS : LINK_TARGETS, 4);
    b.writeUInt16LE(version === 4 && i === 0 ? TARGET_SET_BOUNDARY : 0, 6);
    // Version 2 has Proximity before TimeToLive.
    const field = version === 2 ? 12 : 8;
    b.writeUInt32LE(timeToLiveSeconds, field);
    b.writeUInt16LE(targets.length * size - at, field + 4);
    b.writeUInt16LE(targets.length * size + path.length - at, field + 6);
    b.writeUInt16LE(stringAt - at, field + 8);
    stringAt += addresses[i]!.length;
    return b;
  });
  return [...fixed, path, path, ...addresses];
}
