import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Struct } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeFileAllInformation,
  decodeFileNameInformation,
  encodeFileAllInformation,
  encodeFileNameInformation,
  FileAccessInformation,
  FileAlignmentInformation,
  FileAllocationInformation,
  FileAttributeTagInformation,
  FileBasicInformation,
  FileCompressionInformation,
  FileEaInformation,
  FileEndOfFileInformation,
  FileIdInformation,
  FileInternalInformation,
  FileModeInformation,
  FileNetworkOpenInformation,
  FileObjectIdInformation,
  FilePipeInformation,
  FilePipeLocalInformation,
  FilePipeRemoteInformation,
  FilePositionInformation,
  FileStandardInformation,
  FileValidDataLengthInformation,
  MAX_FILE_OFFSET,
} from './file-information.ts';
import { FileInformationClass as Class } from './information-class.ts';
import { fileQueryRules, fileSetRules } from './information-rules.ts';

const times = {
  creationTime: 0x0102030405060708n,
  lastAccessTime: 2n,
  lastWriteTime: 0xffff_ffff_ffff_ffffn,
  changeTime: 0xffff_ffff_ffff_fffen,
};
const timesHex = '08070605040302010200000000000000fffffffffffffffffeffffffffffffff';
const basic = { ...times, fileAttributes: 0x20 };
const basicHex = `${timesHex}2000000000000000`;
const standard = {
  allocationSize: 4096,
  endOfFile: 2 ** 40 + 1,
  numberOfLinks: 2,
  deletePending: false,
  directory: true,
};
const standardHex = '0010000000000000010000000001000002000000' + '00010000';
const objectId = Buffer.alloc(16, 0xa1);

function golden<V>(structure: Struct<V>, value: V, hex: string, informationClass: number): void {
  test(structure.name, () => {
    assert.equal(structure.encode(value).toString('hex'), hex);
    const b = Buffer.from(hex, 'hex');
    assert.deepEqual(structure.read(b), value);
    for (let n = 0; n < b.length; n++) {
      assert.throws(() => structure.read(b.subarray(0, n)), WireError);
    }
    for (const rules of [fileQueryRules, fileSetRules]) {
      const rule = rules[informationClass];
      if (rule !== undefined) assert.equal(rule.fixedSize, structure.size);
    }
    assert.ok(fileQueryRules[informationClass] ?? fileSetRules[informationClass]);
  });
}

golden(FileAccessInformation, { accessFlags: 0x1f01ff }, 'ff011f00', Class.FileAccessInformation);
golden(
  FileAlignmentInformation,
  { alignmentRequirement: 7 },
  '07000000',
  Class.FileAlignmentInformation,
);
golden(
  FileAllocationInformation,
  { allocationSize: 2 ** 33 },
  '0000000002000000',
  Class.FileAllocationInformation,
);
golden(
  FileAttributeTagInformation,
  { fileAttributes: 0x400, reparseTag: 0xa000000c },
  '000400000c0000a0',
  Class.FileAttributeTagInformation,
);
golden(FileBasicInformation, basic, basicHex, Class.FileBasicInformation);
golden(
  FileCompressionInformation,
  {
    compressedFileSize: 5,
    compressionFormat: 2,
    compressionUnitShift: 16,
    chunkShift: 12,
    clusterShift: 11,
  },
  '05000000000000000200100c0b000000',
  Class.FileCompressionInformation,
);
golden(FileEaInformation, { eaSize: 17 }, '11000000', Class.FileEaInformation);
golden(
  FileEndOfFileInformation,
  { endOfFile: 3 },
  '0300000000000000',
  Class.FileEndOfFileInformation,
);
golden(
  FileIdInformation,
  { volumeSerialNumber: 1n, fileId: 2n, fileIdHigh: 3n },
  '010000000000000002000000000000000300000000000000',
  Class.FileIdInformation,
);
golden(
  FileInternalInformation,
  { indexNumber: 0xfedcba9876543210n },
  '1032547698badcfe',
  Class.FileInternalInformation,
);
golden(FileModeInformation, { mode: 2 }, '02000000', Class.FileModeInformation);
golden(
  FileNetworkOpenInformation,
  { ...times, allocationSize: 4096, endOfFile: 1, fileAttributes: 0x10 },
  `${timesHex}001000000000000001000000000000001000000000000000`,
  Class.FileNetworkOpenInformation,
);
golden(
  FilePipeInformation,
  { readMode: 1, completionMode: 0 },
  '0100000000000000',
  Class.FilePipeInformation,
);
golden(
  FilePipeLocalInformation,
  {
    namedPipeType: 1,
    namedPipeConfiguration: 2,
    maximumInstances: 0xffffffff,
    currentInstances: 1,
    inboundQuota: 4280,
    readDataAvailable: 0,
    outboundQuota: 4280,
    writeQuotaAvailable: 4280,
    namedPipeState: 3,
    namedPipeEnd: 0,
  },
  '0100000002000000ffffffff01000000b81000000000000' + '0b8100000b81000000300000000000000',
  Class.FilePipeLocalInformation,
);
golden(
  FilePipeRemoteInformation,
  { collectDataTime: -1n, maximumCollectionCount: 5 },
  'ffffffffffffffff05000000',
  Class.FilePipeRemoteInformation,
);
golden(
  FilePositionInformation,
  { currentByteOffset: 9 },
  '0900000000000000',
  Class.FilePositionInformation,
);
golden(FileStandardInformation, standard, standardHex, Class.FileStandardInformation);
golden(
  FileValidDataLengthInformation,
  { validDataLength: 1 },
  '0100000000000000',
  Class.FileValidDataLengthInformation,
);

