/** MS-SMB2 3.3.5.15.9: resilient opens; 3.3.5.9.13: applications that move from node to node. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_FILE_FORCED_CLOSED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
} from '../dtyp/ntstatus.ts';
import { encodeAppInstanceId, encodeAppInstanceVersion } from '../smb2/create-context-values.ts';
import { type CreateContext, CreateContextName } from '../smb2/create-contexts.ts';
import { FILE_DIRECTORY_FILE } from '../smb2/create-options.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { Command } from '../smb2/header.ts';
import { encodeIoctlRequest, SMB2_0_IOCTL_IS_FSCTL } from '../smb2/ioctl.ts';
import { encodeNetworkResiliencyRequest } from '../smb2/ioctl-structures.ts';
import { isErrno } from '../vfs/errno.ts';
import type { Draft, FileId } from './test-client.support.test.ts';
import {
  assertGone,
  BATCH,
  durableV2,
  guid,
  LEASE,
  lease,
  mount,
  open,
  reconnect,
  SMB2_1,
  statusOf,
  tryOpen,
} from './test-durables.support.test.ts';
import { LOGOFF, lock, write } from './test-requests.support.test.ts';
import { World } from './test-world.support.test.ts';

const RWH = 7;
const whole = { offset: 0n, length: 10n, flags: 0x12 };

const resiliency = (
  { persistentId, volatileId }: FileId,
  timeoutMs = 0,
  input = encodeNetworkResiliencyRequest(timeoutMs),
): Draft => ({
  command: Command.IOCTL,
  body: encodeIoctlRequest({
    ctlCode: Fsctl.FSCTL_LMR_REQUEST_RESILIENCY,
    persistentId,
    volatileId,
    maxInputResponse: 0,
    maxOutputResponse: 0,
    flags: SMB2_0_IOCTL_IS_FSCTL,
    input,
    output: Buffer.alloc(0),
  }),
});

test('a resilient open needs no oplock: its share mode and its locks wait for its owner', async () => {
  for (const over of [SMB2_1, {}]) {
    const world = new World();
    const ann = await mount(world, over);
    const file = await open(ann, 'file', [], { shareAccess: 3 });
    assert.equal(await statusOf(ann, resiliency(file, 300_999)), 0);
    assert.equal(await statusOf(ann, lock(file, whole)), 0);
    await ann.client.lost();
    assert.equal(world.server.durables.size, 1);
    const bob = await mount(world, { user: 'bob', clientGuid: 8 });
    assert.equal(await tryOpen(bob, 'file', [], { shareAccess: 0 }), STATUS_SHARING_VIOLATION);
    const other = await open(bob, 'file', [], { desiredAccess: 3 });
    assert.equal(await statusOf(bob, lock(other, whole)), STATUS_LOCK_NOT_GRANTED);
    assert.equal(await tryOpen(bob, 'file', [reconnect(file)]), STATUS_ACCESS_DENIED);
    const back = await mount(world, over);
    assert.equal(
      await tryOpen(back, 'file', [reconnect(file), lease(0)]),
      STATUS_OBJECT_NAME_NOT_FOUND,
    );
    const again = await open(back, 'any name', [reconnect(file)]);
    assert.equal(await statusOf(back, write(again)), 0, 'inside its own lock');
    await assertGone(world, bob, back);
  }
});

test('it outlives LOGOFF, and the break of what it cached; a durable one that becomes resilient is no more durable', async () => {
  const world = new World();
  const ann = await mount(world);
  const file = await open(ann, 'file', [durableV2(), lease(RWH)], LEASE);
  assert.equal(await statusOf(ann, resiliency(file)), 0);
  assert.equal(await statusOf(ann, LOGOFF), 0);
  const bob = await mount(world, { user: 'bob', clientGuid: 8 });
  assert.equal(await tryOpen(bob, 'file', [], { desiredAccess: 1 }), 0);
  assert.equal(world.server.durables.size, 1);
  await ann.client.lost();
  const back = await mount(world);
  assert.equal(await tryOpen(back, 'file', [reconnect(file), lease(0)], LEASE), 0);
  await assertGone(world, bob, back);
});

test('refusals of FSCTL_LMR_REQUEST_RESILIENCY', async () => {
  const world = new World();
  const ann = await mount(world);
  const file = await open(ann, 'file', []);
  assert.equal(await statusOf(ann, resiliency(file, 301_000)), STATUS_INVALID_PARAMETER);
  assert.equal(await statusOf(ann, resiliency(file, 0, Buffer.alloc(7))), STATUS_INVALID_PARAMETER);
  const directory = await open(ann, 'dir', [], { createOptions: FILE_DIRECTORY_FILE });
  assert.equal(await statusOf(ann, resiliency(directory)), STATUS_INVALID_DEVICE_REQUEST);
  const guest = await mount(world, { user: 'guest' });
  assert.equal(await statusOf(guest, resiliency(await open(guest, 'g', []))), STATUS_NOT_SUPPORTED);
  const old = await mount(world, { dialect: 0x0202 });
  assert.equal(
    await statusOf(old, resiliency(await open(old, 'old', []))),
    STATUS_INVALID_DEVICE_REQUEST,
  );
  await ann.client.lost();
  assert.equal(world.server.durables.size, 0);
  await assertGone(world, guest, old);
  const off = new World({ options: { durableHandles: false } });
  const eve = await mount(off);
  assert.equal(await statusOf(eve, resiliency(await open(eve, 'f', []))), STATUS_NOT_SUPPORTED);
  await assertGone(off, eve);
});

const app = (id: number, version?: bigint): CreateContext[] => [
  { name: CreateContextName.APP_INSTANCE_ID, data: encodeAppInstanceId(guid(id)) },
  ...(version === undefined
    ? []
    : [
        {
          name: CreateContextName.APP_INSTANCE_VERSION,
          data: encodeAppInstanceVersion({
            appInstanceVersionHigh: version >> 64n,
            appInstanceVersionLow: version & 0xffff_ffff_ffff_ffffn,
          }),
        },
      ]),
];

test('an application on another node takes its file over, without a break', async () => {
  const world = new World();
  const first = await mount(world);
  const over = { ...BATCH, shareAccess: 0 };
  const file = await open(first, 'file', [durableV2(guid(1)), ...app(9)], over);
  const second = await mount(world, { clientGuid: 8 });
  const taken = await open(second, 'FILE', [durableV2(guid(2)), ...app(9)], over);
  assert.equal(taken.oplockLevel, BATCH.requestedOplockLevel);
  assert.equal(first.client.breaks.length, 0);
  assert.equal(await first.client.close(first.session, first.treeId, file), STATUS_FILE_CLOSED);
  await assertGone(world, first, second);
});

test('not from its own client, another application, file or share', async () => {
  const world = new World();
  const first = await mount(world);
  const file = await open(first, 'file', app(9), { shareAccess: 0 });
  const same = await mount(world);
  const second = await mount(world, { clientGuid: 8 });
  const fixed = await mount(world, { clientGuid: 8, share: 'fixed' });
  const reads = { desiredAccess: 1, createDisposition: 1, shareAccess: 0 };
  assert.equal(await tryOpen(same, 'file', app(9), reads), STATUS_SHARING_VIOLATION);
  assert.equal(await tryOpen(second, 'file', app(8), reads), STATUS_SHARING_VIOLATION);
  assert.equal(await tryOpen(fixed, 'file', app(9), reads), STATUS_SHARING_VIOLATION);
  assert.equal(await tryOpen(second, 'other', app(9)), 0);
  assert.equal(await statusOf(first, write(file)), 0, 'it is still open');
  await assertGone(world, first, same, second, fixed);
});

test('what a node left behind is taken over as well; an older version takes nothing', async () => {
  const world = new World();
  const first = await mount(world);
  await open(first, 'file', [durableV2(guid(1)), ...app(9, 5n)], { ...BATCH, shareAccess: 0 });
  await first.client.lost();
  assert.equal(world.server.durables.size, 1);
  const second = await mount(world, { clientGuid: 8 });
  for (const version of [undefined, 4n, 5n]) {
    assert.equal(await tryOpen(second, 'file', app(9, version)), STATUS_FILE_FORCED_CLOSED);
  }
  assert.equal(await tryOpen(second, 'file', app(9, 6n)), 0);
  assert.equal(world.server.durables.size, 0);
  await assertGone(world, second);
});

test('whoever may not read the file takes it from nobody', async () => {
  let mayRead = true;
  const world = new World({
    between: (memory) => ({
      features: memory.features,
      close: () => memory.close(),
      attach: async (identity) => {
        const tree = await memory.attach(identity);
        if (isErrno(tree)) return tree;
        const { lookup } = tree;
        tree.lookup = async (path) => {
          const handle = await lookup.call(tree, path);
          if (isErrno(handle)) return handle;
          handle.permissions = () => ({ read: mayRead, write: true, execute: mayRead, owns: true });
          return handle;
        };
        return tree;
      },
    }),
  });
  const first = await mount(world);
  const file = await open(first, 'file', app(9), { shareAccess: 0 });
  const second = await mount(world, { clientGuid: 8 });
  const writes = { desiredAccess: FILE_WRITE_DATA, shareAccess: 0 };
  mayRead = false;
  assert.equal(await tryOpen(second, 'file', app(9), writes), STATUS_SHARING_VIOLATION);
  assert.equal(await statusOf(first, write(file)), 0, 'it is still open');
  mayRead = true;
  assert.equal(await tryOpen(second, 'file', app(9), writes), 0);
  assert.equal(await statusOf(first, write(file)), STATUS_FILE_CLOSED);
  await assertGone(world, first, second);
});
