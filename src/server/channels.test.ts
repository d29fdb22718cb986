/**
 * MS-SMB2 3.3.5.5, 3.3.1.14, 3.3.7.1, 3.3.4.6, 3.3.4.7: connections bound to a session. What binds and what
 * does not, that a failed binding leaves the session alone, and what the loss of one channel takes along.
 */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { BREAK_RETRY_MS, MAX_CHANNELS_PER_SESSION } from '../base/limits.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_CANCELLED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_LOGON_FAILURE,
  STATUS_NETWORK_SESSION_EXPIRED,
  STATUS_NOT_SUPPORTED,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_REQUEST_OUT_OF_SEQUENCE,
  STATUS_SUCCESS,
  STATUS_USER_SESSION_DELETED,
} from '../dtyp/ntstatus.ts';
import { encodeCancelRequest } from '../smb2/cancel.ts';
import { SMB2_GLOBAL_CAP_MULTI_CHANNEL } from '../smb2/capabilities.ts';
import { encodeLease } from '../smb2/create-context-values.ts';
import { CreateContextName } from '../smb2/create-contexts.ts';
import { FILE_DIRECTORY_FILE } from '../smb2/create-options.ts';
import { Dialect } from '../smb2/dialect.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { Command, isSigned } from '../smb2/header.ts';
import { decodeIoctlResponse, encodeIoctlRequest, SMB2_0_IOCTL_IS_FSCTL } from '../smb2/ioctl.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK } from '../smb2/lock.ts';
import { decodeNegotiateResponse } from '../smb2/negotiate.ts';
import { decodeNetworkInterfaceInfos, RSS_CAPABLE } from '../smb2/network-interface-info.ts';
import { encodeOplockBreakRequest } from '../smb2/oplock-break.ts';
import { SMB2_OPLOCK_LEVEL_BATCH, SMB2_OPLOCK_LEVEL_LEASE } from '../smb2/oplock-levels.ts';
import { SMB2_SESSION_FLAG_BINDING } from '../smb2/session-setup.ts';
import {
  type ClientSession,
  connected,
  type Draft,
  type FileId,
  TestClient,
} from './test-client.support.test.ts';
import { LOGOFF, list, lock, query, read, write } from './test-requests.support.test.ts';
import {
  looksAtWorker,
  turns,
  World,
  type WorldOptions,
  WRONG_PASSWORD,
} from './test-world.support.test.ts';

const WHOLE = { flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK, offset: 0n, length: 100n };

interface Scene {
  readonly world: World;
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeId: number;
  readonly file: FileId;
}

type Negotiation = Parameters<TestClient['negotiate']>[1];

/** A session with a file open. */
async function scene(
  dialect = Dialect.SMB3_11 as number,
  how: Negotiation = {},
  options: WorldOptions = {},
): Promise<Scene> {
  const world = new World(options);
  const client = new TestClient(world);
  await client.negotiate([dialect], how);
  const session = await client.login('ann');
  session.sign = true;
  const treeId = await client.tree(session);
  const file = await client.open(session, treeId, 'file');
  return { world, client, session, treeId, file };
}

async function another(world: World, dialect = Dialect.SMB3_11 as number, how: Negotiation = {}) {
  const client = new TestClient(world);
  await client.negotiate([dialect], how);
  return client;
}

async function alive({ client, session, treeId, file }: Scene): Promise<void> {
  assert.equal((await client.call({ ...query(file), treeId }, session)).status, STATUS_SUCCESS);
}

async function end({ world, client }: Scene, ...others: readonly TestClient[]): Promise<void> {
  for (const one of [client, ...others]) await one.lost();
  world.assertEmpty();
}

