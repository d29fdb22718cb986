/**
 * MS-SMB2 3.3.5.9.10 and 3.3.5.9.12: opens that outlive their server. Each server here ends without a word, and the
 * next one has the same disk and the same records.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_DUPLICATE_OBJECTID,
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../dtyp/ntstatus.ts';
import { PersistentOpens, type RecordStore } from '../objects/persistent-opens.ts';
import { restoreOpens } from '../objects/restore-opens.ts';
import { SMB2_GLOBAL_CAP_PERSISTENT_HANDLES } from '../smb2/capabilities.ts';
import { type CreateResponse, decodeCreateResponse } from '../smb2/create.ts';
import {
  decodeDurableHandleResponseV2,
  SMB2_DHANDLE_FLAG_PERSISTENT,
} from '../smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import { FILE_DELETE_ON_CLOSE, FILE_OPEN } from '../smb2/create-options.ts';
import { Command, SMB2_FLAGS_REPLAY_OPERATION } from '../smb2/header.ts';
import { decodeNegotiateResponse } from '../smb2/negotiate.ts';
import { encodeOplockBreakRequest } from '../smb2/oplock-break.ts';
import { SMB2_SHARE_CAP_CONTINUOUS_AVAILABILITY } from '../smb2/share-flags.ts';
import { decodeTreeConnectResponse } from '../smb2/tree-connect.ts';
import { create, type Draft, TestClient, treeConnect } from './test-client.support.test.ts';
import {
  BATCH,
  call,
  durableV2,
  grantedLease,
  guid,
  LEASE,
  lease,
  type Mount,
  mount,
  open,
  readText,
  reconnectV2,
  statusOf,
  tryOpen,
} from './test-durables.support.test.ts';
import { dispose, lock, rename, write } from './test-requests.support.test.ts';
import { turns, World, type WorldOptions } from './test-world.support.test.ts';

const R = 1;
const RH = 3;
const RWH = 7;
const EXCLUSIVE_NOW = 0x12;
const UNLOCK = 4;
const whole = { offset: 0n, length: 10n, flags: EXCLUSIVE_NOW };
const PERSISTENT = SMB2_DHANDLE_FLAG_PERSISTENT;
const persistent = (createGuid = guid(0xc1), timeout = 0) =>
  durableV2(createGuid, timeout, PERSISTENT);
const back = (file: CreateResponse, createGuid = guid(0xc1)) =>
  reconnectV2(file, createGuid, PERSISTENT);

/** Records as they are on disk; `fails`: the disk takes none. */
class Disk implements RecordStore {
  readonly entries = new Map<number, Buffer>();
  fails = false;
  #isFrozen = false;

