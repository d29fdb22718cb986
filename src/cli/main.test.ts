/** The commands as users start them. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SILENT_LOGGER } from '../base/log.ts';
import { DOMAIN_POLICY_FILE, DomainPolicyStore } from '../mountd/domain-policy.ts';
import { quoteForShell } from './serve-hints.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-cli-'));
after(() => rmSync(folder, { recursive: true }));

const bin = (name: string): string => join(import.meta.dirname, '../../bin', name);
const users = join(folder, 'users');
const conf = join(folder, 'conf');
writeFileSync(conf, '');
// MS-NLMP 4.2.2.1.1: the NT hash of "Password".
const PASSWORD_LINE = 'pPScQGUQvcq2gk7nww/YUg==\n';

function run(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { input, encoding: 'utf8' });
  return { status, stdout, stderr };
}

const addUser = (args: readonly string[], input?: string) =>
  run([bin('usmbd.adduser.js'), '-P', users, '-C', conf, ...args], input);

test('an old Node is told so in one line', () => {
  const code = `
    Object.defineProperty(process.versions, 'node', { value: '22.11.0' });
    const { launch } = await import(${JSON.stringify(bin('launch.js'))});
    await launch('usmbd');`;
  const { status, stdout, stderr } = run(['--input-type=module', '-e', code]);
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^usmbd needs Node\.js 22\.12 or newer; .* is 22\.11\.0\n$/);
});

test('help and mistakes', () => {
  const help = run([bin('usmbd.js'), 'help', 'serve']);
  assert.equal(help.status, 0);
  for (const flag of [
    'port',
    'address',
    'name',
    'user',
    'password',
    'password-file',
    'read-only',
    'config',
    'pwddb',
  ]) {
    assert.match(help.stdout, new RegExp(`^  --${flag} `, 'm'));
  }
  const missing = run([bin('usmbd.js'), 'serve', '/nonexistent']);
  assert.equal(missing.status, 1);
  assert.equal(missing.stderr, 'usmbd: the folder /nonexistent does not exist; make it first\n');
  writeFileSync(conf, '[global]\nworkgruop = x\n');
  const faulty = run([bin('usmbd.js'), 'serve', '--config', conf]);
  assert.equal(faulty.status, 1);
  assert.match(faulty.stderr, /conf:2: error: unknown parameter "workgruop"/);
  writeFileSync(conf, '');
});

test('adduser: add, update, delete', () => {
  assert.equal(addUser(['-a', '-p', 'Password', 'ann']).status, 0);
  assert.equal(readFileSync(users, 'utf8'), `ann:${PASSWORD_LINE}`);
  assert.equal(statSync(users).mode & 0o777, 0o600);

  assert.match(addUser(['-a', '-p', 'x', 'ann']).stderr, /has ann already; -u updates/);
  assert.match(addUser(['-a', '-p', 'x', 'Ann']).stderr, /has ann already/);
  assert.match(addUser(['-u', '-p', 'x', 'bob']).stderr, /has no bob; -a adds/);
  assert.match(addUser(['-d', 'bob']).stderr, /has no bob/);
  assert.match(addUser(['-a', '-p', 'x', 'a:b']).stderr, /bad user name; expected/);
  assert.match(addUser(['-a', '-p', '', 'bob']).stderr, /empty password/);
  assert.match(addUser(['-a', '-d', 'bob']).stderr, /cannot be used with/);
  assert.equal(readFileSync(users, 'utf8'), `ann:${PASSWORD_LINE}`);

  assert.equal(addUser(['-p', 'x', 'bob']).status, 0);
  assert.equal(addUser(['-p', 'Password', 'bob']).status, 0);
  assert.equal(addUser(['-u', '-p', 'x', 'ann']).status, 0);
  assert.match(readFileSync(users, 'utf8'), /^ann:(?!pPS).*\nbob:pPScQGUQvcq2gk7nww\/YUg==\n$/);
  assert.equal(addUser(['-d', 'ann']).status, 0);
  assert.equal(readFileSync(users, 'utf8'), `bob:${PASSWORD_LINE}`);
});

test('adduser: a password keeps to what administrators have set at the server', () => {
  const state = join(folder, 'state-with-rules');
  mkdirSync(state);
  const store = new DomainPolicyStore(join(state, DOMAIN_POLICY_FILE), SILENT_LOGGER);
  store.change({ minPasswordLength: 8, passwordProperties: 1 }, 'root');
  const before = readFileSync(users, 'utf8');
  const add = (password: string) => addUser(['-a', '-p', password, '--state', state, 'ruth']);
  const short = add('Ab1!');
  assert.equal(short.status, 1);
  assert.match(short.stderr, /a password has at least 8 characters: so administrators have set it/);
  assert.match(add('abcdefgh').stderr, /three of capitals, small letters, digits/);
  assert.match(add('Ruth-1234').stderr, /not ruth's name in it/);
  assert.equal(readFileSync(users, 'utf8'), before);
  assert.equal(add('Abcdef-1').status, 0);
  assert.equal(addUser(['-d', 'ruth']).status, 0);
  writeFileSync(join(state, DOMAIN_POLICY_FILE), '{');
  assert.match(add('Abcdef-1').stderr, /domain-policy\.json, .*restore it, or remove it/);
});

test('adduser: an account that the configuration needs is not deleted', () => {
  writeFileSync(conf, `[pub]\npath = ${folder}\nvalid users = @staff bob\n`);
  const { status, stderr } = addUser(['-d', 'bob']);
  assert.equal(status, 1);
  assert.match(stderr, /bob is in "valid users" of share \[pub\]/);
  writeFileSync(conf, '[global]\nmap to guest = bad user\nguest account = bob\n');
  assert.match(addUser(['-d', 'bob']).stderr, /bob is the guest account/);
  writeFileSync(conf, '');
});

test('adduser: the password from a pipe, twice', () => {
  assert.equal(addUser(['-a', 'pat'], 'Password\nPassword\n').status, 0);
  assert.match(readFileSync(users, 'utf8'), /^pat:pPScQGUQvcq2gk7nww\/YUg==$/m);
  const wrong = addUser(['-u', 'pat'], 'a\nb\n');
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /The two differ[\s\S]*no password was given/);
});

/** Runs a command on a terminal of its own and types an answer as soon as its question is there. */
async function onTerminal(
  words: readonly string[],
  answers: readonly (readonly [question: string, typed: string])[],
): Promise<{ status: number | null; shown: string }> {
  const command = words.map(quoteForShell).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: 'pipe' });
  const left = [...answers];
  let shown = '';
  let from = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    const [next] = left;
    if (next === undefined || !shown.includes(next[0], from)) return;
    from = shown.length;
    child.stdin.write(next[1]);
    left.shift();
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, shown };
}

