/** `usmbd serve` with sockets that somebody listened on before it was there, as systemd does. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect } from '../client/connect.ts';
import { missing } from '../native/library.ts';

const usmbd = fileURLToPath(new URL('../../bin/usmbd.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'usmbd-activated-'));
// Root without native calls becomes nobody.
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true }));
const hasPython = spawnSync('python3', ['--version']).status === 0;
const skip = process.platform !== 'linux' || !hasPython;
const timeout = 115_000;
const PASSWORD = 'tiger';

/** Listens, says on which ports, and becomes the command, as systemd's child does; kinds: tcp, udp. */
const PARENT = `
import fcntl, os, socket, sys
kinds, names, pid, command = sys.argv[1].split(","), sys.argv[2], sys.argv[3], sys.argv[4:]
sockets = []
for kind in kinds:
  s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
  s.bind(("127.0.0.1", 0))
  if kind == "tcp": s.listen()
  sockets.append(s)
print("ports", *[s.getsockname()[1] for s in sockets], flush=True)
high = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100) for s in sockets]
for i, fd in enumerate(high): os.dup2(fd, 3 + i, inheritable=True)
for fd in high: os.close(fd)
os.environ.update(LISTEN_FDS=str(len(kinds)), LISTEN_PID=pid or str(os.getpid()), LISTEN_FDNAMES=names)
os.execv(command[0], command)
`;

interface Activated {
  readonly child: ChildProcess;
  readonly ports: readonly number[];
  readonly said: () => string;
}

interface Wish {
  readonly kinds?: readonly string[];
  readonly names?: readonly string[];
  readonly pid?: string;
  readonly global?: string;
  readonly environment?: NodeJS.ProcessEnv;
  readonly args?: readonly string[];
}

let servers = 0;

async function activated(wish: Wish): Promise<Activated> {
  const { kinds = ['tcp'], names = kinds.map(() => 'usmbd.socket'), pid = '', global = '' } = wish;
  const path = (name: string): string => join(folder, `${servers} ${name}`);
  servers += 1;
  mkdirSync(path('share'));
  writeFileSync(join(path('share'), 'here'), 'x');
  const config = path('usmbd.conf');
  const text = `[global]\n${global}\n[share]\npath = ${path('share')}\nforce user = nobody\n`;
  writeFileSync(config, process.getuid?.() === 0 ? text : text.replace(/^force.*\n/m, ''));
  const accounts = ['--config', config, '--pwddb', path('users.db')];
  const added = ['adduser', '-a', '-p', PASSWORD, '-C', config, '-P', path('users.db'), 'ann'];
  assert.equal(spawnSync(process.execPath, [usmbd, ...added]).status, 0);
  const serve = [usmbd, 'serve', ...accounts, '--state', path('state'), ...(wish.args ?? [])];
  const how = [kinds.join(), names.join(':'), pid, process.execPath, ...serve];
  const child = spawn('python3', ['-c', PARENT, ...how], {
    env: { ...process.env, ...wish.environment },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk;
    });
  }
  await until('it listens', () => said.includes('\n'));
  const ports = /^ports (.*)$/m.exec(said)![1]!.split(' ').map(Number);
  return { child, ports, said: () => said };
}

async function until(what: string, look: () => boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!look()) {
    if (performance.now() > endMs) throw new Error(`it did not come to this: ${what}`);
    await new Promise((go) => setTimeout(go, 20));
  }
}

async function namesIn(port: number): Promise<readonly string[]> {
  const connection = await connect({ host: '127.0.0.1', port, timeoutMs: 60_000 });
  const session = await connection.login({ user: 'ann', secret: PASSWORD });
  const tree = await session.treeConnect('share');
  const names = (await tree.list('')).map(({ name }) => name);
  await connection.close();
  return names;
}

async function ended({ child }: Activated): Promise<unknown> {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  return (await exit)[0];
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);

