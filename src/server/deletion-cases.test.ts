/**
 * MS-FSA 2.1.5.5, 2.1.5.11 and 2.1.5.15.3: directories that are filled meanwhile, renamed and read-only files,
 * and what a lost connection leaves behind.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_CANNOT_DELETE,
  STATUS_DELETE_PENDING,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PENDING,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_READONLY } from '../fscc/attributes.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
} from '../smb2/create-options.ts';
import { connected, type FileId } from './test-client.support.test.ts';
import {
  assertGone,
  durableV2,
  grantedDurable,
  guid,
  LEASE,
  lease,
  mount,
  open,
  tryOpen,
} from './test-durables.support.test.ts';
import { dispose, notify, rename } from './test-requests.support.test.ts';
import { Scene } from './test-streams.support.test.ts';
import { turns, World } from './test-world.support.test.ts';

const FOLDER = { createOptions: FILE_DIRECTORY_FILE };
const DOOMED_FOLDER = { createOptions: FILE_DIRECTORY_FILE | FILE_DELETE_ON_CLOSE };
const THERE = { createDisposition: FILE_OPEN };

function scenario(name: string, body: (scene: Scene) => Promise<void>): void {
  test(`deletion: ${name}`, async () => {
    const world = new World();
    const scene = new Scene(world, await connected(world));
    await body(scene);
    await scene.client.lost();
    world.assertEmpty();
  });
}

const asksForChanges = (scene: Scene, id: FileId): number =>
  scene.client.send([{ ...notify(id), treeId: scene.treeId }], scene.session)[0]!;

scenario(
  'a directory that was filled is not marked by the close of one of its opens',
  async (scene) => {
    const other = await scene.open('d', FOLDER);
    const doomed = await scene.open('d', DOOMED_FOLDER);
    await scene.put('d\\file', 'data');
    const waiting = asksForChanges(scene, other);
    await turns();
    await scene.close(doomed);
    assert.equal(scene.client.interim(waiting)?.status, STATUS_PENDING);
    assert.equal(scene.client.finalNow(waiting), undefined, 'the watch goes on');
    await scene.gives(dispose(other), STATUS_DIRECTORY_NOT_EMPTY);
    await scene.close(await scene.open('d', { ...FOLDER, ...THERE }));
    await scene.put('d\\more', 'data');
    await scene.close(other);
    assert.equal(await scene.content('d\\file'), 'data');
    await scene.close(await scene.open('d', DOOMED_FOLDER));
    assert.equal(await scene.content('d\\more'), 'data', 'nor by the last');
  },
);

scenario('a directory that was emptied again is', async (scene) => {
  const other = await scene.open('d', FOLDER);
  const doomed = await scene.open('d', DOOMED_FOLDER);
  const file = await scene.open('d\\file', { createOptions: FILE_DELETE_ON_CLOSE });
  await scene.close(file);
  const waiting = asksForChanges(scene, other);
  await turns();
  await scene.close(doomed);
  assert.equal((await scene.client.final(waiting)).status, STATUS_DELETE_PENDING);
  await scene.refused('d', STATUS_DELETE_PENDING, FOLDER);
  await scene.refused('d\\new', STATUS_DELETE_PENDING);
  await scene.close(other);
  await scene.refused('d', STATUS_OBJECT_NAME_NOT_FOUND, THERE);
});

for (const closesFirst of [true, false]) {
  const when = closesFirst ? 'before' : 'after';
  scenario(`the other open is closed ${when} it is found to be empty`, async (scene) => {
    const other = await scene.open('d', FOLDER);
    const doomed = await scene.open('d', DOOMED_FOLDER);
    scene.world.gates.shut('isEmpty');
    const closing = scene.client.close(scene.session, scene.treeId, doomed);
    await turns();
    if (closesFirst) await scene.close(other);
    scene.world.gates.open('isEmpty');
    assert.equal(await closing, 0);
    if (!closesFirst) await scene.close(other);
    await scene.refused('d', STATUS_OBJECT_NAME_NOT_FOUND, THERE);
  });
}

scenario('what is being made in a directory keeps it', async (scene) => {
  const other = await scene.open('d', FOLDER);
  const doomed = await scene.open('d', DOOMED_FOLDER);
  scene.world.gates.shut('create');
  const making = scene.make('d\\file');
  await turns();
  await scene.close(doomed);
  scene.world.gates.open('create');
  assert.equal((await making).status, 0);
  await scene.close(other);
  await scene.close(await scene.open('d\\file', THERE));
});

scenario('who deletes a directory when it closes is told of no changes', async (scene) => {
  const doomed = await scene.open('d', DOOMED_FOLDER);
  await scene.gives(notify(doomed), STATUS_DELETE_PENDING);
  await scene.close(doomed);
});

scenario('the name that a file has in the end is the one that goes', async (scene) => {
  const [one, two, three] = [await scene.open('f'), await scene.open('f'), await scene.open('f')];
  await scene.done(rename(two, 'g'));
  await scene.put('f', 'another');
  await scene.done(dispose(one));
  await scene.gives(rename(three, 'h'), STATUS_ACCESS_DENIED);
  await scene.close(one);
  await scene.refused('g', STATUS_DELETE_PENDING, { createDisposition: FILE_CREATE });
  await scene.close(three);
  await scene.close(two);
  await scene.refused('g', STATUS_OBJECT_NAME_NOT_FOUND, THERE);
  assert.equal(await scene.content('f'), 'another');
});

scenario('a read-only file is not to be deleted, whoever else has it open', async (scene) => {
  const file = await scene.open('f', { fileAttributes: FILE_ATTRIBUTE_READONLY });
  await scene.gives(dispose(file), STATUS_CANNOT_DELETE);
  const rights = { desiredAccess: 0x0001_0080 };
  await scene.refused('f', STATUS_CANNOT_DELETE, {
    ...rights,
    createOptions: FILE_DELETE_ON_CLOSE,
  });
  const other = await scene.open('f', rights);
  await scene.gives(dispose(other), STATUS_CANNOT_DELETE);
  await scene.close(file);
  await scene.close(other);
  await scene.close(await scene.open('f', { ...THERE, ...rights }));
});

test('deletion: an open that was left behind does not keep the name; one that wants it gone is waited for', async () => {
  const world = new World();
  const ann = await mount(world);
  const kept = await open(ann, 'f', [durableV2(), lease(7)], LEASE);
  assert.equal(grantedDurable(kept), 2);
  const doomed = { ...LEASE, createOptions: FILE_DELETE_ON_CLOSE };
  assert.equal(grantedDurable(await open(ann, 'g', [durableV2(guid(2)), lease(7, 2)], doomed)), 2);
  await ann.client.lost();
  assert.equal(world.server.durables.size, 2);
  const bob = await mount(world, { user: 'bob', clientGuid: 8 });
  const deleting = await open(bob, 'f', [], { createOptions: FILE_DELETE_ON_CLOSE });
  assert.equal(await bob.client.close(bob.session, bob.treeId, deleting), 0);
  assert.equal(await tryOpen(bob, 'f', [], THERE), STATUS_OBJECT_NAME_NOT_FOUND);
  assert.equal(world.server.durables.size, 1);
  await world.server.durables.end();
  assert.equal(await tryOpen(bob, 'g', [], THERE), STATUS_OBJECT_NAME_NOT_FOUND);
  await assertGone(world, bob);
});
