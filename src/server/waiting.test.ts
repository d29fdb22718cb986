/** MS-SMB2 3.3.4.2, 3.3.4.1.2, 3.3.5.2.3, 3.3.5.2.5: interim responses, credits and their charge. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { INTERIM_RESPONSE_MS, MAX_UNAUTHENTICATED_CREDITS } from '../base/limits.ts';
import { STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { encodeCancelRequest } from '../smb2/cancel.ts';
import { encodeEchoRequest } from '../smb2/echo.ts';
import { Command, isAsync } from '../smb2/header.ts';
import { decodeReadResponse } from '../smb2/read.ts';
import {
  close,
  connected,
  create,
  type Draft,
  type FileId,
  SAME,
  TestClient,
  treeConnect,
} from './test-client.support.test.ts';
import { LOGOFF, list, query, read, setInfo, write } from './test-requests.support.test.ts';
import { turns, World } from './test-world.support.test.ts';

const ECHO: Draft = { command: Command.ECHO, body: encodeEchoRequest() };

test('interim: a file system that takes its time is announced once, with the credits', async () => {
  const world = new World();
  const { client, session, treeId } = await connected(world);
  const file = await client.open(session, treeId, 'file');
  await client.call({ ...write(file, 'data'), treeId }, session);
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    world.gates.shut('read');
    const [quick] = client.send([{ ...read(file), treeId, credits: 7 }], session);
    await turns();
    mock.timers.tick(INTERIM_RESPONSE_MS - 1);
    assert.equal(client.interim(quick!), undefined);
    mock.timers.tick(1);
    const interim = client.interim(quick!)!;
    assert.equal(interim.header.creditRequest, 7);
    assert.ok(isAsync(interim.header));
    mock.timers.tick(10 * INTERIM_RESPONSE_MS);
    // The file system cannot be interrupted: CANCEL changes nothing.
    client.send(
      [{ command: Command.CANCEL, body: encodeCancelRequest(), messageId: quick! }],
      session,
    );
    await turns();
    assert.equal(client.replies.filter(({ status }) => status === STATUS_PENDING).length, 1);
    world.gates.open('read');
    const final = await client.final(quick!);
    assert.equal(final.status, STATUS_SUCCESS);
    assert.equal(decodeReadResponse(final.message).data.toString(), 'data');
    assert.equal(final.header.creditRequest, 0);
    assert.equal(final.header.asyncId, interim.header.asyncId);
    const [next] = client.send([{ ...read(file), treeId }], session);
    assert.ok(!isAsync((await client.final(next!)).header), 'what is quick is not announced');
  } finally {
    mock.timers.reset();
  }
  await client.lost();
  world.assertEmpty();
});

test('interim: logins and farewells have none', async () => {
  const world = new World();
  const { client, session } = await connected(world);
  const file = await client.open(session, 1, 'file', { createOptions: 0x1000 });
  assert.ok(file.volatileId > 0);
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    world.loginGates.shut('attach');
    world.gates.shut('remove');
    const login = client.setup('bob');
    const logoff = client.call(LOGOFF, session);
    await turns();
    mock.timers.tick(20 * INTERIM_RESPONSE_MS);
    assert.ok(client.replies.every(({ status }) => status !== STATUS_PENDING));
    world.loginGates.open('attach');
    world.gates.open('remove');
    await login;
    assert.equal((await logoff).status, STATUS_SUCCESS);
  } finally {
    mock.timers.reset();
  }
  await client.lost();
  world.assertEmpty();
});

test('interim: TREE_CONNECT has none, or its answer would not name the tree', async () => {
  const world = new World();
  const { client, session, treeId } = await connected(world);
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    world.gates.shut('attach');
    const connecting = client.call(treeConnect('share'), session);
    await turns();
    mock.timers.tick(20 * INTERIM_RESPONSE_MS);
    world.gates.open('attach');
    const { header, status } = await connecting;
    assert.equal(status, STATUS_SUCCESS);
    assert.ok(!isAsync(header) && header.treeId !== 0 && header.treeId !== treeId);
  } finally {
    mock.timers.reset();
  }
  await client.lost();
  world.assertEmpty();
});

test('interim: a timer that fires after the connection is lost harms nobody', async () => {
  const world = new World();
  const { client, session, treeId } = await connected(world);
  const file = await client.open(session, treeId, 'file');
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    world.gates.shut('read');
    client.send([{ ...read(file), treeId }], session);
    await turns();
    const lost = client.handler.closed();
    mock.timers.tick(2 * INTERIM_RESPONSE_MS);
    world.gates.open('read');
    await lost;
  } finally {
    mock.timers.reset();
  }
  world.assertEmpty();
});

test('credits: what is asked is given up to the limit, never more, and balance stays', async () => {
  const maxCredits = 64;
  const world = new World({ options: { maxCredits } });
  const { client, session, treeId } = await connected(world);
  for (let i = 0; i < 20; i++) {
    await client.call({ ...ECHO, credits: 65_535 }, session);
    assert.ok(client.credits <= maxCredits);
  }
  assert.equal(client.credits, maxCredits);
  for (let i = 0; i < 1000; i++) {
    const ids = client.send(
      [
        { ...create({ name: 'file' }), treeId },
        { ...query(SAME), related: true },
        { ...close(SAME), related: true },
      ],
      session,
    );
    await client.final(ids[2]!);
    assert.equal(client.credits, maxCredits);
    client.replies.length = 0;
  }
  await client.lost();
  world.assertEmpty();
});

test('credits: few before there is a session, and who asks for none is not starved', async () => {
  const world = new World();
  const client = new TestClient(world);
  await client.negotiate();
  for (let i = 0; i < 10; i++) {
    await client.call({ ...ECHO, credits: 1000 });
    assert.ok(client.credits <= MAX_UNAUTHENTICATED_CREDITS);
  }
  for (let i = 0; i < 100; i++) {
    await client.call({ ...ECHO, credits: 0 });
    assert.ok(client.credits >= 1);
  }
  await client.lost();
  world.assertEmpty();
});

test('credits: all of them in flight, then one left: each comes back', async () => {
  const world = new World({ options: { maxCredits: 8 } });
  const { client, session, treeId } = await connected(world);
  const file = await client.open(session, treeId, 'file');
  await client.call({ ...ECHO, credits: 100 }, session);
  assert.equal(client.credits, 8);
  world.gates.shut('read');
  const ids: number[] = [];
  while (client.credits > 0) ids.push(...client.send([{ ...read(file), treeId }], session));
  await turns();
  world.gates.open('read');
  await Promise.all(ids.map((id) => client.final(id)));
  assert.equal(client.credits, 8);
  await client.lost();
  world.assertEmpty();
});

/** A request whose payload, or whose answer's, is `bytes` long. */
const SIZED: Readonly<Record<string, (file: FileId, bytes: number) => Draft>> = {
  READ: (file, bytes) => read(file, { length: bytes }),
  WRITE: (file, bytes) => write(file, Buffer.alloc(bytes)),
  QUERY_DIRECTORY: (file, bytes) => list(file, '*', { outputBufferLength: bytes }),
  QUERY_INFO: (file, bytes) => query(file, 18, { outputBufferLength: bytes }),
  SET_INFO: (file, bytes) => setInfo(file, 4, Buffer.alloc(bytes)),
};

