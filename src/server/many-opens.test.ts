/** MS-SMB2 3.3.7.1 and 3.3.5.8 with many opens: they end in slices, between which others are served. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_OPENS_ENDED_AT_ONCE } from '../base/limits.ts';
import { close, connected } from './test-client.support.test.ts';
import { TREE_DISCONNECT } from './test-requests.support.test.ts';
import { World } from './test-world.support.test.ts';

const SLICES = 3;

async function withMany(world: World) {
  const ann = await connected(world);
  for (let n = 0; n < SLICES * MAX_OPENS_ENDED_AT_ONCE; n++) {
    await ann.client.open(ann.session, ann.treeId, `f${n}`);
  }
  return ann;
}

test('connections that are lost hold up nobody', async () => {
  const world = new World({ options: { maxOpens: 10_000 } });
  const lost = [await withMany(world), await withMany(world)];
  const bob = await connected(world, { user: 'bob' });
  const all = world.server.opens.size;
  const gone = Promise.all(lost.map(({ client }) => client.handler.closed()));
  assert.equal(world.server.opens.size, all - 2 * MAX_OPENS_ENDED_AT_ONCE);
  const file = await bob.client.open(bob.session, bob.treeId, 'mine');
  assert.equal(await bob.client.close(bob.session, bob.treeId, file), 0);
  assert.ok(world.server.opens.size > all / 3, 'served while most of them are still open');
  await gone;
  assert.equal(world.server.opens.size, 0);
  await bob.client.lost();
  world.assertEmpty();
});

test('TREE_DISCONNECT: an open that its client closes meanwhile is closed once', async () => {
  const world = new World({ options: { maxOpens: 10_000 } });
  const ann = await withMany(world);
  const [last] = [...world.server.opens.values()].reverse();
  const [id] = ann.client.send([{ ...TREE_DISCONNECT, treeId: ann.treeId }], ann.session);
  assert.ok(world.server.opens.size > 0);
  const { persistentId, volatileId } = last!;
  const late = { ...close({ persistentId, volatileId }), treeId: ann.treeId };
  const refused = await ann.client.call(late, ann.session);
  assert.notEqual(refused.status, 0);
  assert.equal((await ann.client.final(id!)).status, 0);
  assert.equal(world.server.opens.size, 0);
  await ann.client.lost();
  world.assertEmpty();
});
