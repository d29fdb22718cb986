import {
  arbBuffer,
  arbId,
  arbRecord,
  arbU8,
  arbU16,
  arbU32,
  fromHex,
  testCodec,
} from '../../test/support/codec.ts';
import { HEADER_SIZE } from './header.ts';
import {
  decodeSessionSetupRequest,
  decodeSessionSetupResponse,
  encodeSessionSetupRequest,
  encodeSessionSetupResponse,
} from './session-setup.ts';

testCodec('SESSION_SETUP request', {
  decode: decodeSessionSetupRequest,
  encode: encodeSessionSetupRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'from smbclient',
      hex: `1900 00 01 01000000 00000000 5800 4a00 0000000000000000
            604806062b0601050502a03e303ca00e300c060a2b06010401823702020aa22a04284e544c4d5353500001
            0000001582086200000000280000000000000028000000060100000000000f`,
      value: {
        flags: 0,
        securityMode: 1,
        capabilities: 1,
        previousSessionId: 0,
        securityBuffer: fromHex(
          `604806062b0601050502a03e303ca00e300c060a2b06010401823702020aa22a04284e544c4d53535000
           010000001582086200000000280000000000000028000000060100000000000f`,
        ),
      },
    },
    {
      name: 'the token not right behind, Channel ignored',
      hex: '1900 01 02 01000000 cdcdcdcd 5a00 0200 1100000000040000 eeee 4e54',
      value: {
        flags: 1,
        securityMode: 2,
        capabilities: 1,
        previousSessionId: 0x0400_0000_0011,
        securityBuffer: Buffer.from('NT'),
      },
      decodeOnly: true,
    },
    {
      name: 'no token, and an offset that points nowhere',
      hex: '1900 00 01 00000000 00000000 ffff 0000 0000000000000000 00',
      value: {
        flags: 0,
        securityMode: 1,
        capabilities: 0,
        previousSessionId: 0,
        securityBuffer: Buffer.alloc(0),
      },
      optionalBytes: 1,
      decodeOnly: true,
    },
  ],
  values: arbRecord({
    flags: arbU8,
    securityMode: arbU8,
    capabilities: arbU32,
    previousSessionId: arbId,
    securityBuffer: arbBuffer(),
  }),
});

testCodec('SESSION_SETUP response', {
  decode: decodeSessionSetupResponse,
  encode: encodeSessionSetupResponse,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'from Samba',
      hex: `0900 0000 4800 1d00
            a11b3019a0030a0100a312041001000000dc09a30385ab0a1c00000000`,
      value: {
        sessionFlags: 0,
        securityBuffer: fromHex('a11b3019a0030a0100a312041001000000dc09a30385ab0a1c00000000'),
      },
    },
    {
      name: 'without a token: the offset stays, one byte follows',
      hex: '0900 0400 4800 0000 00',
      value: { sessionFlags: 4, securityBuffer: Buffer.alloc(0) },
      optionalBytes: 1,
    },
  ],
  values: arbRecord({ sessionFlags: arbU16, securityBuffer: arbBuffer() }),
});
