/** `usmbd control` and `usmbd reload` as an administrator starts them, beside a server of processes. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from '../../test/support/target.ts';
import { ntHash } from '../auth/ntlm-crypto.ts';
import { connect } from '../client/connect.ts';
import { editUserDatabase } from '../config/user-db.ts';
import { missing } from '../native/library.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-control-'));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

const usmbd = join(import.meta.dirname, '../../bin/usmbd.js');
const state = join(folder, 'state');
const conf = join(folder, 'usmbd.conf');

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const command = (name: string, ...args: string[]): Promise<Said> =>
  new Promise((resolve) => {
    const argv = [usmbd, name, ...args, '--state', state];
    const done = (error: Error | null, stdout: string, stderr: string): void => {
      const code = error === null ? 0 : Number((error as { readonly code?: unknown }).code);
      resolve({ code, stdout, stderr });
    };
    execFile(process.execPath, argv, done);
  });

/** A server of processes; `log` is what it has written until now. */
async function serving(): Promise<{ child: ChildProcess; port: number; log: () => string }> {
  for (const name of ['a', 'b']) mkdirSync(join(folder, name), { mode: 0o777 });
  writeFileSync(conf, `[global]\nforce user = nobody\n[a]\npath = ${join(folder, 'a')}\n`);
  const db = join(folder, 'db');
  editUserDatabase(db, (accounts) => accounts.set('ann', ntHash('tiger')));
  const port = await freePort();
  const files = ['--config', conf, '--pwddb', db, '--state', state];
  const where = ['--port', `${port}`, '--address', '127.0.0.1'];
  const child = spawn(process.execPath, [usmbd, 'serve', ...files, ...where]);
  children.push(child);
  let log = '';
  child.stderr.on('data', (chunk) => {
    log += chunk;
  });
  await once(child.stdout, 'data');
  return { child, port, log: () => log };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const skip = missing !== undefined;

test('a server is reloaded, listened to and ended', { skip, timeout: 110_000 }, async () => {
  const { child, port, log } = await serving();
  const client = await connect({ host: '127.0.0.1', port });
  const session = await client.login({ user: 'ann', secret: 'tiger' });

  assert.equal((await command('control', '-d')).stdout, 'smb auth vfs oplock ipc conn rdma\n');
  const on = await command('control', '-d', 'auth');
  assert.equal(on.stdout, 'smb [auth] vfs oplock ipc conn rdma\n');
  // The login is mountd's to log.
  const second = await connect({ host: '127.0.0.1', port });
  await second.login({ user: 'ann', secret: 'tiger' });
  await second.close();
  await until(() => /"part":"usmbd.mountd","component":"auth".*"login"/.test(log()));
  const off = await command('control', '-d', 'auth', '--json');
  assert.deepEqual(JSON.parse(off.stdout), { debug: [] });

  // Failed logins are mountd's, too.
  const guesser = await connect({ host: '127.0.0.1', port });
  await assert.rejects(guesser.login({ user: 'ann', secret: 'lion' }));
  await guesser.close();
  assert.equal(
    (await command('user', 'list')).stdout.match(/"ann" from 127.0.0.1: 1, /g)?.length,
    1,
  );
  assert.equal((await command('user', 'unlock')).code, 1);
  const unlocked = await command('user', 'unlock', 'Ann');
  assert.equal(unlocked.stdout, 'failed logins forgotten: 1\n');
  assert.doesNotMatch((await command('user', 'list')).stdout, /from/);

  appendFileSync(conf, `[b]\npath = ${join(folder, 'b')}\n`);
  const { code, stdout } = await command('reload');
  assert.deepEqual({ code, stdout }, { code: 0, stdout: '[b] is a share now\n' });
  await session.treeConnect('b');

  appendFileSync(conf, 'guest ok = perhaps\n');
  const bad = await command('control', '--reload');
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /usmbd.conf:7: error: bad value "perhaps" for "guest ok"/);
  assert.deepEqual(JSON.parse((await command('reload', '--json')).stdout).changes, []);

  writeFileSync(
    conf,
    `[global]\nforce user = nobody\ntcp port = 4461\n[b]\npath = ${join(folder, 'b')}\n`,
  );
  child.kill('SIGHUP');
  await until(() => /\[a\] is a share no more/.test(log()));
  assert.match(log(), /tcp port = 4461 \(was empty\): NEEDS A RESTART/);
  await assert.rejects(session.treeConnect('a'));

  const listed = JSON.parse((await command('control', '-l', '--json')).stdout);
  assert.deepEqual(listed.accounts, ['ann']);
  assert.equal(listed.status.sessions.length, 1);
  assert.match((await command('control', '-v', '-c')).stdout, /^usmbd \d/);
  assert.equal((await command('control', '-c', '-l')).code, 1);
  const ended = once(child, 'exit');
  assert.equal((await command('control', '-s')).code, 0);
  await ended;
  await client.close();
  assert.equal((await command('control', '-s')).code, 3);
});
