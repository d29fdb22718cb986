/** MS-FSA 2.1.5.5 and 2.1.5.15.3: when the name of a file goes that several have open. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  STATUS_ACCESS_DENIED,
  STATUS_DELETE_PENDING,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  FILE_CREATE,
  FILE_CREATED,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OPENED,
  FILE_OVERWRITE_IF,
} from '../smb2/create-options.ts';
import { SMB2_OPLOCK_LEVEL_BATCH } from '../smb2/oplock-levels.ts';
import { EACCES } from '../vfs/errno.ts';
import { connected, type FileId } from './test-client.support.test.ts';
import { dispose, rename } from './test-requests.support.test.ts';
import { turns, World } from './test-world.support.test.ts';

const READ_ATTRIBUTES = 0x80;

const steps = fc.array(
  fc.oneof(
    fc.record({ open: fc.boolean() }),
    fc.record({ close: fc.nat(3) }),
    fc.record({ close: fc.nat(3) }),
    fc.record({ mark: fc.nat(3), pending: fc.boolean() }),
    fc.constant('look' as const),
  ),
  { maxLength: 25 },
);

test('deletion: the name goes with the last close after somebody wanted it gone', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const world = new World();
      const { client, session, treeId } = await connected(world);
      const opens: { id: FileId; deleteOnClose: boolean }[] = [];
      let exists = false;
      let pending = false;
      for (const step of list) {
        if (step === 'look') {
          const { status, value } = await client.create(session, treeId, {
            name: 'file',
            desiredAccess: READ_ATTRIBUTES,
            createDisposition: FILE_OPEN,
          });
          const expected: number = !exists
            ? STATUS_OBJECT_NAME_NOT_FOUND
            : pending
              ? STATUS_DELETE_PENDING
              : STATUS_SUCCESS;
          assert.equal(status, expected);
          if (value !== undefined) await client.close(session, treeId, value);
          exists &&= opens.length > 0 || !pending;
        } else if ('open' in step) {
          const { status, value } = await client.create(session, treeId, {
            name: 'file',
            createOptions: step.open ? FILE_DELETE_ON_CLOSE : 0,
          });
          assert.equal(status, pending ? STATUS_DELETE_PENDING : STATUS_SUCCESS);
          if (value === undefined) continue;
          assert.equal(value.createAction, exists ? FILE_OPENED : FILE_CREATED);
          exists = true;
          opens.push({ id: value, deleteOnClose: step.open });
        } else if ('close' in step) {
          const [closing] = opens.splice(step.close, 1);
          if (closing === undefined) continue;
          assert.equal(await client.close(session, treeId, closing.id), STATUS_SUCCESS);
          pending ||= closing.deleteOnClose;
          if (opens.length > 0 || !pending) continue;
          exists = false;
          pending = false;
        } else {
          const open = opens[step.mark];
          if (open === undefined) continue;
          const draft = { ...dispose(open.id, step.pending), treeId };
          assert.equal((await client.call(draft, session)).status, STATUS_SUCCESS);
          pending = step.pending;
        }
        const held = world.server.files.size;
        assert.equal(held, opens.length > 0 ? 1 : 0);
      }
      await client.lost();
      world.assertEmpty();
    }),
    { numRuns: 150 },
  );
});

for (const gate of ['stat', 'permissions', 'removable']) {
  test(`deletion: a CREATE that hangs in ${gate}() does not open what has gone meanwhile`, async () => {
    for (const createDisposition of [FILE_OPEN, FILE_OPEN_IF, FILE_CREATE, FILE_OVERWRITE_IF]) {
      // This one is refused by what is asked first.
      if (createDisposition === FILE_CREATE && gate !== 'stat') continue;
      const world = new World();
      const { client, session, treeId } = await connected(world);
      const doomed = await client.open(session, treeId, 'file', {
        createOptions: FILE_DELETE_ON_CLOSE,
      });
      world.gates.shut(gate);
      const opening = client.create(session, treeId, { name: 'file', createDisposition });
      await turns();
      assert.equal(await client.close(session, treeId, doomed), STATUS_SUCCESS);
      world.gates.open(gate);
      const { status, value } = await opening;
      if (createDisposition === FILE_OPEN) {
        assert.equal(status, STATUS_OBJECT_NAME_NOT_FOUND);
      } else {
        assert.equal(value?.createAction, FILE_CREATED);
      }
      await client.lost();
      world.assertEmpty();
    }
  });
}

test('deletion: who opens what nobody has open any more waits until it is gone, and finds another or none', async () => {
  for (const createDisposition of [FILE_OPEN, FILE_OPEN_IF]) {
    const world = new World();
    const { client, session, treeId } = await connected(world);
    const doomed = await client.open(session, treeId, 'file', {
      createOptions: FILE_DELETE_ON_CLOSE,
      requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH,
    });
    // One waits for the oplock already, the other comes when the file is on its way out.
    const first = client.create(session, treeId, { name: 'file', createDisposition });
    await turns();
    world.gates.shut('remove');
    const closing = client.close(session, treeId, doomed);
    await turns();
    const second = client.create(session, treeId, { name: 'file', createDisposition });
    await turns();
    world.gates.open('remove');
    assert.equal(await closing, STATUS_SUCCESS);
    const statuses = [(await first).status, (await second).status];
    const wanted = createDisposition === FILE_OPEN ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_SUCCESS;
    assert.deepEqual(statuses, [wanted, wanted]);
    await client.lost();
    world.assertEmpty();
  }
});

test('deletion: what cannot be removed is opened by who waited for that', async () => {
  const world = new World({ fail: ({ method }) => (method === 'remove' ? EACCES : 0) });
  const { client, session, treeId } = await connected(world);
  const doomed = await client.open(session, treeId, 'file', {
    createOptions: FILE_DELETE_ON_CLOSE,
  });
  world.gates.shut('remove');
  const closing = client.close(session, treeId, doomed);
  await turns();
  const opening = client.create(session, treeId, { name: 'file', createDisposition: FILE_OPEN });
  await turns();
  world.gates.open('remove');
  await closing;
  assert.equal((await opening).status, STATUS_SUCCESS);
  await client.lost();
  world.assertEmpty();
});

test('deletion: what is marked for it may be marked again by another, and unmarked by any', async () => {
  const world = new World();
  const { client, session, treeId } = await connected(world);
  const ids: FileId[] = [];
  for (let i = 0; i < 3; i++) ids.push(await client.open(session, treeId, 'file'));
  const mark = async (i: number, pending: boolean): Promise<void> => {
    const { status } = await client.call({ ...dispose(ids[i]!, pending), treeId }, session);
    assert.equal(status, STATUS_SUCCESS);
  };
  await mark(0, true);
  await client.close(session, treeId, ids[0]!);
  await mark(1, true);
  await mark(2, false);
  await client.close(session, treeId, ids[1]!);
  await client.close(session, treeId, ids[2]!);
  await client.open(session, treeId, 'file', { createDisposition: FILE_OPEN });
  await client.lost();
  world.assertEmpty();
});

test('deletion: a directory is not marked while something is being made in it', async () => {
  for (const gate of ['removable', 'isEmpty'] as const) {
    const world = new World();
    const { client, session, treeId } = await connected(world);
    const folder = await client.open(session, treeId, 'folder', {
      createOptions: FILE_DIRECTORY_FILE,
    });
    world.gates.shut('create');
    const making = client.create(session, treeId, { name: 'FOLDER\\file' });
    await turns();
    world.gates.shut(gate);
    const marking = client.call({ ...dispose(folder), treeId }, session);
    await turns();
    if (gate === 'removable') world.gates.open('create');
    await turns();
    world.gates.open(gate);
    assert.equal((await marking).status, STATUS_DIRECTORY_NOT_EMPTY);
    world.gates.open('create');
    assert.equal((await making).status, STATUS_SUCCESS);
    await client.lost();
    world.assertEmpty();
  }
});

test('deletion: nothing is made in a directory that was marked on the way there', async () => {
  const world = new World();
  const { client, session, treeId } = await connected(world);
  const folder = await client.open(session, treeId, 'folder', {
    createOptions: FILE_DIRECTORY_FILE,
  });
  world.gates.shut('lookup');
  const making = client.create(session, treeId, { name: 'folder\\file' });
  await turns();
  assert.equal((await client.call({ ...dispose(folder), treeId }, session)).status, STATUS_SUCCESS);
  world.gates.open('lookup');
  assert.equal((await making).status, STATUS_DELETE_PENDING);
  await client.lost();
  world.assertEmpty();
});

test('deletion: nobody opens a file that a rename is replacing', async () => {
  const world = new World();
  const { client, session, treeId } = await connected(world);
  const target = await client.open(session, treeId, 'target');
  await client.close(session, treeId, target);
  const file = await client.open(session, treeId, 'file');
  world.gates.shut('rename');
  const renaming = client.call({ ...rename(file, 'target', true), treeId }, session);
  await turns();
  const { status } = await client.create(session, treeId, { name: 'target' });
  assert.equal(status, STATUS_DELETE_PENDING);
  world.gates.open('rename');
  assert.equal((await renaming).status, STATUS_SUCCESS);
  await client.lost();
  world.assertEmpty();
});

test('deletion: a rename does not replace what was made and opened on its way', async () => {
  const world = new World();
  const { client, session, treeId } = await connected(world);
  const file = await client.open(session, treeId, 'file');
  world.gates.shut('rename');
  const renaming = client.call({ ...rename(file, 'target', true), treeId }, session);
  await turns();
  await client.open(session, treeId, 'target');
  world.gates.open('rename');
  assert.equal((await renaming).status, STATUS_ACCESS_DENIED);
  await client.lost();
  world.assertEmpty();
});
