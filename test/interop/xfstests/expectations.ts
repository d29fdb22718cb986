/** expected.txt: what comes of each test with `posix` and without, and why where it is not to pass. */

export type Verdict = 'pass' | 'fail' | 'notrun' | 'late';

interface Expectation {
  readonly posix: Verdict | undefined;
  readonly plain: Verdict | undefined;
}

export type Expectations = ReadonlyMap<string, Expectation>;

const VERDICTS: readonly string[] = ['pass', 'fail', 'notrun', 'late'];

/** A verdict; `?` is one that nobody has seen yet: it has to pass. */
function verdict(word: string | undefined, line: string): Verdict | undefined {
  if (word === '?') return undefined;
  if (word === undefined || !VERDICTS.includes(word)) throw new Error(`expected.txt: ${line}`);
  return word as Verdict;
}

/** Lines `NAME POSIX PLAIN [# why]`; a test that is not to pass says why. */
export function parseExpectations(text: string): Expectations {
  const tests = new Map<string, Expectation>();
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [words = '', reason = ''] = line.split('#');
    const [name = '', ...verdicts] = words.trim().split(/\s+/);
    const posix = verdict(verdicts[0], line);
    const plain = verdict(verdicts[1], line);
    if (verdicts.length !== 2) throw new Error(`expected.txt: ${line}`);
    const passes = [posix, plain].every((one) => one === undefined || one === 'pass');
    if (!passes && reason.trim() === '') throw new Error(`expected.txt gives no reason: ${line}`);
    if (tests.has(name)) throw new Error(`expected.txt names ${name} twice`);
    tests.set(name, { posix, plain });
  }
  return tests;
}

export const verdictOf = (
  expectations: Expectations,
  name: string,
  posix: boolean,
): Verdict | undefined => expectations.get(name)?.[posix ? 'posix' : 'plain'];
