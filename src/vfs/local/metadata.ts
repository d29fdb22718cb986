/**
 * What statx(2) and user.DOSATTRIB tell of an object, as MS-FSCC 2.4.7 wants it, and how it is changed.
 * Creation time: the attribute's, else the file system's, else the earliest of the others.
 */

import { toUnix } from '../../dtyp/filetime.ts';
import {
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_REPARSE_POINT,
  FILE_ATTRIBUTE_SPARSE_FILE,
  FILE_ATTRIBUTE_VALID_SET,
  normalizeAttributes,
} from '../../fscc/attributes.ts';
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_NOFOLLOW,
  O_PATH,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  STATX_ATTR_APPEND,
  STATX_ATTR_IMMUTABLE,
  STATX_BTIME,
} from '../../native/constants.ts';
import { close, openat } from '../../native/files.ts';
import { fchmodat, fchownat, type Timespec, utimensat } from '../../native/names.ts';
import { statx, stx } from '../../native/stat.ts';
import {
  fgetxattr,
  fsetxattr,
  getxattr,
  getxattrat,
  hasGetxattrat,
  lgetxattr,
  setxattr,
} from '../../native/xattr.ts';
import { EACCES, ENODATA, EOPNOTSUPP, EPERM, type Errno, type Result } from '../errno.ts';
import type { FileTime, VfsChanges, VfsKind, VfsReparse, VfsStat } from '../vfs.ts';
import { attributeCache, type KnownAttributes } from './attribute-cache.ts';
import { ChangeTimes } from './change-times.ts';
import { actAs, type Credentials } from './credentials.ts';
import {
  DOSATTRIB,
  type DosAttribute,
  decodeDosAttribute,
  encodeDosAttribute,
} from './dos-attribute.ts';
import { attributesOfStat, modeWith } from './making.ts';
import { reparseOfName, reparseOfObject } from './reparse.ts';
import type { LocalShare } from './share.ts';

/** What is stored; SPARSE_FILE comes by FSCTL_SET_SPARSE (MS-FSCC 2.3.64). */
export const STORED_ATTRIBUTES = FILE_ATTRIBUTE_VALID_SET | FILE_ATTRIBUTE_SPARSE_FILE;

/** What `change` changes: beside what clients set, whether there is a reparse point. */
export interface LocalChanges extends VfsChanges {
  readonly reparse?: boolean;
}

/** 1601 to 1970. */
const EPOCH_SECONDS = 11_644_473_600;
const UNITS_PER_SECOND = 10_000_000;
const TWO_TO_16 = 0x1_0000;
const TWO_TO_32 = 0x1_0000_0000;

const timeBuffer = new BigUint64Array(1);
const timeWords = new Uint32Array(timeBuffer.buffer);

/** FILETIME of a timespec, exact; in two halves, since one product would pass 2^53. */
export function fileTimeOf(seconds: number, nanoseconds: number): FileTime {
  const since1601 = seconds + EPOCH_SECONDS;
  if (since1601 < 0) return 0n;
  const high = Math.floor(since1601 / TWO_TO_16);
  const low = since1601 - high * TWO_TO_16;
  const lowUnits = low * UNITS_PER_SECOND + Math.floor(nanoseconds / 100);
  const highUnits = high * UNITS_PER_SECOND;
  const sum = (highUnits % TWO_TO_16) * TWO_TO_16 + lowUnits;
  const carry = Math.floor(sum / TWO_TO_32);
  timeWords[0] = sum - carry * TWO_TO_32;
  timeWords[1] = Math.floor(highUnits / TWO_TO_16) + carry;
  return timeBuffer[0]!;
}

export function kindOf(mode: number): VfsKind {
  const type = mode & S_IFMT;
  if (type === S_IFREG) return 'file';
  if (type === S_IFDIR) return 'directory';
  return type === S_IFLNK ? 'symlink' : 'other';
}

/**
 * Device and inode of the statx just made: names an object of this machine. Not to be read, but in one
 * piece, which texts put together would not be.
 */
export function inodeKeyOfStat(): string {
  keyBytes.writeDoubleLE(stx.device(), 0);
  keyBytes.writeUInt32LE(stx.inodeHigh(), 8);
  keyBytes.writeUInt32LE(stx.inodeLow(), 12);
  return keyBytes.toString('latin1');
}

/** The same of an object whose device and inode are known. */
export function inodeKeyOf(device: number, inode: bigint): string {
  keyBytes.writeDoubleLE(device, 0);
  keyBytes.writeUInt32LE(Number(inode >> 32n), 8);
  keyBytes.writeUInt32LE(Number(inode & 0xffff_ffffn), 12);
  return keyBytes.toString('latin1');
}

const keyBytes = Buffer.alloc(16);

const earlier = (a: FileTime, b: FileTime): FileTime => (a < b ? a : b);

