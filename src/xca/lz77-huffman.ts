/**
 * MS-XCA 2.1 and 2.2: LZ77+Huffman. Blocks of 64 KiB plain bytes, each with a table of code lengths; then words of 16 bits, in
 * which literals, matches and distances stand, and between the words, where the reader is by then, the bytes of long lengths.
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
import {
  CODE_TABLE_BYTES,
  canonicalCodes,
  codeLengths,
  MAX_CODE_BITS,
  readDecodingTable,
  SYMBOLS,
  writeCodeLengths,
} from './huffman-code.ts';

const NAME = 'LZ77+Huffman';
const BLOCK_BYTES = 65536;
const MAX_DISTANCE = 65535;
const MIN_MATCH = 4;
const END_OF_DATA = 256;
const HASH_BITS = 15;
/** Earlier places that are looked at for the longest match. */
const MAX_TRIES = 8;
/** A match that is taken without looking for a longer one. */
const GOOD_MATCH = 64;
const SKIP_AFTER = 6;
/** The two words that a block begins with. */
const REGISTER_BYTES = 4;

const highBit = (distance: number): number => 31 - Math.clz32(distance);
const symbolOf = (length: number, distance: number): number =>
  END_OF_DATA + Math.min(length - 3, 15) + 16 * highBit(distance);

class HuffmanCompressor implements Compressor {
  readonly #in: DataView;
  readonly #output: Buffer;
  readonly #out: DataView;
  /** By the hash of four bytes: where they were last seen, and 1; and for each such place the one before it. */
  readonly #seen = new Int32Array(1 << HASH_BITS);
  readonly #before = new Int32Array(BLOCK_BYTES);
  /** A literal, or a match: its length times 65536, and its distance. */
  readonly #items = new Uint32Array(BLOCK_BYTES);
  #itemCount = 0;
  #at = 0;
  length = 0;

  constructor(input: Buffer, output: Buffer) {
    this.#in = viewOf(input);
    this.#output = output;
    this.#out = viewOf(output);
  }

  go(bytes: number): boolean {
    const end = this.#in.byteLength;
    const stop = Math.min(end, this.#at + bytes);
    while (this.#at < stop) {
      const blockEnd = Math.min(end, this.#at + BLOCK_BYTES);
      const counts = this.#search(blockEnd);
      this.#at = blockEnd;
      if (blockEnd === end) counts[END_OF_DATA]!++;
      if (!this.#write(counts, blockEnd === end)) {
        this.length = -1;
        return true;
      }
    }
    return this.#at === end;
  }

  /** 2.1.4.1 */
  #search(end: number): Uint32Array {
    const input = this.#in;
    const items = this.#items;
    const counts = new Uint32Array(SYMBOLS);
    const last = end - MIN_MATCH;
    let count = 0;
    let at = this.#at;
    let misses = 1 << SKIP_AFTER;
    while (at < end) {
      const found = at <= last ? this.#find(at, end) : 0;
      if (found === 0) {
        const step = Math.min(end - at, misses++ >>> SKIP_AFTER);
        for (const next = at + step; at < next; at++) {
          const literal = input.getUint8(at);
          items[count++] = literal;
          counts[literal]!++;
        }
        continue;
      }
      misses = 1 << SKIP_AFTER;
      items[count++] = found;
      const length = found >>> 16;
      counts[symbolOf(length, found & 0xffff)]!++;
      const next = at + length;
      for (let i = at + 1, stop = Math.min(next, at + GOOD_MATCH, last); i < stop; i++) {
        this.#enter(i);
      }
      at = next;
    }
    this.#itemCount = count;
    return counts;
  }

  /** What was seen last of the same hash, and 1. */
  #enter(at: number): number {
    const word = this.#in.getInt32(at, true);
    const hash = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
    const from = this.#seen[hash]!;
    this.#before[at % BLOCK_BYTES] = from;
    this.#seen[hash] = at + 1;
    return from;
  }