for (const [name, draft] of Object.entries(SIZED)) {
  test(`credit charge: ${name} pays for each 64 KiB that it has begun`, async () => {
    const world = new World();
    const { client, session, treeId } = await connected(world);
    const options = name === 'QUERY_DIRECTORY' ? { createOptions: 1 } : {};
    const file = await client.open(session, treeId, 'object', options);
    await client.call({ ...ECHO, credits: 200 }, session);
    for (const [bytes, charge, pays] of [
      [65_536, 0, true],
      [65_536, 1, true],
      [65_537, 0, false],
      [65_537, 1, false],
      [65_537, 2, true],
      [131_072, 2, true],
      [131_073, 2, false],
      [1_048_576, 15, false],
      [1_048_576, 16, true],
    ] as const) {
      const { status } = await client.call({ ...draft(file, bytes), treeId, charge }, session);
      if (!pays) assert.equal(status, STATUS_INVALID_PARAMETER, `${bytes} for ${charge}`);
      else assert.notEqual(status, STATUS_INVALID_PARAMETER, `${bytes} for ${charge}`);
    }
    await client.lost();
    world.assertEmpty();
  });
}

test('credit charge: 2.0.2 has none, and no payload above 64 KiB', async () => {
  const world = new World();
  const { client, session, treeId } = await connected(world, { dialect: 0x202 });
  const file = await client.open(session, treeId, 'file');
  const data = Buffer.alloc(65_536, 'x');
  assert.equal((await client.call({ ...write(file, data), treeId }, session)).status, 0);
  const whole = await client.call({ ...read(file, { length: 65_536 }), treeId }, session);
  assert.equal(whole.status, STATUS_SUCCESS);
  const more = await client.call({ ...read(file, { length: 65_537 }), treeId }, session);
  assert.equal(more.status, STATUS_INVALID_PARAMETER);
  // The field is reserved there; what stands in it is of no account.
  const [id] = client.send([{ ...read(file), treeId, messageId: client.nextMessageId, charge: 9 }]);
  client.nextMessageId += 1;
  await client.final(id!);
  assert.equal((await client.call({ ...read(file), treeId }, session)).status, STATUS_SUCCESS);
  await client.lost();
  world.assertEmpty();
});