/** Sockets that listen on `port`, among descriptors of a process. */
function holds(pid: number, port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const inode = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find((fields) => fields[1]?.endsWith(`:${hex}`) && fields[3] === '0A')?.[9];
  assert.ok(inode !== undefined);
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`;
    } catch {
      return false;
    }
  });
}

const TRANSPORTS = [
  ['the native transport', {}],
  ['the portable transport', { USMBD_TRANSPORT: 'portable' }],
  ['no native calls', { USMBD_NATIVE: '0' }],
] as const;

for (const [name, environment] of TRANSPORTS) {
  test(`${name}: who connects before the server is there is served, on each socket`, {
    skip,
    timeout,
  }, async (t) => {
    const server = await activated({ kinds: ['tcp', 'tcp'], environment });
    t.after(() => server.child.kill('SIGKILL'));
    for (const port of server.ports) assert.deepEqual(await namesIn(port), ['.', '..', 'here']);
    assert.match(server.said(), new RegExp(`on port ${server.ports[0]}`));
    // The control plane has neither its sockets nor what tells of them.
    for (const pid of childrenOf(server.child.pid!)) {
      assert.ok(!holds(pid, server.ports[0]!));
      assert.ok(!readFileSync(`/proc/${pid}/environ`, 'latin1').includes('LISTEN_'));
    }
    assert.equal(await ended(server), 0);
  });
}

test('workers, and another process that owns the files: the socket is the same', {
  skip: skip || missing !== undefined,
  timeout,
}, async (t) => {
  const server = await activated({ global: 'workers = 2' });
  t.after(() => server.child.kill('SIGKILL'));
  const [port] = server.ports;
  assert.deepEqual(await namesIn(port!), ['.', '..', 'here']);
  const [owner] = childrenOf(server.child.pid!);
  for (const pid of childrenOf(owner!)) assert.ok(!holds(pid, port!));
  process.kill(owner!, 'SIGKILL');
  // Nobody is refused meanwhile: the keeper listens.
  assert.deepEqual(await namesIn(port!), ['.', '..', 'here']);
  assert.equal(await ended(server), 0);
});

test('other ports are found by number and by name', {
  skip: skip || missing !== undefined,
  timeout,
}, async (t) => {
  const server = await activated({
    kinds: ['tcp', 'tcp', 'tcp', 'tcp', 'tcp'],
    names: ['smb', 'epmap', 'rpc', 'metrics', 'smb-direct'],
    global: 'rpc over tcp = yes\nmetrics port = 1\nsmb direct = yes\ntcp port = 446',
  });
  t.after(() => server.child.kill('SIGKILL'));
  const [smb, mapper, rpc, metrics, direct] = server.ports;
  assert.deepEqual(await namesIn(smb!), ['.', '..', 'here']);
  assert.match(await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text(), /usmbd_/);
  assert.match(server.said(), new RegExp(`"port":${rpc},"mapperPort":${mapper}`));
  assert.match(server.said(), new RegExp(`"port":${direct},"msg":"SMB Direct is spoken"`));
  assert.match(server.said(), /"port":446,"msg":"no socket for this port was handed over/);
  assert.equal(await ended(server), 0);
});

test('what cannot be served ends the command, which says what to do', {
  skip,
  timeout,
}, async () => {
  const datagrams = await activated({ kinds: ['udp'] });
  await once(datagrams.child, 'close');
  assert.equal(datagrams.child.exitCode, 1);
  assert.match(datagrams.said(), /is no TCP socket: in the .socket unit take ListenStream=/);
  const named = await activated({ names: ['epmap'] });
  await once(named.child, 'close');
  assert.match(named.said(), /set "rpc over tcp = yes" under \[global\]/);
});

test("another process's sockets are passed over", { skip, timeout }, async (t) => {
  const server = await activated({ pid: '1', args: ['--port', '44593', '--address', '127.0.0.1'] });
  t.after(() => server.child.kill('SIGKILL'));
  await until('it serves', () => server.said().includes('Ctrl-C'));
  assert.deepEqual(await namesIn(44593), ['.', '..', 'here']);
  assert.equal(await ended(server), 0);
});
