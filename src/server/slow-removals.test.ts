/**
 * MS-FSA 2.1.4.12, PARENT_OBJECT: what is removed or renamed takes its time, and directories that clients begin to
 * cache meanwhile are given up where they changed, and nowhere else.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILE_DELETE_ON_CLOSE, FILE_DIRECTORY_FILE } from '../smb2/create-options.ts';
import { close } from './test-client.support.test.ts';
import { grantedLease, LEASE, lease, mount, open, statusOf } from './test-durables.support.test.ts';
import { rename } from './test-requests.support.test.ts';
import { turns, World } from './test-world.support.test.ts';

const RH = 3;
const FOLDER = { createOptions: FILE_DIRECTORY_FILE };

/** A file in `one`, whose removal or renaming waits until `go`; then leases on both folders. */
async function scene(method: 'remove' | 'rename') {
  const world = new World();
  const ann = await mount(world);
  for (const name of ['one', 'two']) {
    assert.equal(await statusOf(ann, close(await open(ann, name, [], FOLDER))), 0);
  }
  const createOptions = method === 'remove' ? FILE_DELETE_ON_CLOSE : 0;
  const file = await open(ann, 'one\\file', [], { createOptions });
  world.gates.shut(method);
  const changing = statusOf(ann, method === 'remove' ? close(file) : rename(file, 'one\\new'));
  await turns();
  const bob = await mount(world, { user: 'bob', clientGuid: 8 });
  for (const [key, name] of ['one', 'two'].entries()) {
    const folder = await open(bob, name, [lease(RH, key + 1)], { ...LEASE, ...FOLDER });
    assert.equal(grantedLease(folder)?.leaseState, RH);
  }
  world.gates.open(method);
  assert.equal(await changing, 0);
  await turns();
  const broken = bob.client.breaks.map(({ notification }) =>
    notification.kind === 'lease' ? notification.leaseKey[0] : undefined,
  );
  await ann.client.lost();
  await bob.client.lost();
  world.assertEmpty();
  return broken;
}

test('a removal that began before somebody cached directories breaks the lease on its own alone', async () => {
  assert.deepEqual(await scene('remove'), [1]);
});

test('a rename that began before somebody cached directories is not missed', async () => {
  assert.ok((await scene('rename')).includes(1));
});
