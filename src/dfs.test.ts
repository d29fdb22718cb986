/** Namespaces (MS-DFSC): a share with links to other servers, as a client of this process sees it. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect } from './client/connect.ts';
import { createRequest, ioctlRequest } from './client/requests.ts';
import type { ClientTree } from './client/tree.ts';
import { readConfiguration } from './config/load.ts';
import { createServer } from './create-server.ts';
import {
  STATUS_FS_DRIVER_REQUIRED,
  STATUS_NOT_FOUND,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PATH_NOT_COVERED,
  STATUS_STOPPED_ON_SYMLINK,
  STATUS_SUCCESS,
} from './dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_REPARSE_POINT } from './fscc/attributes.ts';
import { SMB2_GLOBAL_CAP_DFS } from './smb2/capabilities.ts';
import { FILE_OPEN_REPARSE_POINT } from './smb2/create-options.ts';
import { encodeReferralRequest } from './smb2/dfs-referral.ts';
import { Fsctl } from './smb2/fsctl.ts';
import { SMB2_FLAGS_DFS_OPERATIONS } from './smb2/header.ts';
import { decodeIoctlResponse } from './smb2/ioctl.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-dfs-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'sub', 'deeper'), { recursive: true });
symlinkSync('msdfs:one\\data,two\\data\\folder', join(folder, 'link'));
symlinkSync('msdfs:one/data', join(folder, 'sub', 'deeper', 'Tief'));
symlinkSync('msdfs:nothing', join(folder, 'broken'));
symlinkSync('sub', join(folder, 'plain'));
writeFileSync(join(folder, 'file'), 'x');

const ADDRESS = '127.0.0.1';
const NO_FILE = Buffer.alloc(16, 0xff);

async function serve(more: string) {
  const path = `path = ${folder}\n`;
  const server = createServer({
    configuration: readConfiguration(`[global]\n${more}`.replaceAll('PATH', path), 'conf')
      .configuration,
    users: [{ name: 'ann', password: 'tiger', identity: ownIdentity }],
  });
  const { port } = await server.listen({ port: 0, address: ADDRESS });
  after(() => server.close());
  const connection = await connect({ host: ADDRESS, port });
  after(() => connection.close());
  return { connection, session: await connection.login({ user: 'ann', secret: 'tiger' }) };
}

const ownIdentity = {
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  groups: process.getgroups?.() ?? [],
};

const { connection, session } = await serve(
  '[dfs]\nPATHmsdfs root = yes\n[usual]\nPATH[proxy]\nPATHmsdfs root = yes\nmsdfs proxy = \\far\\away\n',
);
const ipc = await session.treeConnect('IPC$');
const dfs = await session.treeConnect('dfs');

async function referral(tree: ClientTree, requestFileName: string, maxReferralLevel = 4) {
  const input = encodeReferralRequest({ maxReferralLevel, requestFileName });
  const request = ioctlRequest(NO_FILE, Fsctl.FSCTL_DFS_GET_REFERRALS, { input, maxOutput: 8192 });
  const { status, message } = await tree.request(request);
  if (status !== STATUS_SUCCESS) return status;
  const b = decodeIoctlResponse(message).output;
  const targets: string[] = [];
  for (let i = 0, at = 8; i < b.readUInt16LE(2); i++, at += 34) {
    const from = at + b.readUInt16LE(at + 16);
    targets.push(b.toString('utf16le', from).split('\0', 1)[0]!);
  }
  const covered = requestFileName.slice(0, b.readUInt16LE(0) / 2);
  return { covered, targets, isRoot: b.readUInt16LE(8 + 4) === 1 };
}

const status = async (
  tree: ClientTree,
  name: string,
  flags = SMB2_FLAGS_DFS_OPERATIONS,
  options = 0,
) => (await tree.request({ ...createRequest(name, { options }), header: { flags } })).status;

test('the server and its shares say that there are namespaces', () => {
  assert.notEqual(connection.negotiated.response.capabilities & SMB2_GLOBAL_CAP_DFS, 0);
});

test('referrals: of the root itself, of links at any depth, and of what covers nothing (3.2.5.5)', async () => {
  assert.deepEqual(await referral(ipc, '\\srv\\dfs'), {
    covered: '\\srv\\dfs',
    targets: ['\\srv\\dfs'],
    isRoot: true,
  });
  assert.deepEqual(await referral(ipc, '\\srv\\dfs\\link\\a\\b'), {
    covered: '\\srv\\dfs\\link',
    targets: ['\\one\\data', '\\two\\data\\folder'],
    isRoot: false,
  });
  const deep = await referral(ipc, '\\srv\\DFS\\sub\\deeper\\tief');
  assert.deepEqual(deep, {
    covered: '\\srv\\DFS\\sub\\deeper\\tief',
    targets: ['\\one\\data'],
    isRoot: false,
  });
  assert.deepEqual(await referral(ipc, '\\srv\\proxy\\a'), {
    covered: '\\srv\\proxy',
    targets: ['\\far\\away'],
    isRoot: false,
  });
  for (const path of ['sub', 'missing', 'broken', 'plain\\deeper', 'file\\x', 'sub\\link']) {
    assert.equal(await referral(ipc, `\\srv\\dfs\\${path}`), STATUS_NOT_FOUND, path);
  }
  for (const path of ['\\srv\\usual', '\\srv\\none', '\\srv', '', '\\srv\\IPC$']) {
    assert.equal(await referral(ipc, path), STATUS_NOT_FOUND, path);
  }
});

test('a link is not covered, at the end of a path and on the way; with the name of the server before it', async () => {
  for (const name of [
    'srv\\dfs\\link',
    '\\srv\\dfs\\link\\a',
    'srv\\dfs\\sub\\deeper\\Tief\\a\\b',
  ]) {
    assert.equal(await status(dfs, name), STATUS_PATH_NOT_COVERED, name);
  }
  assert.equal(await status(dfs, 'srv\\dfs\\file'), STATUS_SUCCESS);
  assert.equal(await status(dfs, 'srv\\dfs'), STATUS_SUCCESS);
  assert.equal(await status(dfs, 'srv\\dfs\\none'), STATUS_OBJECT_NAME_NOT_FOUND);
  const asItself = FILE_OPEN_REPARSE_POINT;
  assert.equal(
    await status(dfs, 'srv\\dfs\\link', SMB2_FLAGS_DFS_OPERATIONS, asItself),
    STATUS_PATH_NOT_COVERED,
  );
  const proxy = await session.treeConnect('proxy');
  assert.equal(await status(proxy, 'srv\\proxy\\file'), STATUS_PATH_NOT_COVERED);
});

test('who knows nothing of namespaces names files as ever, and other links are links', async () => {
  assert.equal(await status(dfs, 'file', 0), STATUS_SUCCESS);
  assert.equal(await status(dfs, 'link', 0), STATUS_PATH_NOT_COVERED);
  assert.equal(await status(dfs, 'plain', 0), STATUS_STOPPED_ON_SYMLINK);
  const usual = await session.treeConnect('usual');
  assert.equal(await status(usual, 'link', 0), STATUS_STOPPED_ON_SYMLINK);
});

test('a listing shows a link as a directory that is elsewhere', async () => {
  const entries = await dfs.list('');
  const attributes = (name: string) =>
    entries.find((one) => one.name === name)?.fileAttributes ?? 0;
  const both = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
  assert.equal(attributes('link') & both, both);
  assert.equal(attributes('plain') & both, FILE_ATTRIBUTE_REPARSE_POINT);
  assert.equal(attributes('sub') & both, FILE_ATTRIBUTE_DIRECTORY);
});

test('without a namespace, or with "host msdfs = no", there are no referrals', async () => {
  for (const more of ['[usual]\nPATH', 'host msdfs = no\n[dfs]\nPATHmsdfs root = yes\n']) {
    const other = await serve(more);
    const tree = await other.session.treeConnect('IPC$');
    assert.equal(await referral(tree, '\\srv\\dfs'), STATUS_FS_DRIVER_REQUIRED);
    assert.equal(other.connection.negotiated.response.capabilities & SMB2_GLOBAL_CAP_DFS, 0);
  }
});
