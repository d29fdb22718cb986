/**
 * Where a run takes place: one server over a memory file system, whose operations finish when the run's
 * scheduler says so, and a clock that only the scheduler moves. Everything that happens passes here and is
 * counted; whoever finds something wrong says it here.
 */
import { World } from '../../src/server/test-world.support.test.ts';
import { isErrno } from '../../src/vfs/errno.ts';
import type { MemoryVfs } from '../../src/vfs/memory/memory.ts';
import type { Vfs, VfsHandle, VfsTree } from '../../src/vfs/vfs.ts';
import { chanceOf, type Random } from './chance.ts';
import type { FakeTime } from './fake-time.ts';
import type { Commit, Witness } from './history.ts';

/** A promise made by an invariant was not kept. */
export interface Violation {
  readonly rule: string;
  readonly text: string;
  readonly step: number;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class Stage {
  readonly world: World;
  readonly time: FakeTime;
  readonly #seed: number;
  /** The chance of the step that is being made. */
  random: Random;
  step = -1;
  /** Counts what happens. */
  moment = 0;
  violation: Violation | undefined;
  /** Operations of the file system that have not been done yet. */
  readonly held: (() => void)[] = [];
  /** How many operations in a hundred are held. */
  slowness = 0;
  witness: Witness | undefined;
  readonly #trace: ((line: string) => void) | undefined;

  constructor(seed: number, time: FakeTime, trace: ((line: string) => void) | undefined) {
    this.#seed = seed;
    this.#trace = trace;
    this.time = time;
    this.random = chanceOf(seed, -1);
    this.world = new World({
      vfs: { clock: () => BigInt(time.nowMs) * 10_000n },
      between: (memory) => this.#tap(memory),
    });
    this.world.gates.delay = () => {
      if (!this.random.chance(this.slowness / 100)) return undefined;
      return new Promise((resolve) => this.held.push(resolve));
    };
  }

  begin(step: number): void {
    this.step = step;
    this.random = chanceOf(this.#seed, step);
  }

  /** Lets everything run that waits for nothing. */
  async turn(): Promise<void> {
    await turn();
  }

  fail(rule: string, text: string): void {
    this.trace(`VIOLATION of ${rule}: ${text}`);
    this.violation ??= { rule, text, step: this.step };
  }

  get tracing(): boolean {
    return this.#trace !== undefined;
  }

  trace(line: string): void {
    this.#trace?.(`${String(this.step).padStart(3)} ${String(this.moment).padStart(4)}  ${line}`);
  }

  /** What is at a path now, for the model's eyes. */
  fileAt(path: string): bigint | undefined {
    const tree = this.world.memory.attach(undefined) as VfsTree;
    const handle = tree.lookup(path === '' ? [] : path.split('\\'));
    tree.close();
    if (handle instanceof Promise || isErrno(handle)) return undefined;
    const { fileId } = handle;
    handle.close();
    return fileId;
  }

  #commit(commit: Commit): void {
    this.moment += 1;
    if (this.tracing) this.trace(`        disk: ${describeCommit(commit)}`);
    this.witness?.committed(commit);
  }

  /** Tells of each change as the memory file system makes it. */
  #tap(memory: MemoryVfs): Vfs {
    return {
      features: memory.features,
      close: () => memory.close(),
      attach: (identity) => {
        const tree = memory.attach(identity) as VfsTree;
        const { lookup, create } = tree;
        tree.lookup = (path) =>
          this.#tapHandle(lookup.call(tree, path) as VfsHandle | number) as never;
        tree.create = (path, what) => {
          const handle = this.#tapHandle(create.call(tree, path, what) as VfsHandle | number);
          if (typeof handle === 'object') this.#named('create', handle, path.join('\\'));
          return handle as never;
        };
        return tree;
      },
    };
  }

  #named(kind: 'create' | 'remove', handle: VfsHandle, path: string): void {
    this.#commit({ kind, file: handle.fileId, path, isDirectory: handle.kind === 'directory' });
  }

  #tapHandle(handle: VfsHandle | number): VfsHandle | number {
    if (typeof handle === 'number') return handle;
    const { write, truncate, rename, remove } = handle;
    const { fileId: file } = handle;
    handle.write = (buffer, position) => {
      const data = Buffer.from(buffer);
      const count = write.call(handle, buffer, position);
      if (count === data.length) this.#commit({ kind: 'write', file, position, data });
      return count;
    };
    handle.truncate = (size) => {
      const result = truncate.call(handle, size);
      if (result === 0) this.#commit({ kind: 'truncate', file, size });
      return result;
    };
    handle.rename = (path, replace) => {
      const before = pathOf(handle);
      const there = this.fileAt(path.join('\\'));
      const result = rename.call(handle, path, replace);
      if (result !== 0) return result;
      const replaced = there === file ? undefined : there;
      const isDirectory = handle.kind === 'directory';
      this.#commit({
        kind: 'rename',
        file,
        path: before,
        to: pathOf(handle),
        replaced,
        isDirectory,
      });
      return result;
    };
    handle.remove = () => {
      const path = pathOf(handle);
      const result = remove.call(handle);
      if (result === 0) this.#named('remove', handle, path);
      return result;
    };
    return handle;
  }
}

function pathOf(handle: VfsHandle): string {
  const path = handle.path();
  return isErrno(path) ? '' : path.join('\\');
}

function describeCommit(commit: Commit): string {
  switch (commit.kind) {
    case 'write':
      return `#${commit.file} ${commit.data.toString('hex')} at ${commit.position}`;
    case 'truncate':
      return `#${commit.file} has ${commit.size} bytes`;
    case 'rename':
      return `#${commit.file} ${commit.path} is ${commit.to}${commit.replaced === undefined ? '' : `, instead of #${commit.replaced}`}`;
    default:
      return `#${commit.file} ${commit.kind} ${commit.path}`;
  }
}
