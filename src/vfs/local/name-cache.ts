/**
 * Finds names without regard to case. Linux compares bytes, so a name that misses must be compared
 * with all names of its directory; what such a scan found is kept, so that a miss in a directory of
 * 100,000 entries costs a statx and a look-up.
 *
 * A scan is good while the directory's mtime and ctime stay. They move in ticks, so a directory that
 * changed just before it was scanned may have changed again in the same tick: such a scan is not
 * trusted, save where the kernel tells each change apart (attribute-cache.ts). It is used again only while repeating it
 * would take more than its share of the time (large directories, in a burst of changes), and never in a small one.
 * Changes of our own are entered, and leave the scan untrusted: in the microseconds between our look at the times and
 * our change somebody else may have made another. Where each change is told apart that is all there is to doubt, so the
 * scan goes on for a while, in a small directory as well.
 *
 * A million names take a second to read. So a larger directory is read in pieces (name-reading.ts), between which
 * others are served: whoever misses a name in it waits, and looks again when all is read. One directory is read so at a
 * time, whose names are beside those that are kept; who needs another waits for it to come to its end.
 */

import { foldKey } from '../../fscc/upcase.ts';
import { AT_EMPTY_PATH, O_DIRECTORY, O_NONBLOCK, O_RDONLY } from '../../native/constants.ts';
import { close, openat } from '../../native/files.ts';
import { statx, stx } from '../../native/stat.ts';
import { EACCES, EAGAIN, ENOENT, type Errno } from '../errno.ts';
import { attributeCache, type KnownAttributes, nextChangeTells } from './attribute-cache.ts';
import type { Credentials } from './credentials.ts';
import { type DirectoryNames, keyOfName } from './directory-names.ts';
import { isSameAsStat, NameReading, type Stamp, stampOfStat } from './name-reading.ts';

/** Two ticks of the slowest kernel clock (100 Hz), and a little for ours. */
const TICKS_MS = 25;
/** File systems without nanoseconds: FAT counts in two seconds. */
const COARSE_TICKS_MS = 2100;
/** An untrusted scan of fewer entries is repeated at once: it takes some 30 µs. */
const SMALL_DIRECTORY_ENTRIES = 64;
/** An untrusted larger scan lives this many times as long as it took: at most 6 % of the time goes to scans. */
const REUSE_FACTOR = 16;

/** How long names are doubted, where it is for changes of our own alone: by then another program's name is found. */
const DOUBT_MS = 1000;

/**
 * Shared by all directories; the least recently used one goes first. A directory of a million names of the usual
 * length fits: one that does not is read anew for each name that misses, whose client then waits a second.
 */
export const MAX_CACHED_NAMES = 1_200_000;
export const MAX_CACHED_BYTES = 200 * 1024 * 1024;
/** Batches of 64 KiB, some 2,000 names each, that are read at once: a few milliseconds. */
const BATCHES_AT_ONCE = 2;
/**
 * How often somebody has directories read for a name. One reading answers for one directory whatever others do to
 * it; a path has several, and while all of them change all the time the last attempt reads them at once.
 */
const MAX_READINGS = 8;

interface CachedDirectory {
  stamp: Stamp;
  readonly names: DirectoryNames;
  readonly scannedAtMs: number;
  /** How long it is used after that, untrusted. */
  readonly reuseMs: number;
  trusted: boolean;
  /** Whether each change of the directory moves its times. */
  readonly tells: boolean;
  /** When the first change of ours was entered, or seen by the reading. */
  doubtedAtMs: number | undefined;
}

/** A directory as it was before a change of ours; see `before` and `after`. */
export interface Change {
  readonly key: string;
  readonly directory: CachedDirectory | undefined;
  /** What was known of the directory itself. */
  readonly attributes: KnownAttributes | undefined;
}

export interface NameCacheOptions {
  readonly maxNames?: number;
  readonly maxBytes?: number;
  /** Wall clock, as the kernel stamps files. */
  readonly now?: () => number;
  /** Whether every further change of the directory of the statx just made moves its times. */
  readonly nextChangeTells?: (dir: number) => boolean;
  /** Directories are read at once however large they are: on a thread that has nobody else to serve. */
  readonly readsAtOnce?: boolean;
}

/** The directory of the statx just made. */
const keyOfStat = (): string => `${stx.device()}/${stx.inodeHigh()}/${stx.inodeLow()}`;

/** Clocks are set back, too. */
const isWithin = (ageMs: number, limitMs: number): boolean => ageMs >= 0 && ageMs < limitMs;

export class NameCache {
  readonly #procFd: number;
  readonly #directories = new Map<string, CachedDirectory>();
  readonly #maxNames: number;
  readonly #maxBytes: number;
  readonly #now: () => number;
  readonly #nextChangeTells: (dir: number) => boolean;
  readonly #readsAtOnce: boolean;
  #names = 0;
  #bytes = 0;
  /** How many directories were read, for tests and statistics. */
  scans = 0;
  /** Counts calls of `inPieces` and the beginnings of readings, to tell which came first. */
  #events = 0;
  /** When whoever looks for names now began to; undefined: he cannot wait. */
  #askedAt: number | undefined;
  /** What he has to wait for. */
  #awaited: NameReading | undefined;
  /** What is being read in pieces. */
  #reading: NameReading | undefined;
  /** What has been, for those who waited for it and look again now. */
  #justRead: NameReading | undefined;

