import fc from 'fast-check';
import {
  arbBuffer,
  arbFileId,
  arbRecord,
  arbText,
  arbU8,
  arbU16,
  arbU32,
  type Codec,
  fromHex,
  testCodec,
} from '../../test/support/codec.ts';
import {
  decodeChangeNotifyRequest,
  decodeChangeNotifyResponse,
  encodeChangeNotifyRequest,
  encodeChangeNotifyResponse,
} from './change-notify.ts';
import { HEADER_SIZE } from './header.ts';
import {
  decodeQueryDirectoryRequest,
  decodeQueryDirectoryResponse,
  encodeQueryDirectoryRequest,
  encodeQueryDirectoryResponse,
} from './query-directory.ts';
import {
  decodeQueryInfoRequest,
  decodeQueryInfoResponse,
  encodeQueryInfoRequest,
  encodeQueryInfoResponse,
} from './query-info.ts';
import { decodeSetInfoRequest, encodeSetInfoRequest } from './set-info.ts';

testCodec('QUERY_DIRECTORY request', {
  decode: decodeQueryDirectoryRequest,
  encode: encodeQueryDirectoryRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'from smbclient',
      hex: `2100 25 00 00000000 7129908000000000 4f170dbd00000000 6000 0200 00008000 2a00`,
      value: {
        fileInformationClass: 0x25,
        flags: 0,
        fileIndex: 0,
        persistentId: 0x80902971,
        volatileId: 0xbd0d174f,
        outputBufferLength: 0x800000,
        fileName: '*',
      },
    },
    {
      name: 'no pattern',
      hex: `2100 0c 15 07000000 0100000000000000 0200000000000000 0000 0000 00010000 00`,
      value: {
        fileInformationClass: 12,
        flags: 0x15,
        fileIndex: 7,
        persistentId: 1,
        volatileId: 2,
        outputBufferLength: 256,
        fileName: '',
      },
      optionalBytes: 1,
    },
  ],
  values: arbRecord({
    fileInformationClass: arbU8,
    flags: arbU8,
    fileIndex: arbU32,
    ...arbFileId,
    outputBufferLength: arbU32,
    fileName: arbText,
  }),
});

testCodec('CHANGE_NOTIFY request', {
  decode: decodeChangeNotifyRequest,
  encode: encodeChangeNotifyRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'from smbtorture',
      hex: '2000 0100 e8030000 ac88bfa500000000 9b1a8e1600000000 03000000 00000000',
      value: {
        flags: 1,
        outputBufferLength: 1000,
        persistentId: 0xa5bf88ac,
        volatileId: 0x168e1a9b,
        completionFilter: 3,
      },
    },
  ],
  values: arbRecord({
    flags: arbU16,
    outputBufferLength: arbU32,
    ...arbFileId,
    completionFilter: arbU32,
  }),
});

testCodec('QUERY_INFO request', {
  decode: decodeQueryInfoRequest,
  encode: encodeQueryInfoRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'security, by the table',
      hex: `2900 03 00 ffff0000 0000 0000 00000000 07000000 00000000
            a55e73da00000000 68395ad600000000 00`,
      value: {
        infoType: 3,
        fileInfoClass: 0,
        outputBufferLength: 65535,
        additionalInformation: 7,
        flags: 0,
        persistentId: 0xda735ea5,
        volatileId: 0xd65a3968,
        inputBuffer: Buffer.alloc(0),
      },
      optionalBytes: 1,
    },
    {
      name: 'EAs by name',
      hex: `2900 01 0f 00010000 6800 0000 07000000 00000000 01000000
            0100000000000000 0200000000000000 00000000 01 6100`,
      value: {
        infoType: 1,
        fileInfoClass: 15,
        outputBufferLength: 256,
        additionalInformation: 0,
        flags: 1,
        persistentId: 1,
        volatileId: 2,
        inputBuffer: fromHex('00000000016100'),
      },
    },
    {
      name: 'an offset beyond the message with no input, as Windows may send',
      hex: `2900 01 05 18000000 6800 cdcd 00000000 00000000 00000000
            0100000000000000 0200000000000000`,
      value: {
        infoType: 1,
        fileInfoClass: 5,
        outputBufferLength: 24,
        additionalInformation: 0,
        flags: 0,
        persistentId: 1,
        volatileId: 2,
        inputBuffer: Buffer.alloc(0),
      },
      decodeOnly: true,
    },
  ],
  values: arbRecord({
    infoType: arbU8,
    fileInfoClass: arbU8,
    outputBufferLength: arbU32,
    additionalInformation: arbU32,
    flags: arbU32,
    ...arbFileId,
    inputBuffer: arbBuffer(),
  }),
});

testCodec('SET_INFO request', {
  decode: decodeSetInfoRequest,
  encode: encodeSetInfoRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'disposition, from smbclient',
      hex: '2100 01 0d 01000000 6000 0000 00000000 7b4af64500000000 bd156c2a00000000 01',
      value: {
        infoType: 1,
        fileInfoClass: 13,
        additionalInformation: 0,
        persistentId: 0x45f64a7b,
        volatileId: 0x2a6c15bd,
        buffer: fromHex('01'),
      },
    },
  ],
  values: arbRecord({
    infoType: arbU8,
    fileInfoClass: arbU8,
    additionalInformation: arbU32,
    ...arbFileId,
    buffer: arbBuffer(),
  }),
});

interface Output {
  readonly outputBuffer: Buffer;
}

const output = (
  decode: (message: Buffer) => Output,
  encode: (value: Output) => Buffer,
): Codec<Output> => ({
  decode,
  encode,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'from Samba',
      hex: '0900 4800 12000000 0e000000 7500700032002e00740078007400',
      value: { outputBuffer: fromHex('0e000000 7500700032002e00740078007400') },
    },
    {
      name: 'empty',
      hex: '0900 4800 00000000 00',
      value: { outputBuffer: Buffer.alloc(0) },
      optionalBytes: 1,
    },
  ],
  values: arbRecord({ outputBuffer: fc.oneof(arbBuffer(), arbBuffer(300)) }),
});

testCodec(
  'QUERY_DIRECTORY response',
  output(decodeQueryDirectoryResponse, encodeQueryDirectoryResponse),
);
testCodec('CHANGE_NOTIFY response', output(decodeChangeNotifyResponse, encodeChangeNotifyResponse));
testCodec('QUERY_INFO response', output(decodeQueryInfoResponse, encodeQueryInfoResponse));
