/**
 * An object on node:fs. Where the share is pinned (see directory.ts) a descriptor keeps the object
 * whatever becomes of its name. Elsewhere files and directories that may be read are kept open for
 * reading; all others are known by name, device and inode only, and gone when the name is.
 */
import { isUtf8 } from 'node:buffer';
import fs, { type BigIntStats } from 'node:fs';
import type { SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import { unixSidMap } from '../../dtyp/unix-sids.ts';
import { FILE_ATTRIBUTE_ARCHIVE, FILE_ATTRIBUTE_VALID_SET } from '../../fscc/attributes.ts';
import { copyBytes } from '../copy-bytes.ts';
import {
  EACCES,
  EBADF,
  EBUSY,
  EINVAL,
  EISDIR,
  ENODATA,
  ENOENT,
  ENOTDIR,
  EOPNOTSUPP,
  EPERM,
  type Errno,
  isErrno,
  type Result,
} from '../errno.ts';
import { securityOfMode } from '../mode-security.ts';
import type {
  MaybePromise,
  VfsChanges,
  VfsCursor,
  VfsHandle,
  VfsKind,
  VfsObjectId,
  VfsPermissions,
  VfsRange,
  VfsStat,
} from '../vfs.ts';
import { wholeRange, writeZeros } from '../write-zeros.ts';
import { attempt, done } from './attempt.ts';
import { EmptyCursor, PortableCursor } from './cursor.ts';
import { Descriptor } from './descriptor.ts';
import { type Directory, O_NOFOLLOW, O_NONBLOCK, PinnedDirectory, procPath } from './directory.ts';
import { readAll, truncateTo, writeAll } from './file-data.ts';
import type { OpenName, OpenObject } from './open-objects.ts';
import { linkTo, renameTo } from './renaming.ts';
import { lstat, type Share } from './share.ts';
import { isSame, kindOf, utime, vfsStat } from './stat.ts';

/** Where the handle's own name is. The directory is the caller's to close. */
export interface OwnPlace {
  readonly directory: Directory;
  readonly name: string;
  readonly path: readonly string[];
  readonly stat: BigIntStats;
}

const STICKY = 0o1000n;

interface Access {
  readonly read: boolean;
  readonly write: boolean;
}

const NO_ACCESS: Access = { read: false, write: false };

export class PortableHandle implements VfsHandle {
  readonly base = undefined;
  readonly kind: VfsKind;
  readonly fileId: bigint;
  readonly volumeId: number;
  readonly #share: Share;
  readonly #first: BigIntStats;
  readonly #name: OpenName;
  readonly #object: OpenObject;
  /** Keeps the object; undefined where nothing can. */
  readonly #base: Descriptor | undefined;
  /** For reading and writing; may be the same. */
  #data: Descriptor | undefined;
  #access = NO_ACCESS;

  constructor(share: Share, stat: BigIntStats, path: readonly string[], base?: Descriptor) {
    this.kind = kindOf(stat);
    this.fileId = stat.ino;
    this.volumeId = Number(stat.dev);
    this.#share = share;
    this.#first = stat;
    this.#base = base;
    const { name, object } = share.open.enter(path, stat.dev, stat.ino);
    this.#name = name;
    this.#object = object;
  }

  /** The base is open for reading and writing already. */
  opened(): void {
    this.#data = this.#base;
    this.#access = { read: true, write: true };
  }

  path(): readonly string[] | Errno {
    if (this.#name.path?.length === 0) return [];
    const own = this.#locate();
    if (isErrno(own)) return own;
    own.directory.close();
    return own.path;
  }

  parent(): VfsObjectId | Errno {
    if (this.#name.path?.length === 0) return ENOENT;
    const own = this.#locate();
    if (isErrno(own)) return own;
    const { directory } = own;
    const parent = attempt(() => fs.statSync(directory.self, { bigint: true }));
    directory.close();
    return isErrno(parent) ? parent : { fileId: parent.ino, volumeId: Number(parent.dev) };
  }

  stat(): Result<VfsStat> {
    const stat = this.#stat();
    return isErrno(stat) ? stat : vfsStat(stat);
  }

  set(changes: VfsChanges): Errno | 0 {
    const { creationTime, lastAccessTime, lastWriteTime, attributes = 0, sparse } = changes;
    const unkept = attributes & FILE_ATTRIBUTE_VALID_SET & ~FILE_ATTRIBUTE_ARCHIVE;
    if (creationTime !== undefined || unkept !== 0 || sparse === true) return EOPNOTSUPP;
    if (lastAccessTime === undefined && lastWriteTime === undefined) return 0;
    const stat = this.stat();
    if (isErrno(stat)) return stat;
    const accessed = utime(lastAccessTime ?? stat.lastAccessTime);
    const written = utime(lastWriteTime ?? stat.lastWriteTime);
    const { fd } = this.#base ?? {};
    if (fd !== undefined && this.kind !== 'symlink') {
      if (this.#share.isPinned) return done(() => fs.utimesSync(procPath(fd), accessed, written));
      return done(() => fs.futimesSync(fd, accessed, written));
    }
    return this.#atName((path) => done(() => fs.lutimesSync(path, accessed, written)));
  }

  permissions(): Result<VfsPermissions> {
    // The permissions of a link are nobody's concern, and access() would follow it.
    if (this.kind === 'symlink') return { read: true, write: true, execute: true, owns: true };
    if (this.#base !== undefined && this.#share.isPinned) {
      return permissionsAt(procPath(this.#base.fd));
    }
    return this.#atName(permissionsAt);
  }

  readLink(): string | Errno {
    if (this.kind !== 'symlink') return EINVAL;
    const target = this.#atName((path) =>
      attempt(() => fs.readlinkSync(path, { encoding: 'buffer' })),
    );
    if (isErrno(target)) return target;
    return isUtf8(target) ? target.toString() : EINVAL;
  }

  kept(): Errno {
    return ENODATA;
  }

  keep(): Errno {
    return EOPNOTSUPP;
  }

  replaceBy(): Errno {
    return EOPNOTSUPP;
  }

  eas(): Errno {
    return EOPNOTSUPP;
  }

  setEas(): Errno {
    return EOPNOTSUPP;
  }

  streamName(): undefined {}

  /** node:fs has no extended attributes to keep them in. */
  streams(): Errno {
    return EOPNOTSUPP;
  }

  stream(): Errno {
    return ENOENT;
  }

  createStream(): Errno {
    return EOPNOTSUPP;
  }

  removeStream(): Errno {
    return ENOENT;
  }

  renameStream(): Errno {
    return EINVAL;
  }

  removable(): Errno | 0 {
    if (this.#name.path?.length === 0) return EBUSY;
    const own = this.#locate();
    if (isErrno(own)) return own;
    const { directory, stat } = own;
    const refusal = done(() =>
      fs.accessSync(directory.self, fs.constants.W_OK | fs.constants.X_OK),
    );
    const parent = attempt(() => fs.statSync(directory.self, { bigint: true }));
    directory.close();
    if (refusal !== 0) return refusal;
    if (isErrno(parent)) return parent;
    if ((parent.mode & STICKY) === 0n || process.geteuid === undefined) return 0;
    const user = BigInt(process.geteuid());
    return parent.uid === user || stat.uid === user ? 0 : EPERM;
  }

  permitRemoval(): void {}

  storedSecurity(): undefined {}

  parentSecurity(): undefined {}

  security(): Result<SecurityDescriptor> {
    const stat = this.stat();
    return isErrno(stat) ? stat : securityOfMode(stat, unixSidMap);
  }

  setSecurity(): Errno {
    return EOPNOTSUPP;
  }

  open(access: Access): Errno | 0 {
    if (this.kind === 'directory') return EISDIR;
    if (this.kind !== 'file') return EACCES;
    const read = access.read || this.#access.read;
    const write = access.write || this.#access.write;
    if (read === this.#access.read && write === this.#access.write) return 0;
    const descriptor = this.#open(read, write);
    if (isErrno(descriptor)) return descriptor;
    if (this.#data !== this.#base) this.#data?.close();
    this.#data = descriptor;
    this.#access = { read, write };
    return 0;
  }

  read(buffer: Uint8Array, position: number): number | Promise<number> {
    if (this.#data === undefined || !this.#access.read) return EBADF;
    return readAll(this.#data, buffer, position);
  }

  write(buffer: Uint8Array, position: number): number | Promise<number> {
    if (this.#data === undefined || !this.#access.write) return EBADF;
    return writeAll(this.#data, buffer, position);
  }

  async flush(): Promise<Errno | 0> {
    const object = this.#object;
    const descriptor = this.#data;
    if (descriptor === undefined) return object.flushError;
    descriptor.hold();
    try {
      const failure = await this.#share.fsync(descriptor.fd);
      object.flushError ||= failure;
      return object.flushError;
    } finally {
      descriptor.drop();
    }
  }

  truncate(length: number): Errno | 0 | Promise<Errno | 0> {
    if (this.#data === undefined || !this.#access.write) return EBADF;
    return truncateTo(this.#data, length);
  }

  allocate(): Errno {
    return this.kind === 'file' && this.#access.write ? EOPNOTSUPP : EBADF;
  }

  zero(range: VfsRange): MaybePromise<Errno | 0> {
    return this.#data === undefined || !this.#access.write ? EBADF : writeZeros(this, range);
  }

  /** node:fs does not tell of holes. */
  dataRanges(range: VfsRange): Result<readonly VfsRange[]> {
    const stat = this.stat();
    return isErrno(stat) ? stat : wholeRange(range, stat.size);
  }

  cloneRange(): Errno {
    return EOPNOTSUPP;
  }

  /** node:fs copies whole files only. */
  copyRange(source: VfsHandle, from: number, position: number, length: number) {
    return copyBytes(source, from, this, position, length);
  }

  cursor(): Result<VfsCursor> {
    if (this.kind !== 'directory') return ENOTDIR;
    if (this.#isRemoved()) return new EmptyCursor();
    const base = this.#base;
    base?.hold();
    const cursor = new PortableCursor(
      this.#share,
      () => this.#self(),
      () => base?.drop(),
    );
    const refusal = cursor.start();
    if (refusal === 0) return cursor;
    cursor.close();
    return refusal;
  }

  child(name: string): Result<{ name: string; stat: VfsStat }> {
    if (this.kind !== 'directory') return ENOTDIR;
    const directory = this.#self();
    if (isErrno(directory)) return directory;
    const found = this.#share.find(directory, name);
    directory.close();
    return isErrno(found) ? found : { name: found.name, stat: vfsStat(found.stat) };
  }

  isEmpty(): boolean | Errno {
    if (this.kind !== 'directory') return ENOTDIR;
    if (this.#isRemoved()) return true;
    const directory = this.#self();
    if (isErrno(directory)) return directory;
    const result = attempt(() => {
      const entries = fs.opendirSync(directory.self, { bufferSize: 1 });
      const first = entries.readSync();
      entries.closeSync();
      return { isEmpty: first === null };
    });
    directory.close();
    return isErrno(result) ? result : result.isEmpty;
  }

  rename(path: readonly string[], replace: boolean): Errno | 0 {
    return this.#atOwn((own) => renameTo(this.#share, own, path, replace));
  }

  link(path: readonly string[], replace: boolean): Errno | 0 {
    if (this.kind !== 'file') return EPERM;
    return this.#atOwn((own) => linkTo(this.#share, own, path, replace));
  }

  remove(): Errno | 0 {
    return this.#atOwn(({ directory, name, path }) => {
      const entry = directory.at(name);
      const result = done(() =>
        this.kind === 'directory' ? fs.rmdirSync(entry) : fs.unlinkSync(entry),
      );
      if (result !== 0) return result;
      this.#share.open.removed(path);
      this.#share.folded.removed(directory, name);
      return 0;
    });
  }

  close(): void {
    if (this.#data !== this.#base) this.#data?.close();
    this.#base?.close();
    this.#share.open.leave(this.#name, this.#object);
  }

  #stat(): BigIntStats | Errno {
    const { fd } = this.#base ?? {};
    if (fd !== undefined) return attempt(() => fs.fstatSync(fd, { bigint: true }));
    const own = this.#locate();
    if (isErrno(own)) return own;
    own.directory.close();
    return own.stat;
  }

  #isRemoved(): boolean {
    const stat = this.#stat();
    return stat === ENOENT || (!isErrno(stat) && stat.nlink === 0n);
  }

  /** A further descriptor of the object, by whatever still leads to it. */
  #open(read: boolean, write: boolean): Descriptor | Errno {
    const { O_RDONLY, O_WRONLY, O_RDWR } = fs.constants;
    const flags = (write ? (read ? O_RDWR : O_WRONLY) : O_RDONLY) | O_NONBLOCK;
    const { fd: base } = this.#base ?? {};
    const fd =
      base !== undefined && this.#share.isPinned
        ? attempt(() => fs.openSync(procPath(base), flags))
        : this.#atName((path) => attempt(() => fs.openSync(path, flags | O_NOFOLLOW)));
    if (isErrno(fd)) return fd;
    const descriptor = new Descriptor(fd);
    const stat = attempt(() => fs.fstatSync(fd, { bigint: true }));
    if (!isErrno(stat) && isSame(stat, this.#first)) return descriptor;
    descriptor.close();
    return isErrno(stat) ? stat : ENOENT;
  }

  /** The directory itself, to look into. */
  #self(): Directory | Errno {
    if (this.#base !== undefined && this.#share.isPinned) return new PinnedDirectory(this.#base);
    if (this.#name.path?.length === 0) return this.#share.root();
    return this.#atOwn(({ directory, name }) => directory.step(name));
  }

  #atName<T>(act: (path: string) => T | Errno): T | Errno {
    if (this.#name.path?.length === 0) return act(this.#share.root().self);
    return this.#atOwn(({ directory, name }) => act(directory.at(name)));
  }

  #atOwn<T>(act: (own: OwnPlace) => T | Errno): T | Errno {
    if (this.#name.path?.length === 0) return EBUSY;
    const own = this.#locate();
    if (isErrno(own)) return own;
    const result = act(own);
    own.directory.close();
    return result;
  }

  /** Where the name is, if it still leads to the object. Not for the root. */
  #locate(): OwnPlace | Errno {
    if (this.#name.path === undefined) return ENOENT;
    const own = this.#locateAt(this.#name.path);
    if (!isErrno(own) || this.#base === undefined) return own;
    // Renamed by someone else: the kernel knows.
    const path = this.#share.kernelPath(this.#base.fd);
    if (path === undefined || path.length === 0) return own;
    const moved = this.#locateAt(path);
    if (!isErrno(moved)) this.#name.path = path;
    return moved;
  }

  #locateAt(path: readonly string[]): OwnPlace | Errno {
    const place = this.#share.place(path);
    if (isErrno(place)) return ENOENT;
    const { directory, name, parents } = place;
    const stat = lstat(directory.at(name));
    if (!isErrno(stat) && isSame(stat, this.#first)) {
      return { directory, name, path: [...parents, name], stat };
    }
    directory.close();
    return isErrno(stat) && stat !== ENOENT ? stat : ENOENT;
  }
}

function ownsAt(path: string): boolean {
  const own = process.geteuid?.();
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return own === undefined || own === 0 || stat?.uid === own;
}

function permissionsAt(path: string): VfsPermissions {
  const { R_OK, W_OK, X_OK } = fs.constants;
  const may = (mode: number): boolean => done(() => fs.accessSync(path, mode)) === 0;
  return { read: may(R_OK), write: may(W_OK), execute: may(X_OK), owns: ownsAt(path) };
}
