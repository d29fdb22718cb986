/**
 * MS-FSCC 2.4: the information classes of a directory listing (2.4.8, 2.4.10, 2.4.15, 2.4.18 to 2.4.24,
 * 2.4.33). All but FileNamesInformation begin alike; a table says where the rest of each one lies.
 *
 * The writer is made for speed: one for each answer, nothing allocated for an entry, every byte of it
 * written (its buffer may hold what others left there).
 */
import { readId64 } from '../wire/struct.ts';
import { align8, utf16 } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { FILE_ATTRIBUTE_REPARSE_POINT } from './attributes.ts';
import { FileInformationClass } from './information-class.ts';

export interface DirectoryEntry {
  readonly name: string;
  readonly creationTime: bigint;
  readonly lastAccessTime: bigint;
  readonly lastWriteTime: bigint;
  readonly changeTime: bigint;
  readonly endOfFile: number;
  readonly allocationSize: number;
  readonly fileAttributes: number;
  /** Bytes of the extended attributes; not told for a reparse point where the tag takes its place. */
  readonly eaSize: number;
  /** Told where fileAttributes has REPARSE_POINT, otherwise 0. */
  readonly reparseTag: number;
  readonly fileId: bigint;
  /** The upper half of a 128-bit file ID, whose lower half is fileId. */
  readonly fileIdHigh: bigint;
  /** Of at most 12 letters, where the class has one; undefined: none is told. */
  readonly shortName?: string | undefined;
  /** In FileIdBothDirectoryInformation, in place of size of EAs, short name and what is reserved. */
  readonly apple?: AppleAttributes | undefined;
}

/**
 * Apple's READ_DIR_ATTR: what its clients would have to open each file for. Not Microsoft's; see
 * smb2/apple.ts.
 */
export interface AppleAttributes {
  /** With which the file could be opened; 0 is shown as a folder that nobody may enter. */
  readonly maximalAccess: number;
  /** Bytes of the stream AFP_Resource. */
  readonly resourceForkBytes: number;
  /** Type, creator, flags, extended flags and date, in APPLE_FINDER_INFO_BYTES. */
  readonly finderInfo: Buffer;
  /** POSIX mode, with its type bits. */
  readonly mode: number;
  /** APPLE_READ_DIR_NO_XATTR or 0, of READ_DIR_ATTR_V2; undefined: the client knows the first version alone. */
  readonly flags: number | undefined;
}

/** The name has no stream but its data, so its client asks for none. */
export const APPLE_READ_DIR_NO_XATTR = 1;

/** Offsets in an entry; 0: the class has no such field. */
interface Layout {
  readonly structure: string;
  /** Where FileName begins: the size of the fixed part. */
  readonly fixedSize: number;
  readonly nameLength: number;
  /** Times, sizes and attributes stand at 8 to 60. */
  readonly hasCommonPart: boolean;
  readonly eaSize: number;
  readonly reparseTag: number;
  /** A reserved field of 4 bytes. */
  readonly reserved: number;
  readonly fileId: number;
  readonly fileId128: number;
  /** Length (1), Reserved (1), ShortName (24); followed by 2 reserved bytes in one class. */
  readonly shortName: number;
}

const SHORT_NAME_BYTES = 26;
export const APPLE_FINDER_INFO_BYTES = 16;
const TIMES_OFFSET = 8;
const END_OF_FILE_OFFSET = 40;
const ALLOCATION_SIZE_OFFSET = 48;
const ATTRIBUTES_OFFSET = 56;

const common = {
  nameLength: 60,
  hasCommonPart: true,
  eaSize: 0,
  reparseTag: 0,
  reserved: 0,
  fileId: 0,
  fileId128: 0,
  shortName: 0,
};

