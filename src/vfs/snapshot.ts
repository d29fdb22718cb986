/**
 * A previous version of a share: a tree of a back end that may only be read, whose objects are others than
 * those of today even where the disk gives them the same numbers (a hard link into a folder of snapshots).
 *
 * Rights are those of the objects, so what opened a file of today for writing opens one of these as well, as
 * with Samba; what would change it is EROFS, and EXDEV what would give it another name.
 */
import { createHash } from 'node:crypto';
import { EROFS, type Errno, EXDEV, isErrno, type Result } from './errno.ts';
import type {
  MaybePromise,
  VfsCursor,
  VfsDirectoryEntry,
  VfsEa,
  VfsHandle,
  VfsKept,
  VfsKind,
  VfsObjectId,
  VfsPermissions,
  VfsPurpose,
  VfsRange,
  VfsStat,
  VfsStream,
  VfsStreamRules,
  VfsTree,
  VfsVolume,
} from './vfs.ts';

/** Other numbers for the objects of a snapshot: the same for the same snapshot, also after a restart. */
class OtherIds {
  readonly #file: bigint;
  readonly #volume: number;

  constructor(name: string) {
    const hash = createHash('sha256').update(name).digest();
    // Never the same number: some bit of the lower half is set.
    this.#file = hash.readBigUInt64LE(0) | 1n;
    this.#volume = 1 + hash.readUInt16LE(8);
  }

  fileId = (id: bigint): bigint => id ^ this.#file;

  /** Above every device number, and below 2^53. */
  volumeId = (id: number): number => (id % 2 ** 32) + this.#volume * 2 ** 32;

  of<T extends VfsObjectId>(object: T): T {
    const { fileId, volumeId } = object;
    return { ...object, fileId: this.fileId(fileId), volumeId: this.volumeId(volumeId) };
  }
}

const after = <T, U>(value: MaybePromise<T>, next: (value: T) => U): MaybePromise<U> =>
  value instanceof Promise ? value.then(next) : next(value);

const afterResult = <T extends object, U>(
  value: MaybePromise<Result<T>>,
  next: (value: T) => U,
): MaybePromise<U | Errno> =>
  after(value, (result) => (isErrno(result) ? result : next(result as T)));

export class SnapshotTree implements VfsTree {
  readonly #inner: VfsTree;
  readonly #ids: OtherIds;
  readonly #end: () => void;
  /** Those who have looked something up, and whoever has the tree itself. */
  #holds = 1;

  /** `name` is that of the snapshot, `end` is called once nobody holds anything of it any more. */
  constructor(inner: VfsTree, name: string, end: () => void) {
    this.#inner = inner;
    this.#ids = new OtherIds(name);
    this.#end = end;
  }

