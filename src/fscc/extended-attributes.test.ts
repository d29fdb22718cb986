import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import { decodeOem } from './code-page.ts';
import {
  decodeFullEas,
  decodeGetEas,
  eaSize,
  easBytes,
  encodeFullEas,
  encodeGetEas,
  FILE_NEED_EA,
  isValidEa,
} from './extended-attributes.ts';

const eas = [
  { flags: 0, name: 'EAONE', value: Buffer.from('VALUE1') },
  { flags: FILE_NEED_EA, name: 'B', value: Buffer.from('x') },
];
const hex =
  '14000000' + '00050600' + '45414f4e4500' + '56414c554531' + '0000000080010100' + '4200' + '78';

test('golden bytes both ways', () => {
  const { bytes, count } = encodeFullEas(eas);
  assert.equal(bytes.toString('hex'), hex);
  assert.equal(count, 2);
  assert.deepEqual(decodeFullEas(bytes), eas);
});

test('sizes are those of the packed list that NTFS keeps', () => {
  assert.equal(easBytes([]), 0);
  assert.equal(eaSize([]), 0);
  assert.equal(easBytes(eas), 16 + 7);
  assert.equal(eaSize(eas), 4 + 16 + 7);
});

test('only whole entries go out', () => {
  const first = 20;
  const both = hex.length / 2;
  for (let limit = 0; limit <= both; limit++) {
    const { bytes, count } = encodeFullEas(eas, limit);
    assert.equal(count, limit < first ? 0 : limit < both ? 1 : 2);
    if (count > 0) assert.deepEqual(decodeFullEas(bytes), eas.slice(0, count));
  }
});

test('every truncation and a bad chain are WireErrors', () => {
  const b = Buffer.from(hex, 'hex');
  for (let n = 0; n < b.length; n++) {
    assert.throws(() => decodeFullEas(b.subarray(0, n)), WireError);
  }
  for (const next of [1, 4, 9, 0x100, 0xfffffffc]) {
    b.writeUInt32LE(next, 0);
    assert.throws(() => decodeFullEas(b), WireError);
  }
});

test('a name must end in NUL', () => {
  const b = Buffer.from(hex, 'hex');
  b[13] = 1;
  assert.throws(() => decodeFullEas(b), WireError);
});

test('lists of names', () => {
  const names = ['$LXUID', 'A', 'LONGER.NAME'];
  const b = encodeGetEas(names);
  assert.equal(b.toString('hex', 0, 12), '0c00000006244c5855494400');
  assert.deepEqual(decodeGetEas(b), names);
  for (let n = 0; n < b.length; n++) {
    assert.throws(() => decodeGetEas(b.subarray(0, n)), WireError);
  }
});

test('names are in the code page', () => {
  const { bytes } = encodeFullEas([{ flags: 0, name: 'ÄÇ', value: Buffer.from('x') }]);
  assert.equal(bytes.subarray(8, 11).toString('hex'), '8e8000');
  assert.equal(decodeFullEas(bytes)[0]?.name, 'ÄÇ');
  assert.equal(encodeGetEas(['ä']).toString('hex'), '00000000' + '01' + '8400');
  assert.deepEqual(decodeGetEas(encodeGetEas(['ä'])), ['ä']);
});

test('valid names', () => {
  for (const name of ['A', 'user.attr', 'a b', "it's", '{x}', 'ñandú', 'x'.repeat(254)]) {
    assert.equal(isValidEa({ flags: 0, name }), true, name);
  }
  for (const character of '\\/:*?"<>|,+=[];\0\x1f\u4e00\ufffd') {
    assert.equal(isValidEa({ flags: 0, name: `a${character}` }), false, character);
  }
  assert.equal(isValidEa({ flags: 0, name: '' }), false);
  assert.equal(isValidEa({ flags: 0, name: 'x'.repeat(255) }), false);
  assert.equal(isValidEa({ flags: 1, name: 'a' }), false);
  assert.equal(isValidEa({ flags: FILE_NEED_EA, name: 'a' }), true);
});

test('any list survives', () => {
  const ea = fc
    .tuple(
      fc.constantFrom(0, FILE_NEED_EA),
      fc.uint8Array({ minLength: 1, maxLength: 20 }).map((b) => decodeOem(Buffer.from(b))),
      fc.uint8Array({ maxLength: 40 }),
    )
    .map(([flags, name, value]) => ({ flags, name, value: Buffer.from(value) }));
  fc.assert(
    fc.property(fc.array(ea, { minLength: 1, maxLength: 8 }), (list) => {
      assert.deepEqual(decodeFullEas(encodeFullEas(list).bytes), list);
    }),
  );
});

test('random bytes decode or are a WireError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      for (const decode of [decodeFullEas, decodeGetEas]) {
        try {
          assert.ok(decode(Buffer.from(bytes)).length > 0);
        } catch (error) {
          assert.ok(error instanceof WireError);
        }
      }
    }),
  );
});
