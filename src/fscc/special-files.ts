/**
 * MS-FSCC 2.1.2.6 and 2.1.2.7: symbolic links, FIFOs, sockets and devices of NFS clients and of WSL, as reparse
 * points.
 */
import { utf16 } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { decodeSymbolicLinkReparseData, type SymbolicLinkReparseData } from './reparse-data.ts';
import {
  IO_REPARSE_TAG_AF_UNIX,
  IO_REPARSE_TAG_LX_BLK,
  IO_REPARSE_TAG_LX_CHR,
  IO_REPARSE_TAG_LX_FIFO,
  IO_REPARSE_TAG_LX_SYMLINK,
  IO_REPARSE_TAG_NFS,
  IO_REPARSE_TAG_SYMLINK,
} from './reparse-tags.ts';

const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFLNK = 0o120000;
const S_IFSOCK = 0o140000;

/** NFS_SPECFILE_…: the file type, and how many bytes follow; a link has its target. */
const NFS_TYPES: ReadonlyMap<bigint, readonly [type: number, bytes: number | undefined]> = new Map([
  [0x014b_4e4cn, [S_IFLNK, undefined]],
  [0x0052_4843n, [S_IFCHR, 8]],
  [0x004b_4c42n, [S_IFBLK, 8]],
  [0x4f46_4946n, [S_IFIFO, 0]],
  [0x4b43_4f53n, [S_IFSOCK, 0]],
]);

const TYPE_OF_TAG: ReadonlyMap<number, number> = new Map([
  [IO_REPARSE_TAG_SYMLINK, S_IFLNK],
  [IO_REPARSE_TAG_LX_SYMLINK, S_IFLNK],
  [IO_REPARSE_TAG_LX_FIFO, S_IFIFO],
  [IO_REPARSE_TAG_LX_CHR, S_IFCHR],
  [IO_REPARSE_TAG_LX_BLK, S_IFBLK],
  [IO_REPARSE_TAG_AF_UNIX, S_IFSOCK],
]);

/** Of REPARSE_DATA_BUFFER. */
const HEADER_BYTES = 8;
const TYPE_BYTES = 8;
const LX_VERSION = 2;
const LX_VERSION_BYTES = 4;
/** The upper limit of 2.1.2.6 in bytes of UTF-16, and PATH_MAX of Linux. */
const MAX_TARGET_BYTES = 4096;

/** S_IFLNK, S_IFIFO and so on of what has this reparse point (with its header); 0 where it stands for none of these. */
export function fileTypeOfReparse(bytes: Buffer): number {
  if (bytes.length < HEADER_BYTES) return 0;
  const tag = bytes.readUInt32LE(0);
  if (tag !== IO_REPARSE_TAG_NFS) return TYPE_OF_TAG.get(tag) ?? 0;
  if (bytes.length < HEADER_BYTES + TYPE_BYTES) return 0;
  return NFS_TYPES.get(bytes.readBigUInt64LE(HEADER_BYTES))?.[0] ?? 0;
}

function nfsTarget(data: Buffer): string | undefined {
  const name = 'Network File System Reparse Data Buffer';
  if (data.length < TYPE_BYTES) throw new WireError(name, `${data.length} bytes`);
  const known = NFS_TYPES.get(data.readBigUInt64LE(0));
  if (known === undefined) throw new WireError(name, 'unknown type');
  const [type, bytes] = known;
  const rest = data.subarray(TYPE_BYTES);
  if (bytes !== undefined && rest.length !== bytes) throw new WireError(name, `${rest.length}`);
  return type === S_IFLNK ? utf16(rest, name) : undefined;
}

function wslTarget(data: Buffer): string {
  const name = 'LX SYMLINK REPARSE_DATA_BUFFER';
  if (data.length < LX_VERSION_BYTES || data.readUInt32LE(0) !== LX_VERSION) {
    throw new WireError(name, 'version');
  }
  return data.toString('utf8', LX_VERSION_BYTES);
}

/** As Linux writes it. An absolute one of Windows is none that Linux could follow. */
function windowsTarget({ substituteName, flags }: SymbolicLinkReparseData): string | undefined {
  const isRelative = (flags & 1) !== 0;
  return isRelative ? substituteName.replaceAll('\\', '/') : undefined;
}

/**
 * Where a symbolic link leads, as Linux writes it; undefined for a reparse point that is no link, or one to an
 * absolute place. What is malformed is a WireError: `whole` has the header, `data` is behind it.
 */
export function linkTargetOfReparse(tag: number, whole: Buffer, data: Buffer): string | undefined {
  if (data.length > MAX_TARGET_BYTES * 4) throw new WireError('symbolic link', `${data.length}`);
  switch (tag) {
    case IO_REPARSE_TAG_SYMLINK:
      return windowsTarget(decodeSymbolicLinkReparseData(whole));
    case IO_REPARSE_TAG_NFS:
      return nfsTarget(data);
    case IO_REPARSE_TAG_LX_SYMLINK:
      return wslTarget(data);
    default:
      return undefined;
  }
}

/**
 * Whether a symbolic link in the directory `depth` components below the share's root leads nowhere else. By its text
 * alone, so `..` behind a name counts as leading out: what has that name may be a link itself.
 */
export function staysInShare(target: string, depth: number): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\0')) return false;
  // On a DFS root it would send everybody to another server, which is the operator's to say.
  if (/^msdfs:/i.test(target)) return false;
  if (Buffer.byteLength(target) >= MAX_TARGET_BYTES) return false;
  const components = target.split('/').filter((one) => one !== '' && one !== '.');
  const named = components.findIndex((one) => one !== '..');
  const up = named < 0 ? components.length : named;
  return up <= depth && !components.slice(up).includes('..');
}

/** A special file as an NFS client makes one, header and all: 2.1.2.6. `target` of a link, `device` of a device. */
export function encodeNfsReparseData(
  fileType: number,
  { target = '', device }: { target?: string; device?: { major: number; minor: number } },
): Buffer {
  const [type] = [...NFS_TYPES].find(([, [mode]]) => mode === fileType)!;
  const text = Buffer.from(target, 'utf16le');
  const rest = device === undefined ? text : Buffer.alloc(8);
  if (device !== undefined) {
    rest.writeUInt32LE(device.major);
    rest.writeUInt32LE(device.minor, 4);
  }
  const b = Buffer.alloc(HEADER_BYTES + TYPE_BYTES + rest.length);
  b.writeUInt32LE(IO_REPARSE_TAG_NFS);
  b.writeUInt16LE(TYPE_BYTES + rest.length, 4);
  b.writeBigUInt64LE(type, HEADER_BYTES);
  b.set(rest, HEADER_BYTES + TYPE_BYTES);
  return b;
}

/** Of a device that an NFS client has made: its numbers. */
export function nfsDeviceOf(bytes: Buffer): { major: number; minor: number } | undefined {
  const at = HEADER_BYTES + TYPE_BYTES;
  const fileType = fileTypeOfReparse(bytes);
  if (fileType !== S_IFCHR && fileType !== S_IFBLK) return undefined;
  if (bytes.length < at + 8 || bytes.readUInt32LE(0) !== IO_REPARSE_TAG_NFS) return undefined;
  return { major: bytes.readUInt32LE(at), minor: bytes.readUInt32LE(at + 4) };
}
