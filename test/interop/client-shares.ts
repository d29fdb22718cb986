/**
 * Shares that are somewhere else for each client, by smbclient: macros of a client (%U, %m, %I …), [homes], `hosts allow`, and
 * a configuration that is read again while somebody is connected. A part of smbclient.ts, on a usmbd of its own.
 */
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Finished, run, start, tail } from '../support/process.ts';
import { expect, type Tally } from '../support/tally.ts';
import { type Account, FOLDERS, startUsmbd, type Target, usmbd } from '../support/target.ts';

const CALL_LIMIT_MS = 60_000;
const LOOPBACK = '127.0.0.1';
/** RFC 5737: nobody is there. */
const ELSEWHERE = '192.0.2.0/24';

const SHARES = {
  mine: [`path = ${FOLDERS}/mine/%U`, 'comment = of %u from %I'],
  machine: [`path = ${FOLDERS}/machine/%m-%I`],
  old: [`path = ${FOLDERS}/old/%R`],
  homes: [`path = ${FOLDERS}/homes/%S`, 'browseable = no'],
  // The loopback addresses are allowed unless they are denied, as by Samba.
  near: [`hosts allow = ${LOOPBACK}`, 'hosts deny = 0.0.0.0/0'],
  far: [`hosts allow = ${ELSEWHERE}`, `hosts deny = ${LOOPBACK}`],
};

interface Call {
  readonly account?: Account;
  readonly more?: readonly string[];
}

class Clients {
  readonly target: Target;
  readonly folder: string;
  readonly #program: string;
  readonly #emptyConfig: string;

