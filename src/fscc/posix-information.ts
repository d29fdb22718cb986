/**
 * The SMB3 POSIX extensions' information level 100, which Samba, ksmbd and Linux have agreed upon (Microsoft
 * leaves its number free): what POSIX knows of a file, of a directory's entry, and of a file system.
 * Its conventions are those of MS-FSCC 2.4 and 2.5.
 *
 * A mode is told with its nine permission bits, sticky, setgid and setuid as POSIX has them, and the type
 * of the object above them. A directory's type is left out as that of a file is, though it has a number:
 * Linux before 6.13 adds it up with the type that it takes from the attributes, and makes no directory of
 * the sum. Whoever knows the type bits takes the directory from the attributes as well.
 */
import { decodeSid, encodeSid, NULL_SID, type Sid, sidBytes } from '../dtyp/sid.ts';
import { id64, struct, u32, u64, type Wire } from '../wire/struct.ts';
import { align8, utf16 } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';

const PERMISSION_BITS = 0o7777;
const TYPE_SHIFT = 12;
const S_IFMT = 0o170000;

/** The type numbers of the wire; those of files and directories are not sent. */
export const PosixFileType = {
  FILE: 0,
  DIRECTORY: 1,
  SYMLINK: 2,
  CHARACTER_DEVICE: 3,
  BLOCK_DEVICE: 4,
  FIFO: 5,
  SOCKET: 6,
} as const;

/** By st_mode's type. */
const TYPES: ReadonlyMap<number, number> = new Map([
  [0o120000, PosixFileType.SYMLINK],
  [0o020000, PosixFileType.CHARACTER_DEVICE],
  [0o060000, PosixFileType.BLOCK_DEVICE],
  [0o010000, PosixFileType.FIFO],
  [0o140000, PosixFileType.SOCKET],
]);

/** For an st_mode. */
export const wireMode = (mode: number): number =>
  (mode & PERMISSION_BITS) | ((TYPES.get(mode & S_IFMT) ?? PosixFileType.FILE) << TYPE_SHIFT);

/** What a client of Linux sends where it has no mode to ask for. */
const NO_MODE = 0xffff;

/** The permission bits that a client asks for; undefined where it has no wish. */
export const wantedMode = (mode: number): number | undefined =>
  mode === NO_MODE || mode === 0xffff_ffff ? undefined : mode & PERMISSION_BITS;

/** The part that the answer to a CREATE has in common with the information level. */
export interface PosixOwnership {
  readonly linkCount: number;
  /** 0 for files and directories. */
  readonly reparseTag: number;
  /** As wireMode makes it. */
  readonly mode: number;
  readonly owner: Sid;
  readonly group: Sid;
}

const Ownership = struct('SMB3 POSIX create context response', 'level 100', {
  linkCount: u32,
  reparseTag: u32,
  mode: u32,
});

const ownershipBytes = ({ owner, group }: PosixOwnership): number =>
  Ownership.size + sidBytes(owner) + sidBytes(group);

function writeOwnership(b: Buffer, value: PosixOwnership, at: number): number {
  let end = Ownership.write(b, value, at);
  for (const sid of [value.owner, value.group]) {
    const bytes = encodeSid(sid);
    b.set(bytes, end);
    end += bytes.length;
  }
  return end;
}

export function encodePosixOwnership(value: PosixOwnership): Buffer {
  const b = Buffer.alloc(ownershipBytes(value));
  writeOwnership(b, value, 0);
  return b;
}

export function decodePosixOwnership(b: Buffer, at = 0): PosixOwnership {
  const fixed = Ownership.read(b, at);
  const owner = decodeSid(b, at + Ownership.size);
  const group = decodeSid(b, at + Ownership.size + sidBytes(owner));
  return { ...fixed, owner, group };
}

const Information = struct('SMB3 POSIX information', 'level 100', {
  creationTime: u64,
  lastAccessTime: u64,
  lastWriteTime: u64,
  changeTime: u64,
  endOfFile: id64,
  allocationSize: id64,
  fileAttributes: u32,
  inode: u64,
  deviceId: u32,
  reserved: u32,
});

export interface FilePosixInformation
  extends Omit<Wire<typeof Information>, 'reserved'>,
    PosixOwnership {}

const informationBytes = (value: FilePosixInformation): number =>
  Information.size + ownershipBytes(value);

/** A client that offers no room for the SIDs gets nothing: they are part of what is fixed. */
export const FILE_POSIX_INFORMATION_BYTES =
  Information.size + Ownership.size + 2 * sidBytes(NULL_SID);

