/** The list of xfstests is one that can be read, and refuses what it cannot mean. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseExpectations, verdictOf } from './expectations.ts';

test('the list of this folder is read', () => {
  const text = readFileSync(new URL('expected.txt', import.meta.url), 'utf8');
  assert.ok(parseExpectations(text).size > 100);
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