for (const dialect of [Dialect.SMB3_00, Dialect.SMB3_02, Dialect.SMB3_11]) {
  for (const seal of [false, true]) {
    test(`channels: bound at ${dialect.toString(16)}, ${seal ? 'encrypted' : 'signed'}`, async () => {
      const here = await scene(dialect);
      const second = await another(here.world, dialect);
      const channel = await second.bind(here.session);
      channel.seal = seal;
      const { treeId, file, session, client } = here;
      await alive(here);
      const reply = await second.call({ ...write(file, 'both'), treeId }, channel);
      assert.equal(reply.status, STATUS_SUCCESS);
      session.seal = seal;
      const back = await client.call({ ...read(file), treeId }, session);
      assert.equal(back.status, STATUS_SUCCESS);
      // The key of one channel is nothing on the other; before 3.1.1 the test's logins give one key.
      if (!seal && dialect === Dialect.SMB3_11) {
        const wrong = { ...channel, signer: session.signer };
        const { status } = await second
          .call({ ...query(file), treeId }, wrong)
          .catch(() => ({ status: -1 }));
        assert.equal(status, STATUS_ACCESS_DENIED);
      }
      await end(here, second);
    });
  }
}

test('channels: MULTI_CHANNEL is offered to 3.x clients that know it', async () => {
  for (const [dialect, capabilities, multiChannel, offered] of [
    [Dialect.SMB3_11, 0x7f, true, true],
    [Dialect.SMB3_00, 0x08, true, true],
    [Dialect.SMB3_11, 0x77, true, false],
    [Dialect.SMB3_11, 0x7f, false, false],
    [Dialect.SMB2_10, 0x7f, true, false],
  ] as const) {
    const world = new World({ options: { multiChannel } });
    const client = new TestClient(world);
    const reply = await client.negotiate([dialect], { capabilities });
    const bits = decodeNegotiateResponse(reply.message).capabilities;
    assert.equal((bits & SMB2_GLOBAL_CAP_MULTI_CHANNEL) !== 0, offered);
    await client.lost();
  }
});

const GMAC = [2];
const CMAC = [1];
const HMAC = [0];
/** smb2.session.bind_negative_* as a table: what the two connections negotiated, and what becomes of it. */
const PAIRS: readonly (readonly [string, number, Negotiation, number, Negotiation, number])[] = [
  ['2.1 to 3.1.1', 0x0210, {}, 0x0311, {}, STATUS_INVALID_PARAMETER],
  ['3.1.1 to 2.1', 0x0311, {}, 0x0210, {}, STATUS_REQUEST_NOT_ACCEPTED],
  ['2.1 to 2.1', 0x0210, {}, 0x0210, {}, STATUS_REQUEST_NOT_ACCEPTED],
  ['3.0 to 3.0.2', 0x0300, {}, 0x0302, {}, STATUS_INVALID_PARAMETER],
  ['GCM to CCM', 0x0311, { ciphers: [2] }, 0x0311, { ciphers: [1] }, STATUS_INVALID_PARAMETER],
  ['GMAC to CMAC', 0x0311, { signings: GMAC }, 0x0311, {}, STATUS_REQUEST_OUT_OF_SEQUENCE],
  ['GMAC to 2.1', 0x0311, { signings: GMAC }, 0x0210, {}, STATUS_REQUEST_OUT_OF_SEQUENCE],
  ['CMAC to GMAC', 0x0311, {}, 0x0311, { signings: GMAC }, STATUS_NOT_SUPPORTED],
  ['2.1 to GMAC', 0x0210, {}, 0x0311, { signings: GMAC }, STATUS_NOT_SUPPORTED],
  ['HMAC to CMAC', 0x0311, { signings: HMAC }, 0x0311, { signings: CMAC }, STATUS_SUCCESS],
  ['CMAC to HMAC', 0x0311, { signings: CMAC }, 0x0311, { signings: HMAC }, STATUS_SUCCESS],
  ['another ClientGuid', 0x0311, {}, 0x0311, { clientGuid: Buffer.alloc(16, 8) }, STATUS_SUCCESS],
];
for (const [name, dialect, how, dialect2, how2, expected] of PAIRS) {
  test(`channels: binding from ${name}`, async () => {
    const here = await scene(dialect, how);
    const second = await another(here.world, dialect2, how2);
    const { last } = await second.tryBind(here.session);
    assert.equal(last.status, expected);
    await alive(here);
    if (expected === STATUS_SUCCESS)
      await second.bind(here.session).then(
        () => assert.fail('bound twice'),
        () => {},
      );
    await alive(here);
    await end(here, second);
  });
}

