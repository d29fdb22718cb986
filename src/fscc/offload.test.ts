import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeOffloadToken,
  encodeOffloadToken,
  OFFLOAD_TOKEN_BYTES,
  OffloadReadInput,
  OffloadReadOutput,
  OffloadWriteInput,
  OffloadWriteOutput,
  zeroDataToken,
} from './offload.ts';

test('2.1.11: type and length are big-endian', () => {
  const token = encodeOffloadToken(Buffer.from('id'));
  assert.equal(token.length, OFFLOAD_TOKEN_BYTES);
  assert.equal(token.toString('hex', 0, 11), '00000001000001f8696400');
  assert.equal((decodeOffloadToken(token) as Buffer).toString('latin1', 0, 2), 'id');
  assert.equal(zeroDataToken().toString('hex', 0, 9), 'ffff0001000001f800');
  assert.equal(decodeOffloadToken(zeroDataToken()), 'zeros');
  assert.equal(decodeOffloadToken(Buffer.alloc(OFFLOAD_TOKEN_BYTES)), undefined);
});

test('2.3.41: golden, truncated', () => {
  const hex = '20000000000000003075000000000000000200000000000000000100000000 00'.replace(' ', '');
  const value = {
    size: 32,
    flags: 0,
    tokenTimeToLive: 30_000,
    fileOffset: 512,
    copyLength: 65_536,
  };
  assert.equal(OffloadReadInput.encode(value).toString('hex'), hex);
  assert.deepEqual(OffloadReadInput.read(Buffer.from(hex, 'hex')), value);
});

test('all four: sizes as the fields say, and nothing shorter', () => {
  for (const [struct, size] of [
    [OffloadReadInput, 32],
    [OffloadReadOutput, 528],
    [OffloadWriteInput, 544],
    [OffloadWriteOutput, 16],
  ] as const) {
    assert.equal(struct.size, size);
    for (let length = 0; length < size; length++) {
      assert.throws(() => struct.read(Buffer.alloc(length)), WireError);
    }
  }
});
