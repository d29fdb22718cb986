/** What clients may leave behind, and who may ask after it: MS-SMB2 3.3.2.2, "resource constraints". */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATUS_INSUFFICIENT_RESOURCES, STATUS_OBJECT_NAME_NOT_FOUND } from '../dtyp/ntstatus.ts';
import {
  assertGone,
  BATCH,
  durableV2,
  guid,
  mount,
  open,
  reconnect,
  reconnectV2,
  tryOpen,
} from './test-durables.support.test.ts';
import { World } from './test-world.support.test.ts';

test('what is left behind makes room for what is wanted, what is in use does not', async () => {
  const world = new World({ options: { maxOpens: 8 } });
  const ann = await mount(world);
  for (let i = 1; i <= 8; i++) await open(ann, `left ${i}`, [durableV2(guid(i))], BATCH);
  await ann.client.lost();
  assert.equal(world.server.durables.size, 8);
  const bob = await mount(world, { user: 'bob', clientGuid: 8 });
  for (let i = 1; i <= 8; i++) {
    await open(bob, `wanted ${i}`, []);
    assert.equal(world.server.durables.size, 8 - i);
    assert.equal(world.server.opens.size, 8);
  }
  assert.equal(await tryOpen(bob, 'one more', []), STATUS_INSUFFICIENT_RESOURCES);
  await assertGone(world, bob);
});

test('ids that are guessed, of what is there by half or by nobody, lead nowhere', async () => {
  const world = new World();
  const ann = await mount(world);
  const file = await open(ann, 'file', [durableV2()], BATCH);
  await ann.client.lost();
  const eve = await mount(world, { user: 'eve', clientGuid: 8 });
  for (const persistentId of [
    0,
    1,
    file.persistentId - 1,
    file.persistentId + 1,
    2 ** 52,
    2 ** 64,
  ]) {
    const id = { persistentId, volatileId: file.volatileId };
    assert.equal(await tryOpen(eve, 'file', [reconnect(id)]), STATUS_OBJECT_NAME_NOT_FOUND);
    assert.equal(await tryOpen(eve, 'file', [reconnectV2(id)]), STATUS_OBJECT_NAME_NOT_FOUND);
  }
  assert.equal(world.server.durables.size, 1);
  await assertGone(world, eve);
});
