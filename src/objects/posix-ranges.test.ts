/** Ranges of a process, against a naive model of a byte each. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type PosixRange, reshaped } from './posix-ranges.ts';

const BYTES = 24;
const KINDS = [true, false, undefined] as const;
const order = fc.record({
  offset: fc.integer({ min: 0, max: BYTES - 1 }),
  length: fc.integer({ min: 1, max: BYTES }),
  exclusive: fc.constantFrom(...KINDS),
});

test('each byte is held as the last order that named it says', () => {
  fc.assert(
    fc.property(fc.array(order, { maxLength: 30 }), (orders) => {
      const bytes: (boolean | undefined)[] = Array.from({ length: 2 * BYTES }, () => undefined);
      let ranges: PosixRange[] = [];
      for (const { offset, length, exclusive } of orders) {
        bytes.fill(exclusive, offset, offset + length);
        const range = { offset: BigInt(offset), last: BigInt(offset + length - 1) };
        ranges = reshaped(ranges, range, exclusive);
      }
      const told: (boolean | undefined)[] = Array.from({ length: 2 * BYTES }, () => undefined);
      for (const { offset, last, exclusive } of ranges) {
        for (let at = Number(offset); at <= Number(last); at++) {
          assert.equal(told[at], undefined, 'no two overlap');
          told[at] = exclusive;
        }
      }
      assert.deepEqual(told, bytes);
      // Of one kind that touch there are none.
      const ends = new Set(ranges.map(({ last, exclusive }) => `${last + 1n}${exclusive}`));
      for (const { offset, exclusive } of ranges) assert.ok(!ends.has(`${offset}${exclusive}`));
    }),
  );
});

test('to the last byte of all', () => {
  const last = 0xffff_ffff_ffff_ffffn;
  const all = reshaped([], { offset: 0n, last }, true);
  assert.deepEqual(reshaped(all, { offset: 10n, last }, undefined), [
    { offset: 0n, last: 9n, exclusive: true },
  ]);
});
