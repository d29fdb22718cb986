/**
 * Named streams of a local file or directory: which there are, and one that is open. Their bytes are in
 * stream-value.ts. Changes are made as the user, and the kernel decides; what handles of one stream must
 * agree on, its name and whether it is there, is kept with the inode while any of them is open.
 */
import { clientStreamName } from '../../fscc/private-names.ts';
import { foldKey } from '../../fscc/upcase.ts';
import { UTIME_NOW } from '../../native/constants.ts';
import { utimensat } from '../../native/names.ts';
import { flistxattr, listxattr } from '../../native/xattr.ts';
import { isAfpInfo, made, opened, present } from '../apple-streams.ts';
import {
  E2BIG,
  EACCES,
  EEXIST,
  EFBIG,
  ENAMETOOLONG,
  ENOENT,
  ENOSPC,
  EOPNOTSUPP,
  type Errno,
  isErrno,
  type Result,
} from '../errno.ts';
import type { StreamSizes, SyncStreamObject } from '../stream-handle.ts';
import type { VfsStream, VfsStreamRules } from '../vfs.ts';
import { actAs, type Credentials } from './credentials.ts';
import type { EaObject } from './extended-attributes.ts';
import { NETATALK, readNetatalk, tellNetatalk } from './netatalk.ts';
import type { OpenInode, OpenStream } from './open-inodes.ts';
import type { OwnChanges } from './own-changes.ts';
import {
  MAX_STREAM_BYTES,
  MAX_STREAM_NAME_BYTES,
  readStream,
  removeStream,
  type StoredStream,
  type StreamFormat,
  streamNames,
  writeStream,
} from './stream-value.ts';

/** The object that the streams are of, as its handle knows it. */
export interface StreamBase {
  readonly credentials: Credentials;
  readonly inode: OpenInode;
  readonly own: OwnChanges;
  readonly format: StreamFormat;
  object(): EaObject;
  /** Extended attributes are durable with the inode, not with its data. */
  sync(): Promise<Errno | 0>;
}

/** XATTR_LIST_MAX of Linux: beyond it nobody can list the names any more. */
const LIST_BYTES = 65_536;
/** `user.DosStream.`, `:$DATA` and the NUL behind it. */
const NAME_OVERHEAD_BYTES = 22;
const NOTHING = Buffer.alloc(0);
const AFP_INFO = 'AFP_AfpInfo';
/** As NTFS tells of a stream that lies in the file's record. */
const ALLOCATION_BYTES = 8;

/** Asked as the server: the kernel lets everybody list names. */
function namesOf(base: StreamBase): readonly string[] | Errno {
  const { fd, isData } = base.object();
  const list = isData ? flistxattr(fd) : listxattr(`/proc/self/fd/${fd}`);
  if (typeof list === 'number') return list;
  return list;
}

const asUser = <T>({ credentials }: StreamBase, act: () => T): T | Errno => actAs(credentials, act);

const changing = <T>(base: StreamBase, change: () => T): T | Errno =>
  base.own.touching(base.inode.key, () => asUser(base, change));

/**
 * As the server, which has asked at open whether the user may; a file server behind us may know the user
 * but not the superuser.
 */
function read(base: StreamBase, name: string): Result<StoredStream> {
  const value = readStored(base.object(), name, base.format);
  return value === EACCES
    ? asUser(base, () => readStored(base.object(), name, base.format))
    : value;
}

function readStored(object: EaObject, name: string, format: StreamFormat): Result<StoredStream> {
  const value = readStream(object, name, format);
  return value === ENOENT && isAfpInfo(name) ? readNetatalk(object) : value;
}

function removeStored(object: EaObject, name: string, format: StreamFormat): Errno | 0 {
  const before = readStored(object, name, format);
  if (isErrno(before)) return before;
  const result = before.values.length === 0 ? 0 : removeStream(object, name, format);
  return result === 0 && isAfpInfo(name) ? tellNetatalk(object, NOTHING) : result;
}

