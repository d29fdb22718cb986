/**
 * Extended attributes on disk: `user.NAME`, where Samba and ksmbd keep them too. Names are found without
 * regard to case, and stay as they were first stored. Linux may hold what no client can name, and values
 * that are empty or larger than all attributes of a file may be: those are left alone.
 *
 * Limits are the disk's: XFS and Btrfs take values of 64 and 16 KiB, ext4 has some 4 KiB for all attributes
 * of a file, its ACL and user.DOSATTRIB among them. Beyond that is E2BIG.
 */
import { MAX_EAS_BYTES } from '../../fscc/extended-attributes.ts';
import { fstatfs, stfs } from '../../native/stat.ts';
import {
  fgetxattr,
  flistxattrBytes,
  fremovexattr,
  fsetxattr,
  getxattr,
  hasGetxattrat,
  listxattr,
  listxattratBytes,
  removexattr,
  setxattr,
} from '../../native/xattr.ts';
import { E2BIG, ENODATA, ENOSPC, type Errno, isErrno, type Result } from '../errno.ts';
import { changedEas, eaKey, isEaName, isReservedEa } from '../extended-attributes.ts';
import type { VfsEa } from '../vfs.ts';
import type { Credentials } from './credentials.ts';
import { DOSATTRIB } from './dos-attribute.ts';

const PREFIX = 'user.';

/** An open object; `isData` when the descriptor is open for more than its path. */
export interface EaObject {
  readonly fd: number;
  /** /proc/self/fd. */
  readonly procFd: number;
  readonly isData: boolean;
}

const pathOf = ({ fd }: EaObject): string => `/proc/self/fd/${fd}`;

/** What most files have: no more than this server gives them. */
const ONLY_DOSATTRIB = Buffer.from(`${DOSATTRIB}\0`);

function listOf({ fd, isData, procFd }: EaObject): Buffer | readonly string[] | Errno {
  if (isData) return flistxattrBytes(fd);
  return hasGetxattrat ? listxattratBytes(procFd, `${fd}`) : listxattr(`/proc/self/fd/${fd}`);
}

/** Names of attributes that clients see; asked as the server, since the kernel lets everybody list them. */
function namesOf(object: EaObject): readonly string[] | Errno {
  const list = listOf(object);
  if (typeof list === 'number') return list;
  if (list.length === 0 || (Buffer.isBuffer(list) && list.equals(ONLY_DOSATTRIB))) return [];
  const all = Buffer.isBuffer(list) ? list.toString('utf8').split('\0') : list;
  return all
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => name.slice(PREFIX.length))
    .filter((name) => isEaName(name) && !isReservedEa(name));
}

function storedValue(object: EaObject, name: string): Buffer | Errno {
  const { fd, isData } = object;
  const value = isData ? fgetxattr(fd, PREFIX + name) : getxattr(pathOf(object), PREFIX + name);
  // The bytes are the next call's.
  return typeof value === 'number' ? value : Buffer.from(value);
}

function valuesOf(object: EaObject, names: readonly string[]): Result<readonly VfsEa[]> {
  const eas: VfsEa[] = [];
  for (const name of names) {
    const value = storedValue(object, name);
    // Another process took it away meanwhile.
    if (value === ENODATA) continue;
    if (isErrno(value)) return value;
    if (value.length > 0 && value.length <= MAX_EAS_BYTES) eas.push({ name, value });
  }
  return eas;
}

/** The attributes, read as the user. Call with no identity entered. */
export function readEas(object: EaObject, credentials: Credentials): Result<readonly VfsEa[]> {
  const names = namesOf(object);
  if (isErrno(names)) return names;
  if (names.length === 0) return [];
  const refused = credentials.enter();
  if (refused !== 0) return refused;
  try {
    return valuesOf(object, names);
  } finally {
    credentials.leave();
  }
}

/** Changes them as the user. Call with no identity entered. */
export function writeEas(
  object: EaObject,
  credentials: Credentials,
  changes: readonly VfsEa[],
): Errno | 0 {
  const names = namesOf(object);
  if (isErrno(names)) return names;
  // As the server: who may write need not be able to read.
  const before = valuesOf(object, names);
  if (isErrno(before)) return before;
  const after = changedEas(before, changes);
  if (isErrno(after)) return after;
  const refused = credentials.enter();
  if (refused !== 0) return refused;
  let result: Errno | 0;
  try {
    result = makeEqual(object, before, after, new Set(changes.map(({ name }) => eaKey(name))));
  } finally {
    credentials.leave();
  }
  return result === ENOSPC && hasRoom(object.fd) ? E2BIG : result;
}

/** What an object has no room for, though its disk has. */
const hasRoom = (fd: number): boolean => fstatfs(fd) === 0 && stfs.blocksAvailable() > 0;

/** Goes from one list to the other as far as `keys` reach, and back when that fails on the way. */
function makeEqual(
  object: EaObject,
  before: readonly VfsEa[],
  after: readonly VfsEa[],
  keys: ReadonlySet<string>,
): Errno | 0 {
  const kept = new Map(after.map((ea) => [eaKey(ea.name), ea.name]));
  const had = new Map(before.map((ea) => [ea.name, ea]));
  const isMeant = ({ name }: VfsEa): boolean => keys.has(eaKey(name));
  // Space is made first. Of names that differ in case only one is kept, and the others go.
  const removed = before.filter((ea) => isMeant(ea) && kept.get(eaKey(ea.name)) !== ea.name);
  const set = after.filter(
    (ea) => isMeant(ea) && had.get(ea.name)?.value.equals(ea.value) !== true,
  );
  const undo: VfsEa[] = [];
  for (const change of [...removed.map(({ name }) => ({ name, value: NOTHING })), ...set]) {
    const result = store(object, change);
    if (result !== 0) {
      for (const ea of undo.reverse()) store(object, ea);
      return result;
    }
    undo.push(had.get(change.name) ?? { name: change.name, value: NOTHING });
  }
  return 0;
}

const NOTHING = Buffer.alloc(0);

function store(object: EaObject, { name, value }: VfsEa): Errno | 0 {
  const { fd, isData } = object;
  const stored = PREFIX + name;
  if (value.length > 0) {
    return isData ? fsetxattr(fd, stored, value) : setxattr(pathOf(object), stored, value);
  }
  const result = isData ? fremovexattr(fd, stored) : removexattr(pathOf(object), stored);
  return result === ENODATA ? 0 : result;
}