  async put(key: number, value: Buffer): Promise<void> {
    if (this.fails || this.#isFrozen) throw new Error('no room');
    this.entries.delete(key);
    this.entries.set(key, value);
  }

  delete(key: number): void {
    if (!this.#isFrozen) this.entries.delete(key);
  }

  freeze(): void {
    this.#isFrozen = true;
  }
}

const acknowledgment = (key: number, leaseState: number): Draft => ({
  command: Command.OPLOCK_BREAK,
  body: encodeOplockBreakRequest({ kind: 'lease', leaseKey: guid(key), leaseState }),
});

interface Server {
  readonly world: World;
  readonly disk: Disk;
}

async function start(before?: Server, options: WorldOptions = {}): Promise<Server> {
  const world = new World({
    ...options,
    options: { persistentHandles: true, ...options.options },
    share: { continuousAvailability: true, ...options.share },
    ...(before !== undefined && { memory: before.world.memory }),
  });
  // What the one before did not write any more.
  const disk = new Disk();
  for (const [key, value] of before?.disk.entries ?? []) disk.entries.set(key, value);
  before?.disk.freeze();
  const opens = new PersistentOpens(world.server, disk);
  world.server.persistentOpens = opens;
  await restoreOpens(world.server, opens);
  return { world, disk };
}

const isPersistent = ({ createContexts }: CreateResponse): boolean => {
  const data = findCreateContext(createContexts, CreateContextName.DURABLE_HANDLE_REQUEST_V2);
  return data !== undefined && (decodeDurableHandleResponseV2(data).flags & PERSISTENT) !== 0;
};

/** Everything is closed, and no record is left. */
async function assertGone({ world, disk }: Server, ...mounts: Mount[]): Promise<void> {
  for (const { client } of mounts) await client.lost();
  await world.server.durables.end();
  world.assertEmpty();
  assert.equal(disk.entries.size, 0);
}

test('offered and granted where the share has it, the client asks for it, and at 3.x', async () => {
  const server = await start();
  const client = new TestClient(server.world);
  const negotiated = decodeNegotiateResponse((await client.negotiate()).message);
  assert.notEqual(negotiated.capabilities & SMB2_GLOBAL_CAP_PERSISTENT_HANDLES, 0);
  await client.lost();
  const ann = await mount(server.world);
  // With an oplock, with any lease, and without.
  const granted = [
    await open(ann, 'batch', [persistent(guid(1))], BATCH),
    await open(ann, 'lease', [persistent(guid(2)), lease(R, 2)], LEASE),
    await open(ann, 'none', [persistent(guid(3))]),
  ];
  assert.deepEqual(granted.map(isPersistent), [true, true, true]);
  assert.equal(server.disk.entries.size, 3, 'before the answer');
  // A durable one is what was asked for.
  const other = await open(ann, 'durable', [durableV2(guid(4))], BATCH);
  assert.equal(isPersistent(other), false);
  for (const file of granted) {
    await ann.client.close(ann.session, ann.treeId, file);
  }
  assert.equal(server.disk.entries.size, 0);
  await assertGone(server, ann);
});

test('a share says that it is continuously available, and no other does', async () => {
  for (const [has, expected] of [
    [true, SMB2_SHARE_CAP_CONTINUOUS_AVAILABILITY],
    [false, 0],
  ] as const) {
    const server = await start(undefined, { share: { continuousAvailability: has } });
    const ann = await mount(server.world);
    const reply = await ann.client.call(treeConnect('share'), ann.session);
    assert.equal(decodeTreeConnectResponse(reply.message).capabilities, expected);
    const file = await open(ann, 'file', [persistent()], BATCH);
    assert.equal(isPersistent(file), has);
    await ann.client.close(ann.session, ann.treeId, file);
    await assertGone(server, ann);
  }
});

test('behind the server: data, lock, lease and share mode; its client reads, writes and unlocks', async () => {
  const first = await start();
  const ann = await mount(first.world);
  const file = await open(ann, 'file', [persistent(), lease(RWH)], { ...LEASE, shareAccess: 0 });
  assert.equal(await statusOf(ann, write(file, 'kept')), 0);
  assert.equal(await statusOf(ann, lock(file, whole)), 0);

  const second = await start(first);
  const { server } = second.world;
  assert.equal(server.opens.size, 1);
  assert.equal(server.durables.size, 1);
  // Strangers meet its share mode and its lease.
  const bob = await mount(second.world, { user: 'bob', clientGuid: 8 });
  assert.equal(await tryOpen(bob, 'file', []), STATUS_FILE_NOT_AVAILABLE);
  assert.equal(await tryOpen(bob, 'file', [lease(R, 9)], LEASE), STATUS_FILE_NOT_AVAILABLE);

  const again = await mount(second.world);
  const reply = await open(again, 'file', [back(file), lease(RWH)], LEASE);
  assert.equal(reply.persistentId, file.persistentId);
  assert.equal(grantedLease(reply)?.leaseState, RWH);
  assert.equal(await readText(again, reply), 'kept');
  assert.equal(await statusOf(again, write(reply, 'more')), 0);
  assert.equal(await statusOf(again, lock(reply, { ...whole, flags: UNLOCK })), 0);
  await again.client.close(again.session, again.treeId, reply);
  assert.equal(await tryOpen(bob, 'file', []), 0);
  await assertGone(second, bob, again);
});

test('nobody else opens the file until the client is back, whose byte-range locks are still there', async () => {
  const first = await start();
  const ann = await mount(first.world);
  const file = await open(ann, 'file', [persistent()]);
  assert.equal(await statusOf(ann, lock(file, whole)), 0);
  assert.equal(await statusOf(ann, lock(file, { offset: 50n, length: 1n, flags: 0x11 })), 0);
  assert.equal(await statusOf(ann, lock(file, { offset: 50n, length: 1n, flags: 0x11 })), 0);
  assert.equal(await statusOf(ann, lock(file, { ...whole, offset: 20n })), 0);
  assert.equal(await statusOf(ann, lock(file, { ...whole, offset: 20n, flags: UNLOCK })), 0);

  const second = await start(first);
  const bob = await mount(second.world, { user: 'bob', clientGuid: 8 });
  // 3.3.5.9: without a lease or oplock that could be broken nobody else opens it meanwhile.
  assert.equal(await tryOpen(bob, 'file', []), STATUS_FILE_NOT_AVAILABLE);
  const again = await mount(second.world);
  const mine = await open(again, 'file', [back(file)]);
  const his = await open(bob, 'file', []);
  assert.equal(await statusOf(bob, lock(his, whole)), STATUS_LOCK_NOT_GRANTED);
  assert.equal(
    await statusOf(bob, lock(his, { ...whole, offset: 20n })),
    0,
    'that one was unlocked',
  );
  // Two that are equal are two.
  for (let i = 0; i < 2; i++) {
    assert.equal(await statusOf(again, lock(mine, { offset: 50n, length: 1n, flags: UNLOCK })), 0);
  }
  assert.equal(await statusOf(again, lock(mine, { ...whole, flags: UNLOCK })), 0);
  assert.equal(await statusOf(bob, lock(his, whole)), 0);
  await again.client.close(again.session, again.treeId, mine);
  await assertGone(second, bob, again);
});

test('a CREATE whose answer was lost with the server is answered by the next', async () => {
  const first = await start();
  const ann = await mount(first.world);
  const file = await open(ann, 'file', [persistent(), lease(RWH)], LEASE);
  const second = await start(first);
  const again = await mount(second.world);
  const contexts = [persistent(), lease(RWH)];
  assert.equal(await tryOpen(again, 'file', contexts, LEASE), STATUS_DUPLICATE_OBJECTID);
  const draft = create({ name: 'file', createContexts: contexts, ...LEASE });
  const reply = await call(again, { ...draft, flags: SMB2_FLAGS_REPLAY_OPERATION });
  assert.equal(reply.status, 0);
  const replayed = decodeCreateResponse(reply.message);
  assert.equal(replayed.persistentId, file.persistentId);
  assert.equal(replayed.createAction, file.createAction);
  assert.equal(isPersistent(replayed), true);
  assert.equal(await statusOf(again, write(replayed, 'mine')), 0);
  await again.client.close(again.session, again.treeId, replayed);
  await assertGone(second, again);
});

test('refusals of a reconnect leave it to its client', async () => {
  const first = await start();
  const ann = await mount(first.world);
  const file = await open(ann, 'file', [persistent(), lease(RWH)], LEASE);
  const second = await start(first);
  const again = await mount(second.world);
  const bob = await mount(second.world, { user: 'bob' });
  const stranger = await mount(second.world, { clientGuid: 8 });
  const rows: [Mount, ReturnType<typeof persistent>[], number][] = [
    [again, [reconnectV2(file), lease(RWH)], STATUS_OBJECT_NAME_NOT_FOUND],
    [again, [back(file, guid(0xc2)), lease(RWH)], STATUS_OBJECT_NAME_NOT_FOUND],
    [again, [back(file)], STATUS_OBJECT_NAME_NOT_FOUND],
    [stranger, [back(file), lease(RWH)], STATUS_OBJECT_NAME_NOT_FOUND],
    [bob, [back(file), lease(RWH)], STATUS_ACCESS_DENIED],
  ];
  for (const [at, contexts, status] of rows) {
    assert.equal(await tryOpen(at, 'file', contexts, LEASE), status);
  }
  // By its CreateGuid where the FileId means nothing.
  const unknown = { ...file, persistentId: file.persistentId + 1 };
  const mine = await open(again, 'file', [back(unknown), lease(RWH)], LEASE);
  assert.equal(mine.persistentId, file.persistentId);
  const durable = await open(again, 'other', [durableV2(guid(7))], BATCH);
  await again.client.lost();
  const third = await mount(second.world);
  assert.equal(await tryOpen(third, 'other', [back(durable, guid(7))]), STATUS_INVALID_PARAMETER);
  await second.world.server.durables.scavenge(Infinity);
  await assertGone(second, bob, stranger, third);
});

test('whoever does not come back in time has lost it, and what he wanted deleted is', async () => {
  const first = await start();
  const ann = await mount(first.world);
  const options = { createOptions: FILE_DELETE_ON_CLOSE, desiredAccess: 0x0012_0089 | 0x1_0000 };
  await open(ann, 'temporary', [persistent(guid(1))], options);
  const marked = await open(ann, 'marked', [persistent(guid(2))], { desiredAccess: 0x0001_0001 });
  assert.equal(await statusOf(ann, dispose(marked)), 0);
  await open(ann, 'kept', [persistent(guid(3))]);
  const second = await start(first);
  const bob = await mount(second.world, { user: 'bob', clientGuid: 8 });
  const there = { createDisposition: FILE_OPEN, desiredAccess: 0x80 };
  assert.equal(await tryOpen(bob, 'temporary', [], there), STATUS_FILE_NOT_AVAILABLE);
  await second.world.server.durables.scavenge(Infinity);
  assert.equal(second.disk.entries.size, 0);
  await bob.client.lost();
  const later = await mount(second.world, { user: 'bob', clientGuid: 8 });
  assert.equal(await tryOpen(later, 'temporary', [], there), STATUS_OBJECT_NAME_NOT_FOUND);
  assert.equal(await tryOpen(later, 'marked', [], there), STATUS_OBJECT_NAME_NOT_FOUND);
  assert.equal(await tryOpen(later, 'kept', [], there), 0);
  await assertGone(second, later);
});

test('a file is found by the name that it has now; another file of its name is not it', async () => {
  const first = await start();
  const ann = await mount(first.world);
  const access = { desiredAccess: 0x0013_019f };
  const moved = await open(ann, 'old', [persistent(guid(1))], access);
  assert.equal(await statusOf(ann, rename(moved, 'new')), 0);
  const replaced = await open(ann, 'replaced', [persistent(guid(2))], access);
  // Behind the server's back.
  const tree = first.world.memory.attach(undefined) as never as {
    lookup(path: string[]): Promise<{ remove(): unknown; close(): void }>;
    create(path: string[], what: object): Promise<{ close(): void }>;
    close(): void;
  };
  const gone = await tree.lookup(['replaced']);
  await gone.remove();
  gone.close();
  (await tree.create(['replaced'], { kind: 'file', attributes: 0 })).close();
  tree.close();
  const second = await start(first);
  assert.equal(second.world.server.opens.size, 1);
  const again = await mount(second.world);
  const mine = await open(again, 'new', [back(moved, guid(1))]);
  assert.equal(mine.persistentId, moved.persistentId);
  assert.equal(
    await tryOpen(again, 'replaced', [back(replaced, guid(2))]),
    STATUS_OBJECT_NAME_NOT_FOUND,
  );
  await again.client.close(again.session, again.treeId, mine);
  await assertGone(second, again);
});

test('an orderly end leaves as much as any other', async () => {
  const first = await start();
  const ann = await mount(first.world);
  const options = { createOptions: FILE_DELETE_ON_CLOSE, desiredAccess: 0x0013_019f };
  const file = await open(ann, 'file', [persistent(), lease(RH)], { ...LEASE, ...options });
  first.world.server.persistentOpens!.freeze();
  await first.world.server.durables.end();
  await ann.client.lost();
  first.world.assertEmpty();
  const second = await start(first);
  const again = await mount(second.world);
  const mine = await open(again, 'file', [back(file), lease(RH)], LEASE);
  await again.client.close(again.session, again.treeId, mine);
  await turns();
  const there = { createDisposition: FILE_OPEN };
  assert.equal(await tryOpen(again, 'file', [], there), STATUS_OBJECT_NAME_NOT_FOUND);
  await assertGone(second, again);
});

test('two opens of one lease are one lease again, in the state that it was broken to', async () => {
  const first = await start();
  const ann = await mount(first.world);
  const one = await open(ann, 'file', [persistent(guid(1)), lease(RWH)], LEASE);
  const two = await open(ann, 'file', [persistent(guid(2)), lease(RWH)], LEASE);
  const bob = await mount(first.world, { user: 'bob', clientGuid: 8 });
  const his = open(bob, 'file', []);
  await turns();
  const { notification } = ann.client.breaks.at(-1)!;
  assert.equal(notification.kind, 'lease');
  assert.equal(await statusOf(ann, acknowledgment(1, RH)), 0);
  await his;
  await turns();
  const second = await start(first);
  assert.equal(second.world.server.opens.size, 2);
  const again = await mount(second.world);
  const mine = await open(again, 'file', [back(one, guid(1)), lease(RWH)], LEASE);
  assert.equal(grantedLease(mine)?.leaseState, RH);
  const other = await open(again, 'file', [back(two, guid(2)), lease(RWH)], LEASE);
  assert.equal(grantedLease(other)?.leaseState, RH);
  const { opens } = second.world.server;
  assert.equal(opens.get(mine.persistentId)!.lease, opens.get(other.persistentId)!.lease);
  for (const each of [mine, other]) await again.client.close(again.session, again.treeId, each);
  await assertGone(second, again);
});

test('without room for its record an open is as durable as what it caches, and a lock is refused', async () => {
  const server = await start();
  const ann = await mount(server.world);
  const kept = await open(ann, 'kept', [persistent(guid(1))]);
  server.disk.fails = true;
  const batch = await open(ann, 'batch', [persistent(guid(2))], BATCH);
  assert.equal(isPersistent(batch), false);
  assert.notEqual(
    findCreateContext(batch.createContexts, CreateContextName.DURABLE_HANDLE_REQUEST_V2),
    undefined,
  );
  const none = await open(ann, 'none', [persistent(guid(3))]);
  assert.equal(none.createContexts.length, 0);
  assert.equal(await statusOf(ann, lock(kept, whole)), STATUS_INSUFFICIENT_RESOURCES);
  const other = await open(ann, 'kept', []);
  assert.equal(await statusOf(ann, lock(other, whole)), 0, 'nothing stays locked');
  assert.ok(server.world.errors.splice(0).length > 0);
  server.disk.fails = false;
  for (const each of [kept, batch, none, other]) {
    await ann.client.close(ann.session, ann.treeId, each);
  }
  await assertGone(server, ann);
});

test('records that are none, and of shares that are not there, are passed over', async () => {
  const first = await start();
  const ann = await mount(first.world);
  await open(ann, 'file', [persistent()]);
  first.disk.entries.set(5, Buffer.from('nonsense'));
  const without = await start(first, { share: { continuousAvailability: false } });
  assert.equal(without.world.server.opens.size, 0);
  assert.equal(without.disk.entries.size, 0);
  await assertGone(without);
});
