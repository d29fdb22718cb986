/** What a client of a run keeps of files and opens: its caches, and what it lost with a connection. */
import type { Ask, DurableWish, LockRange, Opened } from './history.ts';

export const CELL_BYTES = 4;
export const CELLS = 4;

export const R = 1;
export const H = 2;
export const W = 4;
export const CACHING_OF_LEVEL: Readonly<Record<number, number>> = {
  0: 0,
  1: R,
  8: R | W,
  9: R | W | H,
};

/** What a client may cache of one file, under a lease or an oplock, and what it has cached. */
export interface Cache {
  /** Undefined: an oplock. */
  readonly key: string | undefined;
  readonly version: 1 | 2;
  readonly file: bigint;
  path: string;
  state: number;
  epoch: number;
  readonly opens: Set<ClientOpen>;
  /** By number; as long as R is there. */
  readonly cells: Map<number, Buffer>;
  /** Written and not sent yet; as long as W is there. */
  readonly dirty: Map<number, Buffer>;
  /** Writes of `dirty` under way. */
  readonly flushing: Set<Ask>;
  afterFlush: (() => void)[];
  /** Told to give something up, and has not acknowledged. */
  isBreaking: boolean;
  /** Counts what makes answers under way too old to be kept. */
  stamp: number;
}

export interface ClientOpen {
  readonly opened: Opened;
  readonly cache: Cache | undefined;
  readonly locks: LockRange[];
  /** It outlives its connection. */
  readonly durable: DurableWish | undefined;
  /** Requests that wait: a lock, a change. */
  readonly waiting: Set<Ask>;
  closing: boolean;
}

/** An open whose connection was lost, and what its client needs to have it back. */
export interface LostOpen {
  readonly open: ClientOpen;
  readonly durable: DurableWish;
  /** Is being reclaimed. */
  ask: Ask | undefined;
}

/** It has nothing any more. */
export function lose(cache: Cache | undefined): void {
  if (cache === undefined) return;
  cache.state = 0;
  purge(cache);
}

/** What is known of this cell may be old. */
export function touch(cache: Cache, cell: number): void {
  cache.stamp += 1;
  cache.cells.delete(cell);
}

export function purge(cache: Cache): void {
  cache.stamp += 1;
  cache.cells.clear();
  cache.dirty.clear();
}
