/**
 * MS-SMB2 3.3.5.14 and MS-FSA 2.1.5.8 through the whole server: locks that wait and everything that
 * ends their wait, arrays, bounds, lock sequences, and what locks do to READ, WRITE and truncation.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_ASYNC_REQUESTS, MAX_LOCKS, MAX_LOCKS_PER_OPEN } from '../base/limits.ts';
import {
  STATUS_CANCELLED,
  STATUS_END_OF_FILE,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INTERNAL_ERROR,
  STATUS_INVALID_LOCK_RANGE,
  STATUS_INVALID_PARAMETER,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_RANGE_NOT_LOCKED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FileAllocationInformation, FileEndOfFileInformation } from '../fscc/file-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { LockSequences } from '../objects/lock-sequences.ts';
import { encodeCancelRequest } from '../smb2/cancel.ts';
import { Dialect } from '../smb2/dialect.ts';
import { Command, isAsync, SMB2_FLAGS_ASYNC_COMMAND } from '../smb2/header.ts';
import {
  encodeLockRequest,
  type LockElement,
  MAX_LOCK_ELEMENTS,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
} from '../smb2/lock.ts';
import {
  type ClientSession,
  close,
  connected,
  create,
  type Draft,
  type FileId,
  SAME,
  TestClient,
} from './test-client.support.test.ts';
import {
  LOGOFF,
  lock,
  read,
  setInfo,
  TREE_DISCONNECT,
  write,
} from './test-requests.support.test.ts';
import { turns, World } from './test-world.support.test.ts';

const SHARED = SMB2_LOCKFLAG_SHARED_LOCK;
const EXCLUSIVE = SMB2_LOCKFLAG_EXCLUSIVE_LOCK;
const UNLOCK = SMB2_LOCKFLAG_UNLOCK;
const NOW = SMB2_LOCKFLAG_FAIL_IMMEDIATELY;

const element = (flags: number, offset: bigint | number, length: bigint | number): LockElement => ({
  flags,
  offset: BigInt(offset),
  length: BigInt(length),
});

/** A client with the file open. */
interface Peer {
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeId: number;
  readonly file: FileId;
}

async function peer(world: World, over: { dialect?: number; user?: string } = {}): Promise<Peer> {
  const { client, session, treeId } = await connected(world, over);
  return { client, session, treeId, file: await client.open(session, treeId, 'file') };
}

function send({ client, session, treeId }: Peer, draft: Draft): number {
  return client.send([{ ...draft, treeId }], session)[0]!;
}

async function status(by: Peer, draft: Draft): Promise<number> {
  return (await by.client.final(send(by, draft))).status;
}

function cancel({ client, session }: Peer, messageId: number, asyncId?: number): void {
  const body = encodeCancelRequest();
  const named = asyncId === undefined ? {} : { flags: SMB2_FLAGS_ASYNC_COMMAND, asyncId };
  client.send([{ command: Command.CANCEL, body, messageId, ...named }], session);
}

async function end(world: World, ...peers: readonly Peer[]): Promise<void> {
  for (const { client } of peers) await client.lost();
  assert.equal(world.server.files.lockTally.locks, 0);
  world.assertEmpty();
}

const whole = element(EXCLUSIVE, 0, 100);

async function previousSession(world: World, { session }: Peer): Promise<void> {
  const other = new TestClient(world);
  await other.negotiate();
  await other.login('ann', { previous: session.sessionId });
  await other.lost();
}

/** All that takes a lock from its holder. */
const RELEASES: Readonly<Record<string, (world: World, holder: Peer) => Promise<unknown>>> = {
  UNLOCK: (_, by) => status(by, lock(by.file, element(UNLOCK, 0, 100))),
  CLOSE: (_, by) => status(by, close(by.file)),
  TREE_DISCONNECT: (_, by) => status(by, TREE_DISCONNECT),
  LOGOFF: (_, by) => status(by, LOGOFF),
  'loss of the connection': (_, by) => by.client.lost(),
  'a login with PreviousSessionId': previousSession,
};

