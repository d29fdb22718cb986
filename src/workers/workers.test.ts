/** Clients at two workers, in one process, and a third party between: what they share is one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_CANCELLED,
  STATUS_FILE_CLOSED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
  STATUS_USER_SESSION_DELETED,
} from '../dtyp/ntstatus.ts';
import { workerOfSession } from '../objects/ids.ts';
import { endSession } from '../objects/teardown.ts';
import { close, connected, create, SAME } from '../server/test-client.support.test.ts';
import {
  assertGone,
  BATCH,
  call,
  durable,
  durableV2,
  grantedLease,
  LEASE,
  lease,
  type Mount,
  mount,
  open,
  reconnect,
  reconnectV2,
  statusOf,
  tryOpen,
} from '../server/test-durables.support.test.ts';
import { LOGOFF, lock, notify, read, write } from '../server/test-requests.support.test.ts';
import { turns, World } from '../server/test-world.support.test.ts';
import { encodeCancelRequest } from '../smb2/cancel.ts';
import { encodeAppInstanceId } from '../smb2/create-context-values.ts';
import { CreateContextName } from '../smb2/create-contexts.ts';
import { encodeEchoRequest } from '../smb2/echo.ts';
import { Command, protocolOf, SMB2_FLAGS_ASYNC_COMMAND } from '../smb2/header.ts';
import { encodeOplockBreakRequest } from '../smb2/oplock-break.ts';

const EXCLUSIVE_NOW = { offset: 0n, length: 10n, flags: 0x12 };
const EXCLUSIVE = { offset: 0n, length: 10n, flags: 0x02 };
const UNLOCK = { offset: 0n, length: 10n, flags: 0x04 };

async function pair(options = {}): Promise<{ world: World; ann: Mount; bob: Mount }> {
  const world = new World({ workers: 2, ...options });
  const ann = await mount(world, { clientGuid: 7 });
  const bob = await mount(world, { clientGuid: 8, user: 'bob' });
  const workers = [ann, bob].map(({ session }) => workerOfSession(session.sessionId));
  assert.deepEqual(workers.sort(), [1, 2], 'a worker each, and their numbers in the ids');
  return { world, ann, bob };
}

/** The worker that serves this client is gone, as a process is that somebody kills. */
async function kill(world: World, { session }: Mount): Promise<void> {
  const number = workerOfSession(session.sessionId);
  await world.workers[number - 1]!.link.end('killed');
  await turns();
  const told = world.errors.splice(0);
  assert.deepEqual(told, [`worker ${number}: killed`, `worker ${number}: the other end is closed`]);
}

/** A client that another worker serves than this one's; the last of those that it takes to come there. */
async function elsewhere(world: World, { session }: Mount): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (let clientGuid = 20; clientGuid < 24; clientGuid++) {
    const next = await mount(world, { clientGuid });
    mounts.push(next);
    if (workerOfSession(next.session.sessionId) !== workerOfSession(session.sessionId)) break;
  }
  return mounts;
}

test("workers: a client's connections are spread over them, and its session is there on all", async () => {
  const { world, ann, bob } = await pair();
  const more = await mount(world, { clientGuid: 7 });
  assert.notEqual(workerOfSession(more.session.sessionId), workerOfSession(ann.session.sessionId));
  const channel = await more.client.bind(ann.session);
  assert.equal(
    (await more.client.call({ command: Command.ECHO, body: encodeEchoRequest() }, channel)).status,
    0,
  );
  const file = await open(ann, 'file', []);
  const onOther = await more.client.call({ ...read(file), treeId: ann.treeId }, channel);
  assert.notEqual(onOther.status, STATUS_FILE_CLOSED);
  await assertGone(world, ann, bob, more);
});

