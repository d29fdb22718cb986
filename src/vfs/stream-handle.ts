/**
 * A handle of a named stream (MS-FSA 2.1.1.5), the same for every back end: what belongs to the object is
 * asked of its handle, which this one holds; what belongs to the stream, of the back end's StreamObject.
 */
import { FILE_ATTRIBUTE_DIRECTORY, normalizeAttributes } from '../fscc/attributes.ts';
import { clientStreamName } from '../fscc/private-names.ts';
import { copyBytes } from './copy-bytes.ts';
import {
  EACCES,
  EBADF,
  EINVAL,
  ENOTDIR,
  EOPNOTSUPP,
  type Errno,
  isErrno,
  type Result,
} from './errno.ts';
import type {
  MaybePromise,
  SecurityEdit,
  VfsChanges,
  VfsEa,
  VfsHandle,
  VfsKept,
  VfsPermissions,
  VfsRange,
  VfsStat,
  VfsStreamRules,
} from './vfs.ts';
import { wholeRange, writeZeros } from './write-zeros.ts';

export interface StreamSizes {
  readonly size: number;
  readonly allocationSize: number;
}

/** One open stream, as its back end keeps it. All opens of one stream see one name and one content. */
export interface StreamObject {
  /** ENOENT once it is removed, as for everything below. */
  name(): string | Errno;
  sizes(): MaybePromise<Result<StreamSizes>>;
  read(buffer: Uint8Array, position: number): MaybePromise<number>;
  write(buffer: Uint8Array, position: number): MaybePromise<number>;
  truncate(length: number): MaybePromise<Errno | 0>;
  allocate(length: number): Errno | 0;
  flush(): MaybePromise<Errno | 0>;
  rename(name: string, replace: boolean): MaybePromise<Errno | 0>;
  remove(): MaybePromise<Errno | 0>;
  close(): void;
}

/** One whose back end answers at once. */
export interface SyncStreamObject extends StreamObject {
  sizes(): Result<StreamSizes>;
  read(buffer: Uint8Array, position: number): number;
  write(buffer: Uint8Array, position: number): number;
  truncate(length: number): Errno | 0;
  rename(name: string, replace: boolean): Errno | 0;
  remove(): Errno | 0;
}

interface Access {
  readonly read: boolean;
  readonly write: boolean;
}

export class StreamHandle implements VfsHandle {
  readonly kind = 'file';
  readonly fileId: bigint;
  readonly volumeId: number;
  readonly base: VfsHandle;
  readonly #stream: StreamObject;
  #access: Access;

  /** Takes over both. */
  constructor(base: VfsHandle, stream: StreamObject, access: Access) {
    this.fileId = base.fileId;
    this.volumeId = base.volumeId;
    this.base = base;
    this.#stream = stream;
    this.#access = access;
  }

  path() {
    return this.base.path();
  }

  toldPath() {
    return this.base.toldPath?.() ?? this.base.path();
  }

  parent() {
    return this.base.parent();
  }

  streamName(): string | Errno {
    const name = this.#stream.name();
    return isErrno(name) ? name : clientStreamName(name);
  }

  stat(): MaybePromise<Result<VfsStat>> {
    const stat = this.base.stat();
    return stat instanceof Promise ? stat.then((base) => this.#statOf(base)) : this.#statOf(stat);
  }

  #statOf(base: Result<VfsStat>): MaybePromise<Result<VfsStat>> {
    if (isErrno(base)) return base;
    const sizes = this.#stream.sizes();
    return sizes instanceof Promise
      ? sizes.then((later) => statOfStream(base, later))
      : statOfStream(base, sizes);
  }

  set(changes: VfsChanges) {
    return this.base.set(changes);
  }

  permissions() {
    return this.base.permissions();
  }

  readLink(): Errno {
    return EINVAL;
  }

  kept(what: VfsKept) {
    return this.base.kept(what);
  }

  keep(): Errno {
    return EOPNOTSUPP;
  }

