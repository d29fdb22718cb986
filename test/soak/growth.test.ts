import assert from 'node:assert/strict';
import { test } from 'node:test';
import { growthOf } from './growth.ts';

const series = (value: (i: number) => number): number[] =>
  Array.from({ length: 40 }, (_, i) => value(i));

test('what fills up and stays has not grown', () => {
  assert.equal(growthOf(series((i) => Math.min(i, 10) * 1000)), 0);
});

test('one outlier is no growth', () => {
  assert.equal(growthOf(series((i) => (i === 35 ? 9_000_000 : 50))), 0);
});

test('a leak is growth, however it jumps', () => {
  assert.ok(growthOf(series((i) => i * 100 + (i % 2) * 500)) > 1500);
});
