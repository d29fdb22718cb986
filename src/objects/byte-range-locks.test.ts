import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ByteRangeLocks,
  isLegalRange,
  type LockRange,
  type WaitingLock,
} from './byte-range-locks.ts';

const TOP = 2n ** 64n;

type Owner = 'A' | 'B' | 'C' | 'D';
interface Held extends LockRange {
  readonly owner: Owner;
  readonly exclusive: boolean;
}

/** MS-FSA 2.1.4.10 as it is written, in numbers without bounds. */
function fsaConflict(
  list: readonly Held[],
  { offset, length }: LockRange,
  { owner, exclusive, locking }: { owner: Owner; exclusive: boolean; locking: boolean },
): boolean {
  if (offset === 0n && length === 0n) return false;
  for (const held of list) {
    if (held.offset === 0n && held.length === 0n) continue;
    const last1 = offset + length - 1n;
    const last2 = held.offset + held.length - 1n;
    if (!(offset <= last2 && last1 >= held.offset)) continue;
    if (held.exclusive) {
      if (held.owner !== owner) return true;
      if (exclusive && locking) return true;
    } else if (exclusive) {
      return true;
    }
  }
  return false;
}

/** MS-FSA 2.1.5.9 as it is written: where the lock to remove stands, or -1. */
function fsaUnlock(list: readonly Held[], owner: Owner, range: LockRange): number {
  let remove = -1;
  for (const [i, held] of list.entries()) {
    if (held.owner !== owner || held.offset !== range.offset || held.length !== range.length) {
      continue;
    }
    remove = i;
    if (held.exclusive) break;
  }
  return remove;
}

/** Small ranges at the bottom, around 2^53 and at the top of what 64 bits can say. */
const ranges = fc
  .record({
    base: fc.constantFrom(0n, 0n, 0n, 2n ** 53n - 3n, TOP - 7n),
    at: fc.bigInt({ min: 0n, max: 8n }),
    length: fc.bigInt({ min: 0n, max: 5n }),
  })
  .map(({ base, at, length }) => ({ offset: base + at, length }))
  .filter(isLegalRange);

const OWNERS: readonly Owner[] = ['A', 'B', 'C', 'D'];

const steps = fc.array(
  fc.record({
    action: fc.constantFrom(
      ...(['lock', 'lock', 'lock', 'wait', 'wait', 'cancel'] as const),
      ...(['unlock', 'unlock', 'unlock a held one', 'unlock a held one', 'undo'] as const),
      ...(['read', 'write', 'release'] as const),
    ),
    owner: fc.constantFrom(...OWNERS),
    exclusive: fc.boolean(),
    range: ranges,
    which: fc.nat(60),
  }),
  { maxLength: 200, size: 'max' },
);

interface Waiting extends Held {
  readonly id: number;
}

/** The same as lists: what waits is tried in the order in which it came whenever something goes. */
class Model {
  held: Held[] = [];
  waiting: Waiting[] = [];
  /** What happened to those that waited, in order. */
  settled: (readonly [id: number, granted: boolean])[] = [];

  lock(wanted: Held): boolean {
    const { owner, exclusive } = wanted;
    if (fsaConflict(this.held, wanted, { owner, exclusive, locking: true })) return false;
    this.held.push(wanted);
    return true;
  }

  wait(wanted: Waiting): void {
    if (this.lock(wanted)) this.settled.push([wanted.id, true]);
    else this.waiting.push(wanted);
  }

  removeAt(at: number): boolean {
    if (at < 0) return false;
    this.held.splice(at, 1);
    this.admit();
    return true;
  }

  release(owner: Owner): void {
    const given = this.waiting.filter((one) => one.owner === owner);
    this.held = this.held.filter((one) => one.owner !== owner);
    this.waiting = this.waiting.filter((one) => one.owner !== owner);
    this.admit();
    for (const { id } of given) this.settled.push([id, false]);
  }

  admit(): void {
    this.waiting = this.waiting.filter((one) => {
      if (!this.lock(one)) return true;
      this.settled.push([one.id, true]);
      return false;
    });
  }
}