/** From the statx just made. */
function statOf(
  volumeId: number,
  dos: DosAttribute | undefined,
  known: KnownAttributes | undefined,
  reparse: VfsReparse | undefined,
): VfsStat {
  const mode = stx.mode();
  const kind = kindOf(mode);
  const isDirectory = kind === 'directory';
  const lastAccessTime = fileTimeOf(stx.accessSeconds(), stx.accessNanoseconds());
  const lastWriteTime = fileTimeOf(stx.modificationSeconds(), stx.modificationNanoseconds());
  const changeTime = changeTimeOfStat();
  const stored = (dos?.attributes ?? 0) & STORED_ATTRIBUTES;
  const stat: VfsStat = {
    kind,
    fileId: stx.inode(),
    volumeId,
    linkCount: stx.linkCount(),
    size: isDirectory ? 0 : stx.size(),
    allocationSize: isDirectory ? 0 : stx.blocks512() * 512,
    creationTime: dos?.creationTime ?? birthTimeOfStat(),
    lastAccessTime,
    lastWriteTime,
    changeTime,
    attributes: isDirectory ? stored | FILE_ATTRIBUTE_DIRECTORY : normalizeAttributes(stored),
    mode,
    uid: stx.uid(),
    gid: stx.gid(),
    hasNoEas: known?.hasNoEas === true,
  };
  return reparse === undefined ? stat : { ...stat, reparse };
}

/** Of the machine, since a file may be in several shares. */
export const changeTimes = new ChangeTimes();

/** st_ctime of the statx just made. */
export const actualChangeTime = (): FileTime =>
  fileTimeOf(stx.changeSeconds(), stx.changeNanoseconds());

function changeTimeOfStat(): FileTime {
  const actual = actualChangeTime();
  if (changeTimes.size === 0) return actual;
  return changeTimes.told(inodeKeyOfStat(), actual) ?? actual;
}

/** When the file system says that it was made. */
export function birthTimeOfStat(): FileTime {
  if ((stx.mask() & STATX_BTIME) !== 0 && stx.birthSeconds() !== 0) {
    return fileTimeOf(stx.birthSeconds(), stx.birthNanoseconds());
  }
  const access = fileTimeOf(stx.accessSeconds(), stx.accessNanoseconds());
  const write = fileTimeOf(stx.modificationSeconds(), stx.modificationNanoseconds());
  const change = fileTimeOf(stx.changeSeconds(), stx.changeNanoseconds());
  return earlier(access, earlier(write, change));
}

/** Only files and directories carry `user.` attributes. */
function mayHaveAttributes(): boolean {
  const type = stx.mode() & S_IFMT;
  return type === S_IFREG || type === S_IFDIR;
}

/** A descriptor's xattr; `isData` when it is open for more than its path. */
function xattrOf(share: LocalShare, fd: number, isData: boolean): Buffer | Errno {
  if (isData) return fgetxattr(fd, DOSATTRIB);
  return hasGetxattrat
    ? getxattrat(share.procFd, `${fd}`, true, DOSATTRIB)
    : getxattr(`/proc/self/fd/${fd}`, DOSATTRIB);
}

/**
 * Read as the server: the attributes are not the file's content. A file server behind us may know the
 * user but not the superuser, so the user is the second try.
 */
function dosAttributeBy(
  credentials: Credentials,
  known: KnownAttributes | undefined,
  read: () => Buffer | Errno,
): DosAttribute | undefined {
  if (known !== undefined && known.dos !== null) return known.dos;
  let value = read();
  if (value === EACCES && credentials.enter() === 0) {
    try {
      value = read();
    } finally {
      credentials.leave();
    }
  }
  const isTold = typeof value !== 'number' || value === ENODATA;
  const dos = typeof value === 'number' ? undefined : decodeDosAttribute(value);
  if (known !== undefined && isTold) known.dos = dos;
  return dos;
}

/** Only of what says so is it looked at. */
const mayHaveReparse = (dos: DosAttribute | undefined): boolean =>
  dos !== undefined && (dos.attributes & FILE_ATTRIBUTE_REPARSE_POINT) !== 0 && mayHaveAttributes();

/** Whether what statx has just told of is immutable, or only to be appended to. */
export const isFixedByStat = (): boolean =>
  (stx.attributes() & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) !== 0;

/** What is known of the attributes of what statx has just told of. */
const knownOfStat = (fd?: number): KnownAttributes | undefined =>
  mayHaveAttributes() ? attributeCache.ofStat(fd) : undefined;

/** An open object. */
export interface StatObject {
  readonly fd: number;
  /** The descriptor is open for more than its path. */
  readonly isData: boolean;
  /** What is known of its attributes since it was last asked for its stat. */
  known: KnownAttributes | undefined;
  /** Its st_ctime then. */
  changeSeconds: number;
  changeNanoseconds: number;
  /** Whether it is immutable, or only to be appended to, by then. */
  isFixed: boolean;
}

