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

/** Its length and its type. */
const HANDLE_HEADER_BYTES = 8;
/** MAX_HANDLE_SZ behind them. */
const HANDLE_BYTES = HANDLE_HEADER_BYTES + 128;

export const FAN_MODIFY = 0x2;
export const FAN_ATTRIB = 0x4;
export const FAN_CLOSE_WRITE = 0x8;
export const FAN_CREATE = 0x100;
export const FAN_DELETE = 0x200;
export const FAN_Q_OVERFLOW = 0x4000;
export const FAN_RENAME = 0x1000_0000;
export const FAN_EVENT_ON_CHILD = 0x0800_0000;
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

const mark = (fd: number, flags: number, mask: number, descriptor: number): number =>
  answer(c.mark(fd, flags, mask, AT_FDCWD, `/proc/self/fd/${descriptor}`));

/** Of the whole file system that the object of `descriptor` is on. */
export const fanotifyMark = (fd: number, mask: number, descriptor: number): number =>
  mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, mask, descriptor);

export const fanotifyUnmark = (fd: number, mask: number, descriptor: number): number =>
  mark(fd, FAN_MARK_REMOVE | FAN_MARK_FILESYSTEM, mask, descriptor);

/** Of the directory of `descriptor` alone; with FAN_EVENT_ON_CHILD of what is done to what it holds, too. */
export const fanotifyMarkOne = (fd: number, mask: number, descriptor: number): number =>
  mark(fd, FAN_MARK_ADD, mask, descriptor);

export const fanotifyUnmarkOne = (fd: number, mask: number, descriptor: number): number =>
  mark(fd, FAN_MARK_REMOVE, mask, descriptor);

/** `handle` is a struct file_handle; `mount` any descriptor but O_PATH's on its file system. */
export const openByHandle = (mount: number, handle: Uint8Array): number =>
  answer(c.openByHandle(mount, handle, O_PATH | O_CLOEXEC));

/** The struct file_handle of what `fd` is a descriptor of, as events have it; or a negative errno. */
export function handleOf(fd: number): Buffer | number {
  const handle = Buffer.alloc(HANDLE_BYTES);
  handle.writeUInt32LE(HANDLE_BYTES - HANDLE_HEADER_BYTES, 0);
  const failed = answer(c.nameToHandle(fd, '', handle, Buffer.alloc(4), AT_EMPTY_PATH));
  if (failed < 0) return failed;
  return handle.subarray(0, HANDLE_HEADER_BYTES + handle.readUInt32LE(0));
}

/** Whether this process may open the directory `fd` by its handle. */
export function opensByHandle(fd: number): boolean {
  const handle = handleOf(fd);
  if (typeof handle === 'number') return false;
  const opened = openByHandle(fd, handle);
  if (opened < 0) return false;
  close(opened);
  return true;
}
