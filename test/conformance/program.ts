/** One call of smbtorture: its arguments, a configuration of its own, and what it printed as results. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run, tail } from '../support/process.ts';
import { FOLDERS, type Target } from '../support/target.ts';
import type { Outcome, TestResult } from './judge.ts';
import { parseSubunit } from './subunit.ts';
import type { Suite } from './suites.ts';

/** What a call is for: a suite's share and options, and the server that has them. */
export type Setting = Pick<Suite, 'share' | 'options' | 'protocol' | 'binding'>;

/** The machine's own configuration of Samba is neither read nor written. */
export class Smbtorture {
  private readonly program: string;
  private readonly scratch = mkdtempSync(join(tmpdir(), 'usmbd-torture-'));

  constructor(program: string) {
    this.program = program;
    const own = [
      'private dir',
      'lock directory',
      'state directory',
      'cache directory',
      'pid directory',
      'ncalrpc dir',
    ].map((key) => `\t${key} = ${this.scratch}/state\n`);
    mkdirSync(join(this.scratch, 'state'), { mode: 0o700 });
    writeFileSync(
      this.conf,
      `[global]\n\tworkgroup = WORKGROUP\n\tclient min protocol = NT1\n\tclient max protocol = SMB3\n${own.join('')}`,
    );
  }

  private get conf(): string {
    return join(this.scratch, 'client.conf');
  }

  async version(): Promise<string> {
    const { stdout, stderr } = await run(this.program, ['--version'], { timeoutMs: 20_000 });
    return stdout + stderr;
  }

  /** One process: the results it printed, with the test it hung or died in. */
  async call(
    name: string,
    target: Target,
    { share = target.share, options = [], protocol = 'SMB3', binding }: Setting,
    limitSeconds: number,
  ): Promise<TestResult[]> {
    const { host, port, account, secondAccount, folder } = target;
    const parameters = ['progress=no', ...options];
    if (secondAccount !== undefined) {
      parameters.push(`user2name=${secondAccount.user}`);
      parameters.push(`user2password=${secondAccount.password}`);
    }
    const args = [
      `--configfile=${this.conf}`,
      '--format=subunit',
      '--fullname',
      '--target=samba3',
      '--seed=1',
      `--basedir=${this.scratch}`,
      ...parameters.map(
        (parameter) => `--option=torture:${parameter.replaceAll(FOLDERS, dirname(folder ?? '.'))}`,
      ),
      ...['-p', String(port), '-m', protocol, '-U', `${account.user}%${account.password}`],
      binding === undefined ? `//${host}/${share}` : `ncacn_ip_tcp:${host}[${binding}]`,
      name,
    ];
    const ended = await run(this.program, args, {
      timeoutMs: limitSeconds * 1000,
      cwd: this.scratch,
    });
    const { tests, unfinished } = parseSubunit(ended.stdout);
    const results: TestResult[] = tests.map(({ verdict, ...rest }) => ({
      ...rest,
      outcome: verdict,
    }));
    const broken = ended.timedOut || ended.code === undefined || tests.length === 0;
    if (unfinished !== undefined || broken) {
      const outcome: Outcome = ended.timedOut ? 'timeout' : 'crash';
      const why = ended.timedOut ? `no result within ${limitSeconds} s` : `exit ${ended.code}`;
      results.push({
        name: unfinished ?? name,
        outcome,
        seconds: ended.durationMs / 1000,
        message: `${why}\n${tail(ended.stderr || ended.stdout, 5)}`,
      });
    }
    return results;
  }

  close(): void {
    rmSync(this.scratch, { recursive: true, force: true });
  }
}
