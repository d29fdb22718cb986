import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_ONES, bytes, id64, is, pad, struct, u8, u16, u32, u64 } from './struct.ts';
import { WireError } from './wire-error.ts';

const Sample = struct('Sample', '0.0', {
  structureSize: is(u16, 36),
  flags: u8,
  reserved: pad(1),
  count: u32,
  id: id64,
  exact: u64,
  key: bytes(4),
  signature: bytes(8),
});

const value = {
  flags: 7,
  count: 0x01020304,
  id: 2 ** 40 + 5,
  exact: 0xffff_ffff_ffff_fffen,
  key: Buffer.from('abcd'),
  signature: Buffer.alloc(8, 9),
};
const hex = '2400070004030201050000000001000' + '0feffffffffffffff616263640909090909090909';

test('a structure is written as declared and read back', () => {
  const encoded = Sample.encode(value);
  assert.equal(encoded.toString('hex'), hex);
  assert.deepEqual(Sample.read(encoded), value);
});

test('reserved bytes are ignored, constants are checked', () => {
  const b = Buffer.from(hex, 'hex');
  b[3] = 0xee;
  assert.deepEqual(Sample.read(b), value);
  b[0] = 35;
  assert.throws(() => Sample.read(b), WireError);
});

test('every truncation is a WireError', () => {
  const b = Buffer.from(hex, 'hex');
  for (let n = 0; n < b.length; n++) assert.throws(() => Sample.read(b.subarray(0, n)), WireError);
  assert.throws(() => Sample.read(b, 1), WireError);
  assert.throws(() => Sample.read(b, -1), WireError);
});

test('all ones survives as an id', () => {
  const b = Sample.encode({ ...value, id: ALL_ONES });
  assert.equal(b.toString('hex', 8, 16), 'ffffffffffffffff');
  assert.equal(Sample.read(b).id, ALL_ONES);
});
