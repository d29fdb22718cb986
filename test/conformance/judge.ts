/** Compares results with what is expected. An unexpected pass is an error as an unexpected failure is. */

export type Outcome = 'pass' | 'fail' | 'skip' | 'timeout' | 'crash' | 'notrun';

export interface TestResult {
  readonly name: string;
  readonly outcome: Outcome;
  readonly seconds: number;
  readonly message: string;
}

/** The lists of expected/, as read. */
export interface Expectations {
  /** Tests that have to pass, save those among the known failures. */
  readonly goal: ReadonlySet<string>;
  /** Name and reason. */
  readonly knownFailures: ReadonlyMap<string, string>;
  /** Name and reason: the verdict changes from run to run, against Samba too. Two of three runs count. */
  readonly unstable: ReadonlyMap<string, string>;
}

export interface Judgement {
  readonly name: string;
  readonly what: string;
}

/** Whether a test belongs to a suite, or is what was asked for by its own name. */
export const belongsTo = (name: string, suite: string): boolean =>
  name === suite || name.startsWith(`${suite}.`);

export function judge(
  suite: string,
  results: readonly TestResult[],
  { goal, knownFailures }: Pick<Expectations, 'goal' | 'knownFailures'>,
): Judgement[] {
  const judgements: Judgement[] = [];
  const seen = new Set<string>();
  for (const { name, outcome } of results) {
    seen.add(name);
    const known = knownFailures.has(name);
    if (outcome === 'pass') {
      if (known) judgements.push({ name, what: 'passes, but stands among the known failures' });
    } else if (outcome === 'skip') {
      if (goal.has(name) && !known) judgements.push({ name, what: 'skipped, and has to pass' });
    } else if (outcome === 'notrun' || !known) {
      judgements.push({ name, what: outcome });
    }
  }
  for (const name of [...goal, ...knownFailures.keys()]) {
    if (belongsTo(name, suite) && !seen.has(name)) {
      seen.add(name);
      judgements.push({ name, what: 'expected, but smbtorture did not run it' });
    }
  }
  return judgements;
}

/** One name a line; `#` starts a comment on a line of its own. */
export function parseGoal(text: string): Set<string> {
  return new Set(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')));
}

/** `name  # reason` a line; the reason is required. Names hold spaces and no `#`. */
export function parseReasons(text: string, file: string): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, reason] = /^(.*?)\s+#\s+(\S.*)$/.exec(line) ?? [];
    if (name === undefined || reason === undefined || reasons.has(name)) {
      throw new Error(`${file} line ${index + 1}: want "name  # reason", each name once`);
    }
    reasons.set(name, reason);
  }
  return reasons;
}

/** Of three runs of an unstable test the verdict that came twice; a failure where all differ. */
export function majority(runs: readonly TestResult[]): TestResult {
  const passed = runs.filter(({ outcome }) => outcome === 'pass');
  if (passed.length * 2 > runs.length) return passed[0]!;
  return runs.find(({ outcome }) => outcome !== 'pass')!;
}