test('workers: share modes and byte-range locks hold between them', async () => {
  const { world, ann, bob } = await pair();
  const closed = await open(ann, 'shut', [], { shareAccess: 0 });
  assert.equal(await tryOpen(bob, 'shut', []), STATUS_SHARING_VIOLATION);
  assert.equal(await statusOf(ann, close(closed)), 0);
  assert.equal(await tryOpen(bob, 'shut', []), 0);
  const [one, two] = [await open(ann, 'file', []), await open(bob, 'file', [])];
  assert.equal(await statusOf(ann, write(one, '0123456789')), 0);
  assert.equal(await statusOf(ann, lock(one, EXCLUSIVE_NOW)), 0);
  assert.equal(await statusOf(bob, lock(two, EXCLUSIVE_NOW)), STATUS_LOCK_NOT_GRANTED);
  assert.equal(await statusOf(bob, read(two, { length: 5 })), STATUS_FILE_LOCK_CONFLICT);
  const [waiting] = bob.client.send([{ ...lock(two, EXCLUSIVE), treeId: bob.treeId }], bob.session);
  await turns();
  assert.ok(bob.client.interim(waiting!), 'it is told that it waits');
  assert.equal(await statusOf(ann, lock(one, UNLOCK)), 0);
  assert.equal((await bob.client.final(waiting!)).status, 0);
  await assertGone(world, ann, bob);
});

test('workers: CANCEL finds what waits at the owner', async () => {
  const { world, ann, bob } = await pair();
  const file = await open(ann, 'file', []);
  assert.equal(await statusOf(ann, lock(file, EXCLUSIVE_NOW)), 0);
  const two = await open(bob, 'file', []);
  const [waiting] = bob.client.send([{ ...lock(two, EXCLUSIVE), treeId: bob.treeId }], bob.session);
  await turns();
  const { asyncId } = bob.client.interim(waiting!)!.header;
  const cancel = {
    command: Command.CANCEL,
    body: encodeCancelRequest(),
    messageId: waiting!,
    asyncId,
  };
  bob.client.send([{ ...cancel, flags: SMB2_FLAGS_ASYNC_COMMAND }], bob.session);
  assert.equal((await bob.client.final(waiting!)).status, STATUS_CANCELLED);
  await assertGone(world, ann, bob);
});

test('workers: a lease and an oplock at one are broken by an open at the other', async () => {
  const { world, ann, bob } = await pair();
  const leased = await open(ann, 'leased', [lease(7)], LEASE);
  assert.equal(grantedLease(leased)?.leaseState, 7);
  const [waiting] = bob.client.send(
    [{ ...create({ name: 'leased' }), treeId: bob.treeId }],
    bob.session,
  );
  await turns();
  assert.equal(ann.client.breaks.length, 1);
  assert.ok(bob.client.interim(waiting!) && !bob.client.finalNow(waiting!));
  const body = encodeOplockBreakRequest({
    kind: 'lease',
    leaseKey: Buffer.alloc(16, 1),
    leaseState: 3,
  });
  assert.equal(await statusOf(ann, { command: Command.OPLOCK_BREAK, body }), 0);
  assert.equal((await bob.client.final(waiting!)).status, 0);
  const batch = await open(bob, 'batch', [], BATCH);
  const second = ann.client.send(
    [{ ...create({ name: 'batch' }), treeId: ann.treeId }],
    ann.session,
  )[0]!;
  await turns();
  assert.equal(bob.client.breaks.length, 1);
  assert.equal(await statusOf(bob, close(batch)), 0);
  assert.equal((await ann.client.final(second)).status, 0);
  await assertGone(world, ann, bob);
});

test('workers: what one changes another that watches hears', async () => {
  const { world, ann, bob } = await pair();
  const directory = await open(ann, '', [], { createOptions: 1 });
  const [waiting] = ann.client.send([{ ...notify(directory), treeId: ann.treeId }], ann.session);
  await turns();
  await open(bob, 'new', []);
  const { message } = await ann.client.final(waiting!);
  assert.ok(message.includes(Buffer.from('new', 'utf16le')));
  await assertGone(world, ann, bob);
});

