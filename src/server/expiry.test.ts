/**
 * MS-SMB2 3.3.5.2.9, 3.3.5.5.2: sessions whose ticket runs out, and authenticating anew in every state. Only
 * Kerberos gives a time; the tests' control plane does in its place.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_LOGON_FAILURE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_NETWORK_SESSION_EXPIRED,
  STATUS_SUCCESS,
  STATUS_USER_SESSION_DELETED,
} from '../dtyp/ntstatus.ts';
import { Dialect } from '../smb2/dialect.ts';
import { encodeEchoRequest } from '../smb2/echo.ts';
import { Command, isSigned } from '../smb2/header.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK, SMB2_LOCKFLAG_UNLOCK } from '../smb2/lock.ts';
import { SMB2_OPLOCK_LEVEL_BATCH } from '../smb2/oplock-levels.ts';
import {
  type ClientSession,
  close,
  connected,
  create,
  type Draft,
  TestClient,
} from './test-client.support.test.ts';
import {
  LOGOFF,
  list,
  lock,
  query,
  read,
  TREE_DISCONNECT,
  write,
} from './test-requests.support.test.ts';
import { looksAtWorker, turns, World, WRONG_PASSWORD } from './test-world.support.test.ts';

const MINUTE_MS = 60_000;

async function scene(dialect = Dialect.SMB3_11 as number) {
  const world = new World();
  world.expiresAtMs = Date.now() + MINUTE_MS;
  const { client, session, treeId } = await connected(world, { dialect });
  const file = await client.open(session, treeId, 'file');
  const status = async (draft: Draft): Promise<number> =>
    (await client.call({ ...draft, treeId }, session)).status;
  const expire = (): void => {
    world.server.sessions.get(session.sessionId)!.expiresAtMs = Date.now();
  };
  const state = () => world.server.sessions.get(session.sessionId)?.state;
  return { world, client, session, treeId, file, status, expire, state };
}

async function reauthenticate(
  client: TestClient,
  session: ClientSession,
  token = 'ann:right',
): Promise<number> {
  const first = await client.setup('ann', {}, session);
  assert.equal(first.status, STATUS_MORE_PROCESSING_REQUIRED);
  const last = await client.setup(token, {}, session);
  if (last.status === STATUS_SUCCESS) assert.ok(isSigned(last.header));
  return last.status;
}

const whole = (flags: number) => ({ flags, offset: 0n, length: 10n });

for (const dialect of [Dialect.SMB2_02, Dialect.SMB2_10, Dialect.SMB3_00, Dialect.SMB3_11]) {
  test(`expiry at ${dialect.toString(16)}: only LOGOFF, CLOSE and what lets locks go goes on, and all again after`, async () => {
    const { world, client, session, file, status, expire } = await scene(dialect);
    const other = await client.open(session, 1, 'other');
    assert.equal(await status(query(file)), STATUS_SUCCESS);
    const locks = lock(file, whole(SMB2_LOCKFLAG_EXCLUSIVE_LOCK));
    assert.equal(await status(locks), STATUS_SUCCESS);
    expire();
    const refused = [
      query(file),
      read(file),
      write(file),
      list(file),
      TREE_DISCONNECT,
      create({ name: 'x' }),
    ];
    const check = async (): Promise<void> => {
      for (const draft of refused)
        assert.equal(await status(draft), STATUS_NETWORK_SESSION_EXPIRED);
      const taken = await status(lock(file, whole(SMB2_LOCKFLAG_EXCLUSIVE_LOCK)));
      assert.equal(taken, STATUS_NETWORK_SESSION_EXPIRED);
    };
    await check();
    assert.equal(await status(lock(file, whole(SMB2_LOCKFLAG_UNLOCK))), STATUS_SUCCESS);
    assert.equal(await status(close(other)), STATUS_SUCCESS);
    const echo = { command: Command.ECHO, body: encodeEchoRequest() };
    assert.equal((await client.call(echo)).status, STATUS_SUCCESS);
    // The same while the user authenticates anew.
    await client.setup('ann', {}, session);
    await check();
    assert.equal((await client.setup('ann:right', {}, session)).status, STATUS_SUCCESS);
    assert.equal(await status(query(file)), STATUS_SUCCESS);
    expire();
    assert.equal(await status(LOGOFF), STATUS_SUCCESS);
    await client.lost();
    world.assertEmpty();
  });
}

test('expiry: the next login says when the next one is; without a word never', async () => {
  const { world, client, session, file, status, expire, state } = await scene();
  expire();
  world.expiresAtMs = undefined;
  assert.equal(await reauthenticate(client, session), STATUS_SUCCESS);
  assert.equal(world.server.sessions.get(session.sessionId)!.expiresAtMs, Infinity);
  assert.equal(await status(query(file)), STATUS_SUCCESS);
  assert.equal(state(), 'valid');
  await client.lost();
  world.assertEmpty();
});

test('expiry: a valid session goes on while its user authenticates anew, with the same keys', async () => {
  const { world, client, session, file, status } = await scene();
  await client.setup('ann', {}, session);
  assert.equal(await status(query(file)), STATUS_SUCCESS);
  assert.equal((await client.setup('ann:right', {}, session)).status, STATUS_SUCCESS);
  assert.equal(await status(query(file)), STATUS_SUCCESS);
  await client.lost();
  world.assertEmpty();
});

for (const token of [`ann:${WRONG_PASSWORD}`, 'bob:right']) {
  for (const expired of [false, true]) {
    test(`expiry: ${token} on ${expired ? 'an expired' : 'a valid'} session ends it`, async () => {
      const { world, client, session, file, status, expire } = await scene();
      if (expired) expire();
      assert.equal(await reauthenticate(client, session, token), STATUS_LOGON_FAILURE);
      assert.equal(world.server.opens.size, 0);
      assert.equal(await status(query(file)), STATUS_USER_SESSION_DELETED);
      await client.lost();
      world.assertEmpty();
    });
  }
}

test('expiry: an anonymous login leaves a valid session its end, and does not bring back an expired one', async () => {
  const { world, client, session, file, status, expire, state } = await scene();
  const ends = () => world.server.sessions.get(session.sessionId)!.expiresAtMs;
  const before = ends();
  world.expiresAtMs = undefined;
  assert.equal(await reauthenticate(client, session, ':'), STATUS_SUCCESS);
  assert.equal(ends(), before);
  assert.equal(await status(query(file)), STATUS_SUCCESS);
  expire();
  assert.equal(await reauthenticate(client, session, ':'), STATUS_LOGON_FAILURE);
  assert.equal(state(), undefined);
  assert.equal(await status(query(file)), STATUS_USER_SESSION_DELETED);
  await client.lost();
  world.assertEmpty();
});

test('expiry: a login that its channel takes along is begun anew on another', async () => {
  const { world, client, session, treeId, file, expire, state } = await scene();
  const second = new TestClient(world);
  await second.negotiate();
  const channel = await second.bind(session);
  expire();
  await client.setup('ann', {}, session);
  if (!looksAtWorker) assert.equal(state(), 'inProgress');
  await client.lost();
  const asked = () => second.call({ ...query(file), treeId }, channel);
  assert.equal((await asked()).status, STATUS_NETWORK_SESSION_EXPIRED);
  assert.equal(await reauthenticate(second, channel), STATUS_SUCCESS);
  assert.equal((await asked()).status, STATUS_SUCCESS);
  await second.lost();
  world.assertEmpty();
});

test('expiry: both channels may authenticate anew at once', async () => {
  const { world, client, session, treeId, file, status, expire } = await scene();
  const second = new TestClient(world);
  await second.negotiate();
  const channel = await second.bind(session);
  expire();
  await client.setup('ann', {}, session);
  await second.setup('ann', {}, channel);
  assert.equal((await client.setup('ann:right', {}, session)).status, STATUS_SUCCESS);
  assert.equal((await second.setup('ann:right', {}, channel)).status, STATUS_SUCCESS);
  assert.equal(await status(query(file)), STATUS_SUCCESS);
  const there = await second.call({ ...query(file), treeId }, channel);
  assert.equal(there.status, STATUS_SUCCESS);
  // Refused on one, it ends on both.
  assert.equal(await reauthenticate(second, channel, 'bob:right'), STATUS_LOGON_FAILURE);
  assert.equal(await status(query(file)), STATUS_USER_SESSION_DELETED);
  await client.lost();
  await second.lost();
  world.assertEmpty();
});

test('expiry: an expired session is still told of breaks', async () => {
  const { world, client, session, treeId, expire } = await scene();
  const cached = await client.open(session, treeId, 'cached', {
    requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH,
  });
  expire();
  const rival = await connected(world, { user: 'bob' });
  const opening = rival.client.create(rival.session, rival.treeId, { name: 'cached' });
  await turns();
  assert.equal(client.breaks.length, 1);
  await client.close(session, treeId, cached);
  assert.equal((await opening).status, STATUS_SUCCESS);
  await client.lost();
  await rival.client.lost();
  world.assertEmpty();
});

test('expiry: a client that does not know of it yet may send what it could before', async () => {
  const { world, client, session, file, status, expire } = await scene();
  await client.call({ ...query(file), treeId: 1, credits: 20 }, session);
  expire();
  const large = { ...write(file, 'x'.repeat(300_000)), charge: 5 };
  assert.equal(await status(large), STATUS_NETWORK_SESSION_EXPIRED);
  await client.lost();
  world.assertEmpty();
});
