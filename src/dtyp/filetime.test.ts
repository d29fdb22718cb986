import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  clampTime,
  fromDate,
  fromUnix,
  fromUnixNanoseconds,
  isSettableTime,
  MAXIMUM_TIME,
  now,
  TIME_FREEZE,
  TIME_THAW,
  toDate,
  toUnix,
  toUnixNanoseconds,
  UNIX_EPOCH,
} from './filetime.ts';

test('known instants', () => {
  assert.equal(fromUnix(0), UNIX_EPOCH);
  assert.equal(fromUnix(-11644473600n), 0n);
  assert.equal(fromDate(new Date('1601-01-01T00:00:00Z')), 0n);
  assert.equal(fromDate(new Date('2009-07-25T23:00:00Z')), 128930364000000000n);
  assert.equal(toDate(128930364000000000n).toISOString(), '2009-07-25T23:00:00.000Z');
  assert.deepEqual(toUnix(UNIX_EPOCH - 1n), { seconds: -1n, nanoseconds: 999_999_900 });
  assert.deepEqual(toUnix(0n), { seconds: -11644473600n, nanoseconds: 0 });
  assert.equal(fromUnix(-1, 999_999_999), UNIX_EPOCH - 1n);
});

test('Unix time and back is exact over the full range', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, MAXIMUM_TIME), (time) => {
      const { seconds, nanoseconds } = toUnix(time);
      assert.ok(nanoseconds >= 0 && nanoseconds < 1e9);
      assert.equal(fromUnix(seconds, nanoseconds), time);
      assert.equal(fromUnixNanoseconds(toUnixNanoseconds(time)), time);
      assert.equal(toUnixNanoseconds(time), seconds * 1_000_000_000n + BigInt(nanoseconds));
    }),
  );
});

test('nanoseconds round down, before 1970 too', () => {
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 62n), 2n ** 62n), (ns) => {
      const back = toUnixNanoseconds(fromUnixNanoseconds(ns));
      assert.ok(back <= ns && ns - back < 100n);
    }),
  );
});

test('now is now', () => {
  assert.ok(Math.abs(toDate(now()).getTime() - Date.now()) < 1000);
});

test('clamped and settable times', () => {
  assert.equal(clampTime(-5n), 0n);
  assert.equal(clampTime(TIME_FREEZE), MAXIMUM_TIME);
  assert.equal(clampTime(7n), 7n);
  assert.deepEqual([0n, TIME_FREEZE, TIME_THAW, 1n << 63n, 1n, MAXIMUM_TIME].map(isSettableTime), [
    false,
    false,
    false,
    false,
    true,
    true,
  ]);
});
