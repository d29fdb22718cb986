import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRc4, rc4 } from './rc4.ts';

/** RFC 6229 section 2: key, offset of the 16 bytes of key stream, the bytes. */
const VECTORS = [
  ['0102030405', 0, 'b2396305f03dc027ccc3524a0a1118a8'],
  ['0102030405', 16, '6982944f18fc82d589c403a47a0d0919'],
  ['0102030405', 240, '28cb1132c96ce286421dcaadb8b69eae'],
  ['0102030405060708090a0b0c0d0e0f10', 0, '9ac7cc9a609d1ef7b2932899cde41b97'],
  ['0102030405060708090a0b0c0d0e0f10', 16, '5248c4959014126a6e8a84f11d1a9e1c'],
  ['0102030405060708090a0b0c0d0e0f10', 240, '065902e4b620f6cc36c8589f66432f2b'],
  [
    '0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20',
    0,
    'eaa6bd25880bf93d3f5d1e4ca2611d91',
  ],
] as const;

for (const [key, offset, expected] of VECTORS) {
  test(`the key stream of ${key} at ${offset}`, () => {
    const stream = rc4(Buffer.from(key, 'hex'), Buffer.alloc(offset + 16));
    assert.equal(stream.toString('hex', offset), expected);
  });
}

test('a stream in pieces is the stream in one', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 32 }),
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
      (key, pieces) => {
        const stream = createRc4(key);
        const parts = pieces.map((piece) => stream.update(piece));
        assert.deepEqual(Buffer.concat(parts), rc4(key, Buffer.concat(pieces)));
      },
    ),
  );
});

test('a key without bytes, or of too many, is refused', () => {
  assert.throws(() => createRc4(Buffer.alloc(0)), RangeError);
  assert.throws(() => createRc4(Buffer.alloc(257)), RangeError);
});
