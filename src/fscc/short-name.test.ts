import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { refuseFilename } from './names.ts';
import { isGeneratedShortName, isShortName, isShortNameOf, shortNameOf } from './short-name.ts';

/** MS-FSCC 2.1.5.2.1, clause by clause. */
function isCompliant(name: string): boolean {
  const parts = name.split('.');
  const [base = '', extension] = parts;
  if (parts.length > 2 || base.length < 1 || base.length > 8) return false;
  if (extension !== undefined && (extension.length < 1 || extension.length > 3)) return false;
  return [...name].every((letter) => letter > ' ' && letter < '\x80');
}

const fileName = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...'aA09.~_ -+[é'), minLength: 1, maxLength: 16 }),
  )
  .filter((name) => refuseFilename(name) === undefined);

test('which names are 8.3 names', () => {
  for (const name of ['A', 'readme.txt', '12345678.123', 'a-b_c~1.x', 'PROGRA~1', '$Recycle']) {
    assert.equal(isShortName(name), true, name);
  }
  for (const name of [
    '',
    '.profile',
    'name.',
    'a.b.c',
    'a b.txt',
    '123456789',
    'page.html',
    'é.txt',
    'a+b.txt',
    'a,b',
    'a;b',
    'a=b',
    '[a].txt',
    'DEL\x7f',
  ]) {
    assert.equal(isShortName(name), false, name);
  }
});

test('a generated name is the same for ever', () => {
  assert.equal(shortNameOf('torture_smb2_getfinfo_access'), 'T~FXNJMW');
  assert.equal(shortNameOf('Minutes of May.docx'), 'M~N89M8I.DOC');
  assert.equal(shortNameOf('.profile'), '_~E8M92Q');
  assert.equal(shortNameOf('überblick.tar.gz'), '_~VRKCW0.GZ');
});

test('every name has a short one, and only a compliant one keeps its own', () => {
  fc.assert(
    fc.property(fileName, (name) => {
      const short = shortNameOf(name);
      assert.ok(isCompliant(short), short);
      assert.equal(refuseFilename(short), undefined);
      assert.equal(shortNameOf(short), short);
      if (isShortName(name)) {
        assert.ok(isCompliant(name));
        assert.equal(short, name);
      } else {
        assert.ok(isGeneratedShortName(short), short);
        assert.ok(isGeneratedShortName(short.toLowerCase()));
      }
      assert.equal(isShortNameOf(short.toLowerCase(), name), short !== name);
    }),
  );
});

test('a generated name belongs to the names that it is made of only', () => {
  fc.assert(
    fc.property(fileName, fileName, (one, other) => {
      const short = shortNameOf(one);
      fc.pre(short !== one && shortNameOf(other) !== short);
      assert.equal(isShortNameOf(short, other), false);
    }),
  );
});

test('what Windows, DOS and Office make is not of the generated form', () => {
  for (const name of [
    'PROGRA~1',
    'AB12CD~1.TXT',
    '~$report.docx',
    '~WRD0001.tmp',
    'A~1',
    'A~12345',
  ]) {
    assert.equal(isGeneratedShortName(name), false, name);
  }
});

test('ten thousand alike names hardly ever come to the same', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 10_000; i++) seen.add(shortNameOf(`IMG_2026_${i}.jpeg`));
  assert.ok(seen.size >= 9_999, `${seen.size}`);
});