for (const [name, release] of Object.entries(RELEASES)) {
  test(`locks: one that waits is granted by ${name} of the holder`, async () => {
    const world = new World();
    const [holder, waiter] = [await peer(world), await peer(world, { user: 'bob' })];
    assert.equal(await status(holder, lock(holder.file, whole)), STATUS_SUCCESS);
    const id = send(waiter, { ...lock(waiter.file, element(SHARED, 50, 1)), credits: 5 });
    // The interim is there at once, and has the credits.
    const interim = waiter.client.interim(id);
    assert.ok(interim !== undefined && isAsync(interim.header));
    assert.equal(interim.header.creditRequest, 5);
    await turns();
    assert.equal(waiter.client.finalNow(id), undefined);
    await release(world, holder);
    const final = await waiter.client.final(id);
    assert.equal(final.status, STATUS_SUCCESS);
    assert.equal(final.header.asyncId, interim.header.asyncId);
    assert.equal(final.header.creditRequest, 0);
    assert.equal(world.server.files.lockTally.locks, 1);
    await end(world, holder, waiter);
  });
}

/** All that ends a wait without the lock, with what the client is told. */
const ENDS: Readonly<
  Record<string, readonly [(world: World, by: Peer, id: number) => unknown, number | undefined]>
> = {
  'CANCEL by MessageId': [(_, by, id) => cancel(by, id), STATUS_CANCELLED],
  'CANCEL by AsyncId': [
    (_, by, id) => cancel(by, 0, by.client.interim(id)!.header.asyncId),
    STATUS_CANCELLED,
  ],
  CLOSE: [(_, by) => send(by, close(by.file)), STATUS_RANGE_NOT_LOCKED],
  TREE_DISCONNECT: [(_, by) => send(by, TREE_DISCONNECT), STATUS_RANGE_NOT_LOCKED],
  LOGOFF: [(_, by) => send(by, LOGOFF), STATUS_RANGE_NOT_LOCKED],
  'a login with PreviousSessionId': [
    (world, by) => previousSession(world, by),
    STATUS_RANGE_NOT_LOCKED,
  ],
  'loss of the connection': [(_, by) => by.client.lost(), undefined],
};

for (const [name, [perform, expected]] of Object.entries(ENDS)) {
  test(`locks: a wait ends with ${name}, and takes no lock`, async () => {
    const world = new World();
    const [holder, waiter] = [await peer(world), await peer(world)];
    assert.equal(await status(holder, lock(holder.file, whole)), STATUS_SUCCESS);
    const id = send(waiter, lock(waiter.file, element(EXCLUSIVE, 99, 2)));
    await turns();
    await perform(world, waiter, id);
    await turns();
    assert.equal(waiter.client.finalNow(id)?.status, expected);
    assert.equal(world.server.files.lockTally.locks, 1);
    // A second CANCEL finds nothing.
    if (expected === STATUS_CANCELLED) cancel(waiter, id);
    assert.equal(await status(holder, lock(holder.file, element(UNLOCK, 0, 100))), STATUS_SUCCESS);
    assert.equal(world.server.files.lockTally.locks, 0);
    assert.ok(waiter.client.replies.filter(({ header }) => header.messageId === id).length <= 2);
    await end(world, holder, waiter);
  });
}

test('locks: those that wait come in as they came, and none twice', async () => {
  const world = new World();
  const peers = [await peer(world), await peer(world), await peer(world), await peer(world)];
  const order: number[] = [];
  const ids = [];
  for (const [i, by] of peers.entries()) {
    const id = send(by, lock(by.file, element(EXCLUSIVE, 10 + i, 20)));
    void by.client.final(id).then(() => order.push(i));
    ids.push(id);
    await turns();
  }
  for (const [i, by] of peers.entries()) {
    assert.deepEqual(order, [0, 1, 2, 3].slice(0, i + 1));
    assert.equal(await status(by, lock(by.file, element(UNLOCK, 10 + i, 20))), STATUS_SUCCESS);
    await turns();
  }
  await end(world, ...peers);
});

