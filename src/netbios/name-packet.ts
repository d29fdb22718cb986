/** RFC 1002 4.2: packets of the NetBIOS name service, as far as a server that answers for its own names needs them. */
import { WireError } from '../wire/wire-error.ts';

const HEADER_BYTES = 12;
/** Half a byte a letter, between a length and the root of the scope: 4.1. */
const ENCODED_NAME_BYTES = 34;
export const NETBIOS_NAME_BYTES = 15;

export const NameOpcode = { QUERY: 0, REGISTRATION: 5, REFRESH: 8, MULTI_HOMED: 0x0f } as const;
export const NameType = { NB: 0x20, NBSTAT: 0x21 } as const;
const CLASS_IN = 1;

const FLAG_RESPONSE = 0x8000;
const FLAG_AUTHORITATIVE = 0x0400;
const FLAG_RECURSION_DESIRED = 0x0100;
/** Another has the name. */
const RCODE_ACTIVE = 6;

/** Of NB_FLAGS and NAME_FLAGS: a group's; of the latter: it is in use. */
const GROUP = 0x8000;
const ACTIVE = 0x0400;
/** 46 in the RFC; as many as Samba sends, since nbtscan calls what is shorter incomplete. */
const STATISTICS_BYTES = 64;

/** Suffixes, MS-BRWS 2.1.1 and common use. */
export const NameSuffix = {
  WORKSTATION: 0x00,
  MESSENGER: 0x03,
  SERVER: 0x20,
  BROWSERS: 0x1e,
} as const;

export interface NetbiosName {
  /** In upper case, without the blanks that fill it. */
  readonly name: string;
  readonly suffix: number;
}

export interface OwnName extends NetbiosName {
  readonly isGroup: boolean;
}

export interface NameRequest {
  readonly transactionId: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  readonly question: NetbiosName;
  readonly type: number;
}

function decodeName(b: Buffer, at: number): NetbiosName {
  const end = at + ENCODED_NAME_BYTES;
  // A scope behind it is somebody else's network.
  if (b.length < end || b[at] !== 32 || b[end - 1] !== 0) throw new WireError('NAME', 'encoding');
  const bytes = Buffer.alloc(NETBIOS_NAME_BYTES + 1);
  for (let i = 0; i < bytes.length; i++) {
    const high = b[at + 1 + 2 * i]! - 0x41;
    const low = b[at + 2 + 2 * i]! - 0x41;
    if (high < 0 || high > 15 || low < 0 || low > 15) throw new WireError('NAME', 'a letter');
    bytes[i] = high * 16 + low;
  }
  // What is no name but "all" is filled with zeros.
  const name = bytes.toString('latin1', 0, NETBIOS_NAME_BYTES).replace(/[ \0]+$/, '');
  return { name: name.toUpperCase(), suffix: bytes[NETBIOS_NAME_BYTES]! };
}

function encodeName({ name, suffix }: NetbiosName): Buffer {
  const filler = name === '*' ? '\0' : ' ';
  const bytes = Buffer.from(name.padEnd(NETBIOS_NAME_BYTES, filler), 'latin1');
  const b = Buffer.alloc(ENCODED_NAME_BYTES);
  b[0] = 32;
  for (let i = 0; i <= NETBIOS_NAME_BYTES; i++) {
    const byte = i === NETBIOS_NAME_BYTES ? suffix : bytes[i]!;
    b[1 + 2 * i] = 0x41 + (byte >>> 4);
    b[2 + 2 * i] = 0x41 + (byte & 15);
  }
  return b;
}

/** Undefined for an answer, which nobody here waits for. A WireError for what is no request. */
export function decodeNameRequest(b: Buffer): NameRequest | undefined {
  if (b.length < HEADER_BYTES) throw new WireError('NAME SERVICE PACKET', `${b.length} bytes`);
  const flags = b.readUInt16BE(2);
  if ((flags & FLAG_RESPONSE) !== 0) return undefined;
  if (b.readUInt16BE(4) !== 1) throw new WireError('NAME SERVICE PACKET', 'QDCOUNT');
  const question = decodeName(b, HEADER_BYTES);
  const at = HEADER_BYTES + ENCODED_NAME_BYTES;
  if (b.length < at + 4 || b.readUInt16BE(at + 2) !== CLASS_IN) {
    throw new WireError('NAME SERVICE PACKET', 'QUESTION_CLASS');
  }
  return {
    transactionId: b.readUInt16BE(0),
    opcode: (flags >>> 11) & 15,
    recursionDesired: (flags & FLAG_RECURSION_DESIRED) !== 0,
    question,
    type: b.readUInt16BE(at),
  };
}

function answer(
  { transactionId, opcode, recursionDesired, question }: NameRequest,
  type: number,
  { rcode = 0, ttl = 0, data }: { rcode?: number; ttl?: number; data: Buffer },
): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt16BE(transactionId, 0);
  const recursion = recursionDesired ? FLAG_RECURSION_DESIRED : 0;
  head.writeUInt16BE(FLAG_RESPONSE | (opcode << 11) | FLAG_AUTHORITATIVE | recursion | rcode, 2);
  head.writeUInt16BE(1, 6);
  const record = Buffer.alloc(10);
  record.writeUInt16BE(type, 0);
  record.writeUInt16BE(CLASS_IN, 2);
  record.writeUInt32BE(ttl, 4);
  record.writeUInt16BE(data.length, 8);
  return Buffer.concat([head, encodeName(question), record, data]);
}

/** NB_FLAGS and NB_ADDRESS of each address: a node that knows of broadcasts only. */
function addressData(isGroup: boolean, addresses: readonly string[]): Buffer {
  const b = Buffer.alloc(6 * addresses.length);
  for (const [i, address] of addresses.entries()) {
    b.writeUInt16BE(isGroup ? GROUP : 0, 6 * i);
    b.set(address.split('.').map(Number), 6 * i + 2);
  }
  return b;
}

/** 4.2.13: POSITIVE NAME QUERY RESPONSE. */
export const encodeNameFound = (
  request: NameRequest,
  isGroup: boolean,
  addresses: readonly string[],
  ttlSeconds: number,
): Buffer =>
  answer(request, NameType.NB, { ttl: ttlSeconds, data: addressData(isGroup, addresses) });

/** 4.2.6: NEGATIVE NAME REGISTRATION RESPONSE: the name is this server's. */
export const encodeNameTaken = (request: NameRequest, address: string): Buffer =>
  answer(request, NameType.NB, { rcode: RCODE_ACTIVE, data: addressData(false, [address]) });

/** 4.2.18: NODE STATUS RESPONSE. `hardware`: six bytes. */
export function encodeNodeStatus(
  request: NameRequest,
  names: readonly OwnName[],
  hardware: Buffer,
): Buffer {
  const table = names.map(({ name, suffix, isGroup }) => {
    const entry = Buffer.alloc(NETBIOS_NAME_BYTES + 3, ' ');
    entry.write(name, 'latin1');
    entry[NETBIOS_NAME_BYTES] = suffix;
    entry.writeUInt16BE((isGroup ? GROUP : 0) | ACTIVE, NETBIOS_NAME_BYTES + 1);
    return entry;
  });
  const statistics = Buffer.alloc(STATISTICS_BYTES);
  statistics.set(hardware.subarray(0, 6));
  const data = Buffer.concat([Buffer.from([names.length]), ...table, statistics]);
  return answer(request, NameType.NBSTAT, { data });
}
