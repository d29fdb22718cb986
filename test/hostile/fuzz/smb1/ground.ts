/** What drafts of SMB1 are made from: numbers at their limits, names, and the identifiers that are alive. */
import { SMB1_HEADER_SIZE } from '../../../../src/smb1/header.ts';
import type { Random } from '../random.ts';

/** A FID with the tree connect that it was opened in. */
export interface Live {
  readonly tid: number;
  readonly fid: number;
}

export interface Ground {
  readonly random: Random;
  /** Strings of this message. */
  readonly unicode: boolean;
  /** A file's, a directory's or a pipe's. */
  readonly fid: number;
  /** By POSIX names, with a slash. */
  readonly posix: boolean;
}

/** One command: its parameter words and data bytes. */
export interface Draft {
  readonly words: Buffer;
  readonly bytes: Buffer;
}

export const NOTHING = Buffer.alloc(0);
export const NO_ANDX = 0xff;

const SIZES = { b: 1, h: 2, i: 4, q: 8 } as const;

/** Numbers in little endian: b, h, i, q of 1, 2, 4, 8 bytes; what is larger is cut. */
export function pack(format: string, ...values: readonly number[]): Buffer {
  const letters = [...format] as (keyof typeof SIZES)[];
  const b = Buffer.alloc(letters.reduce((sum, letter) => sum + SIZES[letter], 0));
  let at = 0;
  for (const [i, letter] of letters.entries()) {
    const value = BigInt.asUintN(SIZES[letter] * 8, BigInt(Math.trunc(values[i]!)));
    if (letter === 'q') b.writeBigUInt64LE(value, at);
    else b.writeUIntLE(Number(value), at, SIZES[letter]);
    at += SIZES[letter];
  }
  return b;
}

export const u32 = ({ random }: Ground): number =>
  random.chance(0.6)
    ? random.pick([0, 1, 2, 8, 64, 511, 512, 4095, 4096, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1])
    : random.below(2 ** 32);
export const u16 = (ground: Ground): number => u32(ground) & 0xffff;
export const flags = ({ random }: Ground): number =>
  random.chance(0.3)
    ? 0
    : random.chance(0.6)
      ? (1 << random.below(32)) >>> 0
      : random.below(2 ** 32);
export const offset = ({ random }: Ground): number =>
  random.pick([0, random.below(100_000), random.below(2 ** 31), 2 ** 31, 2 ** 32 - 1]);
/** Of a read; answers are as long. */
export const length = ({ random }: Ground): number =>
  random.pick([0, 1, 100, 4096, 16_384, 0xffff]);
export const data = ({ random }: Ground, most = 200): Buffer => random.bytes(random.below(most));

const NAMES = [
  ...['\\fuzz 1', '\\fuzz 2', '\\fuzz folder', '\\', '', '\\*', '\\fuzz?.*', '\\no\\such'],
  ...['\\fuzz 1:stream', '\\fuzz 1::$DATA', '\\..\\..\\etc', '\\a\u0001b', '\\fifo', '\\link'],
  ...[
    '\\$Extend\\$Quota:$Q:$INDEX_ALLOCATION',
    '\\FUZZ~1',
    '\\srvsvc',
    '\\PIPE\\',
    '\\x.',
    '\\ä\u4e00',
  ],
];

export function name({ random, posix }: Ground): string {
  const chosen = random.chance(0.9)
    ? random.pick(NAMES)
    : `\\${random.bytes(random.below(300)).toString('latin1')}`;
  return posix ? chosen.replaceAll('\\', '/') : chosen;
}

const coded = (text: string, unicode: boolean): Buffer =>
  Buffer.from(`${text}\0`, unicode ? 'utf16le' : 'latin1');

/** The data bytes of a block at `at` of the message: strings are aligned there, the rest stands as it is. */
export function dataBytes(
  { unicode }: Ground,
  at: number,
  words: Buffer,
  ...parts: readonly (string | Buffer)[]
): Buffer {
  let whole: Buffer = NOTHING;
  const base = at + 1 + words.length + 2;
  for (const part of parts) {
    if (typeof part !== 'string') whole = Buffer.concat([whole, part]);
    else {
      const isOdd = unicode && (base + whole.length) % 2 !== 0;
      whole = Buffer.concat([whole, Buffer.alloc(isOdd ? 1 : 0), coded(part, unicode)]);
    }
  }
  return whole;
}

export const draft = (
  ground: Ground,
  at: number,
  words: Buffer,
  ...parts: readonly (string | Buffer)[]
): Draft => ({ words, bytes: dataBytes(ground, at, words, ...parts) });

/** MS-CIFS 2.2.4.x: BufferFormat 4 before each string. */
export const ASCII = Buffer.from([4]);

/** A string as it lies in the parameters of a transaction. */
export const text = ({ unicode }: Ground, string: string): Buffer => coded(string, unicode);

export const FIRST_BLOCK_AT = SMB1_HEADER_SIZE;
