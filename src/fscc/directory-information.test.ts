import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import { FILE_ATTRIBUTE_ARCHIVE, FILE_ATTRIBUTE_REPARSE_POINT } from './attributes.ts';
import {
  type DirectoryEntry,
  DirectoryWriter,
  decodeDirectory,
  fixedSize,
  isDirectoryClass,
} from './directory-information.ts';
import { FileInformationClass as Class } from './information-class.ts';
import { IO_REPARSE_TAG_SYMLINK } from './reparse-tags.ts';

const entry: DirectoryEntry = {
  name: 'ab',
  creationTime: 0x1111111111111111n,
  lastAccessTime: 0x2222222222222222n,
  lastWriteTime: 0x3333333333333333n,
  changeTime: 0x4444444444444444n,
  endOfFile: 0x1_0000_0005,
  allocationSize: 0x1_0000_1000,
  fileAttributes: FILE_ATTRIBUTE_ARCHIVE,
  eaSize: 0x66,
  reparseTag: 0,
  fileId: 0x7777777777777777n,
  fileIdHigh: 0x8888888888888888n,
};
const link = {
  ...entry,
  fileAttributes: FILE_ATTRIBUTE_REPARSE_POINT,
  reparseTag: IO_REPARSE_TAG_SYMLINK,
};

const head = `0000000000000000${'11'.repeat(8)}${'22'.repeat(8)}${'33'.repeat(8)}${'44'.repeat(8)}`;
const sizes = '05000000010000000010000001000000';
const beginning = `${head}${sizes}2000000004000000`;
const linkBeginning = `${head}${sizes}0004000004000000`;
const id = '77'.repeat(8);
const id128 = `${id}${'88'.repeat(8)}`;
const short = '00'.repeat(26);
const ea = '66000000';
const none = '00000000';
const tag = '0c0000a0';
const name = '61006200';

const golden: readonly [number, string, string][] = [
  [Class.FileDirectoryInformation, `${beginning}${name}`, `${linkBeginning}${name}`],
  [Class.FileFullDirectoryInformation, `${beginning}${ea}${name}`, `${linkBeginning}${tag}${name}`],
  [
    Class.FileBothDirectoryInformation,
    `${beginning}${ea}${short}${name}`,
    `${linkBeginning}${tag}${short}${name}`,
  ],
  [
    Class.FileNamesInformation,
    `000000000000000004000000${name}`,
    `000000000000000004000000${name}`,
  ],
  [
    Class.FileIdBothDirectoryInformation,
    `${beginning}${ea}${short}0000${id}${name}`,
    `${linkBeginning}${tag}${short}0000${id}${name}`,
  ],
  [
    Class.FileIdFullDirectoryInformation,
    `${beginning}${ea}${none}${id}${name}`,
    `${linkBeginning}${tag}${none}${id}${name}`,
  ],
  [
    Class.FileIdExtdDirectoryInformation,
    `${beginning}${ea}${none}${id128}${name}`,
    `${linkBeginning}${ea}${tag}${id128}${name}`,
  ],
  [
    Class.FileIdExtdBothDirectoryInformation,
    `${beginning}${ea}${none}${id128}${short}${name}`,
    `${linkBeginning}${ea}${tag}${id128}${short}${name}`,
  ],
  [
    Class.FileId64ExtdDirectoryInformation,
    `${beginning}${ea}${none}${id}${name}`,
    `${linkBeginning}${ea}${tag}${id}${name}`,
  ],
  [
    Class.FileId64ExtdBothDirectoryInformation,
    `${beginning}${ea}${none}${id}${short}${name}`,
    `${linkBeginning}${ea}${tag}${id}${short}${name}`,
  ],
  [
    Class.FileIdAllExtdDirectoryInformation,
    `${beginning}${ea}${none}${id}${id128}${name}`,
    `${linkBeginning}${ea}${tag}${id}${id128}${name}`,
  ],
  [
    Class.FileIdAllExtdBothDirectoryInformation,
    `${beginning}${ea}${none}${id}${id128}${short}${name}`,
    `${linkBeginning}${ea}${tag}${id}${id128}${short}${name}`,
  ],
];
const classes = golden.map(([informationClass]) => informationClass);

/** A buffer that held something else before. */
const dirty = (bytes: number) => Buffer.alloc(bytes, 0xee);