  constructor(program: string, target: Target) {
    this.#program = program;
    this.target = target;
    this.folder = dirname(target.folder!);
    this.#emptyConfig = this.path('client.conf');
    writeFileSync(this.#emptyConfig, '[global]\n');
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  /** A folder that any account may write to. */
  async make(...names: readonly string[]): Promise<string> {
    const path = this.path(...names);
    mkdirSync(path, { recursive: true });
    await chmod(path, 0o777);
    return path;
  }

  arguments({ account = this.target.account, more = [] }: Call): string[] {
    const { user, password } = account;
    const options = [`--configfile=${this.#emptyConfig}`, '-p', String(this.target.port)];
    return [...options, '-U', `${user}%${password}`, ...more];
  }

  spawn(call: Call, ...args: readonly string[]): Promise<Finished> {
    const limits = { timeoutMs: CALL_LIMIT_MS, cwd: this.folder };
    return run(this.#program, [...this.arguments(call), ...args], limits);
  }

  /** What is printed. */
  async commands(share: string, commands: string, call: Call = {}): Promise<string> {
    const { code, stdout, stderr } = await this.spawn(
      call,
      `//${LOOPBACK}/${share}`,
      '-c',
      commands,
    );
    const text = stdout + stderr;
    expect(code === 0 && !text.includes('NT_STATUS_'), `${share}: exit ${code}\n${tail(text, 8)}`);
    return text;
  }

  async refused(share: string, status: string, call: Call = {}): Promise<void> {
    const { stdout, stderr } = await this.spawn(call, `//${LOOPBACK}/${share}`, '-c', 'ls');
    expect((stdout + stderr).includes(status), `wanted ${status}\n${tail(stdout + stderr, 8)}`);
  }

  /** Names of shares, each with its comment. */
  async listed(account: Account): Promise<ReadonlyMap<string, string>> {
    const { stdout } = await this.spawn({ account }, '-g', '-L', LOOPBACK);
    const rows = stdout.split('\n').map((line) => line.split('|'));
    return new Map(rows.filter((row) => row.length === 3).map(([, name, more]) => [name!, more!]));
  }

  /** The same client goes on: `between` is done after the first commands. */
  async staying(
    share: string,
    [first, second]: readonly [string, string],
    between: () => Promise<void>,
  ): Promise<string> {
    const args = [...this.arguments({}), `//${LOOPBACK}/${share}`];
    const child = start(this.#program, args, { cwd: this.folder, stdio: 'pipe', stdin: 'pipe' });
    let text = '';
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (more) => (text += more));
    const ended = once(child, 'close');
    const untilSaid = async (what: string): Promise<void> => {
      const endMs = performance.now() + CALL_LIMIT_MS;
      while (!text.includes(what)) {
        expect(
          performance.now() < endMs && child.exitCode === null,
          `no ${what}\n${tail(text, 8)}`,
        );
        await delay(20);
      }
    };
    try {
      child.stdin!.write(`${first}\n`);
      await untilSaid('putting file');
      await between();
      text = '';
      child.stdin!.end(`${second}\nquit\n`);
      await ended;
      return text;
    } finally {
      child.kill('SIGKILL');
    }
  }

  /** Rewrites the configuration of the server that runs. */
  async reload(change: (text: string) => string): Promise<string> {
    const file = this.path('usmbd.conf');
    writeFileSync(file, change(readFileSync(file, 'utf8')));
    const args = [usmbd, 'reload', '--state', this.target.state!];
    const { code, stdout, stderr } = await run(process.execPath, args, {
      timeoutMs: CALL_LIMIT_MS,
    });
    expect(code === 0, `usmbd reload: exit ${code}\n${stdout}${stderr}`);
    return stdout;
  }
}

type Case = readonly [name: string, body: (clients: Clients) => Promise<void>];

const accountsOf = ({ target }: Clients): readonly [Account, Account] => [
  target.account,
  target.secondAccount!,
];

const CASES: readonly Case[] = [
  [
    '%U is a folder for each user',
    async (clients) => {
      writeFileSync(clients.path('f'), 'x');
      for (const account of accountsOf(clients)) {
        const folder = await clients.make('mine', account.user);
        await clients.commands('mine', 'put f from-me; ls from-me', { account });
        expect(existsSync(join(folder, 'from-me')), `nothing in ${folder}`);
      }
      // By another spelling of the same name.
      const [{ user, password }] = accountsOf(clients);
      const account = { user: user.toUpperCase(), password };
      await clients.commands('mine', 'ls from-me', { account });
    },
  ],
  [
    '%m and %I are what the client says, and where it is',
    async (clients) => {
      await clients.make('machine', `deskone-${LOOPBACK}`);
      const more = (name: string) => ({ more: [`--netbiosname=${name}`] });
      await clients.commands('machine', 'put f here', more('deskone'));
      expect(existsSync(clients.path('machine', `deskone-${LOOPBACK}`, 'here')), 'not there');
      await clients.refused('machine', 'NT_STATUS_BAD_NETWORK_NAME', more('desktwo'));
      await clients.refused('machine', 'NT_STATUS_', more('../mine'));
    },
  ],
  [
    '%R is the dialect',
    async (clients) => {
      await clients.make('old', 'SMB2_10');
      await clients.make('old', 'SMB3_11');
      for (const dialect of ['SMB2_10', 'SMB3_11']) {
        await clients.commands('old', 'put f here', { more: ['-m', dialect] });
        expect(existsSync(clients.path('old', dialect, 'here')), `not in ${dialect}`);
      }
    },
  ],
  [
    "everybody has a home, and nobody another's",
    async (clients) => {
      const [one, other] = accountsOf(clients);
      for (const account of [one, other]) {
        const folder = await clients.make('homes', account.user);
        await clients.commands(account.user, 'put f home', { account });
        await clients.commands('homes', 'ls home', { account });
        expect(existsSync(join(folder, 'home')), `nothing in ${folder}`);
      }
      await clients.refused(other.user, 'NT_STATUS_BAD_NETWORK_NAME', { account: one });
      await clients.refused('nobody-at-all', 'NT_STATUS_BAD_NETWORK_NAME');
    },
  ],
  [
    "-L shows the caller's home, and neither another's nor homes",
    async (clients) => {
      const [one, other] = accountsOf(clients);
      for (const [mine, theirs] of [
        [one, other],
        [other, one],
      ] as const) {
        const listed = await clients.listed(mine);
        const names = [...listed.keys()].join(' ');
        expect(listed.has(mine.user), `no ${mine.user}: ${names}`);
        expect(!listed.has(theirs.user) && !listed.has('homes'), `too much: ${names}`);
        const comment = listed.get('mine');
        expect(comment === `of ${mine.user} from ${LOOPBACK}`, `the comment: ${comment}`);
      }
    },
  ],
  [
    'hosts allow',
    async (clients) => {
      await clients.commands('near', 'ls');
      await clients.refused('far', 'NT_STATUS_ACCESS_DENIED');
    },
  ],
  [
    'a reload moves what it names, and disturbs nobody else',
    async (clients) => {
      const [one] = accountsOf(clients);
      const moved = await clients.make('moved', one.user);
      const change = (text: string): string =>
        text
          .replace(`${clients.path('mine')}/%U`, `${clients.path('moved')}/%U`)
          .replace(`hosts allow = ${LOOPBACK}`, `hosts allow = ${ELSEWHERE}`);
      const both = ['put f before', 'put f after'] as const;
      let said = '';
      let cut = '';
      const stayed = await clients.staying(one.user, both, async () => {
        cut = await clients.staying('mine', both, async () => {
          said = await clients.reload(change);
        });
      });
      expect(/\[mine\] path = .*connect to the share anew/.test(said), said);
      expect(!stayed.includes('NT_STATUS_'), stayed);
      expect(
        existsSync(clients.path('homes', one.user, 'after')),
        'who stayed has written nothing',
      );
      expect(cut.includes('NT_STATUS_NETWORK_NAME_DELETED'), cut);
      expect(!existsSync(clients.path('mine', one.user, 'after')), 'it went to the old place');
      await clients.commands('mine', 'put f new');
      expect(existsSync(join(moved, 'new')), 'nothing in the new place');
      await clients.refused('near', 'NT_STATUS_ACCESS_DENIED');
    },
  ],
];

export async function runClientShares(program: string, tally: Tally, only: RegExp): Promise<void> {
  const chosen = CASES.filter(([name]) => only.test(name));
  if (chosen.length === 0) return;
  const target = await startUsmbd([], SHARES);
  try {
    const clients = new Clients(program, target);
    writeFileSync(clients.path('f'), 'x');
    for (const [name, body] of chosen) await tally.check(name, () => body(clients));
    target.assertAlive();
  } finally {
    await target.stop();
  }
}
