/**
 * The server that a runner tests: usmbd started for the purpose, with a scratch folder, or one that
 * runs already (`--port`, with `--host`, `--share`, `--user`, `--password`, `--folder` …).
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { end, run, start, tail } from './process.ts';

export const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const usmbd = join(repository, 'bin', 'usmbd.js');

export interface Account {
  readonly user: string;
  readonly password: string;
}

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly account: Account;
  readonly secondAccount: Account | undefined;
  readonly share: string;
  /** A share that must be encrypted, if the server has one. */
  readonly encryptedShare: string | undefined;
  /** Where the share lies on this machine, if it does. */
  readonly folder: string | undefined;
  readonly encryptedFolder: string | undefined;
  /** Its state folder, when the runner started it. */
  readonly state?: string;
  /** Its log, likewise. */
  readonly log?: string;
  /** The server's process, when the runner started it. */
  readonly pid: number | undefined;
  /** Throws when the server has ended by itself. */
  assertAlive(): void;
  /** Stops the server, kills it, and starts it again; only of one that the runner started. */
  restart?(stoppedMs: number, downMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** For parseArgs: what names a server that runs already. */
export const targetOptions = {
  host: { type: 'string', default: '127.0.0.1' },
  port: { type: 'string' },
  share: { type: 'string', default: 'share' },
  'encrypted-share': { type: 'string' },
  user: { type: 'string', default: 'usmbd-t1' },
  password: { type: 'string', default: 'Passw0rd!1' },
  'second-user': { type: 'string' },
  folder: { type: 'string' },
  'encrypted-folder': { type: 'string' },
} as const;

export interface TargetValues {
  readonly host: string;
  readonly port?: string | undefined;
  readonly share: string;
  readonly 'encrypted-share'?: string | undefined;
  readonly user: string;
  readonly password: string;
  /** USER%PASSWORD */
  readonly 'second-user'?: string | undefined;
  readonly folder?: string | undefined;
  readonly 'encrypted-folder'?: string | undefined;
}

/** The server that the options name, or a fresh usmbd. */
export async function openTarget(
  values: TargetValues,
  settings?: Settings,
  moreShares?: MoreShares,
  firstUser?: string,
): Promise<Target> {
  if (values.port === undefined) return startUsmbd(settings, moreShares, firstUser);
  const [user, password] = values['second-user']?.split('%') ?? [];
  return {
    host: values.host,
    port: Number(values.port),
    account: { user: values.user, password: values.password },
    secondAccount: user === undefined ? undefined : { user, password: password ?? '' },
    share: values.share,
    encryptedShare: values['encrypted-share'],
    folder: values.folder,
    encryptedFolder: values['encrypted-folder'],
    pid: undefined,
    assertAlive: () => undefined,
    stop: async () => undefined,
  };
}

const FIRST: Account = { user: 'usmbd-t1', password: 'Passw0rd!1' };
const SECOND: Account = { user: 'usmbd-t2', password: 'Passw0rd!2' };

/** How long usmbd may take until it accepts connections. */
const START_LIMIT_MS = 120_000;

/** Lines for the section [global] of the server's configuration. */
export type Settings = readonly string[];

/** In the lines of a share and in options of its tests: where all shares' folders lie. */
export const FOLDERS = '@FOLDERS@';

/** `USMBD_TEST_WORKERS=2` before a runner: the server that it starts has so many workers, save with SMB1. */
function workersOf(settings: Settings): Settings {
  const { USMBD_TEST_WORKERS: workers } = process.env;
  const isOld = settings.some((line) => /NT1/i.test(line));
  return workers === undefined || isOld ? [] : [`workers = ${workers}`];
}

/** The portable file system acts as one user, and as root for nobody. */
const actorOf = (user: string): Settings =>
  process.env.USMBD_NATIVE === '0' ? [`force user = ${user}`] : [];

/** Shares beside the usual ones, each with a folder of its own: lines for its section, which may name another. */
export type MoreShares = Readonly<Record<string, Settings>>;

export async function startUsmbd(
  settings: Settings = [],
  moreShares: MoreShares = {},
  firstUser = FIRST.user,
  env: NodeJS.ProcessEnv = process.env,
  wantedPort?: number,
): Promise<Target> {
  const first = { ...FIRST, user: firstUser };
  const scratch = mkdtempSync(join(tmpdir(), 'usmbd-test-'));
  // Accounts of the system act in the shares, so they must be able to reach them.
  chmodSync(scratch, 0o755);
  const removeUsers = addSystemUsers([first.user, SECOND.user]);
  const actor = actorOf(first.user);
  const shares: MoreShares = {
    share: actor,
    encrypted: ['smb encrypt = required', ...actor],
    ...Object.fromEntries(
      Object.entries(moreShares).map(([name, lines]) => [name, [...lines, ...actor]]),
    ),
  };
  for (const name of Object.keys(shares)) {
    mkdirSync(join(scratch, name));
    chmodSync(join(scratch, name), 0o777);
  }
  const config = join(scratch, 'usmbd.conf');
  const accounts = join(scratch, 'accounts.db');
  writeFileSync(config, configText([...settings, ...workersOf(settings)], shares, scratch));
  for (const { user, password } of [first, SECOND])
    await addAccount(config, accounts, user, password);
  const port = wantedPort ?? (await freePort());
  const log = join(scratch, 'usmbd.log');
  const logFile = openSync(log, 'a');
  const launch = (): ChildProcess =>
    start(
      process.execPath,
      [
        ...[usmbd, 'serve', '--config', config, '--pwddb', accounts, '--port', String(port)],
        ...['--address', '127.0.0.1', '--state', join(scratch, 'state')],
      ],
      { stdio: logFile, env },
    );
  let server = launch();
  const assertAlive = (): void => {
    if (server.exitCode === null && server.signalCode === null) return;
    throw new Error(`usmbd has ended; its log's end:\n${tail(readFileSync(log, 'utf8'), 20)}`);
  };
  const stop = async (): Promise<void> => {
    await end(server);
    closeSync(logFile);
    removeUsers();
    if (process.env.USMBD_TEST_KEEP === undefined) rmSync(scratch, { recursive: true });
    else console.log(`kept: ${scratch}`);
  };
  try {
    await accepts('127.0.0.1', port, server, START_LIMIT_MS);
    assertAlive();
  } catch (error) {
    const text = readFileSync(log, 'utf8');
    await stop();
    throw new Error(`${String(error)}\nusmbd's log ends:\n${tail(text, 20)}`);
  }
  return {
    host: '127.0.0.1',
    port,
    account: first,
    secondAccount: SECOND,
    share: 'share',
    encryptedShare: 'encrypted',
    folder: join(scratch, 'share'),
    encryptedFolder: join(scratch, 'encrypted'),
    state: join(scratch, 'state'),
    log,
    get pid() {
      return server.pid;
    },
    assertAlive,
    restart: async (stoppedMs, downMs) => {
      server.kill('SIGSTOP');
      await delay(stoppedMs);
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGKILL');
      await ended;
      await delay(downMs);
      server = launch();
      await accepts('127.0.0.1', port, server, START_LIMIT_MS);
    },
    stop,
  };
}

function configText(settings: Settings, shares: MoreShares, scratch: string): string {
  const section = (name: string, lines: Settings): string =>
    `[${name}]\n${lines.map((line) => `\t${line}\n`).join('')}`;
  const ofShares = Object.entries(shares).map(([name, lines]) =>
    section(name, [
      ...(lines.some((line) => line.startsWith('path ')) ? [] : [`path = ${FOLDERS}/${name}`]),
      'read only = no',
      ...lines,
    ]).replaceAll(FOLDERS, scratch),
  );
  return [section('global', settings), ...ofShares].join('\n');
}

export async function addAccount(
  config: string,
  accounts: string,
  user: string,
  password: string,
): Promise<void> {
  const args = [usmbd, 'adduser', '-a', '-p', password, '-C', config, '-P', accounts, user];
  const { code, stdout, stderr } = await run(process.execPath, args, { timeoutMs: START_LIMIT_MS });
  if (code !== 0) throw new Error(`usmbd adduser: exit ${code}\n${tail(stdout + stderr, 10)}`);
}

/** As root, accounts act as the system's users of the same name; makes them, gives back their removal. */
function addSystemUsers(users: readonly string[]): () => void {
  if (process.getuid?.() !== 0) return () => undefined;
  const added: string[] = [];
  for (const user of users) {
    try {
      execFileSync('id', [user], { stdio: 'ignore' });
    } catch {
      execFileSync('useradd', [
        '--system',
        '--no-create-home',
        '--shell',
        '/usr/sbin/nologin',
        user,
      ]);
      added.push(user);
    }
  }
  return () => {
    for (const user of added) execFileSync('userdel', [user], { stdio: 'ignore' });
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Waits until a connection is accepted; fails when the process ends or the time is up. */
export async function accepts(
  host: string,
  port: number,
  server: ChildProcess,
  limitMs: number,
): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (performance.now() < deadlineMs && server.exitCode === null) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, host, () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nothing accepts connections on port ${port}`);
}
