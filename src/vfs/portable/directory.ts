/**
 * A directory that names are looked up in, and how node:fs is told of it. There are two ways:
 *
 * Pinned (Linux with /proc): each directory on the way is opened by O_PATH and O_NOFOLLOW, and its
 * entries are addressed as `/proc/self/fd/N/name`. The kernel then starts at the open directory, so
 * nothing that others rename or link meanwhile leads elsewhere: it is openat() by other means.
 *
 * Named (everywhere else): entries are addressed by their full path. Each component is looked at by
 * lstat before it is passed, objects are compared with what was seen after they are opened, and the
 * whole path must still be its own realpath. What remains is a race: who can write into the share
 * by other means than this server may replace a directory by a link between the last check and the
 * call. What was opened is compared with the path several times after, so that reading or writing
 * outside takes several such races won in a row; a name may be made, moved or removed outside of
 * the share by winning one. All of it is done with the rights of this process, which is not root.
 */
import fs from 'node:fs';
import { sep } from 'node:path';
import { ENOPATH, type Errno, isErrno } from '../errno.ts';
import { attempt } from './attempt.ts';
import { Descriptor } from './descriptor.ts';

/** Missing on Windows, where lstat alone has to do. */
export const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
export const O_NONBLOCK = fs.constants.O_NONBLOCK ?? 0;
export const O_DIRECTORY = fs.constants.O_DIRECTORY ?? 0;
/** Of Linux, and the same on every processor that Node.js runs on; node:fs does not name it. */
export const O_PATH = 0o10000000;

export const procPath = (fd: number): string => `/proc/self/fd/${fd}`;

export interface Directory {
  /** The directory itself. */
  readonly self: string;
  /** An entry. */
  at(name: string): string;
  /** The directory `name` in this one: ENOPATH when it is none, ENOENT when it is missing. */
  step(name: string): Directory | Errno;
  /** False when the way to this directory is not what it was any more. */
  isTrue(): boolean;
  close(): void;
}

export class PinnedDirectory implements Directory {
  readonly self: string;
  readonly #descriptor: Descriptor;

  /** Holds the descriptor until it is closed; the owner closes the descriptor itself. */
  constructor(descriptor: Descriptor) {
    this.self = procPath(descriptor.fd);
    this.#descriptor = descriptor;
    descriptor.hold();
  }

  at(name: string): string {
    return `${this.self}/${name}`;
  }

  step(name: string): Directory | Errno {
    const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
    const fd = attempt(() => fs.openSync(this.at(name), flags));
    if (isErrno(fd)) return fd;
    const descriptor = new Descriptor(fd);
    const directory = new PinnedDirectory(descriptor);
    descriptor.close();
    return directory;
  }

  isTrue(): boolean {
    return true;
  }

  close(): void {
    this.#descriptor.drop();
  }
}

export class NamedDirectory implements Directory {
  readonly self: string;

  /** `path` is canonical. */
  constructor(path: string) {
    this.self = path;
  }

  at(name: string): string {
    return this.self.endsWith(sep) ? this.self + name : this.self + sep + name;
  }

  step(name: string): Directory | Errno {
    const path = this.at(name);
    const stat = attempt(() => fs.lstatSync(path));
    if (isErrno(stat)) return stat;
    return stat.isDirectory() ? new NamedDirectory(path) : ENOPATH;
  }

  isTrue(): boolean {
    return attempt(() => fs.realpathSync.native(this.self)) === this.self;
  }

  close(): void {}
}
