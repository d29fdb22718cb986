/** What smbtorture prints with --format=subunit: version 1 of the subunit protocol, as lines of text. */

export type Verdict = 'pass' | 'fail' | 'skip';

export interface SubunitTest {
  readonly name: string;
  readonly verdict: Verdict;
  readonly seconds: number;
  readonly message: string;
}

export interface SubunitRun {
  readonly tests: readonly SubunitTest[];
  /** A test that began and has no result: the process hung or died in it. */
  readonly unfinished: string | undefined;
}

const VERDICTS: Readonly<Record<string, Verdict>> = {
  success: 'pass',
  successful: 'pass',
  xfail: 'pass',
  failure: 'fail',
  error: 'fail',
  uxsuccess: 'fail',
  skip: 'skip',
};

/** A message is for reading, and a JSON file holds hundreds of them. */
const MESSAGE_LIMIT = 1500;

export function parseSubunit(output: string): SubunitRun {
  const tests: SubunitTest[] = [];
  let unfinished: string | undefined;
  let startedMs: number | undefined;
  let nowMs: number | undefined;
  const lines = output.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const [, word, rest] = /^(\w+): (.*)$/.exec(lines[i]!) ?? [];
    if (word === undefined || rest === undefined) continue;
    if (word === 'time') {
      nowMs = Date.parse(`${rest.replace(' ', 'T').slice(0, 23)}Z`);
      startedMs ??= nowMs;
    } else if (word === 'test') {
      unfinished = rest;
      startedMs = undefined;
    } else if (VERDICTS[word] !== undefined) {
      const name = rest.replace(/ \[$/, '');
      const message: string[] = [];
      if (name !== rest) {
        while (++i < lines.length && lines[i] !== ']') message.push(lines[i]!);
      }
      tests.push({
        name,
        verdict: VERDICTS[word],
        seconds: startedMs === undefined || nowMs === undefined ? 0 : (nowMs - startedMs) / 1000,
        message: message.join('\n').slice(0, MESSAGE_LIMIT),
      });
      unfinished = undefined;
    }
  }
  return { tests, unfinished };
}
