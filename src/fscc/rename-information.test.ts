import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeRenameInformation,
  decodeRenameInformationEx,
  encodeRenameInformation,
  encodeRenameInformationEx,
  FileDispositionInformation,
  FileDispositionInformationEx,
} from './rename-information.ts';

test('rename: golden bytes both ways, padded to 24', () => {
  const value = { replaceIfExists: true, rootDirectory: 0, fileName: 'd\\n' };
  const hex = '0100000000000000000000000000000006000000' + '64005c006e00';
  assert.equal(encodeRenameInformation(value).toString('hex'), hex);
  assert.deepEqual(decodeRenameInformation(Buffer.from(hex, 'hex')), value);
  const short = encodeRenameInformation({ ...value, fileName: 'a' });
  assert.equal(short.toString('hex'), '0100000000000000000000000000000002000000' + '61000000');
  assert.equal(decodeRenameInformation(short).fileName, 'a');
  // Without the padding too; and reserved bytes are ignored.
  const unpadded = Buffer.from('02ffffffffffffff000000000000000002000000' + '6100', 'hex');
  assert.deepEqual(decodeRenameInformation(unpadded), { ...value, fileName: 'a' });
});

test('rename Ex: golden bytes both ways', () => {
  const value = { flags: 0x43, rootDirectory: 7, fileName: 'new' };
  const hex = '4300000000000000070000000000000006000000' + '6e0065007700';
  assert.equal(encodeRenameInformationEx(value).toString('hex'), hex);
  assert.deepEqual(decodeRenameInformationEx(Buffer.from(hex, 'hex')), value);
});

for (const [name, decode] of [
  ['rename', decodeRenameInformation],
  ['rename Ex', decodeRenameInformationEx],
] as const) {
  test(`${name}: every truncation and a false length are WireErrors`, () => {
    const whole = encodeRenameInformation({
      replaceIfExists: false,
      rootDirectory: 0,
      fileName: 'file.txt',
    });
    for (let n = 0; n < whole.length; n++) {
      assert.throws(() => decode(whole.subarray(0, n)), WireError);
    }
    for (const length of [17, 18, 15, 0xffffffff, 0x80000000]) {
      whole.writeUInt32LE(length, 16);
      assert.throws(() => decode(whole), WireError);
    }
  });
}

test('any name survives', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (fileName, replaceIfExists) => {
      const value = { replaceIfExists, rootDirectory: 0, fileName };
      assert.deepEqual(decodeRenameInformation(encodeRenameInformation(value)), value);
    }),
  );
});

test('dispositions', () => {
  assert.deepEqual(FileDispositionInformation.read(Buffer.from('02', 'hex')), {
    deletePending: true,
  });
  assert.equal(FileDispositionInformation.encode({ deletePending: true }).toString('hex'), '01');
  assert.throws(() => FileDispositionInformation.read(Buffer.alloc(0)), WireError);
  assert.equal(FileDispositionInformationEx.encode({ flags: 0x13 }).toString('hex'), '13000000');
  assert.throws(() => FileDispositionInformationEx.read(Buffer.alloc(3)), WireError);
});
