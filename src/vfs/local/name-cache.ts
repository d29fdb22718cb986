/**
 * Finds names without regard to case. Linux compares bytes, so a name that misses must be compared
 * with all names of its directory; what such a scan found is kept, so that a miss in a directory of
 * 100,000 entries costs a statx and a look-up.
 *
 * A scan is good while the directory's mtime and ctime stay. They move in ticks, so a directory that
 * changed just before it was scanned may have changed again in the same tick: such a scan is not
 * trusted, save where the kernel tells each change apart (attribute-cache.ts). It is used again only while repeating it would take more than its share of the time (large
 * directories, in a burst of changes), and never in a small one. Changes of our own are entered, and
 * leave the scan untrusted.
 */

import { clientName } from '../../fscc/private-names.ts';
import { foldKey, isAscii } from '../../fscc/upcase.ts';
import { AT_EMPTY_PATH, O_DIRECTORY, O_NONBLOCK, O_RDONLY } from '../../native/constants.ts';
import { readNames } from '../../native/directory.ts';
import { close, openat } from '../../native/files.ts';
import { statx, stx } from '../../native/stat.ts';
import { EACCES, ENOENT, type Errno } from '../errno.ts';
import { nextChangeTells } from './attribute-cache.ts';
import type { Credentials } from './credentials.ts';

/** Two ticks of the slowest kernel clock (100 Hz), and a little for ours. */
const TICKS_MS = 25;
/** File systems without nanoseconds: FAT counts in two seconds. */
const COARSE_TICKS_MS = 2100;
/** An untrusted scan of fewer entries is repeated at once: it takes some 30 µs. */
const SMALL_DIRECTORY_ENTRIES = 64;
/** An untrusted larger scan lives this many times as long as it took: at most 6 % of the time goes to scans. */
const REUSE_FACTOR = 16;

/**
 * Shared by all directories; the least recently used one goes first. A directory of a million names of the usual
 * length fits: one that does not is read anew for each name that misses, whose client then waits a second.
 */
export const MAX_CACHED_NAMES = 1_200_000;
export const MAX_CACHED_BYTES = 200 * 1024 * 1024;
/** Two short strings and a slot of a map, beside the letters themselves. */
const NAME_OVERHEAD_BYTES = 96;

interface Stamp {
  readonly modified: number;
  readonly modifiedNs: number;
  readonly changed: number;
  readonly changedNs: number;
}

interface CachedDirectory {
  stamp: Stamp;
  /** By fold key: the name on disk; of several the first. */
  readonly names: Map<string, string>;
  /** Keys that more than one name has. */
  readonly shared: Set<string>;
  readonly scannedAtMs: number;
  readonly scanMs: number;
  trusted: boolean;
  bytes: number;
}

/** A directory as it was before a change of ours; see `before` and `after`. */
export interface Change {
  readonly key: string;
  readonly directory: CachedDirectory;
}

export interface NameCacheOptions {
  readonly maxNames?: number;
  readonly maxBytes?: number;
  /** Wall clock, as the kernel stamps files. */
  readonly now?: () => number;
  /** Whether every further change of the directory of the statx just made moves its times. */
  readonly nextChangeTells?: (dir: number) => boolean;
}

/** The directory of the statx just made. */
const keyOfStat = (): string => `${stx.device()}/${stx.inodeHigh()}/${stx.inodeLow()}`;

const stampOfStat = (): Stamp => ({
  modified: stx.modificationSeconds(),
  modifiedNs: stx.modificationNanoseconds(),
  changed: stx.changeSeconds(),
  changedNs: stx.changeNanoseconds(),
});

const isSameAsStat = (stamp: Stamp): boolean =>
  stamp.modifiedNs === stx.modificationNanoseconds() &&
  stamp.changedNs === stx.changeNanoseconds() &&
  stamp.modified === stx.modificationSeconds() &&
  stamp.changed === stx.changeSeconds();

