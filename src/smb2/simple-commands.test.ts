import fc from 'fast-check';
import {
  arbFileId,
  arbId,
  arbRecord,
  arbU8,
  arbU16,
  arbU32,
  arbU64,
  type Codec,
  testCodec,
} from '../../test/support/codec.ts';
import { decodeCancelRequest, encodeCancelRequest } from './cancel.ts';
import {
  decodeCloseRequest,
  decodeCloseResponse,
  encodeCloseRequest,
  encodeCloseResponse,
} from './close.ts';
import {
  decodeEchoRequest,
  decodeEchoResponse,
  encodeEchoRequest,
  encodeEchoResponse,
} from './echo.ts';
import {
  decodeFlushRequest,
  decodeFlushResponse,
  encodeFlushRequest,
  encodeFlushResponse,
} from './flush.ts';
import { HEADER_SIZE } from './header.ts';
import { decodeLockResponse, encodeLockResponse } from './lock.ts';
import {
  decodeLogoffRequest,
  decodeLogoffResponse,
  encodeLogoffRequest,
  encodeLogoffResponse,
} from './logoff.ts';
import { decodeSetInfoResponse, encodeSetInfoResponse } from './set-info.ts';
import {
  decodeTreeDisconnectRequest,
  decodeTreeDisconnectResponse,
  encodeTreeDisconnectRequest,
  encodeTreeDisconnectResponse,
} from './tree-disconnect.ts';
import { decodeWriteResponse, encodeWriteResponse } from './write.ts';

type Empty = Record<string, never>;

const empty = (
  decode: (message: Buffer) => Empty,
  encode: () => Buffer,
  hex = '0400 0000',
): Codec<Empty> => ({
  decode,
  encode,
  headerSize: HEADER_SIZE,
  golden: [{ name: 'by the table', hex, value: {} }],
  values: fc.constant({}),
});

testCodec('LOGOFF request', empty(decodeLogoffRequest, encodeLogoffRequest));
testCodec('LOGOFF response', empty(decodeLogoffResponse, encodeLogoffResponse));
testCodec('ECHO request', empty(decodeEchoRequest, encodeEchoRequest));
testCodec('ECHO response', empty(decodeEchoResponse, encodeEchoResponse));
testCodec('CANCEL request', empty(decodeCancelRequest, encodeCancelRequest));
testCodec('FLUSH response', empty(decodeFlushResponse, encodeFlushResponse));
testCodec('LOCK response', empty(decodeLockResponse, encodeLockResponse));
testCodec('SET_INFO response', empty(decodeSetInfoResponse, encodeSetInfoResponse, '0200'));
testCodec(
  'TREE_DISCONNECT request',
  empty(decodeTreeDisconnectRequest, encodeTreeDisconnectRequest),
);
testCodec(
  'TREE_DISCONNECT response',
  empty(decodeTreeDisconnectResponse, encodeTreeDisconnectResponse),
);

testCodec('CLOSE request', {
  decode: decodeCloseRequest,
  encode: encodeCloseRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'from smbclient',
      hex: '1800 0000 00000000 3a89518000000000 60c9d7ea00000000',
      value: { flags: 0, persistentId: 2152827194, volatileId: 3940010336 },
    },
    {
      name: 'with garbage in the reserved field, related',
      hex: '1800 0100 deadbeef ffffffffffffffff ffffffffffffffff',
      value: { flags: 1, persistentId: 2 ** 64, volatileId: 2 ** 64 },
      decodeOnly: true,
    },
  ],
  values: arbRecord({ flags: arbU16, ...arbFileId }),
});

testCodec('CLOSE response', {
  decode: decodeCloseResponse,
  encode: encodeCloseResponse,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'by the table',
      hex: `3c00 0100 00000000 c2fcd064f078dd01 c2fcd064f078dd02 c2fcd064f078dd03 c2fcd064f078dd04
            0010000000000000 0500000002000000 20000000`,
      value: {
        flags: 1,
        creationTime: 0x01dd78f064d0fcc2n,
        lastAccessTime: 0x02dd78f064d0fcc2n,
        lastWriteTime: 0x03dd78f064d0fcc2n,
        changeTime: 0x04dd78f064d0fcc2n,
        allocationSize: 4096,
        endOfFile: 2 ** 33 + 5,
        fileAttributes: 0x20,
      },
    },
  ],
  values: arbRecord({
    flags: arbU16,
    creationTime: arbU64,
    lastAccessTime: arbU64,
    lastWriteTime: arbU64,
    changeTime: arbU64,
    allocationSize: arbId,
    endOfFile: arbId,
    fileAttributes: arbU32,
  }),
});

testCodec('FLUSH request', {
  decode: decodeFlushRequest,
  encode: encodeFlushRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'full, as Apple asks for it',
      hex: '1800 ffff 00000000 0100000000000000 0200000000000000',
      value: { reserved1: 0xffff, persistentId: 1, volatileId: 2 },
    },
  ],
  values: arbRecord({ reserved1: arbU16, ...arbFileId }),
});

testCodec('WRITE response', {
  decode: decodeWriteResponse,
  encode: encodeWriteResponse,
  headerSize: HEADER_SIZE,
  golden: [
    { name: 'from Samba', hex: '1100 0000 06000000 00000000 0000 0000', value: { count: 6 } },
  ],
  values: arbRecord({ count: fc.oneof(arbU8, arbU32) }),
});
