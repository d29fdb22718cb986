import fc from 'fast-check';
import { arbRecord, testCodec } from '../../test/support/codec.ts';
import {
  type AppleServerAnswer,
  type AppleServerQuery,
  decodeAppleServerAnswer,
  decodeAppleServerQuery,
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
