import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_KEPT_CHANGE_TIMES } from '../../base/limits.ts';
import { ChangeTimes } from './change-times.ts';

test('what was set is told until the object changes, and not again', () => {
  const times = new ChangeTimes();
  times.keep('a', 5n, 107n);
  times.keep('b', 6n, 107n);
  assert.equal(times.told('a', 107n), 5n);
  assert.equal(times.told('a', 108n), undefined);
  assert.equal(times.told('a', 107n), undefined);
  assert.equal(times.told('b', 107n), 6n);
  assert.equal(times.told('c', 107n), undefined);
});

test('there is a bound, and the oldest goes first', () => {
  const times = new ChangeTimes();
  for (let i = 0; i <= MAX_KEPT_CHANGE_TIMES; i++) {
    times.keep(`${i}`, BigInt(i), BigInt(i));
    // The first is set again and again.
    times.keep('0', 1n, 0n);
  }
  assert.equal(times.size, MAX_KEPT_CHANGE_TIMES);
  assert.equal(times.told('0', 0n), 1n);
  assert.equal(times.told('1', 1n), undefined);
  assert.equal(times.told('2', 2n), 2n);
});
