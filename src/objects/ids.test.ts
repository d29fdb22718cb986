import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_WORKER_NUMBER, unusedId, unusedSessionId, workerOfSession } from './ids.ts';

test('ids: whole numbers that are exact, never 0, never one of the table', () => {
  const seen = new Set<number>();
  for (let i = 0; i < 5000; i++) {
    const id = unusedId(seen);
    assert.ok(Number.isInteger(id) && id > 0 && id < 2 ** 47);
    assert.ok(!seen.has(id));
    seen.add(id);
  }
  // Random ones use all their bits.
  for (const bit of [0, 1, 23, 31, 32, 45, 46]) {
    const set = [...seen].filter((id) => Math.floor(id / 2 ** bit) % 2 === 1).length;
    assert.ok(set > 2200 && set < 2800, `bit ${bit} is set in ${set} of 5000`);
  }
});

test('ids: of a session fit 32 bits', () => {
  const none = { has: () => false };
  const ids = Array.from({ length: 2000 }, () => unusedSessionId(none));
  assert.ok(ids.every((id) => Number.isInteger(id) && id > 0 && id < 2 ** 32));
  assert.ok(ids.some((id) => id >= 2 ** 31));
});

test('ids: those of a worker say whose they are', () => {
  const none = { has: () => false };
  for (const worker of [1, 32, MAX_WORKER_NUMBER]) {
    const ids = Array.from({ length: 500 }, () => unusedSessionId(none, worker));
    assert.ok(ids.every((id) => id < 2 ** 32 && workerOfSession(id) === worker));
    assert.ok(new Set(ids).size > 490);
  }
});

test('ids: one that is taken is not given', () => {
  let asked = 0;
  const first: number[] = [];
  const table = {
    has: (id: number) => {
      first.push(id);
      return asked++ === 0;
    },
  };
  assert.equal(unusedId(table), first[1]);
  asked = 0;
  first.length = 0;
  assert.equal(unusedSessionId(table), first[1]);
});
