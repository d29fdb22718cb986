/** Oplocks and leases where requests meet on the way: what a client is told comes in the right order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeCreateResponse } from '../smb2/create.ts';
import { decodeLease, encodeLease, type LeaseContext } from '../smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import { FILE_DELETE_ON_CLOSE, FILE_DIRECTORY_FILE } from '../smb2/create-options.ts';
import { Command } from '../smb2/header.ts';
import { encodeOplockBreakRequest } from '../smb2/oplock-break.ts';
import { SMB2_OPLOCK_LEVEL_BATCH, SMB2_OPLOCK_LEVEL_LEASE } from '../smb2/oplock-levels.ts';
import {
  close,
  connected,
  create,
  type Draft,
  type Reply,
  SAME,
} from './test-client.support.test.ts';
import {
  durableV2,
  grantedLease,
  LEASE,
  lease,
  mount,
  open,
  reconnectV2,
} from './test-durables.support.test.ts';
import { write } from './test-requests.support.test.ts';
import { turns, World } from './test-world.support.test.ts';

const R = 1;
const H = 2;
const W = 4;

const leased = (name: string, fill: number, leaseState: number, createOptions = 0): Draft =>
  create({
    name,
    createOptions,
    requestedOplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
    createContexts: [
      {
        name: CreateContextName.LEASE,
        data: encodeLease({
          version: 2,
          leaseKey: Buffer.alloc(16, fill),
          leaseState,
          leaseFlags: 0,
          parentLeaseKey: Buffer.alloc(16),
          epoch: 0,
        }),
      },
    ],
  });

function leaseOf({ status, message }: Reply): LeaseContext {
  assert.equal(status, 0);
  const { createContexts } = decodeCreateResponse(message);
  return decodeLease(findCreateContext(createContexts, CreateContextName.LEASE)!);
}

const acknowledgment = (fill: number, leaseState: number): Draft => ({
  command: Command.OPLOCK_BREAK,
  body: encodeOplockBreakRequest({ kind: 'lease', leaseKey: Buffer.alloc(16, fill), leaseState }),
});

async function pair(world: World) {
  const one = await connected(world);
  const two = await connected(world, { user: 'bob' });
  return { one, two };
}

/** Lets one operation of this name wait, until the function that it gives is called. */
function holdOnce(world: World, method: string): () => void {
  let go = (): void => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  let isFirst = true;
  world.gates.delay = (point) => {
    if (point.method !== method || !isFirst) return undefined;
    isFirst = false;
    return held;
  };
  return go;
}

test('a lease is told of before it is broken, also in a compound that takes its time', async () => {
  const world = new World();
  const { one, two } = await pair(world);
  const go = holdOnce(world, 'write');
  const [id] = one.client.send(
    [
      { ...leased('file', 1, R | W | H), treeId: one.treeId },
      { ...write(SAME), related: true },
    ],
    one.session,
  );
  await turns();
  const [other] = two.client.send(
    [{ ...create({ name: 'file' }), treeId: two.treeId }],
    two.session,
  );
  await turns();
  assert.equal(one.client.breaks.length, 0);
  go();
  const granted = leaseOf(await one.client.final(id!));
  await turns();
  assert.equal(granted.leaseState, R | W | H);
  assert.equal(one.client.breaks.length, 1);
  const { notification, after } = one.client.breaks[0]!;
  assert.ok(notification.kind === 'lease');
  assert.equal(notification.currentLeaseState, R | W | H);
  assert.equal(notification.newEpoch, (granted.version === 2 ? granted.epoch : 0) + 1);
  assert.equal(one.client.replies[after - 1]?.header.messageId, id! + 1);
  await one.client.call({ ...acknowledgment(1, R | H), treeId: one.treeId }, one.session);
  assert.equal((await two.client.final(other!)).status, 0);
});

test('a compound that is cut off leaves no break behind', async () => {
  const world = new World();
  const { one, two } = await pair(world);
  const go = holdOnce(world, 'write');
  one.client.send(
    [
      { ...leased('file', 1, R | W | H), treeId: one.treeId },
      { ...write(SAME), related: true },
    ],
    one.session,
  );
  await turns();
  const other = two.client.create(two.session, two.treeId, { name: 'file' });
  await turns();
  const lost = one.client.lost();
  go();
  await lost;
  assert.equal((await other).status, 0);
  await two.client.lost();
  world.assertEmpty();
});

