/** MS-SMB2 3.3.5.2.4, .9, .11, 3.3.5.2.1.1 and 3.3.4.1.1: what must be signed or encrypted, and is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_CANCELLED,
  STATUS_INVALID_PARAMETER,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_SUCCESS,
  STATUS_USER_SESSION_DELETED,
} from '../dtyp/ntstatus.ts';
import { encodeCancelRequest } from '../smb2/cancel.ts';
import { encodeEchoRequest } from '../smb2/echo.ts';
import { Command, isSigned, SMB2_FLAGS_SIGNED } from '../smb2/header.ts';
import {
  SMB2_SESSION_FLAG_ENCRYPT_DATA,
  SMB2_SESSION_FLAG_IS_GUEST,
  SMB2_SESSION_FLAG_IS_NULL,
} from '../smb2/session-setup.ts';
import {
  type ClientSession,
  connected,
  create,
  Disconnected,
  type Draft,
  TestClient,
  treeConnect,
} from './test-client.support.test.ts';
import { LOGOFF, query, read, TREE_DISCONNECT } from './test-requests.support.test.ts';
import { turns, World } from './test-world.support.test.ts';

const ECHO: Draft = { command: Command.ECHO, body: encodeEchoRequest() };
const SIGNING_ALGORITHMS = [0, 1, 2];
const CIPHERS = [1, 2, 3, 4];

/** The session's requests go out so, for one call. */
const as = (session: ClientSession, how: Partial<ClientSession>): ClientSession => ({
  ...session,
  sign: false,
  seal: false,
  ...how,
});

const wrongly = (session: ClientSession): ClientSession =>
  as(session, {
    sign: true,
    signer: {
      ...session.signer!,
      sign: (parts) => {
        session.signer!.sign(parts);
        parts[0]![48]! ^= 1;
      },
      verify: () => assert.fail('not asked'),
    },
  });

for (const signing of SIGNING_ALGORITHMS) {
  test(`signing ${signing}: required means that every request has the right signature`, async () => {
    const world = new World({ options: { requireSigning: true } });
    const client = new TestClient(world);
    await client.negotiate([0x311], { signings: [signing] });
    assert.equal(client.signing, signing);
    const session = await client.login();
    const signed = as(session, { sign: true });
    const treeId = await client.tree(signed);
    const file = await client.open(signed, treeId, 'file');
    for (const draft of [query(file), create({ name: 'x' }), treeConnect('share'), LOGOFF]) {
      const unsigned = await client.call({ ...draft, treeId }, as(session, {}));
      assert.equal(unsigned.status, STATUS_ACCESS_DENIED);
      const wrong = await client.call({ ...draft, treeId }, wrongly(session));
      assert.equal(wrong.status, STATUS_ACCESS_DENIED);
    }
    assert.equal(world.server.opens.size, 1);
    // Answers to signed requests are signed whatever they say: the client checks each.
    const missing = await client.call({ ...query(file), treeId: treeId + 1 }, signed);
    assert.equal(missing.status, STATUS_NETWORK_NAME_DELETED);
    assert.ok(isSigned(missing.header));
    const malformed = await client.call(
      { command: Command.QUERY_INFO, body: Buffer.alloc(40), treeId },
      signed,
    );
    assert.equal(malformed.status, STATUS_INVALID_PARAMETER);
    assert.ok(isSigned(malformed.header));
    const off = await client.call(LOGOFF, signed);
    assert.equal(off.status, STATUS_SUCCESS);
    assert.ok(isSigned(off.header));
    await client.lost();
    world.assertEmpty();
  });
}

test('signing: a client that requires it gets it, from a server that does not', async () => {
  const world = new World();
  for (const where of ['negotiate', 'setup'] as const) {
    const client = new TestClient(world);
    await client.negotiate([0x302], { securityMode: where === 'negotiate' ? 3 : 1 });
    const session = await client.login('ann', { securityMode: where === 'setup' ? 3 : 1 });
    const unsigned = await client.call(treeConnect('share'), as(session, {}));
    assert.equal(unsigned.status, STATUS_ACCESS_DENIED);
    const signed = await client.call(treeConnect('share'), as(session, { sign: true }));
    assert.equal(signed.status, STATUS_SUCCESS);
    await client.lost();
  }
  world.assertEmpty();
});

test('signing: not required, a signature that is there must be right all the same', async () => {
  const world = new World();
  const { client, session, treeId } = await connected(world);
  const plain = await client.call({ ...create({ name: 'a' }), treeId }, as(session, {}));
  assert.equal(plain.status, STATUS_SUCCESS);
  assert.ok(!isSigned(plain.header));
  const wrong = await client.call({ ...create({ name: 'b' }), treeId }, wrongly(session));
  assert.equal(wrong.status, STATUS_ACCESS_DENIED);
  await client.lost();
  world.assertEmpty();
});