const sizesOf = ({ bytes }: StoredStream): StreamSizes => ({
  size: bytes.length,
  allocationSize: Math.ceil(bytes.length / ALLOCATION_BYTES) * ALLOCATION_BYTES,
});

function listStreams(base: StreamBase, rules?: VfsStreamRules): Result<readonly VfsStream[]> {
  const list = namesOf(base);
  if (isErrno(list)) return list === EOPNOTSUPP ? [] : list;
  const streams: VfsStream[] = [];
  for (const name of streamNames(list)) {
    const value = read(base, name);
    // Another process took it away meanwhile.
    if (value === ENOENT) continue;
    if (isErrno(value)) return value;
    streams.push({ name: clientStreamName(name), ...sizesOf(value) });
  }
  if (
    rules === 'plain' ||
    !list.includes(NETATALK) ||
    streams.some(({ name }) => isAfpInfo(name))
  ) {
    return streams;
  }
  const kept = read(base, AFP_INFO);
  return isErrno(kept) ? streams : [...streams, { name: AFP_INFO, ...sizesOf(kept) }];
}

/** The name on disk; of those that differ in case only the exact one. */
function findName(
  base: StreamBase,
  list: readonly string[],
  name: string,
  rules: VfsStreamRules = 'fruit',
): string | undefined {
  const names = streamNames(list);
  if (names.includes(name)) return name;
  const key = foldKey(name);
  const found = names.find((other) => foldKey(clientStreamName(other)) === key);
  if (found !== undefined || rules === 'plain' || !isAfpInfo(name)) return found;
  return list.includes(NETATALK) && !isErrno(read(base, AFP_INFO)) ? AFP_INFO : undefined;
}

function openStream(base: StreamBase, name: string, rules?: VfsStreamRules): Result<LocalStream> {
  const list = namesOf(base);
  if (isErrno(list)) return list === EOPNOTSUPP ? ENOENT : list;
  const found = findName(base, list, name, rules);
  return found === undefined ? ENOENT : new LocalStream(base, found);
}

export function removeNamed(base: StreamBase, name: string): Errno | 0 {
  const stream = openStream(base, name);
  if (isErrno(stream)) return stream;
  const result = stream.remove();
  stream.close();
  return result;
}

function makeStream(base: StreamBase, name: string, rules?: VfsStreamRules): Result<LocalStream> {
  const list = namesOf(base);
  if (isErrno(list)) return list;
  if (findName(base, list, name, rules) !== undefined) return EEXIST;
  const refused = refuseName(list, name);
  if (refused !== 0) return refused;
  const made = changing(base, () =>
    writeStream(base.object(), name, base.format, undefined, Buffer.alloc(0)),
  );
  return made === 0 ? new LocalStream(base, name) : made;
}

function refuseName(list: readonly string[], name: string): Errno | 0 {
  const length = Buffer.byteLength(name);
  if (length > MAX_STREAM_NAME_BYTES) return ENAMETOOLONG;
  let total = length + NAME_OVERHEAD_BYTES;
  for (const other of list) total += Buffer.byteLength(other) + 1;
  return total > LIST_BYTES ? ENOSPC : 0;
}

/** Of what is stored, what is there to whom these rules hold for. */
export function streamsSeen(
  base: StreamBase,
  rules?: VfsStreamRules,
): Result<readonly VfsStream[]> {
  const list = listStreams(base, rules);
  return isErrno(list) ? list : present(list, rules);
}

export const openSeen = (base: StreamBase, name: string, rules?: VfsStreamRules) =>
  opened(name, openStream(base, name, rules), rules);

export const makeSeen = (base: StreamBase, name: string, rules?: VfsStreamRules) =>
  made(name, makeStream(base, name, rules), () => openStream(base, name, rules), rules);

export class LocalStream implements SyncStreamObject {
  readonly #base: StreamBase;
  readonly #open: OpenStream;

  constructor(base: StreamBase, name: string) {
    this.#base = base;
    this.#open = base.inode.openStream(name);
  }

  name(): string | Errno {
    return this.#open.isRemoved ? ENOENT : this.#open.name;
  }

