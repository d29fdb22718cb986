/** The list of xfstests is one that can be read, and refuses what it cannot mean. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseExpectations, verdictOf } from './expectations.ts';

test('the lists of this folder are read, and no test is in both', () => {
  const read = (name: string) =>
    parseExpectations(readFileSync(new URL(name, import.meta.url), 'utf8'));
  const [ksmbds, quick] = [read('expected.txt'), read('quick.txt')];
  assert.equal(ksmbds.size, 126);
  assert.ok(quick.size > 100);
  for (const name of quick.keys()) assert.ok(!ksmbds.has(name), name);
});

test('verdicts by mount', () => {
  const list = parseExpectations('# a comment\n\ngeneric/1 pass ?\ngeneric/2 ? fail # why\n');
  assert.equal(verdictOf(list, 'generic/1', true), 'pass');
  assert.equal(verdictOf(list, 'generic/1', false), undefined);
  assert.equal(verdictOf(list, 'generic/2', false), 'fail');
  assert.equal(verdictOf(list, 'generic/3', true), undefined);
});

test('no verdict, no reason, a test twice', () => {
  for (const text of ['generic/1 pass', 'generic/1 good pass', 'generic/1 pass pass pass']) {
    assert.throws(() => parseExpectations(text), /expected\.txt/);
  }
  assert.throws(() => parseExpectations('generic/1 fail pass'), /no reason/);
  assert.throws(() => parseExpectations('generic/1 pass ?\ngeneric/1 pass ?'), /twice/);
});