  /** An item; 0 where there is no match. */
  #find(at: number, end: number): number {
    const input = this.#in;
    const stop = Math.min(end, at + 0xffff);
    const word = input.getInt32(at, true);
    let longest = MIN_MATCH - 1;
    let distance = 0;
    let from = this.#enter(at) - 1;
    for (let tries = MAX_TRIES; tries > 0 && from >= 0 && at - from <= MAX_DISTANCE; tries--) {
      if (input.getInt32(from, true) === word) {
        const length = matchLength(input, from, at, stop);
        if (length > longest) {
          longest = length;
          distance = at - from;
          if (length >= GOOD_MATCH) break;
        }
      }
      from = this.#before[from % BLOCK_BYTES]! - 1;
    }
    return distance === 0 ? 0 : ((longest << 16) | distance) >>> 0;
  }

  /** 2.1.4.2 and 2.1.4.3; false where it does not fit. */
  #write(counts: Uint32Array, isLast: boolean): boolean {
    const lengths = codeLengths(counts);
    if (this.length + this.#blockBytes(counts, lengths) > this.#output.length) return false;
    const codes = canonicalCodes(lengths);
    writeCodeLengths(lengths, this.#output, this.length);
    const writer = new BitWriter(this.#output, this.#out, this.length + CODE_TABLE_BYTES);
    const items = this.#items;
    for (let i = 0; i < this.#itemCount; i++) {
      const item = items[i]!;
      if (item < SYMBOLS / 2) {
        writer.bits(lengths[item]!, codes[item]!);
        continue;
      }
      const length = item >>> 16;
      const distance = item & 0xffff;
      const symbol = symbolOf(length, distance);
      writer.bits(lengths[symbol]!, codes[symbol]!);
      if (length - 3 >= 15) writer.longLength(length - 3);
      const bits = highBit(distance);
      writer.bits(bits, distance - (1 << bits));
    }
    // "Certain implementations fail during decompression if the Huffman symbol 256 is not found."
    if (isLast) writer.bits(lengths[END_OF_DATA]!, codes[END_OF_DATA]!);
    this.length = writer.flush();
    return true;
  }

  /** Not less than a block takes: a long length takes three bytes beside its symbol. */
  #blockBytes(counts: Uint32Array, lengths: Uint8Array): number {
    let bits = 0;
    let bytes = CODE_TABLE_BYTES + REGISTER_BYTES + 2;
    for (let symbol = 0; symbol < SYMBOLS; symbol++) {
      const count = counts[symbol]!;
      if (count === 0) continue;
      const isMatch = symbol >= END_OF_DATA;
      bits += count * (lengths[symbol]! + (isMatch ? (symbol - END_OF_DATA) >> 4 : 0));
      if (isMatch && (symbol & 15) === 15) bytes += 3 * count;
    }
    return bytes + Math.ceil(bits / 8);
  }
}

/** 2.1.4.3: a word is written two words late, so that what the reader has in its register is before the bytes between. */
class BitWriter {
  readonly #output: Buffer;
  readonly #out: DataView;
  #first: number;
  #second: number;
  #at: number;
  #free = 16;
  #word = 0;

  constructor(output: Buffer, out: DataView, at: number) {
    this.#output = output;
    this.#out = out;
    this.#first = at;
    this.#second = at + 2;
    this.#at = at + REGISTER_BYTES;
  }

  bits(count: number, value: number): void {
    if (this.#free >= count) {
      this.#free -= count;
      this.#word = (this.#word << count) | value;
      return;
    }
    const rest = count - this.#free;
    this.#out.setUint16(this.#first, (this.#word << this.#free) | (value >>> rest), true);
    this.#first = this.#second;
    this.#second = this.#at;
    this.#at += 2;
    this.#free = 16 - rest;
    this.#word = value & ((1 << rest) - 1);
  }

  longLength(length: number): void {
    if (length - 15 < 255) {
      this.#output[this.#at++] = length - 15;
      return;
    }
    this.#output[this.#at] = 255;
    this.#out.setUint16(this.#at + 1, length, true);
    this.#at += 3;
  }

