/**
 * MS-XCA 2.3 and 2.4: Plain LZ77. Flags in words of 32, most significant first, each before the items it is about: 0 is a literal
 * byte; 1 a match, 13 bits of distance and 3 of length, which goes on in 4 bits (two matches share a byte), 8, 16 and 32.
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

const NAME = 'Plain LZ77';
const MAX_DISTANCE = 8192;
const HASH_BITS = 14;
/** Matches are found by their first four bytes; of three they would gain one byte at best. */
const MIN_MATCH = 4;
/** After so many bytes (2^n) without a match the search takes longer steps: data that are compressed already cost little. */
const SKIP_AFTER = 5;
/** Of an item and the flags behind it. */
const MAX_ITEM_BYTES = 2 + 1 + 1 + 2 + 4 + 4;

class Lz77Compressor implements Compressor {
  readonly #input: Buffer;
  readonly #in: DataView;
  readonly #output: Buffer;
  readonly #out: DataView;
  /** By the hash of four bytes: where they were last seen. */
  readonly #seen = new Int32Array(1 << HASH_BITS);
  /** What is before it is written. */
  #written = 0;
  #at = 0;
  #outAt = 4;
  #flags = 0;
  #flagCount = 0;
  #flagsAt = 0;
  /** Where the next length may put its four bits; 0: nowhere. */
  #halfByteAt = 0;
  length = 0;

  constructor(input: Buffer, output: Buffer) {
    this.#input = input;
    this.#in = viewOf(input);
    this.#output = output;
    this.#out = viewOf(output);
  }

  go(bytes: number): boolean {
    const input = this.#in;
    const seen = this.#seen;
    const end = input.byteLength;
    const last = end - MIN_MATCH;
    const stop = Math.min(last, this.#at + bytes);
    let at = this.#at;
    let misses = 1 << SKIP_AFTER;
    while (at <= stop) {
      const word = input.getInt32(at, true);
      const hash = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
      let from = seen[hash]!;
      seen[hash] = at;
      if (at - from > MAX_DISTANCE || from >= at || input.getInt32(from, true) !== word) {
        at += misses++ >>> SKIP_AFTER;
        continue;
      }
      while (
        at > this.#written &&
        from > 0 &&
        input.getUint8(at - 1) === input.getUint8(from - 1)
      ) {
        at--;
        from--;
      }
      const length = MIN_MATCH + matchLength(input, from + MIN_MATCH, at + MIN_MATCH, end);
      if (!this.#literals(at) || !this.#match(at - from, length)) return this.#fail();
      at += length;
      this.#written = at;
      misses = 1 << SKIP_AFTER;
      if (at <= last) {
        seen[Math.imul(input.getInt32(at - 2, true), 0x9e3779b1) >>> (32 - HASH_BITS)] = at - 2;
      }
    }
    this.#at = at;
    if (at <= last) return false;
    return this.#finish();
  }

  #fail(): true {
    this.length = -1;
    return true;
  }

  #finish(): true {
    const hasRoom = this.#output.length >= 4;
    if (!hasRoom || !this.#literals(this.#input.length)) return this.#fail();
    const unused = 32 - this.#flagCount;
    // "Any extra flag bits are ones": a match where the data are at their end is the end.
    this.#flags = unused === 32 ? -1 : (this.#flags << unused) | ((1 << unused) - 1);
    this.#out.setInt32(this.#flagsAt, this.#flags, true);
    this.length = this.#outAt;
    return true;
  }

  /** Those before `end` that are not written yet. */
  #literals(end: number): boolean {
    const input = this.#input;
    const output = this.#output;
    let at = this.#written;
    let outAt = this.#outAt;
    const count = end - at;
    if (outAt + count + 4 * ((count >>> 5) + 1) > output.length) return false;
    while (at < end) {
      const piece = Math.min(end - at, 32 - this.#flagCount);
      for (const stop = at + piece; at < stop; ) output[outAt++] = input[at++]!;
      this.#flags = piece === 32 ? 0 : this.#flags << piece;
      this.#flagCount += piece;
      if (this.#flagCount === 32) outAt = this.#nextFlags(outAt);
    }
    this.#written = end;
    this.#outAt = outAt;
    return true;
  }

  /** Where the items of the next flags begin. */
  #nextFlags(outAt: number): number {
    this.#out.setInt32(this.#flagsAt, this.#flags, true);
    this.#flags = 0;
    this.#flagCount = 0;
    this.#flagsAt = outAt;
    return outAt + 4;
  }

  #match(distance: number, matchLength: number): boolean {
    const output = this.#output;
    const out = this.#out;
    let outAt = this.#outAt;
    if (outAt + MAX_ITEM_BYTES > output.length) return false;
    let length = matchLength - 3;
    out.setUint16(outAt, ((distance - 1) << 3) | Math.min(length, 7), true);
    outAt += 2;
    if (length >= 7) {
      length -= 7;
      const half = Math.min(length, 15);
      if (this.#halfByteAt === 0) {
        this.#halfByteAt = outAt;
        output[outAt++] = half;
      } else {
        output[this.#halfByteAt]! |= half << 4;
        this.#halfByteAt = 0;
      }
      if (length >= 15) outAt = this.#longLength(outAt, length - 15);
    }
    this.#flags = (this.#flags << 1) | 1;
    this.#flagCount++;
    this.#outAt = this.#flagCount === 32 ? this.#nextFlags(outAt) : outAt;
    return true;
  }

  #longLength(at: number, length: number): number {
    if (length < 255) {
      this.#output[at] = length;
      return at + 1;
    }
    this.#output[at] = 255;
    const whole = length + 7 + 15;
    if (whole < 0x10000) {
      this.#out.setUint16(at + 1, whole, true);
      return at + 3;
    }
    this.#out.setUint16(at + 1, 0, true);
    this.#out.setUint32(at + 3, whole, true);
    return at + 7;
  }
}

