/**
 * Descriptors and their bytes: open(2), openat2(2), read(2), write(2), preadv2(2), fallocate(2).
 * Every function answers a value or a negative errno and never throws. All are synchronous and act as
 * the calling thread's identity.
 */
import { nameForDisk } from '../base/disk-names.ts';
import {
  FALLOC_FL_KEEP_SIZE,
  O_CLOEXEC,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  RWF_NOWAIT,
  SEEK_DATA,
  SEEK_HOLE,
  SEEK_SET,
  SYS,
} from './constants.ts';
import { addressOf, bind, bindInPool, lastErrno } from './library.ts';

const c = {
  openat: bind<(dir: number, path: string | Buffer, flags: number, mode: number) => number>(
    'openat',
    'int',
    ['int', 'str', 'int', 'uint32'],
  ),
  openat2: bind<
    (nr: number, dir: number, path: string | Buffer, how: number, size: number) => number
  >('syscall', 'int64', ['int64', 'int64', 'str', 'uint64', 'int64']),
  close: bind<(fd: number) => number>('close', 'int', ['int']),
  dup3: bind<(from: number, to: number, flags: number) => number>('dup3', 'int', [
    'int',
    'int',
    'int',
  ]),
  lseek: bind<(fd: number, offset: number, whence: number) => number>('lseek', 'int64', [
    'int',
    'int64',
    'int',
  ]),
  pread: bind<(fd: number, at: number, length: number, position: number) => number>(
    'pread',
    'int64',
    ['int', 'uint64', 'size_t', 'int64'],
  ),
  read: bind<(fd: number, into: Uint8Array, length: number) => number>('read', 'int64', [
    'int',
    'void *',
    'size_t',
  ]),
  preadv2: bind<
    (
      nr: number,
      fd: number,
      iov: number,
      n: number,
      low: number,
      high: number,
      flags: number,
    ) => number
  >('syscall', 'int64', ['int64', 'int64', 'uint64', 'int64', 'int64', 'int64', 'int64']),
  pwrite: bind<(fd: number, at: number, length: number, position: number) => number>(
    'pwrite',
    'int64',
    ['int', 'uint64', 'size_t', 'int64'],
  ),
  ftruncate: bind<(fd: number, length: number) => number>('ftruncate', 'int', ['int', 'int64']),
  fallocate: bind<(fd: number, mode: number, offset: number, length: number) => number>(
    'fallocate',
    'int',
    ['int', 'int', 'int64', 'int64'],
  ),
  fsync: bind<(fd: number) => number>('fsync', 'int', ['int']),
  fdatasync: bind<(fd: number) => number>('fdatasync', 'int', ['int']),
};

const answer = (result: number): number => (result < 0 ? -lastErrno() : result);

/** struct open_how: u64 flags, mode, resolve. */
const how = Buffer.alloc(24);
const howAt = addressOf(how);
const howWords = new Uint32Array(how.buffer, how.byteOffset, 6);
const RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;

/** struct iovec: pointer, size_t. */
const iovec = Buffer.alloc(16);
const iovecAt = addressOf(iovec);
const iovecWords = new Uint32Array(iovec.buffer, iovec.byteOffset, 4);

const TWO_TO_32 = 0x1_0000_0000;

/** Close-on-exec always. */
export const openat = (dir: number, path: string, flags: number, mode = 0): number =>
  answer(c.openat(dir, nameForDisk(path), flags | O_CLOEXEC, mode));

/**
 * Opens `path` below `dir`, through no symbolic link whatever (RESOLVE_BENEATH, NO_MAGICLINKS,
 * NO_SYMLINKS); a link in the last place opens as itself with O_PATH and O_NOFOLLOW. -EXDEV where something else is
 * mounted on the way and `crosses` is false (RESOLVE_NO_XDEV).
 */
export function openBeneath(dir: number, path: string, flags: number, crosses = true): number {
  howWords[0] = (flags | O_CLOEXEC) >>> 0;
  howWords[4] = crosses ? RESOLVE : RESOLVE | RESOLVE_NO_XDEV;
  return answer(c.openat2(SYS.openat2, dir, nameForDisk(path), howAt, how.length));
}

export const close = (fd: number): number => answer(c.close(fd));

/** Makes `to` mean what `from` does; who uses `to` on another thread sees the one or the other. */
export const dup3 = (from: number, to: number): number => answer(c.dup3(from, to, O_CLOEXEC));

export const rewind = (fd: number): number => answer(c.lseek(fd, 0, SEEK_SET));

/** From where the descriptor stands; of one that does not block, -EAGAIN while nothing is there. */
export const read = (fd: number, into: Uint8Array): number => answer(c.read(fd, into, into.length));

export function pread(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
): number {
  return preadAt(fd, addressOf(buffer) + offset, length, position);
}

/** Into another thread's memory. */
export const preadAt = (fd: number, address: number, length: number, position: number): number =>
  answer(c.pread(fd, address, length, position));

/** As pread, but -EAGAIN rather than waiting for the disk. -EOPNOTSUPP: not on this file system. */
export function preadNowait(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
): number {
  const address = addressOf(buffer) + offset;
  iovecWords[0] = address % TWO_TO_32;
  iovecWords[1] = address / TWO_TO_32;
  iovecWords[2] = length;
  // 64-bit kernels take the whole position from its first half.
  return answer(c.preadv2(SYS.preadv2, fd, iovecAt, 1, position, 0, RWF_NOWAIT));
}

export function pwrite(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
): number {
  return pwriteAt(fd, addressOf(buffer) + offset, length, position);
}

/** From another thread's memory. */
export const pwriteAt = (fd: number, address: number, length: number, position: number): number =>
  answer(c.pwrite(fd, address, length, position));

export const ftruncate = (fd: number, length: number): number => answer(c.ftruncate(fd, length));

/** Reserves space for the first `length` bytes and keeps the size. */
export const reserve = (fd: number, length: number): number =>
  answer(c.fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, length));

export const fallocate = (fd: number, mode: number, offset: number, length: number): number =>
  answer(c.fallocate(fd, mode, offset, length));

const fallocating = bindInPool('fallocate', 'int', ['int', 'int', 'int64', 'int64']);

/** The same in libuv's pool. */
export const fallocateInPool = (
  fd: number,
  mode: number,
  offset: number,
  length: number,
): Promise<number> => fallocating(fd, mode, offset, length);

/** The first byte from `offset` on that is not in a hole; -ENXIO: there is none. */
export const seekData = (fd: number, offset: number): number =>
  answer(c.lseek(fd, offset, SEEK_DATA));
/** The first byte from `offset` on that is in a hole, the one behind the last at the latest. */
export const seekHole = (fd: number, offset: number): number =>
  answer(c.lseek(fd, offset, SEEK_HOLE));

export const fsync = (fd: number): number => answer(c.fsync(fd));
export const fdatasync = (fd: number): number => answer(c.fdatasync(fd));
