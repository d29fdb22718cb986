/** MS-SMB2 3.3.5.5: logins, second logins on a session, and sessions that take the place of others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_SESSIONS_PER_CONNECTION } from '../base/limits.ts';
import {
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_LOGON_FAILURE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_SUCCESS,
  STATUS_USER_SESSION_DELETED,
} from '../dtyp/ntstatus.ts';
import { isSigned } from '../smb2/header.ts';
import { SMB2_SESSION_FLAG_BINDING } from '../smb2/session-setup.ts';
import { type ClientSession, connected, TestClient } from './test-client.support.test.ts';
import { LOGOFF, query } from './test-requests.support.test.ts';
import { looksAtWorker, turns, World, WRONG_PASSWORD } from './test-world.support.test.ts';

test('session: a refused login leaves nothing behind', async () => {
  const world = new World();
  const client = new TestClient(world);
  await client.negotiate();
  const first = await client.setup('ann');
  const { sessionId } = first.header;
  assert.equal(first.status, STATUS_MORE_PROCESSING_REQUIRED);
  const second = await client.setup(`ann:${WRONG_PASSWORD}`, { sessionId });
  assert.equal(second.status, STATUS_LOGON_FAILURE);
  assert.equal(second.header.sessionId, sessionId);
  assert.ok(!isSigned(second.header));
  assert.equal(world.server.sessions.size, 0);
  assert.equal((await client.setup('ann', { sessionId })).status, STATUS_USER_SESSION_DELETED);
  await client.lost();
  world.assertEmpty();
});

test('session: steps of one that nobody began are refused', async () => {
  const world = new World();
  const client = new TestClient(world);
  await client.negotiate();
  for (const sessionId of [1, 2 ** 32, 2 ** 53, 2 ** 64]) {
    assert.equal((await client.setup('ann', { sessionId })).status, STATUS_USER_SESSION_DELETED);
  }
  for (const [sessionId, status] of [
    [0, STATUS_INVALID_PARAMETER],
    [1, STATUS_USER_SESSION_DELETED],
  ] as const) {
    const bound = await client.setup('ann', { sessionId, flags: SMB2_SESSION_FLAG_BINDING });
    assert.equal(bound.status, status);
  }
  await client.lost();
  world.assertEmpty();
});

test('session: another connection cannot go on with a login', async () => {
  const world = new World();
  const [client, thief] = [new TestClient(world), new TestClient(world)];
  await client.negotiate();
  await thief.negotiate();
  const { sessionId } = (await client.setup('ann')).header;
  const stolen = await thief.setup('ann:right', { sessionId });
  assert.equal(stolen.status, STATUS_USER_SESSION_DELETED);
  assert.equal((await client.setup('ann:right', { sessionId })).status, STATUS_SUCCESS);
  await thief.lost();
  await client.lost();
  world.assertEmpty();
});

test('session: a connection holds only so many, logins under way among them', async () => {
  const world = new World({ options: { maxSessions: 1000 } });
  const client = new TestClient(world);
  await client.negotiate();
  for (let i = 0; i < MAX_SESSIONS_PER_CONNECTION; i++) {
    assert.equal((await client.setup('ann')).status, STATUS_MORE_PROCESSING_REQUIRED);
  }
  assert.equal((await client.setup('ann')).status, STATUS_INSUFFICIENT_RESOURCES);
  await client.lost();
  world.assertEmpty();
});

/** Both steps of a second login on the session; the status of the last. */
async function again(client: TestClient, session: ClientSession, words: string): Promise<number> {
  const [user = ''] = words.split(':');
  const first = await client.setup(user, {}, session);
  assert.equal(first.status, STATUS_MORE_PROCESSING_REQUIRED);
  return (await client.setup(words, {}, session)).status;
}

