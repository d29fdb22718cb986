/** What the parts do only together: limits of smb.conf, listeners, the accounts of a file. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ntHash } from './auth/ntlm-crypto.ts';
import { SetupError } from './base/setup-error.ts';
import { StatusError } from './client/client-error.ts';
import { type ConnectInput, connect } from './client/connect.ts';
import type { LoginOptions } from './client/login.ts';
import type { ClientSession } from './client/session.ts';
import { type ConfigurationInput, configure } from './config/configuration.ts';
import { editUserDatabase } from './config/user-db.ts';
import { createServer } from './create-server.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_LOGON_FAILURE,
  STATUS_REQUEST_NOT_ACCEPTED,
} from './dtyp/ntstatus.ts';
import type { Listening, Server, ServerOptions } from './server-interface.ts';
import { createMemoryVfs } from './vfs/memory/memory.ts';

const USER: LoginOptions = { user: 'ann', secret: 'tiger' };
const folder = mkdtempSync(join(tmpdir(), 'usmbd-create-'));
after(() => rmSync(folder, { recursive: true }));

/** To be ended after each test, clients before servers. */
const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

interface Running {
  readonly server: Server;
  readonly listening: Listening;
  connect(input?: Partial<ConnectInput>): ReturnType<typeof connect>;
  login(options?: LoginOptions): Promise<ClientSession>;
}

type ShareInput = Partial<NonNullable<ConfigurationInput['shares']>[number]>;

async function start(
  global: ConfigurationInput['global'] = {},
  share: ShareInput = {},
  options: ServerOptions = {},
): Promise<Running> {
  const shares = [
    { name: 'files', path: '/', ...share },
    { name: 'more', path: '/' },
  ];
  const server = createServer({
    configuration: configure({ global, shares }),
    shares: shares.map(({ name }) => ({ name, vfs: createMemoryVfs() })),
    users: [{ name: 'ann', password: 'tiger', identity: { uid: 1000, gid: 1000, groups: [] } }],
    ...options,
  });
  open.push(server);
  const where = global?.bindInterfacesOnly ? {} : { address: '127.0.0.1' };
  const listening = await server.listen({ port: 0, ...where });
  const running: Running = {
    server,
    listening,
    async connect(input = {}) {
      const { port } = listening;
      const client = await connect({ host: '127.0.0.1', port, timeoutMs: 2_000, ...input });
      open.push(client);
      return client;
    },
    login: async (who = USER) => (await running.connect()).login(who),
  };
  return running;
}

const refusedWith = (status: NtStatus) => (error: unknown) =>
  error instanceof StatusError && error.status === status;

/** Whether the server lets a connection from this address be; what it refuses it ends at once. */
async function isTaken({ port }: Listening, localAddress: string, host = '127.0.0.1') {
  const socket = connectSocket({ port, host, localAddress });
  socket.on('error', () => {});
  open.push({ close: async () => socket.destroy() });
  const ended = new Promise<boolean>((resolve) => socket.once('close', () => resolve(false)));
  return Promise.race([ended, sleep(60, true)]);
}

test('max connections of a share: tree connects, whoever makes them', async () => {
  const server = await start({}, { maxConnections: 2 });
  const session = await server.login();
  const first = await session.treeConnect('files');
  await session.treeConnect('FILES');
  const other = await server.login();
  await assert.rejects(other.treeConnect('files'), refusedWith(STATUS_REQUEST_NOT_ACCEPTED));
  // Another share has a count of its own.
  await other.treeConnect('more');
  await first.disconnect();
  await other.treeConnect('files');
  await assert.rejects(other.treeConnect('files'), refusedWith(STATUS_REQUEST_NOT_ACCEPTED));
  // What a lost connection held is free again.
  await session.connection.close();
  await assert.doesNotReject(async () => {
    for (let tries = 0; ; tries++) {
      const freed = await other.treeConnect('files').catch((error: unknown) => error);
      if (!(freed instanceof Error)) return;
      if (tries === 20) throw freed;
      await sleep(10);
    }
  });
});