  flush(): number {
    this.#out.setUint16(this.#first, this.#word << this.#free, true);
    this.#out.setUint16(this.#second, 0, true);
    return this.#at;
  }
}

class HuffmanDecompressor implements Decompressor {
  readonly #input: Buffer;
  readonly #in: DataView;
  readonly #output: Buffer;
  readonly #table = new Uint16Array(1 << MAX_CODE_BITS);
  #at = 0;
  #outAt = 0;

  constructor(input: Buffer, output: Buffer) {
    this.#input = input;
    this.#in = viewOf(input);
    this.#output = output;
  }

  go(bytes: number): boolean {
    const stop = this.#outAt + bytes;
    while (this.#outAt < stop || this.#outAt >= this.#output.length) {
      if (this.#input.length - this.#at < CODE_TABLE_BYTES + REGISTER_BYTES) {
        if (this.#outAt === this.#output.length) return true;
        throw truncated(NAME);
      }
      readDecodingTable(this.#input, this.#at, this.#table);
      this.#at += CODE_TABLE_BYTES;
      if (this.#block()) return true;
    }
    return false;
  }

  /** Whether the data have come to their end in it. */
  #block(): boolean {
    const input = this.#in;
    const output = this.#output;
    const table = this.#table;
    const end = input.byteLength;
    const blockEnd = this.#outAt + BLOCK_BYTES;
    let outAt = this.#outAt;
    let register = (input.getUint16(this.#at, true) << 16) | input.getUint16(this.#at + 2, true);
    let at = this.#at + REGISTER_BYTES;
    let extraBits = 16;
    while (outAt < blockEnd) {
      const entry = table[register >>> (32 - MAX_CODE_BITS)]!;
      const bits = entry & 15;
      const symbol = entry >>> 4;
      register <<= bits;
      extraBits -= bits;
      if (extraBits < 0) {
        if (at + 2 > end) throw truncated(NAME);
        register |= input.getUint16(at, true) << -extraBits;
        extraBits += 16;
        at += 2;
      }
      if (symbol < END_OF_DATA) {
        if (outAt >= output.length) throw tooLong(NAME);
        output[outAt++] = symbol;
        continue;
      }
      if (symbol === END_OF_DATA && at >= end && outAt === output.length) return true;
      let length = (symbol & 15) + 3;
      if (length === 18) {
        this.#at = at;
        length = this.#longLength();
        at = this.#at;
      }
      const distanceBits = (symbol - END_OF_DATA) >> 4;
      // A shift by 32 would be one by none.
      const distance = (1 << distanceBits) + ((register >>> 1) >>> (31 - distanceBits));
      register <<= distanceBits;
      extraBits -= distanceBits;
      if (extraBits < 0) {
        if (at + 2 > end) throw truncated(NAME);
        register |= input.getUint16(at, true) << -extraBits;
        extraBits += 16;
        at += 2;
      }
      if (distance > outAt) throw new WireError(NAME, `a match ${distance} bytes before ${outAt}`);
      if (length > output.length - outAt) throw tooLong(NAME);
      copyMatch(output, outAt, distance, length);
      outAt += length;
    }
    this.#at = at;
    this.#outAt = outAt;
    return false;
  }

  #longLength(): number {
    const byte = this.#number(1);
    if (byte < 255) return byte + 15 + 3;
    const length = this.#number(2) || this.#number(4);
    if (length < 15) throw new WireError(NAME, `a long match of ${length} bytes`);
    return length + 3;
  }

  #number(bytes: 1 | 2 | 4): number {
    const at = this.#at;
    if (at + bytes > this.#input.length) throw truncated(NAME);
    this.#at += bytes;
    return this.#input.readUIntLE(at, bytes);
  }
}

export const lz77Huffman: Algorithm = {
  compressor: (input, output) => new HuffmanCompressor(input, output),
  decompressor: (input, output) => new HuffmanDecompressor(input, output),
};
