/**
 * inotify(7). A value or a negative errno; never a throw. A path of /proc/self/fd/N adds the object of a
 * descriptor, whatever its name is by now.
 */
import { bind, lastErrno } from './library.ts';

const c = {
  init: bind<(flags: number) => number>('inotify_init1', 'int', ['int']),
  add: bind<(fd: number, path: string, mask: number) => number>('inotify_add_watch', 'int', [
    'int',
    'str',
    'uint32',
  ]),
  remove: bind<(fd: number, wd: number) => number>('inotify_rm_watch', 'int', ['int', 'int']),
};

export const IN_MODIFY = 0x2;
export const IN_ATTRIB = 0x4;
export const IN_CLOSE_WRITE = 0x8;
export const IN_MOVED_FROM = 0x40;
export const IN_MOVED_TO = 0x80;
export const IN_CREATE = 0x100;
export const IN_DELETE = 0x200;
export const IN_DELETE_SELF = 0x400;
export const IN_MOVE_SELF = 0x800;
export const IN_Q_OVERFLOW = 0x4000;
export const IN_IGNORED = 0x8000;
export const IN_ONLYDIR = 0x0100_0000;
export const IN_EXCL_UNLINK = 0x0400_0000;
export const IN_ISDIR = 0x4000_0000;

const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;

const answer = (result: number): number => (result < 0 ? -lastErrno() : result);

export const inotifyInit = (): number => answer(c.init(IN_NONBLOCK | IN_CLOEXEC));
/** The watch descriptor; the one that is there already for an inode that is watched. */
export const inotifyAdd = (fd: number, path: string, mask: number): number =>
  answer(c.add(fd, path, mask));
export const inotifyRemove = (fd: number, wd: number): number => answer(c.remove(fd, wd));
