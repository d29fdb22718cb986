/**
 * Makes any back end slow or broken on purpose, for tests. Before each operation `gate` may answer with
 * a promise that the operation waits for, then `fail` may answer with an errno that it fails with
 * instead of being done. A handle that is closed meanwhile stays open below until its operations
 * are through, as vfs.ts promises.
 */

import type { Sid } from '../../dtyp/sid.ts';
import type { Errno, Result } from '../errno.ts';
import type { VfsQuotaLimits, VfsQuotas } from '../quotas.ts';
import type {
  Identity,
  MaybePromise,
  SecurityEdit,
  Vfs,
  VfsChanges,
  VfsCursor,
  VfsDirectoryEntry,
  VfsEa,
  VfsForm,
  VfsHandle,
  VfsKept,
  VfsKind,
  VfsRange,
  VfsStreamRules,
  VfsTree,
} from '../vfs.ts';

type Asynchronous<T> = Exclude<
  keyof T,
  'kind' | 'fileId' | 'volumeId' | 'features' | 'quotas' | 'close'
>;

export type FaultyMethod =
  | 'attach'
  | Asynchronous<VfsTree>
  | Exclude<Asynchronous<VfsHandle>, 'path' | 'parent' | 'base' | 'streamName' | 'permitRemoval'>
  | 'cursor.next'
  | 'cursor.stat'
  | `quotas.${keyof VfsQuotas}`;

/** An operation that is about to be done. */
export interface FaultPoint {
  readonly method: FaultyMethod;
  /** What it is done to: the path of lookup and create, else the one that the handle was opened by. */
  readonly path: readonly string[];
}

export interface Faults {
  /** A promise to wait for; undefined to go on at once. */
  gate?(point: FaultPoint): Promise<void> | undefined;
  /** An errno to fail with; undefined or 0 to go on. */
  fail?(point: FaultPoint): Errno | undefined;
}

/** The operations of one object that wait at a gate, and what must wait for them. */
class Passage {
  readonly #faults: Faults;
  #waiting = 0;
  #end: (() => void) | undefined;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  run<T>(
    method: FaultyMethod,
    path: readonly string[],
    operation: () => MaybePromise<T>,
  ): MaybePromise<T | Errno> {
    const point = { method, path };
    const gate = this.#faults.gate?.(point);
    if (gate === undefined) return this.#faults.fail?.(point) || operation();
    return this.#wait(gate, point, operation);
  }

  /** Does `end` when nothing waits any more. */
  close(end: () => void): void {
    if (this.#waiting === 0) end();
    else this.#end = end;
  }

  async #wait<T>(
    gate: Promise<void>,
    point: FaultPoint,
    operation: () => MaybePromise<T>,
  ): Promise<T | Errno> {
    this.#waiting++;
    try {
      await gate;
      return this.#faults.fail?.(point) || (await operation());
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) this.#end?.();
    }
  }
}

class FaultyCursor implements VfsCursor {
  readonly #inner: VfsCursor;
  readonly #passage: Passage;
  readonly #path: readonly string[];

  constructor(inner: VfsCursor, faults: Faults, path: readonly string[]) {
    this.#inner = inner;
    this.#passage = new Passage(faults);
    this.#path = path;
  }

  next() {
    return this.#passage.run('cursor.next', this.#path, () => this.#inner.next());
  }

  stat(entry: VfsDirectoryEntry) {
    return this.#passage.run('cursor.stat', this.#path, () => this.#inner.stat(entry));
  }

  rewind(): void {
    this.#inner.rewind();
  }

  close(): void {
    this.#passage.close(() => this.#inner.close());
  }
}

class FaultyHandle implements VfsHandle {
  readonly kind: VfsKind;
  readonly fileId: bigint;
  readonly volumeId: number;
  readonly #inner: VfsHandle;
  readonly #faults: Faults;
  readonly #passage: Passage;
  readonly #path: readonly string[];

  constructor(inner: VfsHandle, faults: Faults, path: readonly string[]) {
    this.kind = inner.kind;
    this.fileId = inner.fileId;
    this.volumeId = inner.volumeId;
    this.#inner = inner;
    this.#faults = faults;
    this.#passage = new Passage(faults);
    this.#path = path;
  }

  path() {
    return this.#inner.path();
  }

