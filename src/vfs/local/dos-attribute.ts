/**
 * The extended attribute user.DOSATTRIB, as Samba and ksmbd keep it: NDR of Samba's xattr.idl,
 * xattr_DosAttrib. Written in version 4 (all read it, ksmbd refuses 5); versions 1 to 5 and the bare
 * hexadecimal number of old servers are read. Attributes are those of MS-FSCC 2.6.
 */
import type { FileTime } from '../vfs.ts';

export const DOSATTRIB = 'user.DOSATTRIB';

export interface DosAttribute {
  readonly attributes: number;
  /** Undefined where the value does not tell it. */
  readonly creationTime: FileTime | undefined;
  /** "Initial time": Samba makes file ids from it. Kept when there is one. */
  readonly initialTime: FileTime | undefined;
}

const VALID_ATTRIB = 0x01;
const VALID_CREATE_TIME = 0x10;
const VALID_ITIME = 0x40;

const WRITTEN_VERSION = 4;
const WRITTEN_BYTES = 32;

/** Longest text that stands for 32 bits: 0x and eight digits. */
const HEX = /^0[xX]([0-9a-fA-F]{1,8})$/;

/** Any bytes give a value or undefined. */
export function decodeDosAttribute(bytes: Buffer): DosAttribute | undefined {
  const end = bytes.indexOf(0);
  const text = bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
  const fromText = HEX.exec(text)?.[1];
  const textAttributes = fromText === undefined ? undefined : Number.parseInt(fromText, 16);
  const version = end < 0 ? bytes.length : alignTo(end + 1, 2);
  if (version + 2 > bytes.length) {
    return textAttributes === undefined ? undefined : only(textAttributes);
  }
  if (text !== '' && textAttributes === undefined) return undefined;
  return decodeVersion(bytes, bytes.readUInt16LE(version), alignTo(version + 2, 4), textAttributes);
}

const only = (attributes: number): DosAttribute => ({
  attributes,
  creationTime: undefined,
  initialTime: undefined,
});

const alignTo = (offset: number, alignment: number): number =>
  Math.ceil(offset / alignment) * alignment;

/** Offsets from the union's switch value, which repeats the version in 32 bits. */
interface Layout {
  readonly flags?: number;
  readonly attributes: number;
  readonly creationTime: number;
  readonly initialTime?: number;
  readonly bytes: number;
}

const LAYOUTS: Readonly<Record<number, Layout>> = {
  1: { attributes: 4, creationTime: 28, bytes: 44 },
  2: { flags: 4, attributes: 8, creationTime: 32, bytes: 56 },
  3: { flags: 4, attributes: 8, creationTime: 32, bytes: 48 },
  4: { flags: 4, attributes: 8, initialTime: 12, creationTime: 20, bytes: 28 },
  5: { flags: 4, attributes: 8, creationTime: 12, bytes: 20 },
};

/** Version 2 has flags of another meaning: all its fields are always there. */
const UNFLAGGED_VERSION = 2;

function decodeVersion(
  bytes: Buffer,
  version: number,
  base: number,
  textAttributes: number | undefined,
): DosAttribute | undefined {
  const layout = LAYOUTS[version];
  if (layout === undefined || base + layout.bytes > bytes.length) return undefined;
  if (bytes.readUInt16LE(base) !== version) return undefined;
  const flags =
    layout.flags === undefined || version === UNFLAGGED_VERSION
      ? VALID_ATTRIB | VALID_CREATE_TIME
      : bytes.readUInt32LE(base + layout.flags);
  const time = (offset: number | undefined, flag: number): FileTime | undefined => {
    if (offset === undefined || (flags & flag) === 0) return undefined;
    const value = bytes.readBigUInt64LE(base + offset);
    return value === 0n ? undefined : value;
  };
  const attributes =
    (flags & VALID_ATTRIB) === 0 ? textAttributes : bytes.readUInt32LE(base + layout.attributes);
  return {
    attributes: attributes ?? 0,
    creationTime: time(layout.creationTime, VALID_CREATE_TIME),
    initialTime: time(layout.initialTime, VALID_ITIME),
  };
}

/** Version 4 with the flags that ksmbd sets: attributes, creation time and initial time. */
export function encodeDosAttribute(value: {
  readonly attributes: number;
  readonly creationTime: FileTime;
  readonly initialTime: FileTime;
}): Buffer {
  const bytes = Buffer.alloc(WRITTEN_BYTES);
  bytes.writeUInt16LE(WRITTEN_VERSION, 2);
  bytes.writeUInt32LE(WRITTEN_VERSION, 4);
  bytes.writeUInt32LE(VALID_ATTRIB | VALID_CREATE_TIME | VALID_ITIME, 8);
  bytes.writeUInt32LE(value.attributes, 12);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value.initialTime), 16);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value.creationTime), 24);
  return bytes;
}