test('channels: what is refused, and leaves the session as it was', async () => {
  const here = await scene();
  const { world, session } = here;
  const second = await another(world);
  const refusals: readonly (readonly [object, number])[] = [
    [{ sign: false }, STATUS_INVALID_PARAMETER],
    [{ sessionId: session.sessionId + 1 }, STATUS_USER_SESSION_DELETED],
    [{ password: WRONG_PASSWORD }, STATUS_LOGON_FAILURE],
    [{ user: 'bob' }, STATUS_ACCESS_DENIED],
    [{ user: 'guest' }, STATUS_ACCESS_DENIED],
    [{ user: '' }, STATUS_ACCESS_DENIED],
  ];
  for (const [options, expected] of refusals) {
    const { last } = await second.tryBind(session, options);
    assert.equal(last.status, expected, JSON.stringify(options));
    await alive(here);
  }
  const wrong = { ...session, signer: (await second.login('bob')).signer };
  const flags = SMB2_SESSION_FLAG_BINDING;
  const forged = await second.setup('ann', { flags }, { ...wrong, sign: true });
  assert.equal(forged.status, STATUS_ACCESS_DENIED);
  // After all that it works.
  const channel = await second.bind(session);
  const { last } = await second.tryBind(channel);
  assert.equal(last.status, STATUS_REQUEST_NOT_ACCEPTED);
  await alive(here);
  await end(here, second);
});

test('channels: only a user has a session to bind', async () => {
  const world = new World();
  const [first, second] = [await another(world), await another(world)];
  const nobody = await first.login('');
  assert.equal((await second.tryBind(nobody)).last.status, STATUS_NOT_SUPPORTED);
  const guest = { ...(await first.login('guest')), signer: nobody.signer };
  assert.equal((await second.tryBind(guest)).last.status, STATUS_NOT_SUPPORTED);
  const begun = { ...nobody, sessionId: (await first.setup('ann')).header.sessionId };
  // What another worker's client has only begun nobody else knows of.
  const notYet = looksAtWorker ? STATUS_USER_SESSION_DELETED : STATUS_REQUEST_NOT_ACCEPTED;
  assert.equal((await second.tryBind(begun)).last.status, notYet);
  await first.lost();
  await second.lost();
  world.assertEmpty();
});

test('channels: without multichannel none are bound', async () => {
  const here = await scene(Dialect.SMB3_11, {}, { options: { multiChannel: false } });
  const second = await another(here.world);
  assert.equal((await second.tryBind(here.session)).last.status, STATUS_REQUEST_NOT_ACCEPTED);
  await end(here, second);
});

test('channels: before the binding is done nobody is in the session', async () => {
  const here = await scene();
  const { world, session, treeId, file } = here;
  const second = await another(world);
  const flags = SMB2_SESSION_FLAG_BINDING;
  const begin = { flags, sessionId: session.sessionId };
  const asking = { ...query(file), treeId };
  assert.equal((await second.call(asking, session)).status, STATUS_USER_SESSION_DELETED);
  await second.setup('ann', begin, session);
  assert.equal((await second.call(asking, session)).status, STATUS_USER_SESSION_DELETED);
  assert.equal(
    (await second.call({ ...asking, sessionId: session.sessionId })).status,
    STATUS_USER_SESSION_DELETED,
  );
  // Nor is a request that is related to the login.
  const unsigned = { ...session, sign: false };
  const replies = await second.chain([LOGOFF, { ...asking, related: true }], unsigned);
  assert.ok(replies.every(({ status }) => status !== STATUS_SUCCESS));
  // A step without the flag is of no session here, and the binding goes on.
  const flagless = await second.setup('ann:right', { sessionId: session.sessionId }, session);
  assert.equal(flagless.status, STATUS_USER_SESSION_DELETED);
  assert.equal((await second.setup('ann:right', begin, session)).status, STATUS_SUCCESS);
  await alive(here);
  await end(here, second);
});

