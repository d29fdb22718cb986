import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  arbBuffer,
  arbBytes,
  arbRecord,
  arbText,
  arbU16,
  arbU32,
  arbU64,
  fromHex,
  testCodec,
} from '../../test/support/codec.ts';
import { WireError } from '../wire/wire-error.ts';
import { HEADER_SIZE } from './header.ts';
import {
  decodeNegotiateRequest,
  decodeNegotiateResponse,
  encodeNegotiateRequest,
  encodeNegotiateResponse,
  MAX_DIALECTS,
  type NegotiateRequest,
} from './negotiate.ts';
import {
  decodeCompressionCapabilities,
  decodeEncryptionCapabilities,
  decodeNetname,
  decodePreauthIntegrityCapabilities,
  decodeRdmaTransformCapabilities,
  decodeSigningCapabilities,
  decodeTransportCapabilities,
  encodeCompressionCapabilities,
  encodeEncryptionCapabilities,
  encodeNetname,
  encodePreauthIntegrityCapabilities,
  encodeRdmaTransformCapabilities,
  encodeSigningCapabilities,
  encodeTransportCapabilities,
  MAX_NEGOTIATE_CONTEXTS,
  type NegotiateContext,
  negotiateContextsOf,
} from './negotiate-contexts.ts';

const arbContexts: fc.Arbitrary<NegotiateContext[]> = fc.array(
  arbRecord<NegotiateContext>({ type: arbU16, data: arbBuffer(20) }),
  { maxLength: 5 },
);

const preauth = '010020000100b6e41683178d67a74d94f906ff8864eefc83a8c3f747a6780a777c5e24c4facc';
const netname = '3100320037002e0030002e0030002e003100';

const request311: NegotiateRequest = {
  securityMode: 1,
  capabilities: 127,
  clientGuid: fromHex('a05b324c8c869541a129c0dda1484478'),
  dialects: [0x0202, 0x0210, 0x0300, 0x0302, 0x0311],
  negotiateContexts: [
    { type: 1, data: fromHex(preauth) },
    { type: 2, data: fromHex('04000200010004000300') },
    { type: 8, data: fromHex('0300020001000000') },
    { type: 5, data: fromHex(netname) },
  ],
};

testCodec('NEGOTIATE request', {
  decode: decodeNegotiateRequest,
  encode: encodeNegotiateRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'MS-SMB2 4.3',
      hex: '2400 0100 0100 0000 00000000 00000000000000000000000000000000 0000000000000000 0202',
      value: {
        securityMode: 1,
        capabilities: 0,
        clientGuid: Buffer.alloc(16),
        dialects: [0x0202],
        negotiateContexts: [],
      },
    },
    {
      name: '3.1.1 from smbclient',
      hex: `2400 0500 0100 0000 7f000000 a05b324c8c869541a129c0dda1484478 70000000 0400 0000
            0202 1002 0003 0203 1103 0000
            0100 2600 00000000 ${preauth} 0000
            0200 0a00 00000000 04000200010004000300 000000000000
            0800 0800 00000000 0300020001000000
            0500 1200 00000000 ${netname}`,
      value: request311,
    },
    {
      name: 'ClientStartTime where no 3.1.1 is offered',
      hex: `2400 0200 0100 cdcd 00000000 00000000000000000000000000000000 ffffffffffffffff
            0202 1002`,
      value: {
        securityMode: 1,
        capabilities: 0,
        clientGuid: Buffer.alloc(16),
        dialects: [0x0202, 0x0210],
        negotiateContexts: [],
      },
      decodeOnly: true,
    },
  ],
  values: arbRecord<NegotiateRequest>({
    securityMode: arbU16,
    capabilities: arbU32,
    clientGuid: arbBytes(16),
    dialects: fc.array(arbU16, { maxLength: 9 }).map((some) => [...some, 0x0311]),
    negotiateContexts: arbContexts,
  }),
});

