import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  arbBytes,
  arbId,
  arbRecord,
  arbU8,
  arbU16,
  arbU32,
  fromHex,
  testCodec,
} from '../../test/support/codec.ts';
import { WireError } from '../wire/wire-error.ts';
import * as compression from './compression.ts';
import { DIALECTS, Dialect, dialectByName, dialectName, isDialect } from './dialect.ts';
import { fileIdOffset, isRelatedFileId, RELATED_FILE_ID, setFileId } from './file-id.ts';
import {
  encodeFrameHeader,
  NetbiosType,
  positiveSessionResponse,
  readFrameHeader,
} from './framing.ts';
import { Command, HEADER_SIZE } from './header.ts';
import { decodeQueryInfoRequest, encodeQueryInfoRequest } from './query-info.ts';
import {
  decodeSmb1NegotiateRequest,
  encodeSmb1NegotiateRequest,
  MAX_SMB1_DIALECTS,
} from './smb1-negotiate.ts';
import * as transform from './transform.ts';

const signature = '000102030405060708090a0b0c0d0e0f';
const nonce = '202122232425262728292a0000000000';

testCodec('TRANSFORM_HEADER', {
  decode: transform.decodeTransformHeader,
  encode: transform.encodeTransformHeader,
  headerSize: 0,
  golden: [
    {
      name: 'by the table',
      hex: `fd534d42 ${signature} ${nonce} 68000000 0000 0100 11000000 00040000`,
      value: {
        signature: fromHex(signature),
        nonce: fromHex(nonce),
        originalMessageSize: 104,
        flags: 1,
        sessionId: 0x0400_0000_0011,
      },
    },
  ],
  values: arbRecord({
    signature: arbBytes(16),
    nonce: arbBytes(16),
    originalMessageSize: arbU32,
    flags: arbU16,
    sessionId: arbId,
  }),
});

test('what is authenticated of a transform header goes from the nonce to its end', () => {
  const b = fromHex(`fd534d42 ${signature} ${nonce} 68000000 0000 0100 1100000000040000 ffff`);
  assert.equal(transform.TRANSFORM_HEADER_SIZE, 52);
  assert.equal(
    transform.transformAssociatedData(b).toString('hex'),
    `${nonce}68000000000001001100000000040000`,
  );
});

testCodec('COMPRESSION_TRANSFORM_HEADER', {
  decode: compression.decodeCompressionTransformHeader,
  encode: compression.encodeCompressionTransformHeader,
  headerSize: 0,
  golden: [
    {
      name: 'unchained',
      hex: 'fc534d42 00100000 0200 0000 40000000',
      value: {
        originalCompressedSegmentSize: 4096,
        compressionAlgorithm: 2,
        flags: 0,
        offset: 64,
      },
    },
  ],
  values: arbRecord({
    originalCompressedSegmentSize: arbU32,
    compressionAlgorithm: arbU16,
    flags: arbU16,
    offset: arbU32,
  }),
});

test('frame header: golden both ways, and the packets of port 139', () => {
  assert.equal(encodeFrameHeader(0x010203).toString('hex'), '00010203');
  assert.deepEqual(readFrameHeader(fromHex('00010203')), { type: 0, length: 0x010203 });
  assert.deepEqual(readFrameHeader(fromHex('ee8100004c'), 1), {
    type: NetbiosType.SESSION_REQUEST,
    length: 76,
  });
  assert.equal(readFrameHeader(fromHex('85000000')).type, NetbiosType.SESSION_KEEP_ALIVE);
  assert.equal(positiveSessionResponse().toString('hex'), '82000000');
  assert.throws(() => encodeFrameHeader(0x1000000), RangeError);
  for (let n = 0; n < 4; n++) assert.throws(() => readFrameHeader(Buffer.alloc(n)), WireError);
  fc.assert(
    fc.property(fc.nat(0xffffff), (length) => {
      assert.deepEqual(readFrameHeader(encodeFrameHeader(length)), { type: 0, length });
    }),
  );
});

