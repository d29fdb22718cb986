import { arbRecord, arbText, arbU8, arbU16, arbU32, testCodec } from '../../test/support/codec.ts';
import { HEADER_SIZE } from './header.ts';
import {
  decodeTreeConnectRequest,
  decodeTreeConnectResponse,
  encodeTreeConnectRequest,
  encodeTreeConnectResponse,
} from './tree-connect.ts';

testCodec('TREE_CONNECT request', {
  decode: decodeTreeConnectRequest,
  encode: encodeTreeConnectRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'from smbclient',
      hex: `0900 0000 4800 2000
            5c005c003100320037002e0030002e0030002e0031005c004900500043002400`,
      value: { flags: 0, path: '\\\\127.0.0.1\\IPC$' },
    },
    {
      name: 'with the extension of 3.1.1 before the path',
      hex: `0900 0400 5800 0a00  18000000 0000 00000000000000000000
            5c005c0061005c006200`,
      value: { flags: 4, path: '\\\\a\\b' },
      decodeOnly: true,
    },
  ],
  values: arbRecord({ flags: arbU16, path: arbText }),
});

testCodec('TREE_CONNECT response', {
  decode: decodeTreeConnectResponse,
  encode: encodeTreeConnectResponse,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'from Samba',
      hex: '1000 02 00 00000000 00000000 bf011f01',
      value: { shareType: 2, shareFlags: 0, capabilities: 0, maximalAccess: 0x011f01bf },
    },
  ],
  values: arbRecord({
    shareType: arbU8,
    shareFlags: arbU32,
    capabilities: arbU32,
    maximalAccess: arbU32,
  }),
});
