/** Named streams of the memory back end: each with pages of its own, kept with their object. */
import { foldKey } from '../../fscc/upcase.ts';
import { EACCES, EEXIST, ENOENT, type Errno } from '../errno.ts';
import type { StreamSizes, SyncStreamObject } from '../stream-handle.ts';
import type { Identity, VfsStream } from '../vfs.ts';
import { may, WRITE } from './access.ts';
import type { MemoryNode } from './node.ts';
import { Pages } from './pages.ts';
import type { Volume } from './volume.ts';

export interface StreamNode {
  name: string;
  readonly pages: Pages;
  isRemoved: boolean;
}

export const findStream = (node: MemoryNode, name: string): StreamNode | undefined =>
  node.streams?.get(foldKey(name));

export function makeStream(volume: Volume, node: MemoryNode, name: string): StreamNode {
  const stream = { name, pages: new Pages(volume.space), isRemoved: false };
  node.streams ??= new Map();
  node.streams.set(foldKey(name), stream);
  node.changeTime = volume.clock();
  return stream;
}

export const listStreams = (node: MemoryNode): readonly VfsStream[] =>
  [...(node.streams?.values() ?? [])].map(({ name, pages }) => ({
    name,
    size: pages.size,
    allocationSize: pages.allocationSize,
  }));

function take(node: MemoryNode, stream: StreamNode): void {
  stream.isRemoved = true;
  stream.pages.release();
  node.streams?.delete(foldKey(stream.name));
}

/** The object is gone, and its streams with it. */
export function releaseStreams(node: MemoryNode): void {
  for (const stream of node.streams?.values() ?? []) stream.pages.release();
  node.streams = undefined;
}

export class MemoryStream implements SyncStreamObject {
  readonly #volume: Volume;
  readonly #node: MemoryNode;
  readonly #stream: StreamNode;
  readonly #identity: Identity | undefined;

  constructor(
    volume: Volume,
    node: MemoryNode,
    stream: StreamNode,
    identity: Identity | undefined,
  ) {
    this.#volume = volume;
    this.#node = node;
    this.#stream = stream;
    this.#identity = identity;
  }

  name(): string | Errno {
    return this.#stream.isRemoved ? ENOENT : this.#stream.name;
  }

  sizes(): StreamSizes | Errno {
    const { isRemoved, pages } = this.#stream;
    return isRemoved ? ENOENT : { size: pages.size, allocationSize: pages.allocationSize };
  }

  read(buffer: Uint8Array, position: number): number {
    return this.#stream.isRemoved ? ENOENT : this.#stream.pages.read(buffer, position);
  }

  write(buffer: Uint8Array, position: number): number {
    if (this.#stream.isRemoved) return ENOENT;
    const count = this.#stream.pages.write(buffer, position);
    if (count !== 0) this.#changed();
    return count;
  }

  truncate(length: number): Errno | 0 {
    if (this.#stream.isRemoved) return ENOENT;
    const result = this.#stream.pages.truncate(length);
    if (result === 0) this.#changed();
    return result;
  }

  allocate(length: number): Errno | 0 {
    return this.#stream.isRemoved ? ENOENT : this.#stream.pages.allocate(length);
  }

  flush(): Errno | 0 {
    return 0;
  }

  rename(name: string, replace: boolean): Errno | 0 {
    const refused = this.#mayChange();
    if (refused !== 0) return refused;
    const stream = this.#stream;
    const there = findStream(this.#node, name);
    if (there !== undefined && there !== stream) {
      if (!replace) return EEXIST;
      take(this.#node, there);
    }
    this.#node.streams?.delete(foldKey(stream.name));
    stream.name = name;
    this.#node.streams?.set(foldKey(name), stream);
    this.#node.changeTime = this.#volume.clock();
    return 0;
  }

  remove(): Errno | 0 {
    const refused = this.#mayChange();
    if (refused !== 0) return refused;
    take(this.#node, this.#stream);
    this.#node.changeTime = this.#volume.clock();
    return 0;
  }

  close(): void {}

  #mayChange(): Errno | 0 {
    if (this.#stream.isRemoved) return ENOENT;
    return may(this.#node, this.#identity, WRITE) ? 0 : EACCES;
  }

  /** MS-FSA 2.1.4.17: a write to any stream is one of the file. */
  #changed(): void {
    const time = this.#volume.clock();
    this.#node.lastWriteTime = time;
    this.#node.changeTime = time;
  }
}