test('locks: a wait can end within the turn that grants it', async () => {
  for (const grantedFirst of [true, false]) {
    const world = new World();
    const [holder, waiter] = [await peer(world), await peer(world)];
    await status(holder, lock(holder.file, whole));
    const id = send(waiter, lock(waiter.file, whole));
    await turns();
    if (!grantedFirst) cancel(waiter, id);
    send(holder, lock(holder.file, element(UNLOCK, 0, 100)));
    if (grantedFirst) cancel(waiter, id);
    const final = await waiter.client.final(id);
    assert.equal(final.status, grantedFirst ? STATUS_SUCCESS : STATUS_CANCELLED);
    assert.equal(world.server.files.lockTally.locks, grantedFirst ? 1 : 0);
    await end(world, holder, waiter);
  }
});

test('locks: one that waits in a compound lets unrelated requests by, related ones wait', async () => {
  const world = new World();
  const [holder, waiter] = [await peer(world), await peer(world)];
  await status(holder, lock(holder.file, whole));
  const { client, session, treeId } = waiter;
  waiter.session.seal = true;
  const [made, locked, closed] = client.send(
    [
      { ...create({ name: 'file' }), treeId },
      { ...lock(SAME, whole), related: true },
      { ...close(SAME), related: true },
    ],
    session,
  );
  const other = send(waiter, lock(waiter.file, element(SHARED, 100, 1)));
  await turns();
  assert.ok(client.interim(locked!)?.encrypted);
  assert.equal(client.finalNow(made!)?.status, STATUS_SUCCESS);
  assert.equal(client.finalNow(closed!), undefined);
  assert.equal(client.finalNow(other)?.status, STATUS_SUCCESS);
  await status(holder, lock(holder.file, element(UNLOCK, 0, 100)));
  assert.equal((await client.final(locked!)).status, STATUS_SUCCESS);
  assert.equal((await client.final(closed!)).status, STATUS_SUCCESS);
  await end(world, holder, waiter);
});

test('locks: an array is taken whole or not at all, and never waits', async () => {
  const world = new World();
  const [a, b] = [await peer(world), await peer(world)];
  assert.equal(await status(a, lock(a.file, element(EXCLUSIVE | NOW, 20, 10))), STATUS_SUCCESS);
  const three = [0, 10, 20].map((at) => element(EXCLUSIVE | NOW, at, 10));
  assert.equal(await status(b, lock(b.file, ...three)), STATUS_LOCK_NOT_GRANTED);
  assert.equal(world.server.files.lockTally.locks, 1);
  // Its own entries meet each other, too.
  const twice = [element(SHARED | NOW, 0, 10), element(EXCLUSIVE | NOW, 5, 10)];
  assert.equal(await status(b, lock(b.file, ...twice)), STATUS_LOCK_NOT_GRANTED);
  for (const wrong of [element(SHARED, 1, 1), element(UNLOCK, 0, 10), element(NOW, 1, 1)]) {
    const elements = [element(SHARED | NOW, 0, 10), wrong];
    assert.equal(await status(b, lock(b.file, ...elements)), STATUS_INVALID_PARAMETER);
  }
  const beyond = element(SHARED | NOW, 2n ** 64n - 1n, 2);
  assert.equal(
    await status(b, lock(b.file, element(SHARED | NOW, 0, 10), beyond)),
    STATUS_INVALID_LOCK_RANGE,
  );
  assert.equal(world.server.files.lockTally.locks, 1);
  // What an array unlocks before an error stays unlocked.
  const unlocks = [element(UNLOCK, 20, 10), element(UNLOCK, 20, 10)];
  assert.equal(await status(a, lock(a.file, ...unlocks)), STATUS_RANGE_NOT_LOCKED);
  assert.equal(await status(b, lock(b.file, ...three)), STATUS_SUCCESS);
  await end(world, a, b);
});