  parent() {
    return this.#inner.parent();
  }

  stat() {
    return this.#run('stat', () => this.#inner.stat());
  }

  set(changes: VfsChanges) {
    return this.#run('set', () => this.#inner.set(changes));
  }

  permissions() {
    return this.#run('permissions', () => this.#inner.permissions());
  }

  readLink() {
    return this.#run('readLink', () => this.#inner.readLink());
  }

  kept(what: VfsKept) {
    return this.#run('kept', () => this.#inner.kept(what));
  }

  keep(what: VfsKept, data: Buffer | undefined) {
    return this.#run('keep', () => this.#inner.keep(what, data));
  }

  replaceBy(form: VfsForm): MaybePromise<Result<VfsHandle>> {
    return this.#run('replaceBy', () => this.#held(this.#inner.replaceBy(form)));
  }

  eas() {
    return this.#run('eas', () => this.#inner.eas());
  }

  setEas(changes: readonly VfsEa[]) {
    return this.#run('setEas', () => this.#inner.setEas(changes));
  }

  get base(): VfsHandle | undefined {
    const { base } = this.#inner;
    return base === undefined ? undefined : new FaultyHandle(base, this.#faults, this.#path);
  }

  streamName() {
    return this.#inner.streamName();
  }

  streams(rules?: VfsStreamRules) {
    return this.#run('streams', () => this.#inner.streams(rules));
  }

  stream(name: string, rules?: VfsStreamRules): MaybePromise<Result<VfsHandle>> {
    return this.#run('stream', () => this.#held(this.#inner.stream(name, rules)));
  }

  createStream(name: string, rules?: VfsStreamRules): MaybePromise<Result<VfsHandle>> {
    return this.#run('createStream', () => this.#held(this.#inner.createStream(name, rules)));
  }

  removeStream(name: string) {
    return this.#run('removeStream', () => this.#inner.removeStream(name));
  }

  renameStream(name: string, replace: boolean) {
    return this.#run('renameStream', () => this.#inner.renameStream(name, replace));
  }

  removable() {
    return this.#run('removable', () => this.#inner.removable());
  }

  permitRemoval(): void {
    this.#inner.permitRemoval();
  }

  storedSecurity() {
    return this.#run('storedSecurity', () => this.#inner.storedSecurity());
  }

  parentSecurity() {
    return this.#run('parentSecurity', () => this.#inner.parentSecurity());
  }

  security() {
    return this.#run('security', () => this.#inner.security());
  }

  setSecurity(edit: SecurityEdit) {
    return this.#run('setSecurity', () => this.#inner.setSecurity(edit));
  }

  open(access: { read: boolean; write: boolean }) {
    return this.#run('open', () => this.#inner.open(access));
  }

  read(buffer: Uint8Array, position: number) {
    return this.#run('read', () => this.#inner.read(buffer, position));
  }

  write(buffer: Uint8Array, position: number) {
    return this.#run('write', () => this.#inner.write(buffer, position));
  }

  flush() {
    return this.#run('flush', () => this.#inner.flush());
  }

  truncate(length: number) {
    return this.#run('truncate', () => this.#inner.truncate(length));
  }

  allocate(length: number) {
    return this.#run('allocate', () => this.#inner.allocate(length));
  }

  zero(range: VfsRange, keepsSpace: boolean) {
    return this.#run('zero', () => this.#inner.zero(range, keepsSpace));
  }

  dataRanges(range: VfsRange, max: number) {
    return this.#run('dataRanges', () => this.#inner.dataRanges(range, max));
  }

  cloneRange(
    source: VfsHandle,
    from: number,
    position: number,
    length: number,
  ): MaybePromise<Errno | 0> {
    const inner: VfsHandle = source instanceof FaultyHandle ? source.#inner : source;
    return this.#run('cloneRange', () => this.#inner.cloneRange(inner, from, position, length));
  }

  copyRange(
    source: VfsHandle,
    from: number,
    position: number,
    length: number,
  ): MaybePromise<number> {
    const inner: VfsHandle = source instanceof FaultyHandle ? source.#inner : source;
    return this.#run('copyRange', () => this.#inner.copyRange(inner, from, position, length));
  }

  cursor(): MaybePromise<Result<VfsCursor>> {
    return this.#run('cursor', () =>
      map(this.#inner.cursor(), (cursor) => new FaultyCursor(cursor, this.#faults, this.#path)),
    );
  }

  child(name: string) {
    return this.#run('child', () => this.#inner.child(name));
  }

  isEmpty() {
    return this.#run('isEmpty', () => this.#inner.isEmpty());
  }

  rename(path: readonly string[], replace: boolean) {
    return this.#run('rename', () => this.#inner.rename(path, replace));
  }

  link(path: readonly string[], replace: boolean) {
    return this.#run('link', () => this.#inner.link(path, replace));
  }

  remove() {
    return this.#run('remove', () => this.#inner.remove());
  }

  close(): void {
    this.#passage.close(() => this.#inner.close());
  }

  #held(inner: MaybePromise<Result<VfsHandle>>) {
    return map(inner, (handle) => new FaultyHandle(handle, this.#faults, this.#path));
  }

  #run<T>(method: FaultyMethod, operation: () => MaybePromise<T>): MaybePromise<T | Errno> {
    return this.#passage.run(method, this.#path, operation);
  }
}

class FaultyQuotas implements VfsQuotas {
  readonly #inner: VfsQuotas;
  readonly #passage: Passage;

