/** MS-XCA: round trips of each algorithm, the examples of section 3, and arbitrary bytes as compressed data. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import type { Algorithm } from './codec.ts';
import { lz77 } from './lz77.ts';
import { lz77Huffman } from './lz77-huffman.ts';
import { lznt1 } from './lznt1.ts';

const MiB = 1024 * 1024;
const ALGORITHMS: Readonly<Record<string, Algorithm>> = { lz77, lz77Huffman, lznt1 };

/** Bytes written to `output`, or -1 where they do not fit. */
function compress(algorithm: Algorithm, input: Buffer, output: Buffer): number {
  const work = algorithm.compressor(input, output);
  while (!work.go(input.length));
  return work.length;
}

/** `length`: of the plain data, exactly. Throws WireError. */
function decompress(algorithm: Algorithm, input: Buffer, length: number): Buffer {
  const output = Buffer.alloc(length);
  const work = algorithm.decompressor(input, output);
  while (!work.go(length));
  return output;
}

/** For data that do not become smaller. */
const roomFor = (plain: Buffer): number => plain.length + (plain.length >> 2) + 1024;

function packed(algorithm: Algorithm, plain: Buffer): Buffer {
  const output = Buffer.alloc(roomFor(plain));
  const length = compress(algorithm, plain, output);
  assert.ok(length >= 0, 'it has room');
  return output.subarray(0, length);
}

/** Words of this program's source, in an order that a seed gives. */
function text(bytes: number): Buffer {
  const words = readFileSync(new URL(import.meta.url), 'utf8').split(/\s+/);
  const parts: string[] = [];
  let state = 1;
  for (let length = 0; length < bytes; length += parts.at(-1)!.length) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    parts.push(`${words[(state >>> 8) % words.length]} `);
  }
  return Buffer.from(parts.join('')).subarray(0, bytes);
}

/** Both the whole at once and by portions. */
function assertRoundTrip(algorithm: Algorithm, plain: Buffer): Buffer {
  const data = packed(algorithm, plain);
  assert.ok(decompress(algorithm, data, plain.length).equals(plain), `${plain.length} bytes`);
  const again = Buffer.alloc(roomFor(plain));
  const compressor = algorithm.compressor(plain, again);
  while (!compressor.go(1000));
  const output = Buffer.alloc(plain.length);
  const decompressor = algorithm.decompressor(again.subarray(0, compressor.length), output);
  while (!decompressor.go(1000));
  assert.ok(output.equals(plain), `${plain.length} bytes by portions`);
  return data;
}

for (const [name, algorithm] of Object.entries(ALGORITHMS)) {
  test(`${name}: round trips`, () => {
    for (const length of [0, 1, 2, 3, 4, 5, 31, 32, 33, 4095, 4096, 4097, 65535, 65536, 65537]) {
      for (const plain of [randomBytes(length), Buffer.alloc(length, 'a'), text(length)]) {
        assertRoundTrip(algorithm, plain);
      }
    }
  });

  test(`${name}: 8 MiB of text, of one byte, of random ones`, () => {
    const words = assertRoundTrip(algorithm, text(8 * MiB));
    assert.ok(words.length < 6 * MiB, `text becomes ${words.length} bytes`);
    const same = assertRoundTrip(algorithm, Buffer.alloc(8 * MiB, 7));
    assert.ok(same.length < 64 * 1024, `one byte becomes ${same.length} bytes`);
    assertRoundTrip(algorithm, randomBytes(8 * MiB));
  });

  test(`${name}: whatever repeats`, () => {
    const piece = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constantFrom('ab', 'abcabc'));
    const runs = fc.array(fc.tuple(piece, fc.integer({ min: 1, max: 3000 })), { maxLength: 12 });
    fc.assert(
      fc.property(runs, (pieces) => {
        const parts = pieces.map(([one, times]) => {
          const unit = Buffer.from(one as Uint8Array);
          return Buffer.concat(new Array(times).fill(unit));
        });
        assertRoundTrip(algorithm, Buffer.concat(parts));
      }),
      { numRuns: 100 },
    );
  });

  test(`${name}: what does not fit says so, and nothing is written behind the output`, () => {
    const plain = randomBytes(100_000);
    const memory = Buffer.alloc(200_000, 0x5a);
    for (const room of [0, 1, 2, 3, 4, 5, 300, 65_536, 99_999]) {
      assert.equal(compress(algorithm, plain, memory.subarray(100, 100 + room)), -1);
      assert.ok(memory.subarray(100 + room).every((byte) => byte === 0x5a));
      memory.fill(0x5a);
    }
  });

  test(`${name}: arbitrary and changed data give an error or as much as was declared`, () => {
    const plain = text(5000);
    const good = packed(algorithm, plain);
    const memory = Buffer.alloc(12_000, 0x5a);
    const untouched = Buffer.from(memory);
    const attempt = (data: Buffer, length: number): void => {
      const output = memory.subarray(1000, 1000 + length);
      try {
        const work = algorithm.decompressor(data, output);
        while (!work.go(700));
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
      assert.ok(memory.subarray(0, 1000).equals(untouched.subarray(0, 1000)), 'before it');
      const behind = memory.subarray(1000 + length);
      assert.ok(behind.equals(untouched.subarray(1000 + length)), 'behind it');
      output.fill(0x5a);
    };
    for (let length = 0; length < good.length; length += length < 300 ? 1 : 7) {
      assert.throws(() => decompress(algorithm, good.subarray(0, length), plain.length), WireError);
    }
    for (const wrong of [0, 1, 4095, 4999, 5001, 6000]) {
      assert.throws(() => decompress(algorithm, good, wrong), WireError, `${wrong} bytes declared`);
    }
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), fc.nat(6000), (changes, n) => {
        const data = Buffer.from(good);
        for (const [at, value] of changes) data[at] = value;
        attempt(data, plain.length);
        attempt(data, n);
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(10_000), (data, n) =>
        attempt(Buffer.from(data), n),
      ),
      { numRuns: 300 },
    );
  });
}

