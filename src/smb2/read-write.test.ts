import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  arbBuffer,
  arbFileId,
  arbId,
  arbRecord,
  arbU8,
  arbU32,
  fromHex,
  testCodec,
} from '../../test/support/codec.ts';
import { ALL_ONES } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';
import { HEADER_SIZE } from './header.ts';
import {
  decodeReadRequest,
  decodeReadResponse,
  encodeReadRequest,
  encodeReadResponse,
  encodeReadResponseHeader,
} from './read.ts';
import { decodeWriteRequest, encodeWriteRequest, encodeWriteRequestHeader } from './write.ts';

const none = Buffer.alloc(0);
const descriptor = '0010000000000000 01000000 00100000';

testCodec('READ request', {
  decode: decodeReadRequest,
  encode: encodeReadRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'from smbclient',
      hex: `3100 00 00 06000000 0000000000000000 0c670f4a00000000 befe338500000000
            00000000 00000000 00000000 0000 0000 00`,
      value: {
        padding: 0,
        flags: 0,
        length: 6,
        offset: 0,
        persistentId: 0x4a0f670c,
        volatileId: 0x8533febe,
        minimumCount: 0,
        channel: 0,
        remainingBytes: 0,
        readChannelInfo: none,
      },
      optionalBytes: 1,
    },
    {
      name: 'over RDMA',
      hex: `3100 50 01 00100000 0000000001000000 0100000000000000 0200000000000000
            01000000 01000000 00100000 7000 1000 ${descriptor}`,
      value: {
        padding: 0x50,
        flags: 1,
        length: 4096,
        offset: 2 ** 32,
        persistentId: 1,
        volatileId: 2,
        minimumCount: 1,
        channel: 1,
        remainingBytes: 4096,
        readChannelInfo: fromHex(descriptor),
      },
    },
    {
      name: 'no channel, and rubbish in its fields',
      hex: `3100 50 00 00100000 ffffffffffffffff 0100000000000000 0200000000000000
            00000000 00000000 cdcdcdcd cdcd cdcd cd`,
      value: {
        padding: 0x50,
        flags: 0,
        length: 4096,
        offset: ALL_ONES,
        persistentId: 1,
        volatileId: 2,
        minimumCount: 0,
        channel: 0,
        remainingBytes: 0xcdcdcdcd,
        readChannelInfo: none,
      },
      optionalBytes: 1,
      decodeOnly: true,
    },
  ],
  values: arbRecord({
    padding: arbU8,
    flags: arbU8,
    length: arbU32,
    offset: arbId,
    ...arbFileId,
    minimumCount: arbU32,
    channel: fc.constant(1),
    remainingBytes: arbU32,
    readChannelInfo: arbBuffer(),
  }),
});

testCodec('READ response', {
  decode: decodeReadResponse,
  encode: encodeReadResponse,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'hello',
      hex: '1100 50 00 05000000 00000000 00000000 68656c6c6f',
      value: { data: Buffer.from('hello'), dataRemaining: 0, flags: 0 },
    },
    {
      name: 'nothing: one byte still follows',
      hex: '1100 50 00 00000000 00000000 00000000 00',
      value: { data: none, dataRemaining: 0, flags: 0 },
      optionalBytes: 1,
    },
    {
      name: 'the data further behind',
      hex: '1100 58 00 01000000 07000000 01000000 0000000000000000 68',
      value: { data: Buffer.from('h'), dataRemaining: 7, flags: 1 },
      decodeOnly: true,
    },
  ],
  values: arbRecord({ data: arbBuffer(), dataRemaining: arbU32, flags: arbU32 }),
});

test('READ response: fixed part and data apart are the same bytes', () => {
  const data = Buffer.from('hello');
  assert.deepEqual(
    Buffer.concat([encodeReadResponseHeader(data.length), data]),
    encodeReadResponse({ data, dataRemaining: 0, flags: 0 }),
  );
  assert.equal(encodeReadResponseHeader(8 * 2 ** 20).length, 16);
});

testCodec('WRITE request', {
  decode: decodeWriteRequest,
  encode: encodeWriteRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'from smbtorture',
      hex: `3100 7000 01000000 0000000000000000 4002952200000000 d9aadb5900000000
            00000000 00000000 0000 0000 00000000 00`,
      value: {
        offset: 0,
        persistentId: 0x22950240,
        volatileId: 0x59dbaad9,
        channel: 0,
        remainingBytes: 0,
        flags: 0,
        data: Buffer.alloc(1),
        writeChannelInfo: none,
      },
    },
    {
      name: 'over RDMA',
      hex: `3100 8000 00000000 ffffffffffffffff 0100000000000000 0200000000000000
            01000000 00100000 7000 1000 01000000 ${descriptor}`,
      value: {
        offset: ALL_ONES,
        persistentId: 1,
        volatileId: 2,
        channel: 1,
        remainingBytes: 4096,
        flags: 1,
        data: none,
        writeChannelInfo: fromHex(descriptor),
      },
    },
    {
      name: 'the data further behind, rubbish in the channel fields and behind the data',
      hex: `3100 7300 02000000 0500000000000000 0100000000000000 0200000000000000
            00000000 00000000 cdcd cdcd 00000000 eeeeee 6869 cdcdcd`,
      value: {
        offset: 5,
        persistentId: 1,
        volatileId: 2,
        channel: 0,
        remainingBytes: 0,
        flags: 0,
        data: Buffer.from('hi'),
        writeChannelInfo: none,
      },
      optionalBytes: 3,
      decodeOnly: true,
    },
  ],
  values: arbRecord({
    offset: arbId,
    ...arbFileId,
    channel: fc.constant(1),
    remainingBytes: arbU32,
    flags: arbU32,
    data: arbBuffer(),
    writeChannelInfo: arbBuffer(16),
  }),
});

test('WRITE request: the data is a view, and must lie behind the fixed part and in the message', () => {
  const fixed = {
    offset: 0,
    persistentId: 1,
    volatileId: 2,
    channel: 0,
    remainingBytes: 0,
    flags: 0,
  };
  const data = Buffer.from('0123456789abcdef');
  const body = Buffer.concat([encodeWriteRequestHeader(fixed, data.length), data]);
  const message = Buffer.concat([Buffer.alloc(HEADER_SIZE), body]);
  const decoded = decodeWriteRequest(message);
  assert.deepEqual(decoded, { ...fixed, data, writeChannelInfo: none });
  assert.equal(decoded.data.buffer, message.buffer);
  fc.assert(
    fc.property(fc.nat(0x100), fc.oneof(fc.nat(40), arbU32), (offset, length) => {
      message.writeUInt16LE(offset, 66);
      message.writeUInt32LE(length, 68);
      const legal = length === 0 || (offset >= 112 && offset + length <= message.length);
      if (legal) assert.equal(decodeWriteRequest(message).data.length, length);
      else assert.throws(() => decodeWriteRequest(message), WireError);
    }),
  );
});