test('locks: do what MS-FSA says, step by step', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const tally = { locks: 0 };
      const locks = new ByteRangeLocks<Owner>(tally);
      const model = new Model();
      const settled: (readonly [number, boolean])[] = [];
      const handles: WaitingLock[] = [];
      for (const { action, owner, exclusive, range, which } of list) {
        switch (action) {
          case 'lock':
            assert.equal(
              locks.lock(owner, range, exclusive),
              model.lock({ owner, exclusive, ...range }),
            );
            break;
          case 'wait': {
            const id = handles.length;
            model.wait({ owner, exclusive, ...range, id });
            handles.push(
              locks.wait(owner, range, exclusive, (granted) => settled.push([id, granted])),
            );
            break;
          }
          case 'cancel': {
            const handle = handles[which];
            if (handle === undefined) break;
            const at = model.waiting.findIndex(({ id }) => id === which);
            assert.equal(locks.cancel(handle), at >= 0);
            if (at >= 0) model.waiting.splice(at, 1);
            break;
          }
          case 'unlock':
            assert.equal(
              locks.unlock(owner, range),
              model.removeAt(fsaUnlock(model.held, owner, range)),
            );
            break;
          case 'unlock a held one': {
            const held = model.held[which % Math.max(1, model.held.length)];
            if (held === undefined) break;
            assert.ok(locks.unlock(held.owner, held));
            model.removeAt(fsaUnlock(model.held, held.owner, held));
            break;
          }
          case 'undo': {
            const at = model.held.findLastIndex(
              (held) =>
                held.owner === owner &&
                held.exclusive === exclusive &&
                held.offset === range.offset &&
                held.length === range.length,
            );
            assert.equal(locks.undo(owner, range, exclusive), model.removeAt(at));
            break;
          }
          case 'release':
            locks.releaseAll(owner);
            model.release(owner);
            break;
          default: {
            // A READ or WRITE of nothing touches nothing.
            const intent = { owner, exclusive: action === 'write', locking: false };
            const expected = range.length > 0n && fsaConflict(model.held, range, intent);
            assert.equal(locks.conflicts(owner, range, action === 'write'), expected);
          }
        }
        assert.deepEqual(settled, model.settled);
        assert.equal(locks.size, model.held.length);
        assert.equal(tally.locks, model.held.length + model.waiting.length);
        for (const one of OWNERS) {
          assert.equal(locks.count(one), model.held.filter((held) => held.owner === one).length);
          assert.equal(
            locks.waiting(one),
            model.waiting.filter((waiting) => waiting.owner === one).length,
          );
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test('locks: a range may end with the last byte that 64 bits can name, and not behind it', () => {
  for (const [offset, length, legal] of [
    [0n, 0n, true],
    [0n, TOP - 1n, true],
    [1n, TOP - 1n, true],
    [2n, TOP - 1n, false],
    [TOP - 1n, 0n, true],
    [TOP - 1n, 1n, true],
    [TOP - 1n, 2n, false],
    [TOP - 1n, TOP - 1n, false],
  ] as const) {
    assert.equal(isLegalRange({ offset, length }), legal, `${offset} and ${length}`);
  }
});

test('locks: of equal ranges the exclusive one is unlocked first', () => {
  const locks = new ByteRangeLocks<Owner>();
  const range = { offset: 5n, length: 0n };
  const around = { offset: 0n, length: 10n };
  assert.ok(locks.lock('A', range, false));
  assert.ok(locks.lock('A', range, true));
  assert.equal(locks.lock('B', around, false), false);
  assert.ok(locks.unlock('A', range));
  assert.ok(locks.lock('B', around, false));
});

test('locks: who asks later for what is free does not wait for those who wait', () => {
  const locks = new ByteRangeLocks<Owner>();
  const range = { offset: 0n, length: 10n };
  let granted = 0;
  assert.ok(locks.lock('A', range, false));
  locks.wait('B', range, true, () => granted++);
  assert.ok(locks.lock('C', range, false));
  assert.ok(locks.unlock('A', range));
  assert.equal(granted, 0);
  assert.ok(locks.unlock('C', range));
  assert.equal(granted, 1);
});

test('locks: many of them, waiting too, take their time once and not once each', () => {
  const count = 20_000;
  const locks = new ByteRangeLocks<object>();
  const holder = {};
  const reader = {};
  const at = (i: number): LockRange => ({ offset: BigInt(i) * 4n, length: 2n });
  const startedMs = performance.now();
  for (let i = 0; i < count; i++) assert.ok(locks.lock(holder, at(i), i % 2 === 0));
  for (let i = 0; i < count; i++) {
    assert.equal(locks.lock(reader, { offset: at(i).offset + 1n, length: 4n }, true), false);
    // Over all of the holder's own.
    assert.equal(locks.conflicts(holder, { offset: 0n, length: 2n ** 63n }, false), false);
  }
  let granted = 0;
  for (let i = 0; i < count; i++) locks.wait({}, at(i), true, () => granted++);
  for (let i = 0; i < count; i++) {
    assert.ok(locks.unlock(holder, at(i)));
    assert.equal(granted, i + 1);
  }
  // Each of these would take a minute if it looked at every lock.
  assert.ok(performance.now() - startedMs < 10_000);
});