/** What is ASCII takes one byte a letter. */
const bytesOf = (key: string, name: string): number =>
  NAME_OVERHEAD_BYTES + (isAscii(name) ? 1 : 2) * (key.length + name.length);

export class NameCache {
  readonly #procFd: number;
  readonly #directories = new Map<string, CachedDirectory>();
  readonly #maxNames: number;
  readonly #maxBytes: number;
  readonly #now: () => number;
  readonly #nextChangeTells: (dir: number) => boolean;
  #names = 0;
  #bytes = 0;
  /** How many directories were read, for tests and statistics. */
  scans = 0;

  /** `procFd`: /proc/self/fd, through which a directory is opened for reading. */
  constructor(procFd: number, options: NameCacheOptions = {}) {
    this.#procFd = procFd;
    this.#maxNames = options.maxNames ?? MAX_CACHED_NAMES;
    this.#maxBytes = options.maxBytes ?? MAX_CACHED_BYTES;
    this.#now = options.now ?? Date.now;
    this.#nextChangeTells = options.nextChangeTells ?? nextChangeTells;
  }

  get names(): number {
    return this.#names;
  }

  /**
   * The name on disk that equals `name` (a client's) without regard to case; ENOENT when there is none.
   * Call with the identity entered: the scan may be the server's, so that names are unique also
   * where the user may not list. `isAgain`: the directory has been asked for the same name before, and whoever asks has
   * waited for nothing since, so that a scan made for him then is as good as another: what it may not show was
   * done while he was asking.
   */
  find(dir: number, name: string, credentials: Credentials, isAgain = false): string | Errno {
    const refused = statx(dir, '', AT_EMPTY_PATH);
    if (refused !== 0) return refused;
    const key = keyOfStat();
    const known = this.#directories.get(key);
    const isSame = known !== undefined && isSameAsStat(known.stamp);
    if (isSame && (isAgain || this.#isUsable(known))) {
      this.#directories.delete(key);
      this.#directories.set(key, known);
      return known.names.get(foldKey(name)) ?? ENOENT;
    }
    this.#drop(key);
    return this.#scan(dir, key, foldKey(name), credentials);
  }

  /** Before a change of ours in `dir`; undefined when nothing is known of it. */
  before(dir: number): Change | undefined {
    if (this.#directories.size === 0 || statx(dir, '', AT_EMPTY_PATH) !== 0) return undefined;
    const key = keyOfStat();
    const directory = this.#directories.get(key);
    if (directory === undefined) return undefined;
    if (isSameAsStat(directory.stamp)) return { key, directory };
    this.#drop(key);
    return undefined;
  }

  /** After it: `removed` and `added` are names on disk. */
  after(change: Change | undefined, dir: number, removed?: string, added?: string): void {
    if (change === undefined) return;
    const { key, directory } = change;
    if (this.#directories.get(key) !== directory) return;
    const removedKey = removed === undefined ? undefined : foldKey(clientName(removed));
    const isUnclear = removedKey !== undefined && directory.shared.has(removedKey);
    // A small one that is not trusted would never be used.
    const isSmall = directory.names.size < SMALL_DIRECTORY_ENTRIES;
    if (isSmall || isUnclear || statx(dir, '', AT_EMPTY_PATH) !== 0 || keyOfStat() !== key) {
      this.#drop(key);
      return;
    }
    directory.stamp = stampOfStat();
    directory.trusted = false;
    if (removedKey !== undefined) this.#remove(directory, removedKey);
    if (added !== undefined) this.#add(directory, added);
    this.#evict();
  }

  /** The directory is not what it was thought to be. */
  forget(dir: number): void {
    if (statx(dir, '', AT_EMPTY_PATH) === 0) this.#drop(keyOfStat());
  }

  #isUsable(directory: CachedDirectory): boolean {
    if (directory.trusted) return true;
    if (directory.names.size < SMALL_DIRECTORY_ENTRIES) return false;
    const age = this.#now() - directory.scannedAtMs;
    return age >= 0 && age < directory.scanMs * REUSE_FACTOR;
  }

  #scan(dir: number, key: string, wanted: string, credentials: Credentials): string | Errno {
    const stamp = stampOfStat();
    const fd = this.#openForReading(dir, credentials);
    if (fd === EACCES) return ENOENT;
    if (fd < 0) return fd;
    const scannedAtMs = this.#now();
    const started = performance.now();
    const found: CachedDirectory = {
      stamp,
      names: new Map(),
      shared: new Set(),
      scannedAtMs,
      scanMs: 0,
      trusted: false,
      bytes: 0,
    };
    this.scans++;
    let match: string | undefined;
    let isTooLarge = false;
    const result = readNames(fd, (name) => {
      if (isTooLarge) {
        if (match === undefined && foldKey(clientName(name)) === wanted) match = name;
        return;
      }
      this.#enter(found, name);
      if (found.names.size > this.#maxNames || found.bytes > this.#maxBytes) {
        isTooLarge = true;
        match = found.names.get(wanted);
        found.names.clear();
      }
    });
    close(fd);
    // A directory that was removed reads as if it were missing.
    if (result < 0 && result !== ENOENT) return result;
    if (isTooLarge) return match ?? ENOENT;
    this.#keep(dir, key, { ...found, scanMs: performance.now() - started });
    return found.names.get(wanted) ?? ENOENT;
  }

  #openForReading(dir: number, credentials: Credentials): number {
    const flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK;
    // Most users may, and a network file system may know the user but not the superuser.
    const own = openat(this.#procFd, `${dir}`, flags);
    if (own !== EACCES) return own;
    credentials.leave();
    const fd = openat(this.#procFd, `${dir}`, flags);
    const refused = credentials.enter();
    if (refused === 0) return fd;
    if (fd >= 0) close(fd);
    return refused;
  }

  #keep(dir: number, key: string, directory: CachedDirectory): void {
    if (statx(dir, '', AT_EMPTY_PATH) !== 0 || !isSameAsStat(directory.stamp)) return;
    const { stamp, scannedAtMs } = directory;
    const changedMs = Math.max(stamp.modified, stamp.changed) * 1000;
    const isCoarse = stamp.modifiedNs === 0 && stamp.changedNs === 0;
    const fractionMs = (stamp.modified >= stamp.changed ? stamp.modifiedNs : stamp.changedNs) / 1e6;
    const ageMs = scannedAtMs - changedMs - fractionMs;
    directory.trusted =
      this.#nextChangeTells(dir) || ageMs > (isCoarse ? COARSE_TICKS_MS : TICKS_MS);
    this.#directories.set(key, directory);
    this.#names += directory.names.size;
    this.#bytes += directory.bytes;
    this.#evict();
  }

  #enter(directory: CachedDirectory, name: string): void {
    const key = foldKey(clientName(name));
    if (directory.names.has(key)) {
      directory.shared.add(key);
    } else {
      directory.names.set(key, name);
      directory.bytes += bytesOf(key, name);
    }
  }

  #add(directory: CachedDirectory, name: string): void {
    const { bytes } = directory;
    const { size } = directory.names;
    this.#enter(directory, name);
    this.#names += directory.names.size - size;
    this.#bytes += directory.bytes - bytes;
  }

  #remove(directory: CachedDirectory, key: string): void {
    const name = directory.names.get(key);
    if (name === undefined) return;
    directory.names.delete(key);
    const bytes = bytesOf(key, name);
    directory.bytes -= bytes;
    this.#names--;
    this.#bytes -= bytes;
  }

  #drop(key: string): void {
    const directory = this.#directories.get(key);
    if (directory === undefined) return;
    this.#directories.delete(key);
    this.#names -= directory.names.size;
    this.#bytes -= directory.bytes;
  }

  #evict(): void {
    for (const key of this.#directories.keys()) {
      if (this.#names <= this.#maxNames && this.#bytes <= this.#maxBytes) return;
      this.#drop(key);
    }
  }
}
