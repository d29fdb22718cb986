/** Stubs as Debian's rpcclient and smbd 4.17 exchanged them, and the levels that they do not have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import { decodeParameters, encodeParameters, type Operation } from './operation.ts';
import { MAX_PREFERRED_LENGTH, SRVSVC } from './srvsvc.ts';
import { WIN32_ERROR } from './win32-error.ts';
import { WKSSVC } from './wkssvc.ts';

const b = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
/** smbd counts the reference pointers of parameters too, so its first identifier is a later one. */
const SMBD_1 = 0x0002_0004;
const SMBD_2 = 0x0002_0008;
const SMBD_3 = 0x0002_000c;

function golden<P extends Operation['input']>(
  name: string,
  parameters: P,
  values: Parameters<typeof encodeParameters<P>>[1],
  hex: string,
  firstReferent?: number,
): void {
  test(`${name}, both ways and cut anywhere`, () => {
    const stub = b(hex);
    assert.equal(
      encodeParameters(parameters, values, firstReferent).toString('hex'),
      stub.toString('hex'),
    );
    assert.deepEqual(decodeParameters(parameters, stub), values);
    for (let length = 0; length < stub.length; length++) {
      assert.throws(() => decodeParameters(parameters, stub.subarray(0, length)), WireError);
    }
    // A verification trailer may follow.
    assert.deepEqual(
      decodeParameters(parameters, Buffer.concat([stub, b('8ae3137102f43671')])),
      values,
    );
  });
}

const { NetrShareEnum, NetrShareGetInfo, NetrServerGetInfo, NetrRemoteTOD } = SRVSVC.operations;

golden(
  'NetrShareEnum of smbclient -L',
  NetrShareEnum.input,
  {
    serverName: '127.0.0.1',
    infoStruct: { tag: 1, value: { entries: null } },
    preferedMaximumLength: MAX_PREFERRED_LENGTH,
    resumeHandle: 0,
  },
  `000002000a000000000000000a0000003100320037002e0030002e0030002e0031000000
   010000000100000004000200 0000000000000000 ffffffff 08000200 00000000`,
);

golden(
  'its answer at level 1',
  NetrShareEnum.output,
  {
    infoStruct: {
      tag: 1,
      value: {
        entries: [
          { netname: 'data', type: 0, remark: 'Everyone’s files' },
          { netname: 'hidden$', type: 0, remark: '' },
          { netname: 'IPC$', type: 0x80000003, remark: 'IPC Service (smbtorture baseline)' },
        ],
      },
    },
    totalEntries: 3,
    resumeHandle: 0,
    status: 0,
  },
  `01000000010000000c0002000300000010000200030000001400020000000000180002001c0002000000000020000200
   24000200030000802800020005000000000000000500000064006100740061000000000011000000000000001100000045
   0076006500720079006f006e006500192073002000660069006c006500730000000000080000000000000008000000680069
   006400640065006e00240000000100000000000000010000000000000005000000000000000500000049005000430024000000
   0000220000000000000022000000490050004300200053006500720076006900630065002000280073006d00620074006f00
   720074007500720065002000620061007300650 06c0069006e00650029000000 03000000 2c000200 00000000 00000000`,
  SMBD_3,
);

golden(
  'its answer at level 0, without a resume handle',
  NetrShareEnum.output,
  {
    infoStruct: {
      tag: 0,
      value: { entries: [{ netname: 'data' }, { netname: 'hidden$' }, { netname: 'IPC$' }] },
    },
    totalEntries: 3,
    resumeHandle: null,
    status: 0,
  },
  `000000000000000008000200030000000c00020003000000100002001400020018000200050000000000000005000000
   640061007400610000000000080000000000000008000000680069006400640065006e002400000005000000000000000500
   0000490050004300240000000000 03000000 00000000 00000000`,
  SMBD_2,
);

golden(
  'its answer at level 501',
  NetrShareEnum.output,
  {
    infoStruct: {
      tag: 501,
      value: { entries: [{ netname: 'data', type: 0, remark: 'Everyone’s files', flags: 0 }] },
    },
    totalEntries: 1,
    resumeHandle: null,
    status: 0,
  },
  `f5010000f501000008000200010000000c00020001000000100002000000000014000200000000000500000000000000
   050000006400610074006100000000001100000000000000110000004500760065007200790 06f006e0065001920730020
   00660069006c006500730000000000 01000000 00000000 00000000`,
  SMBD_2,
);

golden(
  'NetrShareGetInfo of rpcclient',
  NetrShareGetInfo.input,
  { serverName: '127.0.0.1', netName: 'share', level: 1 },
  `000002000a000000000000000a0000003100320037002e0030002e0030002e0031000000
   060000000000000006000000730068006100720065000000 01000000`,
);

golden(
  'its answer at level 0',
  NetrShareGetInfo.output,
  { infoStruct: { tag: 0, value: { netname: 'share' } }, status: 0 },
  '000000000400020008000200060000000000000006000000730068006100720065000000 00000000',
  SMBD_1,
);

golden(
  'its answer at level 2',
  NetrShareGetInfo.output,
  {
    infoStruct: {
      tag: 2,
      value: {
        netname: 'share',
        type: 0,
        remark: '',
        permissions: 0,
        maxUses: 0xffffffff,
        currentUses: 0,
        path: 'C:\\tmp\\rpc-peer\\inst7\\data\\share',
        passwd: '',
      },
    },
    status: 0,
  },
  `020000000400020008000200000000000c00020000000000ffffffff0000000010000200140002000600000000000000
   0600000073006800610072006500000001000000000000000100000000000000210000000000000021000000430 03a005c00
   74006d0070005c007200700063002d0070006500650072005c0069006e007300740037005c0064006100740061005c007300
   6800610072006500000000000100000000000000010000000000 0000 00000000`,
  SMBD_1,
);