test('a Boolean is true for any value but zero', () => {
  const b = Buffer.from(standardHex, 'hex');
  b[20] = 0x80;
  assert.equal(FileStandardInformation.read(b).deletePending, true);
});

test('a negative offset reads as too large', () => {
  for (const hex of ['ffffffffffffffff', '0000000000000080', 'feffffffffffffff']) {
    const { endOfFile } = FileEndOfFileInformation.read(Buffer.from(hex, 'hex'));
    assert.ok(endOfFile > MAX_FILE_OFFSET);
  }
});

test('object ids: 64 bytes behind the reference number', () => {
  const value = {
    fileReferenceNumber: 1n,
    objectId,
    birthVolumeId: Buffer.alloc(16, 0xa2),
    birthObjectId: objectId,
    domainId: Buffer.alloc(16),
  };
  assert.equal(FileObjectIdInformation.size, 72);
  assert.deepEqual(FileObjectIdInformation.read(FileObjectIdInformation.encode(value)), value);
});

const all = {
  ...basic,
  ...standard,
  indexNumber: 0x1234n,
  eaSize: 5,
  accessFlags: 0x120089,
  currentByteOffset: 0,
  mode: 0x20,
  alignmentRequirement: 0,
  name: '\\a\u00e4',
};
const allHex =
  `${basicHex}${standardHex}3412000000000000` +
  '05000000890012000000000000000000200000000000000006000000' +
  '5c006100e400';

test('FileAllInformation: golden bytes and truncations', () => {
  const encoded = encodeFileAllInformation(all);
  assert.equal(encoded.toString('hex'), allHex);
  assert.deepEqual(decodeFileAllInformation(encoded), all);
  assert.equal(encodeFileAllInformation({ ...all, name: '' }).length, 100);
  for (let n = 0; n < encoded.length; n++) {
    assert.throws(() => decodeFileAllInformation(encoded.subarray(0, n)), WireError);
  }
});

test('FILE_NAME_INFORMATION: golden bytes, truncations, any name', () => {
  const encoded = encodeFileNameInformation('\\x');
  assert.equal(encoded.toString('hex'), '040000005c007800');
  for (let n = 0; n < encoded.length; n++) {
    assert.throws(() => decodeFileNameInformation(encoded.subarray(0, n)), WireError);
  }
  assert.throws(() => decodeFileNameInformation(Buffer.from('01000000ff', 'hex')), WireError);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      assert.equal(decodeFileNameInformation(encodeFileNameInformation(name)), name);
    }),
  );
});
