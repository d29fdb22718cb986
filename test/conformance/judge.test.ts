import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  belongsTo,
  judge,
  type Outcome,
  parseGoal,
  parseKnownFailures,
  type TestResult,
} from './judge.ts';
import { SUITES } from './suites.ts';

const result = (name: string, outcome: Outcome): TestResult => ({
  name,
  outcome,
  seconds: 0,
  message: '',
});

const expectations = {
  goal: new Set(['a.one', 'a.two', 'b.one']),
  knownFailures: new Map([['a.two', 'needs leases']]),
};

test('goals that pass and known failures that fail are as expected', () => {
  const results = [result('a.one', 'pass'), result('a.two', 'fail'), result('a.new', 'pass')];
  assert.deepEqual(judge('a', results, expectations), []);
  const hanging = [result('a.one', 'pass'), result('a.two', 'timeout')];
  assert.deepEqual(judge('a', hanging, expectations), []);
});

test('what is not as expected is named', () => {
  const judged = (...results: TestResult[]): string[] =>
    judge('a', results, expectations).map(({ name }) => name);
  assert.deepEqual(judged(result('a.one', 'fail'), result('a.two', 'fail')), ['a.one']);
  assert.deepEqual(judged(result('a.one', 'crash'), result('a.two', 'fail')), ['a.one']);
  assert.deepEqual(judged(result('a.one', 'pass'), result('a.two', 'pass')), ['a.two']);
  assert.deepEqual(judged(result('a.one', 'skip'), result('a.two', 'skip')), ['a.one']);
  assert.deepEqual(judged(result('a.one', 'pass'), result('a.two', 'notrun')), ['a.two']);
  assert.deepEqual(judged(result('a.one', 'pass')), ['a.two']);
  assert.deepEqual(judged(result('a.two', 'fail'), result('a.three', 'fail')), [
    'a.three',
    'a.one',
  ]);
});

test('a known failure without a reason, or named twice, is refused', () => {
  assert.deepEqual([...parseKnownFailures('# x\na b  # needs c\n')], [['a b', 'needs c']]);
  assert.throws(() => parseKnownFailures('a.one\n'), /line 1/);
  assert.throws(() => parseKnownFailures('a.one  # x\na.one  # y\n'), /line 2/);
});

test('every expected test belongs to one suite that runs', () => {
  const read = (file: string): string =>
    readFileSync(new URL(`expected/${file}`, import.meta.url), 'utf8');
  const goal = parseGoal(read('goal.txt'));
  const known = parseKnownFailures(read('known-failures.txt'));
  assert.ok(goal.size > 100);
  for (const name of [...goal, ...known.keys()]) {
    const owners = SUITES.filter((suite) => belongsTo(name, suite.name));
    assert.equal(owners.length, 1, name);
  }
});
