/** The table of disconnected opens by itself: deadlines, bounds, the timer that lives as long as there are any. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { DURABLE_SCAVENGER_MS } from '../base/limits.ts';
import { DurableOpens } from './durable-opens.ts';
import type { Open } from './open.ts';

interface Fake {
  readonly name: string;
  state: string;
  readonly durability: { owner: string; timeoutMs: number; deadlineMs: number };
}

function table(bounds = { ofUser: 100, ofServer: 100 }) {
  const closed: string[] = [];
  const durables = new DurableOpens((open) => {
    durables.release(open);
    closed.push((open as unknown as Fake).name);
    return undefined;
  }, bounds);
  const keep = (name: string, owner = 'ann', timeoutMs = 1000, nowMs = 0): Open => {
    const fake: Fake = {
      name,
      state: 'disconnected',
      durability: { owner, timeoutMs, deadlineMs: 0 },
    };
    const open = fake as unknown as Open;
    void durables.keep(open, nowMs);
    return open;
  };
  return { durables, closed, keep };
}

test('each is closed when its own time is over, none before', async () => {
  const { durables, closed, keep } = table();
  keep('short', 'ann', 500);
  keep('long', 'ann', 2000);
  keep('late', 'bob', 500, 1000);
  await durables.scavenge(499);
  assert.deepEqual(closed, []);
  await durables.scavenge(500);
  assert.deepEqual(closed, ['short']);
  await durables.scavenge(1999);
  assert.deepEqual(closed, ['short', 'late']);
  await durables.scavenge(2000);
  assert.deepEqual(closed, ['short', 'late', 'long']);
  assert.equal(durables.size, 0);
});

test('who comes back in time and leaves again has all his time anew', async () => {
  const { durables, closed, keep } = table();
  const open = keep('file', 'ann', 5000);
  durables.release(open);
  durables.release(open);
  assert.equal(durables.size, 0);
  void durables.keep(open, 4000);
  await durables.scavenge(8999);
  assert.deepEqual(closed, []);
  await durables.scavenge(9000);
  assert.deepEqual(closed, ['file']);
});

test("beyond his bound a user loses his oldest, beyond the server's whoever left most", () => {
  const { durables, closed, keep } = table({ ofUser: 3, ofServer: 5 });
  for (const i of [1, 2, 3, 4]) keep(`ann${i}`);
  assert.deepEqual(closed, ['ann1']);
  keep('bob1', 'bob');
  keep('bob2', 'bob');
  assert.equal(durables.size, 5);
  keep('carl1', 'carl');
  assert.deepEqual(closed, ['ann1', 'ann2']);
  assert.equal(durables.size, 5);
  void durables.makeRoom();
  assert.equal(durables.size, 4);
});

test("at the server's end all are closed, and whatever is left behind after", async () => {
  const { durables, closed, keep } = table();
  keep('one');
  keep('two', 'bob');
  await durables.end();
  assert.deepEqual(closed, ['one', 'two']);
  keep('three');
  assert.deepEqual(closed, ['one', 'two', 'three']);
  assert.equal(durables.size, 0);
});

test('one timer, as long as there are any', (context: TestContext) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const now = performance.now();
  const { durables, closed, keep } = table();
  keep('now', 'ann', 0, now - 1);
  keep('later', 'ann', 3_600_000, now);
  context.mock.timers.tick(DURABLE_SCAVENGER_MS);
  assert.deepEqual(closed, ['now']);
  keep('next', 'ann', 0, now - 1);
  context.mock.timers.tick(DURABLE_SCAVENGER_MS - 1);
  assert.deepEqual(closed, ['now']);
  context.mock.timers.tick(1);
  assert.deepEqual(closed, ['now', 'next']);
  void durables.end();
  assert.equal(durables.size, 0);
});
