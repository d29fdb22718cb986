import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { best, median, ratio, spread } from './statistics.ts';

test('medians of odd and even counts, whatever the order', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([10, 9, 1, 2]), 5.5);
  assert.equal(median([7]), 7);
  assert.equal(median([]), undefined);
});

test('a median leaves its input alone and has as many values on either side', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, min: 0, max: 1e9 }), { minLength: 1 }), (all) => {
      const copy = [...all];
      const middle = median(all)!;
      assert.deepEqual(all, copy);
      assert.ok(all.filter((value) => value < middle).length <= all.length / 2);
      assert.ok(all.filter((value) => value > middle).length <= all.length / 2);
    }),
  );
});

test('the best is the most or the least', () => {
  assert.equal(best([2, 9, 4], 'more'), 9);
  assert.equal(best([2, 9, 4], 'less'), 2);
  assert.equal(best([], 'less'), undefined);
});

test('the spread is half the range by the median', () => {
  assert.equal(spread([90, 100, 120]), 0.15);
  assert.equal(spread([100]), undefined);
  assert.equal(spread([0, 0]), undefined);
});

test('ratios of medians and of best samples', () => {
  assert.deepEqual(ratio([10, 20, 60], [5, 10, 20], 'more'), { median: 2, best: 3 });
  assert.deepEqual(ratio([10, 20, 60], [5, 10, 20], 'less'), { median: 2, best: 2 });
  assert.equal(ratio([], [1], 'more'), undefined);
  assert.equal(ratio([1], [0], 'more'), undefined);
});