test('workers: encrypted requests are answered encrypted, breaks too, whoever answers', async () => {
  const { world, ann, bob } = await pair();
  for (const { session } of [ann, bob]) session.seal = true;
  const treeId = await ann.client.tree(ann.session, 'sealed');
  const batch = await open({ ...ann, treeId }, 'file', [], BATCH);
  const [waiting] = bob.client.send(
    [{ ...create({ name: 'file' }), treeId: bob.treeId }],
    bob.session,
  );
  await turns();
  assert.equal(ann.client.breaks.length, 1);
  assert.equal(await statusOf({ ...ann, treeId }, close(batch)), 0);
  assert.equal((await bob.client.final(waiting!)).status, 0);
  const frames = ann.client.transport.frames.slice(-2);
  assert.ok(
    frames.every((frame) => protocolOf(frame) === 'transform'),
    'in whatever share',
  );
  ann.session.seal = false;
  assert.equal(await tryOpen({ ...ann, treeId }, 'more', []), STATUS_ACCESS_DENIED);
  await assertGone(world, ann, bob);
});

test('workers: related requests stay one compound', async () => {
  const { world, ann, bob } = await pair();
  const replies = await ann.client.chain(
    [
      { ...create({ name: 'one' }), treeId: ann.treeId },
      { ...write(SAME, 'text'), related: true },
      { ...close(SAME), related: true },
    ],
    ann.session,
  );
  assert.deepEqual(
    replies.map(({ status, frame }) => [status, frame === replies[0]!.frame]),
    [
      [0, true],
      [0, true],
      [0, true],
    ],
  );
  await assertGone(world, ann, bob);
});

test('workers: PreviousSessionId ends the session that another has', async () => {
  const { world, ann, bob } = await pair();
  await open(ann, 'file', [], { shareAccess: 0 });
  const again = await connected(world, { clientGuid: 9 });
  // Another user's is left alone.
  await again.client.login('ann', { previous: bob.session.sessionId });
  assert.equal(await tryOpen(bob, 'other', []), 0);
  const now = await bob.client.login('ann', { previous: ann.session.sessionId });
  assert.notEqual(workerOfSession(now.sessionId), workerOfSession(ann.session.sessionId));
  assert.equal(await tryOpen(ann, 'more', []), STATUS_USER_SESSION_DELETED);
  assert.equal(await tryOpen(bob, 'file', []), 0, 'what it had open is closed');
  await assertGone(world, ann, bob, again);
});

test('workers: a durable open is reclaimed at another, as a batch oplock (3.3.5.9.7, 3.3.5.9.12)', async () => {
  for (const version of [1, 2] as const) {
    const { world, ann, bob } = await pair();
    const asked = version === 1 ? durable() : durableV2();
    const file = await open(ann, 'file', [asked], BATCH);
    await ann.client.lost();
    assert.equal(world.server.durables.size, 1);
    const others = await elsewhere(world, ann);
    const back = others.at(-1)!;
    const numbers = [ann, back].map(({ session }) => workerOfSession(session.sessionId));
    assert.notEqual(numbers[0], numbers[1]);
    const again = version === 1 ? reconnect(file) : reconnectV2(file);
    const reclaimed = await open(back, 'file', [again]);
    assert.equal(reclaimed.persistentId, file.persistentId);
    assert.equal(await statusOf(back, write(reclaimed, 'kept')), 0);
    await assertGone(world, bob, ...others);
  }
});

test('workers: a durable open is reclaimed at another, with its lease and locks (3.3.5.9.7, 3.3.5.9.12)', async () => {
  for (const version of [1, 2] as const) {
    const { world, ann, bob } = await pair();
    const asked = version === 1 ? durable() : durableV2();
    const file = await open(ann, 'file', [asked, lease(7)], LEASE);
    assert.equal(await statusOf(ann, lock(file, EXCLUSIVE_NOW)), 0);
    await ann.client.lost();
    // The next of this client goes to the worker with the fewest of its connections, of both to the other one.
    const first = await mount(world, { clientGuid: 7 });
    const second = await mount(world, { clientGuid: 7 });
    const worker = workerOfSession(ann.session.sessionId);
    const back = workerOfSession(first.session.sessionId) === worker ? second : first;
    assert.notEqual(workerOfSession(back.session.sessionId), worker);
    const again = version === 1 ? reconnect(file) : reconnectV2(file);
    const reclaimed = await open(back, 'file', [again, lease(7)], LEASE);
    assert.equal(reclaimed.persistentId, file.persistentId);
    assert.equal(grantedLease(reclaimed)?.leaseState, 7);
    assert.equal(await statusOf(back, lock(reclaimed, UNLOCK)), 0);
    await assertGone(world, bob, first, second);
  }
});

