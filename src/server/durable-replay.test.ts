/** MS-SMB2 3.3.5.9, 3.3.5.9.10 and 3.3.5.2.10: what a client sends again that has lost a channel. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_DUPLICATE_OBJECTID,
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_SHARING_VIOLATION,
} from '../dtyp/ntstatus.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { type CreateResponse, decodeCreateResponse } from '../smb2/create.ts';
import type { CreateContext } from '../smb2/create-contexts.ts';
import { SMB2_FLAGS_REPLAY_OPERATION } from '../smb2/header.ts';
import { create, type Draft } from './test-client.support.test.ts';
import {
  assertGone,
  BATCH,
  call,
  durableV2,
  grantedDurable,
  grantedLease,
  guid,
  LEASE,
  lease,
  type Mount,
  mount,
  open,
  statusOf,
  tryOpen,
} from './test-durables.support.test.ts';
import { notify, query, read, setInfo, write } from './test-requests.support.test.ts';
import { turns, World } from './test-world.support.test.ts';

const RH = 3;
const RWH = 7;
const CREATED = 2;

/** Sent again, as the header says. */
const again = (draft: Draft): Draft => ({ ...draft, flags: SMB2_FLAGS_REPLAY_OPERATION });

async function replayed(
  at: Mount,
  name: string,
  createContexts: CreateContext[],
  over: Parameters<typeof open>[3] = {},
): Promise<number | CreateResponse> {
  const reply = await call(at, again(create({ name, createContexts, ...over })));
  return reply.status === 0 ? decodeCreateResponse(reply.message) : reply.status;
}

const idOf = (made: number | CreateResponse): number =>
  typeof made === 'number' ? assert.fail(made.toString(16)) : made.persistentId;

test('a CREATE that comes again has made one open, and is answered as it was', async () => {
  for (const [contexts, over, durability] of [
    [[], BATCH, 2],
    [[lease(RWH)], LEASE, 2],
    [[], {}, 0],
  ] as const) {
    const world = new World();
    const ann = await mount(world);
    const asked = [durableV2(), ...contexts];
    const first = await open(ann, 'file', asked, over);
    assert.equal(grantedDurable(first), durability);
    const second = await replayed(ann, 'file', asked, over);
    assert.deepEqual({ ...(second as CreateResponse) }, { ...first });
    assert.equal(world.server.opens.size, 1);
    assert.equal(await statusOf(ann, write(first)), 0);
    await assertGone(world, ann);
  }
});

test('without the flag it is a duplicate; once the open is used it is a CREATE like any other', async () => {
  const world = new World();
  const ann = await mount(world);
  const first = await open(ann, 'file', [durableV2()]);
  assert.equal(await tryOpen(ann, 'file', [durableV2()]), STATUS_DUPLICATE_OBJECTID);
  assert.equal(await tryOpen(ann, 'other', [durableV2()]), STATUS_DUPLICATE_OBJECTID);
  const elsewhere = await mount(world, { clientGuid: 8 });
  assert.equal(await tryOpen(elsewhere, 'file', [durableV2()]), 0, 'a GUID is its client’s own');
  assert.equal(await statusOf(ann, query(first)), 0);
  const second = await replayed(ann, 'file', [durableV2()]);
  assert.notEqual(idOf(second), first.persistentId);
  assert.equal(
    await tryOpen(ann, 'file', [durableV2()]),
    STATUS_DUPLICATE_OBJECTID,
    'of the second',
  );
  await assertGone(world, ann, elsewhere);
});

test('each use of an open ends it, a close does as well', async () => {
  const world = new World();
  const ann = await mount(world);
  const uses: readonly ((file: CreateResponse) => Promise<unknown>)[] = [
    (file) => call(ann, read(file)),
    (file) => call(ann, write(file)),
    (file) =>
      call(ann, setInfo(file, FileInformationClass.FilePositionInformation, Buffer.alloc(8))),
    (file) => ann.client.close(ann.session, ann.treeId, file),
  ];
  for (const [i, use] of uses.entries()) {
    const file = await open(ann, 'file', [durableV2(guid(i + 1))]);
    await use(file);
    assert.notEqual(idOf(await replayed(ann, 'file', [durableV2(guid(i + 1))])), file.persistentId);
  }
  await assertGone(world, ann);
});

