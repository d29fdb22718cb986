/** MS-SMB2 3.3.5.5: one session with channels at two workers, in one process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_CHANNELS_PER_SESSION } from '../base/limits.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_NETWORK_SESSION_EXPIRED,
  STATUS_SUCCESS,
  STATUS_USER_SESSION_DELETED,
} from '../dtyp/ntstatus.ts';
import type { ServerState } from '../objects/server-state.ts';
import { type ClientSession, TestClient } from '../server/test-client.support.test.ts';
import { assertGone, type Mount, mount, open } from '../server/test-durables.support.test.ts';
import { LOGOFF, write } from '../server/test-requests.support.test.ts';
import { turns, World, type WorldOptions } from '../server/test-world.support.test.ts';
import { Dialect } from '../smb2/dialect.ts';

const GUID = 7;

/** A session at one worker, and a connection that the other one has; of another client where `guid` says so. */
async function apart(options: WorldOptions = {}, guid = GUID) {
  const world = new World({ workers: 2, ...options });
  const ann = await mount(world, { clientGuid: GUID });
  ann.session.sign = true;
  const second = await connect(world, guid);
  assert.deepEqual(channelsAt(world), [1, 1], 'a connection each');
  return { world, ann, second };
}

async function connect(world: World, guid: number): Promise<TestClient> {
  const client = new TestClient(world);
  await client.negotiate([Dialect.SMB3_11], { clientGuid: Buffer.alloc(16, guid) });
  return client;
}

const channelsAt = ({ workers }: World): number[] =>
  workers.map(({ worker }) => worker.server.connections.size);

const tablesOf = ({ workers, server }: World): ServerState[] => [
  server,
  ...workers.map(({ worker }) => worker.server),
];

const sessionsAt = (world: World): number[] => tablesOf(world).map(({ sessions }) => sessions.size);

async function writes(
  client: TestClient,
  session: ClientSession,
  { treeId }: Mount,
  file: Parameters<typeof write>[0],
) {
  return (await client.call({ ...write(file, 'text'), treeId }, session)).status;
}

for (const guid of [GUID, GUID + 1]) {
  test(`channels at two workers: signed and encrypted on both, ${guid === GUID ? 'of one client' : 'of two ClientGuids'}`, async () => {
    const { world, ann, second } = await apart({}, guid);
    const channel = await second.bind(ann.session);
    assert.deepEqual(sessionsAt(world), [1, 1, 1]);
    const file = await open(ann, 'file', []);
    const { treeId } = ann;
    for (const seal of [false, true]) {
      channel.seal = seal;
      ann.session.seal = seal;
      const written = await second.call({ ...write(file, 'both'), treeId }, channel);
      assert.equal(written.status, STATUS_SUCCESS);
      assert.equal(await writes(ann.client, ann.session, ann, file), STATUS_SUCCESS);
    }
    await assertGone(world, ann, { client: second } as Mount);
    assert.deepEqual(sessionsAt(world), [0, 0, 0]);
  });
}

test('channels at two workers: the end of one worker leaves session, trees and opens to the other', async () => {
  const { world, ann, second } = await apart();
  const channel = await second.bind(ann.session);
  const file = await open(ann, 'file', []);
  await world.workers[0]!.link.end('killed');
  await turns();
  world.errors.splice(0);
  assert.equal(world.server.sessions.size, 1);
  const written = await second.call({ ...write(file, 'goes on'), treeId: ann.treeId }, channel);
  assert.equal(written.status, STATUS_SUCCESS);
  await second.lost();
  assert.equal(world.server.sessions.size, 0);
});

test('channels at two workers: what is refused leaves the session as it was, and nothing at the other worker', async () => {
  const { world, ann, second } = await apart();
  const { session } = ann;
  const refused = async (asked: ClientSession, options = {}) =>
    (await second.tryBind(asked, options)).last.status;
  const stranger = { ...session, sessionId: session.sessionId + 1 };
  assert.equal(await refused(stranger), STATUS_USER_SESSION_DELETED);
  assert.equal(await refused(session, { sign: false }), STATUS_INVALID_PARAMETER);
  const eve = await mount(world, { clientGuid: 9, user: 'eve' });
  const forged = { ...session, signer: eve.session.signer };
  const { last } = await second.tryBind(forged);
  assert.equal(last.status, STATUS_ACCESS_DENIED, 'signed with the key of another session');
  assert.equal(await refused(session, { user: 'eve' }), STATUS_ACCESS_DENIED);
  assert.equal(await writes(ann.client, session, ann, await open(ann, 'file', [])), STATUS_SUCCESS);
  await assertGone(world, ann, eve, { client: second } as Mount);
  assert.deepEqual(sessionsAt(world), [0, 0, 0]);
});

test('channels at two workers: as many as may be in all', async () => {
  const { world, ann, second } = await apart({
    options: { maxConnections: 100, maxConnectionsPerAddress: 100 },
  });
  const clients = [second];
  while (clients.length < MAX_CHANNELS_PER_SESSION - 1) clients.push(await connect(world, GUID));
  for (const client of clients.slice(1)) await client.bind(ann.session);
  const full = await second.tryBind(ann.session);
  assert.equal(full.last.status, STATUS_SUCCESS);
  const late = await connect(world, GUID);
  const { last } = await late.tryBind(ann.session);
  assert.equal(last.status, STATUS_INSUFFICIENT_RESOURCES);
  await clients[1]!.lost();
  await late.bind(ann.session);
  clients.splice(1, 1, late);
  for (const client of clients) await client.lost();
  await assertGone(world, ann);
  assert.deepEqual(sessionsAt(world), [0, 0, 0]);
});

test('channels at two workers: LOGOFF, and a login that fails, end the session at both', async () => {
  for (const how of ['logoff', 'login'] as const) {
    const { world, ann, second } = await apart();
    const channel = await second.bind(ann.session);
    const file = await open(ann, 'file', []);
    if (how === 'logoff') {
      const { status } = await second.call(LOGOFF, channel);
      assert.equal(status, STATUS_SUCCESS);
    } else {
      await second.setup('ann', {}, channel);
      assert.notEqual((await second.setup('ann:wrong', {}, channel)).status, STATUS_SUCCESS);
    }
    await turns();
    assert.deepEqual(sessionsAt(world), [0, 0, 0]);
    assert.equal(
      await writes(ann.client, ann.session, ann, file),
      STATUS_USER_SESSION_DELETED,
      'on the other channel',
    );
    await assertGone(world, ann, { client: second } as Mount);
  }
});

test('channels at two workers: a login at one renews the session at both', async () => {
  const { world, ann, second } = await apart();
  const channel = await second.bind(ann.session);
  const file = await open(ann, 'file', []);
  for (const { sessions } of tablesOf(world)) {
    for (const one of sessions.values()) one.expiresAtMs = Date.now() - 1;
  }
  const onFirst = () => writes(ann.client, ann.session, ann, file);
  assert.equal(await onFirst(), STATUS_NETWORK_SESSION_EXPIRED);
  assert.equal(await writes(second, channel, ann, file), STATUS_NETWORK_SESSION_EXPIRED);
  await second.setup('ann', {}, channel);
  assert.equal((await second.setup('ann:right', {}, channel)).status, STATUS_SUCCESS);
  await turns();
  assert.notEqual(await onFirst(), STATUS_NETWORK_SESSION_EXPIRED);
  assert.notEqual(await writes(second, channel, ann, file), STATUS_NETWORK_SESSION_EXPIRED);
  await assertGone(world, ann, { client: second } as Mount);
});