const layouts: Readonly<Record<number, Layout>> = {
  [FileInformationClass.FileDirectoryInformation]: {
    ...common,
    structure: 'FILE_DIRECTORY_INFORMATION',
    fixedSize: 64,
  },
  [FileInformationClass.FileFullDirectoryInformation]: {
    ...common,
    structure: 'FILE_FULL_DIR_INFORMATION',
    eaSize: 64,
    fixedSize: 68,
  },
  [FileInformationClass.FileBothDirectoryInformation]: {
    ...common,
    structure: 'FILE_BOTH_DIR_INFORMATION',
    eaSize: 64,
    shortName: 68,
    fixedSize: 94,
  },
  [FileInformationClass.FileNamesInformation]: {
    ...common,
    structure: 'FILE_NAMES_INFORMATION',
    nameLength: 8,
    hasCommonPart: false,
    fixedSize: 12,
  },
  [FileInformationClass.FileIdBothDirectoryInformation]: {
    ...common,
    structure: 'FILE_ID_BOTH_DIR_INFORMATION',
    eaSize: 64,
    shortName: 68,
    fileId: 96,
    fixedSize: 104,
  },
  [FileInformationClass.FileIdFullDirectoryInformation]: {
    ...common,
    structure: 'FILE_ID_FULL_DIR_INFORMATION',
    eaSize: 64,
    reserved: 68,
    fileId: 72,
    fixedSize: 80,
  },
  [FileInformationClass.FileIdExtdDirectoryInformation]: {
    ...common,
    structure: 'FILE_ID_EXTD_DIR_INFORMATION',
    eaSize: 64,
    reparseTag: 68,
    fileId128: 72,
    fixedSize: 88,
  },
  // Not in MS-FSCC: ntifs.h has it, and Windows asks for it.
  [FileInformationClass.FileIdExtdBothDirectoryInformation]: {
    ...common,
    structure: 'FILE_ID_EXTD_BOTH_DIR_INFORMATION',
    eaSize: 64,
    reparseTag: 68,
    fileId128: 72,
    shortName: 88,
    fixedSize: 114,
  },
  [FileInformationClass.FileId64ExtdDirectoryInformation]: {
    ...common,
    structure: 'FILE_ID_64_EXTD_DIR_INFORMATION',
    eaSize: 64,
    reparseTag: 68,
    fileId: 72,
    fixedSize: 80,
  },
  [FileInformationClass.FileId64ExtdBothDirectoryInformation]: {
    ...common,
    structure: 'FILE_ID_64_EXTD_BOTH_DIR_INFORMATION',
    eaSize: 64,
    reparseTag: 68,
    fileId: 72,
    shortName: 80,
    fixedSize: 106,
  },
  [FileInformationClass.FileIdAllExtdDirectoryInformation]: {
    ...common,
    structure: 'FILE_ID_ALL_EXTD_DIR_INFORMATION',
    eaSize: 64,
    reparseTag: 68,
    fileId: 72,
    fileId128: 80,
    fixedSize: 96,
  },
  [FileInformationClass.FileIdAllExtdBothDirectoryInformation]: {
    ...common,
    structure: 'FILE_ID_ALL_EXTD_BOTH_DIR_INFORMATION',
    eaSize: 64,
    reparseTag: 68,
    fileId: 72,
    fileId128: 80,
    shortName: 96,
    fixedSize: 122,
  },
};

/** Is this a class that QUERY_DIRECTORY knows? */
export const isDirectoryClass = (informationClass: number): boolean =>
  layouts[informationClass] !== undefined;

/** The bytes of an entry without its name; a buffer below that is STATUS_INFO_LENGTH_MISMATCH. */
export const fixedSize = (informationClass: number): number => layoutOf(informationClass).fixedSize;

function layoutOf(informationClass: number): Layout {
  const layout = layouts[informationClass];
  if (layout === undefined) throw new RangeError(`class ${informationClass} lists no directory`);
  return layout;
}

/** Writes entries into `buffer` from `start`, never at or behind `end`. */
export class DirectoryWriter {
  readonly informationClass: number;
  readonly #layout: Layout;
  readonly #buffer: Buffer;
  readonly #view: DataView;
  readonly #start: number;
  readonly #end: number;
  /** Where the last entry begins; -1: there is none. */
  #last = -1;
  #position: number;

  constructor(informationClass: number, buffer: Buffer, start = 0, end = buffer.length) {
    this.informationClass = informationClass;
    this.#layout = layoutOf(informationClass);
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    this.#start = start;
    this.#end = end;
    this.#position = start;
  }

  /** Bytes written, without padding behind the last entry. */
  get length(): number {
    return this.#position - this.#start;
  }

  get isEmpty(): boolean {
    return this.#last < 0;
  }

