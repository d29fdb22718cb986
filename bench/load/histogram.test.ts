import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Histogram } from './histogram.ts';

const near = (actual: number, expected: number): void => {
  assert.ok(Math.abs(actual - expected) <= expected * 0.035 + 0.001, `${actual}, not ${expected}`);
};

test('an empty one has no percentile', () => {
  assert.ok(Number.isNaN(new Histogram().percentileUs(0.5)));
});

test('percentiles of 1 to 1000 µs', () => {
  const histogram = new Histogram();
  for (let us = 1; us <= 1000; us++) histogram.add(us / 1000);
  near(histogram.percentileUs(0.5), 500);
  near(histogram.percentileUs(0.99), 990);
  near(histogram.percentileUs(0), 1);
  near(histogram.percentileUs(1), 1000);
});

test('any duration comes back within a step, and beyond 4.3 s as that', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 4200, noNaN: true }), (durationMs) => {
      const histogram = new Histogram();
      histogram.add(durationMs);
      near(histogram.percentileUs(0.5), durationMs * 1000);
    }),
  );
  const histogram = new Histogram();
  histogram.add(60_000);
  near(histogram.percentileUs(0.5), 4_294_967);
});