test('a CREATE tells what its lease is when it is answered, not what it was', async () => {
  const world = new World();
  const { one, two } = await pair(world);
  const first = { ...leased('file', 1, R | W | H), treeId: one.treeId };
  leaseOf(await one.client.call(first, one.session));
  const opening = two.client.create(two.session, two.treeId, { name: 'file' });
  await turns();
  assert.equal(one.client.breaks.length, 1);
  const go = holdOnce(world, 'stat');
  const [again] = one.client.send([first], one.session);
  await turns();
  await one.client.call({ ...acknowledgment(1, R | H), treeId: one.treeId }, one.session);
  await opening;
  go();
  const told = leaseOf(await one.client.final(again!));
  assert.deepEqual([told.leaseState, told.leaseFlags], [R | H, 0]);
});

test('while a WRITE is on its way nobody starts to cache what it changes', async () => {
  const world = new World();
  const { one, two } = await pair(world);
  const file = await one.client.open(one.session, one.treeId, 'file');
  const go = holdOnce(world, 'write');
  const [id] = one.client.send([{ ...write(file), treeId: one.treeId }], one.session);
  await turns();
  const wanted = { ...leased('file', 2, R | H), treeId: two.treeId };
  const early = await two.client.call(wanted, two.session);
  assert.equal(leaseOf(early).leaseState, 0);
  // Not even when its open is closed before it is through.
  await one.client.call({ ...close(file), treeId: one.treeId }, one.session);
  const batch = await two.client.open(two.session, two.treeId, 'file', {
    requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH,
  });
  assert.equal(batch.oplockLevel, 0);
  go();
  assert.equal((await one.client.final(id!)).status, 0);
  assert.equal(leaseOf(await two.client.call(wanted, two.session)).leaseState, R | H);
  await one.client.lost();
  await two.client.lost();
  world.assertEmpty();
});

test('two CREATEs of one key for two files: the one that is slower has no lease', async () => {
  const world = new World();
  const { one } = await pair(world);
  for (const name of ['a', 'b']) {
    const file = await one.client.open(one.session, one.treeId, name);
    await one.client.call({ ...close(file), treeId: one.treeId }, one.session);
  }
  const go = holdOnce(world, 'open');
  const [slow] = one.client.send([{ ...leased('a', 3, R), treeId: one.treeId }], one.session);
  await turns();
  const fast = { ...leased('b', 3, R), treeId: one.treeId };
  assert.equal(leaseOf(await one.client.call(fast, one.session)).leaseState, R);
  go();
  const { status, message } = await one.client.final(slow!);
  assert.equal(status, 0);
  assert.equal(decodeCreateResponse(message).oplockLevel, 0);
});

test('who caches a directory while a file in it is on its way out hears of that', async () => {
  const world = new World();
  const { one, two } = await pair(world);
  const made = create({ name: 'd', createOptions: FILE_DIRECTORY_FILE });
  const { message } = await one.client.call({ ...made, treeId: one.treeId }, one.session);
  await one.client.call(
    { ...close(decodeCreateResponse(message)), treeId: one.treeId },
    one.session,
  );
  const file = await one.client.open(one.session, one.treeId, 'd\\file', {
    createOptions: FILE_DELETE_ON_CLOSE,
  });
  const go = holdOnce(world, 'remove');
  // Nobody caches the directory yet: where the file is was not asked.
  const [id] = one.client.send([{ ...close(file), treeId: one.treeId }], one.session);
  await turns();
  const wanted = { ...leased('d', 4, R | H, FILE_DIRECTORY_FILE), treeId: two.treeId };
  assert.equal(leaseOf(await two.client.call(wanted, two.session)).leaseState, R | H);
  go();
  assert.equal((await one.client.final(id!)).status, 0);
  await turns();
  const { breaks } = two.client;
  const told = [...one.client.breaks, ...breaks].map(({ notification }) => notification);
  assert.equal(told.length, 1);
  assert.ok(told[0]!.kind === 'lease');
  assert.deepEqual([told[0]!.currentLeaseState, told[0]!.newLeaseState], [R | H, 0]);
});

test('a lease that is broken while its open is reclaimed: the break has its own epoch', async () => {
  const world = new World();
  const first = await mount(world);
  const made = await open(first, 'file', [durableV2(), lease(R | W | H)], LEASE);
  await first.client.lost();
  const back = await mount(world);
  const two = await connected(world, { user: 'bob' });
  const go = holdOnce(world, 'stat');
  const reclaiming = open(back, 'file', [reconnectV2(made), lease(R | W | H)], LEASE);
  await turns();
  const other = two.client.create(two.session, two.treeId, { name: 'file' });
  await turns();
  // Behind an answer that has the new epoch already, its client would take the break for an old one.
  const { notification } = back.client.breaks[0]!;
  go();
  const told = grantedLease(await reclaiming);
  assert.ok(notification.kind === 'lease' && told?.version === 2);
  assert.equal(notification.newEpoch, told.epoch);
  await back.client.call({ ...acknowledgment(1, R | H), treeId: back.treeId }, back.session);
  assert.equal((await other).status, 0);
  assert.equal(back.client.breaks.length, 1);
});