/** The attributes that the share keeps in mode bits, of the statx just made. */
function inMode({ making }: LocalShare, credentials: Credentials): DosAttribute | undefined {
  if (making.mapped === undefined || !mayHaveAttributes()) return undefined;
  const isDirectory = (stx.mode() & S_IFMT) === S_IFDIR;
  const attributes = attributesOfStat(making.mapped, isDirectory, credentials);
  return { attributes, creationTime: undefined, initialTime: undefined };
}

/** The stat of an open object. Call with no identity entered. */
export function statObject(
  share: LocalShare,
  credentials: Credentials,
  object: StatObject,
): Result<VfsStat> {
  const refused = statx(object.fd, '', AT_EMPTY_PATH);
  return refused !== 0 ? refused : statStated(share, credentials, object);
}

/** The same of an object that statx has just told of. */
export function statStated(
  share: LocalShare,
  credentials: Credentials,
  object: StatObject,
): VfsStat {
  const { fd } = object;
  const volumeId = share.volumes.idOf(stx.device(), fd);
  object.known = knownOfStat(fd);
  object.changeSeconds = stx.changeSeconds();
  object.changeNanoseconds = stx.changeNanoseconds();
  object.isFixed = isFixedByStat();
  const dos =
    share.features.attributes && mayHaveAttributes()
      ? dosAttributeBy(credentials, object.known, () => xattrOf(share, fd, object.isData))
      : inMode(share, credentials);
  const reparse = mayHaveReparse(dos) ? reparseOfObject(fd) : undefined;
  return statOf(volumeId, dos, object.known, reparse);
}

/** The stat of what was made just now with these attributes stored; undefined where it cannot be told. */
export function statMade(
  share: LocalShare,
  object: StatObject,
  dos: DosAttribute,
): VfsStat | undefined {
  if (statx(object.fd, '', AT_EMPTY_PATH) !== 0) return undefined;
  object.changeSeconds = stx.changeSeconds();
  object.changeNanoseconds = stx.changeNanoseconds();
  return statOf(share.volumes.idOf(stx.device(), object.fd), dos, undefined, undefined);
}

/** The stat of what statx has just found as `name` in `dir`. Call with no identity entered. */
export function statFound(
  share: LocalShare,
  credentials: Credentials,
  dir: number,
  name: string,
): VfsStat {
  const known = knownOfStat();
  const dos =
    share.features.attributes && mayHaveAttributes()
      ? dosAttributeBy(credentials, known, () =>
          hasGetxattrat
            ? getxattrat(dir, name, false, DOSATTRIB)
            : lgetxattr(`/proc/self/fd/${dir}/${name}`, DOSATTRIB),
        )
      : inMode(share, credentials);
  const reparse = mayHaveReparse(dos) ? reparseOfName(dir, name) : undefined;
  const device = stx.device();
  if (share.volumes.has(device)) {
    return statOf(share.volumes.idOf(device, dir), dos, known, reparse);
  }
  const fd = openat(dir, name, O_PATH | O_NOFOLLOW);
  const stat = statOf(share.volumes.idOf(device, fd), dos, known, reparse);
  if (fd >= 0) close(fd);
  return stat;
}

/** The name in `dir` as statx tells it: 0 or an errno. Call with the identity entered. */
export const statName = (dir: number, name: string): Errno | 0 =>
  statx(dir, name, AT_SYMLINK_NOFOLLOW);

/** Makes the changes as the user. Call with no identity entered. */
export function change(
  share: LocalShare,
  credentials: Credentials,
  fd: number,
  isData: boolean,
  changes: LocalChanges,
): Errno | 0 {
  const refused = changeStored(share, credentials, fd, isData, changes);
  if (refused !== 0 || changes.changeTime === undefined) return refused;
  const unknown = statx(fd, '', AT_EMPTY_PATH);
  if (unknown !== 0) return unknown;
  changeTimes.keep(inodeKeyOfStat(), changes.changeTime, actualChangeTime());
  return 0;
}

function changeStored(
  share: LocalShare,
  credentials: Credentials,
  fd: number,
  isData: boolean,
  changes: LocalChanges,
): Errno | 0 {
  const { attributes, creationTime, sparse, reparse } = changes;
  if ((attributes ?? creationTime ?? sparse ?? reparse) !== undefined) {
    const refused = storeDosAttribute(share, credentials, fd, isData, changes);
    if (refused !== 0) return refused;
  }
  const refusedOwnership = changeOwnership(share, credentials, fd, changes);
  if (refusedOwnership !== 0) return refusedOwnership;
  if (changes.lastAccessTime === undefined && changes.lastWriteTime === undefined) return 0;
  return actAs(credentials, () => {
    const access = timespecOf(changes.lastAccessTime);
    return utimensat(share.procFd, `${fd}`, access, timespecOf(changes.lastWriteTime), 0);
  });
}

