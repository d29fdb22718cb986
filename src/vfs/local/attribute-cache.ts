/**
 * What was read of the extended attributes of inodes. Every change of them moves st_ctime (inode(7)), so
 * what was read is good for as long as statx(2), which is asked in any case, tells the same st_ctime.
 *
 * An st_ctime that may still be given to another change is not relied upon: clocks of file systems go by
 * ticks, some by seconds. Since Linux 6.13 none is given again that statx has told (multigrain timestamps), where the
 * file system counts nanoseconds. Only file systems that are known to keep these rules are taken for it.
 *
 * A directory's st_ctime moves with each name that comes or goes. Where the server itself adds or removes one, what is
 * known of the directory's own attributes is carried over (name-cache.ts does so), and doubted from then on: in the
 * microseconds between our looks at the times somebody else may have changed them. So it is read again DOUBT_MS later.
 */
import { release } from 'node:os';
import { MAX_KNOWN_ATTRIBUTES } from '../../base/limits.ts';
import { BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC } from '../../native/constants.ts';
import { fstatfs, stfs, stx } from '../../native/stat.ts';
import type { DosAttribute } from './dos-attribute.ts';
import type { NtAclName } from './nt-acl.ts';

export interface KnownAttributes {
  /** st_ctime. */
  seconds: number;
  nanoseconds: number;
  /** When it was first carried over a change of ours. */
  doubtedAtMs: number | undefined;
  /** user.DOSATTRIB; null while nobody has read it, undefined where there is none. */
  dos: DosAttribute | undefined | null;
  /** There are no attributes that clients see. */
  hasNoEas: boolean;
  /** There is no attribute of this name, a security descriptor's. */
  noNtAcl: NtAclName | undefined;
  /** Of a directory, once somebody has asked what may be done in it. */
  directory: KnownDirectory | undefined;
}

export interface KnownDirectory {
  /** It is no reparse point. */
  noReparse: boolean;
  /** Who may add and remove names; see parents.ts. */
  changers: readonly Changer[];
}

/** For whom the kernel was asked, and by which path below the root of which share. */
export interface Changer {
  readonly share: object;
  readonly credentials: object;
  readonly path: string;
  readonly askedAtMs: number;
}

/** How long what was carried over is relied upon. */
const DOUBT_MS = 1_000;

/** Local ones whose sources say so, for extended attributes too. */
const TELLING_CHANGES: ReadonlySet<number> = new Set([
  EXT4_SUPER_MAGIC,
  XFS_SUPER_MAGIC,
  BTRFS_SUPER_MAGIC,
]);

/** By device. */
const telling = new Map<number, boolean>();
let lastDevice = -1;
let lastTells = false;

/** Whether every change of an inode moves its st_ctime, in this machine's time. `fd`: of an object there. */
function tellsChanges(device: number, fd: number | undefined): boolean {
  if (device === lastDevice) return lastTells;
  const known = telling.get(device);
  if (known === undefined && fd === undefined) return false;
  const tells = known ?? (fstatfs(fd!) === 0 && TELLING_CHANGES.has(stfs.type()));
  telling.set(device, tells);
  lastDevice = device;
  lastTells = tells;
  return tells;
}

/** Multigrain timestamps, which the three of them have. */
const MULTIGRAIN_SINCE = [6, 13] as const;

function isMultigrain(): boolean {
  const [major = 0, minor = 0] = release()
    .split('.')
    .map((part) => Number.parseInt(part, 10));
  const [sinceMajor, sinceMinor] = MULTIGRAIN_SINCE;
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}

const HAS_MULTIGRAIN = isMultigrain();

/**
 * Whether every further change of the object of the statx just made will move its times: of one whose file system
 * has seconds only, they read 0 nanoseconds.
 */
export const nextChangeTells = (fd?: number): boolean =>
  HAS_MULTIGRAIN && stx.changeNanoseconds() !== 0 && tellsChanges(stx.device(), fd);

