/**
 * The lists of expected/: which tests have to pass, which are known to fail and why, and which change
 * their verdict from run to run. Releases of smbtorture after Debian 12's have lists of their own.
 */
import { readFileSync } from 'node:fs';
import { belongsTo, type Expectations, parseGoal, parseReasons } from './judge.ts';

/** Whose tests the lists in expected/ itself name; expected/newer names those of later releases. */
const LISTED_RELEASE = [4, 17] as const;

/** Which lists are for a program: what it says to `--version`. */
export function isNewer(version: string): boolean {
  const [, major, minor] = /\b(\d+)\.(\d+)\.\d+/.exec(version) ?? [];
  if (major === undefined) throw new Error(`no version of Samba: ${version.slice(0, 80)}`);
  const [listedMajor, listedMinor] = LISTED_RELEASE;
  return (
    Number(major) > listedMajor || (Number(major) === listedMajor && Number(minor) > listedMinor)
  );
}

/** Which lists: those of expected/ itself, or of a folder in it. */
export type Lists = 'listed' | 'newer' | 'smb1' | 'rpc' | 'rpc-tcp';

export function readExpectations(lists: Lists): Expectations {
  const folder = lists === 'listed' ? '' : `${lists}/`;
  const read = (file: string): string =>
    readFileSync(new URL(`expected/${folder}${file}`, import.meta.url), 'utf8');
  return {
    goal: parseGoal(read('goal.txt')),
    knownFailures: parseReasons(read('known-failures.txt'), 'known-failures.txt'),
    unstable: parseReasons(read('unstable.txt'), 'unstable.txt'),
  };
}

/** Every test of a suite that a list names. */
export function expectedTests(suite: string, { goal, knownFailures }: Expectations): string[] {
  return [...new Set([...goal, ...knownFailures.keys()])].filter((test) => belongsTo(test, suite));
}
