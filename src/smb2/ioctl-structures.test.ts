import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  arbBuffer,
  arbBytes,
  arbId,
  arbRecord,
  arbText,
  arbU16,
  arbU32,
  fromHex,
  testCodec,
} from '../../test/support/codec.ts';
import { WireError } from '../wire/wire-error.ts';
import * as s from './ioctl-structures.ts';
import {
  decodeNetworkInterfaceInfos,
  encodeNetworkInterfaceInfos,
  type NetworkInterfaceInfo,
} from './network-interface-info.ts';

const guid = '626173656c696e650000000000000000';

testCodec('VALIDATE_NEGOTIATE_INFO request', {
  decode: s.decodeValidateNegotiateInfoRequest,
  encode: s.encodeValidateNegotiateInfoRequest,
  headerSize: 0,
  golden: [
    {
      name: 'by the table',
      hex: `7f000000 ${guid} 0100 0300 0202 1002 0003`,
      value: {
        capabilities: 0x7f,
        guid: fromHex(guid),
        securityMode: 1,
        dialects: [0x0202, 0x0210, 0x0300],
      },
    },
  ],
  values: arbRecord({
    capabilities: arbU32,
    guid: arbBytes(16),
    securityMode: arbU16,
    dialects: fc.array(arbU16, { maxLength: 8 }),
  }),
});

testCodec('VALIDATE_NEGOTIATE_INFO response', {
  decode: s.decodeValidateNegotiateInfoResponse,
  encode: s.encodeValidateNegotiateInfoResponse,
  headerSize: 0,
  golden: [
    {
      name: 'from Samba',
      hex: `01000000 ${guid} 0100 0202`,
      value: { capabilities: 1, guid: fromHex(guid), securityMode: 1, dialect: 0x0202 },
    },
  ],
  values: arbRecord({
    capabilities: arbU32,
    guid: arbBytes(16),
    securityMode: arbU16,
    dialect: arbU16,
  }),
});

const key = 'd4fcc70a00000000d22024570000000078001400 00000000';

testCodec('SRV_REQUEST_RESUME_KEY response', {
  decode: s.decodeResumeKeyResponse,
  encode: s.encodeResumeKeyResponse,
  headerSize: 0,
  golden: [
    { name: 'from Samba', hex: `${key} 00000000 00000000`, value: fromHex(key), optionalBytes: 4 },
  ],
  values: arbBytes(24),
});

testCodec('SRV_COPYCHUNK_COPY', {
  decode: (input) => {
    const { sourceKey, chunks } = s.decodeSrvCopyChunkCopy(input, 4);
    if (chunks === undefined) throw new WireError('SRV_COPYCHUNK_COPY', 'answered with the limits');
    return { sourceKey, chunks };
  },
  encode: ({ sourceKey, chunks }) => s.encodeSrvCopyChunkCopy(sourceKey, chunks),
  headerSize: 0,
  golden: [
    {
      name: 'from smbtorture',
      hex: `${key} 01000000 00000000
            0000000000000000 0000000000000000 00100000 00000000`,
      value: {
        sourceKey: fromHex(key),
        chunks: [{ sourceOffset: 0, targetOffset: 0, length: 4096 }],
      },
    },
  ],
  values: arbRecord({
    sourceKey: arbBytes(24),
    chunks: fc.array(
      arbRecord<s.SrvCopyChunk>({ sourceOffset: arbId, targetOffset: arbId, length: arbU32 }),
      { maxLength: 4 },
    ),
  }),
});

test('a count of chunks is believed only with the chunks', () => {
  const copy = fromHex(`${key} ffffffff 00000000 ${'00'.repeat(24)}`);
  assert.equal(s.decodeSrvCopyChunkCopy(copy, 2 ** 32).chunks, undefined);
  const two = s.encodeSrvCopyChunkCopy(
    fromHex(key),
    Array(2).fill({ sourceOffset: 0, targetOffset: 0, length: 1 }),
  );
  assert.equal(s.decodeSrvCopyChunkCopy(two, 2).chunks?.length, 2);
  assert.equal(s.decodeSrvCopyChunkCopy(two, 1).chunks, undefined);
  assert.equal(s.decodeSrvCopyChunkCopy(two.subarray(0, -1), 2).chunks, undefined);
});

testCodec('SRV_COPYCHUNK_RESPONSE', {
  decode: s.decodeSrvCopyChunkResponse,
  encode: s.encodeSrvCopyChunkResponse,
  headerSize: 0,
  golden: [
    {
      name: 'from Samba',
      hex: '01000000 00000000 00100000',
      value: { chunksWritten: 1, chunkBytesWritten: 0, totalBytesWritten: 4096 },
    },
  ],
  values: arbRecord({
    chunksWritten: arbU32,
    chunkBytesWritten: arbU32,
    totalBytesWritten: arbU32,
  }),
});

testCodec('NETWORK_RESILIENCY_REQUEST', {
  decode: s.decodeNetworkResiliencyRequest,
  encode: s.encodeNetworkResiliencyRequest,
  headerSize: 0,
  golden: [{ name: '2 minutes', hex: 'c0d40100 00000000', value: 120_000 }],
  values: arbU32,
});

