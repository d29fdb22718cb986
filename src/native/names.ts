/**
 * Names in directories: mkdirat(2), unlinkat(2), renameat2(2), linkat(2), symlinkat(2), readlinkat(2),
 * faccessat2(2), fchmodat(2), fchownat(2), utimensat(2). A value or a negative errno; never a throw.
 */
import { nameForDisk } from '../base/disk-names.ts';
import { SYS, UTIME_OMIT } from './constants.ts';
import { addressOf, bind, lastErrno } from './library.ts';

type Name = string | Buffer;

const c = {
  mkdirat: bind<(dir: number, name: Name, mode: number) => number>('mkdirat', 'int', [
    'int',
    'str',
    'uint32',
  ]),
  unlinkat: bind<(dir: number, name: Name, flags: number) => number>('unlinkat', 'int', [
    'int',
    'str',
    'int',
  ]),
  renameat2: bind<
    (nr: number, from: number, name: Name, to: number, newName: Name, flags: number) => number
  >('syscall', 'int64', ['int64', 'int64', 'str', 'int64', 'str', 'int64']),
  linkat: bind<(from: number, name: Name, to: number, newName: Name, flags: number) => number>(
    'linkat',
    'int',
    ['int', 'str', 'int', 'str', 'int'],
  ),
  symlinkat: bind<(target: Name, dir: number, name: Name) => number>('symlinkat', 'int', [
    'str',
    'int',
    'str',
  ]),
  readlinkat: bind<(dir: number, name: Name, at: number, size: number) => number>(
    'readlinkat',
    'int64',
    ['int', 'str', 'uint64', 'size_t'],
  ),
  faccessat2: bind<(nr: number, dir: number, name: Name, mode: number, flags: number) => number>(
    'syscall',
    'int64',
    ['int64', 'int64', 'str', 'int64', 'int64'],
  ),
  fchmodat: bind<(dir: number, name: Name, mode: number, flags: number) => number>(
    'fchmodat',
    'int',
    ['int', 'str', 'uint32', 'int'],
  ),
  fchownat: bind<(dir: number, name: Name, uid: number, gid: number, flags: number) => number>(
    'fchownat',
    'int',
    ['int', 'str', 'uint32', 'uint32', 'int'],
  ),
  utimensat: bind<(dir: number, name: Name, times: Buffer, flags: number) => number>(
    'utimensat',
    'int',
    ['int', 'str', 'void *', 'int'],
  ),
};

const answer = (result: number): number => (result < 0 ? -lastErrno() : result);

/** The kernel writes at most a page for a link in /proc. */
const LINK_BYTES = 4096;
const link = Buffer.alloc(LINK_BYTES);
const linkAt = addressOf(link);

/** struct timespec[2]: access, modification. */
const times = Buffer.alloc(32);

export const mkdirat = (dir: number, name: string, mode: number): number =>
  answer(c.mkdirat(dir, nameForDisk(name), mode));

export const unlinkat = (dir: number, name: string, flags: number): number =>
  answer(c.unlinkat(dir, nameForDisk(name), flags));

export const renameat2 = (
  from: number,
  name: string,
  to: number,
  newName: string,
  flags: number,
): number =>
  answer(c.renameat2(SYS.renameat2, from, nameForDisk(name), to, nameForDisk(newName), flags));

export const linkat = (
  from: number,
  name: string,
  to: number,
  newName: string,
  flags: number,
): number => answer(c.linkat(from, nameForDisk(name), to, nameForDisk(newName), flags));

export const symlinkat = (target: string, dir: number, name: string): number =>
  answer(c.symlinkat(nameForDisk(target), dir, nameForDisk(name)));

/** The target as raw bytes in a buffer that the next call overwrites. */
export function readlinkat(dir: number, name: string): Buffer | number {
  const length = answer(c.readlinkat(dir, nameForDisk(name), linkAt, link.length));
  return length < 0 ? length : link.subarray(0, length);
}

export const faccessat2 = (dir: number, name: string, mode: number, flags: number): number =>
  answer(c.faccessat2(SYS.faccessat2, dir, nameForDisk(name), mode, flags));

export const fchmodat = (dir: number, name: string, mode: number): number =>
  answer(c.fchmodat(dir, nameForDisk(name), mode, 0));

/** Follows links: for names in /proc/self/fd. (uid_t) -1 and (gid_t) -1 leave an id as it is. */
export const fchownat = (dir: number, name: string, uid: number, gid: number): number =>
  answer(c.fchownat(dir, nameForDisk(name), uid, gid, 0));

export interface Timespec {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

function writeTime(time: Timespec | undefined, at: number): void {
  times.writeBigInt64LE(time?.seconds ?? 0n, at);
  times.writeBigInt64LE(BigInt(time?.nanoseconds ?? UTIME_OMIT), at + 8);
}

/** Undefined leaves a time as it is. */
export function utimensat(
  dir: number,
  name: string,
  access: Timespec | undefined,
  modification: Timespec | undefined,
  flags: number,
): number {
  writeTime(access, 0);
  writeTime(modification, 16);
  return answer(c.utimensat(dir, nameForDisk(name), times, flags));
}