test('max connections of a share: many that come at once get no more', async () => {
  const server = await start({}, { maxConnections: 3 });
  const session = await server.login();
  const settled = await Promise.allSettled(
    Array.from({ length: 8 }, () => session.treeConnect('files')),
  );
  assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 3);
});

test('max ip connections: of one address, over all listeners', async () => {
  const { server, listening } = await start({ maxConnectionsPerAddress: 2 });
  const any = await server.listen({ port: 0 });
  assert.equal(await isTaken(listening, '127.0.0.1'), true);
  // A listener on all addresses sees an IPv4 client as ::ffff:127.0.0.1.
  assert.equal(await isTaken(any, '127.0.0.1'), true);
  assert.equal(await isTaken(listening, '127.0.0.1'), false);
  assert.equal(await isTaken(any, '127.0.0.1'), false);
  assert.equal(await isTaken(listening, '127.0.0.2'), true);
});

test('max connections: over all listeners', async () => {
  const { server, listening } = await start({ maxConnections: 2 });
  const second = await server.listen({ port: 0, address: '127.0.0.1' });
  assert.equal(await isTaken(listening, '127.0.0.1'), true);
  assert.equal(await isTaken(second, '127.0.0.2'), true);
  assert.equal(await isTaken(listening, '127.0.0.3'), false);
});

test('max active sessions: who comes back finds room in the place of the lost session', async () => {
  const server = await start({ maxSessions: 2 });
  const first = await server.login();
  const second = await server.login();
  const third = server.login();
  await assert.rejects(third, refusedWith(STATUS_REQUEST_NOT_ACCEPTED));
  await assert.rejects(server.login({ ...USER, secret: 'x' }), refusedWith(STATUS_LOGON_FAILURE));
  await server.login({ ...USER, previousSessionId: first.sessionId });
  await second.reauthenticate();
  await second.logoff();
  await server.login();
});

test('deadtime: idle connections end, unless something is open on them', async () => {
  const deadtimeMs = 150;
  const server = await start({ deadtimeMinutes: deadtimeMs / 60_000 }, { readOnly: false });
  const before = performance.now();
  const idle = await server.login();
  const busy = await server.login();
  const holding = await server.login();
  const begun = performance.now();
  const file = await (await holding.treeConnect('files')).open('');
  const tree = await busy.treeConnect('files');
  let ended: number | undefined;
  const gone = idle.connection.ended.then(() => {
    ended = performance.now() - before;
  });
  while (performance.now() - begun < 4 * deadtimeMs) {
    await tree.list('');
    await sleep(deadtimeMs / 5);
  }
  await gone;
  assert.ok(ended! >= deadtimeMs - 5, `after ${ended} ms`);
  await tree.list('');
  await file.listAll('*');
  await file.close();
  await holding.connection.ended;
});

test('bind interfaces only: every address of the interfaces, one port, nothing else', async (t) => {
  const loopback = Object.entries(networkInterfaces()).find(([, list]) =>
    list?.some(({ address }) => address === '127.0.0.1'),
  );
  if (loopback === undefined) return t.skip('127.0.0.1 is on no interface');
  const [name, list] = loopback;
  const { listening, connect } = await start({ bindInterfacesOnly: true, interfaces: [name] });
  assert.deepEqual(
    listening.addresses,
    list!.map(({ address }) => address),
  );
  assert.equal(listening.address, listening.addresses[0]);
  for (const host of listening.addresses) await (await connect({ host })).login(USER);
  assert.equal(await isTaken(listening, '127.0.0.1', '127.0.0.2'), false);
});

test('bind interfaces only: without such an interface nothing is listened on', async () => {
  const rejected = start({ bindInterfacesOnly: true, interfaces: ['192.0.2.1', 'none0'] });
  await assert.rejects(rejected, SetupError);
});

test('several listeners: all of them or none', async () => {
  const { server, listening } = await start({
    bindInterfacesOnly: true,
    interfaces: ['127.0.0.1'],
  });
  const second = createServer({ global: { bindInterfacesOnly: true, interfaces: ['lo'] } });
  open.push(second);
  await assert.rejects(second.listen({ port: listening.port }), { code: 'EADDRINUSE' });
  await server.close();
  await second.listen({ port: listening.port });
});