class Lz77Decompressor implements Decompressor {
  readonly #input: Buffer;
  readonly #in: DataView;
  readonly #output: Buffer;
  #at = 0;
  #outAt = 0;
  #flags = 0;
  #flagCount = 0;
  #halfByteAt = -1;

  constructor(input: Buffer, output: Buffer) {
    this.#input = input;
    this.#in = viewOf(input);
    this.#output = output;
  }

  go(bytes: number): boolean {
    const input = this.#input;
    const output = this.#output;
    if (input.length === 0 && output.length === 0) return true;
    const end = input.length;
    const stop = this.#outAt + bytes;
    let at = this.#at;
    let outAt = this.#outAt;
    let flags = this.#flags;
    let flagCount = this.#flagCount;
    while (outAt < stop || outAt === output.length) {
      if (flagCount === 0) {
        if (at + 4 > end) throw truncated(NAME);
        flags = this.#in.getInt32(at, true);
        at += 4;
        flagCount = 32;
      }
      flagCount--;
      if ((flags >>> flagCount) % 2 === 0) {
        if (at >= end) throw truncated(NAME);
        if (outAt >= output.length) throw tooLong(NAME);
        output[outAt++] = input[at++]!;
        continue;
      }
      if (at === end) {
        if (outAt !== output.length) throw truncated(NAME);
        return true;
      }
      if (at + 2 > end) throw truncated(NAME);
      const word = this.#in.getUint16(at, true);
      at += 2;
      let length = (word & 7) + 3;
      if ((word & 7) === 7) {
        this.#at = at;
        length = this.#longLength();
        at = this.#at;
      }
      const distance = (word >>> 3) + 1;
      if (distance > outAt) throw new WireError(NAME, `a match ${distance} bytes before ${outAt}`);
      if (length > output.length - outAt) throw tooLong(NAME);
      copyMatch(output, outAt, distance, length);
      outAt += length;
    }
    this.#at = at;
    this.#outAt = outAt;
    this.#flags = flags;
    this.#flagCount = flagCount;
    return false;
  }

  #longLength(): number {
    const half = this.#halfByte();
    if (half < 15) return half + 7 + 3;
    const byte = this.#number(1);
    if (byte < 255) return byte + 15 + 7 + 3;
    const length = this.#number(2) || this.#number(4);
    if (length < 15 + 7) throw new WireError(NAME, `a long match of ${length} bytes`);
    return length + 3;
  }

  #halfByte(): number {
    if (this.#halfByteAt < 0) {
      this.#halfByteAt = this.#at;
      return this.#number(1) & 15;
    }
    const half = this.#input[this.#halfByteAt]! >>> 4;
    this.#halfByteAt = -1;
    return half;
  }

  #number(bytes: 1 | 2 | 4): number {
    const at = this.#at;
    if (at + bytes > this.#input.length) throw truncated(NAME);
    this.#at += bytes;
    return this.#input.readUIntLE(at, bytes);
  }
}

export const lz77: Algorithm = {
  compressor: (input, output) => new Lz77Compressor(input, output),
  decompressor: (input, output) => new Lz77Decompressor(input, output),
};
