/** Level 100 of the SMB3 POSIX extensions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { testCodec } from '../../test/support/codec.ts';
import { makeSid, unixGroupSid, unixUserSid } from '../dtyp/sid.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeFilePosixInformation,
  decodePosixDirectory,
  encodeFilePosixInformation,
  type FilePosixInformation,
  POSIX_ENTRY_BYTES,
  type PosixDirectoryEntry,
  PosixDirectoryWriter,
  PosixFileType,
  wantedMode,
  wireMode,
} from './posix-information.ts';

const OWNERS =
  '01 02 000000000016 01000000 e8030000' + // S-1-22-1-1000
  '01 02 000000000016 02000000 64000000'; // S-1-22-2-100

const example: FilePosixInformation = {
  creationTime: 1n,
  lastAccessTime: 2n,
  lastWriteTime: 3n,
  changeTime: 4n,
  endOfFile: 5,
  allocationSize: 4096,
  fileAttributes: 0x20,
  inode: 7n,
  deviceId: 8,
  linkCount: 2,
  reparseTag: 0,
  mode: 0o640,
  owner: unixUserSid(1000),
  group: unixGroupSid(100),
};

const u32 = fc.nat(0xffff_ffff);
const u64 = fc.bigInt(0n, (1n << 64n) - 1n);
const sid = fc.array(u32, { minLength: 1, maxLength: 15 }).map((subs) => makeSid(5, ...subs));
const values = fc.record(
  {
    creationTime: u64,
    lastAccessTime: u64,
    lastWriteTime: u64,
    changeTime: u64,
    endOfFile: fc.maxSafeNat(),
    allocationSize: fc.maxSafeNat(),
    fileAttributes: u32,
    inode: u64,
    deviceId: u32,
    linkCount: u32,
    reparseTag: u32,
    mode: u32,
    owner: sid,
    group: sid,
  },
  { noNullPrototype: true },
);

testCodec<FilePosixInformation>('FilePosixInformation', {
  decode: (b) => decodeFilePosixInformation(b),
  encode: encodeFilePosixInformation,
  headerSize: 0,
  golden: [
    {
      name: 'a file',
      hex:
        '0100000000000000 0200000000000000 0300000000000000 0400000000000000' +
        '0500000000000000 0010000000000000 20000000 0700000000000000 08000000 00000000' +
        `02000000 00000000 a0010000 ${OWNERS}`,
      value: example,
    },
  ],
  values,
});

const entry = (name: string): PosixDirectoryEntry => ({ ...example, name });

test('a listing: entries at multiples of 8, each whole or not at all', () => {
  const buffer = Buffer.alloc(POSIX_ENTRY_BYTES * 4, 0xee);
  const writer = new PosixDirectoryWriter(buffer);
  const names = ['a:b', 'B', 'c\\d'];
  for (const name of names) assert.ok(writer.add(entry(name)));
  assert.ok(!writer.add(entry('x'.repeat(200))));
  assert.ok(!writer.addTruncated(entry('x'.repeat(200))));
  const written = buffer.subarray(0, writer.length);
  assert.deepEqual(decodePosixDirectory(written), names.map(entry));
  // Behind the next entry's offset, which is a multiple of 8, nothing of the buffer's past shows.
  const second = written.readUInt32LE(0);
  assert.equal(second % 8, 0);
  assert.ok(!written.includes(0xee));
  for (let length = 1; length < written.length; length++) {
    assert.throws(() => decodePosixDirectory(written.subarray(0, length)), WireError, `${length}`);
  }
});

test('a listing that nothing fits in is empty', () => {
  const writer = new PosixDirectoryWriter(Buffer.alloc(POSIX_ENTRY_BYTES));
  assert.ok(!writer.add(entry('abc')));
  assert.ok(writer.isEmpty);
  assert.deepEqual(decodePosixDirectory(Buffer.alloc(0)), []);
});

test('modes: the type is told of links and special files only', () => {
  assert.equal(wireMode(0o100644), 0o644);
  assert.equal(wireMode(0o041777), 0o1777);
  assert.equal(wireMode(0o120777), 0o777 | (PosixFileType.SYMLINK << 12));
  assert.equal(wireMode(0o010600), 0o600 | (PosixFileType.FIFO << 12));
  assert.equal(wireMode(0o140600), 0o600 | (PosixFileType.SOCKET << 12));
  assert.equal(wireMode(0o020600), 0o600 | (PosixFileType.CHARACTER_DEVICE << 12));
  assert.equal(wireMode(0o060600), 0o600 | (PosixFileType.BLOCK_DEVICE << 12));
});

test('modes: Linux sends the whole st_mode, or all ones where it has none', () => {
  assert.equal(wantedMode(0o100640), 0o640);
  assert.equal(wantedMode(0o7777), 0o7777);
  assert.equal(wantedMode(0xffff), undefined);
});