  sizes(): Result<StreamSizes> {
    const value = this.#value();
    return isErrno(value) ? value : sizesOf(value);
  }

  read(buffer: Uint8Array, position: number): number {
    const value = this.#value();
    if (isErrno(value)) return value;
    const part = value.bytes.subarray(position, position + buffer.length);
    buffer.set(part);
    return part.length;
  }

  write(buffer: Uint8Array, position: number): number {
    if (buffer.length === 0) return 0;
    const end = position + buffer.length;
    const result = this.#change(end, (value) => {
      const after = Buffer.alloc(Math.max(value.length, end));
      value.copy(after);
      after.set(buffer, position);
      return after;
    });
    return result === 0 ? buffer.length : result;
  }

  truncate(length: number): Errno | 0 {
    return this.#change(length, (value) => {
      const after = Buffer.alloc(length);
      value.copy(after);
      return after;
    });
  }

  /** Nothing can be reserved. */
  allocate(length: number): Errno | 0 {
    if (this.#open.isRemoved) return ENOENT;
    return length > MAX_STREAM_BYTES[this.#base.format] ? EFBIG : 0;
  }

  flush(): Promise<Errno | 0> {
    return this.#base.sync();
  }

  rename(name: string, replace: boolean): Errno | 0 {
    const open = this.#open;
    const list = namesOf(this.#base);
    if (isErrno(list)) return list;
    if (open.isRemoved) return ENOENT;
    const there = findName(this.#base, list, name);
    if (name === open.name) return 0;
    if (there !== undefined && there !== open.name && !replace) return EEXIST;
    const refused = refuseName(list, name);
    if (refused !== 0) return refused;
    const value = read(this.#base, open.name);
    if (isErrno(value)) return value;
    const result = changing(this.#base, () => this.#move(value, name, there));
    if (result === 0) this.#base.inode.renameStream(open, name);
    return result;
  }

  /** The old one goes first, as two may not have room, and comes back if the new one cannot be. */
  #move({ bytes }: StoredStream, name: string, replaced: string | undefined): Errno | 0 {
    const { format } = this.#base;
    const object = this.#base.object();
    if (replaced !== undefined && replaced !== this.#open.name) {
      const gone = removeStored(object, replaced, format);
      if (gone !== 0) return gone;
      this.#base.inode.removeStream(replaced);
    }
    const taken = removeStored(object, this.#open.name, format);
    if (taken !== 0) return taken;
    const moved = writeStream(object, name, format, undefined, bytes);
    if (moved !== 0) writeStream(object, this.#open.name, format, undefined, bytes);
    return moved;
  }

  remove(): Errno | 0 {
    const open = this.#open;
    if (open.isRemoved) return ENOENT;
    const base = this.#base;
    const result = changing(base, () => removeStored(base.object(), open.name, base.format));
    if (result === 0) base.inode.removeStream(open.name);
    return result;
  }

  close(): void {
    this.#base.inode.closeStream(this.#open);
  }

  #value(): Result<StoredStream> {
    return this.#open.isRemoved ? ENOENT : read(this.#base, this.#open.name);
  }

  #change(length: number, next: (value: Buffer) => Buffer): Errno | 0 {
    const base = this.#base;
    if (length > MAX_STREAM_BYTES[base.format]) return EFBIG;
    const before = this.#value();
    if (isErrno(before)) return before;
    return changing(base, () => {
      const object = base.object();
      const bytes = next(before.bytes);
      const { name } = this.#open;
      const result = writeStream(object, name, base.format, before, bytes);
      if (result !== 0) return result === E2BIG ? ENOSPC : result;
      // MS-FSA 2.1.4.17: a write to any stream is one of the file.
      touch(object);
      return isAfpInfo(name) ? tellNetatalk(object, bytes) : 0;
    });
  }
}

const NOW = { seconds: 0n, nanoseconds: UTIME_NOW };

/** Both times: who may write a file may set them to the present, and only together. */
const touch = ({ procFd, fd }: EaObject): void => {
  utimensat(procFd, `${fd}`, NOW, NOW, 0);
};