test('SRV_SNAPSHOT_ARRAY: all tokens or none of them', () => {
  const tokens = ['@GMT-2015.10.31-19.40.30', '@GMT-2015.10.30-19.40.30'];
  const all = s.encodeSrvSnapshotArray(tokens, 4096);
  const value = { numberOfSnapShots: 2, numberOfSnapShotsReturned: 2, snapShotArraySize: 102 };
  assert.deepEqual(s.decodeSrvSnapshotArray(all), { ...value, snapShots: tokens });
  assert.equal(all.length, 12 + 102);
  const none = s.encodeSrvSnapshotArray(tokens, all.length - 1);
  assert.equal(none.toString('hex'), '020000000000000066000000');
  assert.deepEqual(s.decodeSrvSnapshotArray(none), {
    ...value,
    numberOfSnapShotsReturned: 0,
    snapShots: [],
  });
  assert.equal(s.encodeSrvSnapshotArray([], 16).toString('hex'), '000000000000000000000000');
  for (let n = 0; n < all.length; n++) {
    assert.throws(() => s.decodeSrvSnapshotArray(all.subarray(0, n)), WireError);
  }
});

testCodec('FSCTL_PIPE_WAIT request', {
  decode: s.decodePipeWaitRequest,
  encode: s.encodePipeWaitRequest,
  headerSize: 0,
  golden: [
    {
      name: 'with a timeout',
      hex: 'c0bdf0ffffffffff 06000000 01 00 610062006300',
      value: { timeout: -1_000_000n, name: 'abc' },
    },
    {
      name: 'for ever',
      hex: '0000000000000000 02000000 00 00 6100',
      value: { timeout: undefined, name: 'a' },
    },
  ],
  values: arbRecord({
    timeout: fc.option(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), { nil: undefined }),
    name: arbText,
  }),
});

testCodec('FSCTL_PIPE_PEEK reply', {
  decode: s.decodePipePeekReply,
  encode: s.encodePipePeekReply,
  headerSize: 0,
  golden: [
    {
      name: 'empty pipe',
      hex: '03000000 00000000 00000000 00000000',
      value: {
        namedPipeState: 3,
        readDataAvailable: 0,
        numberOfMessages: 0,
        messageLength: 0,
        data: Buffer.alloc(0),
      },
    },
  ],
  values: arbRecord({
    namedPipeState: arbU32,
    readDataAvailable: arbU32,
    numberOfMessages: arbU32,
    messageLength: arbU32,
    data: arbBuffer(),
  }),
});

const ipv4: NetworkInterfaceInfo = {
  ifIndex: 0xffffffff,
  capability: 1,
  linkSpeed: 1_000_000_000,
  address: Buffer.from([127, 0, 0, 1]),
};
const ipv6Bytes = '20010db8000000000000000000000001';

testCodec<readonly NetworkInterfaceInfo[]>('NETWORK_INTERFACE_INFO', {
  decode: (output) => {
    if (output.length === 0) throw new WireError('NETWORK_INTERFACE_INFO', 'empty');
    return decodeNetworkInterfaceInfos(output);
  },
  encode: encodeNetworkInterfaceInfos,
  headerSize: 0,
  golden: [
    {
      name: 'from Samba',
      hex: `00000000 ffffffff 01000000 00000000 00ca9a3b00000000
            0200 0000 7f000001 ${'00'.repeat(120)}`,
      value: [ipv4],
    },
    {
      name: 'IPv4 and IPv6',
      hex: `98000000 ffffffff 01000000 00000000 00ca9a3b00000000
            0200 0000 7f000001 ${'00'.repeat(120)}
            00000000 02000000 00000000 00000000 0000000001000000
            1700 0000 00000000 ${ipv6Bytes} ${'00'.repeat(104)}`,
      value: [ipv4, { ifIndex: 2, capability: 0, linkSpeed: 2 ** 32, address: fromHex(ipv6Bytes) }],
    },
  ],
  values: fc.array(
    arbRecord<NetworkInterfaceInfo>({
      ifIndex: arbU32,
      capability: arbU32,
      linkSpeed: arbId,
      address: fc.oneof(arbBytes(4), arbBytes(16)),
    }),
    { minLength: 1, maxLength: 4 },
  ),
});

test('interfaces: no circles, no unknown address families', () => {
  assert.deepEqual(decodeNetworkInterfaceInfos(Buffer.alloc(0)), []);
  const two = encodeNetworkInterfaceInfos([ipv4, ipv4]);
  for (const next of [8, 144, 153, 304, 0xfffffff8]) {
    two.writeUInt32LE(next, 0);
    assert.throws(() => decodeNetworkInterfaceInfos(two), WireError, `next ${next}`);
  }
  const one = encodeNetworkInterfaceInfos([ipv4]);
  one[24] = 3;
  assert.throws(() => decodeNetworkInterfaceInfos(one), WireError);
});
