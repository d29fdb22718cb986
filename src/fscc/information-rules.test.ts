import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_INFO_CLASS,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { encodeFileAllInformation, encodeFileNameInformation } from './file-information.ts';
import { encodeFileFsAttributeInformation } from './fs-information.ts';
import { FileInformationClass as Class, FsInformationClass as Fs } from './information-class.ts';
import {
  fileQueryRules,
  fileSetRules,
  fitInformation,
  fsQueryRules,
  fsSetRules,
  refuseFileQuery,
  refuseFileSet,
  refuseFs,
} from './information-rules.ts';

const zeroTimes = { creationTime: 0n, lastAccessTime: 0n, lastWriteTime: 0n, changeTime: 0n };
const all = encodeFileAllInformation({
  ...zeroTimes,
  fileAttributes: 0x80,
  allocationSize: 0,
  endOfFile: 0,
  numberOfLinks: 1,
  deletePending: false,
  directory: false,
  indexNumber: 1n,
  eaSize: 0,
  accessFlags: 0,
  currentByteOffset: 0,
  mode: 0,
  alignmentRequirement: 0,
  name: '\\bufsize.txt',
});

test('every buffer length gets its status, and never more bytes than it asks for', () => {
  const attribute = encodeFileFsAttributeInformation({
    fileSystemAttributes: 0,
    maximumComponentNameLength: 255,
    fileSystemName: 'NTFS',
  });
  for (const [fixedSize, encoded] of [
    [fileQueryRules[Class.FileAllInformation]!.fixedSize, all],
    [fileQueryRules[Class.FileNameInformation]!.fixedSize, encodeFileNameInformation('\\a\\b')],
    [fsQueryRules[Fs.FileFsAttributeInformation]!.fixedSize, attribute],
  ] as const) {
    for (let length = 0; length <= encoded.length + 2; length++) {
      const { status, bytes } = fitInformation(fixedSize, encoded, length);
      assert.ok(bytes.length <= length);
      if (length < fixedSize) {
        assert.equal(status, STATUS_INFO_LENGTH_MISMATCH);
        assert.equal(bytes.length, 0);
      } else if (length < encoded.length) {
        assert.equal(status, STATUS_BUFFER_OVERFLOW);
        assert.deepEqual(bytes, encoded.subarray(0, length - (length % 2)));
      } else {
        assert.equal(status, STATUS_SUCCESS);
        assert.deepEqual(bytes, encoded);
      }
    }
  }
});

test('the sizes that Windows asks for', () => {
  const sizes = [4, 5, 6, 7, 8, 16, 17, 18, 21, 22, 28, 34, 35].map(
    (informationClass) => fileQueryRules[informationClass]?.fixedSize,
  );
  assert.deepEqual(sizes, [40, 24, 8, 4, 4, 4, 4, 104, 8, 32, 16, 56, 8]);
  const fsSizes = [1, 3, 4, 5, 6, 7, 11].map((each) => fsQueryRules[each]?.fixedSize);
  assert.deepEqual(fsSizes, [24, 24, 8, 16, 48, 32, 28]);
});

test('classes that cannot be queried or set', () => {
  for (const each of [Class.FileRenameInformation, Class.FileIdBothDirectoryInformation, 0, 255]) {
    assert.equal(fileQueryRules[each], undefined);
    assert.equal(refuseFileQuery(each), STATUS_INVALID_INFO_CLASS);
  }
  for (const each of [Class.FileHardLinkInformation, Class.FileObjectIdInformation, 47]) {
    assert.equal(fileQueryRules[each], undefined);
    assert.equal(refuseFileQuery(each), STATUS_NOT_SUPPORTED);
  }
  assert.equal(refuseFileSet(Class.FileAllInformation), STATUS_INVALID_INFO_CLASS);
  assert.equal(refuseFileSet(Class.FileQuotaInformation), STATUS_NOT_SUPPORTED);
  assert.equal(refuseFs(Fs.FileFsLabelInformation), STATUS_NOT_SUPPORTED);
  assert.equal(refuseFs(0), STATUS_INVALID_INFO_CLASS);
});

test('sets that need a right and those that need none', () => {
  assert.equal(fileSetRules[Class.FileEndOfFileInformation]?.requiredAccess, 0x2);
  assert.equal(fileSetRules[Class.FileRenameInformation]?.requiredAccess, 0x10000);
  assert.equal(fileSetRules[Class.FileLinkInformation]?.requiredAccess, 0);
  assert.equal(fsSetRules[Fs.FileFsControlInformation]?.requiredAccess, 0x2);
});
