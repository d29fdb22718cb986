/**
 * One open object. It starts as an O_PATH descriptor, which grants nothing and blocks on nothing;
 * `open` replaces it by one for data, through /proc/self/fd, and only for a regular file.
 *
 *     looked up (O_PATH) ── open ──▶ open for data ── open (wider) ──▶ …
 *            └────────────── close ──────┴──▶ closing ── last operation ends ──▶ closed
 */
import assert from 'node:assert/strict';
import type { SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import { clientName } from '../../fscc/private-names.ts';
import { O_RDONLY, O_RDWR, O_WRONLY } from '../../native/constants.ts';
import { close, ftruncate, reserve } from '../../native/files.ts';
import { stx } from '../../native/stat.ts';
import { copyBytes } from '../copy-bytes.ts';
import {
  EACCES,
  EBADF,
  EINVAL,
  EIO,
  EISDIR,
  ENODATA,
  ENOENT,
  ENOTDIR,
  EOPNOTSUPP,
  type Errno,
  EXDEV,
  isErrno,
  type Result,
} from '../errno.ts';
import type { VfsHostLocks } from '../host-locks.ts';
import { StreamHandle } from '../stream-handle.ts';
import type {
  MaybePromise,
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
  VfsPosixAcls,
  VfsRange,
  VfsStat,
  VfsStream,
  VfsStreamRules,
} from '../vfs.ts';
import type { KnownAttributes } from './attribute-cache.ts';
import { cloneLocal, copyLocal } from './copying.ts';
import { actAs, type Credentials } from './credentials.ts';
import { type EaObject, readEas, writeEas } from './extended-attributes.ts';
import { isLargeFile, type Readable, type ReadMode, readData } from './file-data.ts';
import { flushLocal } from './flushing.ts';
import { dataRanges, zeroLocal } from './holes.ts';
import { openHostLocks } from './host-locks.ts';
import { keep } from './keeping.ts';
import { childOf, isEmptyObject, openCursor } from './local-cursor.ts';
import { makeSeen, openSeen, removeNamed, type StreamBase, streamsSeen } from './local-streams.ts';
import { change, inodeKeyOfStat, kindOf, statObject } from './metadata.ts';
import { flushed, type OpenInode } from './open-inodes.ts';
import { isLong, linkTarget, ownPath, parentOf, SHORT_PATH } from './own-name.ts';
import { type PlacedObject, parentSecurity, removable } from './parents.ts';
import {
  type ForeseenPermissions,
  isPrivileged,
  permissionsOf,
  plainPermissionsOf,
} from './permissions.ts';
import { slowDeviceOf } from './pool/slow-device.ts';
import { posixAcls, setPosixAcls } from './posix-lists.ts';
import { removePermitted } from './privileged.ts';
import { link, remove, rename, replace } from './renaming.ts';
import { become, reopen } from './reopen.ts';
import { readKept } from './reparse.ts';
import { security, setSecurity, storedSecurity } from './security.ts';
import { type Access, type HandleState, type LocalShare, NO_ACCESS } from './share.ts';
import { countMove, keepTold, type Place, placeAt, type ToldPath, toldPath } from './told-path.ts';

export class LocalHandle implements VfsHandle, PlacedObject, Readable {
  readonly kind: VfsKind;
  readonly fileId: bigint;
  readonly volumeId: number;
  readonly base = undefined;
  readonly openedAs: readonly string[];
  fd: number;
  readMode: ReadMode = 'nowait';
  known: KnownAttributes | undefined;
  told: ToldPath | undefined;
  place: Place | undefined;
  isFixed = true;
  above: KnownAttributes | undefined;
  changeSeconds = 0;
  changeNanoseconds = 0;
  readonly #share: LocalShare;
  readonly #credentials: Credentials;
  readonly inode: OpenInode;
  #access: Access = NO_ACCESS;
  /** A write takes setuid and setgid away, as the kernel does for whoever is no superuser. */
  #losesPrivilege = false;
  foreseen: ForeseenPermissions | undefined;
  /** Of what was made just now, without a security descriptor. */
  asMade: ForeseenPermissions | undefined;
  /** What statx told of it when it was looked up. */
  found: VfsStat | undefined;
  /** Whoever goes on with what was found asks for the security descriptor next. */
  #isJustFound = false;
  #running = 0;
  #isClosed = false;
  #isRemoved = false;
  #mayBeRemoved = false;

  /** Takes over the descriptor of `state`, which may be another thread's. */
  constructor(share: LocalShare, credentials: Credentials, state: HandleState) {
    this.#share = share;
    this.#credentials = credentials;
    this.fd = state.fd;
    this.openedAs = state.openedAs;
    this.kind = state.kind;
    this.fileId = state.fileId;
    this.volumeId = state.volumeId;
    this.#access = state.access;
    this.#losesPrivilege = state.losesPrivilege;
    if (share.isRemote) this.readMode = 'pool';
    this.inode = share.inodes.retain(state.inodeKey);
  }

  /** Takes over `fd`, of which statx has just told. `openedAs` is the path on disk. */
  static of(
    share: LocalShare,
    credentials: Credentials,
    fd: number,
    openedAs: readonly string[],
    access: Access = NO_ACCESS,
  ): LocalHandle {
    return new LocalHandle(share, credentials, {
      fd,
      openedAs: share.isRemote || isLong(openedAs) ? openedAs : SHORT_PATH,
      kind: kindOf(stx.mode()),
      fileId: stx.inode(),
      inodeKey: inodeKeyOfStat(),
      volumeId: share.volumes.idOf(stx.device(), fd),
      access,
      losesPrivilege: access.write && credentials.uid !== 0 && isPrivileged(),
    });
  }

  /** The same while the descriptor stays that of another handle; to be ended by `abandon`. */
  static borrow(share: LocalShare, credentials: Credentials, state: HandleState): LocalHandle {
    const handle = new LocalHandle(share, credentials, state);
    // The number goes on meaning this object.
    handle.#running = 1;
    return handle;
  }

  get state(): HandleState {
    const { fd, openedAs, kind, fileId, volumeId, inodeKey } = this;
    const [access, losesPrivilege] = [this.#access, this.#losesPrivilege];
    return { fd, openedAs, kind, fileId, volumeId, inodeKey, access, losesPrivilege };
  }

  /** What a thread of the pool has done with the descriptor. */
  opened({ access, losesPrivilege }: HandleState): void {
    this.#access = access;
    this.#losesPrivilege = losesPrivilege;
  }

  /** Ends the handle and leaves its descriptor open. */
  abandon(): void {
    this.#share.inodes.release(this.inode);
  }

  get isDirectory() {
    return this.kind === 'directory';
  }

  get isFile(): boolean {
    return this.kind === 'file';
  }

  get inodeKey(): string {
    return this.inode.key;
  }

  get isData(): boolean {
    return this.#access.read || this.#access.write;
  }

  path(): readonly string[] | Errno {
    const disk = ownPath(this.#share, this);
    const path = isErrno(disk) ? disk : disk.map(clientName);
    keepTold(this, path);
    this.place = isErrno(disk) ? undefined : placeAt(disk);
    return path;
  }

  toldPath(): readonly string[] | Errno {
    return toldPath(this);
  }

  parent(): VfsObjectId | Errno {
    return parentOf(this.#share, ownPath(this.#share, this));
  }

  stat(): Result<VfsStat> {
    return statObject(this.#share, this.#credentials, this);
  }

  takeFound(): VfsStat | undefined {
    const { found } = this;
    this.found = undefined;
    this.#isJustFound = found !== undefined;
    return found;
  }

  plainPermissions(): VfsPermissions | undefined {
    return plainPermissionsOf(this, this.#share.ntAclName);
  }

  get isReadable(): boolean {
    return this.#access.read;
  }

  set(changes: VfsChanges): Errno | 0 {
    const act = () => change(this.#share, this.#credentials, this.fd, this.isData, changes);
    return this.#touching(act);
  }

  #touching<T>(act: () => T): T {
    return this.#share.own.touching(this.inodeKey, act);
  }

  permissions(): Result<VfsPermissions> {
    const foreseen = this.foreseen?.now(this.fd);
    return foreseen ?? actAs(this.#credentials, () => permissionsOf(this.fd, this.#credentials));
  }

  readLink(): string | Errno {
    return this.kind === 'symlink' ? linkTarget(this.fd) : EINVAL;
  }

  kept(what: VfsKept): Buffer | Errno {
    return this.#isPlain ? readKept(this.fd, what) : ENODATA;
  }

  keep(what: VfsKept, data: Buffer | undefined): Errno | 0 {
    if (!this.#isPlain || !this.#share.features.reparsePoints) return EOPNOTSUPP;
    return keep(this.#share, this.#credentials, this, what, data);
  }

  replaceBy(form: VfsForm): Result<VfsHandle> {
    const fd = this.#share.own.naming(() => replace(this.#share, this.#credentials, this, form));
    return fd < 0 ? fd : LocalHandle.of(this.#share, this.#credentials, fd, this.openedAs);
  }

  eas(): Result<readonly VfsEa[]> {
    if (!this.#share.features.extendedAttributes) return EOPNOTSUPP;
    if (!this.#isPlain) return [];
    const eas = readEas(this.#eaObject, this.#credentials);
    if (this.known !== undefined && !isErrno(eas) && eas.length === 0) this.known.hasNoEas = true;
    return eas;
  }

  setEas(changes: readonly VfsEa[]): Errno | 0 {
    if (!this.#share.features.extendedAttributes || !this.#isPlain) return EOPNOTSUPP;
    return this.#touching(() => writeEas(this.#eaObject, this.#credentials, changes));
  }

  get #eaObject(): EaObject {
    return { fd: this.fd, procFd: this.#share.procFd, isData: this.isData };
  }

  streamName(): undefined {}

  streams(rules?: VfsStreamRules): Result<readonly VfsStream[]> {
    if (!this.#share.features.namedStreams) return EOPNOTSUPP;
    return this.#isPlain ? streamsSeen(this.streamBase, rules) : [];
  }

  stream(name: string, rules?: VfsStreamRules): Result<VfsHandle> {
    if (!this.#hasStreams) return ENOENT;
    const stream = openSeen(this.streamBase, name, rules);
    return isErrno(stream) ? stream : new StreamHandle(this, stream, NO_ACCESS);
  }

  createStream(name: string, rules?: VfsStreamRules): Result<VfsHandle> {
    if (!this.#hasStreams) return EOPNOTSUPP;
    const stream = makeSeen(this.streamBase, name, rules);
    return isErrno(stream) ? stream : new StreamHandle(this, stream, { read: true, write: true });
  }

  removeStream(name: string): Errno | 0 {
    return this.#hasStreams ? removeNamed(this.streamBase, name) : ENOENT;
  }

  renameStream(): Errno {
    return EINVAL;
  }

  get #isPlain(): boolean {
    return this.isFile || this.isDirectory;
  }

  get #hasStreams(): boolean {
    return this.#share.features.namedStreams && this.#isPlain;
  }

  get streamBase(): StreamBase {
    return {
      credentials: this.#credentials,
      inode: this.inode,
      own: this.#share.own,
      format: this.#share.streamFormat,
      object: () => this.#eaObject,
      sync: async () => flushLocal(this, this.#share.fullSync),
    };
  }

  removable(): Errno | 0 {
    return this.#mayBeRemoved ? 0 : removable(this.#share, this.#credentials, this);
  }

  permitRemoval(): void {
    this.#mayBeRemoved = true;
  }

  storedSecurity(): SecurityDescriptor | undefined | Errno {
    if (!this.#isPlain) return undefined;
    const known = this.#isJustFound ? this.known : undefined;
    this.#isJustFound = false;
    return storedSecurity(this.#share, this, known);
  }

  parentSecurity(): SecurityDescriptor | undefined | Errno {
    return parentSecurity(this.#share, this);
  }

  security(): Result<SecurityDescriptor> {
    return security(this.#share, this);
  }

  setSecurity(edit: SecurityEdit): Errno | 0 {
    if (!this.#isPlain) return EOPNOTSUPP;
    return this.#touching(() => setSecurity(this.#share, this.#credentials, this, edit));
  }

  posixAcls(): Result<VfsPosixAcls> {
    return posixAcls(this.#share, this);
  }

  setPosixAcls(lists: Partial<VfsPosixAcls>): Errno | 0 {
    return this.#touching(() => setPosixAcls(this.#share, this.#credentials, this, lists));
  }

  open(access: Access): Errno | 0 {
    if (this.kind !== 'file') return this.isDirectory ? EISDIR : EACCES;
    const read = access.read || this.#access.read;
    const write = access.write || this.#access.write;
    if (read === this.#access.read && write === this.#access.write) return 0;
    const mode = !write ? O_RDONLY : read ? O_RDWR : O_WRONLY;
    const fd = actAs(this.#credentials, () => this.reopen(mode));
    if (fd < 0) return fd;
    this.#access = { read, write };
    if (write && this.#credentials.uid !== 0) this.#losesPrivilege = isPrivileged(fd);
    // An operation in the pool knows the number: it goes on meaning this object.
    if (this.#running > 0) return become(this.fd, fd);
    close(this.fd);
    this.fd = fd;
    return 0;
  }

  reopen(flags: number): number {
    return reopen(this.#share, this.fd, flags);
  }

  read(buffer: Uint8Array, position: number): MaybePromise<number> {
    if (!this.#access.read) return EBADF;
    const result = readData(this, buffer, position, this.#share.readRest);
    return typeof result === 'number' ? result : this.whileRunning(result);
  }

  write(buffer: Uint8Array, position: number): MaybePromise<number> {
    if (!this.#access.write) return EBADF;
    const slow = slowDeviceOf(this.#share, this.#losesPrivilege);
    if (slow !== undefined) return slow.write(this, buffer, position);
    if (this.#share.own.observer === undefined) return this.#write(buffer, position);
    return this.#touching(() => this.#write(buffer, position));
  }

  #write(buffer: Uint8Array, position: number): number {
    const { pace, writeData } = this.#share;
    const begun = pace.begin();
    const result = this.#losesPrivilege
      ? actAs(this.#credentials, () => writeData(this.fd, buffer, position))
      : writeData(this.fd, buffer, position);
    pace.end(begun);
    return result === EIO ? flushed(this.inode, EIO) : result;
  }

  /** Runs a write as it has to be; see #losesPrivilege. */
  writing(write: () => number): number {
    return this.#losesPrivilege ? actAs(this.#credentials, write) : write();
  }

  hostLocks(): Result<VfsHostLocks> {
    return this.isData ? openHostLocks(this.#share, this.fd, this.#access.write) : EBADF;
  }

  flush(): MaybePromise<Errno | 0> {
    return flushLocal(this, this.#share.dataSync);
  }

  truncate(length: number): MaybePromise<Errno | 0> {
    if (!this.#access.write) return EBADF;
    const slow = slowDeviceOf(this.#share, this.#losesPrivilege);
    if (slow !== undefined) return slow.truncate(this, length);
    return this.#touching(() => this.writing(() => ftruncate(this.fd, length)));
  }

  allocate(length: number): Errno | 0 {
    if (!this.#access.write) return EBADF;
    if (length === 0) return 0;
    return this.#touching(() => reserve(this.fd, length));
  }

  zero(range: VfsRange, keepsSpace: boolean): MaybePromise<Errno | 0> {
    return this.#access.write ? zeroLocal(this.#share, this, range, keepsSpace) : EBADF;
  }

  dataRanges(range: VfsRange, max: number): Result<readonly VfsRange[]> {
    return this.isData ? dataRanges(this.fd, range, max) : EBADF;
  }

  cloneRange(source: VfsHandle, from: number, position: number, length: number): Errno | 0 {
    if (!this.#access.write) return EBADF;
    if (!(source instanceof LocalHandle)) return EXDEV;
    return cloneLocal(this.#share.own, source, this, { from, position, length });
  }

  copyRange(source: VfsHandle, from: number, position: number, length: number) {
    if (!this.#access.write) return EBADF;
    if (!(source instanceof LocalHandle)) return copyBytes(source, from, this, position, length);
    return copyLocal(this.#share.own, source, this, { from, position, length });
  }

  cursor(): Result<VfsCursor> {
    return this.isDirectory ? openCursor(this.#share, this.#credentials, this.fd) : ENOTDIR;
  }

  child(name: string): MaybePromise<Result<{ name: string; stat: VfsStat }>> {
    return this.isDirectory ? childOf(this.#share, this.#credentials, this, name) : ENOTDIR;
  }

  isEmpty(): boolean | Errno {
    return this.isDirectory ? isEmptyObject(this.#share, this.#credentials, this.fd) : ENOTDIR;
  }

  rename(path: readonly string[], replace: boolean): MaybePromise<Errno | 0> {
    return rename(this.#share, this.#credentials, this, path, replace);
  }

  link(path: readonly string[], replace: boolean): MaybePromise<Errno | 0> {
    return link(this.#share, this.#credentials, this, path, replace);
  }

  remove(): Errno | 0 {
    countMove();
    const act = this.#mayBeRemoved ? removePermitted : remove;
    const result = this.#share.own.naming(() => act(this.#share, this.#credentials, this));
    if (result === 0) this.#isRemoved = true;
    return result;
  }

  close(): void {
    assert.ok(!this.#isClosed, 'a handle is closed once');
    this.#isClosed = true;
    if (this.#running === 0) this.#end();
  }

  #end(): void {
    this.#share.inodes.release(this.inode);
    const isSlow = this.#share.isRemote ? this.isData : this.#isRemoved && isLargeFile(this.fd);
    if (isSlow) this.#share.closeSlowly(this.fd);
    else close(this.fd);
    this.#access = NO_ACCESS;
    this.fd = -1;
  }

  /** Keeps the descriptor until the operation has ended. */
  async whileRunning<T>(operation: Promise<T>): Promise<T> {
    this.#running++;
    try {
      return await operation;
    } finally {
      if (--this.#running === 0 && this.#isClosed) this.#end();
    }
  }
}
