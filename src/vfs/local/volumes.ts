/**
 * The devices that a share's objects are on. st_dev may change from one mount to the next, so the id
 * that clients see is made from the file system's own id (statfs f_fsid) where it has one.
 */
import {
  BCACHEFS_SUPER_MAGIC,
  BTRFS_SUPER_MAGIC,
  DISK_FILE_SYSTEMS,
  EXFAT_SUPER_MAGIC,
  MSDOS_SUPER_MAGIC,
  RAMFS_MAGIC,
  TMPFS_MAGIC,
  XFS_SUPER_MAGIC,
} from '../../native/constants.ts';
import { fstatfs, stfs } from '../../native/stat.ts';

const TWO_TO_32 = 0x1_0000_0000;
/** What of the upper half fits under 2^53 beside the lower one. */
const HIGH_MASK = 0x1f_ffff;

export interface VolumeIds {
  /** The id of a device, known or learnt from a descriptor of an object on it. */
  idOf(device: number, fd: number): number;
  has(device: number): boolean;
}

export class Volumes implements VolumeIds {
  readonly #ids = new Map<number, number>();
  readonly #taken = new Set<number>();
  /** That of the device asked for last, which is that of the next as a rule. */
  #lastDevice = -1;
  #lastId = 0;

  idOf(device: number, fd: number): number {
    if (device === this.#lastDevice) return this.#lastId;
    const id = this.#ids.get(device) ?? this.learn(device, fileSystemId(fd));
    this.#lastDevice = device;
    this.#lastId = id;
    return id;
  }

  has(device: number): boolean {
    return device === this.#lastDevice || this.#ids.has(device);
  }

  /** `fsid`: what fileSystemId told of an object on it. */
  learn(device: number, fsid: number): number {
    const known = this.#ids.get(device);
    if (known !== undefined) return known;
    // Two devices never share an id, since with a file's number it names an object.
    let id = fsid !== 0 && !this.#taken.has(fsid) ? fsid : device;
    while (this.#taken.has(id)) id++;
    this.#taken.add(id);
    this.#ids.set(device, id);
    return id;
  }
}

/** The file system's own id; 0 where it has none. */
export function fileSystemId(fd: number): number {
  if (fstatfs(fd) !== 0) return 0;
  return (stfs.fsidHigh() & HIGH_MASK) * TWO_TO_32 + stfs.fsidLow();
}

/** Whether reads of the object never wait for a disk. */
export function isInMemory(fd: number): boolean {
  if (fstatfs(fd) !== 0) return false;
  const type = stfs.type();
  return type === TMPFS_MAGIC || type === RAMFS_MAGIC;
}

/**
 * Whether what is asked of the file system goes to its own kernel code and a disk of this machine: a
 * bounded time as a rule. The others ask a network or another process (FUSE), which may answer never.
 */
export function isOnMachine(fd: number): boolean {
  return fstatfs(fd) === 0 && DISK_FILE_SYSTEMS.has(stfs.type());
}

/** FAT and its kin have neither hard links nor holes. */
export function isFat(fd: number): boolean {
  if (fstatfs(fd) !== 0) return false;
  const type = stfs.type();
  return type === MSDOS_SUPER_MAGIC || type === EXFAT_SUPER_MAGIC;
}

/** File systems that may share blocks between files; XFS made without reflink refuses each time. */
export function canClone(fd: number): boolean {
  if (fstatfs(fd) !== 0) return false;
  const type = stfs.type();
  return type === BTRFS_SUPER_MAGIC || type === XFS_SUPER_MAGIC || type === BCACHEFS_SUPER_MAGIC;
}