test('signing: a NEGOTIATE is not signed, and nobody signs for a session that is not there', async () => {
  const world = new World();
  const client = new TestClient(world);
  const body = Buffer.alloc(36 + 2);
  body.writeUInt16LE(36, 0);
  const first = await client.call({ command: Command.NEGOTIATE, body, flags: SMB2_FLAGS_SIGNED });
  assert.equal(first.status, STATUS_INVALID_PARAMETER);
  await client.negotiate();
  const unknown = await client.call({ ...ECHO, flags: SMB2_FLAGS_SIGNED, sessionId: 0x77 });
  assert.equal(unknown.status, STATUS_USER_SESSION_DELETED);
  await client.lost();
  world.assertEmpty();
});

test('signing: guests and nobodies have no key, also where signing is required of users', async () => {
  const world = new World({ options: { requireSigning: true } });
  for (const [user, flag] of [
    ['guest', SMB2_SESSION_FLAG_IS_GUEST],
    ['', SMB2_SESSION_FLAG_IS_NULL],
  ] as const) {
    const client = new TestClient(world);
    await client.negotiate();
    const session = await client.login(user);
    assert.equal(session.flags, flag);
    const treeId = await client.tree(session);
    const { reply } = await client.create(session, treeId, { name: 'file' });
    assert.equal(reply.status, STATUS_SUCCESS);
    assert.ok(!isSigned(reply.header));
    await client.lost();
  }
  world.assertEmpty();
});

for (const cipher of CIPHERS) {
  test(`encryption with ${cipher}: a session that must be encrypted is not used in plain`, async () => {
    const world = new World({ options: { encryption: 'required' } });
    const client = new TestClient(world);
    await client.negotiate([0x311], { ciphers: [cipher] });
    assert.equal(client.cipherId, cipher);
    const session = await client.login();
    assert.equal(session.flags, SMB2_SESSION_FLAG_ENCRYPT_DATA);
    const sealed = as(session, { seal: true });
    const treeId = await client.tree(sealed);
    const file = await client.open(sealed, treeId, 'file');
    for (const how of [as(session, {}), as(session, { sign: true })]) {
      for (const draft of [query(file), treeConnect('share'), TREE_DISCONNECT, LOGOFF]) {
        const refused = await client.call({ ...draft, treeId }, how);
        assert.equal(refused.status, STATUS_ACCESS_DENIED);
      }
    }
    assert.equal((await client.call({ ...query(file), treeId }, sealed)).status, STATUS_SUCCESS);
    assert.equal((await client.call(LOGOFF, sealed)).status, STATUS_SUCCESS);
    await client.lost();
    world.assertEmpty();
  });
}

test('encryption: required, who cannot has no session', async () => {
  const world = new World({ options: { encryption: 'required' } });
  for (const [dialect, user] of [
    [0x210, 'ann'],
    [0x202, 'ann'],
  ] as const) {
    const client = new TestClient(world);
    await client.negotiate([dialect]);
    assert.equal((await client.setup(user)).status, STATUS_ACCESS_DENIED);
    await client.lost();
  }
  const guest = new TestClient(world);
  await guest.negotiate();
  const { sessionId } = (await guest.setup('guest')).header;
  assert.equal((await guest.setup('guest:x', { sessionId })).status, STATUS_ACCESS_DENIED);
  await guest.lost();
  world.assertEmpty();
});

test('encryption: of a share alone', async () => {
  const world = new World();
  for (const dialect of [0x300, 0x302, 0x311]) {
    const { client, session, treeId } = await connected(world, { dialect, share: 'sealed' });
    const sealed = as(session, { seal: true });
    for (const how of [as(session, {}), as(session, { sign: true })]) {
      for (const draft of [create({ name: 'file' }), TREE_DISCONNECT]) {
        const refused = await client.call({ ...draft, treeId }, how);
        assert.equal(refused.status, STATUS_ACCESS_DENIED);
      }
    }
    await client.open(sealed, treeId, 'file');
    const open = await client.tree(session);
    await client.open(session, open, 'file');
    await client.lost();
  }
  const { client, session } = await connected(world, { dialect: 0x210 });
  const old = await client.call(treeConnect('sealed'), session);
  assert.equal(old.status, STATUS_ACCESS_DENIED);
  await client.lost();
  world.assertEmpty();
});

