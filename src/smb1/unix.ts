/**
 * The CIFS Unix extensions (SNIA's CIFS technical reference, and what Samba and Linux have agreed upon since): levels
 * from 0x200 on of TRANS2_QUERY_ and TRANS2_SET_ of files and file systems, and of TRANS2_FIND_. MS-CIFS 2.2.2.3 leaves
 * their numbers to them. Offsets and ids are of 64 bits, times are FILETIMEs, all ones is "as it is".
 */
import { encodeSid, type Sid } from '../dtyp/sid.ts';
import { isNamed, isPosixAclTag, type PosixAcl, type PosixAclEntry } from '../fscc/posix-acl.ts';
import { FileFsPosixInformation, PosixFileType } from '../fscc/posix-information.ts';
import { id64, pad, struct, u8, u16, u32, u64, type Wire } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';

/** Of files, to be queried and set. */
export const UnixLevel = {
  BASIC: 0x0200,
  LINK: 0x0201,
  HARD_LINK: 0x0203,
  ACL: 0x0204,
  LOCK: 0x0208,
  OPEN: 0x0209,
  UNLINK: 0x020a,
  INFO2: 0x020b,
} as const;

export const UnixFindLevel = { UNIX: 0x0202, INFO2: 0x020b } as const;

export const UnixFsLevel = { CIFS_UNIX: 0x0200, POSIX_FS: 0x0201, WHO_AM_I: 0x0202 } as const;

export const CIFS_UNIX_FCNTL_LOCKS_CAP = 0x1;
export const CIFS_UNIX_POSIX_ACLS_CAP = 0x2;
export const CIFS_UNIX_POSIX_PATHNAMES_CAP = 0x10;
export const CIFS_UNIX_POSIX_PATH_OPERATIONS_CAP = 0x20;

export const CifsUnixInfo = struct('SMB_QUERY_CIFS_UNIX_INFO', 'CIFS Unix extensions', {
  majorVersion: u16,
  minorVersion: u16,
  capabilities: u64,
});

/** SMB_QUERY_POSIX_FS_INFO: what level 100 of SMB3's has, too. */
export const PosixFsInfo = FileFsPosixInformation;

const basic = {
  endOfFile: u64,
  numBytes: u64,
  changeTime: u64,
  lastAccessTime: u64,
  lastWriteTime: u64,
  uid: u64,
  gid: u64,
  type: u32,
  deviceMajor: u64,
  deviceMinor: u64,
  uniqueId: u64,
  permissions: u64,
  linkCount: u64,
};
export const UnixBasic = struct('SMB_QUERY_FILE_UNIX_BASIC', 'CIFS Unix extensions', basic);
export type UnixBasic = Wire<typeof UnixBasic>;

export const UnixInfo2 = struct('SMB_QUERY_FILE_UNIX_INFO2', 'CIFS Unix extensions', {
  ...basic,
  creationTime: u64,
  fileFlags: u32,
  flagsMask: u32,
});
export type UnixInfo2 = Wire<typeof UnixInfo2>;

/** "As it is" of every field that is set; of times 0 as well. */
export const NO_CHANGE = 0xffff_ffff_ffff_ffffn;
/** Of `type`: nothing is to be made. */
export const NO_TYPE = 0xffff_ffff;

export function decodeUnixBasic(data: Buffer): UnixBasic {
  return UnixBasic.read(data);
}

export const decodeUnixInfo2 = (data: Buffer): UnixInfo2 => UnixInfo2.read(data);

/** By the type bits of st_mode. */
const TYPES: ReadonlyMap<number, number> = new Map([
  [0o100000, PosixFileType.FILE],
  [0o040000, PosixFileType.DIRECTORY],
  [0o120000, PosixFileType.SYMLINK],
  [0o020000, PosixFileType.CHARACTER_DEVICE],
  [0o060000, PosixFileType.BLOCK_DEVICE],
  [0o010000, PosixFileType.FIFO],
  [0o140000, PosixFileType.SOCKET],
]);
const S_IFMT = 0o170000;

export const unixType = (mode: number): number => TYPES.get(mode & S_IFMT) ?? PosixFileType.FILE;

/** Entries of SMB_FIND_FILE_UNIX and of SMB_FIND_FILE_UNIX_INFO2. */
export function encodeUnixEntry(
  level: number,
  information: UnixInfo2,
  resumeKey: number,
  name: Buffer,
): Buffer {
  const withInfo2 = level === UnixFindLevel.INFO2;
  const structure = withInfo2 ? UnixInfo2 : UnixBasic;
  const nameAt = 8 + structure.size + (withInfo2 ? 4 : 0);
  // The old level's name ends in a NUL, of one unit; the new one counts.
  const b = Buffer.alloc(nameAt + name.length + (withInfo2 ? 0 : 2));
  b.writeUInt32LE(resumeKey, 4);
  (structure as typeof UnixInfo2).write(b, information, 8);
  if (withInfo2) b.writeUInt32LE(name.length, nameAt - 4);
  b.set(name, nameAt);
  return b;
}

export interface WhoAmI {
  readonly isGuest: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly sids: readonly Sid[];
}

const WhoAmIHead = struct('SMB_QUERY_POSIX_WHO_AM_I', 'CIFS Unix extensions', {
  mappingFlags: u32,
  mappingMask: u32,
  uid: id64,
  gid: id64,
  groupCount: u32,
  sidCount: u32,
  sidBytes: u32,
  reserved: pad(4),
});
const SMB_WHOAMI_GUEST = 1;

