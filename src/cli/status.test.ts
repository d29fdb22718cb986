/** `usmbd status` as a user starts it, beside a server that serves. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { connect } from '../client/connect.ts';
import { createServer } from '../create-server.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import type { Server } from '../server-interface.ts';
import { FILE_OPEN_IF } from '../smb2/create-options.ts';
import { SMB2_OPLOCK_LEVEL_BATCH } from '../smb2/oplock-levels.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-status-'));
after(() => rmSync(folder, { recursive: true }));

/** To be ended after each test, clients before servers. */
const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const usmbd = join(import.meta.dirname, '../../bin/usmbd.js');
const PASSWORD = 'tiger';
const identity = { uid: 1000, gid: 1000, groups: [] };

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Not spawnSync: the server that it asks is in this process. */
const status = (...args: string[]): Promise<Said> => command('status', ...args);

const command = (name: string, ...args: string[]): Promise<Said> =>
  new Promise((resolve) => {
    const done = (error: Error | null, stdout: string, stderr: string): void => {
      const code = error === null ? 0 : Number((error as { readonly code?: unknown }).code);
      resolve({ code, stdout, stderr });
    };
    const child: ChildProcess = execFile(process.execPath, [usmbd, name, ...args], done);
    child.stdin?.end();
  });

async function serving(state: string): Promise<{ server: Server; port: number }> {
  const server = createServer({
    shares: [
      { name: 'photos', vfs: createMemoryVfs() },
      { name: 'papers', vfs: createMemoryVfs() },
    ],
    users: ['ann', 'bob'].map((name) => ({ name, password: PASSWORD, identity })),
    stateDirectory: state,
  });
  open.push(server);
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  return { server, port };
}

test('what is open is shown, as tables and as JSON, of all or of one', async () => {
  const state = join(folder, 'state');
  const { server, port } = await serving(state);
  const login = async (user: string, share: string) => {
    const connection = await connect({ host: '127.0.0.1', port });
    open.push(connection);
    const session = await connection.login({ user, secret: PASSWORD });
    return session.treeConnect(share);
  };
  const ann = await login('ann', 'photos');
  const bob = await login('bob', 'papers');
  const how = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, disposition: FILE_OPEN_IF };
  await ann.open('a b.jpg', { ...how, oplockLevel: SMB2_OPLOCK_LEVEL_BATCH });
  await bob.open('letter', how);
  await assertTables(state);

  const json = JSON.parse((await status('--state', state, '--json')).stdout);
  const here = JSON.parse(JSON.stringify(await server.status()));
  const withoutTimes = (all: { connections: object[]; sessions: { channels: object[] }[] }) => ({
    ...all,
    connections: all.connections.map((one) => ({ ...one, idleMs: 0 })),
    sessions: all.sessions.map((one) => ({
      ...one,
      channels: one.channels.map((channel) => ({ ...channel, idleMs: 0 })),
    })),
  });
  assert.deepEqual(withoutTimes(json), withoutTimes(here));
  assert.equal(json.server.processId, process.pid);
  for (const { port: from } of json.connections) assert.ok(from > 0);
  assert.deepEqual(
    json.opens.map((one: { user: string; path: string; caching: unknown }) => [
      one.user,
      one.path,
      one.caching,
    ]),
    [
      ['ann', '/a b.jpg', { kind: 'oplock', level: 'batch', breakingTo: null }],
      ['bob', '/letter', null],
    ],
  );
});

async function assertTables(state: string): Promise<void> {
  const all = await status('--state', state, '--connections');
  assert.equal(all.code, 0, all.stderr);
  assert.match(all.stdout, /\n2 connections, 2 sessions, 2 tree connects, 2 opens, 2 files/);
  assert.match(all.stdout, / ann +127\.0\.0\.1:\d+ +3\.1\.1 +AES-\w+ +\(AES-\S+\) +photos \(1\)/);
  assert.match(all.stdout, / ann +127\.0\.0\.1 +photos +RW +\w+ +batch +- +- +\/a b\.jpg\n/);
  assert.match(all.stdout, / bob +127\.0\.0\.1 +papers .*\/letter\n/);
  assert.match(all.stdout, /\nConnections\n/);
  const ofAnn = await status('--state', state, '--user', 'Ann');
  assert.match(ofAnn.stdout, /a b\.jpg/);
  assert.doesNotMatch(ofAnn.stdout, /bob|letter/);
  const ofPapers = await status('--state', state, '--share', 'PAPERS');
  assert.doesNotMatch(ofPapers.stdout, /ann|a b\.jpg/);
  assert.match(ofPapers.stdout, /letter/);
  const ofNobody = await status('--state', state, '--user', 'nobody');
  assert.equal(ofNobody.code, 0);
  assert.match(ofNobody.stdout, /\nSessions: none\n\nOpen files: none\n$/);
}