const smb1Header = 'ff534d42 72 00000000 18 53c8 0000 0000000000000000 0000 ffff fffe 0000 0000';
const smb1Fields = {
  flags: 0x18,
  flags2: 0xc853,
  tid: 0xffff,
  pidLow: 0xfeff,
  uid: 0,
  mid: 0,
};
const arbDialect = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });

testCodec('SMB1 NEGOTIATE', {
  decode: decodeSmb1NegotiateRequest,
  encode: encodeSmb1NegotiateRequest,
  headerSize: 0,
  golden: [
    {
      name: 'as Windows asks',
      hex: `${smb1Header} 00 2200
            02 4e54204c4d20302e313200 02 534d4220322e30303200 02 534d4220322e3f3f3f00`,
      value: { ...smb1Fields, dialects: ['NT LM 0.12', 'SMB 2.002', 'SMB 2.???'] },
    },
  ],
  values: arbRecord({
    flags: arbU8,
    flags2: arbU16,
    tid: arbU16,
    pidLow: arbU16,
    uid: arbU16,
    mid: arbU16,
    dialects: fc.array(arbDialect, { maxLength: 9 }),
  }),
});

test('SMB1 NEGOTIATE: what is no list of dialects', () => {
  const request = (list: string): Buffer => {
    const bytes = fromHex(list);
    const count = Buffer.alloc(2);
    count.writeUInt16LE(bytes.length);
    return Buffer.concat([fromHex(`${smb1Header} 00`), count, bytes]);
  };
  assert.deepEqual(decodeSmb1NegotiateRequest(request('')).dialects, []);
  assert.deepEqual(decodeSmb1NegotiateRequest(request('0200')).dialects, ['']);
  for (const list of ['02', '0241', '034100', '024100 41', '024100 02']) {
    assert.throws(() => decodeSmb1NegotiateRequest(request(list)), WireError, list);
  }
  const many = '024100'.repeat(MAX_SMB1_DIALECTS);
  assert.equal(decodeSmb1NegotiateRequest(request(many)).dialects.length, MAX_SMB1_DIALECTS);
  assert.throws(() => decodeSmb1NegotiateRequest(request(`${many} 024100`)), WireError);
});

test('dialects have names', () => {
  assert.equal(dialectName(0x0311), 'SMB3_11');
  assert.equal(dialectName(0x02ff), undefined);
  assert.equal(dialectByName('SMB2_02'), 0x0202);
  assert.equal(dialectByName('toString'), undefined);
  assert.equal(isDialect(0x0302), true);
  assert.equal(isDialect(0x0224), false);
  assert.deepEqual(DIALECTS, [0x0202, 0x0210, 0x0300, 0x0302, 0x0311]);
  assert.equal(Dialect.SMB2_10, 0x0210);
});

test('a FileId of all 64 bits goes into a request as it is', () => {
  const body = encodeQueryInfoRequest({
    infoType: 1,
    fileInfoClass: 5,
    outputBufferLength: 24,
    additionalInformation: 0,
    flags: 0,
    ...RELATED_FILE_ID,
    inputBuffer: Buffer.alloc(0),
  });
  const message = Buffer.concat([Buffer.alloc(HEADER_SIZE), body]);
  assert.equal(isRelatedFileId(decodeQueryInfoRequest(message)), true);
  const raw = fromHex('0500000001000000 05000000ffffffff');
  setFileId(message.subarray(HEADER_SIZE), Command.QUERY_INFO, raw);
  assert.equal(message.toString('hex', 64 + 24, 64 + 40), raw.toString('hex'));
  assert.equal(isRelatedFileId(decodeQueryInfoRequest(message)), false);
  assert.equal(fileIdOffset(Command.ECHO), undefined);
  assert.throws(() => setFileId(body, Command.ECHO, raw), RangeError);
});
