/** MS-FSCC 2.1.2.2 and 2.1.2.4: REPARSE_DATA_BUFFER, and that of a symbolic link. */
import { is, pad, struct, u16, u32 } from '../wire/struct.ts';
import { slice, utf16, utf16Bytes } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { IO_REPARSE_TAG_SYMLINK } from './reparse-tags.ts';

export const SYMLINK_FLAG_RELATIVE = 0x00000001;

const Common = struct('REPARSE_DATA_BUFFER', '2.1.2.2', {
  reparseTag: u32,
  reparseDataLength: u16,
  reserved: pad(2),
});
export const REPARSE_HEADER_BYTES = Common.size;

/** Of a tag that says all by itself. */
export const encodeEmptyReparseData = (reparseTag: number): Buffer =>
  Common.encode({ reparseTag, reparseDataLength: 0 });

const SymbolicLink = struct('Symbolic Link Reparse Data Buffer', '2.1.2.4', {
  reparseTag: is(u32, IO_REPARSE_TAG_SYMLINK),
  reparseDataLength: u16,
  reserved: pad(2),
  substituteNameOffset: u16,
  substituteNameLength: u16,
  printNameOffset: u16,
  printNameLength: u16,
  flags: u32,
});

export interface SymbolicLinkReparseData {
  readonly substituteName: string;
  readonly printName: string;
  /** 0 or SYMLINK_FLAG_RELATIVE. */
  readonly flags: number;
}

export function encodeSymbolicLinkReparseData(v: SymbolicLinkReparseData): Buffer {
  const substituteName = utf16Bytes(v.substituteName);
  const printName = utf16Bytes(v.printName);
  const fixed = SymbolicLink.encode({
    reparseDataLength: SymbolicLink.size - Common.size + substituteName.length + printName.length,
    substituteNameOffset: 0,
    substituteNameLength: substituteName.length,
    printNameOffset: substituteName.length,
    printNameLength: printName.length,
    flags: v.flags,
  });
  return Buffer.concat([fixed, substituteName, printName]);
}

export function decodeSymbolicLinkReparseData(data: Buffer): SymbolicLinkReparseData {
  const fixed = SymbolicLink.read(data);
  if (fixed.reparseDataLength > data.length - Common.size) {
    throw new WireError(SymbolicLink.name, `reparseDataLength is ${fixed.reparseDataLength}`);
  }
  const at = SymbolicLink.size;
  const name = (offset: number, length: number): string =>
    utf16(slice(data, at + offset, length, at, SymbolicLink.name), SymbolicLink.name);
  return {
    substituteName: name(fixed.substituteNameOffset, fixed.substituteNameLength),
    printName: name(fixed.printNameOffset, fixed.printNameLength),
    flags: fixed.flags,
  };
}