test('encryption: what is not rightly encrypted for its session ends the connection', async () => {
  const world = new World();
  type Way = (client: TestClient, session: ClientSession) => Buffer;
  const message = (session: ClientSession, related = false): Buffer => {
    let frame = Buffer.alloc(0);
    const stub = { ...session, sign: false, seal: false };
    const probe = new TestClient(world);
    probe.handler.receive = (bytes) => {
      frame = Buffer.from(bytes);
    };
    probe.nextMessageId = 5;
    probe.send([{ ...ECHO, related, sessionId: session.sessionId }], stub);
    void probe.lost();
    return frame;
  };
  const seal = (session: ClientSession, id: number, plain: Buffer): Buffer =>
    Buffer.concat(session.cipher!.seal(id, [plain]));
  const ways: Record<string, Way> = {
    'a tag that is wrong': (_client, session) => {
      const frame = seal(session, session.sessionId, message(session));
      frame[10]! ^= 1;
      return frame;
    },
    'a byte that is wrong': (_client, session) => {
      const frame = seal(session, session.sessionId, message(session));
      frame[frame.length - 1]! ^= 1;
      return frame;
    },
    'a session that is not there': (_client, session) => seal(session, 0x99, message(session)),
    'another session in the message': (_client, session) =>
      seal(session, session.sessionId, message({ ...session, sessionId: 0x42 })),
    'a first member that is related': (_client, session) =>
      seal(session, session.sessionId, message(session, true)),
    'encryption twice': (_client, session) =>
      seal(session, session.sessionId, seal(session, session.sessionId, message(session))),
    'a cut header': (_client, session) =>
      seal(session, session.sessionId, message(session)).subarray(0, 50),
    'nothing in it': (_client, session) =>
      seal(session, session.sessionId, message(session)).subarray(0, 52),
  };
  for (const [what, way] of Object.entries(ways)) {
    const { client, session } = await connected(world);
    const before = client.transport.frames.length;
    client.handler.receive(way(client, session));
    assert.notEqual(client.transport.closeReason, undefined, what);
    assert.equal(client.transport.frames.length, before, what);
    await client.lost();
  }
  world.assertEmpty();
});

test('encryption: two sessions of one connection do not open each other', async () => {
  const world = new World();
  const { client, session, treeId } = await connected(world);
  const bob = await client.login('bob');
  const crossed = { ...bob, seal: true, sessionId: session.sessionId };
  await assert.rejects(client.call({ ...create({ name: 'x' }), treeId }, crossed), Disconnected);
  await client.lost();
  world.assertEmpty();
});

test('signing: a CANCEL counts when it is signed as its session demands', async () => {
  const world = new World({ options: { requireSigning: true } });
  const { client, session, treeId } = await connected(world, { share: 'IPC$' });
  const other = await client.login('bob');
  const pipe = await client.open(session, treeId, 'echo');
  const [messageId] = client.send([{ ...read(pipe), treeId }], session);
  await turns();
  const cancel: Draft = {
    command: Command.CANCEL,
    body: encodeCancelRequest(),
    messageId: messageId!,
  };
  const frames = client.transport.frames.length;
  client.send([cancel], as(session, {}));
  client.send([cancel], wrongly(session));
  client.send([cancel], as(other, { sign: true }));
  client.send([{ ...cancel, messageId: 4711 }], session);
  await turns();
  assert.equal(client.transport.frames.length, frames, 'a CANCEL has no answer');
  client.send([cancel], session);
  assert.equal((await client.final(messageId!)).status, STATUS_CANCELLED);
  await client.lost();
  world.assertEmpty();
});

test('ECHO: needs no session, but one that it names must be there', async () => {
  const world = new World({ options: { encryption: 'desired' } });
  const client = new TestClient(world);
  await client.negotiate();
  const session = await client.login();
  const begun = (await client.setup('bob')).header.sessionId;
  for (const [sessionId, expected] of [
    [0, STATUS_SUCCESS],
    [0x99, STATUS_USER_SESSION_DELETED],
    [begun, STATUS_USER_SESSION_DELETED],
    [session.sessionId, STATUS_ACCESS_DENIED],
  ] as const) {
    assert.equal((await client.call({ ...ECHO, sessionId })).status, expected);
  }
  const sealed = as(session, { seal: true });
  assert.equal((await client.call(ECHO, sealed)).status, STATUS_SUCCESS);
  await client.lost();
  world.assertEmpty();
});

test('NEGOTIATE: what was agreed before a refusal is forgotten', async () => {
  const world = new World();
  const client = new TestClient(world);
  const refused = await client.negotiate([0x311], { signings: [] });
  assert.equal(refused.status, STATUS_INVALID_PARAMETER);
  await client.negotiate([0x302], { capabilities: 0 });
  const session = await client.login();
  assert.equal(session.cipher, undefined);
  const [connection] = world.server.connections;
  assert.deepEqual([connection!.cipherId, connection!.preauth], [0, undefined]);
  const sealed = await client.call(treeConnect('sealed'), session);
  assert.equal(sealed.status, STATUS_ACCESS_DENIED);
  await client.lost();
  world.assertEmpty();
});