test('another user, another lease, another session: each has its refusal', async () => {
  const world = new World();
  const ann = await mount(world);
  const leased = [durableV2(guid(1)), lease(RH)];
  await open(ann, 'leased', leased, LEASE);
  await open(ann, 'batch', [durableV2(guid(2))], BATCH);
  const other = await mount(world);
  const bob = await mount(world, { user: 'bob' });
  assert.equal(await replayed(other, 'leased', leased, LEASE), STATUS_DUPLICATE_OBJECTID);
  assert.equal(await replayed(bob, 'leased', leased, LEASE), STATUS_ACCESS_DENIED);
  assert.equal(await replayed(bob, 'batch', [durableV2(guid(2))], BATCH), STATUS_ACCESS_DENIED);
  const otherKey = [durableV2(guid(1)), lease(RH, 9)];
  assert.equal(await replayed(ann, 'leased', otherKey, LEASE), STATUS_ACCESS_DENIED);
  assert.equal(await replayed(ann, 'leased', [durableV2(guid(1))]), STATUS_ACCESS_DENIED);
  const noLease = [durableV2(guid(2)), lease(RH, 9)];
  assert.equal(await replayed(ann, 'batch', noLease, LEASE), STATUS_ACCESS_DENIED);
  const inAnotherShare = await mount(world, { share: 'fixed' });
  assert.equal(await replayed(inAnotherShare, 'leased', leased, LEASE), STATUS_ACCESS_DENIED);
  await assertGone(world, ann, other, bob, inAnotherShare);
});

test('a lease that was raised meanwhile is told as it is; an oplock of less than it has, as asked', async () => {
  const world = new World();
  const ann = await mount(world);
  const asked = [durableV2(guid(1)), lease(RH)];
  await open(ann, 'file', asked, LEASE);
  await open(ann, 'file', [durableV2(guid(2)), lease(RWH)], LEASE);
  const told = (await replayed(ann, 'file', asked, LEASE)) as CreateResponse;
  assert.equal(grantedLease(told)?.leaseState, RWH);
  await open(ann, 'batch', [durableV2(guid(3))], { ...BATCH, shareAccess: 0 });
  const less = (await replayed(ann, 'batch', [durableV2(guid(3))])) as CreateResponse;
  assert.deepEqual([less.oplockLevel, grantedDurable(less)], [0, 0]);
  const batch = (await replayed(ann, 'batch', [durableV2(guid(3))], BATCH)) as CreateResponse;
  assert.deepEqual([batch.oplockLevel, grantedDurable(batch)], [BATCH.requestedOplockLevel, 2]);
  await assertGone(world, ann);
});

test('a replay reclaims what its client has left behind without having heard of it', async () => {
  const world = new World();
  const ann = await mount(world);
  const asked = [durableV2(), lease(RWH)];
  const first = await open(ann, 'file', asked, LEASE);
  await ann.client.lost();
  assert.equal(world.server.durables.size, 1);
  const back = await mount(world);
  assert.equal(await tryOpen(back, 'file', asked, LEASE), STATUS_DUPLICATE_OBJECTID);
  const second = (await replayed(back, 'file', asked, LEASE)) as CreateResponse;
  assert.deepEqual([second.persistentId, second.createAction], [first.persistentId, CREATED]);
  assert.equal(await statusOf(back, write(second)), 0);
  await assertGone(world, back);
});