test('two servers, each with its state folder', async () => {
  const states = ['one', 'two'].map((name) => join(folder, name));
  const servers = await Promise.all(states.map(serving));
  const client = await connect({ host: '127.0.0.1', port: servers[1]!.port });
  open.push(client);
  await client.login({ user: 'ann', secret: PASSWORD });
  const [one, two] = await Promise.all(states.map((state) => status('--state', state)));
  assert.match(one!.stdout, /\n0 connections, 0 sessions/);
  assert.match(two!.stdout, /\n1 connection, 1 session/);
});

test('no server, none of this user, none with a socket', async () => {
  const none = await status('--state', join(folder, 'nowhere'));
  assert.equal(none.code, 3);
  assert.equal(none.stdout, '');
  assert.match(
    none.stderr,
    /^usmbd: no server is running with the state folder .*\/nowhere; name the one given to "usmbd serve" with --state/,
  );
  const state = join(folder, 'blocked');
  mkdirSync(state, { mode: 0o700 });
  // Where its socket's folder should be there is a file.
  writeFileSync(join(state, 'control'), '');
  await serving(state);
  const silent = await status('--state', state);
  assert.equal(silent.code, 1);
  assert.match(
    silent.stderr,
    new RegExp(`process ${process.pid} is a server .* no control socket`),
  );
});

test('a reader that has seen enough', async () => {
  const state = join(folder, 'piped');
  await serving(state);
  const { spawn } = await import('node:child_process');
  const command = `"${process.execPath}" "${usmbd}" status --json --state "${state}" | head -c 5`;
  const shell = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  shell.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  shell.stdout.resume();
  assert.deepEqual(await once(shell, 'close'), [0, null]);
  assert.equal(errors, '');
});

test('help tells the options', async () => {
  const { stdout } = await status('--help');
  for (const flag of ['json', 'user', 'share', 'ranges', 'connections', 'state']) {
    assert.match(stdout, new RegExp(`^  --${flag}`, 'm'));
  }
});

test('close and kick end what status shows, and say what is not there', async () => {
  const state = join(folder, 'kicked');
  const { server, port } = await serving(state);
  const login = async (user: string) => {
    const connection = await connect({ host: '127.0.0.1', port });
    open.push(connection);
    return (await connection.login({ user, secret: PASSWORD })).treeConnect('photos');
  };
  const ann = await login('ann');
  const bob = await login('bob');
  const how = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, disposition: FILE_OPEN_IF };
  const file = await ann.open('a', how);
  const kept = await ann.open('b', how);
  await bob.open('c', { ...how, oplockLevel: SMB2_OPLOCK_LEVEL_BATCH });
  const [first] = (await server.status({ user: 'ann' })).opens;
  const closed = await command('close', first!.openId, 'abc', '--state', state);
  assert.equal(closed.stdout, '1 open closed\n');
  assert.equal(closed.stderr, 'usmbd: no such open: abc\n');
  assert.equal(closed.code, 1);
  await assert.rejects(file.read(0, 1), /0xc0000128/);
  await kept.write(0, Buffer.from('there still'));

  const kicked = await command('kick', '--user', 'BOB', '--state', state);
  assert.deepEqual([kicked.code, kicked.stdout], [0, '1 session closed\n']);
  await assert.rejects(bob.open('c', how), /0xc0000203/);
  const left = await server.status();
  assert.deepEqual(
    left.sessions.map(({ user }) => user),
    ['ann'],
  );
  // Not even a handle that would have survived its connection.
  assert.deepEqual(
    left.opens.map(({ path }) => path),
    ['/b'],
  );
  const again = await command('kick', '--user', 'bob', '--state', state);
  assert.deepEqual([again.code, again.stderr], [1, 'usmbd: no session of bob\n']);
});

test('close and kick want to know what to end', async () => {
  const nothing = await command('kick', '--state', folder);
  assert.match(nothing.stderr, /^usmbd: name either sessions, or whose they are with --user/);
  const wrong = await command('close', 'no-id', '--state', folder);
  assert.match(wrong.stderr, /^usmbd: "no-id" is no open; "usmbd status" shows which there are/);
});
