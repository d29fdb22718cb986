/**
 * What was read of the extended attributes of inodes. Every change of them moves st_ctime (inode(7)), so
 * what was read is good for as long as statx(2), which is asked in any case, tells the same st_ctime.
 *
 * An st_ctime that may still be given to another change is not relied upon: clocks of file systems go by
 * ticks, some by seconds. Only file systems that are known to keep that rule are taken for it.
 */
import { MAX_KNOWN_ATTRIBUTES } from '../../base/limits.ts';
import { BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC } from '../../native/constants.ts';
import { fstatfs, stfs, stx } from '../../native/stat.ts';
import type { DosAttribute } from './dos-attribute.ts';
import type { NtAclName } from './nt-acl.ts';

export interface KnownAttributes {
  readonly seconds: number;
  readonly nanoseconds: number;
  /** user.DOSATTRIB; null while nobody has read it, undefined where there is none. */
  dos: DosAttribute | undefined | null;
  /** There are no attributes that clients see. */
  hasNoEas: boolean;
  /** There is no attribute of this name, a security descriptor's. */
  noNtAcl: NtAclName | undefined;
}

/** Local ones whose sources say so, for extended attributes too. */
const TELLING_CHANGES: ReadonlySet<number> = new Set([
  EXT4_SUPER_MAGIC,
  XFS_SUPER_MAGIC,
  BTRFS_SUPER_MAGIC,
]);

/** By device. */
const telling = new Map<number, boolean>();

/** Whether every change of an inode moves its st_ctime, in this machine's time. `fd`: of an object there. */
function tellsChanges(device: number, fd: number | undefined): boolean {
  const known = telling.get(device);
  if (known !== undefined || fd === undefined) return known === true;
  const tells = fstatfs(fd) === 0 && TELLING_CHANGES.has(stfs.type());
  telling.set(device, tells);
  return tells;
}

/** The coarsest clock is that of an ext3 that became an ext4, in seconds. */
const SETTLED_MS = 2_000;

export class AttributeCache {
  readonly #known = new Map<string, KnownAttributes>();

  get size(): number {
    return this.#known.size;
  }

  /**
   * What is known of the inode of the statx just made, to be completed; undefined where nothing is kept.
   * `fd` is of the object, where it is open.
   */
  ofStat(key: string, fd: number | undefined, nowMs = Date.now()): KnownAttributes | undefined {
    if (!tellsChanges(stx.device(), fd)) return undefined;
    const seconds = stx.changeSeconds();
    const nanoseconds = stx.changeNanoseconds();
    const found = this.#known.get(key);
    if (found?.nanoseconds === nanoseconds && found.seconds === seconds) return found;
    if (seconds * 1000 + SETTLED_MS > nowMs) return undefined;
    const entry = { seconds, nanoseconds, dos: null, hasNoEas: false, noNtAcl: undefined };
    if (found === undefined && this.#known.size >= MAX_KNOWN_ATTRIBUTES) {
      const [oldest] = this.#known.keys();
      this.#known.delete(oldest!);
    }
    this.#known.set(key, entry);
    return entry;
  }
}

/** Of the machine, since a file may be in several shares. */
export const attributeCache = new AttributeCache();