test('locks: one connection can have so many waiting, and they go with it', async () => {
  const world = new World({ options: { maxCredits: 8192 } });
  const holder = await peer(world);
  await status(holder, lock(holder.file, whole));
  const waiters = [await peer(world), await peer(world)];
  for (const by of waiters) {
    // As many as answers can take credits from.
    while (by.client.credits <= MAX_ASYNC_REQUESTS) {
      const idle = { ...lock(by.file, element(UNLOCK, 500, 1)), credits: 512 };
      assert.equal(await status(by, idle), STATUS_RANGE_NOT_LOCKED);
    }
    for (let i = 0; i < MAX_ASYNC_REQUESTS; i++) {
      send(by, lock(by.file, element(i % 2 === 0 ? SHARED : EXCLUSIVE, i % 100, 1)));
    }
    assert.equal(await status(by, lock(by.file, whole)), STATUS_INSUFFICIENT_RESOURCES);
    // What need not wait is served.
    assert.equal(await status(by, lock(by.file, element(SHARED, 500, 1))), STATUS_SUCCESS);
  }
  assert.equal(world.server.files.lockTally.locks, 2 * MAX_ASYNC_REQUESTS + 3);
  await waiters[0]!.client.lost();
  assert.equal(world.server.files.lockTally.locks, MAX_ASYNC_REQUESTS + 2);
  await status(holder, close(holder.file));
  await turns();
  // The shared ones stand on even bytes, the exclusive ones on odd bytes, one on each.
  const granted = waiters[1]!.client.replies.filter(
    ({ header, status: final }) => isAsync(header) && final === STATUS_SUCCESS,
  );
  assert.equal(granted.length, Math.ceil(MAX_ASYNC_REQUESTS / 2) + 50);
  await end(world, holder, ...waiters);
});

test('locks: an open, and the server, can have so many', async () => {
  const world = new World();
  const by = await peer(world);
  for (let at = 0; at < MAX_LOCKS_PER_OPEN; at += MAX_LOCK_ELEMENTS) {
    const many = Array.from({ length: MAX_LOCK_ELEMENTS }, (_, i) =>
      element(EXCLUSIVE | NOW, 2 * (at + i), 1),
    );
    assert.equal(await status(by, lock(by.file, ...many)), STATUS_SUCCESS);
  }
  const one = element(SHARED | NOW, 1, 1);
  assert.equal(await status(by, lock(by.file, one)), STATUS_INSUFFICIENT_RESOURCES);
  assert.equal(await status(by, lock(by.file, element(UNLOCK, 0, 1))), STATUS_SUCCESS);
  const tally = world.server.files.lockTally;
  tally.locks += MAX_LOCKS;
  assert.equal(await status(by, lock(by.file, one)), STATUS_INSUFFICIENT_RESOURCES);
  tally.locks -= MAX_LOCKS;
  assert.equal(await status(by, lock(by.file, one)), STATUS_SUCCESS);
  await end(world, by);
});

const sequenced = (
  { persistentId, volatileId }: FileId,
  lockSequenceIndex: number,
  lockSequenceNumber: number,
  ...locks: LockElement[]
): Draft => ({
  command: Command.LOCK,
  body: encodeLockRequest({
    ...{ lockSequenceIndex, lockSequenceNumber, persistentId, volatileId, locks },
  }),
});

