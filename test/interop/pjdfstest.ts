/**
 * pjdfstest, the POSIX test suite of file systems, against the server by our own client: see posix/pjdfstest-client.ts.
 *
 *     npm run interop:pjdfstest -- --pjdfstest /src/pjdfstest                 every file
 *     npm run interop:pjdfstest -- --pjdfstest /src/pjdfstest rename/00.t
 *
 * pjdfstest is not brought along: the folder is one that was cloned and built here. As root, which gives the server each
 * user of the suite. posix/pjdfstest-expected.txt says what does not pass, and why.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ClientTree } from '../../src/client/tree.ts';
import { cifs } from '../replay/personas.ts';
import { commandLine } from '../support/command-line.ts';
import { startServer, type TestServer } from '../support/in-process-server.ts';
import { Tally } from '../support/tally.ts';
import { CallError } from './posix/call-error.ts';
import { Calls } from './posix/pjdfstest-client.ts';

const SECRET = 'Passw0rd!';
const FILES_AT_A_TIME = 12;
const UIDS = [0, ...Array.from({ length: 16 }, (_, i) => 65520 + i)];

/** Sessions by `UID GID,GID…`. */
class Mounts {
  readonly #server: TestServer;
  readonly #trees = new Map<string, Promise<ClientTree>>();

  constructor(server: TestServer) {
    this.#server = server;
  }

  tree(user: string): Promise<ClientTree> {
    const known = this.#trees.get(user);
    if (known !== undefined) return known;
    const made = this.#server.mount(
      { ...cifs.connect, timeoutMs: 120_000 },
      { user, secret: SECRET },
    );
    this.#trees.set(user, made);
    return made;
  }
}

const userName = (uid: number, gids: readonly number[]): string => `u${uid}g${gids.join('g')}`;