test('the port is that of the configuration unless told', async () => {
  const { listening, server } = await start();
  await server.close();
  const other = createServer({ global: { tcpPort: listening.port } });
  open.push(other);
  assert.equal((await other.listen({ address: '127.0.0.1' })).port, listening.port);
});

test('the accounts of a file, as it is at the login', async () => {
  const file = join(folder, 'users');
  writeFileSync(file, '');
  editUserDatabase(file, (database) => database.set('bob', ntHash('lion')));
  const identity = { uid: 1234, gid: 5, groups: [] };
  const server = await start({}, {}, { userDatabase: { file, identity } });
  await server.login(USER);
  const session = await server.login({ user: 'BOB', secret: 'lion' });
  editUserDatabase(file, (database) => {
    database.set('cat', ntHash('puma'));
    database.delete('bob');
  });
  await server.login({ user: 'cat', secret: 'puma' });
  const bob = server.login({ user: 'bob', secret: 'lion' });
  await assert.rejects(bob, refusedWith(STATUS_LOGON_FAILURE));
  // The session of an account that was removed gets to no share any more.
  await assert.rejects(session.treeConnect('files'), refusedWith(STATUS_ACCESS_DENIED));
});

test('what cannot be served is the asker’s to mend', () => {
  const path = join(folder, 'none');
  assert.throws(() => createServer({ shares: [{ name: 'a', path }] }), SetupError);
});

/** A program of root's without native support; prints its port, or why it does not serve. */
const PORTABLE_PROGRAM = `
  import { createServer } from ${JSON.stringify(new URL('create-server.ts', import.meta.url).href)};
  const [path, forceUser, dropPrivileges] = JSON.parse(process.argv[1]);
  const { configure } = await import(${JSON.stringify(new URL('config/configuration.ts', import.meta.url).href)});
  const share = { name: 's', path, readOnly: false, ...(forceUser && { forceUser }) };
  try {
    const server = createServer({
      configuration: configure({ shares: [share] }),
      users: [{ name: 'ann', password: 'tiger' }],
      dropPrivileges,
    });
    const before = process.getuid();
    const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
    console.log(JSON.stringify({ port, before, after: process.getuid() }));
    process.stdin.on('end', () => server.close()).resume();
  } catch (error) {
    console.log(JSON.stringify({ error: error.name, message: error.message }));
  }`;

async function portable(...input: readonly unknown[]) {
  const program = spawn(
    process.execPath,
    ['--input-type=module', '-e', PORTABLE_PROGRAM, JSON.stringify(input)],
    { env: { ...process.env, USMBD_NATIVE: '0' }, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const exit = once(program, 'exit');
  open.push({
    close: () => {
      program.stdin.end();
      return exit;
    },
  });
  const [line] = await once(program.stdout, 'data');
  return JSON.parse(String(line));
}

const asRoot = { skip: process.getuid?.() === 0 ? false : 'only as root' };

test(
  'root without native support becomes the force user once the port is bound',
  asRoot,
  async () => {
    const path = mkdtempSync(join(folder, 'portable-'));
    chmodSync(folder, 0o711);
    chmodSync(path, 0o777);
    const { port, before, after: now } = await portable(path, 'nobody', true);
    assert.deepEqual({ before, now }, { before: 0, now: 65_534 });
    const client = await connect({ host: '127.0.0.1', port });
    open.push(client);
    const tree = await (await client.login(USER)).treeConnect('s');
    await tree.writeFile('a', Buffer.from('b'));
    assert.equal(statSync(join(path, 'a')).uid, 65_534);
  },
);

test('root without native support serves nothing else', asRoot, async () => {
  const refused = async (pattern: RegExp, ...input: readonly unknown[]) => {
    const { error, message } = await portable(folder, ...input);
    assert.equal(error, 'SetupError');
    assert.match(message, pattern);
  };
  await refused(/must not run as root: share s has no force user/, '', true);
  await refused(/the force user of share s is root/, 'root', true);
  await refused(/no system user nobody-at-all/, 'nobody-at-all', true);
  await refused(/dropPrivileges/, 'nobody', false);
});
