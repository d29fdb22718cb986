/**
 * Paths at which a regular file was found. An object is opened by O_PATH first, since to open a FIFO or a device is to
 * do something to it; one that was a file a moment ago is opened for its data at once, which spares two of three
 * descriptors, and looked at then. Who puts something else in its place meanwhile has it opened, without waiting, by
 * the user who asked, and closed again.
 */
import { MAX_KNOWN_FILES } from '../../base/limits.ts';
import {
  AT_EMPTY_PATH,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  S_IFMT,
  S_IFREG,
} from '../../native/constants.ts';
import { close } from '../../native/files.ts';
import { statx, stx } from '../../native/stat.ts';
import { EACCES } from '../errno.ts';

const FLAGS = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

export class KnownFiles {
  readonly #walk: (names: readonly string[], flags: number) => number;
  readonly #paths = new Set<string>();

  /** `walk` opens a path beneath the share's root. */
  constructor(walk: (names: readonly string[], flags: number) => number) {
    this.#walk = walk;
  }

  /**
   * A descriptor for reading, or for writing as well, of the file at these names on disk, which is in statx's buffer
   * then. An errno where nobody knows of a file there, or where it takes more than this to open it. Acts as the
   * identity that is entered.
   */
  open(disk: readonly string[], writes: boolean): number {
    const path = disk.join('/');
    if (!this.#paths.has(path)) return EACCES;
    const fd = this.#walk(disk, FLAGS | (writes ? O_RDWR : O_RDONLY));
    // A file all the same, and not this user's.
    if (fd === EACCES) return EACCES;
    if (fd >= 0 && statx(fd, '', AT_EMPTY_PATH) === 0 && (stx.mode() & S_IFMT) === S_IFREG) {
      return fd;
    }
    if (fd >= 0) close(fd);
    this.#paths.delete(path);
    return EACCES;
  }

  add(disk: readonly string[]): void {
    if (this.#paths.size >= MAX_KNOWN_FILES) this.#paths.clear();
    this.#paths.add(disk.join('/'));
  }
}
