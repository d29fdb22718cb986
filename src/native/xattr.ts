/**
 * Extended attributes, xattr(7): by descriptor, by path, and by directory and name (getxattrat(2),
 * Linux 6.13). Values come in one static buffer that the next call overwrites.
 *
 * The kernel allocates as much as the caller has room for, and clears it: so room for what is usual is
 * offered first, and all of it when that was not enough.
 */
import { nameForDisk } from '../base/disk-names.ts';
import { AT_SYMLINK_NOFOLLOW, SYS } from './constants.ts';
import { addressOf, bind, lastErrno, missing } from './library.ts';

const c = {
  fgetxattr: bind<(fd: number, name: string, into: Buffer, size: number) => number>(
    'fgetxattr',
    'int64',
    ['int', 'str', 'void *', 'size_t'],
  ),
  getxattr: bind<(path: string, name: string, into: Buffer, size: number) => number>(
    'getxattr',
    'int64',
    ['str', 'str', 'void *', 'size_t'],
  ),
  lgetxattr: bind<(path: string | Buffer, name: string, into: Buffer, size: number) => number>(
    'lgetxattr',
    'int64',
    ['str', 'str', 'void *', 'size_t'],
  ),
  getxattrat: bind<
    (
      nr: number,
      dir: number,
      path: string | Buffer,
      flags: number,
      name: string,
      args: Buffer,
      size: number,
    ) => number
  >('syscall', 'int64', ['int64', 'int64', 'str', 'int64', 'str', 'void *', 'int64']),
  setxattr: bind<
    (path: string, name: string, value: Buffer, size: number, flags: number) => number
  >('setxattr', 'int', ['str', 'str', 'void *', 'size_t', 'int']),
  fsetxattr: bind<(fd: number, name: string, value: Buffer, size: number, flags: number) => number>(
    'fsetxattr',
    'int',
    ['int', 'str', 'void *', 'size_t', 'int'],
  ),
  removexattr: bind<(path: string, name: string) => number>('removexattr', 'int', ['str', 'str']),
  fremovexattr: bind<(fd: number, name: string) => number>('fremovexattr', 'int', ['int', 'str']),
  listxattr: bind<(path: string, into: Buffer, size: number) => number>('listxattr', 'int64', [
    'str',
    'void *',
    'size_t',
  ]),
  listxattrat: bind<
    (
      nr: number,
      dir: number,
      path: string | Buffer,
      flags: number,
      into: Buffer,
      size: number,
    ) => number
  >('syscall', 'int64', ['int64', 'int64', 'str', 'int64', 'void *', 'int64']),
  flistxattr: bind<(fd: number, into: Buffer, size: number) => number>('flistxattr', 'int64', [
    'int',
    'void *',
    'size_t',
  ]),
};

const ENOSYS = -38;
const ERANGE = -34;

/** XATTR_SIZE_MAX and XATTR_LIST_MAX of the kernel. */
const VALUE_BYTES = 65536;
/** What user.DOSATTRIB, a short ACL and a list of a few names fit in. */
const USUAL_BYTES = 512;
const value = Buffer.allocUnsafeSlow(VALUE_BYTES);

/** struct xattr_args: u64 value, u32 size, u32 flags. */
const args = Buffer.alloc(16);
args.writeBigUInt64LE(BigInt(addressOf(value)), 0);

const answer = (result: number): number => (result < 0 ? -lastErrno() : result);

/** Asks with little room, and with all that there can be when that was not enough. */
function found(ask: (room: number) => number): Buffer | number {
  let result = answer(ask(USUAL_BYTES));
  if (result === ERANGE) result = answer(ask(VALUE_BYTES));
  return result < 0 ? result : value.subarray(0, result);
}

export const fgetxattr = (fd: number, name: string): Buffer | number =>
  found((room) => c.fgetxattr(fd, name, value, room));

/** Follows links: for /proc/self/fd/N. */
export const getxattr = (path: string, name: string): Buffer | number =>
  found((room) => c.getxattr(path, name, value, room));

export const lgetxattr = (path: string, name: string): Buffer | number =>
  found((room) => c.lgetxattr(nameForDisk(path), name, value, room));

/** -ENOSYS before Linux 6.13. */
export const getxattrat = (
  dir: number,
  path: string,
  follow: boolean,
  name: string,
): Buffer | number =>
  found((room) => {
    args.writeUInt32LE(room, 8);
    const flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;
    return c.getxattrat(SYS.getxattrat, dir, nameForDisk(path), flags, name, args, args.length);
  });

export const fsetxattr = (fd: number, name: string, bytes: Buffer): number =>
  answer(c.fsetxattr(fd, name, bytes, bytes.length, 0));

export const setxattr = (path: string, name: string, bytes: Buffer): number =>
  answer(c.setxattr(path, name, bytes, bytes.length, 0));

export const fremovexattr = (fd: number, name: string): number => answer(c.fremovexattr(fd, name));
export const removexattr = (path: string, name: string): number =>
  answer(c.removexattr(path, name));

/** The names as they come: each ends in a NUL. */
export const flistxattrBytes = (fd: number): Buffer | number =>
  found((room) => c.flistxattr(fd, value, room));

/** The same of what `path` below `dir` leads to; follows links. -ENOSYS before Linux 6.13. */
export const listxattratBytes = (dir: number, path: string): Buffer | number =>
  found((room) => c.listxattrat(SYS.listxattrat, dir, nameForDisk(path), 0, value, room));

const namesOf = (list: Buffer | number): string[] | number =>
  typeof list === 'number' ? list : list.toString('utf8').split('\0').slice(0, -1);

export const listxattr = (path: string): string[] | number =>
  namesOf(found((room) => c.listxattr(path, value, room)));

export const flistxattr = (fd: number): string[] | number => namesOf(flistxattrBytes(fd));

/** Whether getxattrat and listxattrat are there; asked once. */
export const hasGetxattrat: boolean =
  missing === undefined && getxattrat(-1, '.', false, 'user.x') !== ENOSYS;