test('channels: a session or connection that ends while the user proves himself', async () => {
  for (const what of ['session', 'connection', 'expiry'] as const) {
    const here = await scene();
    const { world, client, session } = here;
    const second = await another(world);
    world.loginGates.shut('attach');
    const binding = second
      .setup('ann', { flags: SMB2_SESSION_FLAG_BINDING }, session)
      .catch(() => undefined);
    await turns();
    if (what === 'session') await client.call(LOGOFF, session);
    const lost = what === 'connection' ? second.lost() : undefined;
    world.loginGates.open('attach');
    if (what === 'connection') {
      await lost;
      await alive(here);
    } else if (what === 'session') {
      await binding;
      const again = await second.setup('ann:right', { flags: SMB2_SESSION_FLAG_BINDING }, session);
      assert.equal(again.status, STATUS_USER_SESSION_DELETED);
    } else {
      assert.notEqual(await binding, undefined);
      world.server.sessions.get(session.sessionId)!.expiresAtMs = 1;
      const again = await second.setup('ann:right', { flags: SMB2_SESSION_FLAG_BINDING }, session);
      assert.equal(again.status, STATUS_NETWORK_SESSION_EXPIRED);
    }
    await end(here, second);
  }
});

test('channels: so many, and one more when one is lost', async () => {
  const here = await scene(Dialect.SMB3_11, {}, { options: { maxConnections: 100 } });
  const others: TestClient[] = [];
  for (let i = 1; i < MAX_CHANNELS_PER_SESSION; i++) {
    others.push(await another(here.world));
    await others.at(-1)!.bind(here.session);
  }
  const late = await another(here.world);
  const { last } = await late.tryBind(here.session);
  assert.equal(last.status, STATUS_INSUFFICIENT_RESOURCES);
  await others[3]!.lost();
  await late.bind(here.session);
  await alive(here);
  await end(here, late, ...others);
});

test('channels: the first that is lost takes its requests along and nothing else', async () => {
  const here = await scene();
  const { world, client, session, treeId, file } = here;
  const second = await another(world);
  const channel = await second.bind(session);
  const rival = await connected(world, { user: 'bob' });
  const rivals = await rival.client.open(rival.session, rival.treeId, 'file');
  await client.call({ ...lock(file, WHOLE), treeId }, session);
  // A lock that waits on each channel, and the rival's.
  const other = await client.open(session, treeId, 'file');
  const dying = client.send([{ ...lock(other, WHOLE), treeId }], session)[0]!;
  const living = second.send([{ ...lock(other, WHOLE), treeId }], channel)[0]!;
  const waiting = rival.client.send(
    [{ ...lock(rivals, WHOLE), treeId: rival.treeId }],
    rival.session,
  )[0]!;
  await turns();
  assert.ok(client.interim(dying) !== undefined && second.interim(living) !== undefined);
  await client.lost();
  await turns();
  assert.equal(second.finalNow(living), undefined);
  assert.equal(rival.client.finalNow(waiting), undefined, 'the lock is held');
  assert.equal((await second.call({ ...query(file), treeId }, channel)).status, STATUS_SUCCESS);
  const cancel = { command: Command.CANCEL, body: encodeCancelRequest(), messageId: living };
  second.send([cancel], channel);
  assert.equal((await second.final(living)).status, STATUS_CANCELLED);
  // The last takes the session.
  await second.lost();
  assert.equal((await rival.client.final(waiting)).status, STATUS_SUCCESS);
  await end(here, rival.client);
});

