/** An object of the memory back end, kept through renames and removals. */
import assert from 'node:assert/strict';
import type { SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import { FILE_ATTRIBUTE_SPARSE_FILE, FILE_ATTRIBUTE_VALID_SET } from '../../fscc/attributes.ts';
import { made, opened, present } from '../apple-streams.ts';
import { copyBytes } from '../copy-bytes.ts';
import {
  EACCES,
  EBADF,
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ENODATA,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EOPNOTSUPP,
  EPERM,
  type Errno,
  isErrno,
  type Result,
} from '../errno.ts';
import { changedEas } from '../extended-attributes.ts';
import { StreamHandle } from '../stream-handle.ts';
import type {
  Identity,
  SecurityEdit,
  VfsChanges,
  VfsCursor,
  VfsEa,
  VfsForm,
  VfsHandle,
  VfsKept,
  VfsKind,
  VfsObjectId,
  VfsPermissions,
  VfsRange,
  VfsStat,
  VfsStream,
  VfsStreamRules,
} from '../vfs.ts';
import { may, mayAdd, mayOwn, mayTake, permissionsOf, READ, WRITE } from './access.ts';
import { MemoryCursor } from './cursor.ts';
import { type Entry, isWithin, type MemoryNode, type OtherNode, pathOf, statOf } from './node.ts';
import { editSecurity, securityOf } from './security.ts';
import { findStream, listStreams, MemoryStream, makeStream, type StreamNode } from './streams.ts';
import type { Place, Volume } from './volume.ts';

export class MemoryHandle implements VfsHandle {
  readonly kind: VfsKind;
  readonly fileId: bigint;
  readonly volumeId: number;
  readonly base = undefined;
  readonly #volume: Volume;
  readonly #node: MemoryNode;
  /** The name that the object was opened by; undefined for the root. */
  readonly #entry: Entry | undefined;
  readonly #identity: Identity | undefined;
  #reads = false;
  #writes = false;
  #mayBeRemoved = false;
  #closed = false;

  constructor(
    volume: Volume,
    node: MemoryNode,
    entry: Entry | undefined,
    identity: Identity | undefined,
  ) {
    this.kind = node.kind;
    this.fileId = node.fileId;
    this.volumeId = volume.volumeId;
    this.#volume = volume;
    this.#node = node;
    this.#entry = entry;
    this.#identity = identity;
    node.handleCount++;
  }

  path(): readonly string[] | Errno {
    this.#used();
    return pathOf(this.#entry);
  }

  parent(): VfsObjectId | Errno {
    const path = this.path();
    if (isErrno(path)) return path;
    const directory = this.#entry?.parent;
    return directory === undefined ? ENOENT : { fileId: directory.fileId, volumeId: this.volumeId };
  }

  stat(): VfsStat {
    this.#used();
    return statOf(this.#node, this.volumeId);
  }

  set(changes: VfsChanges): Errno | 0 {
    this.#used();
    const { creationTime, lastAccessTime, lastWriteTime, changeTime, attributes, sparse, mode } =
      changes;
    const node = this.#node;
    if (lastAccessTime !== undefined || lastWriteTime !== undefined) {
      const refusal = mayOwn(node, this.#identity);
      if (refusal !== 0) return refusal;
    }
    if (creationTime !== undefined || attributes !== undefined || sparse !== undefined) {
      if (!may(node, this.#identity, WRITE)) return EACCES;
    }
    if (mode !== undefined) {
      const refusal = mayOwn(node, this.#identity);
      if (refusal !== 0) return refusal;
      node.mode = mode;
      // As on a disk, where a descriptor holds for as long as the mode that was set with it.
      node.security = undefined;
    }
    node.creationTime = creationTime ?? node.creationTime;
    node.lastAccessTime = lastAccessTime ?? node.lastAccessTime;
    node.lastWriteTime = lastWriteTime ?? node.lastWriteTime;
    node.changeTime = changeTime ?? this.#volume.clock();
    if (attributes !== undefined) {
      const kept = node.attributes & FILE_ATTRIBUTE_SPARSE_FILE;
      node.attributes = (attributes & FILE_ATTRIBUTE_VALID_SET) | kept;
    }
    if (sparse === true) node.attributes |= FILE_ATTRIBUTE_SPARSE_FILE;
    if (sparse === false) node.attributes &= ~FILE_ATTRIBUTE_SPARSE_FILE;
    return 0;
  }

  permissions(): VfsPermissions {
    this.#used();
    return permissionsOf(this.#node, this.#identity);
  }

  readLink(): string | Errno {
    this.#used();
    return this.#node.kind === 'symlink' ? (this.#node.target ?? '') : EINVAL;
  }

  kept(what: VfsKept): Buffer | Errno {
    this.#used();
    return this.#node.kept[what] ?? ENODATA;
  }

  keep(what: VfsKept, data: Buffer | undefined): Errno | 0 {
    this.#used();
    const { kind } = this.#node;
    if (kind !== 'file' && kind !== 'directory') return EOPNOTSUPP;
    if (what === 'reparse' && !may(this.#node, this.#identity, WRITE)) return EACCES;
    this.#node.kept = { ...this.#node.kept, [what]: data && Buffer.from(data) };
    this.#node.changeTime = this.#volume.clock();
    return 0;
  }

  replaceBy(form: VfsForm): Result<VfsHandle> {
    this.#used();
    const [volume, entry, node] = [this.#volume, this.#entry, this.#node];
    if (entry?.parent === undefined) return ENOENT;
    const { parent, name } = entry;
    const refusal = mayTake(parent, node, this.#identity);
    if (refusal !== 0) return refusal;
    if (node.kind === 'directory' && node.names.size > 0) return ENOTEMPTY;
    const made = volume.make(form.kind, { owner: this.#identity });
    if (form.kind === 'symlink') (made as OtherNode).target = form.target;
    volume.unname(entry);
    return new MemoryHandle(volume, made, volume.name(made, { parent, name }), this.#identity);
  }

  eas(): Result<readonly VfsEa[]> {
    this.#used();
    return may(this.#node, this.#identity, READ) ? this.#node.eas : EACCES;
  }

  setEas(changes: readonly VfsEa[]): Errno | 0 {
    this.#used();
    const { kind } = this.#node;
    if (kind === 'symlink' || kind === 'other') return EOPNOTSUPP;
    if (!may(this.#node, this.#identity, WRITE)) return EACCES;
    const eas = changedEas(this.#node.eas, changes);
    if (isErrno(eas)) return eas;
    this.#node.eas = eas.map(({ name, value }) => ({ name, value: Buffer.from(value) }));
    this.#node.changeTime = this.#volume.clock();
    return 0;
  }

  streamName(): undefined {
    this.#used();
  }

  streams(rules?: VfsStreamRules): readonly VfsStream[] {
    this.#used();
    return present(listStreams(this.#node), rules);
  }

  stream(name: string, rules?: VfsStreamRules): Result<VfsHandle> {
    this.#used();
    const stream = opened(name, this.#storedStream(name), rules);
    return isErrno(stream) ? stream : new StreamHandle(this, stream, { read: false, write: false });
  }

  createStream(name: string, rules?: VfsStreamRules): Result<VfsHandle> {
    this.#used();
    const node = this.#node;
    if (node.kind !== 'file' && node.kind !== 'directory') return EOPNOTSUPP;
    const stream = made(name, this.#makeStream(name), () => this.#storedStream(name), rules);
    return isErrno(stream) ? stream : new StreamHandle(this, stream, { read: true, write: true });
  }

  removeStream(name: string): Errno | 0 {
    this.#used();
    const stream = findStream(this.#node, name);
    return stream === undefined ? ENOENT : this.#streamObject(stream).remove();
  }

  #streamObject(stream: StreamNode): MemoryStream {
    return new MemoryStream(this.#volume, this.#node, stream, this.#identity);
  }

  #storedStream(name: string): Result<MemoryStream> {
    const stream = findStream(this.#node, name);
    return stream === undefined ? ENOENT : this.#streamObject(stream);
  }

  #makeStream(name: string): Result<MemoryStream> {
    const node = this.#node;
    if (findStream(node, name) !== undefined) return EEXIST;
    if (!may(node, this.#identity, WRITE)) return EACCES;
    return this.#streamObject(makeStream(this.#volume, node, name));
  }

  renameStream(): Errno {
    this.#used();
    return EINVAL;
  }

  removable(): Errno | 0 {
    this.#used();
    if (this.#entry === undefined) return EBUSY;
    const { parent } = this.#entry;
    if (parent === undefined) return ENOENT;
    return this.#mayBeRemoved ? 0 : mayTake(parent, this.#node, this.#identity);
  }

  permitRemoval(): void {
    this.#used();
    this.#mayBeRemoved = true;
  }

  storedSecurity(): SecurityDescriptor | undefined {
    this.#used();
    return this.#node.security;
  }

  parentSecurity(): SecurityDescriptor | undefined {
    this.#used();
    return this.#entry?.parent?.security;
  }

  security(): SecurityDescriptor {
    this.#used();
    return securityOf(this.#volume, this.#node);
  }

  setSecurity(edit: SecurityEdit): Errno | 0 {
    this.#used();
    return editSecurity(this.#volume, this.#node, edit);
  }

  open(access: { read: boolean; write: boolean }): Errno | 0 {
    this.#used();
    if (this.kind === 'directory') return EISDIR;
    if (this.kind !== 'file') return EACCES;
    const wanted = (access.read ? READ : 0) | (access.write ? WRITE : 0);
    if (!may(this.#node, this.#identity, wanted)) return EACCES;
    this.opened(access);
    return 0;
  }

  /** Open without a question: the object was made by this handle. */
  opened(access: { read: boolean; write: boolean }): void {
    this.#reads ||= access.read;
    this.#writes ||= access.write;
  }

  read(buffer: Uint8Array, position: number): number {
    this.#used();
    if (this.#node.kind !== 'file' || !this.#reads) return EBADF;
    return this.#node.pages.read(buffer, position);
  }

  write(buffer: Uint8Array, position: number): number {
    this.#used();
    if (this.#node.kind !== 'file' || !this.#writes) return EBADF;
    const count = this.#node.pages.write(buffer, position);
    if (count !== 0) this.#changed();
    return count;
  }

  flush(): Errno | 0 {
    this.#used();
    const node = this.#node;
    if (node.kind !== 'file') return 0;
    node.flushError ||= node.nextFlushError;
    node.nextFlushError = 0;
    return node.flushError;
  }

  truncate(length: number): Errno | 0 {
    this.#used();
    if (this.#node.kind !== 'file' || !this.#writes) return EBADF;
    const result = this.#node.pages.truncate(length);
    if (result === 0) this.#changed();
    return result;
  }

  allocate(length: number): Errno | 0 {
    this.#used();
    if (this.#node.kind !== 'file' || !this.#writes) return EBADF;
    return this.#node.pages.allocate(length);
  }

  zero(range: VfsRange, keepsSpace: boolean): Errno | 0 {
    this.#used();
    if (this.#node.kind !== 'file' || !this.#writes) return EBADF;
    this.#node.pages.zero(range, keepsSpace);
    this.#changed();
    return 0;
  }

  dataRanges(range: VfsRange, max: number): Result<readonly VfsRange[]> {
    this.#used();
    if (this.#node.kind !== 'file' || !(this.#reads || this.#writes)) return EBADF;
    return this.#node.pages.ranges(range, max);
  }

  cloneRange(): Errno {
    return EOPNOTSUPP;
  }

  copyRange(source: VfsHandle, from: number, position: number, length: number) {
    this.#used();
    return copyBytes(source, from, this, position, length);
  }

  cursor(): Result<VfsCursor> {
    this.#used();
    const node = this.#node;
    if (node.kind !== 'directory') return ENOTDIR;
    if (!may(node, this.#identity, READ)) return EACCES;
    return new MemoryCursor(this.#volume, node, this.#identity);
  }

  child(name: string): Result<{ name: string; stat: VfsStat }> {
    this.#used();
    const node = this.#node;
    if (node.kind !== 'directory') return ENOTDIR;
    const entry = this.#volume.find({ parent: node, name }, this.#identity);
    if (isErrno(entry)) return entry;
    return { name: entry.name, stat: statOf(entry.node, this.volumeId) };
  }

  isEmpty(): boolean | Errno {
    this.#used();
    const node = this.#node;
    if (node.kind !== 'directory') return ENOTDIR;
    return may(node, this.#identity, READ) ? node.names.size === 0 : EACCES;
  }

  rename(path: readonly string[], replace: boolean): Errno | 0 {
    this.#used();
    const entry = this.#entry;
    if (entry === undefined) return EBUSY;
    if (entry.parent === undefined) return ENOENT;
    const place = this.#target(path, replace);
    if (isErrno(place)) return place;
    const there = place.parent.names.find(place.name, entry);
    const isFree = there === undefined || there === entry;
    if (!isFree) {
      const refusal = this.#mayReplace(there, replace);
      if (refusal !== 0) return refusal;
    }
    if (isWithin(place.parent, this.#node)) return EINVAL;
    const refusal =
      mayTake(entry.parent, this.#node, this.#identity) || mayAdd(place.parent, this.#identity);
    if (refusal !== 0) return refusal;
    if (!isFree) this.#volume.unname(there);
    this.#volume.move(entry, place);
    return 0;
  }

  link(path: readonly string[], replace: boolean): Errno | 0 {
    this.#used();
    if (this.#node.kind !== 'file') return EPERM;
    if (this.#node.linkCount === 0) return ENOENT;
    const place = this.#target(path, replace);
    if (isErrno(place)) return place;
    const there = place.parent.names.find(place.name);
    if (there !== undefined) {
      const refusal = this.#mayReplace(there, replace);
      if (refusal !== 0) return refusal;
      if (there.node === this.#node) return 0;
    }
    const refusal = mayAdd(place.parent, this.#identity);
    if (refusal !== 0) return refusal;
    if (there !== undefined) this.#volume.unname(there);
    this.#volume.name(this.#node, place);
    return 0;
  }

  remove(): Errno | 0 {
    const refusal = this.removable();
    if (refusal !== 0) return refusal;
    const node = this.#node;
    if (node.kind === 'directory' && node.names.size > 0) return ENOTEMPTY;
    this.#volume.unname(this.#entry!);
    return 0;
  }

  close(): void {
    this.#used();
    this.#closed = true;
    this.#node.handleCount--;
    this.#volume.forget(this.#node);
  }

  /** Where a new name would be. The root is a directory that is there. */
  #target(path: readonly string[], replace: boolean): Place | Errno {
    if (path.length === 0) return replace ? EACCES : EEXIST;
    return this.#volume.place(path, this.#identity);
  }

  #mayReplace(there: Entry, replace: boolean): Errno | 0 {
    if (!replace) return EEXIST;
    if (there.node.kind === 'directory') return EACCES;
    if (this.kind === 'directory') return ENOTDIR;
    return mayTake(there.parent!, there.node, this.#identity);
  }

  #changed(): void {
    const time = this.#volume.clock();
    this.#node.lastWriteTime = time;
    this.#node.changeTime = time;
  }

  #used(): void {
    assert.ok(!this.#closed, 'a closed handle was used');
  }
}