testCodec('NEGOTIATE response', {
  decode: decodeNegotiateResponse,
  encode: encodeNegotiateResponse,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: '3.1.1, token and contexts',
      hex: `4100 0100 1103 0200 626173656c696e650000000000000000 0f000000
            00008000 00008000 00008000 5484cf64f078dd01 0000000000000000 8000 0500 88000000
            6003060101 000000
            0200 0400 00000000 01000200 00000000
            0800 0400 00000000 01000200`,
      value: {
        securityMode: 1,
        dialectRevision: 0x0311,
        serverGuid: fromHex('626173656c696e650000000000000000'),
        capabilities: 15,
        maxTransactSize: 0x800000,
        maxReadSize: 0x800000,
        maxWriteSize: 0x800000,
        systemTime: 0x01dd78f064cf8454n,
        serverStartTime: 0n,
        securityBuffer: fromHex('6003060101'),
        negotiateContexts: [
          { type: 2, data: fromHex('01000200') },
          { type: 8, data: fromHex('01000200') },
        ],
      },
    },
    {
      name: 'MS-SMB2 4.3, without its token',
      hex: `4100 0100 0202 0000 09f25c3fe5a44900a7d66a456d5ca5cf 01000000
            00000100 00000100 00000100 8026ae1cc2a6c601 e03825adc0a6c601 8000 0000 00000000 00`,
      value: {
        securityMode: 1,
        dialectRevision: 0x0202,
        serverGuid: fromHex('09f25c3fe5a44900a7d66a456d5ca5cf'),
        capabilities: 1,
        maxTransactSize: 0x10000,
        maxReadSize: 0x10000,
        maxWriteSize: 0x10000,
        systemTime: 0x01c6a6c21cae2680n,
        serverStartTime: 0x01c6a6c0ad2538e0n,
        securityBuffer: Buffer.alloc(0),
        negotiateContexts: [],
      },
      optionalBytes: 1,
    },
  ],
  values: arbRecord({
    securityMode: arbU16,
    dialectRevision: fc.constant(0x0311),
    serverGuid: arbBytes(16),
    capabilities: arbU32,
    maxTransactSize: arbU32,
    maxReadSize: arbU32,
    maxWriteSize: arbU32,
    systemTime: arbU64,
    serverStartTime: arbU64,
    securityBuffer: arbBuffer(),
    negotiateContexts: arbContexts,
  }),
});

test('counts beyond the bounds are refused before any work', () => {
  const dialects = new Array<number>(MAX_DIALECTS + 1).fill(0x0210);
  const many = encodeNegotiateRequest({ ...request311, dialects, negotiateContexts: [] });
  assert.throws(() => decodeNegotiateRequest(Buffer.concat([Buffer.alloc(64), many])), WireError);
  const negotiateContexts = new Array<NegotiateContext>(MAX_NEGOTIATE_CONTEXTS + 1).fill({
    type: 0x7777,
    data: Buffer.alloc(0),
  });
  const contexts = encodeNegotiateRequest({ ...request311, negotiateContexts });
  assert.throws(
    () => decodeNegotiateRequest(Buffer.concat([Buffer.alloc(64), contexts])),
    WireError,
  );
});

test('contexts that come twice are all found', () => {
  const twice = [...request311.negotiateContexts, { type: 2, data: Buffer.from('zz') }];
  assert.deepEqual(negotiateContextsOf(twice, 2), [
    fromHex('04000200010004000300'),
    Buffer.from('zz'),
  ]);
  assert.deepEqual(negotiateContextsOf(twice, 3), []);
});

const arbIds = fc.array(arbU16, { maxLength: 9 });

testCodec('PREAUTH_INTEGRITY_CAPABILITIES', {
  decode: decodePreauthIntegrityCapabilities,
  encode: encodePreauthIntegrityCapabilities,
  headerSize: 0,
  golden: [
    {
      name: 'from smbclient',
      hex: preauth,
      value: { hashAlgorithms: [1], salt: fromHex(preauth).subarray(6) },
    },
  ],
  values: arbRecord({ hashAlgorithms: arbIds, salt: arbBuffer(40) }),
});

for (const [name, decode, encode] of [
  ['ENCRYPTION_CAPABILITIES', decodeEncryptionCapabilities, encodeEncryptionCapabilities],
  ['SIGNING_CAPABILITIES', decodeSigningCapabilities, encodeSigningCapabilities],
] as const) {
  testCodec<readonly number[]>(name, {
    decode,
    encode,
    headerSize: 0,
    golden: [{ name: 'by the table', hex: '0200 0200 0100', value: [2, 1] }],
    values: arbIds,
  });
}

testCodec('COMPRESSION_CAPABILITIES', {
  decode: decodeCompressionCapabilities,
  encode: encodeCompressionCapabilities,
  headerSize: 0,
  golden: [
    {
      name: 'chained',
      hex: '0300 0000 01000000 0400 0200 0300',
      value: { flags: 1, compressionAlgorithms: [4, 2, 3] },
    },
  ],
  values: arbRecord({ flags: arbU32, compressionAlgorithms: arbIds }),
});

testCodec<readonly number[]>('RDMA_TRANSFORM_CAPABILITIES', {
  decode: decodeRdmaTransformCapabilities,
  encode: encodeRdmaTransformCapabilities,
  headerSize: 0,
  golden: [{ name: 'both', hex: '0200 0000 00000000 0100 0200', value: [1, 2] }],
  values: arbIds,
});

testCodec('TRANSPORT_CAPABILITIES', {
  decode: decodeTransportCapabilities,
  encode: encodeTransportCapabilities,
  headerSize: 0,
  golden: [{ name: 'secure', hex: '01000000', value: 1 }],
  values: arbU32,
});

test('NETNAME is UTF-16 without an end', () => {
  assert.equal(decodeNetname(fromHex(netname)), '127.0.0.1');
  assert.throws(() => decodeNetname(fromHex(netname).subarray(1)), WireError);
  fc.assert(
    fc.property(arbText, (text) => {
      assert.equal(decodeNetname(encodeNetname(text)), text);
    }),
  );
});
