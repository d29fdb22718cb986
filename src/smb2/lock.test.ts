import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { arbFileId, arbRecord, arbU32, arbU64, testCodec } from '../../test/support/codec.ts';
import { WireError } from '../wire/wire-error.ts';
import { HEADER_SIZE } from './header.ts';
import {
  decodeLockRequest,
  encodeLockRequest,
  type LockElement,
  MAX_LOCK_ELEMENTS,
} from './lock.ts';

testCodec('LOCK request', {
  decode: decodeLockRequest,
  encode: encodeLockRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'from smbtorture',
      hex: `3000 0100 78563412 e13d662500000000 6852bc7200000000
            00000000ffffffff 00000000ffffffff 12000000 00000000`,
      value: {
        lockSequenceNumber: 8,
        lockSequenceIndex: 0x1234567,
        persistentId: 0x25663de1,
        volatileId: 0x72bc5268,
        locks: [{ offset: 0xffffffff00000000n, length: 0xffffffff00000000n, flags: 0x12 }],
      },
    },
    {
      name: 'none',
      hex: '3000 0000 00000000 0100000000000000 0200000000000000',
      value: {
        lockSequenceNumber: 0,
        lockSequenceIndex: 0,
        persistentId: 1,
        volatileId: 2,
        locks: [],
      },
    },
  ],
  values: arbRecord({
    lockSequenceNumber: fc.nat(15),
    lockSequenceIndex: fc.nat(0xfffffff),
    ...arbFileId,
    locks: fc.array(arbRecord<LockElement>({ offset: arbU64, length: arbU64, flags: arbU32 }), {
      maxLength: 4,
    }),
  }),
});

test('too many elements are refused, all there or not', () => {
  const lock = { offset: 0n, length: 1n, flags: 2 };
  const request = (count: number) =>
    Buffer.concat([
      Buffer.alloc(HEADER_SIZE),
      encodeLockRequest({
        lockSequenceNumber: 0,
        lockSequenceIndex: 0,
        persistentId: 1,
        volatileId: 2,
        locks: new Array<LockElement>(count).fill(lock),
      }),
    ]);
  assert.equal(decodeLockRequest(request(MAX_LOCK_ELEMENTS)).locks.length, MAX_LOCK_ELEMENTS);
  assert.throws(() => decodeLockRequest(request(MAX_LOCK_ELEMENTS + 1)), WireError);
});
