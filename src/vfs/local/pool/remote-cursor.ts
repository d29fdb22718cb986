/** A walk over a directory by threads of the pool. */
import assert from 'node:assert/strict';
import { EIO, type Errno, isErrno, type Result } from '../../errno.ts';
import type { Identity, VfsCursor, VfsDirectoryEntry, VfsStat } from '../../vfs.ts';
import type { CursorState } from '../local-cursor.ts';
import type { ShareThreads } from './share-threads.ts';

/** Entries that are looked at by one job: some hundred microseconds on a file system that answers. */
const STATS_AT_ONCE = 64;
/** How long what was read ahead may be told. */
const FRESH_MS = 100;

export class RemoteCursor implements VfsCursor {
  readonly #threads: ShareThreads;
  readonly #who: Identity | undefined;
  readonly #state: CursorState;
  #rewinds = false;
  #running = 0;
  #isClosed = false;
  #batch: readonly VfsDirectoryEntry[] = [];
  /** Read ahead, from `#first` on. */
  #stats: readonly Result<VfsStat>[] = [];
  #first = 0;
  #readAtMs = 0;

  /** Takes over the descriptor. */
  constructor(threads: ShareThreads, who: Identity | undefined, state: CursorState) {
    this.#threads = threads;
    this.#who = who;
    this.#state = state;
  }

  async next(): Promise<Result<readonly VfsDirectoryEntry[]>> {
    const what = { directory: this.#state, rewinds: this.#rewinds };
    this.#rewinds = false;
    const entries = await this.#whileRunning(this.#threads.run('ask', this.#who, 'entries', what));
    if (isErrno(entries)) return entries;
    this.#batch = entries;
    this.#stats = [];
    return entries;
  }

  async stat(entry: VfsDirectoryEntry): Promise<Result<VfsStat>> {
    const index = this.#batch.indexOf(entry, this.#first);
    const known = this.#stats[index - this.#first];
    if (index >= 0 && known !== undefined && performance.now() - this.#readAtMs < FRESH_MS) {
      return known;
    }
    const entries = index < 0 ? [entry] : this.#batch.slice(index, index + STATS_AT_ONCE);
    const what = { directory: this.#state, entries };
    const stats = await this.#whileRunning(this.#threads.run('ask', this.#who, 'stats', what));
    if (isErrno(stats)) return stats;
    const whole = stats.map((stat) => this.#threads.stat(stat));
    if (index >= 0) {
      this.#stats = whole;
      this.#first = index;
      this.#readAtMs = performance.now();
    }
    return whole[0] ?? EIO;
  }

  rewind(): void {
    this.#rewinds = true;
    this.#batch = [];
    this.#stats = [];
    this.#first = 0;
  }

  close(): void {
    assert.ok(!this.#isClosed, 'a cursor is closed once');
    this.#isClosed = true;
    if (this.#running === 0) this.#threads.close(this.#state.fd);
  }

  async #whileRunning<T>(job: Promise<T | Errno>): Promise<T | Errno> {
    this.#running += 1;
    try {
      return await job;
    } finally {
      this.#running -= 1;
      if (this.#running === 0 && this.#isClosed) this.#threads.close(this.#state.fd);
    }
  }
}