  replaceBy(): Errno {
    return EOPNOTSUPP;
  }

  eas() {
    return this.base.eas();
  }

  setEas(changes: readonly VfsEa[]) {
    return this.base.setEas(changes);
  }

  streams(rules?: VfsStreamRules) {
    return this.base.streams(rules);
  }

  stream(): Errno {
    return EINVAL;
  }

  createStream(): Errno {
    return EINVAL;
  }

  removeStream(): Errno {
    return EINVAL;
  }

  renameStream(name: string, replace: boolean) {
    return this.#stream.rename(name, replace);
  }

  removable(): MaybePromise<Errno | 0> {
    return this.#ifPermitted({ read: false, write: true }, () => {});
  }

  open(access: Access): MaybePromise<Errno | 0> {
    const wider = {
      read: access.read || this.#access.read,
      write: access.write || this.#access.write,
    };
    return this.#ifPermitted(access, () => {
      this.#access = wider;
    });
  }

  /** The right to the stream's object was asked for: removing a stream is a change of it. */
  permitRemoval(): void {}

  storedSecurity() {
    return this.base.storedSecurity();
  }

  parentSecurity() {
    return this.base.parentSecurity();
  }

  security() {
    return this.base.security();
  }

  setSecurity(edit: SecurityEdit) {
    return this.base.setSecurity(edit);
  }

  #ifPermitted(access: Access, act: () => void): MaybePromise<Errno | 0> {
    const decide = (permissions: Result<VfsPermissions>): Errno | 0 => {
      if (isErrno(permissions)) return permissions;
      if ((access.read && !permissions.read) || (access.write && !permissions.write)) return EACCES;
      act();
      return 0;
    };
    const permissions = this.base.permissions();
    return permissions instanceof Promise ? permissions.then(decide) : decide(permissions);
  }

  read(buffer: Uint8Array, position: number): MaybePromise<number> {
    return this.#access.read ? this.#stream.read(buffer, position) : EBADF;
  }

  write(buffer: Uint8Array, position: number): MaybePromise<number> {
    return this.#access.write ? this.#stream.write(buffer, position) : EBADF;
  }

  flush() {
    return this.#stream.flush();
  }

  truncate(length: number): MaybePromise<Errno | 0> {
    return this.#access.write ? this.#stream.truncate(length) : EBADF;
  }

  allocate(length: number): Errno | 0 {
    return this.#access.write ? this.#stream.allocate(length) : EBADF;
  }

  zero(range: VfsRange): MaybePromise<Errno | 0> {
    return this.#access.write ? writeZeros(this, range) : EBADF;
  }

  async dataRanges(range: VfsRange): Promise<Result<readonly VfsRange[]>> {
    const sizes = await this.#stream.sizes();
    return isErrno(sizes) ? sizes : wholeRange(range, sizes.size);
  }

  cloneRange(): Errno {
    return EOPNOTSUPP;
  }

  copyRange(source: VfsHandle, from: number, position: number, length: number) {
    return copyBytes(source, from, this, position, length);
  }

  cursor(): Errno {
    return ENOTDIR;
  }

  child(): Errno {
    return ENOTDIR;
  }

  isEmpty(): Errno {
    return ENOTDIR;
  }

  rename(path: readonly string[], replace: boolean) {
    return this.base.rename(path, replace);
  }

  link(path: readonly string[], replace: boolean) {
    return this.base.link(path, replace);
  }

  remove() {
    return this.#stream.remove();
  }

  close(): void {
    this.#stream.close();
    this.base.close();
  }
}

/** A stream of a directory is none itself. */
function statOfStream(base: VfsStat, sizes: Result<StreamSizes>): Result<VfsStat> {
  if (isErrno(sizes)) return sizes;
  const attributes = normalizeAttributes(base.attributes & ~FILE_ATTRIBUTE_DIRECTORY);
  const linkCount = base.kind === 'directory' ? 1 : base.linkCount;
  return { ...base, ...sizes, kind: 'file', attributes, linkCount };
}
