/** A server with workers, as the shell and systemd see it: one process, whatever becomes of the one beneath. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { missing } from '../native/library.ts';

const usmbd = fileURLToPath(new URL('../../bin/usmbd.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'usmbd-kept-'));
after(() => rmSync(folder, { recursive: true }));
const hasPython = spawnSync('python3', ['--version']).status === 0;
const skip = missing !== undefined || process.platform !== 'linux' || !hasPython;

const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
  data, control, flags, address = s.recvmsg(4096, 64)
  pid = int.from_bytes(control[0][2][:4], "little")
  print(pid, repr(data.decode()), flush=True)
`;

function noted(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      text += chunk;
    });
  }
  return () => text;
}

async function until(what: string, look: () => boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!look()) {
    if (performance.now() > endMs) throw new Error(`it did not come to this: ${what}`);
    await new Promise((go) => setTimeout(go, 20));
  }
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);

const count = (text: string, part: string): number => text.split(part).length - 1;

test('signals, systemd, status and reload through the keeper; another server when one is killed', {
  skip,
  timeout: 115_000,
}, async (t) => {
  const path = (name: string): string => join(folder, name);
  mkdirSync(path('share'));
  const config = path('usmbd.conf');
  writeFileSync(config, `[global]\n\tworkers = 2\n[share]\n\tpath = ${path('share')}\n`);
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [usmbd, ...args], { encoding: 'utf8' });
  const accounts = ['-C', config, '-P', path('accounts.db')];
  assert.equal(run('adduser', '-a', '-p', 'secret', ...accounts, 'ann').status, 0);
  const systemd = spawn('python3', ['-c', RECEIVER, path('notify')]);
  t.after(() => systemd.kill());
  const heard = noted(systemd);
  await until('systemd listens', () => heard().includes('bound'));
  const where = ['--address', '127.0.0.1', '--port', '44591', '--state', path('state')];
  const files = ['--config', config, '--pwddb', path('accounts.db')];
  const keeper = spawn(process.execPath, [usmbd, 'serve', ...files, ...where], {
    env: { ...process.env, NOTIFY_SOCKET: path('notify') },
  });
  t.after(() => keeper.kill('SIGKILL'));
  const pid = keeper.pid!;
  const said = noted(keeper);
  await until('it serves', () => heard().includes(`${pid} 'READY=1`));
  assert.match(said(), /^usmbd serves/m);

  const [owner, ...others] = childrenOf(pid);
  assert.deepEqual(others, []);
  process.kill(owner!, 'SIGKILL');
  await until('another serves', () => count(heard(), `${pid} 'READY=1`) === 2);
  const [next] = childrenOf(pid);
  assert.notEqual(next, owner);
  assert.equal(count(said(), 'usmbd serves'), 1, 'nobody is greeted twice');

  assert.equal(run('status', '--state', path('state')).status, 0);
  appendFileSync(config, '\tcomment = another\n');
  process.kill(pid, 'SIGHUP');
  await until('it has read its configuration again', () => said().includes('comment'));
  assert.ok(heard().includes(`${pid} 'RELOADING=1`));

  const exit = once(keeper, 'exit');
  process.kill(pid, 'SIGTERM');
  assert.deepEqual(await exit, [0, null]);
  await until('systemd knows', () => heard().includes(`${pid} 'STOPPING=1`));
  assert.throws(() => process.kill(next!, 0), 'what it has started has ended before');
});
