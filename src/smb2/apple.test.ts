import fc from 'fast-check';
import { arbRecord, testCodec } from '../../test/support/codec.ts';
import {
  type AppleResolveAnswer,
  type AppleResolveRequest,
  type AppleServerAnswer,
  type AppleServerQuery,
  decodeAppleResolveAnswer,
  decodeAppleResolveRequest,
  decodeAppleServerAnswer,
  decodeAppleServerQuery,
  encodeAppleResolveAnswer,
  encodeAppleResolveRequest,
  encodeAppleServerAnswer,
  encodeAppleServerQuery,
} from './apple.ts';

const bits = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

testCodec<AppleServerQuery>('AAPL server query', {
  decode: decodeAppleServerQuery,
  encode: encodeAppleServerQuery,
  headerSize: 0,
  golden: [
    {
      name: 'of macOS 15',
      hex: '01000000 00000000 0700000000000000 3f00000000000000',
      value: { requestBitmap: 7n, clientCapabilities: 0x3fn },
    },
  ],
  values: arbRecord({ requestBitmap: bits, clientCapabilities: bits }),
});

testCodec<AppleServerAnswer>('AAPL server answer', {
  decode: decodeAppleServerAnswer,
  encode: encodeAppleServerAnswer,
  headerSize: 0,
  golden: [
    {
      name: 'everything',
      hex: `01000000 00000000 0700000000000000 0500000000000000 0400000000000000
        00000000 0c000000 58007300650072007600 6500 00000000`,
      value: { serverCapabilities: 5n, volumeCapabilities: 4n, model: 'Xserve' },
      optionalBytes: 4,
    },
    {
      name: 'nothing',
      hex: '01000000 00000000 0000000000000000',
      value: { serverCapabilities: undefined, volumeCapabilities: undefined, model: undefined },
    },
  ],
  values: arbRecord({
    serverCapabilities: fc.option(bits, { nil: undefined }),
    volumeCapabilities: fc.option(bits, { nil: undefined }),
    model: fc.option(fc.string({ maxLength: 40 }), { nil: undefined }),
  }),
});

testCodec<AppleResolveRequest>('AAPL resolve ID', {
  decode: decodeAppleResolveRequest,
  encode: encodeAppleResolveRequest,
  headerSize: 0,
  golden: [
    {
      name: 'a file',
      hex: '02000000 00000000 efcdab8967452301',
      value: { fileId: 0x123456789abcdefn },
    },
  ],
  values: arbRecord({ fileId: bits }),
});

testCodec<AppleResolveAnswer>('AAPL resolved ID', {
  decode: decodeAppleResolveAnswer,
  encode: encodeAppleResolveAnswer,
  headerSize: 0,
  golden: [
    {
      name: 'a path',
      hex: '02000000 00000000 00000000 06000000 61005c006200 0000',
      value: { status: 0, path: 'a\\b' },
      optionalBytes: 2,
    },
    {
      name: 'nothing of this id',
      hex: '02000000 00000000 340000c0 00000000',
      value: { status: 0xc0000034, path: '' },
    },
  ],
  values: arbRecord({
    status: fc.nat(0xffff_ffff),
    path: fc.string({ maxLength: 40 }),
  }),
});