test('locks: a LOCK that was carried out is not carried out again', async () => {
  for (const dialect of [Dialect.SMB2_02, Dialect.SMB2_10, Dialect.SMB3_11]) {
    const world = new World({ options: { multiChannel: false } });
    const by = await peer(world, { dialect });
    const ask = (index: number, number: number, one: LockElement) =>
      status(by, sequenced(by.file, index, number, one));
    const take = element(EXCLUSIVE | NOW, 0, 100);
    const known = dialect === Dialect.SMB2_02 ? STATUS_LOCK_NOT_GRANTED : STATUS_SUCCESS;
    // Nothing is kept for an open that ends with its connection.
    assert.equal(await ask(1, 1, take), STATUS_SUCCESS);
    assert.equal(await ask(1, 1, take), STATUS_LOCK_NOT_GRANTED);
    assert.equal(await ask(1, 1, element(UNLOCK, 0, 100)), STATUS_SUCCESS);
    world.server.opens.get(by.file.persistentId)!.lockSequences = new LockSequences();
    assert.equal(await ask(1, 1, take), STATUS_SUCCESS);
    assert.equal(await ask(1, 1, take), known);
    assert.equal(await ask(1, 2, take), STATUS_LOCK_NOT_GRANTED);
    assert.equal(await ask(1, 1, take), STATUS_LOCK_NOT_GRANTED, 'a failure empties the bucket');
    assert.equal(await ask(64, 0, element(UNLOCK, 0, 100)), STATUS_SUCCESS);
    assert.equal(
      await ask(64, 0, element(UNLOCK, 0, 100)),
      dialect === Dialect.SMB2_02 ? STATUS_RANGE_NOT_LOCKED : STATUS_SUCCESS,
    );
    assert.equal(await ask(0, 0, element(UNLOCK, 0, 100)), STATUS_RANGE_NOT_LOCKED);
    await end(world, by);
  }
});

test('locks: where a session may have channels, what was carried out is known of every open', async () => {
  for (const dialect of [Dialect.SMB2_10, Dialect.SMB3_00, Dialect.SMB3_11]) {
    const world = new World();
    const by = await peer(world, { dialect });
    const take = sequenced(by.file, 1, 1, element(EXCLUSIVE | NOW, 0, 100));
    assert.equal(await status(by, take), STATUS_SUCCESS);
    const known = dialect === Dialect.SMB2_10 ? STATUS_LOCK_NOT_GRANTED : STATUS_SUCCESS;
    assert.equal(await status(by, take), known);
    await end(world, by);
  }
});

test('locks: a wait is recorded when it ends, and only with the lock', async () => {
  const world = new World();
  const [holder, by] = [await peer(world), await peer(world)];
  world.server.opens.get(by.file.persistentId)!.lockSequences = new LockSequences();
  await status(holder, lock(holder.file, whole));
  const id = send(by, sequenced(by.file, 2, 5, whole));
  await turns();
  cancel(by, id);
  assert.equal((await by.client.final(id)).status, STATUS_CANCELLED);
  const again = send(by, sequenced(by.file, 2, 5, whole));
  await turns();
  assert.equal(by.client.finalNow(again), undefined);
  await status(holder, close(holder.file));
  assert.equal((await by.client.final(again)).status, STATUS_SUCCESS);
  assert.equal(await status(by, sequenced(by.file, 2, 5, whole)), STATUS_SUCCESS);
  assert.equal(world.server.files.lockTally.locks, 1);
  await end(world, holder, by);
});

const setSize = (id: FileId, endOfFile: number): Draft =>
  setInfo(
    id,
    FileInformationClass.FileEndOfFileInformation,
    FileEndOfFileInformation.encode({ endOfFile }),
  );

test('locks: READ and WRITE meet those of others, WRITE shared ones of its own too', async () => {
  const world = new World();
  const [a, b] = [await peer(world), await peer(world)];
  assert.equal(await status(a, write(a.file, Buffer.alloc(100))), STATUS_SUCCESS);
  await status(a, lock(a.file, element(EXCLUSIVE, 10, 10)));
  await status(a, lock(a.file, element(SHARED, 30, 10)));
  await status(a, lock(a.file, element(EXCLUSIVE, 50, 0)));
  await status(a, lock(a.file, element(EXCLUSIVE, 2n ** 62n, 2n ** 63n)));
  const data = (length: number): Buffer => Buffer.alloc(length);
  const conflict = STATUS_FILE_LOCK_CONFLICT;
  for (const [offset, length, readsA, readsB, writesA, writesB] of [
    [0, 10, 0, 0, 0, 0],
    [9, 2, 0, conflict, 0, conflict],
    [19, 1, 0, conflict, 0, conflict],
    [15, 0, 0, 0, 0, 0],
    [20, 10, 0, 0, 0, 0],
    [30, 1, 0, 0, conflict, conflict],
    [40, 10, 0, 0, 0, 0],
    [49, 2, 0, conflict, 0, conflict],
    [50, 10, 0, 0, 0, 0],
    [2 ** 62, 1, STATUS_END_OF_FILE, conflict, undefined, undefined],
    [2 ** 62 - 1024, 1024, STATUS_END_OF_FILE, STATUS_END_OF_FILE, undefined, undefined],
  ] as const) {
    const where = `${offset} and ${length}`;
    assert.equal(await status(a, read(a.file, { offset, length })), readsA, `a reads ${where}`);
    assert.equal(await status(b, read(b.file, { offset, length })), readsB, `b reads ${where}`);
    if (writesA === undefined) continue;
    assert.equal(await status(a, write(a.file, data(length), { offset })), writesA, where);
    assert.equal(await status(b, write(b.file, data(length), { offset })), writesB, where);
  }
  await end(world, a, b);
});

