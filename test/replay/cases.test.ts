/** The list of cases is true: each once, and whatever is said to be replayed is. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CASES } from './cases.ts';

/** Of each tier. */
const COUNT = 45;

/** Names of tests begin with the ids of their cases. */
function idsIn(file: string): Set<string> {
  const text = readFileSync(join(import.meta.dirname, `${file}.test.ts`), 'utf8');
  const names = text.matchAll(/\btest\(\s*['"`]((?:[AB]\d\d )+)/g);
  return new Set([...names].flatMap(([, ids]) => ids!.trim().split(' ')));
}

/** A01 to A45, then B01 to B45. */
const EXPECTED = ['A', 'B'].flatMap((tier) =>
  Array.from({ length: COUNT }, (_, i) => `${tier}${String(i + 1).padStart(2, '0')}`),
);

test('A01 to A45 and B01 to B45 are each in the list once, in order', () => {
  assert.deepEqual(
    CASES.map(({ id }) => id),
    EXPECTED,
  );
});

test('a case that is replayed has a test of its name in its file', () => {
  for (const { id, here } of CASES) {
    if (here !== undefined) assert.ok(idsIn(here).has(id), `${id} is not in ${here}.test.ts`);
  }
});

test('a test names no case that another file is said to hold, nor one that is not listed', () => {
  for (const file of new Set(CASES.map(({ here }) => here))) {
    if (file === undefined) continue;
    for (const id of idsIn(file)) {
      assert.equal(CASES.find((one) => one.id === id)?.here, file, `${id} in ${file}.test.ts`);
    }
  }
});

test('a case that is not replayed is tested elsewhere', () => {
  for (const { id, here, elsewhere } of CASES) assert.ok((here ?? elsewhere) !== undefined, id);
});

test('a case that is tested elsewhere is tested in a file that is there', () => {
  const root = join(import.meta.dirname, '..', '..');
  for (const { id, elsewhere } of CASES) {
    if (elsewhere !== undefined) assert.ok(existsSync(join(root, elsewhere)), id);
  }
});
