/** RPC over TCP (MS-RPCE 2.1.1.1) as a user switches it on: which ports there are, where, and when. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { mappedPort, RpcTcpClient } from '../../test/support/rpc-tcp-client.ts';
import { freePort } from '../../test/support/target.ts';
import { missing } from '../native/library.ts';
import { SAMR } from '../rpc/samr.ts';

const usmbd = join(import.meta.dirname, '../../bin/usmbd.js');
const folder = mkdtempSync(join(tmpdir(), 'usmbd-rpc-tcp-'));
const share = join(folder, 'share');
const conf = join(folder, 'usmbd.conf');
const state = join(folder, 'state');
const pwddb = join(folder, 'users.db');
mkdirSync(share);
chmodSync(share, 0o777);
const running = new Set<ChildProcess>();
after(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function run(...args: string[]) {
  const child = spawn(process.execPath, [usmbd, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  return { child, said: () => text, ended: once(child, 'close') };
}

const line = (name: string, value: string | number): string => `${name} = ${value}`;

function configure(lines: readonly string[]): void {
  const text = ['[global]', ...lines, '[share]', `path = ${share}`, 'force user = nobody', ''];
  writeFileSync(conf, text.join('\n'));
}

async function serving(...lines: string[]) {
  configure(lines);
  const port = String(await freePort());
  const where = ['--address', '127.0.0.1', '--port', port, '--state', state];
  const { child, said, ended } = run('serve', '--config', conf, '--pwddb', pwddb, ...where);
  running.add(child);
  while (!said().includes('Ctrl-C')) {
    assert.equal(child.exitCode, null, said());
    await new Promise((go) => setTimeout(go, 20));
  }
  return {
    said,
    async end(): Promise<void> {
      child.kill('SIGTERM');
      await ended;
      running.delete(child);
    },
  };
}

async function listens(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = connect(port, host);
  const is = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return is;
}

const SKIP = { skip: missing !== undefined };

const ON = line('rpc over tcp', 'yes');

test('it is on ports of its own where it is switched on, until a restart', SKIP, async () => {
  configure([]);
  await run('adduser', '-a', '-p', 'tiger', '-P', pwddb, '-C', conf, 'ann').ended;
  const mapper = await freePort();
  const port = await freePort();
  const lines = [line('rpc endpoint mapper port', mapper), line('rpc server port', port)];

  const without = await serving(...lines);
  assert.deepEqual([await listens(mapper), await listens(port)], [false, false]);
  await without.end();

  const server = await serving(ON, ...lines);
  assert.equal(await mappedPort(new RpcTcpClient(mapper), SAMR.syntax), port, server.said());
  assert.ok(await listens(port));
  assert.equal(await listens(port, '127.0.0.2'), false, 'on the address that was given alone');

  configure([
    line('rpc over tcp', 'no'),
    line('rpc endpoint mapper port', await freePort()),
    line('rpc server port', await freePort()),
    line('rpc server dynamic port range', '50000-50001'),
  ]);
  const reload = run('reload', '--state', state);
  await reload.ended;
  const told = reload.said().matchAll(/^\[global\] (.*) = .*: NEEDS A RESTART/gm);
  assert.deepEqual([...told].map(([, name]) => name).sort(), [
    'rpc endpoint mapper port',
    'rpc over tcp',
    'rpc server dynamic port range',
    'rpc server port',
  ]);
  assert.equal(await mappedPort(new RpcTcpClient(mapper), SAMR.syntax), port);
  await server.end();
  assert.equal(await listens(mapper), false);
});

test('a port of the range, or files without RPC where there is none', SKIP, async () => {
  const mapper = await freePort();
  const range = await freePort();
  const lines = [ON, line('rpc endpoint mapper port', mapper)];
  const within = await serving(
    ...lines,
    line('rpc server dynamic port range', `${range}-${range}`),
  );
  assert.equal(await mappedPort(new RpcTcpClient(mapper), SAMR.syntax), range, within.said());
  await within.end();

  const full = await serving(...lines, line('rpc server port', mapper));
  assert.match(full.said(), /rpc server port.*RPC over TCP is not served/);
  assert.equal(await listens(mapper), false);
  await full.end();
});