test('while the first is under way the second is not available; after it failed, it is made', async () => {
  const world = new World();
  const holder = await mount(world, { user: 'bob', clientGuid: 8 });
  await open(holder, 'file', [lease(RWH, 5)], { ...LEASE, shareAccess: 0 });
  const ann = await mount(world);
  const wanted = { ...create({ name: 'file', createContexts: [durableV2()] }), treeId: ann.treeId };
  const [first] = ann.client.send([wanted], ann.session);
  await turns();
  assert.equal(holder.client.breaks.length, 1);
  assert.equal(await replayed(ann, 'file', [durableV2()]), STATUS_FILE_NOT_AVAILABLE);
  assert.equal(await tryOpen(ann, 'file', [durableV2()]), STATUS_DUPLICATE_OBJECTID);
  // The holder is gone without a word: the handle goes with it, and the CREATE goes on.
  await holder.client.lost();
  assert.equal((await ann.client.final(first!)).status, 0);
  const made = (await replayed(ann, 'file', [durableV2()])) as CreateResponse;
  assert.equal(world.server.opens.size, 1);
  const denied = [durableV2(guid(2))];
  const over = { shareAccess: 0 };
  assert.equal(await tryOpen(ann, 'file', denied, over), STATUS_SHARING_VIOLATION);
  assert.equal(await ann.client.close(ann.session, ann.treeId, made), 0);
  assert.notEqual(idOf(await replayed(ann, 'file', denied, over)), made.persistentId);
  await assertGone(world, ann);
});

/** ChannelSequence stands where answers have their status. */
const numbered = (draft: Draft, sequence: number): Draft => ({ ...draft, sequence });

test('what changes the file and is older than the newest channel is refused, reading is not', async () => {
  const world = new World();
  const ann = await mount(world);
  const file = await open(ann, 'file', []);
  const position = setInfo(file, FileInformationClass.FilePositionInformation, Buffer.alloc(8));
  assert.equal(await statusOf(ann, numbered(write(file), 3)), 0);
  assert.equal(await statusOf(ann, numbered(write(file), 2)), STATUS_FILE_NOT_AVAILABLE);
  assert.equal(await statusOf(ann, numbered(position, 2)), STATUS_FILE_NOT_AVAILABLE);
  assert.equal(await statusOf(ann, numbered(read(file), 2)), 0);
  assert.equal(await statusOf(ann, numbered(again(write(file)), 3)), 0);
  assert.equal(await statusOf(ann, numbered(again(write(file)), 2)), STATUS_FILE_NOT_AVAILABLE);
  await assertGone(world, ann);
});

test('a WRITE that comes again waits until the one of the lost channel is through', async () => {
  const world = new World();
  const ann = await mount(world);
  const file = await open(ann, 'file', []);
  world.gates.shut('write');
  const draft = { ...write(file, 'first'), treeId: ann.treeId };
  const [first] = ann.client.send([draft], ann.session);
  await turns();
  assert.equal(await statusOf(ann, numbered(again(write(file)), 1)), STATUS_FILE_NOT_AVAILABLE);
  world.gates.open('write');
  assert.equal((await ann.client.final(first!)).status, 0);
  assert.equal(await statusOf(ann, numbered(again(write(file)), 1)), 0);
  await assertGone(world, ann);
});

test('at 2.1 the field means nothing', async () => {
  const world = new World();
  const ann = await mount(world, { dialect: 0x0210 });
  const file = await open(ann, 'file', []);
  assert.equal(await statusOf(ann, numbered(write(file), 3)), 0);
  assert.equal(await statusOf(ann, numbered(write(file), 2)), 0);
  await assertGone(world, ann);
});

test('a NOTIFY that waits is counted until it ends, and in no other place', async () => {
  const world = new World();
  const ann = await mount(world);
  const directory = await open(ann, 'dir', [], { createOptions: 1 });
  const [waiting] = ann.client.send([{ ...notify(directory), treeId: ann.treeId }], ann.session);
  for (const sequence of [30_000, 60_000, 0]) {
    assert.equal(await statusOf(ann, numbered(query(directory), sequence)), 0);
  }
  const position = setInfo(
    directory,
    FileInformationClass.FilePositionInformation,
    Buffer.alloc(8),
  );
  assert.equal(await statusOf(ann, again(position)), STATUS_FILE_NOT_AVAILABLE);
  assert.equal(await ann.client.close(ann.session, ann.treeId, directory), 0);
  await ann.client.final(waiting!);
  await assertGone(world, ann);
});
