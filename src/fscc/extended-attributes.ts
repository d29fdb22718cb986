/**
 * MS-FSCC 2.4.16 FileFullEaInformation and 2.4.16.1 FILE_GET_EA_INFORMATION. A list that does not decode is
 * STATUS_EA_LIST_INCONSISTENT to the client that sent it.
 */
import { struct, u8, u16, u32 } from '../wire/struct.ts';
import { align4 } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { decodeOem, encodeOem, isOem } from './code-page.ts';

export const FILE_NEED_EA = 0x80;

export interface FullEa {
  /** 0 or FILE_NEED_EA. */
  readonly flags: number;
  readonly name: string;
  /** Empty in a set request: the attribute goes away. */
  readonly value: Buffer;
}

const FullEaFixed = struct('FILE_FULL_EA_INFORMATION', '2.4.16', {
  nextEntryOffset: u32,
  flags: u8,
  eaNameLength: u8,
  eaValueLength: u16,
});
const GetEaFixed = struct('FILE_GET_EA_INFORMATION', '2.4.16.1', {
  nextEntryOffset: u32,
  eaNameLength: u8,
});

/**
 * 2.4.16: not empty, under 255 characters, and none of 0x00-0x1F \ / : * ? " < > | , + = [ ] ; - it has the characters
 * of ASCII, but Windows takes all bytes above, of its code page, and so does Samba (raw.eas).
 */
const VALID_NAME = /^[ !#$%&'()\-.0-9@A-Z^_`a-z{}~\x7f-\uffff]{1,254}$/;

/** Otherwise STATUS_INVALID_EA_NAME. */
export const isValidEa = (ea: { flags: number; name: string }): boolean =>
  VALID_NAME.test(ea.name) && isOem(ea.name) && (ea.flags & ~FILE_NEED_EA) === 0;

/** MS-FSA 2.1.5.15.6: all of a file's attributes together are at most 64 KiB less 5 bytes. */
export const MAX_EAS_BYTES = 64 * 1024 - 5;

/** What a list is counted as, without links and padding: flags, two lengths, the name with a NUL, the value. */
const COUNTED_BYTES = 4;
/** FileEaInformation counts the length of the list as well: MS-FSA 2.1.5.12.10. */
const LIST_LENGTH_BYTES = 4;

type Counted = Pick<FullEa, 'name' | 'value'>;

/** MS-FSA 2.1.1.3, File.ExtendedAttributesLength. */
export function easBytes(eas: Iterable<Counted>): number {
  let sum = 0;
  for (const { name, value } of eas) sum += COUNTED_BYTES + name.length + NUL_BYTES + value.length;
  return sum;
}

/** EaSize of FileEaInformation. */
export function eaSize(eas: Iterable<Counted>): number {
  const bytes = easBytes(eas);
  return bytes === 0 ? 0 : LIST_LENGTH_BYTES + bytes;
}

/** Names are 8-bit characters, one byte each, and end in a NUL that their length does not count. */
const NUL_BYTES = 1;

const fullEaBytes = (ea: FullEa): number =>
  FullEaFixed.size + ea.name.length + NUL_BYTES + ea.value.length;

/** What an answer holds of the attributes from the first one on; `count` of them fitted whole. */
export interface EncodedFullEas {
  readonly bytes: Buffer;
  readonly count: number;
}

export function encodeFullEas(
  eas: readonly FullEa[],
  limit = Number.POSITIVE_INFINITY,
): EncodedFullEas {
  let end = 0;
  let count = 0;
  for (const ea of eas) {
    if (align4(end) + fullEaBytes(ea) > limit) break;
    end = align4(end) + fullEaBytes(ea);
    count++;
  }
  const bytes = Buffer.alloc(end);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const ea = eas[i]!;
    const next = align4(fullEaBytes(ea));
    const nameAt = FullEaFixed.write(
      bytes,
      {
        nextEntryOffset: i < count - 1 ? next : 0,
        flags: ea.flags,
        eaNameLength: ea.name.length,
        eaValueLength: ea.value.length,
      },
      at,
    );
    bytes.set(encodeOem(ea.name), nameAt);
    bytes.set(ea.value, nameAt + ea.name.length + NUL_BYTES);
    at += next;
  }
  return { bytes, count };
}

export function decodeFullEas(b: Buffer): FullEa[] {
  const eas: FullEa[] = [];
  for (const at of chained(b, FullEaFixed)) {
    const { flags, eaNameLength, eaValueLength } = FullEaFixed.read(b, at);
    const name = nameAt(b, at + FullEaFixed.size, eaNameLength, FullEaFixed.name);
    const valueAt = at + FullEaFixed.size + eaNameLength + NUL_BYTES;
    if (eaValueLength > b.length - valueAt) {
      throw new WireError(FullEaFixed.name, `EaValueLength is ${eaValueLength}`);
    }
    eas.push({ flags, name, value: b.subarray(valueAt, valueAt + eaValueLength) });
  }
  return eas;
}

export function encodeGetEas(names: readonly string[]): Buffer {
  const entries = names.map((name, i) => {
    const length = GetEaFixed.size + name.length + NUL_BYTES;
    const isLast = i === names.length - 1;
    const entry = Buffer.alloc(isLast ? length : align4(length));
    GetEaFixed.write(entry, {
      nextEntryOffset: isLast ? 0 : entry.length,
      eaNameLength: name.length,
    });
    entry.set(encodeOem(name), GetEaFixed.size);
    return entry;
  });
  return Buffer.concat(entries);
}

export function decodeGetEas(b: Buffer): string[] {
  const names: string[] = [];
  for (const at of chained(b, GetEaFixed)) {
    const { eaNameLength } = GetEaFixed.read(b, at);
    names.push(nameAt(b, at + GetEaFixed.size, eaNameLength, GetEaFixed.name));
  }
  return names;
}

function nameAt(b: Buffer, at: number, length: number, structure: string): string {
  if (length + NUL_BYTES > b.length - at || b[at + length] !== 0) {
    throw new WireError(structure, `EaNameLength is ${length}`);
  }
  return decodeOem(b.subarray(at, at + length));
}

/** The offsets of the entries of a list, which is never empty; they only go on. */
function* chained(b: Buffer, fixed: { name: string; size: number }): Generator<number> {
  let at = 0;
  for (;;) {
    if (b.length - at < fixed.size) {
      throw new WireError(fixed.name, `entry at ${at} of ${b.length} bytes`);
    }
    yield at;
    const next = b.readUInt32LE(at);
    if (next === 0) return;
    if (next < fixed.size || next % 4 !== 0) {
      throw new WireError(fixed.name, `NextEntryOffset is ${next}`);
    }
    at += next;
  }
}
