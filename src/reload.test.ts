/** Another configuration for a server that runs, seen by clients that are there. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { StatusError } from './client/client-error.ts';
import { connect } from './client/connect.ts';
import type { ClientSession } from './client/session.ts';
import { type ConfigurationInput, configure } from './config/configuration.ts';
import { createServer } from './create-server.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from './dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_BAD_NETWORK_NAME,
  STATUS_FILE_CLOSED,
  STATUS_NETWORK_NAME_DELETED,
} from './dtyp/ntstatus.ts';
import { nativeSupport } from './native/support.ts';
import type { Server } from './server-interface.ts';
import { FILE_CREATE, FILE_OPEN } from './smb2/create-options.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-reload-'));
after(() => rmSync(folder, { recursive: true }));
const skip = nativeSupport().unavailable ?? false;

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const root = (name: string): string => {
  const path = join(folder, name);
  if (!existsSync(path)) mkdirSync(path);
  chmodSync(path, 0o777);
  return path;
};
type Shares = NonNullable<ConfigurationInput['shares']>;
type Global = NonNullable<ConfigurationInput['global']>;
const configuration = (shares: Shares, global: Global = {}) => configure({ shares, global });
const files = (over: object = {}) => ({
  name: 'files',
  path: root('files'),
  readOnly: false,
  ...over,
});

async function serving(shares: Shares, global: Global = {}) {
  const identity = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
  const server = createServer({
    configuration: configuration(shares, global),
    users: ['ann', 'bob'].map((name) => ({ name, password: 'tiger', identity })),
  });
  open.push(server);
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  return { server, port };
}

async function login(port: number, user = 'ann', options: object = {}): Promise<ClientSession> {
  const client = await connect({ host: '127.0.0.1', port, ...options });
  open.push(client);
  return client.login({ user, secret: 'tiger' });
}

const status = (wanted: number) => (error: unknown) =>
  error instanceof StatusError && error.status === wanted;
const changed = async (server: Server, shares: Shares, global: Global = {}): Promise<string[]> =>
  (await server.reload(configuration(shares, global))).map(
    ({ section, parameter, effect }) => `[${section}] ${parameter}: ${effect}`,
  );
const READ_WRITE = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, disposition: FILE_CREATE };

test('shares come and go, and nobody else notices', { skip }, async () => {
  const { server, port } = await serving([files()]);
  const session = await login(port);
  const tree = await session.treeConnect('files');
  const file = await tree.open('stays', READ_WRITE);
  await assert.rejects(session.treeConnect('more'), status(STATUS_BAD_NETWORK_NAME));
  const more = { name: 'more', path: root('more'), readOnly: false };
  assert.deepEqual(await changed(server, [files(), more]), ['[more] undefined: now']);
  const second = await session.treeConnect('more');
  await second.writeFile('a', Buffer.from('x'));
  await file.write(0, Buffer.from('y'));
  assert.deepEqual(await changed(server, [files()]), ['[more] undefined: now']);
  await assert.rejects(second.readFile('a'), status(STATUS_NETWORK_NAME_DELETED));
  await assert.rejects(session.treeConnect('more'), status(STATUS_BAD_NETWORK_NAME));
  assert.equal((await file.read(0, 10)).toString(), 'y');
  // Back again, as if it had never been away.
  await changed(server, [files(), more]);
  assert.equal((await (await session.treeConnect('more')).readFile('a')).toString(), 'x');
});

test('a share that is read-only now takes no more, also not by what is open', {
  skip,
}, async () => {
  const { server, port } = await serving([files()]);
  const session = await login(port);
  const tree = await session.treeConnect('files');
  const writer = await tree.open('w', READ_WRITE);
  await writer.write(0, Buffer.from('x'));
  const reader = await tree.open('w', { access: FILE_GENERIC_READ, disposition: FILE_OPEN });
  assert.deepEqual(await changed(server, [files({ readOnly: true })]), ['[files] read only: now']);
  await assert.rejects(writer.write(0, Buffer.from('y')), status(STATUS_FILE_CLOSED));
  assert.equal((await reader.read(0, 1)).toString(), 'x');
  await assert.rejects(tree.writeFile('new', Buffer.from('x')), status(STATUS_ACCESS_DENIED));
  await changed(server, [files()]);
  await tree.writeFile('new', Buffer.from('x'));
  await reader.close();
});

test('who is not let in any more is out, and others stay', { skip }, async () => {
  const { server, port } = await serving([files()]);
  const users = (name: string) => [{ kind: 'user' as const, name }];
  const ann = await (await login(port)).treeConnect('files');
  const bob = await (await login(port, 'bob')).treeConnect('files');
  await ann.writeFile('ann', Buffer.from('x'));
  assert.deepEqual(await changed(server, [files({ validUsers: users('bob') })]), [
    '[files] valid users: now',
  ]);
  await assert.rejects(ann.readFile('ann'), status(STATUS_NETWORK_NAME_DELETED));
  assert.equal((await bob.readFile('ann')).toString(), 'x');
  const here = { rules: [{ address: '127.0.0.0', prefix: 8 }], except: [] };
  await changed(server, [files({ hostsDeny: here })]);
  await assert.rejects(bob.readFile('ann'), status(STATUS_NETWORK_NAME_DELETED));
});

test('another path: clients find the share there', { skip }, async () => {
  const { server, port } = await serving([files()]);
  const session = await login(port);
  const tree = await session.treeConnect('files');
  const file = await tree.open('old', { ...READ_WRITE });
  writeFileSync(join(root('elsewhere'), 'there'), 'x');
  assert.deepEqual(await changed(server, [files({ path: root('elsewhere') })]), [
    '[files] path: share anew',
  ]);
  await assert.rejects(file.read(0, 1));
  const again = await session.treeConnect('files');
  assert.equal((await again.readFile('there')).toString(), 'x');
  await assert.rejects(server.reload(configuration([files({ path: join(folder, 'none') })])));
  assert.equal((await again.readFile('there')).toString(), 'x');
});

test('masks and what is hidden change under open files', { skip }, async () => {
  const { server, port } = await serving([files()]);
  const tree = await (await login(port)).treeConnect('files');
  const file = await tree.open('first', READ_WRITE);
  await tree.writeFile('secret.tmp', Buffer.from('x'));
  const over = { createMask: 0o600, vetoFiles: ['*.tmp'] };
  assert.deepEqual(await changed(server, [files(over)]), [
    '[files] create mask: now',
    '[files] veto files: now',
  ]);
  await tree.writeFile('second', Buffer.from('x'));
  assert.equal(statSync(join(root('files'), 'second')).mode & 0o777, 0o600);
  await assert.rejects(tree.readFile('secret.tmp'));
  await file.write(0, Buffer.from('x'));
});

test('what the server asks of all connections is asked of those that are there', {
  skip,
}, async () => {
  const { server, port } = await serving([files()], { encryption: 'off' });
  const session = await login(port);
  const tree = await session.treeConnect('files');
  await tree.writeFile('plain', Buffer.from('x'));
  assert.deepEqual(await changed(server, [files()], { encryption: 'required' }), [
    '[global] smb3 encryption: now',
  ]);
  await assert.rejects(tree.readFile('plain'));
  const again = await (await login(port)).treeConnect('files');
  assert.equal((await again.readFile('plain')).toString(), 'x');
  await changed(server, [files()], { encryption: 'auto', maxProtocol: 0x0302 });
  await assert.rejects(again.readFile('plain'));
  const older = await (await login(port)).treeConnect('files');
  assert.equal((await older.readFile('plain')).toString(), 'x');
});

test('what needs a restart says so each time, and does nothing', { skip }, async () => {
  const { server, port } = await serving([files()]);
  const restart = ['[global] tcp port: restart', '[global] workers: restart'];
  const global = { tcpPort: 4460, workers: 2 };
  assert.deepEqual(await changed(server, [files()], global), restart);
  assert.deepEqual(await changed(server, [files()], global), restart);
  await (await login(port)).treeConnect('files');
});

test('who is in the write list writes to a share that is read-only for others', {
  skip,
}, async () => {
  const writeList = [{ kind: 'user' as const, name: 'ann' }];
  const { port } = await serving([files({ readOnly: true, writeList })]);
  const ann = await (await login(port)).treeConnect('files');
  await ann.writeFile('by-ann', Buffer.from('x'));
  const bob = await (await login(port, 'bob')).treeConnect('files');
  await assert.rejects(bob.writeFile('by-bob', Buffer.from('x')), status(STATUS_ACCESS_DENIED));
  assert.equal((await bob.readFile('by-ann')).toString(), 'x');
});
