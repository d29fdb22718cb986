/** MS-SMB2 2.2.42, 3.1.4.4 and 3.1.5.3: round trips, and what a compressed message may not say. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_CHAINED_PAYLOADS } from '../base/limits.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  agreeOnCompression,
  type CompressionTerms,
  decompressMessage,
  KNOWN_COMPRESSION,
  MessageCompressor,
  readCompressed,
} from './compression.ts';
import { CompressionAlgorithm } from './negotiate-contexts.ts';

const { NONE, LZNT1, LZ77, LZ77_HUFFMAN, PATTERN_V1, LZ4 } = CompressionAlgorithm;
const LIMITS = { maxSegment: 1 << 20, maxMessage: 1 << 20 };
const ALL: CompressionTerms = { algorithms: KNOWN_COMPRESSION, chained: true };
const ONE: CompressionTerms = { algorithms: [LZ77], chained: false };

function packed(head: Buffer, data: Buffer, terms: CompressionTerms): Buffer | undefined {
  const work = new MessageCompressor(head, data, terms, Buffer.alloc(data.length));
  while (!work.go(1000));
  return work.parts === undefined ? undefined : Buffer.concat(work.parts);
}

const unpacked = (message: Buffer, terms: CompressionTerms): Buffer =>
  decompressMessage(readCompressed(message, terms, LIMITS));

const HEAD = Buffer.from(Array.from({ length: 80 }, (_, i) => i));
const TEXT = Buffer.from('a line of text that comes again and again, but not quite: '.repeat(200));
const TERMS: readonly CompressionTerms[] = [
  ...[LZ77, LZ77_HUFFMAN, LZNT1].map((one) => ({ algorithms: [one], chained: false })),
  ...[LZ77, LZ77_HUFFMAN, LZNT1].map((one) => ({ algorithms: [one], chained: true })),
  ...[LZ77, LZ77_HUFFMAN, LZNT1].map((one) => ({ algorithms: [one, PATTERN_V1], chained: true })),
];

for (const terms of TERMS) {
  test(`algorithms ${terms.algorithms}, ${terms.chained ? 'chained' : 'in one'}: round trips`, () => {
    const zeros = Buffer.alloc(5000);
    const cases = [
      TEXT,
      zeros,
      Buffer.concat([zeros, TEXT, zeros]),
      Buffer.concat([zeros, randomBytes(100), zeros]),
      Buffer.concat([zeros, TEXT]),
      Buffer.concat([TEXT, zeros]),
    ];
    for (const data of cases) {
      for (const head of [HEAD, Buffer.alloc(0)]) {
        const message = packed(head, data, terms);
        assert.ok(message !== undefined && message.length < data.length);
        assert.ok(unpacked(message, terms).equals(Buffer.concat([head, data])));
      }
    }
    assert.equal(packed(HEAD, randomBytes(10_000), terms), undefined, 'nothing is gained');
  });
}

test('3.1.4.4: a pattern, what is in the middle, a pattern; the first header alone says it is a chain', () => {
  const data = Buffer.concat([Buffer.alloc(64, 7), randomBytes(300), Buffer.alloc(900, 9)]);
  const message = packed(HEAD, data, ALL)!;
  const chain: number[][] = [];
  for (let at = 8; at < message.length; at += 8 + message.readUInt32LE(at + 4)) {
    chain.push([
      message.readUInt16LE(at),
      message.readUInt16LE(at + 2),
      message.readUInt32LE(at + 4),
    ]);
  }
  assert.deepEqual(chain, [
    [NONE, 1, 80],
    [PATTERN_V1, 0, 8],
    [NONE, 0, 300],
    [PATTERN_V1, 0, 8],
  ]);
  assert.equal(message.readUInt32LE(4), 80 + data.length);
});

test('2.2.42: golden bytes, in one and as a chain', () => {
  const abc = Buffer.from('abc'.repeat(100));
  const lz77 = 'ffffff1f61626317000fff2601';
  const one = Buffer.from(
    `fc534d42 2c010000 0200 0000 02000000 6869 ${lz77}`.replaceAll(' ', ''),
    'hex',
  );
  assert.deepEqual(unpacked(one, ONE), Buffer.concat([Buffer.from('hi'), abc]));
  assert.deepEqual(packed(Buffer.from('hi'), abc, ONE), one);
  const chain = Buffer.from(
    `fc534d42 32010000 0000 0100 02000000 6869 0200 0000 11000000 2c010000 ${lz77} 0400 0000 08000000 7a000000 04000000`.replaceAll(
      ' ',
      '',
    ),
    'hex',
  );
  assert.deepEqual(
    unpacked(chain, ALL),
    Buffer.concat([Buffer.from('hi'), abc, Buffer.from('zzzz')]),
  );
});

test('3.3.5.4: what is agreed upon, in the order of the server; one without chains', () => {
  const agreed = (chained: boolean, ...algorithms: number[]): readonly number[] =>
    agreeOnCompression({ algorithms, chained }).algorithms;
  assert.deepEqual(agreed(true, PATTERN_V1, LZNT1, LZ77), [LZ77, LZNT1, PATTERN_V1]);
  assert.deepEqual(agreed(false, LZNT1, LZ77_HUFFMAN, LZ77, PATTERN_V1), [LZ77]);
  assert.deepEqual(agreed(false, LZNT1), [LZNT1]);
  assert.deepEqual(agreed(true, PATTERN_V1), []);
  assert.deepEqual(agreed(true, LZ4, 77, NONE), []);
  assert.deepEqual(agreed(true, LZ77, LZ77), [LZ77]);
});

const changed = (message: Buffer, change: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(message);
  change(copy);
  return copy;
};

test('3.3.5.2.1.2: what ends a connection, before anything is allocated', () => {
  const one = packed(HEAD, TEXT, ONE)!;
  const chain = packed(HEAD, Buffer.concat([TEXT, Buffer.alloc(100)]), ALL)!;
  const refused = (about: string, message: Buffer, terms: CompressionTerms): void =>
    assert.throws(() => readCompressed(message, terms, LIMITS), WireError, about);
  const put16 = (at: number, value: number) => (copy: Buffer) => void copy.writeUInt16LE(value, at);
  const put32 = (at: number, value: number) => (copy: Buffer) => void copy.writeUInt32LE(value, at);
  refused('a chain, where none was agreed upon', chain, ONE);
  for (const flags of [2, 3, 0x8000])
    refused(`flags ${flags}`, changed(one, put16(10, flags)), ALL);
  for (const algorithm of [NONE, LZNT1, PATTERN_V1, LZ4, 77]) {
    refused(`algorithm ${algorithm}`, changed(one, put16(8, algorithm)), ONE);
  }
  refused('NONE in one', changed(one, put16(8, NONE)), ALL);
  refused('a pattern in one', changed(one, put16(8, PATTERN_V1)), ALL);
  refused('Offset beyond the message', changed(one, put32(12, one.length)), ONE);
  refused('Offset of 4 GiB', changed(one, put32(12, 0xffffffff)), ONE);
  refused('a segment that is too large', changed(one, put32(4, (1 << 20) + 1)), ONE);
  refused('with what is before it', changed(one, put32(4, (1 << 20) - 79)), ONE);
  for (let length = 0; length < 16; length++) refused('cut', one.subarray(0, length), ONE);

  refused('more declared', changed(chain, put32(4, TEXT.length + 1000)), ALL);
  refused('less declared', changed(chain, put32(4, 100)), ALL);
  refused('nothing declared', changed(chain, put32(4, 0)), ALL);
  refused('4 GiB declared', changed(chain, put32(4, 0xffffffff)), ALL);
  refused('Length beyond the message', changed(chain, put32(12, chain.length)), ALL);
  const second = 8 + 8 + HEAD.length;
  refused('a second first', changed(chain, put16(second + 2, 1)), ALL);
  refused('an algorithm of a later one', changed(chain, put16(second, LZ4)), ALL);
  refused('OriginalPayloadSize lies', changed(chain, put32(second + 8, 0xffffffff)), ALL);
  refused('no pattern was agreed upon', chain, { algorithms: [LZ77], chained: true });
  const last = chain.length - 16;
  refused('a pattern of 4 GiB', changed(chain, put32(last + 12, 0xffffffff)), ALL);
  refused('a pattern without its payload', changed(chain, put32(last + 4, 4)), ALL);
  const empty = Buffer.alloc(8);
  const first = Buffer.from('fc534d420000000000000100ffffffff', 'hex');
  first.writeUInt32LE(0, 12);
  const many = new Array(MAX_CHAINED_PAYLOADS + 1).fill(empty);
  refused('too many payloads', Buffer.concat([first, ...many]), ALL);
});

test('decompressing finds out what sizes that lie have not told', () => {
  const one = packed(HEAD, TEXT, ONE)!;
  for (const by of [-1, 1, -TEXT.length, 5000]) {
    const lie = changed(one, (copy) => void copy.writeUInt32LE(TEXT.length + by, 4));
    assert.throws(() => unpacked(lie, ONE), WireError, `${by} bytes`);
  }
});

test('arbitrary and changed messages give an error or a message of the declared length', () => {
  const good = [
    packed(HEAD, TEXT, ONE)!,
    packed(HEAD, Buffer.concat([TEXT, Buffer.alloc(99)]), ALL)!,
  ];
  const attempt = (message: Buffer): void => {
    for (const terms of [ONE, ALL]) {
      try {
        const declared = readCompressed(message, terms, { maxSegment: 20_000, maxMessage: 20_000 });
        assert.ok(declared.length <= 20_000);
        assert.equal(decompressMessage(declared).length, declared.length);
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }
  };
  const change = fc.tuple(fc.nat(400), fc.nat(255));
  fc.assert(
    fc.property(
      fc.constantFrom(...good),
      fc.array(change, { minLength: 1, maxLength: 6 }),
      (message, all) =>
        attempt(
          changed(message, (copy) => {
            for (const [at, value] of all) copy[at % copy.length] = value;
          }),
        ),
    ),
    { numRuns: 2000 },
  );
  for (const message of good) {
    for (let length = 0; length < message.length; length++) attempt(message.subarray(0, length));
  }
});
