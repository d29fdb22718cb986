/** What a server tells of its tables, while clients use them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_PAGE_RECORDS, MAX_TOLD_PATH_BYTES, MAX_TOLD_RANGES } from '../base/limits.ts';
import type { Listing, OpenRecord } from '../ipc/data-plane.ts';
import { openRecord as openField } from '../ipc/data-plane.ts';
import { encode } from '../ipc/fields.ts';
import { Inventory } from '../objects/inventory.ts';
import { clip } from '../objects/records.ts';
import { encodeLease } from '../smb2/create-context-values.ts';
import { CreateContextName } from '../smb2/create-contexts.ts';
import { SMB2_OPLOCK_LEVEL_BATCH, SMB2_OPLOCK_LEVEL_LEASE } from '../smb2/oplock-levels.ts';
import { connected, create } from './test-client.support.test.ts';
import { dispose, lock, notify } from './test-requests.support.test.ts';
import { looksAtWorker, turns, World } from './test-world.support.test.ts';

async function all<T>(listing: Listing<T>): Promise<T[]> {
  const records: T[] = [];
  for (;;) {
    const page = await listing.next();
    if (page === undefined) return records;
    records.push(...page);
  }
}

const EVERYTHING = { filter: { user: undefined, share: undefined }, ranges: true } as const;

const opensOf = async (world: World, query: typeof EVERYTHING | object = {}) => {
  const found = await all(new Inventory(world.server).opens({ ...EVERYTHING, ...query }));
  return new Map(found.map((one) => [`${one.user}:${one.path}`, one]));
};

const FAR = 0xffff_ffff_ffff_ff00n;
const EXCLUSIVE = 2;
const SHARED = 1;
const FAIL_IMMEDIATELY = 16;

test('sessions: who, from where, how protected, connected to what', async () => {
  const world = new World();
  const ann = await connected(world);
  await ann.client.tree(ann.session, 'sealed').catch(() => {});
  await ann.client.open(ann.session, ann.treeId, 'a');
  const guest = await connected(world, { user: 'guest', dialect: 0x0210 });
  const inventory = new Inventory(world.server);
  const [first, second, ...none] = await all(
    inventory.sessions({ user: undefined, share: undefined }),
  );
  assert.deepEqual(none, []);
  assert.equal(first!.sessionId, ann.session.sessionId);
  assert.deepEqual(
    [first!.user, first!.account, first!.state, first!.signing, first!.encryption, first!.opens],
    ['ann', 'user', 'valid', 'offered', 'offered', 1],
  );
  const [channel, ...noOther] = first!.channels;
  assert.deepEqual(noOther, []);
  assert.deepEqual(
    [channel!.address, channel!.dialect, channel!.signing, channel!.cipher],
    ['192.0.2.1', 'SMB3_11', 'AES-CMAC', 'AES-128-GCM'],
  );
  assert.deepEqual(channel!.clientGuid, Buffer.alloc(16, 7));
  const [tree] = first!.trees;
  assert.deepEqual(tree, {
    treeId: ann.treeId,
    share: 'share',
    readOnly: false,
    encryptionRequired: false,
    opens: 1,
  });
  assert.deepEqual(
    [second!.user, second!.account, second!.signing, second!.encryption],
    ['guest', 'guest', 'none', 'none'],
  );
  assert.deepEqual(
    [second!.channels[0]!.dialect, second!.channels[0]!.signing, second!.channels[0]!.cipher],
    ['SMB2_10', 'HMAC-SHA256', undefined],
  );
  const users = async (user: string | undefined, share: string | undefined) =>
    (await all(inventory.sessions({ user, share }))).map((one) => one.user);
  assert.deepEqual(await users('ANN', undefined), ['ann']);
  assert.deepEqual(await users(undefined, 'SHARE'), ['ann', 'guest']);
  assert.deepEqual(await users('ann', 'fixed'), []);
  const { connections, sessions, treeConnects, opens, files, locks } = inventory.summary();
  assert.deepEqual(
    { connections, sessions, opens, files, locks },
    { connections: 2, sessions: 2, opens: 1, files: 1, locks: 0 },
  );
  assert.ok(treeConnects >= 2);
  assert.equal((await all(inventory.connections())).length, 2);
  await ann.client.lost();
  await guest.client.lost();
  assert.deepEqual(await all(inventory.sessions({ user: undefined, share: undefined })), []);
  world.assertEmpty();
});

test('opens: access, sharing, locks held and waited for, watches, deletion', async () => {
  const world = new World();
  const ann = await connected(world);
  const bob = await connected(world, { user: 'bob' });
  const a = await ann.client.open(ann.session, ann.treeId, 'f');
  const b = await bob.client.open(bob.session, bob.treeId, 'f', {
    desiredAccess: 0x0012_0089,
    shareAccess: 7,
  });
  const exclusive = { offset: FAR, length: 0x100n, flags: EXCLUSIVE };
  await ann.client.call({ ...lock(a, exclusive), treeId: ann.treeId }, ann.session);
  const shared = { offset: 0n, length: 5n, flags: SHARED | FAIL_IMMEDIATELY };
  await bob.client.call({ ...lock(b, shared), treeId: bob.treeId }, bob.session);
  bob.client.send([{ ...lock(b, exclusive), treeId: bob.treeId }], bob.session);
  const doomed = await ann.client.open(ann.session, ann.treeId, 'gone');
  await ann.client.call({ ...dispose(doomed), treeId: ann.treeId }, ann.session);
  const root = await ann.client.open(ann.session, ann.treeId, '', { createOptions: 1 });
  ann.client.send([{ ...notify(root), treeId: ann.treeId }], ann.session);
  await turns();

  const opens = await opensOf(world);
  const mine = opens.get('ann:/f')!;
  assert.deepEqual(mine.access, { read: true, write: true, delete: true });
  assert.deepEqual([mine.locks, mine.waitingLocks], [1, 0]);
  assert.deepEqual(mine.ranges, [{ offset: FAR, length: 0x100n, exclusive: true, waiting: false }]);
  const his = opens.get('bob:/f')!;
  assert.equal(his.accessMask, 0x0012_0089);
  assert.deepEqual(his.access, { read: true, write: false, delete: false });
  assert.deepEqual([his.locks, his.waitingLocks], [1, 1]);
  assert.deepEqual(his.ranges, [
    { offset: 0n, length: 5n, exclusive: false, waiting: false },
    { offset: FAR, length: 0x100n, exclusive: true, waiting: true },
  ]);
  assert.deepEqual((await opensOf(world, { ranges: false })).get('bob:/f')!.ranges, []);
  const folder = opens.get('ann:/')!;
  assert.deepEqual(
    [folder.kind, folder.watching, folder.deletePending],
    ['directory', true, false],
  );
  assert.equal(opens.get('ann:/gone')!.deletePending, true);
  assert.equal(new Inventory(world.server).summary().waitingRequests, 2);
  const { user, share } = { user: 'bob', share: 'share' };
  assert.deepEqual([...(await opensOf(world, { filter: { user, share } })).keys()], ['bob:/f']);
  assert.equal((await opensOf(world, { filter: { user, share: 'fixed' } })).size, 0);
  await ann.client.lost();
  await bob.client.lost();
  world.assertEmpty();
});

test('opens: oplocks and leases, and what a break leaves', async () => {
  const world = new World();
  const ann = await connected(world);
  const bob = await connected(world, { user: 'bob' });
  const open = (name: string, over: object) => ann.client.open(ann.session, ann.treeId, name, over);
  await open('batch', { requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH });
  const key = Buffer.alloc(16, 5);
  const parentKey = Buffer.alloc(16, 6);
  const data = encodeLease({
    version: 2,
    leaseKey: key,
    leaseState: 7,
    leaseFlags: 4,
    parentLeaseKey: parentKey,
    epoch: 41,
  });
  await open('leased', {
    requestedOplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
    createContexts: [{ name: CreateContextName.LEASE, data }],
  });
  const lease = { kind: 'lease', version: '2', key, parentKey };
  const before = await opensOf(world);
  assert.deepEqual(before.get('ann:/batch')!.caching, {
    kind: 'oplock',
    level: 'batch',
    breakingTo: undefined,
  });
  const rwh = { read: true, write: true, handle: true };
  assert.deepEqual(before.get('ann:/leased')!.caching, {
    ...lease,
    state: rwh,
    breakingTo: undefined,
    epoch: 42,
  });
  // It is told of the breaks, and says nothing.
  ann.client.transport.onFrame = () => {};
  const [waiting] = ['batch', 'leased'].flatMap((name) =>
    bob.client.send([{ ...create({ name }), treeId: bob.treeId }], bob.session),
  );
  await turns();
  const after = await opensOf(world);
  assert.deepEqual(after.get('ann:/batch')!.caching, {
    kind: 'oplock',
    level: 'batch',
    breakingTo: 'II',
  });
  assert.deepEqual(after.get('ann:/leased')!.caching, {
    ...lease,
    state: rwh,
    breakingTo: { ...rwh, write: false },
    epoch: 43,
  });
  await ann.client.lost();
  assert.equal((await bob.client.final(waiting!)).status, 0);
  assert.deepEqual((await opensOf(world)).get('bob:/batch')!.caching, { kind: 'none' });
  await bob.client.lost();
  world.assertEmpty();
});

test('a listing in pages: each open once, while others come and go', async () => {
  const world = new World({ options: { maxOpens: 3000 } });
  const ann = await connected(world);
  const ids = [];
  for (let n = 0; n < 2 * MAX_PAGE_RECORDS + 10; n++) {
    ids.push(await ann.client.open(ann.session, ann.treeId, `f${n}`));
  }
  const listing = new Inventory(world.server).opens(EVERYTHING);
  const seen: OpenRecord[] = [...(await listing.next())!];
  assert.equal(seen.length, MAX_PAGE_RECORDS);
  // One that was shown, one that was to come, and one that is new.
  await ann.client.close(ann.session, ann.treeId, ids[0]!);
  await ann.client.close(ann.session, ann.treeId, ids[MAX_PAGE_RECORDS + 1]!);
  await ann.client.open(ann.session, ann.treeId, 'new');
  seen.push(...(await all(listing)));
  const paths = seen.map(({ path }) => path);
  assert.equal(new Set(paths).size, paths.length);
  assert.equal(paths.length, ids.length);
  assert.ok(paths.includes('/f0') && paths.includes('/new'));
  assert.ok(!paths.includes(`/f${MAX_PAGE_RECORDS + 1}`));
  // A filter that nothing passes costs no more for a page.
  const none = new Inventory(world.server).opens({
    filter: { user: 'nobody', share: undefined },
    ranges: false,
  });
  assert.deepEqual(await none.next(), []);
  await ann.client.lost();
  world.assertEmpty();
});

test('however long its name and however many its locks, an open fits a record', async () => {
  const world = new World();
  const ann = await connected(world);
  let name = '';
  for (let depth = 0; depth < 30; depth++) {
    name = name === '' ? '名'.repeat(80) : `${name}\\${'名'.repeat(80)}`;
    const over = depth < 29 ? { createOptions: 1 } : {};
    const id = await ann.client.open(ann.session, ann.treeId, name, over);
    if (depth < 29) continue;
    const ranges = Array.from({ length: 2 * MAX_TOLD_RANGES }, (_, n) => ({
      offset: BigInt(n * 10),
      length: 1n,
      flags: EXCLUSIVE | FAIL_IMMEDIATELY,
    }));
    await ann.client.call({ ...lock(id, ...ranges), treeId: ann.treeId }, ann.session);
  }
  const opens = await all(new Inventory(world.server).opens(EVERYTHING));
  const last = opens.at(-1)!;
  assert.equal(last.locks, 2 * MAX_TOLD_RANGES);
  assert.equal(last.ranges.length, MAX_TOLD_RANGES);
  assert.ok(Buffer.byteLength(last.path!) <= MAX_TOLD_PATH_BYTES);
  assert.match(last.path!, /^\/名+(\/名+)+$/);
  for (const open of opens) encode(openField, open);
  await ann.client.lost();
  world.assertEmpty();
});

test('text is cut between characters', () => {
  assert.equal(clip('abc', 3), 'abc');
  assert.equal(clip('abcd', 3), 'abc');
  assert.equal(clip('aé', 2), 'a');
  assert.equal(clip('a名', 3), 'a');
  assert.equal(clip('a😀', 4), 'a');
  assert.equal(clip('名', 3), '名');
});

test('a pipe, and an open whose name was removed by others', async () => {
  const world = new World();
  const ann = await connected(world);
  const ipc = await ann.client.tree(ann.session, 'IPC$');
  await ann.client.open(ann.session, ipc, 'echo');
  const file = await ann.client.open(ann.session, ann.treeId, 'f');
  const tree = world.memory.attach(undefined);
  assert.ok(typeof tree !== 'number' && !(tree instanceof Promise));
  const handle = tree.lookup(['f']);
  assert.ok(typeof handle !== 'number' && !(handle instanceof Promise));
  handle.remove();
  const opens = await all(new Inventory(world.server).opens(EVERYTHING));
  assert.deepEqual(
    opens.map(({ kind, path, share }) => [kind, path, share]),
    [
      ['pipe', '/echo', 'IPC$'],
      ['file', undefined, 'share'],
    ],
  );
  assert.equal(await ann.client.close(ann.session, ann.treeId, file), 0);
  handle.close();
  tree.close();
  await ann.client.lost();
  world.assertEmpty();
});

test('before and during a login', { skip: looksAtWorker }, async () => {
  const world = new World();
  const { TestClient } = await import('./test-client.support.test.ts');
  const client = new TestClient(world);
  const inventory = new Inventory(world.server);
  const [fresh] = await all(inventory.connections());
  assert.deepEqual(
    [fresh!.dialect, fresh!.signing, fresh!.cipher],
    [undefined, undefined, undefined],
  );
  await client.negotiate();
  await client.setup('ann');
  const [session] = await all(inventory.sessions({ user: undefined, share: undefined }));
  assert.deepEqual(
    [session!.state, session!.user, session!.account],
    ['inProgress', undefined, 'none'],
  );
  assert.equal(session!.channels.length, 1);
  await client.lost();
  world.assertEmpty();
});
