import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNewer, readExpectations } from './expectations.ts';
import {
  belongsTo,
  judge,
  majority,
  type Outcome,
  parseReasons,
  type TestResult,
} from './judge.ts';
import { SMB1_SUITES, suitesOf } from './suites.ts';

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
  assert.deepEqual([...parseReasons('# x\na b  # needs c\n', 'f')], [['a b', 'needs c']]);
  assert.throws(() => parseReasons('a.one\n', 'f'), /f line 1/);
  assert.throws(() => parseReasons('a.one  # x\na.one  # y\n', 'f'), /f line 2/);
});

test('of an unstable test, two of three runs count', () => {
  const of = (...outcomes: Outcome[]): Outcome =>
    majority(outcomes.map((outcome) => result('a.one', outcome))).outcome;
  assert.equal(of('fail', 'pass', 'pass'), 'pass');
  assert.equal(of('fail', 'pass', 'timeout'), 'fail');
  assert.equal(of('timeout', 'fail'), 'timeout');
  assert.equal(of('fail', 'pass'), 'fail');
});

test('the lists follow from the version of smbtorture', () => {
  assert.equal(isNewer('Version 4.17.12-Debian'), false);
  assert.equal(isNewer('smbtorture 4.25.1-Debian-4.25.1+dfsg-1\nVersion 4.25.1'), true);
  assert.equal(isNewer('Version 5.0.0'), true);
  assert.throws(() => isNewer('command not found'));
});

const runs = {
  listed: suitesOf(false),
  newer: suitesOf(true),
  smb1: SMB1_SUITES,
} as const;

for (const lists of ['listed', 'newer', 'smb1'] as const) {
  test(`every expected test belongs to one suite that runs, ${lists}`, () => {
    const { goal, knownFailures, unstable } = readExpectations(lists);
    assert.ok(goal.size > 100);
    for (const name of [...goal, ...knownFailures.keys(), ...unstable.keys()]) {
      const owners = runs[lists].filter((suite) => belongsTo(name, suite.name));
      assert.equal(owners.length, 1, name);
    }
  });
}
