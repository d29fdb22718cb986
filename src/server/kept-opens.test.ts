/**
 * MS-SMB2 3.3.5.9.7 and 3.3.5.9.12: durable opens that outlive the process which has them. Each server here ends without a
 * word, and the next one has the same disk and what the keeper has.
 */
import assert from 'node:assert/strict';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { STATUS_LOCK_NOT_GRANTED, STATUS_OBJECT_NAME_NOT_FOUND } from '../dtyp/ntstatus.ts';
import { O_PATH } from '../native/constants.ts';
import { nativeSupport } from '../native/support.ts';
import { type Inherited, type Keeper, KeptOpens } from '../objects/kept-opens.ts';
import { restoreKept } from '../objects/restore-opens.ts';
import type { Share } from '../objects/share.ts';
import type { CreateResponse } from '../smb2/create.ts';
import { FILE_DELETE_ON_CLOSE, FILE_OPEN } from '../smb2/create-options.ts';
import { createLocalVfs } from '../vfs/local/local-vfs.ts';
import {
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
  statusOf,
  tryOpen,
} from './test-durables.support.test.ts';
import { dispose, lock, rename, write } from './test-requests.support.test.ts';
import { World } from './test-world.support.test.ts';

const RH = 3;
const RWH = 7;
const EXCLUSIVE_NOW = 0x12;
const UNLOCK = 4;
const whole = { offset: 0n, length: 10n, flags: EXCLUSIVE_NOW };

/** In this process. */
class TestKeeper implements Keeper {
  readonly maxDescriptors: number = 100;
  readonly entries = new Map<number, { value: Buffer; descriptor: number | undefined }>();
  onEmpty = (): void => {};
  refuses = false;
  #isDead = false;

  constructor(before?: TestKeeper) {
    for (const [key, entry] of before?.entries ?? []) this.entries.set(key, entry);
  }

  /** Its process is gone. */
  die(): void {
    this.#isDead = true;
  }

  inherit(): readonly Inherited[] {
    return [...this.entries].map(([key, { value, descriptor }]) => ({
      ...{ key, value },
      descriptor: descriptor === undefined ? undefined : duplicate(descriptor),
    }));
  }

  giveBack(descriptor: number): void {
    closeSync(descriptor);
  }

