/**
 * fanotify(7) with directory handles and names (FAN_REPORT_DFID_NAME_TARGET, Linux 5.17), and
 * open_by_handle_at(2), which leads from a handle to its directory. A value or a negative errno.
 */
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_PATH } from './constants.ts';
import { close } from './files.ts';
import { bind, lastErrno } from './library.ts';

const c = {
  init: bind<(flags: number, eventFlags: number) => number>('fanotify_init', 'int', [
    'uint32',
    'uint32',
  ]),
  mark: bind<(fd: number, flags: number, mask: number, dir: number, path: string) => number>(
    'fanotify_mark',
    'int',
    ['int', 'uint32', 'uint64', 'int', 'str'],
  ),
  nameToHandle: bind<
    (dir: number, path: string, handle: Buffer, mountId: Buffer, flags: number) => number
  >('name_to_handle_at', 'int', ['int', 'str', 'void *', 'void *', 'int']),
  openByHandle: bind<(mount: number, handle: Uint8Array, flags: number) => number>(
    'open_by_handle_at',
    'int',
    ['int', 'void *', 'int'],
  ),
};

/** MAX_HANDLE_SZ and the two words before it. */
const HANDLE_BYTES = 8 + 128;

export const FAN_MODIFY = 0x2;
export const FAN_ATTRIB = 0x4;
export const FAN_CLOSE_WRITE = 0x8;
export const FAN_CREATE = 0x100;
export const FAN_DELETE = 0x200;
export const FAN_Q_OVERFLOW = 0x4000;
export const FAN_RENAME = 0x1000_0000;
export const FAN_ONDIR = 0x4000_0000;

const FAN_CLOEXEC = 0x1;
const FAN_NONBLOCK = 0x2;
const FAN_REPORT_FID = 0x200;
const FAN_REPORT_DIR_FID = 0x400;
const FAN_REPORT_NAME = 0x800;
const FAN_REPORT_TARGET_FID = 0x1000;

const FAN_MARK_ADD = 0x1;
const FAN_MARK_REMOVE = 0x2;
const FAN_MARK_FILESYSTEM = 0x100;

const answer = (result: number): number => (result < 0 ? -lastErrno() : result);

/** -EPERM without CAP_SYS_ADMIN is told by the first mark, not here. */
export const fanotifyInit = (): number =>
  answer(
    c.init(
      FAN_CLOEXEC |
        FAN_NONBLOCK |
        FAN_REPORT_FID |
        FAN_REPORT_DIR_FID |
        FAN_REPORT_NAME |
        FAN_REPORT_TARGET_FID,
      0,
    ),
  );

/** Of the whole file system that the object of `descriptor` is on. */
export const fanotifyMark = (fd: number, mask: number, descriptor: number): number =>
  answer(
    c.mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, mask, AT_FDCWD, `/proc/self/fd/${descriptor}`),
  );

export const fanotifyUnmark = (fd: number, mask: number, descriptor: number): number =>
  answer(
    c.mark(
      fd,
      FAN_MARK_REMOVE | FAN_MARK_FILESYSTEM,
      mask,
      AT_FDCWD,
      `/proc/self/fd/${descriptor}`,
    ),
  );

/** `handle` is a struct file_handle; `mount` any descriptor but O_PATH's on its file system. */
export const openByHandle = (mount: number, handle: Uint8Array): number =>
  answer(c.openByHandle(mount, handle, O_PATH | O_CLOEXEC));

/** Whether this process may open the directory `fd` by its handle. */
export function opensByHandle(fd: number): boolean {
  const handle = Buffer.alloc(HANDLE_BYTES);
  handle.writeUInt32LE(HANDLE_BYTES - 8, 0);
  if (c.nameToHandle(fd, '', handle, Buffer.alloc(4), AT_EMPTY_PATH) < 0) return false;
  const opened = openByHandle(fd, handle);
  if (opened < 0) return false;
  close(opened);
  return true;
}
