/** LOGOFF, TREE_DISCONNECT and lost connections while requests are under way (MS-SMB2 3.3.5.6, 3.3.5.8, 3.3.7.1). */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  changeNotifyRequest,
  createRequest,
  echoRequest,
  lockRequest,
  readRequest,
  writeRequest,
} from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_NETWORK_NAME_DELETED,
  STATUS_NOTIFY_CLEANUP,
  STATUS_PENDING,
  STATUS_RANGE_NOT_LOCKED,
  STATUS_USER_SESSION_DELETED,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { Command } from '../../src/smb2/header.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK } from '../../src/smb2/lock.ts';
import { encodeLogoffRequest } from '../../src/smb2/logoff.ts';
import { createFaultyVfs } from '../../src/vfs/memory/faulty.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';
import { SHARE } from '../support/in-process-server.ts';
import { hostileSuite, isRefused } from './kit.ts';

/** Operations on paths that begin with `slow` wait here. */
const waiting: (() => void)[] = [];
const release = (): void => {
  for (const go of waiting.splice(0)) go();
};
const vfs = createFaultyVfs(createMemoryVfs(), {
  gate: ({ path, method }) =>
    path[0]?.startsWith('slow') && ['read', 'write', 'lookup', 'flush'].includes(method)
      ? new Promise<void>((resolve) => {
          waiting.push(resolve);
        })
      : undefined,
});
const hostile = await hostileSuite({
  shares: [{ name: SHARE, vfs }],
  users: [
    { name: 'tester', password: 'Passw0rd!', identity: { uid: 1001, gid: 1001, groups: [] } },
  ],
});

const readWrite = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, disposition: FILE_OPEN_IF };

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !condition(); i++) await sleep(5);
  assert.ok(condition(), 'in half a second');
}

/** READ, WRITE and CREATE that wait at the gate. */
async function underWay(tree: ClientTree, name: string) {
  const opening = tree.submit([createRequest(name, readWrite)]);
  await until(() => waiting.length > 0);
  release();
  const [created] = await opening;
  const answer = await tree.session.connection.answerOf(created!);
  assert.equal(answer.status, 0);
  const file = tree.fileOf(answer);
  const exchanges = [
    ...(await tree.submit([readRequest(file.fileId, 0, 100)])),
    ...(await tree.submit([writeRequest(file.fileId, 0, Buffer.alloc(100))])),
    ...(await tree.submit([createRequest(`${name} too`, readWrite)])),
  ];
  await until(() => waiting.length === 3);
  return exchanges;
}

hostile('one operation that waits holds up no other on its connection', async ({ mount }) => {
  const tree = await mount();
  const exchanges = await underWay(tree, 'slow and fast');
  const start = performance.now();
  assert.equal((await tree.request(createRequest(''))).status, 0);
  assert.ok(performance.now() - start < 500);
  release();
  for (const exchange of exchanges) await tree.session.connection.answerOf(exchange);
});

hostile('LOGOFF', async ({ mount }) => {
  const tree = await mount();
  const { connection } = tree.session;
  const exchanges = await underWay(tree, 'slow logoff');
  const request = { command: Command.LOGOFF, body: encodeLogoffRequest() };
  const [logoff] = await tree.session.submit([request]);
  await sleep(20);
  release();
  assert.equal((await connection.answerOf(logoff!)).status, 0);
  // Each request has its answer, one that was done before the end or one that says what happened.
  for (const exchange of exchanges) await connection.answerOf(exchange);
  await isRefused(tree.request(createRequest('')), STATUS_USER_SESSION_DELETED);
});

hostile('TREE_DISCONNECT', async ({ mount }) => {
  const tree = await mount();
  const exchanges = await underWay(tree, 'slow disconnect');
  const gone = tree.disconnect();
  await sleep(20);
  release();
  await gone;
  for (const exchange of exchanges) await tree.session.connection.answerOf(exchange);
  await isRefused(tree.request(createRequest('')), STATUS_NETWORK_NAME_DELETED);
  assert.equal((await tree.session.request(echoRequest())).status, 0);
});

