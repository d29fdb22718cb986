import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import { decodeReparseBuffer, isReservedTag } from './reparse-buffer.ts';
import { encodeSymbolicLinkReparseData, SYMLINK_FLAG_RELATIVE } from './reparse-data.ts';
import { IO_REPARSE_TAG_LX_SYMLINK, IO_REPARSE_TAG_NFS } from './reparse-tags.ts';
import { fileTypeOfReparse, linkTargetOfReparse, staysInShare } from './special-files.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** By hand, from the tables of 2.1.2.6 and 2.1.2.7. */
const SPECIAL = [
  ['14000080 0800 0000 4649464f 00000000', 0o010000],
  ['14000080 0800 0000 534f434b 00000000', 0o140000],
  ['14000080 1000 0000 43485200 00000000 01000000 03000000', 0o020000],
  ['14000080 1000 0000 424c4b00 00000000 08000000 01000000', 0o060000],
  ['24000080 0000 0000', 0o010000],
  ['23000080 0000 0000', 0o140000],
  ['25000080 0000 0000', 0o020000],
  ['26000080 0000 0000', 0o060000],
] as const;
const LINKS = [
  ['14000080 0e00 0000 4c4e4b01 00000000 61002f006200', 'a/b'],
  ['1d0000a0 0700 0000 02000000 612f62', 'a/b'],
] as const;

function targetOf(bytes: Buffer): string | undefined {
  const { tag, data } = decodeReparseBuffer(bytes);
  return linkTargetOfReparse(tag, bytes, data);
}

test('special files of NFS and of WSL', () => {
  for (const [text, type] of SPECIAL) {
    assert.equal(fileTypeOfReparse(hex(text)), type, text);
    assert.equal(targetOf(hex(text)), undefined);
  }
  assert.equal(fileTypeOfReparse(hex('1e000080 0000 0000')), 0);
  assert.equal(fileTypeOfReparse(hex('14000080 0000 0000')), 0);
});

test('links of NFS, of WSL and of Windows', () => {
  for (const [text, target] of LINKS) assert.equal(targetOf(hex(text)), target);
  const link = (substituteName: string, flags: number) =>
    targetOf(encodeSymbolicLinkReparseData({ substituteName, printName: 'x', flags }));
  assert.equal(link('..\\a\\b', SYMLINK_FLAG_RELATIVE), '../a/b');
  assert.equal(link('\\??\\C:\\x', 0), undefined);
});

test('what is malformed is a WireError, and nothing else', () => {
  for (const text of [
    '',
    '14000080 0800 00',
    '14000080 0900 0000 4649464f 00000000',
    '14000080 0400 0000 4649464f',
    '14000080 0c00 0000 4649464f 00000000 00000000',
    '14000080 0800 0000 4649464e 00000000',
    '14000080 0900 0000 4c4e4b01 00000000 61',
    '1d0000a0 0700 0000 03000000 612f62',
    // Not Microsoft's: a GUID is missing.
    '01010000 0000 0000',
  ]) {
    assert.throws(() => targetOf(hex(text)), WireError, text);
  }
  const tags = [IO_REPARSE_TAG_NFS, IO_REPARSE_TAG_LX_SYMLINK, 0xa000000c, 0x1234];
  fc.assert(
    fc.property(fc.constantFrom(...tags), fc.uint8Array({ maxLength: 64 }), (tag, rest) => {
      const bytes = Buffer.concat([hex('00000000 0000 0000'), rest]);
      bytes.writeUInt32LE(tag, 0);
      bytes.writeUInt16LE(rest.length, 4);
      fileTypeOfReparse(bytes);
      try {
        targetOf(bytes);
      } catch (error) {
        assert.ok(error instanceof WireError);
      }
    }),
  );
});

test("a tag that is not Microsoft's has a GUID", () => {
  const guid = '000102030405060708090a0b0c0d0e0f';
  const { tag, guid: owner, data } = decodeReparseBuffer(hex(`34120000 0200 0000 ${guid} abcd`));
  assert.deepEqual([tag, owner, data], [0x1234, hex(guid), hex('abcd')]);
  assert.ok([0, 1, 2].every(isReservedTag) && !isReservedTag(0x1234));
});

test('where a link leads out of the share', () => {
  for (const [target, depth, stays] of [
    ['a', 0, true],
    ['./a//b/', 0, true],
    ['..', 0, false],
    ['..', 1, true],
    ['../../a', 1, false],
    ['../../a', 2, true],
    // What has the name may be a link itself.
    ['a/../b', 5, false],
    ['a/..b/...', 0, true],
    ['/etc/passwd', 9, false],
    ['', 3, false],
    ['MSDFS:server\\share', 3, false],
    ['a\0b', 3, false],
    ['x'.repeat(4096), 3, false],
  ] as const) {
    assert.equal(staysInShare(target, depth), stays, `${target.slice(0, 20)} at ${depth}`);
  }
});
