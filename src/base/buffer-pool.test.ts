import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferPool, MIN_POOLED_BYTES } from './buffer-pool.ts';

const MiB = 1024 * 1024;

test('what was given back is used again, at any length that it has room for', () => {
  const pool = new BufferPool(8 * MiB);
  const first = pool.take(MiB - 5);
  assert.equal(first.length, MiB - 5);
  const memory = first.buffer;
  pool.give(first.subarray(100));
  assert.equal(pool.bytes, MiB);
  const second = pool.take(MiB / 2 + 1);
  assert.equal(second.buffer, memory);
  assert.equal(second.length, MiB / 2 + 1);
  assert.equal(pool.bytes, 0);
  assert.notEqual(pool.take(MiB).buffer, memory);
});

test('two who take have two buffers', () => {
  const pool = new BufferPool(8 * MiB);
  const taken = [MIN_POOLED_BYTES, MIN_POOLED_BYTES, MIN_POOLED_BYTES + 1, 3 * MiB].map((length) =>
    pool.take(length),
  );
  assert.equal(new Set(taken.map(({ buffer }) => buffer)).size, taken.length);
  for (const buffer of taken) pool.give(buffer);
  assert.equal(pool.bytes, 2 * MIN_POOLED_BYTES + 2 * MIN_POOLED_BYTES + 4 * MiB);
});

test('a buffer that is given back twice is a bug', () => {
  const pool = new BufferPool(MiB);
  const buffer = pool.take(MiB);
  pool.give(buffer);
  assert.throws(() => pool.give(buffer), /once/);
});

test('it keeps no more than it may', () => {
  const pool = new BufferPool(2 * MiB);
  const taken = [1, 2, 3].map(() => pool.take(MiB));
  for (const buffer of taken) pool.give(buffer);
  assert.equal(pool.bytes, 2 * MiB);
  // That one is nobody's now, and nothing is kept of it.
  pool.give(taken[2]!);
  assert.equal(pool.bytes, 2 * MiB);
});

test('small buffers and those of others are not its own', () => {
  const pool = new BufferPool(MiB);
  pool.give(pool.take(100));
  pool.give(Buffer.alloc(MiB));
  assert.equal(pool.bytes, 0);
});

test('what is in use is counted, by whole buffers', () => {
  const pool = new BufferPool(8 * MiB, 2 * MiB);
  const first = pool.take(MiB - 5);
  assert.equal(pool.usedBytes, MiB);
  assert.equal(pool.isFull, false);
  const second = pool.take(MiB);
  assert.equal(pool.isFull, true);
  pool.give(first);
  pool.give(second);
  assert.equal(pool.usedBytes, 0);
});

test('who waits for room goes on when there is some, in order, and not before', async () => {
  const pool = new BufferPool(8 * MiB, MiB);
  const order: number[] = [];
  const held = pool.take(MiB);
  const wait = (name: number): void =>
    pool.whenRoom(
      () => !pool.isFull,
      () => {
        order.push(name);
        if (name === 1) pool.take(MiB);
      },
    );
  for (const name of [0, 1, 2]) wait(name);
  await new Promise(setImmediate);
  assert.deepEqual(order, []);
  pool.give(held);
  assert.deepEqual(order, [], 'whoever gives a buffer back is not interrupted');
  await new Promise(setImmediate);
  // The second took the room that the third waits for.
  assert.deepEqual(order, [0, 1]);
});
