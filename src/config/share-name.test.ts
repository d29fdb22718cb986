import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isShareName, toShareName } from './share-name.ts';

test('legal names', () => {
  for (const name of ['data', 'C$', 'a b', 'Ünïcode', 'x'.repeat(63)]) {
    assert.equal(isShareName(name), true, name);
  }
  for (const name of ['', ' a', 'a/b', 'a\\b', 'a:b', 'IPC$', 'Global', 'a\n', 'x'.repeat(64)]) {
    assert.equal(isShareName(name), false, name);
  }
});

test('any text gives a legal name', () => {
  assert.equal(toShareName('files'), 'files');
  assert.equal(toShareName('a/b:c'), 'a_b_c');
  assert.equal(toShareName(''), 'share');
  assert.equal(toShareName('ipc$'), 'share');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (s) => isShareName(toShareName(s))),
  );
});