  put(key: number, value: Buffer, descriptor?: number): boolean {
    if (this.#isDead || this.refuses) return false;
    const before = this.entries.get(key)?.descriptor;
    const given = descriptor === undefined ? before : duplicate(descriptor);
    if (descriptor !== undefined && before !== undefined) closeSync(before);
    this.entries.set(key, { value: Buffer.from(value), descriptor: given });
    return true;
  }

  delete(key: number): void {
    if (this.#isDead) return;
    const descriptor = this.entries.get(key)?.descriptor;
    if (descriptor !== undefined) closeSync(descriptor);
    this.entries.delete(key);
  }
}

const duplicate = (descriptor: number): number => openSync(`/proc/self/fd/${descriptor}`, O_PATH);

interface Server {
  readonly world: World;
  readonly keeper: TestKeeper;
}

async function start(before?: Server, share: Partial<Share> = {}): Promise<Server> {
  before?.keeper.die();
  const keeper = new TestKeeper(before?.keeper);
  const world = new World({ share, ...(before && { memory: before.world.memory }) });
  const kept = new KeptOpens(world.server, keeper);
  world.server.keptOpens = kept;
  await restoreKept(world.server, kept, keeper);
  return { world, keeper };
}

const close = ({ client, session, treeId }: Mount, file: CreateResponse) =>
  client.close(session, treeId, file);

async function assertGone({ world, keeper }: Server, ...mounts: Mount[]): Promise<void> {
  for (const { client } of mounts) await client.lost();
  await world.server.durables.end();
  world.assertEmpty();
  assert.equal(keeper.entries.size, 0);
}

test('only what outlives its connection is kept, and until it is closed', async () => {
  const server = await start();
  const ann = await mount(server.world);
  const plain = await open(ann, 'plain', [], BATCH);
  const leased = await open(ann, 'leased', [lease(RWH, 5)], LEASE);
  assert.equal(server.keeper.entries.size, 0);
  const first = await open(ann, 'v1', [durable()], BATCH);
  const second = await open(ann, 'v2', [durableV2(), lease(RH)], LEASE);
  assert.deepEqual([first, second].map(grantedDurable), [1, 2]);
  assert.deepEqual([...server.keeper.entries.keys()], [first.persistentId, second.persistentId]);
  // Asked for, and not granted.
  const none = await open(ann, 'none', [durableV2(guid(0xc2))]);
  assert.equal(grantedDurable(none), 0);
  assert.equal(server.keeper.entries.size, 2);
  for (const file of [plain, leased, first, second, none]) await close(ann, file);
  assert.equal(server.keeper.entries.size, 0);
  await assertGone(server, ann);
});

test('data, lock and lease; its client reads, writes and unlocks', async () => {
  const first = await start();
  const ann = await mount(first.world);
  const file = await open(ann, 'file', [durableV2(), lease(RWH)], LEASE);
  assert.equal(await statusOf(ann, write(file, 'kept')), 0);
  assert.equal(await statusOf(ann, lock(file, whole)), 0);
  assert.equal(await statusOf(ann, lock(file, { ...whole, offset: 20n })), 0);
  assert.equal(await statusOf(ann, lock(file, { ...whole, offset: 20n, flags: UNLOCK })), 0);

  const second = await start(first);
  assert.equal(second.world.server.durables.size, 1);
  const again = await mount(second.world);
  const back = await open(again, 'file', [reconnectV2(file), lease(RWH)], LEASE);
  assert.equal(back.persistentId, file.persistentId);
  assert.deepEqual(grantedLease(back), grantedLease(file), 'state and epoch');
  assert.equal(await readText(again, back), 'kept');
  const beside = await open(again, 'file', [lease(RWH)], LEASE);
  assert.equal(await statusOf(again, lock(beside, whole)), STATUS_LOCK_NOT_GRANTED);
  assert.equal(await statusOf(again, lock(beside, { ...whole, offset: 20n })), 0);
  assert.equal(await statusOf(again, lock(back, { ...whole, flags: UNLOCK })), 0);
  // And so on, from process to process.
  await close(again, beside);
  const third = await start(second);
  const later = await mount(third.world);
  const last = await open(later, 'file', [reconnectV2(back), lease(RWH)], LEASE);
  assert.equal(await statusOf(later, lock(last, whole)), 0);
  await close(later, last);
  await assertGone(third, later);
});

test('a batch oplock, version 1, and a name that it got since', async () => {
  const first = await start();
  const ann = await mount(first.world);
  const file = await open(ann, 'file', [durable()], BATCH);
  assert.equal(await statusOf(ann, rename(file, 'other')), 0);
  const second = await start(first);
  const again = await mount(second.world);
  const back = await open(again, 'file', [reconnect(file)], BATCH);
  await close(again, back);
  assert.equal(await tryOpen(again, 'other', [], { createDisposition: FILE_OPEN }), 0);
  await assertGone(second, again);
});

test("a stranger's open ends what is in its way, and nothing else", async () => {
  const first = await start();
  const ann = await mount(first.world);
  const file = await open(ann, 'file', [durableV2(), lease(RWH)], LEASE);
  const other = await open(ann, 'other', [durableV2(guid(0xc2)), lease(RWH, 2)], LEASE);
  const second = await start(first);
  const bob = await mount(second.world, { user: 'bob', clientGuid: 8 });
  assert.equal(await tryOpen(bob, 'file', []), 0);
  const again = await mount(second.world);
  const lost = await tryOpen(again, 'file', [reconnectV2(file), lease(RWH)], LEASE);
  assert.equal(lost, STATUS_OBJECT_NAME_NOT_FOUND);
  const back = await open(again, 'other', [reconnectV2(other, guid(0xc2)), lease(RWH, 2)], LEASE);
  await close(again, back);
  await assertGone(second, bob, again);
});

test('what would not outlive a lost connection does not outlive the process', async () => {
  const first = await start();
  const ann = await mount(first.world);
  // Locks of one who does not cache writes.
  const file = await open(ann, 'file', [durableV2(), lease(RH)], LEASE);
  assert.equal(await statusOf(ann, lock(file, whole)), 0);
  const second = await start(first);
  assert.equal(second.world.server.opens.size, 0);
  assert.equal(second.keeper.entries.size, 0);
  await assertGone(second);
});

test('a keeper that takes nothing costs durable opens nothing, and has all of them once it takes something', async () => {
  const server = await start();
  const ann = await mount(server.world);
  server.keeper.refuses = true;
  const file = await open(ann, 'file', [durableV2(), lease(RWH)], LEASE);
  assert.equal(grantedDurable(file), 2);
  assert.equal(await statusOf(ann, lock(file, whole)), 0);
  assert.equal(server.keeper.entries.size, 0);
  server.keeper.refuses = false;
  server.keeper.onEmpty();
  const next = await start(server);
  const again = await mount(next.world);
  const back = await open(again, 'file', [reconnectV2(file), lease(RWH)], LEASE);
  assert.equal(await statusOf(again, lock(back, { ...whole, flags: UNLOCK })), 0);
  await close(again, back);
  await assertGone(next, again);
});

test('records that are none, or of a share that is no more, are dropped', async () => {
  const first = await start();
  const ann = await mount(first.world);
  const file = await open(ann, 'file', [durableV2(), lease(RWH)], LEASE);
  const { value } = first.keeper.entries.get(file.persistentId)!;
  first.keeper.entries.clear();
  for (let length = 0; length < value.length; length++) {
    first.keeper.put(length + 1, value.subarray(0, length));
  }
  const elsewhere = Buffer.from(value);
  elsewhere.write('shark', elsewhere.indexOf('share'));
  first.keeper.put(9999, elsewhere);
  const second = await start(first);
  assert.equal(second.world.server.opens.size, 0);
  await assertGone(second);
});

test('by its descriptor: deleted with its last close, read without a name', {
  skip: nativeSupport().unavailable ?? false,
}, async () => {
  const root = mkdtempSync(join(tmpdir(), 'usmbd-kept-'));
  const disks = [0, 1].map(() => createLocalVfs({ root }));
  const first = await start(undefined, { vfs: disks[0] });
  const ann = await mount(first.world);
  const own = (n: number) => durableV2(guid(n));
  const atClose = { ...LEASE, createOptions: FILE_DELETE_ON_CLOSE };
  const doomed = await open(ann, 'doomed', [own(1), lease(RWH, 1)], atClose);
  const marked = await open(ann, 'marked', [own(2), lease(RWH, 2)], LEASE);
  const nameless = await open(ann, 'nameless', [own(3), lease(RWH, 3)], LEASE);
  // Whoever has marked this one is closed by then.
  const left = await open(ann, 'left', [own(4), lease(RWH, 4)], LEASE);
  const deleter = await open(ann, 'left', [lease(RWH, 4)], atClose);
  assert.equal(await statusOf(ann, dispose(marked)), 0);
  assert.equal(await statusOf(ann, write(nameless, 'kept')), 0);
  await close(ann, deleter);
  unlinkSync(join(root, 'nameless'));
  assert.equal(first.keeper.entries.size, 4);
  for (const { descriptor } of first.keeper.entries.values())
    assert.notEqual(descriptor, undefined);

  const second = await start(first, { vfs: disks[1] });
  const again = await mount(second.world);
  const back = async (file: CreateResponse, name: string, n: number) =>
    open(again, name, [reconnectV2(file, guid(n)), lease(RWH, n)], LEASE);
  const unnamed = await back(nameless, 'nameless', 3);
  assert.equal(await readText(again, unnamed), 'kept');
  await close(again, unnamed);
  for (const [file, name, n] of [
    [doomed, 'doomed', 1],
    [marked, 'marked', 2],
    [left, 'left', 4],
  ] as const) {
    const mine = await back(file, name, n);
    assert.ok(existsSync(join(root, name)));
    await close(again, mine);
    assert.equal(existsSync(join(root, name)), false, name);
  }
  await assertGone(second, again);
  for (const disk of disks.slice(1)) disk.close();
  rmSync(root, { recursive: true });
});