golden(
  'its answer at level 502, without a descriptor',
  NetrShareGetInfo.output,
  {
    infoStruct: {
      tag: 502,
      value: {
        netname: 'share',
        type: 0,
        remark: '',
        permissions: 0,
        maxUses: 0xffffffff,
        currentUses: 1,
        path: 'C:\\tmp\\rpc-peer\\inst7\\data\\share',
        passwd: '',
        securityDescriptor: null,
      },
    },
    status: 0,
  },
  `f60100000400020008000200000000000c00020000000000ffffffff0100000010000200140002000000000000000000
   0600000000000000060000007300680061007200650000000100000000000000010000000000000021000000000000002100
   000043003a005c0074006d0070005c007200700063002d0070006500650072005c0069006e007300740037005c0064006100
   740061005c007300680061007200650000000000010000000000000001000000000 00000 00000000`,
  SMBD_1,
);

golden(
  'its answer at level 503, with a descriptor',
  NetrShareGetInfo.output,
  {
    infoStruct: {
      tag: 503,
      value: {
        netname: 'd',
        type: 0,
        remark: null,
        permissions: 0,
        maxUses: 5,
        currentUses: 1,
        path: null,
        passwd: null,
        servername: '*',
        securityDescriptor: b('0100048000'),
      },
    },
    status: 0,
  },
  `f7010000 00000200 04000200 00000000 00000000 00000000 05000000 01000000 00000000 00000000
   08000200 05000000 0c000200 02000000 00000000 02000000 64000000 02000000 00000000 02000000
   2a000000 05000000 0100048000 000000 00000000`,
);

golden(
  'its answer at level 1005',
  NetrShareGetInfo.output,
  { infoStruct: { tag: 1005, value: { flags: 0 } }, status: 0 },
  'ed030000 04000200 00000000 00000000',
  SMBD_1,
);

golden(
  'its refusal',
  NetrShareGetInfo.output,
  { infoStruct: { tag: 1, value: null }, status: 123 },
  '01000000 00000000 7b000000',
);

golden(
  'its refusal of a level',
  NetrShareGetInfo.output,
  { infoStruct: { tag: 'other', value: 77 }, status: WIN32_ERROR.ERROR_INVALID_LEVEL },
  '4d000000 7c000000',
);

golden(
  'NetrServerGetInfo 101 of smbd',
  NetrServerGetInfo.output,
  {
    infoStruct: {
      tag: 101,
      value: {
        platformId: 500,
        name: 'BASELINE',
        versionMajor: 6,
        versionMinor: 1,
        type: 0x809a03,
        comment: 'smbtorture baseline',
      },
    },
    status: 0,
  },
  `6500000004000200f4010000080002000600000001000000039a80000c000200090000000000000009000000420041005300
   45004c0049004e0045000000000014000000000000001400000073006d00620074006f007200740075007200650020006200
   61007300650 06c0069006e0065000000 00000000`,
  SMBD_1,
);

golden(
  'NetrRemoteTOD of smbd',
  NetrRemoteTOD.output,
  {
    bufferPtr: {
      elapsedt: 0x6b422400,
      msecs: 12,
      hours: 50,
      mins: 44,
      secs: 0,
      hunds: 0,
      timezone: 0,
      tinterval: 10000,
      day: 20,
      month: 11,
      year: 2026,
      weekday: 5,
    },
    status: 0,
  },
  `04000200 0024426b 0c000000 32000000 2c000000 00000000 00000000 00000000 10270000
   14000000 0b000000 ea070000 05000000 00000000`,
  SMBD_1,
);

const { NetrWkstaGetInfo } = WKSSVC.operations;

golden(
  'NetrWkstaGetInfo of rpcclient',
  NetrWkstaGetInfo.input,
  { serverName: '127.0.0.1', level: 100 },
  '000002000a000000000000000a0000003100320037002e0030002e0030002e0031000000 64000000',
);

golden(
  'its answer at level 101',
  NetrWkstaGetInfo.output,
  {
    wkstaInfo: {
      tag: 101,
      value: {
        platformId: 500,
        computername: 'BASELINE',
        langroup: 'TORTURE',
        verMajor: 6,
        verMinor: 1,
        lanroot: '',
      },
    },
    status: 0,
  },
  `6500000004000200f4010000080002000c0002000600000001000000100002000900000000000000090000004200410053
   0045004c0049004e0045000000000008000000000000000800000054004f0052005400550052004500000001000000000000
   00010000000000 0000 00000000`,
  SMBD_1,
);

test('any stub gives parameters or a WireError', () => {
  const operations = [...Object.values(SRVSVC.operations), ...Object.values(WKSSVC.operations)];
  const lists = operations.flatMap(({ input, output }) => [input, output]);
  fc.assert(
    fc.property(
      fc.constantFrom(...lists),
      fc.array(fc.oneof(fc.nat(2), fc.constantFrom(100, 101, 501, 502, 503, 0x20000, 0xffffffff)), {
        maxLength: 40,
      }),
      fc.boolean(),
      (parameters: Operation['input'], words, bigEndian) => {
        const stub = Buffer.alloc(words.length * 4);
        for (const [i, word] of words.entries()) stub.writeUInt32LE(word, i * 4);
        try {
          decodeParameters(parameters, stub, bigEndian);
        } catch (error) {
          assert.ok(error instanceof WireError, String(error));
        }
      },
    ),
    { numRuns: 1000 },
  );
});
