/**
 * Runs suites of Samba's smbtorture against usmbd and compares each test with the lists of expected/.
 *
 *     npm run conformance                              every suite of suites.ts
 *     npm run conformance -- smb2.read smb2.dir.many   some suites, or single tests
 *     npm run conformance -- --smb1                    the suites of SMB1, with lists of their own
 *     npm run conformance -- --rpc                     the suites of the management interfaces, likewise
 *     npm run conformance -- --rpc --tcp               some of them by RPC over TCP, signed (as root: port 135)
 *     npm run conformance -- --rpc --tcp --binding spnego,seal,bigendian
 *     npm run conformance -- --group ntfs              the suites of groups.ts about one part of the server
 *     npm run conformance -- --smbtorture PROGRAM      another release, with lists of its own; named twice, both
 *     npm run conformance -- --port 445 --share s --user u --password p smb2.read
 *
 * One process a suite; suites that mostly wait run beside the others. When one hangs or dies, the
 * expected tests that it did not reach run one by one. A test whose verdict is known to change from run
 * to run (expected/unstable.txt) and fails runs twice more, and two of the three count.
 * Ends with a failure when a test fails that should pass, or passes that should fail, or does not run.
 * Needs smbtorture (Debian: samba-testsuite).
 */
import { writeFileSync } from 'node:fs';
import { startProxy } from '../support/answer-proxy.ts';
import { commandLine } from '../support/command-line.ts';
import { enterNamespace, isInNamespace } from '../support/namespace.ts';
import { findProgram, tail } from '../support/process.ts';
import { openTarget, type Target, type TargetValues, targetOptions } from '../support/target.ts';
import { CuttableWay } from './cuttable.ts';
import { expectedTests, isNewer, readExpectations } from './expectations.ts';
import { suitesOfGroup } from './groups.ts';
import {
  belongsTo,
  type Expectations,
  type Judgement,
  judge,
  majority,
  type Outcome,
  type TestResult,
} from './judge.ts';
import { planted } from './plant.ts';
import { Smbtorture } from './program.ts';
import { isRpc, RPC_SUITES, RPC_TCP_SUITES, RPC_USER, TCP_BINDING } from './rpc-suites.ts';
import { turnSlashes } from './slashes.ts';
import { isSmb1, SETTINGS, SHARES, SMB1_SUITES, type Suite, suitesOf } from './suites.ts';

/** For one test that runs by itself after its suite hung or died. */
const SINGLE_LIMIT_SECONDS = 30;
/** For a suite or test that the command line names and suites.ts does not. */
const UNLISTED_LIMIT_SECONDS = 120;

interface SuiteReport {
  readonly suite: string;
  readonly seconds: number;
  readonly results: readonly TestResult[];
  readonly judgements: readonly Judgement[];
}

/** What a run of suites needs. */
interface Plan {
  readonly smbtorture: Smbtorture;
  readonly expectations: Expectations;
  readonly deadlineMs: number;
}