test('channels: CANCEL is for requests of its own channel', async () => {
  const here = await scene();
  const { world, client, session, treeId, file } = here;
  const second = await another(world);
  const channel = await second.bind(session);
  await client.call({ ...lock(file, WHOLE), treeId }, session);
  const other = await client.open(session, treeId, 'file');
  // The same MessageId on both.
  while (second.nextMessageId < client.nextMessageId)
    await second.call({ ...query(file), treeId }, channel);
  while (client.nextMessageId < second.nextMessageId)
    await client.call({ ...query(file), treeId }, session);
  const waiting = client.send([{ ...lock(other, WHOLE), treeId }], session)[0]!;
  await turns();
  second.send(
    [{ command: Command.CANCEL, body: encodeCancelRequest(), messageId: waiting }],
    channel,
  );
  await turns();
  assert.equal(client.finalNow(waiting), undefined);
  client.send(
    [{ command: Command.CANCEL, body: encodeCancelRequest(), messageId: waiting }],
    session,
  );
  assert.equal((await client.final(waiting)).status, STATUS_CANCELLED);
  await end(here, second);
});

test('channels: LOGOFF on one ends the session on all', async () => {
  const here = await scene();
  const { world, client, session, treeId, file } = here;
  const second = await another(world);
  const channel = await second.bind(session);
  const directory = await client.open(session, treeId, 'd', { createOptions: FILE_DIRECTORY_FILE });
  await client.call({ ...lock(file, WHOLE), treeId }, session);
  const other = await client.open(session, treeId, 'file');
  const waiting = client.send([{ ...lock(other, WHOLE), treeId }], session)[0]!;
  await turns();
  assert.equal((await second.call(LOGOFF, channel)).status, STATUS_SUCCESS);
  const cut = await client.final(waiting);
  assert.notEqual(cut.status, STATUS_SUCCESS);
  const asked = await client.call({ ...list(directory), treeId }, session);
  assert.equal(asked.status, STATUS_USER_SESSION_DELETED);
  assert.ok(isSigned(asked.header));
  assert.equal(world.server.sessions.size, 0);
  await end(here, second);
});

test('channels: a binding with PreviousSessionId ends that session, if it may', async () => {
  const here = await scene();
  const { world, session } = here;
  const old = await connected(world);
  const second = await another(world);
  await second.tryBind(session, { user: 'bob', previous: old.session.sessionId });
  assert.ok(world.server.sessions.has(old.session.sessionId));
  await second.bind(session, { previous: old.session.sessionId });
  assert.ok(!world.server.sessions.has(old.session.sessionId));
  await alive(here);
  await end(here, second, old.client);
});

const leased = (key: number) => ({
  requestedOplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
  createContexts: [
    {
      name: CreateContextName.LEASE,
      data: encodeLease({
        version: 1,
        leaseKey: Buffer.alloc(16, key),
        leaseState: 7,
        leaseFlags: 0,
      }),
    },
  ],
});

function acknowledge({ notification: told }: TestClient['breaks'][number]): Draft {
  const body =
    told.kind === 'lease'
      ? encodeOplockBreakRequest({
          kind: 'lease',
          leaseKey: told.leaseKey,
          leaseState: told.newLeaseState,
        })
      : encodeOplockBreakRequest(told);
  return { command: Command.OPLOCK_BREAK, body };
}

/** A holder of a file with two channels, and another client whose open of it breaks. */
async function broken(kind: 'oplock' | 'lease', unacknowledged = false) {
  const here = await scene();
  const { world, client, session, treeId } = here;
  const second = await another(world);
  const channel = await second.bind(session);
  const over = kind === 'lease' ? leased(5) : { requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH };
  await client.open(session, treeId, 'cached', over);
  const rival = new TestClient(world);
  await rival.negotiate([Dialect.SMB3_11], { clientGuid: Buffer.alloc(16, 9) });
  const rivals = await rival.login('bob');
  const rivalTree = await rival.tree(rivals);
  client.transport.unacknowledged = () => unacknowledged;
  const opening = rival.create(rivals, rivalTree, { name: 'cached' });
  await turns();
  assert.equal(client.breaks.length, 1, 'the oldest channel is told');
  assert.equal(second.breaks.length, 0);
  return { ...here, second, channel, rival, opening };
}