const onTerminals = { skip: !existsSync('/usr/bin/script') };
const adduser = (...more: string[]): string[] => [
  process.execPath,
  ...[bin('usmbd.js'), 'adduser', '-P', users, '-C', conf, ...more],
];

test('adduser: the password from a terminal, not shown', onTerminals, async () => {
  const { status, shown } = await onTerminal(adduser('tess'), [
    ['New password for tess: ', 'Passwrod\x7f\x7f\x7ford\r'],
    ['Again: ', 'x\x15Password\r'],
  ]);
  assert.equal(status, 0, shown);
  assert.match(shown, /New password for tess: \r?\n.*Again: /);
  assert.doesNotMatch(shown, /Passw|rod/);
  assert.match(readFileSync(users, 'utf8'), /^tess:pPScQGUQvcq2gk7nww\/YUg==$/m);
});

test('adduser: both lines at once, as whoever pastes them gives them', onTerminals, async () => {
  const { status, shown } = await onTerminal(adduser('pia'), [
    ['New password for pia: ', 'Password\r\nPassword\r\n'],
  ]);
  assert.equal(status, 0, shown);
  assert.doesNotMatch(shown, /Passw/);
  assert.match(readFileSync(users, 'utf8'), /^pia:pPScQGUQvcq2gk7nww\/YUg==$/m);
});

async function freePort(): Promise<number> {
  const socket = createSocket().listen(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address() as { port: number };
  socket.close();
  await once(socket, 'close');
  return port;
}

test('serve: listens, says how to reach it, and ends on a signal', async () => {
  const shared = join(folder, 'files');
  const state = join(folder, 'state');
  mkdirSync(shared);
  const port = await freePort();
  const where = ['--address', '127.0.0.1', '--port', `${port}`, '--state', state];
  const root = process.getuid?.() === 0 ? ['--as-root'] : [];
  const args = [bin('usmbd.js'), 'serve', shared, '--user', 'ann', ...where, ...root];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    let text = '';
    for await (const chunk of server.stdout.iterator({ destroyOnReturn: false })) {
      text += String(chunk);
      if (text.includes('Ctrl-C')) break;
    }
    assert.ok(text.includes(`smbclient //127.0.0.1/files -p ${port} -U ann\n`), text);
    const password = readFileSync(join(state, 'password'), 'utf8').trim();
    assert.ok(!text.includes(password));
    const client = connect(port, '127.0.0.1');
    await once(client, 'connect');

    // The folder is taken while it runs.
    const second = run([bin('usmbd.js'), 'serve', shared, ...where, ...root]);
    assert.equal(second.status, 1);
    assert.match(second.stderr, new RegExp(`process ${server.pid} is a server.*--state FOLDER`));

    server.kill('SIGTERM');
    assert.deepEqual(await once(server, 'exit'), [0, null]);
    client.destroy();
    assert.deepEqual(readdirSync(state).sort(), ['machine-sid', 'server-guid']);
  } finally {
    server.kill('SIGKILL');
  }
});
