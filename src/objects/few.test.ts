import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Few } from './few.ts';

test('does what a Set does', () => {
  const things = [1, 2, 3, 4].map((n) => ({ n }));
  const step = fc.record({ adds: fc.boolean(), which: fc.nat(3) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, begins) => {
      const few = begins ? new Few(things[0]!) : new Few<{ n: number }>();
      const set = new Set(begins ? [things[0]!] : []);
      for (const { adds, which } of steps) {
        const thing = things[which]!;
        if (adds) {
          few.add(thing);
          set.add(thing);
        } else assert.equal(few.delete(thing), set.delete(thing));
        assert.equal(few.size, set.size);
        assert.deepEqual([...few], [...set]);
        for (const one of things) assert.equal(few.has(one), set.has(one));
      }
    }),
  );
});

test('one that goes while it is looked at is met once', () => {
  const things = [{}, {}, {}];
  const few = new Few<object>();
  for (const thing of things) few.add(thing);
  const met = [];
  for (const thing of few) {
    met.push(thing);
    few.delete(thing);
  }
  assert.deepEqual(met.length, 3);
  assert.equal(few.size, 0);
});