test('locks: a new size meets those on what it cuts off or adds, and no other', async () => {
  const world = new World();
  const [a, b] = [await peer(world), await peer(world)];
  assert.equal(await status(a, write(a.file, Buffer.alloc(100))), STATUS_SUCCESS);
  await status(a, lock(a.file, element(EXCLUSIVE, 50, 10)));
  await status(a, lock(a.file, element(EXCLUSIVE, 2n ** 62n, 1)));
  assert.equal(await status(b, setSize(b.file, 55)), STATUS_FILE_LOCK_CONFLICT);
  assert.equal(
    await status(
      b,
      setInfo(
        b.file,
        FileInformationClass.FileAllocationInformation,
        FileAllocationInformation.encode({ allocationSize: 0 }),
      ),
    ),
    STATUS_FILE_LOCK_CONFLICT,
  );
  assert.equal(await status(b, setSize(b.file, 60)), STATUS_SUCCESS);
  assert.equal(await status(b, setSize(b.file, 1000)), STATUS_SUCCESS);
  assert.equal(await status(a, setSize(a.file, 10)), STATUS_SUCCESS);
  assert.equal(await status(b, setSize(b.file, 51)), STATUS_FILE_LOCK_CONFLICT);
  await end(world, a, b);
});

const steps = fc.array(
  fc.record({
    peer: fc.nat(2),
    action: fc.constantFrom('lock', 'lock', 'lock', 'unlock', 'unlock', 'cancel', 'close', 'turn'),
    flags: fc.constantFrom(SHARED, EXCLUSIVE, SHARED | NOW, EXCLUSIVE | NOW),
    offset: fc.nat(4),
    length: fc.nat(4),
    which: fc.nat(10),
  }),
  { maxLength: 60, size: 'max' },
);

test('locks: whatever clients do, each request has one final answer and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const world = new World();
      const peers = [await peer(world), await peer(world), await peer(world)];
      const asked = peers.map((): number[] => []);
      const files = peers.map(({ file }) => [file]);
      for (const { peer: who, action, flags, offset, length, which } of list) {
        const by = peers[who]!;
        const file = files[who]!.at(-1)!;
        const pick = asked[who]![which];
        if (action === 'turn') await turns();
        else if (action === 'cancel') {
          if (pick !== undefined) cancel(by, pick);
        } else if (action === 'close') {
          asked[who]!.push(send(by, close(file)));
          files[who]!.push(await by.client.open(by.session, by.treeId, 'file'));
        } else {
          const one = element(action === 'lock' ? flags : UNLOCK, offset, length);
          asked[who]!.push(send(by, lock(file, one)));
        }
      }
      for (const [who, by] of peers.entries()) asked[who]!.push(send(by, TREE_DISCONNECT));
      for (const [who, { client }] of peers.entries()) {
        for (const id of asked[who]!) {
          assert.notEqual((await client.final(id)).status, STATUS_INTERNAL_ERROR);
          const answers = client.replies.filter(({ header }) => header.messageId === id);
          assert.ok(answers.length === 1 || (answers.length === 2 && isAsync(answers[1]!.header)));
        }
      }
      await end(world, ...peers);
    }),
    { numRuns: 60 },
  );
});
