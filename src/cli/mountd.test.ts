/** `usmbd mountd`, and the process beside `usmbd serve`, as a user starts them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { mountdOf } from '../../test/support/mountd.ts';
import { freePort } from '../../test/support/target.ts';
import { connect } from '../client/connect.ts';
import { missing } from '../native/library.ts';

const usmbd = join(import.meta.dirname, '../../bin/usmbd.js');
const folder = mkdtempSync(join(tmpdir(), 'usmbd-mountd-'));
after(() => rmSync(folder, { recursive: true }));

interface Started {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<unknown>;
}

function start(...args: string[]): Started {
  const child = spawn(process.execPath, [usmbd, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  return { child, said: () => text, ended: once(child, 'close') };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((go) => setTimeout(go, 20));
}

const PASSWORD = 'tiger';

function files(): { readonly config: string; readonly share: string } {
  const share = join(folder, 'share');
  mkdirSync(share, { recursive: true });
  chmodSync(share, 0o777);
  const config = join(folder, 'usmbd.conf');
  writeFileSync(config, `[share]\npath = ${share}\nforce user = nobody\n`);
  return { config, share };
}

test('the server in the foreground, its control plane beside it, and another in its place', {
  skip: missing !== undefined,
}, async () => {
  const { config } = files();
  const pwddb = join(folder, 'users.db');
  await start('adduser', '-a', '-p', PASSWORD, '-P', pwddb, '-C', config, 'ann').ended;
  const port = await freePort();
  const state = join(folder, 'state');
  const flags = ['-n', '-v', '-C', config, '-P', pwddb, '-p', String(port), '--state', state];
  const server = start('mountd', ...flags);
  await until(() => server.said().includes('Ctrl-C') || server.child.exitCode !== null);
  try {
    const login = async (): Promise<void> => {
      const connection = await connect({ host: '127.0.0.1', port, timeoutMs: 60_000 });
      await (await connection.login({ user: 'ann', secret: PASSWORD })).treeConnect('share');
      await connection.close();
    };
    await login();
    assert.match(server.said(), /"component":"auth"/);
    const first = mountdOf(server.child.pid!);
    assert.ok(first !== undefined, server.said());
    process.kill(first, 'SIGKILL');
    await login();
    const second = mountdOf(server.child.pid!);
    assert.ok(second !== undefined && second !== first);
    server.child.kill('SIGTERM');
    await server.ended;
    await until(() => mountdOf(server.child.pid!) === undefined);
  } finally {
    server.child.kill('SIGKILL');
  }
});

test('one that cannot start says why, and so does the server', {
  skip: missing !== undefined,
}, async () => {
  const { share } = files();
  const state = join(folder, 'damaged');
  mkdirSync(state);
  writeFileSync(join(state, 'machine-sid'), 'S-1-5-32\n');
  const { child, said, ended } = start('serve', '--state', state, '--port', '1', share);
  await ended;
  assert.equal(child.exitCode, 1);
  assert.match(said(), /^usmbd: .*machine-sid is damaged; restore it/m);
});
