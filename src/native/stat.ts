/**
 * statx(2) and fstatfs(2). A call fills one static buffer that the accessors beside it read: take
 * what you need before the next call.
 */
import { nameForDisk } from '../base/disk-names.ts';
import { STATX_BASIC_STATS, STATX_BTIME, SYS } from './constants.ts';
import { addressOf, bind, lastErrno } from './library.ts';

const c = {
  statx: bind<
    (
      nr: number,
      dir: number,
      name: string | Buffer,
      flags: number,
      mask: number,
      into: number,
    ) => number
  >('syscall', 'int64', ['int64', 'int64', 'str', 'int64', 'int64', 'uint64']),
  fstatfs: bind<(fd: number, into: Buffer) => number>('fstatfs', 'int', ['int', 'void *']),
};

const TWO_TO_32 = 0x1_0000_0000;
/** Minor device numbers have 20 bits, major ones 12. */
const MINOR_LIMIT = 0x10_0000;

const statxBuffer = Buffer.alloc(256);
/** An address costs a call less than a buffer does. */
const statxAt = addressOf(statxBuffer);
const words = new Uint32Array(statxBuffer.buffer, statxBuffer.byteOffset, 64);
const signed = new Int32Array(statxBuffer.buffer, statxBuffer.byteOffset, 64);
const longs = new BigUint64Array(statxBuffer.buffer, statxBuffer.byteOffset, 32);

const long = (word: number): number => words[word]! + words[word + 1]! * TWO_TO_32;
const signedLong = (word: number): number => words[word]! + signed[word + 1]! * TWO_TO_32;

/** 0 or a negative errno. With an empty name and AT_EMPTY_PATH `dir` itself is meant. */
export function statx(dir: number, name: string, flags: number): number {
  const mask = STATX_BASIC_STATS | STATX_BTIME;
  const result = c.statx(SYS.statx, dir, nameForDisk(name), flags, mask, statxAt);
  return result < 0 ? -lastErrno() : 0;
}

/** struct statx of the last successful call, by its 32-bit words. */
export const stx = {
  mask: (): number => words[0]!,
  /** STATX_ATTR_*; those above bit 31 are none that matter here. */
  attributes: (): number => words[2]!,
  linkCount: (): number => words[4]!,
  uid: (): number => words[5]!,
  gid: (): number => words[6]!,
  mode: (): number => words[7]! & 0xffff,
  inode: (): bigint => longs[4]!,
  inodeLow: (): number => words[8]!,
  inodeHigh: (): number => words[9]!,
  size: (): number => long(10),
  blocks512: (): number => long(12),
  accessSeconds: (): number => signedLong(16),
  accessNanoseconds: (): number => words[18]!,
  birthSeconds: (): number => signedLong(20),
  birthNanoseconds: (): number => words[22]!,
  changeSeconds: (): number => signedLong(24),
  changeNanoseconds: (): number => words[26]!,
  modificationSeconds: (): number => signedLong(28),
  modificationNanoseconds: (): number => words[30]!,
  /** st_dev as one number. */
  device: (): number => words[34]! * MINOR_LIMIT + words[35]!,
} as const;

const statfsBuffer = Buffer.alloc(128);
const fsWords = new Uint32Array(statfsBuffer.buffer, statfsBuffer.byteOffset, 32);
const fsLong = (word: number): number => fsWords[word]! + fsWords[word + 1]! * TWO_TO_32;

/** Works for O_PATH descriptors too. */
export function fstatfs(fd: number): number {
  return c.fstatfs(fd, statfsBuffer) < 0 ? -lastErrno() : 0;
}

/** struct statfs of the last successful call (the same on all 64-bit architectures). */
export const stfs = {
  type: (): number => fsWords[0]!,
  blockSize: (): number => fsLong(2),
  blocks: (): number => fsLong(4),
  blocksFree: (): number => fsLong(6),
  blocksAvailable: (): number => fsLong(8),
  files: (): number => fsLong(10),
  filesFree: (): number => fsLong(12),
  fsidLow: (): number => fsWords[14]!,
  fsidHigh: (): number => fsWords[15]!,
  nameLength: (): number => fsLong(16),
  fragmentSize: (): number => fsLong(18),
  flags: (): number => fsWords[20]!,
} as const;