function usersOf(folder: string) {
  const texts = readdirSync(join(folder, 'tests'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.t'))
    .map((path) => readFileSync(join(folder, 'tests', path), 'utf8'));
  const groups = new Set(['0', ...UIDS.map(String)]);
  for (const text of texts) for (const [, list] of text.matchAll(/-g ([\d,]+)/g)) groups.add(list!);
  return UIDS.flatMap((uid) =>
    [...groups].map((list) => {
      const [gid, ...more] = list.split(',').map(Number);
      const identity = { uid, gid: gid!, groups: more };
      return { name: userName(uid, [gid!, ...more]), password: SECRET, identity };
    }),
  );
}

async function call(mounts: Mounts, share: string, line: string): Promise<string> {
  const [folder, ...words] = line.split(' ').filter((word) => word !== '');
  let uid = 0;
  let gids = [0];
  let umask = 0;
  while (words[0]?.startsWith('-')) {
    const option = words.shift();
    if (option === '--') break;
    const value = words.shift() ?? '';
    if (option === '-u') uid = Number(value);
    if (option === '-g') gids = value.split(',').map(Number);
    if (option === '-U') umask = Number.parseInt(value, 8);
  }
  if (!folder!.startsWith(share)) return `outside ${folder}`;
  const calls = new Calls(
    await mounts.tree(userName(uid, gids)),
    folder!.slice(share.length),
    umask,
  );
  let answer = '';
  try {
    // Pointers that lead nowhere: no client's system lets them come this far.
    if (words.some((word) => word === 'NULL' || word === 'DEADCODE')) throw new CallError('EFAULT');
    for (const one of words.join(' ').split(' : ')) answer = await act(calls, one.split(' '));
  } catch (error) {
    answer = error instanceof CallError ? error.errno : String(error).replaceAll('\n', ' ');
  } finally {
    await calls.close().catch(() => undefined);
  }
  return answer;
}

const octal = (text: string): number => Number.parseInt(text, 8);
const LIMITS: Readonly<Record<string, string>> = {
  _PC_NAME_MAX: '255',
  _PC_PATH_MAX: '4096',
  _PC_LINK_MAX: '1024',
};
const SPECIAL: Record<string, string> = { b: 'BLK\0', c: 'CHR\0' };

type Act = (calls: Calls, a: readonly string[]) => Promise<unknown>;

const ACTS: Readonly<Record<string, Act>> = {
  open: (calls, a) => calls.open(a[0]!, a[1]!, octal(a[2] ?? '0')),
  create: (calls, a) => calls.open(a[0]!, 'O_CREAT,O_EXCL', octal(a[1]!)),
  unlink: (calls, a) => calls.unlink(a[0]!),
  mkdir: (calls, a) => calls.mkdir(a[0]!, octal(a[1]!)),
  rmdir: (calls, a) => calls.rmdir(a[0]!),
  link: (calls, a) => calls.link(a[0]!, a[1]!),
  symlink: (calls, a) => calls.symlink(a[0]!, a[1]!),
  rename: (calls, a) => calls.rename(a[0]!, a[1]!),
  mkfifo: (calls, a) => calls.special(a[0]!, 'FIFO', octal(a[1]!)),
  bind: (calls, a) => calls.special(a[0]!, 'SOCK', 0o777),
  mknod: (calls, a) =>
    calls.special(a[0]!, SPECIAL[a[1]!] ?? 'FIFO', octal(a[2]!), Number(a[3]), Number(a[4])),
  chmod: (calls, a) => calls.chmod(a[0]!, octal(a[1]!)),
  chown: (calls, a) => calls.chown(a[0]!, Number(a[1]), Number(a[2])),
  lchown: (calls, a) => calls.chown(a[0]!, Number(a[1]), Number(a[2]), false),
  truncate: (calls, a) => calls.truncate(a[0]!, Number(a[1])),
  ftruncate: (calls, a) => calls.ftruncate(Number(a[0]), Number(a[1])),
  write: (calls, a) => calls.write(Number(a[0]), a[1]!),
  pwrite: (calls, a) => calls.write(Number(a[0]), a[1]!, Number(a[2])),
  pread: (calls, a) => calls.pread(Number(a[0]), Number(a[1]), Number(a[2])),
  stat: (calls, a) => calls.stat(a[0]!, a[1]!, true),
  lstat: (calls, a) => calls.stat(a[0]!, a[1]!, false),
  fstat: (calls, a) => calls.fstat(Number(a[0]), a[1]!),
  pathconf: (_calls, a) => Promise.resolve(LIMITS[a[1]!] ?? 'EINVAL'),
  utimensat: (calls, a) => {
    const times = [a.slice(2, 4), a.slice(4, 6)].map(([s, ns]) => [Number(s), ns!] as const);
    return calls.utimens(a[1]!, times, a[6] !== 'AT_SYMLINK_NOFOLLOW');
  },
};

async function act(calls: Calls, [what, ...a]: readonly string[]): Promise<string> {
  const one = ACTS[what!];
  if (one === undefined) return `there is no call ${what}`;
  const answer = await one(calls, a);
  return typeof answer === 'string' ? answer : '0';
}

function answerLines(socket: Socket, mounts: Mounts, share: string): void {
  const lines = createInterface({ input: socket });
  void (async () => {
    for await (const line of lines) {
      const answer = await call(mounts, share, line);
      socket.write(`${answer}\n`);
    }
  })();
}

/** Every `FOLDER/NN.t`. */
function filesOf(folder: string): string[] {
  const all = readdirSync(join(folder, 'tests'), { recursive: true, encoding: 'utf8' });
  return all.filter((path) => /^[^/]+\/\d+\.t$/.test(path)).sort();
}

interface Where {
  readonly suite: string;
  readonly share: string;
  readonly port: number;
  readonly seconds: number;
}

async function runFile(path: string, where: Where) {
  const folder = mkdtempSync(join(where.share, 'case-'));
  chmodSync(folder, 0o755);
  const script = `exec 9<>/dev/tcp/127.0.0.1/${where.port} 8<&9; . "$0"`;
  const child = spawn(
    'timeout',
    [String(where.seconds), 'bash', '-c', script, join(where.suite, 'tests', path)],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  child.stdout.on('data', (piece: Buffer) => {
    said += piece.toString();
  });
  child.stderr.on('data', (piece: Buffer) => {
    said += piece.toString();
  });
  await once(child, 'close');
  rmSync(folder, { recursive: true, force: true });
  const plan = Number(/^1\.\.(\d+)/m.exec(said)?.[1]);
  const results = said.split('\n').filter((line) => /^(not )?ok/.test(line));
  const failed = results.filter((line) => line.startsWith('not ok') && !line.includes('# TODO'));
  return { plan, count: results.length, failed, said };
}

/** How many tests of a file are not to pass: lines `FILE COUNT # why`. */
function readExpected(): ReadonlyMap<string, number> {
  const text = readFileSync(new URL('posix/pjdfstest-expected.txt', import.meta.url), 'utf8');
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [name, count] = /^(\S+) (\d+) # \S/.exec(line)?.slice(1) ?? [];
      if (name === undefined) throw new Error(`posix/pjdfstest-expected.txt: ${line}`);
      return [name, Number(count)];
    }),
  );
}