  /** `procFd`: /proc/self/fd, through which a directory is opened for reading. */
  constructor(procFd: number, options: NameCacheOptions = {}) {
    this.#procFd = procFd;
    this.#maxNames = options.maxNames ?? MAX_CACHED_NAMES;
    this.#maxBytes = options.maxBytes ?? MAX_CACHED_BYTES;
    this.#now = options.now ?? Date.now;
    this.#nextChangeTells = options.nextChangeTells ?? nextChangeTells;
    this.#readsAtOnce = options.readsAtOnce === true;
  }

  get names(): number {
    return this.#names;
  }

  /**
   * Runs `work`, which looks for names first and does nothing before it has found them; where that needs a large
   * directory to be read it is run again once that is done, and what it returned before is of no account.
   * Call with no identity entered.
   */
  inPieces<T>(work: () => T): T | Promise<T> {
    if (this.#readsAtOnce) return work();
    const askedAt = ++this.#events;
    const result = this.#run(work, askedAt);
    const reading = this.#awaited;
    return reading === undefined ? result : this.#runAgain(work, askedAt, reading);
  }

  #run<T>(work: () => T, askedAt: number): T {
    this.#awaited = undefined;
    this.#askedAt = askedAt;
    try {
      return work();
    } finally {
      this.#askedAt = undefined;
    }
  }

  async #runAgain<T>(work: () => T, askedAt: number, first: NameReading): Promise<T> {
    let reading = first;
    // What others have read ends as well, and who came first looks first.
    for (let ours = 0; ours < MAX_READINGS; ours += reading.askedAt === askedAt ? 1 : 0) {
      await reading.done;
      const result = this.#run(work, askedAt);
      if (this.#awaited === undefined) return result;
      reading = this.#awaited;
    }
    await reading.done;
    return work();
  }

  /**
   * The name on disk that equals `name` (a client's) without regard to case; ENOENT when there is none.
   * Call with the identity entered: the scan may be the server's, so that names are unique also
   * where the user may not list. `isAgain`: the directory has been asked for the same name before, and whoever asks has
   * waited for nothing since, so that a scan made for him then is as good as another: what it may not show was
   * done while he was asking. EAGAIN within `inPieces`, whose caller does not see it.
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
    const wanted = foldKey(name);
    const just = this.#justRead;
    if (just !== undefined && just.key === key && just.knows(wanted)) {
      const isForUs = this.#askedAt !== undefined && this.#askedAt < just.startedAt;
      if (isAgain || isForUs)
        return just.failed !== 0 ? just.failed : (just.names.get(wanted) ?? ENOENT);
    }
    this.#drop(key);
    return this.#read(dir, key, wanted, credentials);
  }

  /**
   * Before a change of ours in `dir`, which is in statx's buffer then; undefined when nothing is known of it.
   */
  before(dir: number): Change | undefined {
    if (statx(dir, '', AT_EMPTY_PATH) !== 0) return undefined;
    const attributes = attributeCache.known();
    const key = keyOfStat();
    if (this.#reading?.key === key) this.#reading.before();
    let directory = this.#directories.get(key);
    if (directory !== undefined && !isSameAsStat(directory.stamp)) {
      this.#drop(key);
      directory = undefined;
    }
    const isRead = this.#reading?.key === key || this.#justRead?.key === key;
    const isKnown = directory !== undefined || isRead || attributes !== undefined;
    return isKnown ? { key, directory, attributes } : undefined;
  }

  /** After it: `removed` and `added` are names on disk. */
  after(change: Change | undefined, dir: number, removed?: string, added?: string): void {
    if (change === undefined) return;
    const { key, directory, attributes } = change;
    const isStated = statx(dir, '', AT_EMPTY_PATH) === 0 && keyOfStat() === key;
    if (isStated && attributes !== undefined) attributeCache.carry(attributes);
    if (directory !== undefined && this.#directories.get(key) === directory) {
      if (isStated) this.#enter(key, directory, removed, added);
      else this.#drop(key);
    }
    const just = this.#justRead;
    if (just?.key === key && just.names !== directory?.names) {
      if (!just.enter({ removed, added })) this.#justRead = undefined;
    }
    const reading = this.#reading;
    if (reading?.key !== key) return;
    if (isStated) reading.did({ removed, added });
    else reading.isForeign = true;
  }

  /** Of the directory of the statx just made. */
  #enter(
    key: string,
    directory: CachedDirectory,
    removed: string | undefined,
    added: string | undefined,
  ): void {
    const { names } = directory;
    const removedKey = removed === undefined ? undefined : keyOfName(removed);
    const isUnclear = removedKey !== undefined && names.isShared(removedKey);
    // A small one that is not trusted would never be used.
    const isUseless = !directory.tells && names.size < SMALL_DIRECTORY_ENTRIES;
    if (isUseless || isUnclear) {
      this.#drop(key);
      return;
    }
    directory.stamp = stampOfStat();
    directory.trusted = false;
    directory.doubtedAtMs ??= this.#now();
    const { size, bytes } = names;
    if (removedKey !== undefined) names.remove(removedKey);
    if (added !== undefined) names.enter(added);
    this.#names += names.size - size;
    this.#bytes += names.bytes - bytes;
    this.#evict();
  }