hostile('TREE_DISCONNECT and LOGOFF twice at once', async ({ mount }) => {
  const tree = await mount();
  const settled = await Promise.allSettled([tree.disconnect(), tree.disconnect()]);
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  );
  const request = { command: Command.LOGOFF, body: encodeLogoffRequest() };
  const [one, two] = await Promise.all([
    tree.session.request(request),
    tree.session.request(request),
  ]);
  assert.equal(one.status, 0);
  assert.equal(two.status, STATUS_USER_SESSION_DELETED);
});

hostile('the connection is lost, by FIN, by RST', async ({ mount }) => {
  for (const how of ['fin', 'rst'] as const) {
    const tree = await mount();
    const exchanges = await underWay(tree, `slow ${how}`);
    const { socket } = tree.session.connection;
    if (how === 'fin') socket.end();
    else socket.destroy(true);
    await sleep(20);
    release();
    for (const exchange of exchanges) await exchange.answer.catch(() => undefined);
  }
});

hostile('the session ends from another connection', async ({ mount }) => {
  const tree = await mount();
  await underWay(tree, 'slow previous');
  const next = mount({}, { previousSessionId: tree.session.sessionId });
  await sleep(20);
  release();
  await next;
  await isRefused(tree.request(createRequest('')), STATUS_USER_SESSION_DELETED);
});

hostile('CLOSE while the file is read and written', async ({ mount }) => {
  const tree = await mount();
  const opening = tree.open('slow close', readWrite);
  await until(() => waiting.length > 0);
  release();
  const file = await opening;
  const reads = await Promise.all([
    tree.submit([readRequest(file.fileId, 0, 10)]),
    tree.submit([writeRequest(file.fileId, 0, Buffer.alloc(10))]),
  ]);
  await until(() => waiting.length === 2);
  const closed = file.close();
  await sleep(10);
  release();
  await closed;
  for (const [exchange] of reads) await tree.session.connection.answerOf(exchange!);
});

hostile('LOCK that would wait, and CHANGE_NOTIFY', async ({ mount }) => {
  const [tree, other] = await Promise.all([mount(), mount()]);
  const [one, two] = await Promise.all([tree, other].map((t) => t.open('locked', readWrite)));
  const range = { offset: 0n, length: 10n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };
  await one!.lock([range]);
  const [blocked] = await other.submit([lockRequest(two!.fileId, [range])]);
  assert.equal((await blocked!.interim)?.status, STATUS_PENDING);
  const directory = await tree.open('', { options: 1 });
  const [notify] = await tree.submit([changeNotifyRequest(directory.fileId, 1)]);
  assert.equal((await notify!.interim)?.status, STATUS_PENDING);
  await other.session.logoff();
  await tree.session.logoff();
  // What waited has its answer when the session is gone.
  const locked = await other.session.connection.answerOf(blocked!);
  assert.equal(locked.status, STATUS_RANGE_NOT_LOCKED);
  const watched = await tree.session.connection.answerOf(notify!);
  assert.equal(watched.status, STATUS_NOTIFY_CLEANUP);
});

hostile('READs of a pipe that wait, and then everything goes', async ({ mount }) => {
  const pipes = async (tree: ClientTree) => {
    const ipc = await tree.session.treeConnect('IPC$');
    const pipe = await ipc.open('srvsvc', readWrite);
    const waiters = await Promise.all(
      Array.from({ length: 5 }, () => ipc.submit([readRequest(pipe.fileId, 0, 100)])),
    );
    for (const [exchange] of waiters) await exchange!.interim;
    return { ipc, pipe, waiters: waiters.map(([exchange]) => exchange!) };
  };
  const ends: ((tree: ClientTree, made: Awaited<ReturnType<typeof pipes>>) => Promise<unknown>)[] =
    [
      (_, { pipe }) => pipe.close(),
      (_, { ipc }) => ipc.disconnect(),
      (tree) => tree.session.logoff(),
      (tree, { waiters }) =>
        Promise.all(waiters.map((exchange) => tree.session.connection.cancel(exchange))),
    ];
  for (const end of ends) {
    const tree = await mount();
    const made = await pipes(tree);
    await end(tree, made);
    for (const exchange of made.waiters) {
      const { status } = await tree.session.connection.answerOf(exchange);
      assert.ok(status >= 0xc0000000);
    }
  }
  const lost = await mount();
  await pipes(lost);
  await lost.session.connection.close();
});
