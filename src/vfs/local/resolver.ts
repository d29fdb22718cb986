/**
 * Paths to descriptors, never leaving the share: openat2(2) with RESOLVE_BENEATH and no symbolic link
 * on the way, or where that is missing a walk by component with O_NOFOLLOW. A path is tried as it is
 * first, in one call; only one that misses is walked by component without regard to case.
 *
 * All functions act as the identity that is entered. Results are descriptors (O_PATH) or errnos.
 */

import { diskLength } from '../../base/disk-names.ts';
import { diskName } from '../../fscc/private-names.ts';
import { AT_SYMLINK_NOFOLLOW, O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../../native/constants.ts';
import { close, openat, openBeneath } from '../../native/files.ts';
import { statx } from '../../native/stat.ts';
import {
  EACCES,
  EAGAIN,
  EINVAL,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOPATH,
  ENOTDIR,
  type Errno,
  EXDEV,
} from '../errno.ts';
import type { Credentials } from './credentials.ts';
import { KnownFiles } from './known-files.ts';
import type { NameCache } from './name-cache.ts';

/** openat2 gives EAGAIN when renames elsewhere race with it; it seldom does so twice. */
const OPENAT2_ATTEMPTS = 32;

/** Of a component in UTF-8, by vfs.ts. */
const NAME_BYTES = 255;
/** A name of fewer UTF-16 units cannot have more bytes. */
const SAFE_NAME_UNITS = NAME_BYTES / 3;
/** PATH_MAX is 4096 with its NUL: longer paths are opened in pieces. */
const PIECE_BYTES = 4000;
const SAFE_PIECE_UNITS = PIECE_BYTES / 3;

/**
 * An unpaired surrogate, and what the server checks before; here so that no slip of it ever leaves the
 * share.
 */
const IS_NO_NAME = /^$|^\.\.?$|[/\0\p{Surrogate}]/u;

const OBJECT = O_PATH | O_NOFOLLOW;
const DIRECTORY = O_PATH | O_NOFOLLOW | O_DIRECTORY;

/** Opens below a directory by names on disk, each below the one before. */
type Walk = (dir: number, names: readonly string[], flags: number) => number;

/** A path as it was asked for, with the names on disk that it stands for. */
export interface CheckedPath {
  readonly names: readonly string[];
  readonly disk: readonly string[];
}

export function checkName(name: string): string | Errno {
  if (IS_NO_NAME.test(name)) return EINVAL;
  const disk = diskName(name);
  if (disk.length > SAFE_NAME_UNITS && diskLength(disk) > NAME_BYTES) return ENAMETOOLONG;
  return disk;
}

export function checkPath(names: readonly string[]): CheckedPath | Errno {
  const disk: string[] = [];
  for (const name of names) {
    const checked = checkName(name);
    if (typeof checked === 'number') return checked;
    disk.push(checked);
  }
  return { names, disk };
}

function openCalmly(dir: number, path: string, flags: number, crosses: boolean): number {
  let fd = EAGAIN;
  for (let attempt = 0; fd === EAGAIN && attempt < OPENAT2_ATTEMPTS; attempt++) {
    fd = openBeneath(dir, path, flags, crosses);
  }
  return fd === EXDEV ? EACCES : fd;
}

const byOpenat2 =
  (crosses: boolean): Walk =>
  (dir, names, flags) => {
    const path = names.length === 0 ? '.' : names.join('/');
    const fd = openCalmly(dir, path, flags, crosses);
    return fd === ENOTDIR || fd === ELOOP ? ENOPATH : fd;
  };

const byComponent: Walk = (dir, names, flags) => {
  if (names.length === 0) return openat(dir, '.', flags);
  let at = dir;
  for (const [index, name] of names.entries()) {
    const isLast = index === names.length - 1;
    const next = openat(at, name, isLast ? flags : DIRECTORY);
    if (at !== dir) close(at);
    if (next < 0) return next === ENOTDIR || next === ELOOP ? ENOPATH : next;
    at = next;
  }
  return at;
};

/** A path that is too long for one call, by several. */
const inPieces =
  (walk: Walk): Walk =>
  (dir, names, flags) => {
    let units = 0;
    for (const name of names) units += name.length + 1;
    if (units <= SAFE_PIECE_UNITS) return walk(dir, names, flags);
    let at = dir;
    for (let from = 0; from < names.length; ) {
      let bytes = 0;
      let to = from;
      while (to < names.length) {
        bytes += diskLength(names[to]!) + 1;
        if (bytes > PIECE_BYTES) break;
        to++;
      }
      const next = walk(at, names.slice(from, to), to === names.length ? flags : DIRECTORY);
      if (at !== dir) close(at);
      if (next < 0) return next;
      at = next;
      from = to;
    }
    return at;
  };

/** How paths are walked, the same for a share and its snapshots. */
export interface Ways {
  readonly hasOpenat2: boolean;
  /** What is mounted within the folder belongs to it; false, which takes openat2: it is refused with EACCES. */
  readonly crossesMounts: boolean;
}

export class Resolver {
  readonly root: number;
  readonly cache: NameCache;
  /** Names that differ in case differ: nothing is looked for without regard to it. */
  readonly isExact: boolean;
  readonly files = new KnownFiles((names, flags) => this.#walk(this.root, names, flags));
  readonly #ways: Ways;
  readonly #walk: Walk;

  constructor(root: number, cache: NameCache, ways: Ways, isExact = false) {
    this.root = root;
    this.cache = cache;
    this.isExact = isExact;
    this.#ways = ways;
    this.#walk = inPieces(ways.hasOpenat2 ? byOpenat2(ways.crossesMounts) : byComponent);
  }

  /** The same folder for whom names are exact. */
  exactly(): Resolver {
    return new Resolver(this.root, this.cache, this.#ways, true);
  }

  /** The same for another folder. */
  at(root: number): Resolver {
    return new Resolver(root, this.cache, this.#ways, this.isExact);
  }

  /** The object at `path`, a link as itself. */
  open(path: CheckedPath, credentials: Credentials): number {
    const fd = this.exact(path.disk);
    if (fd !== ENOENT || path.names.length === 0) return fd;
    const last = path.names.length - 1;
    const exact = this.exactDirectory(path.disk.slice(0, last));
    const parent = exact === ENOENT ? this.#openParentAlike(path, credentials) : exact;
    if (parent < 0) return parent;
    const found =
      exact === ENOENT
        ? this.#openIn(parent, path, last, OBJECT, credentials)
        : this.#openAlike(parent, path, last, OBJECT, credentials);
    close(parent);
    return found;
  }

  /** The object at exactly these names on disk. */
  exact(disk: readonly string[]): number {
    return this.#walk(this.root, disk, OBJECT);
  }

  /** A directory at exactly these names on disk. */
  exactDirectory(disk: readonly string[]): number {
    return this.#walk(this.root, disk, DIRECTORY);
  }

  /** The directory that the last component of `path` is in. ENOPATH when there is none. */
  openParent(path: CheckedPath, credentials: Credentials): number {
    const depth = path.names.length - 1;
    const fd = this.exactDirectory(path.disk.slice(0, depth));
    return fd === ENOENT ? this.#openParentAlike(path, credentials) : fd;
  }

  /** The same where it is not at exactly these names. */
  #openParentAlike(path: CheckedPath, credentials: Credentials): number {
    const depth = path.names.length - 1;
    let at = this.exactDirectory([]);
    for (let level = 0; level < depth && at >= 0; level++) {
      const next = this.#openIn(at, path, level, DIRECTORY, credentials);
      close(at);
      at = next === ENOENT || next === ENOTDIR || next === ELOOP ? ENOPATH : next;
    }
    return at;
  }

  /** What `dir` holds under a client's name: the name on disk. Leaves it in statx's buffer. */
  existing(dir: number, name: string, disk: string, credentials: Credentials): string | Errno {
    const missing = statx(dir, disk, AT_SYMLINK_NOFOLLOW);
    if (missing === 0) return disk;
    if (missing !== ENOENT) return missing;
    return this.#found(dir, name, credentials, (found) => statx(dir, found, AT_SYMLINK_NOFOLLOW));
  }

  /**
   * Whether a lookup that has just missed this name, in whatever case, would miss it again: ENOENT. Whether it is there
   * exactly so says whoever makes it.
   */
  stillMissing(dir: number, name: string, disk: string, credentials: Credentials): string | Errno {
    return this.isExact
      ? this.existing(dir, name, disk, credentials)
      : this.cache.find(dir, name, credentials, true);
  }

  #openName(dir: number, name: string, flags: number): number {
    return this.#ways.crossesMounts
      ? openat(dir, name, flags)
      : openCalmly(dir, name, flags, false);
  }

  #openIn(
    dir: number,
    path: CheckedPath,
    level: number,
    flags: number,
    credentials: Credentials,
  ): number {
    const fd = this.#openName(dir, path.disk[level]!, flags);
    return fd === ENOENT ? this.#openAlike(dir, path, level, flags, credentials) : fd;
  }

  /** The same where it has not exactly this name. */
  #openAlike(
    dir: number,
    path: CheckedPath,
    level: number,
    flags: number,
    credentials: Credentials,
  ): number {
    let opened: number = ENOENT;
    const found = this.#found(dir, path.names[level]!, credentials, (name) => {
      opened = this.#openName(dir, name, flags);
      return Math.min(opened, 0);
    });
    return typeof found === 'number' ? found : opened;
  }

  /** Uses the name that the cache knows; once more when it is found to be gone. */
  #found(
    dir: number,
    name: string,
    credentials: Credentials,
    use: (disk: string) => Errno | 0,
  ): string | Errno {
    if (this.isExact) {
      // One whose private characters are so on disk; the other form has been tried.
      const result = diskName(name) === name ? ENOENT : use(name);
      return result === 0 ? name : result;
    }
    for (let attempt = 0; ; attempt++) {
      const disk = this.cache.find(dir, name, credentials);
      if (typeof disk === 'number') return disk;
      const result = use(disk);
      if (result === 0) return disk;
      if (result !== ENOENT || attempt > 0) return result;
      this.cache.forget(dir);
    }
  }
}
