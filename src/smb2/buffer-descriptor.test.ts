/** MS-SMBD 2.2.3.1 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { arbRecord, testCodec } from '../../test/support/codec.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  type BufferDescriptor,
  decodeBufferDescriptors,
  encodeBufferDescriptors,
} from './buffer-descriptor.ts';

const arbDescriptor = arbRecord<BufferDescriptor>({
  offset: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  token: fc.nat(0xffff_ffff),
  length: fc.nat(0xffff_ffff),
});

testCodec<BufferDescriptor[]>('SMB_DIRECT_BUFFER_DESCRIPTOR_V1', {
  decode: decodeBufferDescriptors,
  encode: encodeBufferDescriptors,
  headerSize: 0,
  golden: [
    {
      name: 'one',
      hex: '0010000000000000 00070000 00001000',
      value: [{ offset: 0x1000n, token: 0x700, length: 0x100000 }],
    },
  ],
  values: fc.array(arbDescriptor, { minLength: 1, maxLength: 8 }),
});

test('no descriptor, and half a descriptor', () => {
  assert.throws(() => decodeBufferDescriptors(Buffer.alloc(0)), WireError);
  assert.throws(() => decodeBufferDescriptors(Buffer.alloc(24)), WireError);
});
