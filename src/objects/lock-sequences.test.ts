import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LockSequences } from './lock-sequences.ts';

test('lock sequences: a request that was carried out is known again, others are not', () => {
  const sequences = new LockSequences();
  for (const index of [1, 2, 33, 64]) {
    for (const number of [0, 1, 15]) {
      assert.equal(sequences.isReplay(index, number), false);
      sequences.record(index, number);
      assert.ok(sequences.isReplay(index, number));
      assert.ok(sequences.isReplay(index, number), 'and again');
    }
  }
});

test('lock sequences: another number empties the bucket, and only this one', () => {
  const sequences = new LockSequences();
  sequences.record(5, 1);
  sequences.record(6, 1);
  assert.equal(sequences.isReplay(5, 2), false);
  assert.equal(sequences.isReplay(5, 1), false);
  assert.ok(sequences.isReplay(6, 1));
});

test('lock sequences: only the buckets 1 to 64 are there', () => {
  const sequences = new LockSequences();
  for (const index of [0, 65, 2 ** 28 - 1]) {
    sequences.record(index, 3);
    assert.equal(sequences.isReplay(index, 3), false);
  }
});
