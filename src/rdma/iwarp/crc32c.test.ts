import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from './crc32c.ts';

/** Bit by bit, as the definition says. */
function naive(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : 0x82f63b78);
  }
  return ~crc >>> 0;
}

test('CRC32C: the check value, and RFC 3720 B.4', () => {
  const ascending = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
  assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
  assert.equal(crc32c(ascending), 0x46dd794e);
});

test('CRC32C: of any length and alignment it is what the definition gives', () => {
  const piece = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(piece, fc.nat(9), (bytes, skipped) => {
      const view = bytes.subarray(Math.min(skipped, bytes.length));
      assert.equal(crc32c(view), naive(view));
    }),
  );
});

test('CRC32C: goes on where it stopped', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, at) => {
      const first = bytes.subarray(0, at);
      assert.equal(crc32c(bytes.subarray(at), crc32c(first)), crc32c(bytes));
    }),
  );
});
