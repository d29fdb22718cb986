import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteRangeLocks, isLegalRange, type LockRange } from './byte-range-locks.ts';

const TOP = 2n ** 64n;

type Owner = 'A' | 'B';
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
    base: fc.constantFrom(0n, 2n ** 53n - 3n, TOP - 7n),
    at: fc.bigInt({ min: 0n, max: 6n }),
    length: fc.bigInt({ min: 0n, max: 5n }),
  })
  .map(({ base, at, length }) => ({ offset: base + at, length }))
  .filter(isLegalRange);

const steps = fc.array(
  fc.record({
    action: fc.constantFrom('lock', 'lock', 'lock', 'unlock', 'undo', 'read', 'write', 'release'),
    owner: fc.constantFrom<Owner>('A', 'B'),
    exclusive: fc.boolean(),
    range: ranges,
  }),
  { maxLength: 40 },
);

test('locks: do what MS-FSA says, step by step', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const locks = new ByteRangeLocks<Owner>();
      let model: Held[] = [];
      for (const { action, owner, exclusive, range } of list) {
        switch (action) {
          case 'lock': {
            const free = !fsaConflict(model, range, { owner, exclusive, locking: true });
            assert.equal(locks.lock(owner, range, exclusive), free);
            if (free) model.push({ owner, exclusive, ...range });
            break;
          }
          case 'unlock': {
            const at = fsaUnlock(model, owner, range);
            assert.equal(locks.unlock(owner, range), at >= 0);
            if (at >= 0) model.splice(at, 1);
            break;
          }
          case 'undo': {
            const at = model.findLastIndex(
              (held) =>
                held.owner === owner &&
                held.offset === range.offset &&
                held.length === range.length,
            );
            locks.undo(owner, range);
            if (at >= 0) model.splice(at, 1);
            break;
          }
          case 'release':
            locks.releaseAll(owner);
            model = model.filter((held) => held.owner !== owner);
            break;
          default: {
            // A READ or WRITE of nothing touches nothing.
            const expected =
              range.length > 0n &&
              fsaConflict(model, range, { owner, exclusive: action === 'write', locking: false });
            assert.equal(locks.conflicts(owner, range, action === 'write'), expected);
          }
        }
        assert.equal(locks.size, model.length);
        assert.equal(locks.count('A'), model.filter(({ owner: by }) => by === 'A').length);
      }
    }),
    { numRuns: 400 },
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
