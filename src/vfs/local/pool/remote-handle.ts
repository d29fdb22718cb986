/**
 * An open object of a share whose storage may block: every operation of LocalHandle, done by a thread of
 * the pool. What handles of one object must agree on is kept by the loop's own LocalHandle, `#local`, which
 * makes no call that could wait: it is asked for what the kernel has in memory alone.
 *
 * Changes of one object are made one after the other, and so are changes of names on one device: what reads
 * before it writes must find what it read. In the loop nothing else was possible.
 */

import type { SecurityDescriptor } from '../../../dtyp/security-descriptor.ts';
import { clientName } from '../../../fscc/private-names.ts';
import { addressOf } from '../../../native/library.ts';
import { copyBytes } from '../../copy-bytes.ts';
import {
  EACCES,
  EBADF,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  EOPNOTSUPP,
  type Errno,
  EXDEV,
  isErrno,
  type Result,
} from '../../errno.ts';
import { securityOfMode } from '../../mode-security.ts';
import { StreamHandle } from '../../stream-handle.ts';
import type {
  Identity,
  MaybePromise,
  VfsChanges,
  VfsCursor,
  VfsEa,
  VfsHandle,
  VfsKept,
  VfsKind,
  VfsObjectId,
  VfsPermissions,
  VfsRange,
  VfsStat,
  VfsStream,
  VfsStreamRules,
} from '../../vfs.ts';
import { areOverlapping, copied } from '../copying.ts';
import type { Credentials } from '../credentials.ts';
import { zeroed } from '../holes.ts';
import { LocalHandle } from '../local-handle.ts';
import { changeTimes } from '../metadata.ts';
import { flushed, type OpenInode } from '../open-inodes.ts';
import { rememberedPath } from '../own-name.ts';
import type { HandleState, LocalShare } from '../share.ts';
import type { StreamFormat } from '../stream-value.ts';
import type { Lane } from './device.ts';
import type {
  FoundObject,
  HandleMethods,
  JobName,
  Jobs,
  NamedStream,
  StreamMethods,
} from './jobs.ts';
import { RemoteCursor } from './remote-cursor.ts';
import { RemoteStream } from './remote-stream.ts';
import type { ShareThreads } from './share-threads.ts';

/** Whose handles these are. */
export interface RemoteUser {
  readonly share: LocalShare;
  readonly threads: ShareThreads;
  readonly who: Identity | undefined;
  readonly credentials: Credentials;
}

const NO_ACCESS = { read: false, write: false };
const NAMES = 'names';

/** A named stream, and by what rules it is open. */
type SeenStream = Pick<NamedStream, 'name' | 'rules'>;

const parentOf = (path: readonly string[]): string => path.slice(0, -1).join('/');

