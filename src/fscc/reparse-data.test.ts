import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeSymbolicLinkReparseData,
  encodeEmptyReparseData,
  encodeSymbolicLinkReparseData,
  SYMLINK_FLAG_RELATIVE,
} from './reparse-data.ts';

const link = { substituteName: '..\\a', printName: 'a', flags: SYMLINK_FLAG_RELATIVE };
/** By hand, from the table of 2.1.2.4. */
const LINK_HEX = `0c0000a0 1600 0000 0000 0800 0800 0200 01000000
  2e002e005c006100 6100`;

test('a symbolic link, both ways', () => {
  const bytes = Buffer.from(LINK_HEX.replace(/\s/g, ''), 'hex');
  assert.deepEqual(encodeSymbolicLinkReparseData(link), bytes);
  assert.deepEqual(decodeSymbolicLinkReparseData(bytes), link);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeSymbolicLinkReparseData(bytes.subarray(0, length)), WireError);
  }
});

test('a tag without data', () => {
  assert.equal(encodeEmptyReparseData(0x80000024).toString('hex'), '2400008000000000');
});