  /** The directory is not what it was thought to be. */
  forget(dir: number): void {
    if (statx(dir, '', AT_EMPTY_PATH) !== 0) return;
    const key = keyOfStat();
    this.#drop(key);
    if (this.#reading?.key === key) this.#reading.isForeign = true;
    if (this.#justRead?.key === key) this.#justRead = undefined;
  }

  #isUsable(directory: CachedDirectory): boolean {
    if (directory.trusted) return true;
    const now = this.#now();
    const { tells, doubtedAtMs } = directory;
    if (tells && doubtedAtMs !== undefined && isWithin(now - doubtedAtMs, DOUBT_MS)) return true;
    if (directory.names.size < SMALL_DIRECTORY_ENTRIES) return false;
    return isWithin(now - directory.scannedAtMs, directory.reuseMs);
  }

  /** What the directory of the statx just made has under the key. */
  #read(dir: number, key: string, wanted: string, credentials: Credentials): string | Errno {
    const mayWait = this.#askedAt !== undefined;
    if (mayWait && this.#reading?.key === key) return this.#await(this.#reading, wanted);
    const when = {
      askedAt: this.#askedAt,
      startedAt: ++this.#events,
      scannedAtMs: this.#now(),
    };
    const stamp = stampOfStat();
    const fd = this.#openForReading(dir, credentials);
    if (fd === EACCES) return ENOENT;
    if (fd < 0) return fd;
    const bounds = { maxNames: this.#maxNames, maxBytes: this.#maxBytes };
    const reading = new NameReading(key, fd, stamp, when, bounds);
    reading.want(wanted);
    this.scans++;
    for (let batches = 1; reading.step() === 'more'; batches++) {
      if (!mayWait || batches < BATCHES_AT_ONCE) continue;
      if (this.#reading === undefined) this.#readOn(reading);
      else reading.close();
      return this.#await(this.#reading!, wanted);
    }
    this.#ended(reading);
    return reading.failed !== 0 ? reading.failed : (reading.names.get(wanted) ?? ENOENT);
  }

  #await(reading: NameReading, wanted: string): Errno {
    reading.want(wanted);
    this.#awaited = reading;
    return EAGAIN;
  }

  #readOn(reading: NameReading): void {
    this.#reading = reading;
    setImmediate(() => {
      if (reading.step() === 'more') {
        this.#readOn(reading);
        return;
      }
      this.#reading = undefined;
      this.#justRead = reading;
      this.#ended(reading);
      // Whoever waited looks again before anything else happens.
      setImmediate(() => {
        if (this.#justRead === reading) this.#justRead = undefined;
      });
    });
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

  /** All of it is read: kept, unless there is too much of it or it is another by now. */
  #ended(reading: NameReading): void {
    const { key, fd, names, scannedAtMs } = reading;
    const isKnown = statx(fd, '', AT_EMPTY_PATH) === 0;
    reading.end();
    const tells = isKnown && this.#nextChangeTells(fd);
    reading.close();
    const { stamp } = reading;
    if (!isKnown || reading.isForeign || !reading.isWhole) return;
    const changedMs = Math.max(stamp.modified, stamp.changed) * 1000;
    const isCoarse = stamp.modifiedNs === 0 && stamp.changedNs === 0;
    const fractionMs = (stamp.modified >= stamp.changed ? stamp.modifiedNs : stamp.changedNs) / 1e6;
    const ageMs = scannedAtMs - changedMs - fractionMs;
    const isSettled = tells || ageMs > (isCoarse ? COARSE_TICKS_MS : TICKS_MS);
    const trusted = isSettled && !reading.hasOwnChanges;
    const reuseMs = this.#now() - scannedAtMs + reading.tookMs * REUSE_FACTOR;
    this.#drop(key);
    const doubtedAtMs = reading.hasOwnChanges ? scannedAtMs : undefined;
    const directory = { stamp, names, scannedAtMs, reuseMs, trusted, tells, doubtedAtMs };
    this.#directories.set(key, directory);
    this.#names += names.size;
    this.#bytes += names.bytes;
    this.#evict();
  }

  #drop(key: string): void {
    const directory = this.#directories.get(key);
    if (directory === undefined) return;
    this.#directories.delete(key);
    this.#names -= directory.names.size;
    this.#bytes -= directory.names.bytes;
  }

  #evict(): void {
    for (const key of this.#directories.keys()) {
      if (this.#names <= this.#maxNames && this.#bytes <= this.#maxBytes) return;
      this.#drop(key);
    }
  }
}
