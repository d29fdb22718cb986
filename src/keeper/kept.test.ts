import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_KEPT_OPENS } from '../base/limits.ts';
import { Kept } from './kept.ts';

const value = Buffer.from('value');

test('each descriptor is closed once, when nothing refers to it any more', () => {
  const closed: number[] = [];
  const kept = new Kept((descriptor) => closed.push(descriptor));
  kept.put(1, value, 10);
  kept.put(2, value, 11);
  kept.put(3, value, undefined);
  kept.put(1, Buffer.from('later'), undefined);
  assert.deepEqual(kept.entries.get(1), { value: Buffer.from('later'), descriptor: 10 });
  assert.deepEqual(closed, []);
  kept.put(1, value, 12);
  assert.deepEqual(closed, [10]);
  kept.delete(1);
  kept.delete(1);
  kept.delete(99);
  assert.deepEqual(closed, [10, 12]);
  kept.clear();
  assert.deepEqual(closed, [10, 12, 11]);
  assert.equal(kept.size, 0);
});

test('there is an end to what is kept', () => {
  const closed: number[] = [];
  const kept = new Kept((descriptor) => closed.push(descriptor));
  for (let key = 0; key < MAX_KEPT_OPENS; key++) assert.ok(kept.put(key, value, undefined));
  assert.equal(kept.put(MAX_KEPT_OPENS, value, 10), false);
  assert.deepEqual(closed, [10]);
  assert.ok(kept.put(0, value, 11), 'what is there changes');
  assert.equal(kept.size, MAX_KEPT_OPENS);
});
