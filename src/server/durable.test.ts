/** MS-SMB2 3.3.5.9.6, .7, .10, .12 and 3.3.7.1: opens that outlive their connection, and who gets them back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
} from '../dtyp/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE, FILE_DIRECTORY_FILE, FILE_OPEN } from '../smb2/create-options.ts';
import { TestClient } from './test-client.support.test.ts';
import {
  assertGone,
  BATCH,
  durable,
  durableV2,
  grantedDurable,
  grantedLease,
  guid,
  LEASE,
  lease,
  type Mount,
  mount,
  open,
  readText,
  reconnect,
  reconnectV2,
  SMB2_1,
  statusOf,
  tryOpen,
} from './test-durables.support.test.ts';
import {
  LOGOFF,
  lock,
  read,
  rename,
  TREE_DISCONNECT,
  write,
} from './test-requests.support.test.ts';
import { World } from './test-world.support.test.ts';

const RH = 3;
const RWH = 7;
const EXCLUSIVE_NOW = 0x12;
const whole = { offset: 0n, length: 10n, flags: EXCLUSIVE_NOW };

test('granted with a batch oplock or a lease that caches the handle, and with nothing less', async () => {
  const world = new World();
  const ann = await mount(world);
  const rows: [string, Promise<{ readonly createContexts: never }>, number][] = [];
  const row = (name: string, made: ReturnType<typeof open>, granted: number) =>
    rows.push([name, made as never, granted]);
  row('batch', open(ann, 'a', [durable()], BATCH), 1);
  row('batch v2', open(ann, 'b', [durableV2(guid(1))], BATCH), 2);
  row('exclusive', open(ann, 'c', [durable()], { requestedOplockLevel: 8 }), 0);
  row('no oplock v2', open(ann, 'd', [durableV2(guid(2))]), 0);
  row('RH', open(ann, 'e', [durable(), lease(RH, 2)], LEASE), 1);
  row('RWH v2', open(ann, 'f', [durableV2(guid(3)), lease(RWH, 3)], LEASE), 2);
  row('RW v2', open(ann, 'g', [durableV2(guid(4)), lease(5, 4)], LEASE), 0);
  const directory = { ...LEASE, createOptions: FILE_DIRECTORY_FILE };
  row('a directory', open(ann, 'h', [durableV2(guid(5)), lease(RH, 5)], directory), 0);
  for (const [name, made, granted] of rows) {
    assert.equal(grantedDurable((await made) as never), granted, name);
  }
  await assertGone(world, ann);
});

test('nobody gets one as guest, nor where durable handles are switched off', async () => {
  const world = new World();
  const guest = await mount(world, { user: 'guest' });
  assert.equal(grantedDurable(await open(guest, 'a', [durableV2()], BATCH)), 0);
  await assertGone(world, guest);
  const off = new World({ options: { durableHandles: false } });
  const ann = await mount(off);
  const file = await open(ann, 'a', [durableV2()], BATCH);
  assert.equal(grantedDurable(file), 0);
  await ann.client.lost();
  assert.equal(off.server.opens.size, 0);
  await assertGone(off);
});

test('what a lost connection leaves is there again: data, locks, lease, position of nothing changed', async () => {
  for (const version of [1, 2] as const) {
    const world = new World();
    const ann = await mount(world);
    const ask = version === 1 ? durable() : durableV2();
    const file = await open(ann, 'file', [ask, lease(RWH)], LEASE);
    assert.equal(await statusOf(ann, write(file, 'kept')), 0);
    assert.equal(await statusOf(ann, lock(file, whole)), 0);
    await ann.client.lost();
    assert.equal(world.server.opens.size, 1);
    assert.equal(world.server.sessions.size, 0);
    const back = await mount(world);
    assert.equal(
      await statusOf(back, read(file)),
      STATUS_FILE_CLOSED,
      'not before it is reclaimed',
    );
    const ticket = version === 1 ? reconnect(file) : reconnectV2(file);
    const again = await open(back, 'file', [ticket, lease(0)], LEASE);
    assert.equal(again.persistentId, file.persistentId);
    assert.equal(grantedDurable(again), 0, 'what it has is not told again');
    assert.equal(grantedLease(again)?.leaseState, RWH);
    assert.equal(await readText(back, again), 'kept');
    const other = await open(back, 'file', [lease(RWH)], LEASE);
    assert.equal(await statusOf(back, lock(other, whole)), STATUS_LOCK_NOT_GRANTED);
    await assertGone(world, back);
  }
});

test('a batch oplock is bound to its user only: another client, another name, whatever options', async () => {
  const world = new World();
  const ann = await mount(world);
  const file = await open(ann, 'file', [durableV2()], BATCH);
  await ann.client.lost();
  const elsewhere = await mount(world, { clientGuid: 8 });
  const again = await open(elsewhere, 'no such file', [reconnectV2(file)], {
    desiredAccess: 0x12345678,
    createDisposition: 0x12345678,
    createOptions: 0x12345678,
    shareAccess: 0x12345678,
    impersonationLevel: 0x12345678,
    requestedOplockLevel: 0x78,
  });
  assert.equal(again.oplockLevel, BATCH.requestedOplockLevel);
  assert.equal(await statusOf(elsewhere, write(again, 'mine')), 0);
  await assertGone(world, elsewhere);
});

test('refusals of a reconnect, each with its status, leave the open to its owner', async () => {
  const world = new World();
  const ann = await mount(world);
  const leased = await open(ann, 'leased', [durableV2(), lease(RWH)], LEASE);
  const batch = await open(ann, 'batch', [durableV2(guid(2))], BATCH);
  const plain = await open(ann, 'plain', [durable()], { requestedOplockLevel: 1 });
  const connectedStill = await tryOpen(ann, 'leased', [reconnectV2(leased), lease(0)], LEASE);
  assert.equal(connectedStill, STATUS_OBJECT_NAME_NOT_FOUND);
  await ann.client.lost();
  const back = await mount(world);
  const stranger = await mount(world, { clientGuid: 8 });
  const bob = await mount(world, { user: 'bob' });
  const fixed = await mount(world, { share: 'fixed' });
  const mine = [reconnectV2(leased), lease(0)];
  const gone = STATUS_OBJECT_NAME_NOT_FOUND;
  const rows: readonly [string, Promise<number>, number][] = [
    ['another ClientGuid, leased', tryOpen(stranger, 'leased', mine), gone],
    ['another user, leased', tryOpen(bob, 'leased', mine), STATUS_ACCESS_DENIED],
    [
      'another user, batch',
      tryOpen(bob, 'batch', [reconnectV2(batch, guid(2))]),
      STATUS_ACCESS_DENIED,
    ],
    ['another user, v1', tryOpen(bob, 'batch', [reconnect(batch)]), STATUS_ACCESS_DENIED],
    ['no lease', tryOpen(back, 'leased', [reconnectV2(leased)]), gone],
    [
      'a lease to a batch oplock',
      tryOpen(back, 'batch', [reconnectV2(batch, guid(2)), lease(0)]),
      gone,
    ],
    ['another key', tryOpen(back, 'leased', [reconnectV2(leased), lease(0, 9)]), gone],
    ['another version', tryOpen(back, 'leased', [reconnectV2(leased), lease(0, 1, 1)]), gone],
    ['another CreateGuid', tryOpen(back, 'leased', [reconnectV2(leased, guid(9)), lease(0)]), gone],
    ['no CreateGuid', tryOpen(back, 'batch', [reconnectV2(batch, guid(0))]), gone],
    ['another name', tryOpen(back, 'other', mine), STATUS_INVALID_PARAMETER],
    [
      'persistent',
      tryOpen(back, 'leased', [reconnectV2(leased, guid(0xc1), 2), lease(0)]),
      STATUS_INVALID_PARAMETER,
    ],
    ['another share', tryOpen(fixed, 'leased', mine), gone],
    ['never durable', tryOpen(back, 'plain', [reconnect(plain)]), gone],
    ['DH2C and DHnQ', tryOpen(back, 'leased', [...mine, durable()]), STATUS_INVALID_PARAMETER],
    [
      'DH2C and DHnC',
      tryOpen(back, 'leased', [...mine, reconnect(leased)]),
      STATUS_INVALID_PARAMETER,
    ],
    ['DH2C and DH2Q', tryOpen(back, 'leased', [...mine, durableV2()]), STATUS_INVALID_PARAMETER],
    [
      'DHnC and DH2Q',
      tryOpen(back, 'leased', [reconnect(leased), durableV2()]),
      STATUS_INVALID_PARAMETER,
    ],
    ['DHnQ and DH2Q', tryOpen(back, 'fresh', [durable(), durableV2()]), STATUS_INVALID_PARAMETER],
  ];
  for (const [name, status, expected] of rows) assert.equal(await status, expected, name);
  assert.equal(await tryOpen(back, 'LEASED', mine), 0);
  assert.equal(await tryOpen(back, 'batch', [reconnect(batch), durable()]), 0, 'v1 beside a DHnQ');
  await assertGone(world, back, stranger, bob, fixed);
});

test('at 2.1 the contexts of version 2 mean nothing', async () => {
  const world = new World();
  const ann = await mount(world, SMB2_1);
  const file = await open(ann, 'file', [durableV2(), durable()], BATCH);
  assert.equal(grantedDurable(file), 1);
  await ann.client.lost();
  const back = await mount(world, SMB2_1);
  assert.equal(await tryOpen(back, 'file', [reconnect(file), reconnectV2(file)]), 0);
  await assertGone(world, back);
});

test('LOGOFF and PreviousSessionId keep it, CLOSE and TREE_DISCONNECT do not', async () => {
  const world = new World();
  const ann = await mount(world);
  const kept = await open(ann, 'kept', [durableV2()], BATCH);
  assert.equal(await statusOf(ann, LOGOFF), 0);
  const session = await ann.client.login('ann');
  session.sign = true;
  const again = { ...ann, session, treeId: await ann.client.tree(session) };
  const { volatileId } = await open(again, 'kept', [reconnectV2(kept)]);
  assert.equal(await statusOf(again, write({ ...kept, volatileId })), 0);
  const other = new TestClient(world);
  await other.negotiate();
  const newer = await other.login('ann', { previous: session.sessionId });
  newer.sign = true;
  const third = { client: other, session: newer, treeId: await other.tree(newer) };
  const file = await open(third, 'kept', [reconnectV2(kept)]);
  assert.equal(await statusOf(third, TREE_DISCONNECT), 0);
  const treeId = await other.tree(newer);
  assert.equal(
    await tryOpen({ ...third, treeId }, 'kept', [reconnectV2(file)]),
    STATUS_OBJECT_NAME_NOT_FOUND,
  );
  await assertGone(world, ann, third);
});

test('another user names the session as his previous one: it stays, with its opens', async () => {
  const world = new World();
  const ann = await mount(world);
  const file = await open(ann, 'file', [durableV2()], BATCH);
  const bob = new TestClient(world);
  await bob.negotiate();
  await bob.login('bob', { previous: ann.session.sessionId });
  assert.equal(await statusOf(ann, write(file)), 0);
  await bob.lost();
  await assertGone(world, ann);
});

test('a conflicting open purges what is disconnected at once, and its owner finds nothing', async () => {
  for (const [what, contexts, over] of [
    ['batch', [], BATCH],
    ['RWH', [lease(RWH)], LEASE],
  ] as const) {
    const world = new World();
    const ann = await mount(world);
    const file = await open(ann, 'file', [durableV2(), ...contexts], { ...over, shareAccess: 0 });
    await ann.client.lost();
    const bob = await mount(world, { user: 'bob', clientGuid: 8 });
    // Looking at attributes is no conflict.
    const look = await open(bob, 'file', [], { desiredAccess: 0x80, createDisposition: FILE_OPEN });
    assert.equal(world.server.durables.size, 1, what);
    await bob.client.close(bob.session, bob.treeId, look);
    const wanted = [durableV2(), lease(RWH, 5)];
    const taken = await open(bob, 'file', wanted, LEASE);
    assert.equal(grantedLease(taken)?.leaseState, RWH, `${what}: nobody is left beside it`);
    const back = await mount(world);
    assert.equal(
      await tryOpen(back, 'file', [reconnectV2(file), ...contexts]),
      STATUS_OBJECT_NAME_NOT_FOUND,
      what,
    );
    await assertGone(world, bob, back);
  }
});

test('an RH lease lets others read beside it, but not rename, write or deny', async () => {
  const conflicts: readonly [string, (bob: Mount) => Promise<number>, boolean][] = [
    ['open with an RH lease', (bob) => tryOpen(bob, 'file', [lease(RH, 5)], LEASE), true],
    ['open that shares nothing', (bob) => tryOpen(bob, 'file', [], { shareAccess: 0 }), false],
    ['write', async (bob) => statusOf(bob, write(await open(bob, 'file', []))), false],
    ['rename', async (bob) => statusOf(bob, rename(await open(bob, 'file', []), 'new')), false],
  ];
  for (const [what, act, kept] of conflicts) {
    const world = new World();
    const ann = await mount(world);
    const file = await open(ann, 'file', [durableV2(), lease(RH)], LEASE);
    await ann.client.lost();
    const bob = await mount(world, { user: 'bob', clientGuid: 8 });
    assert.equal(await act(bob), 0, what);
    assert.equal(world.server.durables.size, kept ? 1 : 0, what);
    const back = await mount(world);
    const status = await tryOpen(back, 'file', [reconnectV2(file), lease(0)]);
    assert.equal(status, kept ? 0 : STATUS_OBJECT_NAME_NOT_FOUND, what);
    await assertGone(world, bob, back);
  }
});

test('who holds locks and does not cache writes is not kept', async () => {
  const world = new World();
  const ann = await mount(world);
  const file = await open(ann, 'file', [durableV2(), lease(RH)], LEASE);
  assert.equal(await statusOf(ann, lock(file, whole)), 0);
  await ann.client.lost();
  assert.equal(world.server.opens.size, 0);
  await assertGone(world);
});

test('delete on close: kept with the open, done when it is purged, before the other opens the name', async () => {
  const world = new World();
  const ann = await mount(world);
  const over = { ...BATCH, createOptions: FILE_DELETE_ON_CLOSE };
  const file = await open(ann, 'file', [durableV2()], over);
  await ann.client.lost();
  const back = await mount(world);
  const again = await open(back, 'file', [reconnectV2(file)]);
  assert.equal(await statusOf(back, write(again, 'still there')), 0);
  await back.client.lost();
  const bob = await mount(world, { user: 'bob', clientGuid: 8 });
  const fresh = await open(bob, 'file', []);
  assert.equal(fresh.createAction, 2, 'created');
  assert.equal(fresh.endOfFile, 0);
  await assertGone(world, bob);
});

test('a client that comes back without its handle is not in its own way', async () => {
  const world = new World();
  const ann = await mount(world);
  await open(ann, 'file', [durableV2(), lease(RWH)], { ...LEASE, shareAccess: 0 });
  const held = await tryOpen(ann, 'file', [lease(RWH)], { ...LEASE, shareAccess: 0 });
  assert.equal(held, STATUS_SHARING_VIOLATION, 'as long as it is connected');
  await ann.client.lost();
  const back = await mount(world);
  assert.equal(await tryOpen(back, 'file', [lease(RWH)], { ...LEASE, shareAccess: 0 }), 0);
  await assertGone(world, back);
});