  lookup(path: readonly string[], purpose?: VfsPurpose): MaybePromise<Result<VfsHandle>> {
    // Nothing of the past is written.
    const then = purpose === 'write' ? 'open' : purpose;
    return afterResult(this.#inner.lookup(path, then), (handle) => this.#wrap(handle));
  }

  #wrap(handle: VfsHandle): VfsHandle {
    this.#holds += 1;
    return new SnapshotHandle(handle, undefined, { tree: this, ids: this.#ids });
  }

  create(): Errno {
    return EROFS;
  }

  volume(): MaybePromise<Result<VfsVolume>> {
    return this.#inner.volume();
  }

  exactly(): VfsTree {
    const exact = this.#inner.exactly?.();
    if (exact === undefined) return this;
    const view: VfsTree = {
      lookup: (path, reads) =>
        afterResult(exact.lookup(path, reads), (handle) => this.#wrap(handle)),
      create: () => EROFS,
      volume: () => exact.volume(),
      close() {},
    };
    return view;
  }

  close(): void {
    this.#holds -= 1;
    if (this.#holds > 0) return;
    this.#inner.close();
    this.#end();
  }
}

interface View {
  readonly tree: SnapshotTree;
  readonly ids: OtherIds;
}

class SnapshotHandle implements VfsHandle {
  readonly kind: VfsKind;
  readonly fileId: bigint;
  readonly volumeId: number;
  readonly base: VfsHandle | undefined;
  readonly snapshot: { readonly tree: VfsTree; readonly source: VfsHandle };
  readonly #inner: VfsHandle;
  readonly #view: View;

  constructor(inner: VfsHandle, base: VfsHandle | undefined, view: View) {
    this.#inner = inner;
    this.#view = view;
    this.base = base;
    this.kind = inner.kind;
    this.fileId = view.ids.fileId(inner.fileId);
    this.volumeId = view.ids.volumeId(inner.volumeId);
    this.snapshot = { tree: view.tree, source: inner };
  }

  path(): readonly string[] | Errno {
    return this.#inner.path();
  }

  parent(): VfsObjectId | Errno {
    const parent = this.#inner.parent();
    return isErrno(parent) ? parent : this.#view.ids.of(parent as VfsObjectId);
  }

  stat(): MaybePromise<Result<VfsStat>> {
    return afterResult(this.#inner.stat(), (stat) => this.#view.ids.of(stat));
  }

  permissions(): MaybePromise<Result<VfsPermissions>> {
    return this.#inner.permissions();
  }

  readLink(): MaybePromise<string | Errno> {
    return this.#inner.readLink();
  }

  kept(what: VfsKept): MaybePromise<Buffer | Errno> {
    return this.#inner.kept(what);
  }

  keep(): Errno {
    return EROFS;
  }

  replaceBy(): Errno {
    return EROFS;
  }

  eas(): MaybePromise<Result<readonly VfsEa[]>> {
    return this.#inner.eas();
  }

  streamName(): string | undefined | Errno {
    return this.#inner.streamName();
  }

  streams(rules?: VfsStreamRules): MaybePromise<Result<readonly VfsStream[]>> {
    return this.#inner.streams(rules);
  }

  removable(): MaybePromise<Errno | 0> {
    return this.#inner.removable();
  }

  storedSecurity() {
    return this.#inner.storedSecurity();
  }

  parentSecurity() {
    return this.#inner.parentSecurity();
  }

  security() {
    return this.#inner.security();
  }

  isEmpty(): MaybePromise<boolean | Errno> {
    return this.#inner.isEmpty();
  }

  /** Nothing is. */
  permitRemoval(): void {}

  stream(name: string, rules?: VfsStreamRules): MaybePromise<Result<VfsHandle>> {
    const wrap = (stream: VfsHandle) => new SnapshotHandle(stream, this, this.#view);
    return afterResult(this.#inner.stream(name, rules), wrap);
  }

  /** For writing as well: the first write is refused. */
  open({ read }: { read: boolean }): MaybePromise<Errno | 0> {
    return read ? this.#inner.open({ read, write: false }) : 0;
  }

  read(buffer: Uint8Array, position: number): MaybePromise<number> {
    return this.#inner.read(buffer, position);
  }

  dataRanges(range: VfsRange, max: number): MaybePromise<Result<readonly VfsRange[]>> {
    return this.#inner.dataRanges(range, max);
  }

  cursor(): MaybePromise<Result<VfsCursor>> {
    return afterResult(this.#inner.cursor(), (inner) => new SnapshotCursor(inner, this.#view.ids));
  }

  child(name: string): MaybePromise<Result<{ name: string; stat: VfsStat }>> {
    return afterResult(this.#inner.child(name), (child) => ({
      name: child.name,
      stat: this.#view.ids.of(child.stat),
    }));
  }

  close(): void {
    this.#inner.close();
    // A stream's handle closes the one of its file.
    this.#view.tree.close();
  }

  flush(): 0 {
    return 0;
  }

  set(): Errno {
    return EROFS;
  }

  setEas(): Errno {
    return EROFS;
  }

  setSecurity(): Errno {
    return EROFS;
  }

  createStream(): Errno {
    return EROFS;
  }

  removeStream(): Errno {
    return EROFS;
  }

  renameStream(): Errno {
    return EROFS;
  }

  write(): Errno {
    return EROFS;
  }

  truncate(): Errno {
    return EROFS;
  }

  allocate(): Errno {
    return EROFS;
  }

  zero(): Errno {
    return EROFS;
  }

  cloneRange(): Errno {
    return EROFS;
  }

  copyRange(): Errno {
    return EROFS;
  }

  remove(): Errno {
    return EROFS;
  }

  rename(): Errno {
    return EXDEV;
  }

  link(): Errno {
    return EXDEV;
  }
}

class SnapshotCursor implements VfsCursor {
  readonly #inner: VfsCursor;
  readonly #ids: OtherIds;

  constructor(inner: VfsCursor, ids: OtherIds) {
    this.#inner = inner;
    this.#ids = ids;
  }

  next(): MaybePromise<Result<readonly VfsDirectoryEntry[]>> {
    return afterResult(this.#inner.next(), (entries) =>
      entries.map(({ name, fileId }) => ({ name, fileId: this.#ids.fileId(fileId) })),
    );
  }

  stat({ name, fileId }: VfsDirectoryEntry): MaybePromise<Result<VfsStat>> {
    // The same again leads back.
    const inner = { name, fileId: this.#ids.fileId(fileId) };
    return afterResult(this.#inner.stat(inner), (stat) => this.#ids.of(stat));
  }

  rewind(): void {
    this.#inner.rewind();
  }

  close(): void {
    this.#inner.close();
  }
}
