/** MS-SMB2 2.2.43: golden bytes both ways, and what 3.3.5.13 refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { arbBuffer, arbRecord, arbU32, fromHex, testCodec } from '../../test/support/codec.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeRdmaTransform,
  encodeRdmaTransform,
  type RdmaTransform,
  SMB2_RDMA_TRANSFORM_ENCRYPTION,
  SMB2_RDMA_TRANSFORM_SIGNING,
} from './rdma-transform.ts';

const none = Buffer.alloc(0);
const signature = fromHex('000102030405060708090a0b0c0d0e0f');
const signatureHex = signature.toString('hex');
const descriptor = '0010000000000000 01000000 00100000';
const written: RdmaTransform = {
  channel: 2,
  transformType: SMB2_RDMA_TRANSFORM_ENCRYPTION,
  signature,
  nonce: Buffer.alloc(12, 0xaa),
  descriptors: fromHex(descriptor),
};
/** SMB2_RDMA_TRANSFORM with descriptors at this offset, and so many transforms. */
const fixed = (at: string, count = '0100') => `${at} 1000 02000000 ${count} 0000 00000000`;
const sealed = `0100 1000 0c00 0000 ${signatureHex} ${'aa'.repeat(12)}`;

testCodec<RdmaTransform>('SMB2_RDMA_TRANSFORM', {
  decode: decodeRdmaTransform,
  encode: encodeRdmaTransform,
  headerSize: 0,
  golden: [
    {
      name: 'an encrypted WRITE: four bytes of padding before the descriptors',
      hex: `${fixed('3800')} ${sealed} 00000000 ${descriptor}`,
      value: written,
    },
    {
      name: 'a WRITE signed by AES-CMAC: no nonce, no padding',
      hex: `2800 1000 01000000 0100 0000 00000000 0200 1000 0000 0000 ${signatureHex} ${descriptor}`,
      value: {
        ...written,
        channel: 1,
        transformType: SMB2_RDMA_TRANSFORM_SIGNING,
        nonce: none,
      },
    },
    {
      name: 'the answer to a READ: no descriptors',
      hex: `0000 0000 00000000 0100 0000 00000000 ${sealed} 00000000`,
      value: { ...written, channel: 0, descriptors: none },
      optionalBytes: 4,
    },
  ],
  values: arbRecord<RdmaTransform>({
    channel: fc.oneof(
      fc.constantFrom(1, 2),
      arbU32.filter((channel) => channel > 0),
    ),
    transformType: fc.constantFrom(1, 2),
    signature: arbBuffer(40),
    nonce: arbBuffer(40),
    descriptors: arbBuffer(64),
  }),
});

test('what 3.3.5.13 refuses: no transform, two, one that is unknown, descriptors elsewhere', () => {
  const refused = [
    `${fixed('3800', '0000')} ${sealed} 00000000 ${descriptor}`,
    `${fixed('3800', '0200')} ${sealed} 00000000 ${descriptor}`,
    `${fixed('3800')} 0300${sealed.slice(4)} 00000000 ${descriptor}`,
    `${fixed('3800')} 0000${sealed.slice(4)} 00000000 ${descriptor}`,
    `${fixed('3400')} ${sealed} ${descriptor}`,
    `${fixed('4000')} ${sealed} 00000000 0000000000000000 ${descriptor}`,
    `${fixed('ffff')} ${sealed} 00000000 ${descriptor}`,
    `${fixed('3800')} 0100 ffff ffff 0000 ${signatureHex} ${descriptor}`,
  ];
  for (const hex of refused) assert.throws(() => decodeRdmaTransform(fromHex(hex)), WireError, hex);
});
