/**
 * Runs suites of Samba's smbtorture against usmbd and compares each test with the lists of expected/.
 *
 *     npm run conformance                              every suite of suites.ts
 *     npm run conformance -- smb2.read smb2.dir.many   some suites, or single tests
 *     npm run conformance -- --port 445 --share s --user u --password p smb2.read
 *
 * One process a suite; suites that mostly wait run beside the others. When one hangs or dies, the
 * expected tests that it did not reach run one by one.
 * Ends with a failure when a test fails that should pass, or passes that should fail, or does not run.
 * Needs smbtorture (Debian: samba-testsuite).
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findProgram, run, tail } from '../support/process.ts';
import { openTarget, type Target, targetOptions } from '../support/target.ts';
import {
  belongsTo,
  type Expectations,
  type Judgement,
  judge,
  type Outcome,
  parseGoal,
  parseKnownFailures,
  type TestResult,
} from './judge.ts';
import { parseSubunit } from './subunit.ts';
import { SUITES, type Suite } from './suites.ts';

/** For one test that runs by itself after its suite hung or died. */
const SINGLE_LIMIT_SECONDS = 30;
/** For a suite or test that the command line names and suites.ts does not. */
const UNLISTED_LIMIT_SECONDS = 120;

/**
 * Some tests look at what is not signed, some log in again as anonymous; compound_find_close lists 8 MiB
 * in one answer.
 */
const SETTINGS = ['restrict anonymous = 0', 'server signing = auto', 'smb2 max trans = 8388608'];

interface SuiteReport {
  readonly suite: string;
  readonly seconds: number;
  readonly results: readonly TestResult[];
  readonly judgements: readonly Judgement[];
}

/** Calls smbtorture with a configuration of its own, so that the machine's is not read or written. */
class Smbtorture {
  private readonly program: string;
  private readonly target: Target;
  private readonly scratch = mkdtempSync(join(tmpdir(), 'usmbd-torture-'));