/** Section 3; zeros are left out. */
const table = (entries: Readonly<Record<number, number>>): Buffer => {
  const bytes = Buffer.alloc(256);
  for (const [at, value] of Object.entries(entries)) bytes[Number(at)] = value;
  return bytes;
};

const ALPHABET = Buffer.from('abcdefghijklmnopqrstuvwxyz');
const ABC = Buffer.from('abc'.repeat(100));
const LZNT1_EXAMPLE = Buffer.from(
  'F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\0',
);
const EXAMPLES: readonly { section: string; algorithm: Algorithm; plain: Buffer; data: Buffer }[] =
  [
    {
      section: '3.1',
      algorithm: lz77,
      plain: ALPHABET,
      data: Buffer.concat([Buffer.from('3f000000', 'hex'), ALPHABET]),
    },
    {
      section: '3.1',
      algorithm: lz77,
      plain: ABC,
      data: Buffer.from('ffffff1f61626317000fff2601', 'hex'),
    },
    {
      section: '3.2',
      algorithm: lz77Huffman,
      plain: ALPHABET,
      data: Buffer.concat([
        table({
          48: 0x50,
          ...Object.fromEntries(Array.from({ length: 10 }, (_, i) => [49 + i, 0x55])),
          59: 0x45,
          60: 0x44,
          61: 0x04,
          128: 0x04,
        }),
        Buffer.from('d8523ed794115be9195ff9d67cdf8d0400000000', 'hex'),
      ]),
    },
    {
      section: '3.2',
      algorithm: lz77Huffman,
      plain: ABC,
      data: Buffer.concat([
        table({ 48: 0x30, 49: 0x23, 128: 0x02, 143: 0x20 }),
        Buffer.from('a8dc0000ff2601', 'hex'),
      ]),
    },
    {
      section: '3.3',
      algorithm: lznt1,
      plain: LZNT1_EXAMPLE,
      data: Buffer.from(
        '38b08846232000204720410010a24701a0452044000845015079 00c045200524138805b4024a44ef0358028c0916014845 00be009e0004011890 00'.replaceAll(
          ' ',
          '',
        ),
        'hex',
      ),
    },
  ];

for (const { section, algorithm, plain, data } of EXAMPLES) {
  test(`MS-XCA ${section}: ${plain.subarray(0, 12).toString()}…`, () => {
    assert.deepEqual(decompress(algorithm, data, plain.length), plain);
    // Another search may find other matches; where there is one to find only, the bytes are the section's.
    const own = packed(algorithm, plain);
    assert.ok(own.length <= data.length + 8, `${own.length} bytes`);
    if (algorithm === lz77) assert.deepEqual(own, data);
  });
}