for (const how of ['plain', 'signed', 'encrypted'] as const) {
  const dress = (session: ClientSession): void => {
    session.sign = how === 'signed';
    session.seal = how === 'encrypted';
  };

  test(`session, ${how}: a second login of its user keeps opens and keys`, async () => {
    const world = new World();
    const { client, session, treeId } = await connected(world);
    dress(session);
    const file = await client.open(session, treeId, 'file');
    assert.equal(await again(client, session, 'ann:right'), STATUS_SUCCESS);
    assert.equal((await client.call({ ...query(file), treeId }, session)).status, STATUS_SUCCESS);
    assert.equal(world.server.sessions.size, 1);
    await client.lost();
    world.assertEmpty();
  });

  for (const [what, words] of [
    ['of another user', 'bob:right'],
    ['of a guest', 'guest:right'],
    ['with a wrong password', `ann:${WRONG_PASSWORD}`],
  ] as const) {
    test(`session, ${how}: a second login ${what} ends it with all it has`, async () => {
      const world = new World();
      const { client, session, treeId } = await connected(world);
      dress(session);
      const file = await client.open(session, treeId, 'file');
      assert.equal(await again(client, session, words), STATUS_LOGON_FAILURE);
      const { sessions, opens, files } = world.server;
      assert.deepEqual([sessions.size, opens.size, files.size], [0, 0, 0]);
      session.seal = false;
      const late = await client.call({ ...query(file), treeId }, session);
      assert.equal(late.status, STATUS_USER_SESSION_DELETED);
      await client.lost();
      world.assertEmpty();
    });
  }
}

test('session: PreviousSessionId ends a session of the same user, of no other', async () => {
  const world = new World();
  const old = await connected(world);
  const file = await old.client.open(old.session, old.treeId, 'file', { shareAccess: 0 });
  const client = new TestClient(world);
  await client.negotiate();
  const { sessionId } = old.session;
  for (const [user, survives] of [
    ['bob', true],
    ['guest', true],
    ['', true],
    ['ann', false],
  ] as const) {
    await client.login(user, { previous: sessionId });
    assert.equal(world.server.sessions.has(sessionId), survives, `after ${user}`);
    const { status } = await old.client.call({ ...query(file), treeId: old.treeId }, old.session);
    assert.equal(status, survives ? STATUS_SUCCESS : STATUS_USER_SESSION_DELETED);
  }
  assert.equal(world.server.opens.size, 0);
  assert.equal(old.client.transport.closeReason, undefined, 'its connection lives');
  const anew = await old.client.login('ann');
  assert.ok(world.server.sessions.has(anew.sessionId));
  await old.client.lost();
  await client.lost();
  world.assertEmpty();
});

test('session: a PreviousSessionId that is its own, unknown or not logged in changes nothing', {
  skip: looksAtWorker,
}, async () => {
  const world = new World();
  const { client, session } = await connected(world);
  const other = new TestClient(world);
  await other.negotiate();
  const begun = (await other.setup('ann')).header.sessionId;
  await client.login('ann', { previous: begun });
  await client.login('ann', { previous: 0x1234_5678 });
  assert.ok(world.server.sessions.has(begun));
  const own = { previous: session.sessionId };
  await client.setup('ann', own, session);
  assert.equal((await client.setup('ann:right', own, session)).status, STATUS_SUCCESS);
  assert.ok(world.server.sessions.has(session.sessionId));
  await other.lost();
  await client.lost();
  world.assertEmpty();
});

test('session: a step while another is worked on is refused and disturbs nothing', {
  skip: looksAtWorker,
}, async () => {
  const world = new World();
  const client = new TestClient(world);
  await client.negotiate();
  world.loginGates.shut('attach');
  const first = client.setup('ann');
  await turns();
  const [sessionId] = world.server.sessions.keys();
  const early = await client.setup('ann:right', { sessionId: sessionId! });
  assert.equal(early.status, STATUS_REQUEST_NOT_ACCEPTED);
  world.loginGates.open('attach');
  assert.equal((await first).status, STATUS_MORE_PROCESSING_REQUIRED);
  const last = await client.setup('ann:right', { sessionId: sessionId! });
  assert.equal(last.status, STATUS_SUCCESS);
  await client.lost();
  world.assertEmpty();
});

test('session: it ends while a step is worked on', async () => {
  for (const end of ['loss', 'logoff'] as const) {
    const world = new World();
    const { client, session } = await connected(world);
    await client.setup('ann', {}, session);
    world.loginGates.shut('attach');
    const last = client.setup('ann:right', {}, session);
    await turns();
    const lost = end === 'loss' ? client.handler.closed() : undefined;
    if (end === 'logoff') assert.equal((await client.call(LOGOFF, session)).status, 0);
    world.loginGates.open('attach');
    await lost;
    if (end === 'logoff') assert.equal((await last).status, STATUS_USER_SESSION_DELETED);
    await client.lost();
    world.assertEmpty();
  }
});
