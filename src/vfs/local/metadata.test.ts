import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromUnix, MAXIMUM_TIME } from '../../dtyp/filetime.ts';
import { fileTimeOf } from './metadata.ts';

test('a timespec becomes the same FILETIME as by exact arithmetic', () => {
  // From 1601 to the end of what ext4 and XFS keep, and a little further.
  const seconds = fc.integer({ min: -11_644_473_600, max: 500_000_000_000 });
  const nanoseconds = fc.integer({ min: 0, max: 999_999_999 });
  fc.assert(
    fc.property(seconds, nanoseconds, (s, n) => {
      assert.equal(fileTimeOf(s, n), fromUnix(s, n));
    }),
    { numRuns: 2000 },
  );
  for (const s of [-11_644_473_600, -11_644_473_599, -1, 0, 1, 65_535, 65_536, 2 ** 31, 2 ** 32]) {
    for (const n of [0, 99, 100, 999_999_999]) assert.equal(fileTimeOf(s, n), fromUnix(s, n));
  }
});

test('times before 1601 are the earliest there is', () => {
  assert.equal(fileTimeOf(-11_644_473_601, 999_999_999), 0n);
  assert.ok(fileTimeOf(500_000_000_000, 0) < MAXIMUM_TIME);
});
