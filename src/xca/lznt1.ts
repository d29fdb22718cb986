/**
 * MS-XCA 2.5: LZNT1. Chunks of 4096 plain bytes, each by itself; in one, a byte of flags is before every eight items, the
 * least significant is the first: 0 is a literal byte; 1 a word, whose displacement has the more bits the farther one is in the chunk.
 */
import { WireError } from '../wire/wire-error.ts';
import {
  type Algorithm,
  type Compressor,
  copyMatch,
  type Decompressor,
  matchLength,
  tooLong,
  truncated,
  viewOf,
} from './codec.ts';

const NAME = 'LZNT1';
const CHUNK_BYTES = 4096;
const HEADER_BYTES = 2;
const COMPRESSED = 0x8000;
const SIGNATURE = 0x3000;
const SIGNATURE_MASK = 0x7000;
const SIZE_MASK = 0x0fff;
const MIN_MATCH = 3;
const HASH_BITS = 12;

/** "Let M be the largest value in [4…12] such that 2^(M-1) < U, or 4." */
const displacementBits = (u: number): number => Math.min(12, Math.max(4, 32 - Math.clz32(u - 1)));

class Lznt1Compressor implements Compressor {
  readonly #input: Buffer;
  readonly #in: DataView;
  readonly #output: Buffer;
  /** By the hash of three bytes: where they were last seen, and 1. */
  readonly #seen = new Int32Array(1 << HASH_BITS);
  #at = 0;
  length = 0;

  constructor(input: Buffer, output: Buffer) {
    this.#input = input;
    this.#in = viewOf(input);
    this.#output = output;
  }

  go(bytes: number): boolean {
    const input = this.#input;
    const stop = Math.min(input.length, this.#at + bytes);
    while (this.#at < stop) {
      const end = Math.min(input.length, this.#at + CHUNK_BYTES);
      const size = this.#chunk(end) || this.#plain(end);
      if (size === 0) {
        this.length = -1;
        return true;
      }
      this.length += size;
      this.#at = end;
    }
    return this.#at === input.length;
  }

  /** Its size; 0 where it is not smaller than the plain bytes, or does not fit. */
  #chunk(end: number): number {
    const input = this.#input;
    const output = this.#output;
    const start = this.#at;
    const header = this.length;
    const limit = Math.min(output.length, header + HEADER_BYTES + end - start);
    let at = start;
    let outAt = header + HEADER_BYTES;
    while (at < end) {
      const flagsAt = outAt++;
      let flags = 0;
      for (let i = 0; i < 8 && at < end; i++) {
        if (outAt + 2 > limit) return 0;
        const shift = 16 - displacementBits(at - start);
        const longest = Math.min(end - at, (1 << shift) - 1 + MIN_MATCH);
        const from = this.#find(start, at, end);
        const length = from < 0 ? 0 : matchLength(this.#in, from, at, at + longest);
        if (length < MIN_MATCH) output[outAt++] = input[at++]!;
        else {
          flags |= 1 << i;
          outAt = output.writeUInt16LE(((at - from - 1) << shift) | (length - MIN_MATCH), outAt);
          for (const next = at + length; ++at < next; ) this.#find(start, at, end);
        }
      }
      output[flagsAt] = flags;
    }
    const size = outAt - header;
    output.writeUInt16LE(COMPRESSED | SIGNATURE | (size - 3), header);
    return size;
  }

  /** Where the bytes at `at` may have been in this chunk before; -1: nowhere. */
  #find(start: number, at: number, end: number): number {
    const input = this.#input;
    if (end - at < MIN_MATCH) return -1;
    const word = input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16);
    const hash = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
    const from = this.#seen[hash]! - 1;
    this.#seen[hash] = at + 1;
    return from < start ? -1 : from;
  }

  #plain(end: number): number {
    const count = end - this.#at;
    const size = HEADER_BYTES + count;
    if (this.length + size > this.#output.length) return 0;
    this.#output.writeUInt16LE(SIGNATURE | (size - 3), this.length);
    this.#input.copy(this.#output, this.length + HEADER_BYTES, this.#at, end);
    return size;
  }
}

class Lznt1Decompressor implements Decompressor {
  readonly #input: Buffer;
  readonly #output: Buffer;
  #at = 0;
  #outAt = 0;

  constructor(input: Buffer, output: Buffer) {
    this.#input = input;
    this.#output = output;
  }

  go(bytes: number): boolean {
    const input = this.#input;
    const stop = this.#outAt + bytes;
    while (this.#outAt < stop || this.#outAt === this.#output.length) {
      const left = input.length - this.#at;
      const header = left >= HEADER_BYTES ? input.readUInt16LE(this.#at) : 0;
      // End_of_buffer, "not required to terminate the compressed buffer".
      if (header === 0) {
        if (this.#outAt < this.#output.length) throw truncated(NAME);
        if (left !== 0 && left !== HEADER_BYTES) throw tooLong(NAME);
        return true;
      }
      if ((header & SIGNATURE_MASK) !== SIGNATURE) {
        throw new WireError(NAME, `a chunk header of 0x${header.toString(16)}`);
      }
      const size = (header & SIZE_MASK) + 3;
      if (size > left) throw truncated(NAME);
      const from = this.#at + HEADER_BYTES;
      this.#at += size;
      if ((header & COMPRESSED) !== 0) this.#chunk(from, this.#at);
      else this.#plain(from, this.#at);
    }
    return false;
  }

  #plain(from: number, end: number): void {
    if (end - from > this.#output.length - this.#outAt) throw tooLong(NAME);
    this.#input.copy(this.#output, this.#outAt, from, end);
    this.#outAt += end - from;
  }

  #chunk(from: number, end: number): void {
    const input = this.#input;
    const output = this.#output;
    const start = this.#outAt;
    const limit = Math.min(output.length, start + CHUNK_BYTES);
    let at = from;
    let outAt = start;
    while (at < end) {
      const flags = input[at++]!;
      for (let i = 0; i < 8 && at < end; i++) {
        if (((flags >>> i) & 1) === 0) {
          if (outAt >= limit) throw tooLong(NAME);
          output[outAt++] = input[at++]!;
          continue;
        }
        if (at + 2 > end) throw truncated(NAME);
        const word = input[at]! | (input[at + 1]! << 8);
        at += 2;
        const shift = 16 - displacementBits(outAt - start);
        const distance = (word >>> shift) + 1;
        const length = (word & ((1 << shift) - 1)) + MIN_MATCH;
        if (distance > outAt - start) {
          throw new WireError(NAME, `a match ${distance} bytes before ${outAt - start}`);
        }
        if (length > limit - outAt) throw tooLong(NAME);
        copyMatch(output, outAt, distance, length);
        outAt += length;
      }
    }
    this.#outAt = outAt;
  }
}

export const lznt1: Algorithm = {
  compressor: (input, output) => new Lznt1Compressor(input, output),
  decompressor: (input, output) => new Lznt1Decompressor(input, output),
};