function writeInformation(b: Buffer, value: FilePosixInformation, at: number): number {
  return writeOwnership(b, value, Information.write(b, { ...value, reserved: 0 }, at));
}

export function encodeFilePosixInformation(value: FilePosixInformation): Buffer {
  const b = Buffer.alloc(informationBytes(value));
  writeInformation(b, value, 0);
  return b;
}

export function decodeFilePosixInformation(b: Buffer, at = 0): FilePosixInformation {
  const { reserved: _reserved, ...fixed } = Information.read(b, at);
  return { ...fixed, ...decodePosixOwnership(b, at + Information.size) };
}

export interface PosixDirectoryEntry extends FilePosixInformation {
  /** With the characters that it has on disk. */
  readonly name: string;
}

const EntryStart = struct('SMB3 POSIX directory entry', 'level 100', {
  nextEntryOffset: u32,
  fileIndex: u32,
});
const NAME_LENGTH_BYTES = 4;

/** The least that an entry needs, without its name. */
export const POSIX_ENTRY_BYTES = EntryStart.size + FILE_POSIX_INFORMATION_BYTES + NAME_LENGTH_BYTES;

/** Writes entries into `buffer`, as DirectoryWriter does those of the other classes. */
export class PosixDirectoryWriter {
  readonly #buffer: Buffer;
  #last = -1;
  #position = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  /** Bytes written, without padding behind the last entry. */
  get length(): number {
    return this.#position;
  }

  get isEmpty(): boolean {
    return this.#last < 0;
  }

  /** Writes one more entry; false and nothing written when it does not fit. */
  add(entry: PosixDirectoryEntry): boolean {
    const at = align8(this.#position);
    const nameBytes = entry.name.length * 2;
    const bytes = EntryStart.size + informationBytes(entry) + NAME_LENGTH_BYTES + nameBytes;
    if (bytes > this.#buffer.length - at) return false;
    this.#buffer.fill(0, this.#position, at);
    if (this.#last >= 0) this.#buffer.writeUInt32LE(at - this.#last, this.#last);
    EntryStart.write(this.#buffer, { nextEntryOffset: 0, fileIndex: 0 }, at);
    const end = writeInformation(this.#buffer, entry, at + EntryStart.size);
    this.#buffer.writeUInt32LE(nameBytes, end);
    this.#buffer.write(entry.name, end + NAME_LENGTH_BYTES, nameBytes, 'utf16le');
    this.#last = at;
    this.#position = at + bytes;
    return true;
  }

  /** No entry is cut: whoever reads them takes each to be whole. */
  addTruncated(_entry: PosixDirectoryEntry): boolean {
    return false;
  }
}

/** The entries in the buffer of a QUERY_DIRECTORY response. */
export function decodePosixDirectory(b: Buffer): PosixDirectoryEntry[] {
  const entries: PosixDirectoryEntry[] = [];
  for (let at = 0; b.length > 0; ) {
    const { nextEntryOffset } = EntryStart.read(b, at);
    const information = decodeFilePosixInformation(b, at + EntryStart.size);
    const nameAt = at + EntryStart.size + informationBytes(information) + NAME_LENGTH_BYTES;
    if (nameAt > b.length) throw new WireError(EntryStart.name, `the entry at ${at} ends early`);
    const nameBytes = b.readUInt32LE(nameAt - NAME_LENGTH_BYTES);
    if (nameBytes > b.length - nameAt) {
      throw new WireError(EntryStart.name, `FileNameLength is ${nameBytes}`);
    }
    const name = utf16(b.subarray(nameAt, nameAt + nameBytes), EntryStart.name);
    entries.push({ ...information, name });
    if (nextEntryOffset === 0) break;
    if (nextEntryOffset % 8 !== 0 || nextEntryOffset < nameAt + nameBytes - at) {
      throw new WireError(EntryStart.name, `NextEntryOffset is ${nextEntryOffset}`);
    }
    at += nextEntryOffset;
  }
  return entries;
}

/** Of the file system; -1 stands for what is not known. */
export const FileFsPosixInformation = struct('FILE_FS_POSIX_INFORMATION', 'level 100', {
  optimalTransferSize: u32,
  blockSize: u32,
  totalBlocks: id64,
  blocksAvailable: id64,
  userBlocksAvailable: id64,
  totalFileNodes: id64,
  freeFileNodes: id64,
  fileSystemId: u64,
});
export type FileFsPosixInformation = Wire<typeof FileFsPosixInformation>;