/** The lists are left out where they do not fit. */
export function encodeWhoAmI({ isGuest, uid, gid, groups, sids }: WhoAmI, limit: number): Buffer {
  const encoded = Buffer.concat(sids.map(encodeSid));
  const whole = WhoAmIHead.size + 8 * groups.length + encoded.length;
  const fits = whole <= limit;
  const b = Buffer.alloc(fits ? whole : WhoAmIHead.size);
  WhoAmIHead.write(b, {
    mappingFlags: isGuest ? SMB_WHOAMI_GUEST : 0,
    mappingMask: SMB_WHOAMI_GUEST,
    uid,
    gid,
    groupCount: fits ? groups.length : 0,
    sidCount: fits ? sids.length : 0,
    sidBytes: fits ? encoded.length : 0,
  });
  if (!fits) return b;
  let at = WhoAmIHead.size;
  for (const group of groups) at = b.writeBigUInt64LE(BigInt(group), at);
  b.set(encoded, at);
  return b;
}

export const SMB_O_RDONLY = 0x001;
export const SMB_O_WRONLY = 0x002;
export const SMB_O_RDWR = 0x004;
export const SMB_O_CREAT = 0x010;
export const SMB_O_EXCL = 0x020;
export const SMB_O_TRUNC = 0x040;
export const SMB_O_APPEND = 0x080;
export const SMB_O_SYNC = 0x100;
export const SMB_O_DIRECTORY = 0x200;

export const PosixOpen = struct('SMB_POSIX_PATH_OPEN', 'CIFS Unix extensions', {
  openFlags: u32,
  posixOpenFlags: u32,
  permissions: u64,
  level: u16,
});
/** No information behind the answer. */
export const NO_LEVEL = 0xffff;

export const PosixOpened = struct('SMB_POSIX_PATH_OPEN response', 'CIFS Unix extensions', {
  oplockFlags: u16,
  fid: u16,
  createAction: u32,
  returnedLevel: u16,
  reserved: pad(2),
});

/** Whether a directory is to be unlinked. */
export function decodeUnlink(data: Buffer): boolean {
  if (data.length < 2) throw new WireError('SMB_POSIX_UNLINK', `${data.length} bytes`);
  const type = data.readUInt16LE(0);
  if (type > 1) throw new WireError('SMB_POSIX_UNLINK', `type ${type}`);
  return type === 1;
}

const AclHead = struct('SMB_QUERY_POSIX_ACL', 'CIFS Unix extensions', {
  version: u16,
  accessCount: u16,
  defaultCount: u16,
});
const AclEntry = struct('POSIX ACE', 'CIFS Unix extensions', {
  tag: u8,
  permissions: u8,
  id: u64,
});
const ACL_VERSION = 1;
/** Of a count: the list stays as it is. */
const IGNORED_LIST = 0xffff;
/** Of who is nobody: all ones. */
const NO_ACL_ID = 0xffff_ffff_ffff_ffffn;
const MAX_ACL_ID = 0xffff_fffen;

export interface PosixLists {
  readonly access: PosixAcl;
  readonly default: PosixAcl;
}

export function encodePosixAcls({ access, default: handedOn }: PosixLists): Buffer {
  const head = { version: ACL_VERSION, accessCount: access.length, defaultCount: handedOn.length };
  const entries = [...access, ...handedOn].map(({ tag, permissions, id }) =>
    AclEntry.encode({ tag, permissions, id: id === undefined ? NO_ACL_ID : BigInt(id) }),
  );
  return Buffer.concat([AclHead.encode(head), ...entries]);
}

/** What is to be set: a list that is to stay is left out. */
export function decodePosixAcls(data: Buffer): Partial<PosixLists> {
  const { version, accessCount, defaultCount } = AclHead.read(data);
  if (version !== ACL_VERSION) throw new WireError('SMB_SET_POSIX_ACL', `version ${version}`);
  const counts = [accessCount, defaultCount].map((count) => (count === IGNORED_LIST ? 0 : count));
  const [own = 0, handedOn = 0] = counts;
  if (data.length !== AclHead.size + AclEntry.size * (own + handedOn)) {
    throw new WireError('SMB_SET_POSIX_ACL', `${data.length} bytes`);
  }
  const list = (from: number, count: number): PosixAcl =>
    Array.from({ length: count }, (_, i) => decodeAclEntry(data, from + i));
  return {
    ...(accessCount !== IGNORED_LIST && { access: list(0, own) }),
    ...(defaultCount !== IGNORED_LIST && { default: list(own, handedOn) }),
  };
}

function decodeAclEntry(data: Buffer, index: number): PosixAclEntry {
  const { tag, permissions, id } = AclEntry.read(data, AclHead.size + index * AclEntry.size);
  if (!isPosixAclTag(tag) || permissions > 7) {
    throw new WireError('SMB_SET_POSIX_ACL', `entry ${index}: tag ${tag}, ${permissions}`);
  }
  if (!isNamed(tag)) return { tag, permissions, id: undefined };
  if (id > MAX_ACL_ID) throw new WireError('SMB_SET_POSIX_ACL', `entry ${index}: id ${id}`);
  return { tag, permissions, id: Number(id) };
}

export const PosixLockType = { READ: 0, WRITE: 1, UNLOCK: 2 } as const;
export const POSIX_LOCK_FLAG_WAIT = 1;

export const PosixLock = struct('SMB_SET_POSIX_LOCK', 'CIFS Unix extensions', {
  type: u16,
  flags: u16,
  pid: u32,
  start: u64,
  length: u64,
});
export type PosixLock = Wire<typeof PosixLock>;