  constructor(inner: VfsQuotas, passage: Passage) {
    this.#inner = inner;
    this.#passage = passage;
  }

  state() {
    return this.#passage.run('quotas.state', [], () => this.#inner.state());
  }

  own() {
    return this.#passage.run('quotas.own', [], () => this.#inner.own());
  }

  of(owner: Sid) {
    return this.#passage.run('quotas.of', [], () => this.#inner.of(owner));
  }

  from(index: number) {
    return this.#passage.run('quotas.from', [], () => this.#inner.from(index));
  }

  set(owner: Sid, limits: VfsQuotaLimits) {
    return this.#passage.run('quotas.set', [], () => this.#inner.set(owner, limits));
  }

  setDefaults(limits: VfsQuotaLimits) {
    return this.#passage.run('quotas.setDefaults', [], () => this.#inner.setDefaults(limits));
  }
}

class FaultyTree implements VfsTree {
  readonly quotas?: VfsQuotas;
  readonly #inner: VfsTree;
  readonly #faults: Faults;
  readonly #passage: Passage;

  constructor(inner: VfsTree, faults: Faults) {
    this.#inner = inner;
    this.#faults = faults;
    this.#passage = new Passage(faults);
    if (inner.quotas !== undefined) this.quotas = new FaultyQuotas(inner.quotas, this.#passage);
  }

  lookup(path: readonly string[]) {
    return this.#passage.run('lookup', path, () => this.#handle(this.#inner.lookup(path), path));
  }

  create(path: readonly string[], what: Parameters<VfsTree['create']>[1]) {
    return this.#passage.run('create', path, () =>
      this.#handle(this.#inner.create(path, what), path),
    );
  }

  volume() {
    return this.#passage.run('volume', [], () => this.#inner.volume());
  }

  close(): void {
    this.#passage.close(() => this.#inner.close());
  }

  #handle(inner: MaybePromise<Result<VfsHandle>>, path: readonly string[]) {
    return map(inner, (handle) => new FaultyHandle(handle, this.#faults, path));
  }
}

export function createFaultyVfs(inner: Vfs, faults: Faults): Vfs {
  const passage = new Passage(faults);
  return {
    features: inner.features,
    ...(inner.location !== undefined && { location: () => inner.location?.() }),
    attach: (identity: Identity | undefined) =>
      passage.run('attach', [], () =>
        map(inner.attach(identity), (tree) => new FaultyTree(tree, faults)),
      ),
    close: () => passage.close(() => inner.close()),
  };
}

/** Applied to a value that is there, now or later; an errno stays what it is. */
function map<T extends object, U extends object>(
  result: MaybePromise<Result<T>>,
  wrap: (value: T) => U,
): MaybePromise<Result<U>> {
  if (result instanceof Promise) return result.then((value) => mapNow(value, wrap));
  return mapNow(result, wrap);
}

const mapNow = <T extends object, U extends object>(
  value: Result<T>,
  wrap: (value: T) => U,
): Result<U> => (typeof value === 'number' ? value : wrap(value));