for (const [informationClass, file, symlink] of golden) {
  test(`class ${informationClass}: golden bytes both ways`, () => {
    for (const [given, hex] of [
      [entry, file],
      [link, symlink],
    ] as const) {
      const b = dirty(hex.length / 2 + 9);
      const writer = new DirectoryWriter(informationClass, b);
      assert.equal(writer.add(given), true);
      assert.equal(b.toString('hex', 0, writer.length), hex);
      assert.equal(b.toString('hex', writer.length), 'ee'.repeat(9));
      const [read] = decodeDirectory(informationClass, b.subarray(0, writer.length));
      assert.equal(read?.name, given.name);
      if (informationClass === Class.FileNamesInformation) continue;
      assert.equal(read?.endOfFile, given.endOfFile);
      assert.equal(read?.changeTime, given.changeTime);
      assert.equal(read?.fileAttributes, given.fileAttributes);
    }
    assert.equal(fixedSize(informationClass), file.length / 2 - 4);
  });

  test(`class ${informationClass}: every truncation is a WireError`, () => {
    const b = dirty(400);
    const writer = new DirectoryWriter(informationClass, b);
    writer.add(entry);
    writer.add(link);
    const whole = b.subarray(0, writer.length);
    assert.equal(decodeDirectory(informationClass, whole).length, 2);
    for (let n = 1; n < whole.length; n++) {
      assert.throws(() => decodeDirectory(informationClass, whole.subarray(0, n)), WireError);
    }
  });
}

test('what a class holds is read back', () => {
  const b = dirty(400);
  const writer = new DirectoryWriter(Class.FileIdAllExtdBothDirectoryInformation, b);
  writer.add(link);
  const [read] = decodeDirectory(
    Class.FileIdAllExtdBothDirectoryInformation,
    b.subarray(0, writer.length),
  );
  assert.deepEqual(read, { ...link, fileIndex: 0, shortName: '' });
});

test('entries are chained at multiples of 8 and end in 0', () => {
  for (const informationClass of classes) {
    const b = dirty(4096);
    const writer = new DirectoryWriter(informationClass, b, 3);
    const names = ['a', 'bc', 'def', 'ghij', 'klmno'];
    for (const each of names) assert.equal(writer.add({ ...entry, name: each }), true);
    const whole = b.subarray(3, 3 + writer.length);
    const read = decodeDirectory(informationClass, whole);
    assert.deepEqual(
      read.map((each) => each.name),
      names,
    );
    let at = 0;
    for (let i = 0; i < names.length; i++) {
      const next = whole.readUInt32LE(at);
      const end = at + fixedSize(informationClass) + names[i]!.length * 2;
      if (i === names.length - 1) assert.equal(next, 0);
      else
        assert.deepEqual([...whole.subarray(end, at + next)], new Array(at + next - end).fill(0));
      at += next;
    }
    assert.deepEqual([b[0], b[1], b[2]], [0xee, 0xee, 0xee]);
  }
});

test('an entry that does not fit is not begun', () => {
  for (const informationClass of classes) {
    const needed = fixedSize(informationClass) + 4;
    for (let end = 0; end <= needed; end++) {
      const b = dirty(needed + 8);
      const writer = new DirectoryWriter(informationClass, b, 0, end);
      assert.equal(writer.add(entry), end === needed);
      assert.equal(writer.isEmpty, end !== needed);
      assert.equal(b.toString('hex', end), 'ee'.repeat(b.length - end));
      if (end < needed) assert.equal(b.toString('hex'), 'ee'.repeat(b.length));
    }
  }
});

test('a truncated first entry tells the whole length', () => {
  for (const informationClass of classes) {
    const size = fixedSize(informationClass);
    assert.equal(new DirectoryWriter(informationClass, dirty(size - 1)).addTruncated(entry), false);
    const b = dirty(size + 3);
    const writer = new DirectoryWriter(informationClass, b);
    assert.equal(writer.addTruncated(entry), true);
    assert.equal(writer.length, size + 2);
    assert.equal(b.toString('hex', size), '6100ee');
    const lengthAt = informationClass === Class.FileNamesInformation ? 8 : 60;
    assert.equal(b.readUInt32LE(lengthAt), 4);
  }
});

test('random bytes decode or are a WireError, in bounded work', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...classes),
      fc.uint8Array({ maxLength: 600 }),
      (informationClass, bytes) => {
        try {
          const entries = decodeDirectory(informationClass, Buffer.from(bytes));
          assert.ok(entries.length * fixedSize(informationClass) <= bytes.length);
        } catch (error) {
          assert.ok(error instanceof WireError);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('a chain that points at itself or backwards is refused', () => {
  const b = dirty(200);
  const writer = new DirectoryWriter(Class.FileNamesInformation, b);
  writer.add(entry);
  writer.add(entry);
  for (const next of [1, 4, 8, 17, 0xfffffff8]) {
    b.writeUInt32LE(next, 0);
    assert.throws(
      () => decodeDirectory(Class.FileNamesInformation, b.subarray(0, writer.length)),
      WireError,
    );
  }
});

test('classes that list no directory', () => {
  assert.equal(isDirectoryClass(Class.FileBasicInformation), false);
  assert.equal(isDirectoryClass(Class.FileIdBothDirectoryInformation), true);
  assert.throws(() => fixedSize(Class.FileBasicInformation), RangeError);
});
