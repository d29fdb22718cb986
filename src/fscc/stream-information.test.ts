import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import { decodeStreamInformation, encodeStreamInformation } from './stream-information.ts';

const streams = [
  { streamName: '::$DATA', streamSize: 5, streamAllocationSize: 4096 },
  { streamName: ':ab:$DATA', streamSize: 2 ** 33, streamAllocationSize: 2 ** 33 },
];
const hex =
  '280000000e00000005000000000000000010000000000000' +
  '3a003a0024004400410054004100' +
  '0000' +
  '000000001200000000000000020000000000000002000000' +
  '3a00610062003a0024004400410054004100';

test('golden bytes both ways', () => {
  const { bytes, complete } = encodeStreamInformation(streams, 65536);
  assert.equal(bytes.toString('hex'), hex);
  assert.equal(complete, true);
  assert.deepEqual(decodeStreamInformation(bytes), streams);
  assert.deepEqual(encodeStreamInformation([], 0), { bytes: Buffer.alloc(0), complete: true });
  assert.deepEqual(decodeStreamInformation(Buffer.alloc(0)), []);
});

test('only whole entries go out', () => {
  const first = 24 + 14;
  const both = hex.length / 2;
  for (let limit = 0; limit <= both; limit++) {
    const { bytes, complete } = encodeStreamInformation(streams, limit);
    assert.equal(complete, limit === both);
    assert.equal(bytes.length, limit < first ? 0 : limit < both ? first : both);
    const expected = limit < first ? 0 : limit < both ? 1 : 2;
    assert.deepEqual(decodeStreamInformation(bytes), streams.slice(0, expected));
  }
});

test('every truncation and a bad chain are WireErrors', () => {
  const b = Buffer.from(hex, 'hex');
  for (let n = 1; n < b.length; n++) {
    assert.throws(() => decodeStreamInformation(b.subarray(0, n)), WireError);
  }
  for (const next of [1, 8, 24 + 1, 0x1000, 0xfffffff8]) {
    b.writeUInt32LE(next, 0);
    assert.throws(() => decodeStreamInformation(b), WireError);
  }
});

test('random bytes decode or are a WireError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        assert.ok(decodeStreamInformation(Buffer.from(bytes)).length <= bytes.length / 24 + 1);
      } catch (error) {
        assert.ok(error instanceof WireError);
      }
    }),
  );
});