  /** Writes one more entry; false and nothing written when it does not fit. */
  add(entry: DirectoryEntry): boolean {
    const at = this.#nextOffset();
    const nameBytes = entry.name.length * 2;
    if (at + this.#layout.fixedSize + nameBytes > this.#end) return false;
    this.#write(at, entry, nameBytes);
    this.#buffer.write(entry.name, at + this.#layout.fixedSize, nameBytes, 'utf16le');
    return true;
  }

  /**
   * MS-FSA 2.1.5.6.3: a first entry that does not fit goes out with as much of its name as does
   * (STATUS_BUFFER_OVERFLOW). False when not even its fixed part fits.
   */
  addTruncated(entry: DirectoryEntry): boolean {
    const at = this.#nextOffset();
    const room = this.#end - at - this.#layout.fixedSize;
    if (room < 0) return false;
    const nameBytes = Math.min(entry.name.length * 2, room - (room % 2));
    this.#write(at, entry, nameBytes);
    const name = entry.name.slice(0, nameBytes / 2);
    this.#buffer.write(name, at + this.#layout.fixedSize, nameBytes, 'utf16le');
    return true;
  }

  #nextOffset(): number {
    return this.#last < 0 ? this.#start : this.#start + align8(this.#position - this.#start);
  }

  #write(at: number, entry: DirectoryEntry, nameBytes: number): void {
    const view = this.#view;
    if (this.#last >= 0) {
      for (let i = this.#position; i < at; i++) view.setUint8(i, 0);
      view.setUint32(this.#last, at - this.#last, true);
    }
    writeFixed(view, at, this.#layout, entry);
    this.#last = at;
    this.#position = at + this.#layout.fixedSize + nameBytes;
  }
}

function writeFixed(view: DataView, at: number, layout: Layout, entry: DirectoryEntry): void {
  view.setUint32(at, 0, true);
  // FileIndex: "SHOULD be set to 0" where a position in a directory is not fixed.
  view.setUint32(at + 4, 0, true);
  view.setUint32(at + layout.nameLength, entry.name.length * 2, true);
  if (!layout.hasCommonPart) return;
  const times = at + TIMES_OFFSET;
  view.setBigUint64(times, entry.creationTime, true);
  view.setBigUint64(times + 8, entry.lastAccessTime, true);
  view.setBigUint64(times + 16, entry.lastWriteTime, true);
  view.setBigUint64(times + 24, entry.changeTime, true);
  setId64(view, at + END_OF_FILE_OFFSET, entry.endOfFile);
  setId64(view, at + ALLOCATION_SIZE_OFFSET, entry.allocationSize);
  view.setUint32(at + ATTRIBUTES_OFFSET, entry.fileAttributes, true);
  const isReparsePoint = (entry.fileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) !== 0;
  const tag = isReparsePoint ? entry.reparseTag : 0;
  if (layout.eaSize > 0) {
    // Without a field of its own the tag stands where the size of the EAs does.
    const replaced = isReparsePoint && layout.reparseTag === 0;
    view.setUint32(at + layout.eaSize, replaced ? tag : entry.eaSize, true);
  }
  if (layout.reparseTag > 0) view.setUint32(at + layout.reparseTag, tag, true);
  if (layout.reserved > 0) view.setUint32(at + layout.reserved, 0, true);
  if (layout.shortName > 0) writeShortName(view, at + layout.shortName, layout, entry.shortName);
  if (layout.fileId > 0) view.setBigUint64(at + layout.fileId, entry.fileId, true);
  if (layout.fileId128 > 0) {
    view.setBigUint64(at + layout.fileId128, entry.fileId, true);
    view.setBigUint64(at + layout.fileId128 + 8, entry.fileIdHigh, true);
  }
  if (entry.apple !== undefined && layout === appleLayout) writeApple(view, at, entry.apple);
}

const appleLayout = layouts[FileInformationClass.FileIdBothDirectoryInformation]!;
/** "ShortNameLength should be 0", but Apple's own servers send this. */
const APPLE_SHORT_NAME_LENGTH = 24;

function writeApple(view: DataView, at: number, apple: AppleAttributes): void {
  const { eaSize, shortName } = appleLayout;
  view.setUint32(at + eaSize, apple.maximalAccess, true);
  view.setUint16(at + shortName, apple.flags ?? APPLE_SHORT_NAME_LENGTH, true);
  setId64(view, at + shortName + 2, apple.resourceForkBytes);
  for (let i = 0; i < APPLE_FINDER_INFO_BYTES; i++) {
    view.setUint8(at + shortName + 10 + i, apple.finderInfo[i]!);
  }
  view.setUint16(at + shortName + SHORT_NAME_BYTES, apple.mode, true);
}

/** What READ_DIR_ATTR says in the `index`-th entry of FileIdBothDirectoryInformation, as a client reads it. */
export function decodeAppleAttributes(b: Buffer, index: number): AppleAttributes {
  const { structure, fixedSize: size, eaSize, shortName } = appleLayout;
  let at = 0;
  for (let i = 0; i < index && at < b.length - size; i++) at += b.readUInt32LE(at);
  if (b.length - at < size) throw new WireError(structure, `no entry ${index}`);
  return {
    maximalAccess: b.readUInt32LE(at + eaSize),
    resourceForkBytes: readId64(b, at + shortName + 2),
    finderInfo: b.subarray(at + shortName + 10, at + shortName + 10 + APPLE_FINDER_INFO_BYTES),
    mode: b.readUInt16LE(at + shortName + SHORT_NAME_BYTES),
    flags: b.readUInt16LE(at + shortName),
  };
}

/** Length, name and what is reserved behind it. */
function writeShortName(view: DataView, at: number, layout: Layout, name = ''): void {
  const end = layout.fileId === layout.shortName + SHORT_NAME_BYTES + 2 ? 2 : 0;
  view.setUint16(at, name.length * 2, true);
  for (let i = 2; i < SHORT_NAME_BYTES + end; i += 2) {
    const unit = i / 2 - 1;
    view.setUint16(at + i, unit < name.length ? name.charCodeAt(unit) : 0, true);
  }
}

function setId64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** An entry as a client reads it. What its class does not hold is zero. */
export interface DecodedDirectoryEntry extends DirectoryEntry {
  /** Empty for none. */
  readonly shortName: string;
  readonly fileIndex: number;
}

/** The entries in the buffer of a QUERY_DIRECTORY response. */
export function decodeDirectory(informationClass: number, b: Buffer): DecodedDirectoryEntry[] {
  const layout = layoutOf(informationClass);
  const entries: DecodedDirectoryEntry[] = [];
  let at = 0;
  while (b.length > 0) {
    if (b.length - at < layout.fixedSize) {
      throw new WireError(layout.structure, `entry at ${at} of ${b.length} bytes`);
    }
    entries.push(decodeEntry(layout, b, at));
    const next = b.readUInt32LE(at);
    if (next === 0) break;
    if (next % 8 !== 0 || next < layout.fixedSize) {
      throw new WireError(layout.structure, `NextEntryOffset is ${next}`);
    }
    at += next;
  }
  return entries;
}

function decodeEntry(layout: Layout, b: Buffer, at: number): DecodedDirectoryEntry {
  const nameBytes = b.readUInt32LE(at + layout.nameLength);
  const nameAt = at + layout.fixedSize;
  if (nameBytes > b.length - nameAt) {
    throw new WireError(layout.structure, `FileNameLength is ${nameBytes}`);
  }
  const time = (index: number): bigint =>
    layout.hasCommonPart ? b.readBigUInt64LE(at + TIMES_OFFSET + index * 8) : 0n;
  const u32 = (offset: number): number => (offset > 0 ? b.readUInt32LE(at + offset) : 0);
  const u64 = (offset: number): bigint => (offset > 0 ? b.readBigUInt64LE(at + offset) : 0n);
  const fileAttributes = layout.hasCommonPart ? u32(ATTRIBUTES_OFFSET) : 0;
  const isReparsePoint = (fileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) !== 0;
  const replaced = isReparsePoint && layout.reparseTag === 0;
  return {
    name: utf16(b.subarray(nameAt, nameAt + nameBytes), layout.structure),
    fileIndex: b.readUInt32LE(at + 4),
    creationTime: time(0),
    lastAccessTime: time(1),
    lastWriteTime: time(2),
    changeTime: time(3),
    endOfFile: layout.hasCommonPart ? readId64(b, at + END_OF_FILE_OFFSET) : 0,
    allocationSize: layout.hasCommonPart ? readId64(b, at + ALLOCATION_SIZE_OFFSET) : 0,
    fileAttributes,
    eaSize: replaced ? 0 : u32(layout.eaSize),
    reparseTag: replaced ? u32(layout.eaSize) : isReparsePoint ? u32(layout.reparseTag) : 0,
    fileId: u64(layout.fileId > 0 ? layout.fileId : layout.fileId128),
    fileIdHigh: layout.fileId128 > 0 ? u64(layout.fileId128 + 8) : 0n,
    shortName: layout.shortName > 0 ? decodeShortName(layout, b, at + layout.shortName) : '',
  };
}

function decodeShortName(layout: Layout, b: Buffer, at: number): string {
  const length = b.readUInt8(at);
  if (length > SHORT_NAME_BYTES - 2) {
    throw new WireError(layout.structure, `ShortNameLength is ${length}`);
  }
  return utf16(b.subarray(at + 2, at + 2 + length), layout.structure);
}
