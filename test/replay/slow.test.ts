/** One slow operation of the disk must not hold up the others: Explorer says "not responding" then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRequest, echoRequest, readRequest } from '../../src/client/requests.ts';
import { STATUS_PENDING } from '../../src/dtyp/ntstatus.ts';
import { FILE_DIRECTORY_FILE } from '../../src/smb2/create-options.ts';
import { createFaultyVfs, type FaultPoint } from '../../src/vfs/memory/faulty.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';
import { credentials, SHARE } from '../support/in-process-server.ts';
import { PERSONAS, type Persona, win11 } from './personas.ts';
import { assertStatus, type Gate, gate, openStage, timed } from './stage.ts';

/** 50 ms on a machine that has nothing else to do. */
const AT_ONCE_MS = 250;

/** A stage whose disk hangs where `hangs` says so, until the gate opens. */
async function hangingStage(hangs: (point: FaultPoint) => boolean) {
  const slow: Gate = gate();
  const vfs = createFaultyVfs(createMemoryVfs(), {
    gate: (point) => (hangs(point) ? slow.opened : undefined),
  });
  return { stage: await openStage({ vfs }), slow };
}

const { stage, slow } = await hangingStage(({ path }) => path.at(-1) === 'slow');

for (const persona of PERSONAS.filter(({ name }) => name !== 'scanner')) {
  test(`A07 while a CREATE hangs the same connection reads, lists, opens and echoes (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const name = `quick ${persona.name}`;
    await tree.writeFile(name, Buffer.from('content'));
    const file = await tree.open(name);
    const [hanging] = await tree.submit([createRequest('slow')]);
    await assertLively(persona, async () => {
      assertStatus(await tree.request(readRequest(file.fileId, 0, 7)), 0);
    });
    await assertLively(persona, () => tree.list(''));
    await assertLively(persona, () => tree.readFile(name));
    await assertLively(persona, async () => {
      assertStatus(await tree.session.request(echoRequest()), 0);
    });
    assert.equal(hanging!.asyncId, 0, 'it did not hang');
    await tree.session.connection.close();
  });
}

async function assertLively(persona: Persona, work: () => Promise<unknown>): Promise<void> {
  const { ms } = await timed(work);
  assert.ok(ms < AT_ONCE_MS, `${persona.name} waited ${ms} ms`);
}

test('A07 a listing that hangs holds up nobody else', async () => {
  const { stage: listing, slow: end } = await hangingStage(
    ({ method }) => method === 'cursor.next',
  );
  const tree = await listing.enter();
  await tree.writeFile('other', Buffer.from('content'));
  const root = await tree.open('', { options: FILE_DIRECTORY_FILE });
  const names = root.listAll();
  await assertLively(win11, () => tree.readFile('other'));
  end.open();
  assert.deepEqual(
    (await names).map(({ name }) => name),
    ['.', '..', 'other'],
  );
});

test('A07 a TREE_CONNECT that hangs holds up neither its session nor another', async () => {
  let hangs = false;
  const { stage: attaching, slow: end } = await hangingStage(
    ({ method }) => hangs && method === 'attach',
  );
  const tree = await attaching.enter();
  await tree.writeFile('other', Buffer.from('content'));
  const second = await attaching.server.connect(win11.connect);
  hangs = true;
  const connecting = tree.session.treeConnect(SHARE);
  await assertLively(win11, () => tree.readFile('other'));
  await assertLively(win11, () => second.login(credentials));
  end.open();
  await (await connecting).disconnect();
});

test('A07 what hung goes on when the disk does', async () => {
  const tree = await stage.enter();
  const [hanging] = await tree.submit([createRequest('slow', { disposition: 3 })]);
  assert.equal((await hanging!.interim)?.status, STATUS_PENDING);
  slow.open();
  assertStatus(await tree.session.connection.answerOf(hanging!), 0);
});
