/** Shares that are somewhere else for each client: macros in paths, and [homes]. */
import assert from 'node:assert/strict';
import { lchownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { StatusError } from './client/client-error.ts';
import { connect } from './client/connect.ts';
import type { ClientSession } from './client/session.ts';
import { listShares } from './client/shares.ts';
import { readConfiguration } from './config/load.ts';
import { createServer } from './create-server.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from './dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_BAD_NETWORK_NAME,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_SHARING_VIOLATION,
} from './dtyp/ntstatus.ts';
import { FILE_OPEN } from './smb2/create-options.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-places-'));
after(() => rmSync(folder, { recursive: true }));
for (const name of ['ann', 'bob', 'common', 'other', 'other/ann']) {
  mkdirSync(join(folder, name), { mode: 0o777 });
}
const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const configuration = (shares: string) =>
  readConfiguration(`[global]\nread only = no\n${shares}`, 'smb.conf').configuration;

async function serving(shares: string, names = ['ann', 'bob', 'cec']) {
  const identity = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
  const server = createServer({
    configuration: configuration(shares),
    users: names.map((name) => ({ name, password: 'tiger', identity })),
  });
  open.push(server);
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  return { server, port };
}

async function login(port: number, user: string): Promise<ClientSession> {
  const client = await connect({ host: '127.0.0.1', port });
  open.push(client);
  return client.login({ user, secret: 'tiger' });
}

const status = (wanted: number) => (error: unknown) =>
  error instanceof StatusError && error.status === wanted;
const text = (value: string): Buffer => Buffer.from(value);

test('one share is a folder of its own for each user', async () => {
  const { server, port } = await serving(`[data]\npath = ${folder}/%U\nmax connections = 2\n`);
  const [ann, bob] = [await login(port, 'ANN'), await login(port, 'bob')];
  const [mine, yours] = [await ann.treeConnect('data'), await bob.treeConnect('DATA')];
  await mine.writeFile('of-ann', text('a'));
  await yours.writeFile('of-bob', text('b'));
  assert.deepEqual(readdirSync(join(folder, 'ann')), ['of-ann']);
  assert.deepEqual(readdirSync(join(folder, 'bob')), ['of-bob']);
  await assert.rejects(mine.readFile('of-bob'));
  // All places are one share to its limit, and to who looks at it.
  await assert.rejects(ann.treeConnect('data'), status(STATUS_REQUEST_NOT_ACCEPTED));
  const { sessions } = await server.status();
  assert.deepEqual(
    sessions.flatMap(({ trees }) => trees.map(({ share }) => share)),
    ['data', 'data'],
  );
  await mine.disconnect();
  const cec = await login(port, 'cec');
  await assert.rejects(cec.treeConnect('data'), status(STATUS_BAD_NETWORK_NAME));
  assert.equal((await (await ann.treeConnect('data')).readFile('of-ann')).toString(), 'a');
});

test('files are the same whichever way they were come to', async () => {
  const shares = `[mine]\npath = ${folder}/%u\n[all]\npath = ${folder}\n`;
  const { port } = await serving(shares);
  const alone = {
    access: FILE_GENERIC_READ | FILE_GENERIC_WRITE,
    share: 0,
    disposition: FILE_OPEN,
  };
  const [ann, bob] = [await login(port, 'ann'), await login(port, 'bob')];
  const mine = await ann.treeConnect('mine');
  await mine.writeFile('one', text('x'));
  const held = await mine.open('one', alone);
  const all = await bob.treeConnect('all');
  await assert.rejects(all.open('ann\\one', alone), status(STATUS_SHARING_VIOLATION));
  await held.close();
  await (await all.open('ann\\one', alone)).close();
});

