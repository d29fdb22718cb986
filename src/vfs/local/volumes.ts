/**
 * The devices that a share's objects are on. st_dev may change from one mount to the next, so the id
 * that clients see is made from the file system's own id (statfs f_fsid) where it has one.
 */
import {
  EXFAT_SUPER_MAGIC,
  MSDOS_SUPER_MAGIC,
  RAMFS_MAGIC,
  TMPFS_MAGIC,
} from '../../native/constants.ts';
import { fstatfs, stfs } from '../../native/stat.ts';

const TWO_TO_32 = 0x1_0000_0000;
/** What of the upper half fits under 2^53 beside the lower one. */
const HIGH_MASK = 0x1f_ffff;

export class Volumes {
  readonly #ids = new Map<number, number>();
  readonly #taken = new Set<number>();

  /** The id of a device, known or learnt from a descriptor of an object on it. */
  idOf(device: number, fd: number): number {
    return this.#ids.get(device) ?? this.#learn(device, fd);
  }

  has(device: number): boolean {
    return this.#ids.has(device);
  }

  #learn(device: number, fd: number): number {
    let id = device;
    if (fstatfs(fd) === 0) {
      const found = (stfs.fsidHigh() & HIGH_MASK) * TWO_TO_32 + stfs.fsidLow();
      // Two devices never share an id, since with a file's number it names an object.
      if (found !== 0 && !this.#taken.has(found)) id = found;
    }
    while (this.#taken.has(id)) id++;
    this.#taken.add(id);
    this.#ids.set(device, id);
    return id;
  }
}

/** Whether reads of the object never wait for a disk. */
export function isInMemory(fd: number): boolean {
  if (fstatfs(fd) !== 0) return false;
  const type = stfs.type();
  return type === TMPFS_MAGIC || type === RAMFS_MAGIC;
}

/** FAT and its kin have neither hard links nor holes. */
export function isFat(fd: number): boolean {
  if (fstatfs(fd) !== 0) return false;
  const type = stfs.type();
  return type === MSDOS_SUPER_MAGIC || type === EXFAT_SUPER_MAGIC;
}