for (const kind of ['oplock', 'lease'] as const) {
  test(`channels: the break of an ${kind} goes on another when the one it went on is lost`, async () => {
    const { second, channel, opening, treeId, ...here } = await broken(kind);
    await here.client.lost();
    await turns();
    assert.deepEqual(second.breaks[0]!.notification, here.client.breaks[0]!.notification);
    const acked = await second.call({ ...acknowledge(second.breaks[0]!), treeId }, channel);
    assert.equal(acked.status, STATUS_SUCCESS);
    assert.equal((await opening).status, STATUS_SUCCESS);
    await end({ ...here, treeId }, second, here.rival);
  });

  test(`channels: the break of an ${kind} is acknowledged on any channel`, async () => {
    const { second, channel, opening, treeId, ...here } = await broken(kind);
    const [told] = here.client.breaks;
    const acked = await second.call({ ...acknowledge(told!), treeId }, channel);
    assert.equal(acked.status, STATUS_SUCCESS);
    assert.equal((await opening).status, STATUS_SUCCESS);
    await end({ ...here, treeId }, second, here.rival);
  });

  test(`channels: a break of an ${kind} that is not received goes on another channel`, async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      for (const unacknowledged of [true, false]) {
        const { second, channel, opening, treeId, ...here } = await broken(kind, unacknowledged);
        mock.timers.tick(BREAK_RETRY_MS - 1);
        assert.equal(second.breaks.length, 0);
        mock.timers.tick(1);
        assert.equal(second.breaks.length, unacknowledged ? 1 : 0);
        mock.timers.tick(3 * BREAK_RETRY_MS);
        assert.equal(here.client.breaks.length, 1, 'once on each');
        const [told] = here.client.breaks;
        await second.call({ ...acknowledge(told!), treeId }, channel);
        assert.equal((await opening).status, STATUS_SUCCESS);
        await end({ ...here, treeId }, second, here.rival);
      }
    } finally {
      mock.timers.reset();
    }
  });

  test(`channels: with the last one gone nobody waits for the break of an ${kind}`, async () => {
    const { second, opening, ...here } = await broken(kind);
    await here.client.lost();
    await second.lost();
    assert.equal((await opening).status, STATUS_SUCCESS);
    await end(here, here.rival);
  });
}

test('FSCTL_QUERY_NETWORK_INTERFACE_INFO: what the server says of this connection', async () => {
  const none = { persistentId: 2 ** 64, volatileId: 2 ** 64 };
  const ask = (maxOutputResponse: number, treeId: number): Draft => ({
    command: Command.IOCTL,
    treeId,
    body: encodeIoctlRequest({
      ctlCode: Fsctl.FSCTL_QUERY_NETWORK_INTERFACE_INFO,
      ...none,
      maxInputResponse: 0,
      maxOutputResponse,
      flags: SMB2_0_IOCTL_IS_FSCTL,
      input: Buffer.alloc(0),
      output: Buffer.alloc(0),
    }),
  });
  const here = await scene();
  const { world, client, session } = here;
  const place = {
    ifIndex: 3,
    rss: true,
    rdma: false,
    linkSpeed: 10_000_000_000,
    address: Buffer.from([192, 0, 2, 2]),
  };
  world.server.networkAddresses = (local) => (local === '192.0.2.2' ? [place] : []);
  const ipc = await client.tree(session, 'IPC$');
  const reply = await client.call(ask(65_536, ipc), session);
  assert.equal(reply.status, STATUS_SUCCESS);
  const { rss: _, rdma: __, ...told } = place;
  assert.deepEqual(decodeNetworkInterfaceInfos(decodeIoctlResponse(reply.message).output), [
    { ...told, capability: RSS_CAPABLE },
  ]);
  assert.notEqual((await client.call(ask(100, ipc), session)).status, STATUS_SUCCESS);
  const old = await connected(world, { dialect: Dialect.SMB2_10, share: 'IPC$' });
  const refused = await old.client.call(ask(65_536, old.treeId), old.session);
  assert.equal(refused.status, STATUS_NOT_SUPPORTED);
  await end(here, old.client);
});
