import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { equalIgnoreCase, foldKey, isAscii, upcase, upcaseUnit } from './upcase.ts';

const units = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 })
  .map((codes) => String.fromCharCode(...codes));

test('letters of many scripts', () => {
  assert.equal(upcase('readme.txt'), 'README.TXT');
  assert.equal(upcase('größe'), 'GRÖßE');
  assert.equal(upcase('ﬁle'), 'ﬁLE');
  assert.equal(upcase('σς'), 'ΣΣ');
  assert.equal(upcase('привет'), 'ПРИВЕТ');
  assert.equal(upcase('\u1f80\u1fb3'), '\u1f88\u1fbc');
  assert.equal(upcase('ÿ'), 'Ÿ');
});

test('nothing outside ASCII equals a letter of ASCII', () => {
  for (let unit = 0x80; unit < 0x10000; unit++) assert.ok(upcaseUnit(unit) >= 0x80, `${unit}`);
  assert.equal(equalIgnoreCase('ı', 'i'), false);
  assert.equal(equalIgnoreCase('ſ', 's'), false);
  assert.equal(equalIgnoreCase('µ', 'μ'), false);
});

test('every unit maps to a fixed point', () => {
  for (let unit = 0; unit < 0x10000; unit++) {
    const upper = upcaseUnit(unit);
    assert.equal(upcaseUnit(upper), upper, unit.toString(16));
  }
});

test('surrogates stay, paired or not', () => {
  for (const text of ['\ud800', 'a\udc00b'.toUpperCase(), '😀', '\u{10428}']) {
    assert.equal(upcase(text), text);
  }
});

test('composed and decomposed names are one name', () => {
  assert.equal(equalIgnoreCase('Caf\u00e9', 'CAFE\u0301'), true);
  assert.equal(foldKey('u\u0308'), foldKey('Ü'));
  assert.equal(equalIgnoreCase('\u212a', 'k'), true, 'the Kelvin sign is a K by Unicode');
  assert.equal(equalIgnoreCase('cafe', 'caf\u00e9'), false);
});

test('length is kept, the key is idempotent, equality agrees with keys', () => {
  fc.assert(
    fc.property(units, units, (a, b) => {
      assert.equal(upcase(a).length, a.length);
      assert.equal(upcase(upcase(a)), upcase(a));
      assert.equal(equalIgnoreCase(a, b), foldKey(a) === foldKey(b));
      assert.equal(equalIgnoreCase(a, upcase(a)), foldKey(a) === foldKey(upcase(a)));
      if (isAscii(a)) assert.equal(foldKey(a), a.toUpperCase());
    }),
  );
});

test('long names', () => {
  const long = 'é'.repeat(5000);
  assert.equal(upcase(long), 'É'.repeat(5000));
});
