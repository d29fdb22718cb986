import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  arbBuffer,
  arbFileId,
  arbRecord,
  arbU32,
  fromHex,
  testCodec,
} from '../../test/support/codec.ts';
import { ALL_ONES } from '../wire/struct.ts';
import { Fsctl, fsctlName } from './fsctl.ts';
import { HEADER_SIZE } from './header.ts';
import {
  decodeIoctlRequest,
  decodeIoctlResponse,
  encodeIoctlRequest,
  encodeIoctlResponse,
} from './ioctl.ts';

const none = Buffer.alloc(0);
const nobody = { persistentId: ALL_ONES, volatileId: ALL_ONES };
const chunk =
  'd4fcc70a00000000d22024570000000078001400000000000100000000000000' +
  '000000000000000000000000000000000010000000000000';

testCodec('IOCTL request', {
  decode: decodeIoctlRequest,
  encode: encodeIoctlRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'copy chunk, from smbtorture',
      hex: `3900 0000 f2401400 13fcae4f00000000 939cee9a00000000 78000000 38000000 00000000
            00000000 00000000 0c000000 01000000 00000000 ${chunk}`,
      value: {
        ctlCode: Fsctl.FSCTL_SRV_COPYCHUNK,
        persistentId: 0x4faefc13,
        volatileId: 0x9aee9c93,
        maxInputResponse: 0,
        maxOutputResponse: 12,
        flags: 1,
        input: fromHex(chunk),
        output: none,
      },
    },
    {
      name: 'without input, from smbtorture',
      hex: `3900 0000 fc011400 ffffffffffffffff ffffffffffffffff 00000000 00000000 00000000
            00000000 00000000 00000100 01000000 00000000 00`,
      value: {
        ctlCode: Fsctl.FSCTL_QUERY_NETWORK_INTERFACE_INFO,
        ...nobody,
        maxInputResponse: 0,
        maxOutputResponse: 65536,
        flags: 1,
        input: none,
        output: none,
      },
      optionalBytes: 1,
    },
    {
      name: 'as older smbclients have it: OutputOffset set, nothing there',
      hex: `3900 cdcd 04021400 ffffffffffffffff ffffffffffffffff 78000000 02000000 00000000
            78000000 00000000 18000000 01000000 cdcdcdcd 6869`,
      value: {
        ctlCode: Fsctl.FSCTL_VALIDATE_NEGOTIATE_INFO,
        ...nobody,
        maxInputResponse: 0,
        maxOutputResponse: 24,
        flags: 1,
        input: Buffer.from('hi'),
        output: none,
      },
      decodeOnly: true,
    },
  ],
  values: arbRecord({
    ctlCode: arbU32,
    ...arbFileId,
    maxInputResponse: arbU32,
    maxOutputResponse: arbU32,
    flags: arbU32,
    input: arbBuffer(),
    output: arbBuffer(),
  }),
});

const resumeKey = 'd4fcc70a00000000d220245700000000780014000000000000000000 00000000';

testCodec('IOCTL response', {
  decode: decodeIoctlResponse,
  encode: encodeIoctlResponse,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'resume key, from Samba',
      hex: `3100 0000 78001400 d4fcc70a00000000 d220245700000000 70000000 00000000
            70000000 20000000 00000000 00000000 ${resumeKey}`,
      value: {
        ctlCode: Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY,
        persistentId: 0x0ac7fcd4,
        volatileId: 0x572420d2,
        flags: 0,
        input: none,
        output: fromHex(resumeKey),
      },
    },
    {
      name: 'no output: the offset lies in the message',
      hex: `3100 0000 18001100 ffffffffffffffff ffffffffffffffff 70000000 00000000
            70000000 00000000 00000000 00000000 00`,
      value: { ctlCode: Fsctl.FSCTL_PIPE_WAIT, ...nobody, flags: 0, input: none, output: none },
      optionalBytes: 1,
    },
    {
      name: 'input and output, the latter aligned to 8',
      hex: `3100 0000 17c01100 0100000000000000 0200000000000000 70000000 03000000
            78000000 02000000 00000000 00000000 616263 0000000000 6869`,
      value: {
        ctlCode: Fsctl.FSCTL_PIPE_TRANSCEIVE,
        persistentId: 1,
        volatileId: 2,
        flags: 0,
        input: Buffer.from('abc'),
        output: Buffer.from('hi'),
      },
    },
  ],
  values: arbRecord({
    ctlCode: arbU32,
    ...arbFileId,
    flags: arbU32,
    input: arbBuffer(),
    output: arbBuffer(),
  }),
});

test('control codes have names, and none comes twice', () => {
  assert.equal(fsctlName(0x00140204), 'FSCTL_VALIDATE_NEGOTIATE_INFO');
  assert.equal(fsctlName(0x42), '0x00000042');
  const codes = Object.values(Fsctl);
  assert.equal(new Set(codes).size, codes.length);
});
