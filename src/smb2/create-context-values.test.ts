import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  arbBytes,
  arbFileId,
  arbId,
  arbRecord,
  arbU16,
  arbU32,
  arbU64,
  fromHex,
  testCodec,
} from '../../test/support/codec.ts';
import { WireError } from '../wire/wire-error.ts';
import * as values from './create-context-values.ts';

const key = '0df0dde0fe0fdcbaf20f221f01f02345';
const guid = '77c8417d114bd243ac84ea9cb3be95e2';

testCodec('DHnC', {
  decode: values.decodeDurableHandleReconnect,
  encode: values.encodeDurableHandleReconnect,
  headerSize: 0,
  golden: [
    {
      name: 'by the table',
      hex: '0100000000000000 0200000001000000',
      value: { persistentId: 1, volatileId: 2 ** 32 + 2 },
    },
  ],
  values: arbRecord(arbFileId),
});

testCodec('MxAc response', {
  decode: values.decodeQueryMaximalAccessResponse,
  encode: values.encodeQueryMaximalAccessResponse,
  headerSize: 0,
  golden: [
    {
      name: 'by the table',
      hex: '00000000 ff011f00',
      value: { queryStatus: 0, maximalAccess: 0x1f01ff },
    },
  ],
  values: arbRecord({ queryStatus: arbU32, maximalAccess: arbU32 }),
});

testCodec('AlSi', {
  decode: values.decodeAllocationSize,
  encode: values.encodeAllocationSize,
  headerSize: 0,
  golden: [{ name: '1 MiB', hex: '0000100000000000', value: 0x100000 }],
  values: arbId,
});

testCodec('TWrp', {
  decode: values.decodeTimewarpToken,
  encode: values.encodeTimewarpToken,
  headerSize: 0,
  golden: [{ name: 'by the table', hex: 'f9deca77f078dd01', value: 0x01dd78f077cadef9n }],
  values: arbU64,
});

testCodec('QFid response', {
  decode: values.decodeQueryOnDiskIdResponse,
  encode: values.encodeQueryOnDiskIdResponse,
  headerSize: 0,
  golden: [
    {
      name: 'by the table',
      hex: '0100000000000080 0200000000000000 00000000000000000000000000000000',
      value: { diskFileId: 0x8000_0000_0000_0001n, volumeId: 2n },
    },
  ],
  values: arbRecord({ diskFileId: arbU64, volumeId: arbU64 }),
});

const arbLease = {
  leaseKey: arbBytes(16),
  leaseState: arbU32,
  leaseFlags: arbU32,
};

test('RqLs: the length decides on the version, and only two are valid', () => {
  const v1 = fromHex(`${key} 01000000 02000000 0000000000000000`);
  assert.deepEqual(values.decodeLease(v1), {
    version: 1,
    leaseKey: fromHex(key),
    leaseState: 1,
    leaseFlags: 2,
  });
  const v2 = fromHex(`${key} 07000000 04000000 0000000000000000 ${guid} 0500 0000`);
  const value = {
    version: 2,
    leaseKey: fromHex(key),
    leaseState: 7,
    leaseFlags: 4,
    parentLeaseKey: fromHex(guid),
    epoch: 5,
  } as const;
  assert.deepEqual(values.decodeLease(v2), value);
  assert.deepEqual(values.encodeLease(value), v2);
  for (let length = 0; length < 60; length++) {
    if (length === 32 || length === 52) continue;
    assert.throws(() => values.decodeLease(Buffer.alloc(length)), WireError, `${length}`);
  }
});

test('RqLs: what is encoded is decoded', () => {
  const any = fc.oneof(
    arbRecord({ version: fc.constant(1 as const), ...arbLease }),
    arbRecord({
      version: fc.constant(2 as const),
      ...arbLease,
      parentLeaseKey: arbBytes(16),
      epoch: arbU16,
    }),
  );
  fc.assert(
    fc.property(any, (lease) => {
      assert.deepEqual(values.decodeLease(values.encodeLease(lease)), lease);
    }),
  );
});

testCodec('DH2Q request', {
  decode: values.decodeDurableHandleRequestV2,
  encode: values.encodeDurableHandleRequestV2,
  headerSize: 0,
  golden: [
    {
      name: 'persistent',
      hex: `60ea0000 02000000 0000000000000000 ${guid}`,
      value: { timeout: 60_000, flags: 2, createGuid: fromHex(guid) },
    },
  ],
  values: arbRecord({ timeout: arbU32, flags: arbU32, createGuid: arbBytes(16) }),
});

testCodec('DH2Q response', {
  decode: values.decodeDurableHandleResponseV2,
  encode: values.encodeDurableHandleResponseV2,
  headerSize: 0,
  golden: [{ name: 'from Samba', hex: '60ea0000 00000000', value: { timeout: 60_000, flags: 0 } }],
  values: arbRecord({ timeout: arbU32, flags: arbU32 }),
});

testCodec('DH2C', {
  decode: values.decodeDurableHandleReconnectV2,
  encode: values.encodeDurableHandleReconnectV2,
  headerSize: 0,
  golden: [
    {
      name: 'by the table',
      hex: `0100000000000000 0200000000000000 ${guid} 02000000`,
      value: { persistentId: 1, volatileId: 2, createGuid: fromHex(guid), flags: 2 },
    },
  ],
  values: arbRecord({ ...arbFileId, createGuid: arbBytes(16), flags: arbU32 }),
});

testCodec('app instance id', {
  decode: values.decodeAppInstanceId,
  encode: values.encodeAppInstanceId,
  headerSize: 0,
  golden: [{ name: 'by the table', hex: `1400 0000 ${guid}`, value: fromHex(guid) }],
  values: arbBytes(16),
});

testCodec('app instance version', {
  decode: values.decodeAppInstanceVersion,
  encode: values.encodeAppInstanceVersion,
  headerSize: 0,
  golden: [
    {
      name: 'by the table',
      hex: '1800 0000 00000000 0100000000000000 ffffffffffffffff',
      value: { appInstanceVersionHigh: 1n, appInstanceVersionLow: 0xffff_ffff_ffff_ffffn },
    },
  ],
  values: arbRecord({ appInstanceVersionHigh: arbU64, appInstanceVersionLow: arbU64 }),
});

test('DHnQ: 16 bytes of nothing asked, 8 answered', () => {
  assert.deepEqual(values.encodeDurableHandleRequest(), Buffer.alloc(16));
  assert.deepEqual(values.encodeDurableHandleResponse(), Buffer.alloc(8));
  values.decodeDurableHandleRequest(Buffer.alloc(16, 0xcd));
  values.decodeDurableHandleResponse(Buffer.alloc(8, 0xcd));
  assert.throws(() => values.decodeDurableHandleRequest(Buffer.alloc(15)), WireError);
  assert.throws(() => values.decodeDurableHandleRequest(Buffer.alloc(17)), WireError);
  assert.throws(() => values.decodeDurableHandleResponse(Buffer.alloc(7)), WireError);
});

test('MxAc request: empty or a time', () => {
  assert.equal(values.decodeQueryMaximalAccessRequest(Buffer.alloc(0)), undefined);
  assert.equal(values.decodeQueryMaximalAccessRequest(fromHex('0100000000000000')), 1n);
  assert.throws(() => values.decodeQueryMaximalAccessRequest(Buffer.alloc(7)), WireError);
  assert.equal(values.encodeQueryMaximalAccessRequest(5n).toString('hex'), '0500000000000000');
  assert.equal(values.encodeQueryMaximalAccessRequest().length, 0);
});
