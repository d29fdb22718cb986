/** srvsvc of sessions, connections and files, beside a server of two users in this process. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { connect } from './client/connect.ts';
import { RpcPipe } from './client/rpc-pipe.ts';
import { createServer } from './create-server.ts';
import { MAX_PREFERRED_LENGTH, SRVSVC } from './rpc/srvsvc.ts';
import { WIN32_ERROR } from './rpc/win32-error.ts';
import { createMemoryVfs } from './vfs/memory/memory.ts';

const {
  NetrSessionEnum,
  NetrSessionDel,
  NetrConnectionEnum,
  NetrFileEnum,
  NetrFileGetInfo,
  NetrFileClose,
} = SRVSVC.operations;
const PASSWORD = 'tiger';
const identity = { uid: 1000, gid: 1000, groups: [] };
const ADDRESS = '127.0.0.1';
const range = { preferedMaximumLength: MAX_PREFERRED_LENGTH, resumeHandle: 0 as number | null };

const server = createServer({
  shares: [{ name: 'photos', vfs: createMemoryVfs() }],
  users: [
    ...['ann', 'bob'].map((name) => ({ name, password: PASSWORD, identity })),
    { name: 'root', password: PASSWORD, identity: { uid: 0, gid: 0, groups: [] } },
  ],
});
const { port } = await server.listen({ port: 0, address: ADDRESS });
after(() => server.close());

async function login(user: string) {
  const connection = await connect({ host: ADDRESS, port });
  after(() => connection.close());
  return (await connection.login({ user, secret: PASSWORD })).treeConnect('photos');
}
const ann = await login('ann');
const bob = await login('bob');
await ann.makeDirectory('2026');
await ann.writeFile('2026\\a.jpg', Buffer.from('a'));
const open = await ann.open('2026\\a.jpg');

const admin = await connect({ host: ADDRESS, port });
after(() => admin.close());
const administrator = await admin.login({ user: 'root', secret: PASSWORD });
const pipe = await RpcPipe.open(administrator, SRVSVC);
const asAdmin: RpcPipe['call'] = (operation, input) => pipe.call(operation, input);

const sessions = (level: 1 | 10 | 502, more = {}) => ({
  serverName: null,
  clientName: null as string | null,
  userName: null as string | null,
  infoStruct: { tag: level, value: { entries: null } } as const,
  ...range,
  ...more,
});

test('NetrSessionEnum: who is connected from where, of all, of one, in parts', async () => {
  const all = await asAdmin(NetrSessionEnum, sessions(502));
  assert.ok(all.infoStruct.tag === 502);
  const told = all.infoStruct.value?.entries ?? [];
  assert.deepEqual(
    told.map(({ cname, username, numOpens, userFlags, cltypeName, transport }) => [
      ...[cname, username, numOpens, userFlags, cltypeName, transport],
    ]),
    [
      [ADDRESS, 'ann', 1, 0, 'SMB3_11', 'TCP'],
      [ADDRESS, 'bob', 0, 0, 'SMB3_11', 'TCP'],
      [ADDRESS, 'root', 1, 0, 'SMB3_11', 'TCP'],
    ],
  );
  const ofBob = await asAdmin(NetrSessionEnum, sessions(10, { userName: 'Bob' }));
  assert.equal(ofBob.totalEntries, 1);
  const elsewhere = { clientName: '\\\\192.0.2.1' };
  assert.equal((await asAdmin(NetrSessionEnum, sessions(1, elsewhere))).totalEntries, 0);
  const first = await asAdmin(NetrSessionEnum, sessions(1, { preferedMaximumLength: 120 }));
  assert.deepEqual([first.status, first.resumeHandle], [WIN32_ERROR.ERROR_MORE_DATA, 1]);
  const second = await asAdmin(NetrSessionEnum, sessions(1, { resumeHandle: 1 }));
  assert.deepEqual([second.status, second.totalEntries], [0, 2]);
});

test('NetrConnectionEnum: of a share, of a client, and of nothing', async () => {
  const ask = (qualifier: string | null) =>
    asAdmin(NetrConnectionEnum, {
      serverName: null,
      qualifier,
      infoStruct: { tag: 1, value: { entries: null } },
      ...range,
    });
  const ofShare = await ask('PHOTOS');
  assert.ok(ofShare.infoStruct.tag === 1);
  assert.deepEqual(
    ofShare.infoStruct.value?.entries?.map(({ username, netname, numOpens }) => [
      ...[username, netname, numOpens],
    ]),
    [
      ['ann', ADDRESS, 1],
      ['bob', ADDRESS, 0],
    ],
  );
  const ofClient = await ask(`\\\\${ADDRESS}`);
  assert.ok(ofClient.infoStruct.tag === 1);
  assert.equal(ofClient.infoStruct.value?.entries?.[0]?.netname, 'photos');
  assert.equal((await ask(null)).status, WIN32_ERROR.ERROR_INVALID_PARAMETER);
});

const files = (more = {}) => ({
  serverName: null,
  basePath: null as string | null,
  userName: null,
  infoStruct: { tag: 3, value: { entries: null } } as const,
  ...range,
  ...more,
});

test('NetrFileEnum, NetrFileGetInfo, NetrFileClose: an open file is found, and closed', async () => {
  const { infoStruct } = await asAdmin(NetrFileEnum, files());
  assert.ok(infoStruct.tag === 3);
  const [file] = infoStruct.value?.entries ?? [];
  assert.ok(file !== undefined);
  assert.deepEqual(
    [file.pathName, file.userName, file.numLocks],
    ['\\photos\\2026\\a.jpg', 'ann', 0],
  );
  const none = await asAdmin(NetrFileEnum, files({ basePath: '\\other' }));
  assert.equal(none.totalEntries, 0);
  const one = { serverName: null, fileId: file.id };
  const info = await asAdmin(NetrFileGetInfo, { ...one, level: 3 });
  assert.deepEqual(info.infoStruct, { tag: 3, value: file });
  assert.equal((await asAdmin(NetrFileClose, one)).status, 0);
  await assert.rejects(open.read(0, 1), /0xc0000128/);
  assert.equal((await asAdmin(NetrFileClose, one)).status, WIN32_ERROR.NERR_FileIdNotFound);
});

test('who is no administrator is told nothing and ends nothing', async () => {
  const asAnn = await RpcPipe.open(ann.session, SRVSVC);
  const denied = WIN32_ERROR.ERROR_ACCESS_DENIED;
  const ending = { serverName: null, clientName: null, userName: 'bob' };
  assert.equal((await asAnn.call(NetrSessionEnum, sessions(10))).status, denied);
  assert.equal((await asAnn.call(NetrFileEnum, files())).status, denied);
  assert.equal((await asAnn.call(NetrSessionDel, ending)).status, denied);
  assert.equal((await server.status()).sessions.length, 3);
  await asAnn.close();
});

test('NetrSessionDel ends the sessions of a user', async () => {
  const ending = { serverName: null, clientName: `\\\\${ADDRESS}`, userName: 'bob' };
  assert.equal((await asAdmin(NetrSessionDel, ending)).status, 0);
  await assert.rejects(bob.open('2026'), /0xc0000203/);
  assert.deepEqual(
    (await server.status()).sessions.map(({ user }) => user),
    ['ann', 'root'],
  );
  const again = await asAdmin(NetrSessionDel, ending);
  assert.equal(again.status, WIN32_ERROR.NERR_ClientNameNotFound);
  const nobody = { serverName: null, clientName: null, userName: null };
  const everybody = await asAdmin(NetrSessionDel, nobody);
  assert.equal(everybody.status, WIN32_ERROR.ERROR_INVALID_PARAMETER);
});
