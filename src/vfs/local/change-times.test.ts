import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_KEPT_CHANGE_TIMES } from '../../base/limits.ts';
import { ChangeTimes } from './change-times.ts';

test('what was set is told until the object changes, and not again', () => {
  const times = new ChangeTimes();
  times.keep('a', 5n, 100, 7);
  times.keep('b', 6n, 100, 7);
  assert.equal(times.told('a', 100, 7), 5n);
  assert.equal(times.told('a', 100, 8), undefined);
  assert.equal(times.told('a', 100, 7), undefined);
  assert.equal(times.told('b', 100, 7), 6n);
  assert.equal(times.told('c', 100, 7), undefined);
});

test('there is a bound, and the oldest goes first', () => {
  const times = new ChangeTimes();
  for (let i = 0; i <= MAX_KEPT_CHANGE_TIMES; i++) {
    times.keep(`${i}`, BigInt(i), i, 0);
    // The first is set again and again.
    times.keep('0', 1n, 0, 0);
  }
  assert.equal(times.size, MAX_KEPT_CHANGE_TIMES);
  assert.equal(times.told('0', 0, 0), 1n);
  assert.equal(times.told('1', 1, 0), undefined);
  assert.equal(times.told('2', 2, 0), 2n);
});