test('a home is its own user’s, and listed to that one alone', async () => {
  const shares = `[common]\npath = ${folder}/common\n[homes]\npath = ${folder}/%S\nbrowseable = no\ncomment = home of %S\n`;
  const { port } = await serving(shares);
  const [ann, bob] = [await login(port, 'ann'), await login(port, 'bob')];
  await (await ann.treeConnect('Ann')).writeFile('at-home', text('a'));
  assert.ok(readdirSync(join(folder, 'ann')).includes('at-home'));
  // By the section's name each is at home, too.
  assert.equal((await (await ann.treeConnect('homes')).readFile('at-home')).toString(), 'a');
  for (const other of ['ann', 'nobody', 'cec', '..', 'x\u0000y']) {
    await assert.rejects(bob.treeConnect(other), status(STATUS_BAD_NETWORK_NAME), other);
  }
  const names = async (session: ClientSession) =>
    (await listShares(session)).map(({ name, comment }) => [name, comment]);
  assert.deepEqual(await names(ann), [
    ['common', ''],
    ['ann', 'home of ann'],
    ['IPC$', 'IPC Service'],
  ]);
  assert.deepEqual((await names(bob))[1], ['bob', 'home of bob']);
});

test('homes whose lists say so are open to others', async () => {
  const { port } = await serving(`[homes]\npath = ${folder}/%S\nvalid users = %S bob\n`);
  const [bob, cec] = [await login(port, 'bob'), await login(port, 'cec')];
  await (await bob.treeConnect('ann')).writeFile('by-bob', text('b'));
  await assert.rejects(cec.treeConnect('ann'), status(STATUS_BAD_NETWORK_NAME));
});

test('lists with macros let in whom they name', async () => {
  const { port } = await serving(
    `[bob]\npath = ${folder}/common\nvalid users = %S\n[r]\npath = ${folder}/common\nread list = %u\n`,
  );
  const [ann, bob] = [await login(port, 'ann'), await login(port, 'bob')];
  await bob.treeConnect('bob');
  await assert.rejects(ann.treeConnect('bob'), status(STATUS_ACCESS_DENIED));
  const reads = await ann.treeConnect('r');
  await assert.rejects(reads.writeFile('no', text('x')), status(STATUS_ACCESS_DENIED));
});

test('a link that a user has made leads nobody out', {
  skip: process.geteuid!() !== 0,
}, async () => {
  const { port } = await serving(`[data]\npath = ${folder}/common/%u\n`);
  const link = join(folder, 'common', 'ann');
  symlinkSync('/etc', link);
  const ann = await login(port, 'ann');
  await (await ann.treeConnect('data')).disconnect();
  lchownSync(link, 12_345, 12_345);
  await assert.rejects(ann.treeConnect('data'), status(STATUS_BAD_NETWORK_NAME));
  rmSync(link);
});

test('another path is taken at once, and those who were in the old one connect anew', async () => {
  const { server, port } = await serving(
    `[data]\npath = ${folder}/%u\n[homes]\npath = ${folder}/%S\n`,
  );
  const ann = await login(port, 'ann');
  const [tree, home] = [await ann.treeConnect('data'), await ann.treeConnect('ann')];
  await tree.writeFile('before', text('x'));
  const changed = async (shares: string) =>
    (await server.reload(configuration(shares))).map(
      ({ section, parameter, effect }) => `${section} ${parameter}: ${effect}`,
    );
  // A comment moves nobody; what is read-only now is so where it is.
  const homes = `[homes]\npath = ${folder}/%S\nread only = yes\n`;
  assert.deepEqual(await changed(`[data]\npath = ${folder}/%u\ncomment = x\n${homes}`), [
    'data comment: now',
    'homes read only: now',
  ]);
  assert.equal((await tree.readFile('before')).toString(), 'x');
  await assert.rejects(home.writeFile('no', text('x')), status(STATUS_ACCESS_DENIED));
  await changed(`[data]\npath = ${folder}/other/%u\n`);
  await assert.rejects(tree.readFile('before'), status(STATUS_NETWORK_NAME_DELETED));
  await assert.rejects(home.readFile('before'), status(STATUS_NETWORK_NAME_DELETED));
  await assert.rejects(ann.treeConnect('ann'), status(STATUS_BAD_NETWORK_NAME));
  await (await ann.treeConnect('data')).writeFile('after', text('y'));
  assert.deepEqual(readdirSync(join(folder, 'other', 'ann')), ['after']);
});