async function runSuite(plan: Plan, suite: Suite, target: Target): Promise<SuiteReport> {
  const { smbtorture, expectations, deadlineMs } = plan;
  const { name, limitSeconds } = suite;
  const startedMs = performance.now();
  const left = (limit: number): number =>
    Math.min(limit, Math.max(1, (deadlineMs - performance.now()) / 1000));
  const results = await smbtorture.call(name, target, suite, left(limitSeconds));
  const single = async (test: string): Promise<TestResult | undefined> =>
    (await smbtorture.call(test, target, suite, left(SINGLE_LIMIT_SECONDS))).find(
      (result) => result.name === test,
    );
  const outOfTime = (): boolean =>
    performance.now() > Math.min(deadlineMs, startedMs + 2 * limitSeconds * 1000);
  for (const test of expectedTests(name, expectations)) {
    if (results.some((result) => result.name === test)) continue;
    if (outOfTime()) {
      const message = "the suite's time is used up";
      results.push({ name: test, outcome: 'notrun', seconds: 0, message });
      continue;
    }
    const result = await single(test);
    if (result !== undefined) results.push(result);
  }
  for (const [index, first] of results.entries()) {
    if (first.outcome === 'pass' || !expectations.unstable.has(first.name)) continue;
    const again = [await single(first.name), await single(first.name)];
    results[index] = majority([first, ...again.filter((result) => result !== undefined)]);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  return { suite: name, seconds, results, judgements: judge(name, results, expectations) };
}

async function runSuiteItsWay(plan: Plan, suite: Suite, target: Target): Promise<SuiteReport> {
  if (suite.slashes === true) {
    const way = await startProxy(target.port, target.host);
    way.changeRequest = turnSlashes;
    try {
      return await runSuite(plan, suite, { ...target, port: way.port });
    } finally {
      await way.close();
    }
  }
  if (suite.cuts !== true) return runSuite(plan, suite, target);
  const way = await CuttableWay.open(target.host, target.port);
  try {
    const options = [...(suite.options ?? []), ...way.options];
    return await runSuite(plan, { ...suite, options }, { ...target, port: way.port });
  } finally {
    way.close();
  }
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

/** All suites, or those that are named; a single test has what its suite has. */
function chosenSuites(suites: readonly Suite[], names: readonly string[]): Suite[] {
  if (names.length === 0) return [...suites];
  return names.map((name) => {
    const owner = suites.find((suite) => belongsTo(name, suite.name));
    if (owner?.name === name) return owner;
    return { limitSeconds: UNLISTED_LIMIT_SECONDS, ...owner, name, waits: false };
  });
}

/** Servers by what they are set to: the usual one, and those that some suites have for themselves. */
class Servers {
  private readonly values: TargetValues;
  private readonly started = new Map<string, Promise<Target>>();

  constructor(values: TargetValues) {
    this.values = values;
  }

  for({ name, settings = SETTINGS, administrator = isRpc(name) }: Suite): Promise<Target> {
    const key = [administrator, ...settings].join('\n');
    let target = this.started.get(key);
    if (target === undefined) {
      target = openTarget(this.values, settings, SHARES, administrator ? RPC_USER : undefined).then(
        planted,
      );
      this.started.set(key, target);
    }
    return target;
  }

  /** Throws when one has ended by itself. */
  async assertAlive(): Promise<void> {
    for (const target of this.started.values()) (await target).assertAlive();
  }

  async stop(): Promise<void> {
    for (const target of await Promise.allSettled(this.started.values())) {
      if (target.status === 'fulfilled') await target.value.stop();
    }
  }
}

function readArguments() {
  return commandLine({
    allowPositionals: true,
    options: {
      ...targetOptions,
      smbtorture: { type: 'string', multiple: true },
      group: { type: 'string' },
      json: { type: 'string' },
      'budget-minutes': { type: 'string', default: '30' },
      smb1: { type: 'boolean', default: false },
      rpc: { type: 'boolean', default: false },
      tcp: { type: 'boolean', default: false },
      binding: { type: 'string', default: TCP_BINDING },
      'allow-missing': { type: 'boolean', default: false },
    },
  });
}

type Arguments = ReturnType<typeof readArguments>;

/** What the command line asks for, of one release's suites, and the lists that judge it. */
function choose({ values, positionals }: Arguments, newer: boolean) {
  const { group } = values;
  if (group !== undefined) {
    const suites = chosenSuites(suitesOfGroup(group, newer), positionals);
    return { suites, lists: newer ? 'newer' : 'listed' } as const;
  }
  if (values.tcp) {
    const suites = chosenSuites(RPC_TCP_SUITES, positionals);
    const { binding } = values;
    return { suites: suites.map((suite) => ({ ...suite, binding })), lists: 'rpc-tcp' } as const;
  }
  const smb1 = values.smb1 || (positionals.length > 0 && positionals.every(isSmb1));
  const rpc = values.rpc || (positionals.length > 0 && positionals.every(isRpc));
  return {
    suites: chosenSuites(smb1 ? SMB1_SUITES : rpc ? RPC_SUITES : suitesOf(newer), positionals),
    lists: smb1 ? 'smb1' : rpc ? 'rpc' : newer ? 'newer' : 'listed',
  } as const;
}

/** Each release has servers of its own: what one leaves on a disk is not there for the other. */
async function runWith(program: string, given: Arguments, deadlineMs: number): Promise<void> {
  const smbtorture = new Smbtorture(program);
  const servers = new Servers(given.values);
  const reports: SuiteReport[] = [];
  const leftOut: string[] = [];
  try {
    const version = await smbtorture.version();
    console.log(version.trim().split('\n', 1)[0]);
    const { suites, lists } = choose(given, isNewer(version));
    const plan: Plan = { smbtorture, expectations: readExpectations(lists), deadlineMs };
    const runAll = async (suites: readonly Suite[]): Promise<void> => {
      for (const suite of suites) {
        await servers.assertAlive();
        if (performance.now() > deadlineMs) {
          leftOut.push(suite.name);
          continue;
        }
        const report = await runSuiteItsWay(plan, suite, await servers.for(suite));
        reports.push(report);
        printRow(report, plan.expectations);
      }
    };
    const beside = suites.filter(({ waits }) => waits);
    await Promise.all([
      runAll(suites.filter(({ waits }) => !waits)),
      ...beside.map((suite) => runAll([suite])),
    ]);
    await servers.assertAlive();
    conclude(reports, leftOut, plan.expectations, given.values.json);
  } finally {
    smbtorture.close();
    await servers.stop();
  }
}

async function main(): Promise<void> {
  const given = readArguments();
  const { tcp, port } = given.values;
  if (tcp && port === undefined && !isInNamespace()) return enterNamespace();
  const found = findProgram('smbtorture');
  const programs = given.values.smbtorture ?? (found === undefined ? [] : [found]);
  if (programs.length === 0) {
    console.log('smbtorture is not installed (Debian: apt-get install samba-testsuite)');
    process.exitCode = given.values['allow-missing'] ? 0 : 1;
    return;
  }
  if (programs.length > 1 && given.values.json !== undefined) {
    throw new Error('--json takes the results of one smbtorture');
  }
  const deadlineMs = performance.now() + Number(given.values['budget-minutes']) * 60_000;
  for (const program of programs) await runWith(program, given, deadlineMs);
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