/** The coarsest clock is that of an ext3 that became an ext4, in seconds. */
const SETTLED_MS = 2_000;
/** What of an inode's upper half fits under 2^53: of more nothing is remembered, and no known disk has them. */
const MAX_INODE_HIGH = 0x1f_ffff;
const TWO_TO_32 = 0x1_0000_0000;

const newEntry = (seconds: number, nanoseconds: number): KnownAttributes => ({
  seconds,
  nanoseconds,
  doubtedAtMs: undefined,
  dos: null,
  hasNoEas: false,
  noNtAcl: undefined,
  directory: undefined,
});

/** Whether this is of the inode as the statx just made tells of it. */
function isCurrent({ seconds, nanoseconds, doubtedAtMs }: KnownAttributes): boolean {
  if (nanoseconds !== stx.changeNanoseconds() || seconds !== stx.changeSeconds()) return false;
  if (doubtedAtMs === undefined) return true;
  const ageMs = Date.now() - doubtedAtMs;
  // Clocks are set back, too.
  return ageMs >= 0 && ageMs < DOUBT_MS;
}

export class AttributeCache {
  readonly #hasMultigrain: boolean;
  /** By device, then by inode: numbers, since to make a text of both and look for it takes longer than statx. */
  readonly #devices = new Map<number, Map<number, KnownAttributes>>();
  #size = 0;
  #device = -1;
  #known = new Map<number, KnownAttributes>();

  constructor(hasMultigrain = HAS_MULTIGRAIN) {
    this.#hasMultigrain = hasMultigrain;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * What is known of the inode of the statx just made, to be completed; undefined where nothing is kept.
   * `fd` is of the object, where it is open.
   */
  ofStat(fd: number | undefined, nowMs?: number): KnownAttributes | undefined {
    const device = stx.device();
    if (!tellsChanges(device, fd)) return undefined;
    const high = stx.inodeHigh();
    if (high > MAX_INODE_HIGH) return undefined;
    const inode = stx.inodeLow() + high * TWO_TO_32;
    const known = this.#of(device);
    const seconds = stx.changeSeconds();
    const nanoseconds = stx.changeNanoseconds();
    const found = known.get(inode);
    if (found !== undefined && isCurrent(found)) return found;
    const isDistinct = this.#hasMultigrain && nanoseconds !== 0;
    if (!isDistinct && seconds * 1000 + SETTLED_MS > (nowMs ?? Date.now())) return undefined;
    const entry = newEntry(seconds, nanoseconds);
    if (found === undefined) this.#makeRoom(known);
    known.set(inode, entry);
    return entry;
  }

  /** The same without beginning to keep anything. */
  known(): KnownAttributes | undefined {
    const high = stx.inodeHigh();
    if (high > MAX_INODE_HIGH) return undefined;
    const found = this.#devices.get(stx.device())?.get(stx.inodeLow() + high * TWO_TO_32);
    return found !== undefined && isCurrent(found) ? found : undefined;
  }

  /** What was `known` before a name came or went by ourselves is so of the directory of the statx just made. */
  carry(known: KnownAttributes): void {
    const nanoseconds = stx.changeNanoseconds();
    // A time that another change may still be given tells of none.
    if (!this.#hasMultigrain || nanoseconds === 0) return;
    known.seconds = stx.changeSeconds();
    known.nanoseconds = nanoseconds;
    known.doubtedAtMs ??= Date.now();
  }

  #of(device: number): Map<number, KnownAttributes> {
    if (device === this.#device) return this.#known;
    let known = this.#devices.get(device);
    if (known === undefined) {
      known = new Map();
      this.#devices.set(device, known);
    }
    this.#device = device;
    this.#known = known;
    return known;
  }

  /** For one more in `known`: its oldest goes, or that of another device. */
  #makeRoom(known: Map<number, KnownAttributes>): void {
    if (this.#size < MAX_KNOWN_ATTRIBUTES) {
      this.#size += 1;
      return;
    }
    for (const others of [known, ...this.#devices.values()]) {
      const [oldest] = others.keys();
      if (oldest === undefined) continue;
      others.delete(oldest);
      return;
    }
  }
}

/** Of the machine, since a file may be in several shares. */
export const attributeCache = new AttributeCache();