  constructor(program: string, target: Target) {
    this.program = program;
    this.target = target;
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
      `[global]\n\tworkgroup = WORKGROUP\n\tclient max protocol = SMB3\n${own.join('')}`,
    );
  }

  private get conf(): string {
    return join(this.scratch, 'client.conf');
  }

  /** One process: the results it printed, with the test it hung or died in. */
  async call(name: string, limitSeconds: number): Promise<TestResult[]> {
    const { host, port, share, account, secondAccount } = this.target;
    const second =
      secondAccount === undefined
        ? []
        : [
            `--option=torture:user2name=${secondAccount.user}`,
            `--option=torture:user2password=${secondAccount.password}`,
          ];
    const args = [
      `--configfile=${this.conf}`,
      '--format=subunit',
      '--fullname',
      '--target=samba3',
      '--seed=1',
      '--option=torture:progress=no',
      `--basedir=${this.scratch}`,
      ...second,
      ...['-p', String(port), '-m', 'SMB3', '-U', `${account.user}%${account.password}`],
      `//${host}/${share}`,
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

async function runSuite(
  smbtorture: Smbtorture,
  { name, limitSeconds }: Suite,
  expectations: Expectations,
  deadlineMs: number,
): Promise<SuiteReport> {
  const startedMs = performance.now();
  const left = (limit: number): number =>
    Math.min(limit, Math.max(1, (deadlineMs - performance.now()) / 1000));
  const results = await smbtorture.call(name, left(limitSeconds));
  const expected = new Set([...expectations.goal, ...expectations.knownFailures.keys()]);
  for (const test of expected) {
    if (!belongsTo(test, name) || results.some((result) => result.name === test)) continue;
    if (performance.now() > Math.min(deadlineMs, startedMs + 2 * limitSeconds * 1000)) {
      const message = "the suite's time is used up";
      results.push({ name: test, outcome: 'notrun', seconds: 0, message });
      continue;
    }
    const single = await smbtorture.call(test, left(SINGLE_LIMIT_SECONDS));
    results.push(...single.filter((result) => result.name === test));
  }
  const seconds = (performance.now() - startedMs) / 1000;
  return { suite: name, seconds, results, judgements: judge(name, results, expectations) };
}

const count = (report: SuiteReport, outcome: Outcome): number =>
  report.results.filter((result) => result.outcome === outcome).length;

function printRow(report: SuiteReport, { knownFailures }: Expectations): void {
  const { suite, results, judgements, seconds } = report;
  const known = results.filter(
    ({ name, outcome }) => outcome !== 'pass' && outcome !== 'skip' && knownFailures.has(name),
  ).length;
  console.log(
    `${suite.padEnd(30)} ${String(count(report, 'pass')).padStart(4)} pass ` +
      `${String(known).padStart(3)} known ${String(count(report, 'skip')).padStart(3)} skipped ` +
      `${String(judgements.length).padStart(3)} unexpected ${seconds.toFixed(1).padStart(7)} s`,
  );
  for (const { name, what } of judgements) {
    const message = results.find((result) => result.name === name)?.message ?? '';
    console.log(`    ${name}: ${what}`);
    if (message !== '') console.log(tail(message, 4).replace(/^/gm, '        '));
  }
}

function chosenSuites(names: readonly string[]): Suite[] {
  if (names.length === 0) return [...SUITES];
  return names.map(
    (name) =>
      SUITES.find((suite) => suite.name === name) ?? {
        name,
        limitSeconds:
          SUITES.find((s) => belongsTo(name, s.name))?.limitSeconds ?? UNLISTED_LIMIT_SECONDS,
        waits: false,
      },
  );
}

function readExpectations(): Expectations {
  const read = (file: string): string =>
    readFileSync(new URL(`expected/${file}`, import.meta.url), 'utf8');
  return {
    goal: parseGoal(read('goal.txt')),
    knownFailures: parseKnownFailures(read('known-failures.txt')),
  };
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...targetOptions,
      json: { type: 'string' },
      'budget-minutes': { type: 'string', default: '30' },
      'allow-missing': { type: 'boolean', default: false },
    },
  });
  const program = findProgram('smbtorture');
  if (program === undefined) {
    console.log('smbtorture is not installed (Debian: apt-get install samba-testsuite)');
    process.exitCode = values['allow-missing'] ? 0 : 1;
    return;
  }
  const expectations = readExpectations();
  const deadlineMs = performance.now() + Number(values['budget-minutes']) * 60_000;
  const target = await openTarget(values, SETTINGS);
  const smbtorture = new Smbtorture(program, target);
  const reports: SuiteReport[] = [];
  const leftOut: string[] = [];
  const runAll = async (suites: readonly Suite[]): Promise<void> => {
    for (const suite of suites) {
      target.assertAlive();
      if (performance.now() > deadlineMs) {
        leftOut.push(suite.name);
        continue;
      }
      const report = await runSuite(smbtorture, suite, expectations, deadlineMs);
      reports.push(report);
      printRow(report, expectations);
    }
  };
  try {
    const suites = chosenSuites(positionals);
    const beside = suites.filter(({ waits }) => waits);
    await Promise.all([
      runAll(suites.filter(({ waits }) => !waits)),
      ...beside.map((suite) => runAll([suite])),
    ]);
    target.assertAlive();
  } finally {
    smbtorture.close();
    await target.stop();
  }
  conclude(reports, leftOut, expectations, values.json);
}

/** Prints the sum; what was left out for lack of time counts as failed. */
function conclude(
  reports: readonly SuiteReport[],
  leftOut: readonly string[],
  { goal, knownFailures }: Expectations,
  json: string | undefined,
): void {
  if (json !== undefined) {
    writeFileSync(json, `${JSON.stringify({ reports, leftOut }, undefined, 1)}\n`);
  }
  for (const name of leftOut) console.log(`left out, the budget is used up: ${name}`);
  const results = reports.flatMap((report) => report.results);
  const judged = new Set(reports.flatMap((report) => report.judgements.map(({ name }) => name)));
  const count = (wanted: (result: TestResult) => boolean): number => results.filter(wanted).length;
  const passed = count(({ name, outcome }) => outcome === 'pass' && !judged.has(name));
  const known = count(({ name }) => knownFailures.has(name) && !judged.has(name));
  const asked = count(({ name }) => goal.has(name));
  const reached = count(({ name, outcome }) => goal.has(name) && outcome === 'pass');
  console.log(`${reached} of the ${asked} tests of goal.txt pass; ${known} known failures`);
  const unexpected = judged.size + leftOut.length;
  const skipped = count(({ name, outcome }) => outcome === 'skip' && !knownFailures.has(name));
  console.log(`${passed} passed, ${unexpected} failed, ${skipped} skipped`);
  if (unexpected > 0 || passed === 0) process.exitCode = 1;
}

await main();
