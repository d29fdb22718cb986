/** What the interfaces of accounts and policies share: MS-DTYP 2.3.10 and 2.4.2.3, MS-LSAD 2.2.2.1, MS-SAMR 2.2.7.2. */
import { makeSid, type Sid, subAuthoritiesOf } from '../dtyp/sid.ts';
import { conformantVaryingArray, type NdrType, u16, unique } from './ndr.ts';
import { NdrWriter } from './ndr-stream.ts';

const buffer = unique(conformantVaryingArray(u16));

/** RPC_UNICODE_STRING, MS-DTYP 2.3.10: text, or null for a null pointer. Its lengths are in octets. */
export const unicodeString: NdrType<string | null> = {
  alignment: 4,
  minimumSize: 8,
  write(w, text) {
    const length = 2 * (text?.length ?? 0);
    w.u16(length);
    w.u16(length);
    buffer.write(w, text === null ? null : unitsOf(text));
  },
  read(r, assign) {
    r.u16();
    r.u16();
    buffer.read(r, (units) => assign(units === null ? null : textOf(units)), 0);
  },
};

function textOf(units: readonly number[]): string {
  const bytes = Buffer.alloc(2 * units.length);
  for (const [i, unit] of units.entries()) bytes.writeUInt16LE(unit, 2 * i);
  return bytes.toString('utf16le');
}

const unitsOf = (text: string): number[] =>
  Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));

const AUTHORITY_BYTES = 6;
const SID_HEADER_BYTES = 8;

/** RPC_SID, MS-DTYP 2.4.2.3: the count of its sub-authorities stands before it, too. */
export const rpcSid: NdrType<Sid> = {
  alignment: 4,
  minimumSize: SID_HEADER_BYTES,
  maximumCount: (sid) => subAuthoritiesOf(sid).length,
  write(w, sid) {
    const subAuthorities = subAuthoritiesOf(sid);
    const authority = Buffer.alloc(AUTHORITY_BYTES);
    authority.writeUIntBE(Number(sid.split('-')[2]), 0, AUTHORITY_BYTES);
    w.u8(1);
    w.u8(subAuthorities.length);
    w.octets(authority);
    for (const each of subAuthorities) w.u32(each);
  },
  read(r, assign, maximumCount) {
    if (r.u8() !== 1) r.fail('the revision of a SID is not 1');
    if (r.u8() !== maximumCount || maximumCount > 15) r.fail('the counts of a SID differ');
    const authority = r.octets(AUTHORITY_BYTES).readUIntBE(0, AUTHORITY_BYTES);
    const subAuthorities: number[] = [];
    for (let i = 0; i < maximumCount; i++) subAuthorities.push(r.u32());
    assign(makeSid(authority, ...subAuthorities));
  },
};

/** Octets of a fixed number. */
export const fixedOctets = (size: number, alignment = 1): NdrType<Buffer> => ({
  alignment,
  minimumSize: size,
  write(w, value) {
    if (value.length !== size) throw new RangeError(`${value.length} octets of ${size}`);
    w.octets(value);
  },
  read: (r, assign) => assign(Buffer.from(r.octets(size))),
});

export const CONTEXT_HANDLE_BYTES = 20;
/**
 * C706 14.2.16.5 ndr_context_handle: attributes and a UUID; all zero is none. A client of the other byte
 * order sends the integers in it in that.
 */
export const contextHandle: NdrType<Buffer> = {
  ...fixedOctets(CONTEXT_HANDLE_BYTES, 4),
  read(r, assign) {
    const w = new NdrWriter();
    w.u32(r.u32());
    w.u32(r.u32());
    w.u16(r.u16());
    w.u16(r.u16());
    w.octets(r.octets(8));
    assign(Buffer.from(w.finish()));
  },
};
export const NO_HANDLE: Buffer = Buffer.alloc(CONTEXT_HANDLE_BYTES);

/** SID_NAME_USE, MS-LSAT 2.2.13. */
export const SidNameUse = {
  SidTypeUser: 1,
  SidTypeGroup: 2,
  SidTypeDomain: 3,
  SidTypeAlias: 4,
  SidTypeWellKnownGroup: 5,
  SidTypeUnknown: 8,
} as const;
export type SidNameUse = (typeof SidNameUse)[keyof typeof SidNameUse];