/** chown(2) takes 2^32 - 1 for "as it is". */
const AS_IT_IS = 0xffff_ffff;

/** Owner first, since that takes setuid and setgid away. */
function changeOwnership(
  share: LocalShare,
  credentials: Credentials,
  fd: number,
  { mode, uid, gid }: VfsChanges,
): Errno | 0 {
  if (mode === undefined && uid === undefined && gid === undefined) return 0;
  return actAs(credentials, () => {
    const given = uid !== undefined || gid !== undefined;
    const kept = given ? fchownat(share.procFd, `${fd}`, uid ?? AS_IT_IS, gid ?? AS_IT_IS) : 0;
    return kept !== 0 || mode === undefined ? kept : fchmodat(share.procFd, `${fd}`, mode);
  });
}

const timespecOf = (time: FileTime | undefined): Timespec | undefined =>
  time === undefined ? undefined : toUnix(time);

/** FILE_ATTRIBUTE_SPARSE_FILE and FILE_ATTRIBUTE_REPARSE_POINT are changed by themselves. */
function askedAttributes(changes: LocalChanges, known: number): number | undefined {
  const { attributes, sparse, reparse } = changes;
  if ((attributes ?? sparse ?? reparse) === undefined) return undefined;
  const isSparse = sparse ?? (known & FILE_ATTRIBUTE_SPARSE_FILE) !== 0;
  const hasReparse = reparse ?? (known & FILE_ATTRIBUTE_REPARSE_POINT) !== 0;
  const others = (attributes ?? known) & STORED_ATTRIBUTES & ~FILE_ATTRIBUTE_SPARSE_FILE;
  const bySize = isSparse ? FILE_ATTRIBUTE_SPARSE_FILE : 0;
  return others | bySize | (hasReparse ? FILE_ATTRIBUTE_REPARSE_POINT : 0);
}

function storeDosAttribute(
  share: LocalShare,
  credentials: Credentials,
  fd: number,
  isData: boolean,
  changes: LocalChanges,
): Errno | 0 {
  const refused = statx(fd, '', AT_EMPTY_PATH);
  if (refused !== 0) return refused;
  if (share.making.mapped !== undefined && mayHaveAttributes()) {
    const { attributes } = changes;
    return attributes === undefined ? EOPNOTSUPP : storeInMode(share, credentials, fd, attributes);
  }
  const known =
    share.features.attributes && mayHaveAttributes()
      ? dosAttributeBy(credentials, undefined, () => xattrOf(share, fd, isData))
      : undefined;
  const asked = askedAttributes(changes, known?.attributes ?? 0);
  // What no attribute at all says already.
  if (known === undefined && !asked && changes.creationTime === undefined) return 0;
  const canStore = share.features.attributes && mayHaveAttributes();
  const birthTime = birthTimeOfStat();
  const creationTime = changes.creationTime ?? known?.creationTime ?? birthTime;
  const hasLoss = !!asked || creationTime !== birthTime;
  if (!canStore) return hasLoss ? EOPNOTSUPP : 0;
  const bytes = encodeDosAttribute({
    attributes: asked ?? known?.attributes ?? 0,
    creationTime,
    initialTime: known?.initialTime ?? creationTime,
  });
  const isOwner = stx.uid() === credentials.uid;
  const result = writeAs(credentials, isOwner, () =>
    isData ? fsetxattr(fd, DOSATTRIB, bytes) : setxattr(`/proc/self/fd/${fd}`, DOSATTRIB, bytes),
  );
  return result === EOPNOTSUPP && !hasLoss ? 0 : result;
}

/** As the user: who does not own the file may not. */
function storeInMode(
  share: LocalShare,
  credentials: Credentials,
  fd: number,
  attributes: number,
): Errno | 0 {
  const now = stx.mode();
  const isDirectory = (now & S_IFMT) === S_IFDIR;
  const mode = modeWith(share.making.mapped!, now & ~S_IFMT, attributes, isDirectory);
  if (mode === (now & ~S_IFMT)) return 0;
  return actAs(credentials, () => fchmodat(share.procFd, `${fd}`, mode));
}

/** As the user; the owner of a file whose mode forbids writing may still set its attributes. */
function writeAs(credentials: Credentials, isOwner: boolean, write: () => Errno | 0): Errno | 0 {
  const refused = credentials.enter();
  if (refused !== 0) return refused;
  let result: Errno | 0;
  try {
    result = write();
  } finally {
    credentials.leave();
  }
  return (result === EACCES || result === EPERM) && isOwner ? write() : result;
}
