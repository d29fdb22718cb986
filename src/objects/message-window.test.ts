import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MessageWindow } from './message-window.ts';

test('window: begins with id 0 alone, each id counts once', () => {
  const window = new MessageWindow(4);
  assert.equal(window.available, 1);
  assert.equal(window.take(1, 1), false);
  assert.equal(window.take(0, 1), true);
  assert.equal(window.take(0, 1), false);
  assert.equal(window.available, 0);
});

test('window: ids come in any order, and a hole holds the window back', () => {
  const window = new MessageWindow(4);
  assert.equal(window.take(0, 1), true);
  assert.equal(window.grant(10), 4);
  for (const id of [4, 2, 3]) assert.equal(window.take(id, 1), true);
  assert.equal(window.grant(10), 0);
  assert.equal(window.take(1, 1), true);
  assert.equal(window.grant(10), 4);
});

test('window: what a message can carry that is no id of the window is refused', () => {
  const window = new MessageWindow(8192);
  window.grant(8191);
  for (const id of [2 ** 53, 2 ** 63, 2 ** 64, 2 ** 64 - 2 ** 11]) {
    assert.equal(window.take(id, 1), false);
    assert.equal(window.take(id, 65_535), false);
  }
  assert.equal(window.take(0, 8193), false);
  assert.equal(window.take(0, 8192), true);
});

/** 3.3.1.1 as it is written: a set of numbers that are there to be used, each once. */
class Model {
  readonly available = new Set([0]);
  readonly limit: number;
  low = 0;
  high = 1;

  constructor(limit: number) {
    this.limit = limit;
  }

  take(id: number, count: number): boolean {
    const ids = Array.from({ length: count }, (_, i) => id + i);
    if (!ids.every((one) => this.available.has(one))) return false;
    for (const one of ids) this.available.delete(one);
    this.low = Math.min(this.high, ...this.available);
    return true;
  }

  grant(wanted: number, cap: number): number {
    let granted = 0;
    while (
      granted < wanted &&
      this.high - this.low < this.limit &&
      this.available.size < Math.min(cap, this.limit)
    ) {
      this.available.add(this.high++);
      granted += 1;
    }
    return granted;
  }
}

test('window: does what a set of ids would do, around its ring many times', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ back: fc.integer({ min: -2, max: 12 }), count: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ grant: fc.integer({ min: 0, max: 9 }), cap: fc.integer({ min: 1, max: 12 }) }),
      // The lowest id that is free, so that runs get far.
      fc.constant('next' as const),
    ),
    { maxLength: 120 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), steps, (limit, list) => {
      const window = new MessageWindow(limit);
      const model = new Model(limit);
      for (const step of list) {
        if (step === 'next') {
          assert.equal(window.take(model.low, 1), model.take(model.low, 1));
        } else if ('grant' in step) {
          assert.equal(window.grant(step.grant, step.cap), model.grant(step.grant, step.cap));
        } else {
          const id = Math.max(0, model.high - step.back);
          assert.equal(window.take(id, step.count), model.take(id, step.count));
        }
        assert.equal(window.available, model.available.size);
      }
    }),
  );
});

test('window: becomes wider while ids are out of order, and forgets none that is used', () => {
  const window = new MessageWindow(1000);
  assert.equal(window.take(0, 1), true);
  assert.equal(window.grant(120), 120);
  // 1 to 9 stay free, so that the window cannot move.
  for (let id = 10; id <= 120; id++) assert.equal(window.take(id, 1), true);
  assert.equal(window.grant(10_000), 880);
  for (let id = 10; id <= 120; id++) assert.equal(window.take(id, 1), false);
  assert.equal(window.take(121, 880), true);
  assert.equal(window.grant(1), 0);
  assert.equal(window.take(1, 9), true);
  assert.equal(window.available, 0);
  assert.equal(window.grant(10_000), 1000);
  assert.equal(window.take(1001, 1000), true);
});