test('workers: an application that comes up at another has its opens closed (3.3.5.9.13)', async () => {
  const { world, ann, bob } = await pair();
  const instance = {
    name: CreateContextName.APP_INSTANCE_ID,
    data: encodeAppInstanceId(Buffer.alloc(16, 0xa9)),
  };
  const file = await open(ann, 'file', [durableV2(), instance], { ...BATCH, shareAccess: 0 });
  assert.equal(await tryOpen(bob, 'other', [durableV2(), instance], BATCH), 0);
  const taken = await open(bob, 'file', [durableV2(Buffer.alloc(16, 2)), instance], {
    ...BATCH,
    shareAccess: 0,
  });
  assert.equal(await statusOf(ann, write(file, 'too late')), STATUS_FILE_CLOSED);
  assert.equal(await statusOf(bob, write(taken, 'mine')), 0);
  await assertGone(world, ann, bob);
});

test('workers: the end of one costs its connections; their durable opens stay, and are reclaimed at the other', async () => {
  const { world, ann, bob } = await pair();
  const kept = await open(ann, 'kept', [durableV2(), lease(7)], LEASE);
  const lost = await open(ann, 'lost', [], { shareAccess: 0 });
  const theirs = await open(bob, 'theirs', []);
  assert.equal(await statusOf(ann, lock(lost, EXCLUSIVE_NOW)), 0);
  await kill(world, ann);
  assert.deepEqual([world.server.connections.size, world.server.durables.size], [1, 1]);
  assert.equal(await statusOf(bob, write(theirs, 'undisturbed')), 0);
  assert.equal(await tryOpen(bob, 'lost', []), 0, 'what was not durable is closed');
  const number = workerOfSession(ann.session.sessionId);
  world.workers.splice(number - 1, 1);
  const back = await mount(world, { clientGuid: 7 });
  assert.notEqual(workerOfSession(back.session.sessionId), number);
  const again = await open(back, 'kept', [reconnectV2(kept), lease(7)], LEASE);
  assert.equal(grantedLease(again)?.leaseState, 7, 'with its lease');
  await assertGone(world, bob, back);
});

test('workers: an administrator ends a session, LOGOFF does, a login that fails does', async () => {
  const { world, ann, bob } = await pair();
  await endSession(world.server, world.server.sessions.get(ann.session.sessionId)!, 'closed');
  assert.equal(await tryOpen(ann, 'file', []), STATUS_USER_SESSION_DELETED);
  assert.equal((await bob.client.call(LOGOFF, bob.session)).status, 0);
  assert.equal(await tryOpen(bob, 'file', []), STATUS_USER_SESSION_DELETED);
  assert.equal(world.server.sessions.size, 0);
  const eve = await mount(world, { clientGuid: 9, user: 'eve' });
  await eve.client.setup('eve', {}, eve.session);
  assert.notEqual((await eve.client.setup('eve:wrong', {}, eve.session)).status, 0);
  assert.equal(world.server.sessions.size, 0, 'with what it had open');
  await assertGone(world, ann, bob, eve);
});

test('workers: the number of sessions is bounded over all of them', async () => {
  const { world, ann, bob } = await pair({ options: { maxSessions: 2 } });
  const eve = await connected(world, { clientGuid: 9, user: 'eve' }).catch((error) => error);
  assert.ok(eve instanceof Error);
  await bob.client.lost();
  const late = await mount(world, { clientGuid: 8 });
  for (const connection of [...world.server.connections]) {
    if (!connection.authenticated) connection.transport.close('no session');
  }
  await turns();
  assert.equal(
    await call(late, close({ persistentId: 1, volatileId: 1 })).then(({ status }) => status),
    STATUS_FILE_CLOSED,
  );
  assert.equal(
    await tryOpen(late, 'none', [reconnectV2({ persistentId: 5, volatileId: 5 })]),
    STATUS_OBJECT_NAME_NOT_FOUND,
  );
  for (const { client } of [ann, late]) await client.lost();
});
