import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMatcher, hasWildcards, matches } from './wildcard.ts';

/** The rules of MS-FSA 2.1.4.4 part 2 as they read, by recursion. */
function naive(expression: string, name: string, at = 0): boolean {
  const code = expression[0];
  const rest = expression.slice(1);
  const unit = name[at];
  const isLastPeriod = unit === '.' && name.indexOf('.', at + 1) < 0;
  if (code === undefined) return unit === undefined;
  if (code === '*') {
    return naive(rest, name, at) || (unit !== undefined && naive(expression, name, at + 1));
  }
  if (code === '<') {
    if (unit === undefined) return naive(rest, name, at);
    return naive(rest, name, at) || naive(isLastPeriod ? rest : expression, name, at + 1);
  }
  if (code === '>') {
    return unit === undefined || unit === '.' ? naive(rest, name, at) : naive(rest, name, at + 1);
  }
  if (code === '"') {
    return unit === undefined ? naive(rest, name, at) : unit === '.' && naive(rest, name, at + 1);
  }
  if (unit === undefined) return false;
  return (code === '?' || code === unit) && naive(rest, name, at + 1);
}

test('agrees with the naive matcher', () => {
  const expressions = fc.string({ unit: fc.constantFrom(...'AB.*?<>"'), maxLength: 8 });
  const names = fc.string({ unit: fc.constantFrom(...'AB..'), maxLength: 8 });
  fc.assert(
    fc.property(expressions, names, (expression, name) => {
      const expected = expression === '*.*' || naive(expression, name);
      assert.equal(matches(expression, name), expected, `${expression} on ${name}`);
    }),
    { numRuns: 5000 },
  );
});

test('what cmd.exe sends', () => {
  // "*.txt" goes out as "<.txt", "*." as "<", "a?b" as "a>b", "*.*" as "*" or "<.*".
  const listed = (expression: string) =>
    ['a', 'a.txt', 'b.c.txt', 'a.txtx', '.txt', 'readme.TXT'].filter(createMatcher(expression));
  assert.deepEqual(listed('<.txt'), ['a.txt', 'b.c.txt', '.txt', 'readme.TXT']);
  assert.deepEqual(listed('<'), ['a']);
  assert.deepEqual(listed('<txt'), ['a.txt', 'b.c.txt', '.txt', 'readme.TXT']);
  assert.deepEqual(listed('<<x'), ['a.txtx']);
  assert.deepEqual(listed('<"*'), ['a', 'a.txt', 'b.c.txt', 'a.txtx', '.txt', 'readme.TXT']);
  assert.deepEqual(listed('>>>>>>>>.txt'), ['a.txt', '.txt', 'readme.TXT']);
  assert.deepEqual(listed('*.*').length, 6);
  assert.deepEqual(listed('*'), listed('*.*'));
  assert.deepEqual(listed('*.t?t'), ['a.txt', 'b.c.txt', '.txt', 'readme.TXT']);
});

test('an expression without wildcards is a name, whatever its case and composition', () => {
  assert.equal(matches('New Folder', 'new folder'), true);
  assert.equal(matches('New Folder', 'new folder2'), false);
  assert.equal(matches('CAF\u00c9*', 'cafe\u0301.txt'), true);
  assert.equal(matches('a.b', 'aXb'), false);
  assert.equal(matches('[a]+$', '[A]+$'), true);
  assert.equal(matches('', ''), true);
  assert.equal(matches('', 'a'), false);
  assert.equal(matches('a', ''), false);
});

test('a matcher keeps nothing between names', () => {
  const match = createMatcher('a?c*d');
  assert.equal(match('abcd'), true);
  assert.equal(match('abc'), false);
  assert.equal(match('abcxd'), true);
  assert.equal(match(''), false);
});

test('hostile expressions are quick', () => {
  const name = 'a'.repeat(255);
  const started = performance.now();
  assert.equal(matches(`${'*'.repeat(1000)}b`, name), false);
  assert.equal(matches(`${'*a'.repeat(127)}b`, name), false);
  assert.equal(matches(`${'*?'.repeat(127)}`, name), true);
  assert.equal(matches(`${'<>'.repeat(127)}b`, name), false);
  assert.ok(performance.now() - started < 500);
});

test('wildcards', () => {
  for (const text of ['*', 'a?', '<', '>', '"']) assert.equal(hasWildcards(text), true);
  for (const text of ['', 'a.b', '\u{f020}']) assert.equal(hasWildcards(text), false);
});
