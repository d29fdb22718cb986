/** Changes a message as a fuzzer does: bits, numbers at their limits, cuts, doubles, splices. */
import type { Random } from './random.ts';

const BYTES = [0, 1, 2, 3, 4, 7, 8, 0x10, 0x20, 0x40, 0x7f, 0x80, 0xfe, 0xff] as const;
const NUMBERS = [
  0, 1, 2, 7, 8, 15, 16, 24, 63, 64, 65, 88, 120, 255, 256, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x10000,
  0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff,
] as const;
const MAX_MESSAGE_BYTES = 60_000;

type Mutator = (random: Random, b: Buffer, from: number, other: Buffer) => Buffer;

const at = (random: Random, b: Buffer, from: number, width: number): number =>
  from + random.below(Math.max(1, b.length - from - width + 1));

const mutators: readonly Mutator[] = [
  (random, b, from) => {
    b[at(random, b, from, 1)]! ^= 1 << random.below(8);
    return b;
  },
  (random, b, from) => {
    b[at(random, b, from, 1)] = random.pick(BYTES);
    return b;
  },
  (random, b, from) => {
    const where = at(random, b, from, 2) & ~1;
    if (where + 2 <= b.length) b.writeUInt16LE(random.pick(NUMBERS) & 0xffff, where);
    return b;
  },
  (random, b, from) => {
    const where = at(random, b, from, 4) & ~3;
    if (where + 4 <= b.length) b.writeUInt32LE(random.pick(NUMBERS), where);
    return b;
  },
  (random, b, from) => {
    const where = at(random, b, from, 8) & ~7;
    const value = random.chance(0.5) ? 0xffn << BigInt(random.below(7) * 8) : -1n;
    if (where + 8 <= b.length) b.writeBigInt64LE(BigInt.asIntN(64, value), where);
    return b;
  },
  (random, b, from) => b.subarray(0, from + random.below(b.length - from + 1)),
  (random, b) => Buffer.concat([b, random.bytes(random.below(100))]),
  (random, b, from) => {
    const start = at(random, b, from, 1);
    const end = start + random.below(Math.min(64, b.length - start) + 1);
    return Buffer.concat([b.subarray(0, end), b.subarray(start)]);
  },
  (random, b, from) => {
    const start = at(random, b, from, 1);
    return Buffer.concat([b.subarray(0, start), b.subarray(start + random.below(16))]);
  },
  (random, b, from, other) => {
    const where = at(random, b, from, 1);
    return Buffer.concat([b.subarray(0, where), other.subarray(Math.min(where, other.length))]);
  },
  (random, b, from) => {
    const start = at(random, b, from, 1);
    random.bytes(random.below(Math.min(32, b.length - start) + 1)).copy(b, start);
    return b;
  },
];

/** One to four changes from byte `from` on; `other` is what may be spliced in. */
export function mutate(random: Random, original: Buffer, from: number, other: Buffer): Buffer {
  let b = Buffer.from(original);
  for (let left = 1 + random.below(4); left > 0; left--) {
    if (b.length <= from) break;
    b = Buffer.from(random.pick(mutators)(random, b, from, other));
  }
  return b.subarray(0, MAX_MESSAGE_BYTES);
}
