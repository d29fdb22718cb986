/**
 * The names of one directory while they are read, a batch of getdents64(2) at a time. Between two batches the directory may
 * change: what the server does to it is entered at the end, since nobody knows whether the kernel will
 * still show it; what others do is seen by the directory's times, and then nothing of it is kept.
 *
 *     being read ── the last batch ──▶ read ── whoever waits has looked ──▶ forgotten, or kept by the cache
 */
import { readSomeNames } from '../../native/directory.ts';
import { close } from '../../native/files.ts';
import { stx } from '../../native/stat.ts';
import { ENOENT, type Errno } from '../errno.ts';
import { DirectoryNames, keyOfName } from './directory-names.ts';

/** A directory's times. */
export interface Stamp {
  readonly modified: number;
  readonly modifiedNs: number;
  readonly changed: number;
  readonly changedNs: number;
}

/** Of the statx just made. */
export const stampOfStat = (): Stamp => ({
  modified: stx.modificationSeconds(),
  modifiedNs: stx.modificationNanoseconds(),
  changed: stx.changeSeconds(),
  changedNs: stx.changeNanoseconds(),
});

export const isSameAsStat = (stamp: Stamp): boolean =>
  stamp.modifiedNs === stx.modificationNanoseconds() &&
  stamp.changedNs === stx.changeNanoseconds() &&
  stamp.modified === stx.modificationSeconds() &&
  stamp.changed === stx.changeSeconds();

export interface ReadingBounds {
  readonly maxNames: number;
  readonly maxBytes: number;
}

interface NameChange {
  readonly removed: string | undefined;
  readonly added: string | undefined;
}

export class NameReading {
  readonly key: string;
  readonly fd: number;
  /** When it began, in the cache's count of what happened, and when whoever began it did; undefined: he cannot wait. */
  readonly startedAt: number;
  readonly askedAt: number | undefined;
  readonly scannedAtMs: number;
  /** The directory's when it began, or after the last change of the server's own. */
  stamp: Stamp;
  readonly names = new DirectoryNames();
  /** What the reading itself took, without what others were served between. */
  tookMs = 0;
  /** Others have changed the directory meanwhile. */
  isForeign = false;
  /** The kernel's refusal, where the reading ended with one. */
  failed: Errno | 0 = 0;
  readonly #bounds: ReadingBounds;
  /** Keys that somebody waits for: all that is kept of a directory beyond the bounds. */
  readonly #asked = new Set<string>();
  #isTooLarge = false;
  readonly #changes: NameChange[] = [];
  /** Until all names are read. */
  readonly done: Promise<void>;
  #finish: () => void = () => {};

  /** Takes over `fd`. */
  constructor(
    key: string,
    fd: number,
    stamp: Stamp,
    when: Pick<NameReading, 'startedAt' | 'askedAt' | 'scannedAtMs'>,
    bounds: ReadingBounds,
  ) {
    this.key = key;
    this.fd = fd;
    this.startedAt = when.startedAt;
    this.askedAt = when.askedAt;
    this.scannedAtMs = when.scannedAtMs;
    this.stamp = stamp;
    this.#bounds = bounds;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** All names are there. */
  get isWhole(): boolean {
    return !this.#isTooLarge && this.failed === 0;
  }

  get hasOwnChanges(): boolean {
    return this.#changes.length > 0;
  }

  /** Somebody will look for the name. Of a directory beyond the bounds what was read before is not known any more. */
  want(key: string): void {
    if (!this.#isTooLarge) this.#asked.add(key);
  }

  /** Whether it can tell of the name. */
  knows(key: string): boolean {
    return !this.#isTooLarge || this.#asked.has(key);
  }

  /** Reads the next batch. */
  step(): 'more' | 'end' {
    const started = performance.now();
    const result = readSomeNames(this.fd, (name) => this.#visit(name));
    this.tookMs += performance.now() - started;
    if (result > 0) return 'more';
    // A directory that was removed reads as if it were missing.
    if (result < 0 && result !== ENOENT) this.failed = result;
    return 'end';
  }

  #visit(name: string): void {
    if (this.#isTooLarge) {
      const key = keyOfName(name);
      if (this.#asked.has(key)) this.names.enter(name, key);
      return;
    }
    this.names.enter(name);
    const { maxNames, maxBytes } = this.#bounds;
    if (this.names.size <= maxNames && this.names.bytes <= maxBytes) return;
    this.#isTooLarge = true;
    this.names.keepOnly(this.#asked);
  }

  /** Before a change of the server's own, of which statx has just told. */
  before(): void {
    if (!isSameAsStat(this.stamp)) this.isForeign = true;
  }

  /** After it; statx tells of the directory as it is now. */
  did(change: NameChange): void {
    this.#changes.push(change);
    this.stamp = stampOfStat();
  }

  /** All has been read; statx tells of the directory as it is now. */
  end(): void {
    if (!isSameAsStat(this.stamp)) this.isForeign = true;
    for (const change of this.#changes) if (!this.enter(change)) this.isForeign = true;
  }

  close(): void {
    close(this.fd);
    this.#finish();
  }

  /** Enters a change of the server's own in what has been read; false where nobody knows what is left then. */
  enter({ removed, added }: NameChange): boolean {
    const key = removed === undefined ? undefined : keyOfName(removed);
    const isClear = key === undefined || !this.names.isShared(key);
    if (key !== undefined && this.names.get(key) === removed) this.names.remove(key);
    if (added !== undefined) this.names.enter(added);
    return isClear;
  }
}