/** What is sent to a thread takes the whole memory along that it is a part of. */
export function ownMemory(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

export class RemoteHandle implements VfsHandle {
  readonly kind: VfsKind;
  readonly fileId: bigint;
  readonly volumeId: number;
  readonly base = undefined;
  readonly #user: RemoteUser;
  readonly #local: LocalHandle;
  /** The path on disk, as this server last knew it. */
  #path: readonly string[];
  #parentPath: string;
  #parent: VfsObjectId | Errno;
  #isRemoved = false;

  /** Takes over what a thread has opened. */
  constructor(user: RemoteUser, { state, path, parent }: FoundObject) {
    const { share, threads, credentials } = user;
    this.#user = user;
    this.#path = isErrno(path) ? state.openedAs : path;
    this.#local = new LocalHandle(share, credentials, threads.idOf(state));
    this.#parentPath = parentOf(this.#path);
    this.#parent = isErrno(parent) ? parent : threads.idOf(parent);
    this.kind = this.#local.kind;
    this.fileId = this.#local.fileId;
    this.volumeId = this.#local.volumeId;
    this.#know();
  }

  /** What this handle has learnt of directories. */
  #know(): void {
    const { threads } = this.#user;
    if (this.kind === 'directory') threads.knowDirectory(this.#path.join('/'), this);
    if (!isErrno(this.#parent)) threads.knowDirectory(this.#parentPath, this.#parent);
  }

  get #state(): HandleState {
    return { ...this.#local.state, openedAs: this.#path };
  }

  get inode(): OpenInode {
    return this.#local.inode;
  }

  get streamFormat(): StreamFormat {
    return this.#user.share.streamFormat;
  }

  path(): readonly string[] | Errno {
    if (this.#isRemoved) return ENOENT;
    const path = this.#pathNow();
    return isErrno(path) ? path : path.map(clientName);
  }

  #pathNow(): readonly string[] | Errno {
    return rememberedPath(this.#user.share, this.#local.fd, this.#path);
  }

  parent(): VfsObjectId | Errno {
    const path = this.#isRemoved ? ENOENT : this.#pathNow();
    if (isErrno(path) || path.length === 0) return ENOENT;
    const parent = parentOf(path);
    if (parent === this.#parentPath && !isErrno(this.#parent)) return this.#parent;
    // Another handle, or another program, has renamed it.
    return this.#user.threads.directoryAt(parent);
  }

  async stat(): Promise<Result<VfsStat>> {
    return this.#user.threads.stat(await this.#ask('stat'));
  }

  set(changes: VfsChanges): Promise<Errno | 0> {
    return this.inTurn(async () => {
      const done = await this.#run('ask', 'set', { state: this.#state, changes });
      if (isErrno(done)) return done;
      if (done.changeTime !== undefined) {
        changeTimes.keep(this.#local.inodeKey, changes.changeTime!, done.changeTime);
      }
      return done.value;
    });
  }

  permissions(): Promise<Result<VfsPermissions>> {
    return this.#ask('permissions');
  }

  readLink(): MaybePromise<string | Errno> {
    return this.kind === 'symlink' ? this.#ask('readLink') : EINVAL;
  }

  async kept(what: VfsKept): Promise<Buffer | Errno> {
    const bytes = await this.#ask('kept', what);
    return typeof bytes === 'number' ? bytes : Buffer.from(bytes);
  }

  /** Storage that is not this machine's keeps what it has. */
  keep(): Errno {
    return EOPNOTSUPP;
  }

  replaceBy(): Errno {
    return EOPNOTSUPP;
  }

  async eas(): Promise<Result<readonly VfsEa[]>> {
    const eas = await this.#ask('eas');
    if (isErrno(eas)) return eas;
    return eas.map(({ name, value }) => ({ name, value: Buffer.from(value) }));
  }

  setEas(changes: readonly VfsEa[]): Promise<Errno | 0> {
    const copies = changes.map(({ name, value }) => ({ name, value: ownMemory(value) }));
    return this.inTurn(() => this.#ask('setEas', copies));
  }

  streamName(): undefined {}

  streams(rules?: VfsStreamRules): Promise<Result<readonly VfsStream[]>> {
    return this.#ask('streams', rules);
  }

  get #hasStreams(): boolean {
    const isFile = this.kind === 'file' || this.kind === 'directory';
    return this.#user.share.features.namedStreams && isFile;
  }

  stream(name: string, rules?: VfsStreamRules): MaybePromise<Result<VfsHandle>> {
    if (!this.#hasStreams) return ENOENT;
    return this.inTurn(async () => {
      const found = await this.#run('ask', 'findStream', { state: this.#state, name, rules });
      if (typeof found === 'number') return found;
      return new StreamHandle(this, new RemoteStream(this, found, rules), NO_ACCESS);
    });
  }

  createStream(name: string, rules?: VfsStreamRules): MaybePromise<Result<VfsHandle>> {
    if (!this.#hasStreams) return EOPNOTSUPP;
    return this.inTurn(async () => {
      const made = await this.#run('ask', 'makeStream', { state: this.#state, name, rules });
      if (typeof made === 'number') return made;
      return new StreamHandle(this, new RemoteStream(this, made, rules), {
        read: true,
        write: true,
      });
    });
  }

  removeStream(name: string): MaybePromise<Errno | 0> {
    if (!this.#hasStreams) return ENOENT;
    return this.inTurn(async () => {
      const result = await this.#ask('removeStream', name);
      const open = result === 0 ? this.inode.findStream(name) : undefined;
      if (open !== undefined) this.inode.removeStream(open.name);
      return result;
    });
  }

  renameStream(): Errno {
    return EINVAL;
  }

  /** An operation of one of its streams. */
  async ofStream<M extends keyof StreamMethods>(
    lane: Lane,
    stream: SeenStream,
    method: M,
    args: StreamMethods[M][0],
  ): Promise<StreamMethods[M][1]> {
    const what = { state: this.#state, ...stream, method, args };
    return (await this.#run(lane, 'stream', what)) as StreamMethods[M][1];
  }

  readStream(stream: SeenStream, length: number, position: number): Promise<Uint8Array | Errno> {
    return this.#run('ask', 'readStream', { state: this.#state, ...stream, length, position });
  }

  permitRemoval(): void {}

  /** Neither read nor stored where the storage is another machine or program. */
  storedSecurity(): undefined {}

  parentSecurity(): undefined {}

  async security(): Promise<Result<SecurityDescriptor>> {
    const stat = await this.stat();
    return isErrno(stat) ? stat : securityOfMode(stat, this.#user.share.sids);
  }

  setSecurity(): Errno {
    return EOPNOTSUPP;
  }

  removable(): Promise<Errno | 0> {
    return this.#ask('removable');
  }

  open(access: { read: boolean; write: boolean }): MaybePromise<Errno | 0> {
    if (this.kind === 'directory') return EISDIR;
    if (this.kind !== 'file') return EACCES;
    return this.inTurn(() => this.#ask('open', access));
  }

  read(buffer: Uint8Array, position: number): MaybePromise<number> {
    return this.#local.read(buffer, position);
  }

  async write(buffer: Uint8Array, position: number): Promise<number> {
    const state = this.#state;
    if (!state.access.write) return EBADF;
    const what = { state, address: addressOf(buffer), length: buffer.length, position };
    const count = await this.#run('change', 'write', what, buffer);
    return isErrno(count) ? flushed(this.inode, count) : count;
  }

  flush(): MaybePromise<Errno | 0> {
    return this.#local.isData ? this.#local.flush() : this.syncObject();
  }

  async syncObject(): Promise<Errno | 0> {
    if (this.inode.error !== 0) return this.inode.error;
    if (this.kind !== 'file' && this.kind !== 'directory') return 0;
    const state = this.#state;
    return flushed(this.inode, await this.#run('change', 'syncObject', { state }));
  }

  truncate(length: number): Promise<Errno | 0> {
    return this.inTurn(() => this.#change('truncate', length));
  }

  allocate(length: number): Promise<Errno | 0> {
    return this.#change('allocate', length);
  }

  async zero(range: VfsRange, keepsSpace: boolean): Promise<Errno | 0> {
    return zeroed(await this.#change('zero', range, keepsSpace), this, range);
  }

  dataRanges(range: VfsRange, max: number): Promise<Result<readonly VfsRange[]>> {
    return this.#ask('dataRanges', range, max);
  }

  async cloneRange(
    source: VfsHandle,
    from: number,
    position: number,
    length: number,
  ): Promise<Errno | 0> {
    const state = this.#state;
    if (!state.access.write) return EBADF;
    if (!(source instanceof RemoteHandle)) return EXDEV;
    const reads = source.#state;
    if (!reads.access.read) return EBADF;
    const what = { state, source: reads.fd, from, position, length };
    return source.#local.whileRunning(this.#run('change', 'clone', what));
  }

  async copyRange(
    source: VfsHandle,
    from: number,
    position: number,
    length: number,
  ): Promise<number> {
    const where = { from, position, length };
    const state = this.#state;
    if (!state.access.write) return EBADF;
    if (!(source instanceof RemoteHandle) || areOverlapping(source, this, where)) {
      return copyBytes(source, from, this, position, length);
    }
    const reads = source.#state;
    if (!reads.access.read) return EBADF;
    const copying = this.#run('change', 'copy', { state, source: reads.fd, ...where });
    return copied(await source.#local.whileRunning(copying), source, this, where);
  }

  async cursor(): Promise<Result<VfsCursor>> {
    if (this.kind !== 'directory') return ENOTDIR;
    const opened = await this.#run('ask', 'openCursor', { state: this.#state });
    const { threads, who } = this.#user;
    return isErrno(opened) ? opened : new RemoteCursor(threads, who, opened);
  }

  async child(name: string): Promise<Result<{ name: string; stat: VfsStat }>> {
    const found = await this.#ask('child', name);
    if (isErrno(found)) return found;
    const stat = this.#user.threads.stat(found.stat);
    return isErrno(stat) ? stat : { name: found.name, stat };
  }

  isEmpty(): Promise<boolean | Errno> {
    return this.#ask('isEmpty');
  }

  rename(path: readonly string[], replace: boolean): Promise<Errno | 0> {
    return this.#naming(async () => {
      const what = { state: this.#state, path, replace };
      const done = await this.#run('ask', 'rename', what);
      if (isErrno(done)) return done;
      if (done.value === 0) {
        if (!isErrno(done.path)) this.#path = done.path;
        this.#parentPath = parentOf(this.#path);
        this.#parent = isErrno(done.parent) ? done.parent : this.#user.threads.idOf(done.parent);
        this.#know();
      }
      return done.value;
    });
  }

  link(path: readonly string[], replace: boolean): Promise<Errno | 0> {
    return this.#naming(() => this.#ask('link', path, replace));
  }

  remove(): Promise<Errno | 0> {
    return this.#naming(async () => {
      const result = await this.#change('remove');
      if (result === 0) this.#isRemoved = true;
      return result;
    });
  }

  close(): void {
    this.#local.close();
  }

  inTurn<T>(act: () => Promise<T>): Promise<T> {
    return this.#local.whileRunning(this.#user.threads.device.inTurn(this.#local.inodeKey, act));
  }

  #naming(act: () => Promise<Errno | 0>): Promise<Errno | 0> {
    return this.#local.whileRunning(this.#user.threads.device.inTurn(NAMES, act));
  }

  #run<N extends JobName>(
    lane: Lane,
    name: N,
    what: Jobs[N][0],
    memory?: Uint8Array,
  ): Promise<Jobs[N][1] | Errno> {
    const { threads, who } = this.#user;
    return this.#local.whileRunning(threads.run(lane, who, name, what, memory));
  }

  #ask<M extends keyof HandleMethods>(
    method: M,
    ...args: HandleMethods[M][0]
  ): Promise<HandleMethods[M][1] | Errno> {
    return this.#call('ask', method, args);
  }

  #change<M extends keyof HandleMethods>(
    method: M,
    ...args: HandleMethods[M][0]
  ): Promise<HandleMethods[M][1] | Errno> {
    return this.#call('change', method, args);
  }

  async #call<M extends keyof HandleMethods>(
    lane: Lane,
    method: M,
    args: HandleMethods[M][0],
  ): Promise<HandleMethods[M][1] | Errno> {
    const what = { state: this.#state, method, args };
    const done = await this.#run(lane, 'handle', what);
    if (isErrno(done)) return done;
    if (method === 'open') this.#local.opened(done.state);
    return done.value as HandleMethods[M][1];
  }
}
