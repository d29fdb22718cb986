/**
 * MS-SMB2 3.3.5.3 and MS-CIFS 2.2.4.52.1: the SMB1 NEGOTIATE by which clients that speak both ask for
 * SMB2. The answer to it is an SMB2 NEGOTIATE response.
 */
import { is, pad, struct, u8, u16, u32, type Wire } from '../wire/struct.ts';
import { slice } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { SMB1_PROTOCOL_ID } from './header.ts';

export const SMB1_COM_NEGOTIATE = 0x72;

/** Dialect strings: the answers are 0x0202, and the wildcard 0x02FF. */
export const SMB1_DIALECT_SMB2_002 = 'SMB 2.002';
export const SMB1_DIALECT_SMB2_WILDCARD = 'SMB 2.???';
export const SMB1_DIALECT_NT_LM_012 = 'NT LM 0.12';

/** Windows sends up to 8, old Samba 11. */
export const MAX_SMB1_DIALECTS = 64;

const Negotiate = struct('SMB_COM_NEGOTIATE Request', 'MS-CIFS 2.2.4.52.1', {
  protocol: is(u32, SMB1_PROTOCOL_ID),
  command: is(u8, SMB1_COM_NEGOTIATE),
  status: pad(4),
  flags: u8,
  flags2: u16,
  pidHigh: pad(2),
  securityFeatures: pad(8),
  reserved: pad(2),
  tid: u16,
  pidLow: u16,
  uid: u16,
  mid: u16,
  wordCount: is(u8, 0),
  byteCount: u16,
});

export interface Smb1NegotiateRequest extends Omit<Wire<typeof Negotiate>, 'byteCount'> {
  /** In the client's order, its least preferred first. */
  readonly dialects: readonly string[];
}

/** BufferFormat before each dialect string. */
const DIALECT_FORMAT = 0x02;

export function decodeSmb1NegotiateRequest(message: Buffer): Smb1NegotiateRequest {
  const { byteCount, ...rest } = Negotiate.read(message);
  const list = slice(message, Negotiate.size, byteCount, Negotiate.size, Negotiate.name);
  const dialects: string[] = [];
  for (let at = 0; at < list.length; ) {
    if (dialects.length === MAX_SMB1_DIALECTS) {
      throw new WireError(Negotiate.name, `more than ${MAX_SMB1_DIALECTS} dialects`);
    }
    const end = list.indexOf(0, at + 1);
    if (list[at] !== DIALECT_FORMAT || end === -1) {
      throw new WireError(Negotiate.name, `no dialect string at ${at}`);
    }
    dialects.push(list.toString('latin1', at + 1, end));
    at = end + 1;
  }
  return { ...rest, dialects };
}

/** The whole message: SMB1 has its own header. */
export function encodeSmb1NegotiateRequest(v: Smb1NegotiateRequest): Buffer {
  const list = Buffer.concat(
    v.dialects.map((dialect) => Buffer.from(`\x02${dialect}\0`, 'latin1')),
  );
  return Buffer.concat([Negotiate.encode({ ...v, byteCount: list.length }), list]);
}