/** A copy of the suite whose calls go to us. */
function suiteIn(scratch: string, source: string): string {
  const suite = join(scratch, 'suite');
  for (const part of ['tests', 'pjdfstest']) {
    cpSync(join(source, part), join(suite, part), { recursive: true });
  }
  const quick = readFileSync(new URL('posix/pjdfstest-quick.sh', import.meta.url), 'utf8');
  appendFileSync(join(suite, 'tests', 'misc.sh'), quick);
  writeFileSync(join(suite, 'tests', 'conf'), 'os=Linux GREP=grep fs=CIFS\n');
  return suite;
}

/** Several files at a time: the server is given work by as many clients. */
async function runAll(paths: readonly string[], where: Where, tally: Tally): Promise<void> {
  const expected = readExpected();
  const work = [...paths];
  const worker = async (): Promise<void> => {
    for (let path = work.shift(); path !== undefined; path = work.shift()) {
      const began = Date.now();
      const { plan, count, failed, said } = await runFile(path, where);
      const wanted = expected.get(path) ?? 0;
      const ok = plan === count && failed.length === wanted;
      const early =
        plan === count ? [] : [`plan ${plan}, ${count} results`, ...said.split('\n').slice(-4)];
      const lines = [`${failed.length} not ok, expected ${wanted}`, ...early, ...failed];
      const message = ok ? '' : lines.join('\n').replaceAll(/pjdfstest_[0-9a-f]+/g, 'N');
      const name = wanted === 0 ? path : `${path} (${wanted} of ${plan} known)`;
      tally.add({ name, ok, seconds: (Date.now() - began) / 1000, message });
    }
  };
  await Promise.all(Array.from({ length: FILES_AT_A_TIME }, worker));
}

async function main(): Promise<void> {
  const { values, positionals } = commandLine({
    allowPositionals: true,
    options: {
      pjdfstest: { type: 'string' },
      seconds: { type: 'string', default: '600' },
      json: { type: 'string' },
    },
  });
  const source = values.pjdfstest;
  if (source === undefined || !existsSync(join(source, 'pjdfstest'))) {
    throw new Error('--pjdfstest FOLDER: where pjdfstest was cloned and built (make)');
  }
  if (process.getuid?.() !== 0) throw new Error('run it as root: the suite has users of its own');
  const scratch = mkdtempSync(join(tmpdir(), 'usmbd-pjdfstest-'));
  chmodSync(scratch, 0o755);
  const share = join(scratch, 'share');
  mkdirSync(share);
  chmodSync(share, 0o777);
  const suite = suiteIn(scratch, source);
  const server = await startServer({
    shares: [{ name: 'files', path: share }],
    users: usersOf(source),
  });
  const mounts = new Mounts(server);
  const listener = createServer((socket) => answerLines(socket, mounts, share));
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const { port } = listener.address() as AddressInfo;
  const tally = new Tally();
  const paths = positionals.length > 0 ? positionals : filesOf(source);
  await runAll(paths, { suite, share, port, seconds: Number(values.seconds) }, tally);
  listener.close();
  await server.close();
  rmSync(scratch, { recursive: true, force: true });
  tally.close(values.json);
}

await main();
process.exit();
