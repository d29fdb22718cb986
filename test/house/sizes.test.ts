/** A file has one subject: what is past its limit stands here by name, with its reason. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesBelow, isTest } from './source-files.ts';

const LIMIT_LINES = 500;
/** A test's cases are a list, and lists may be longer. */
const TEST_LIMIT_LINES = 800;

/** Path, the most lines it may have, and why it is not two files. The numbers only ever go down. */
const LONG_FILES: Readonly<Record<string, readonly [maximumLines: number, reason: string]>> = {};

test('no file passes its limit, save those listed', () => {
  const faults: string[] = [];
  const seen = new Set<string>();
  for (const folder of ['src', 'test', 'bench', 'bin']) {
    for (const { path, text } of filesBelow(folder)) {
      if (!/\.[jt]s$/.test(path)) continue;
      const lines = text.split('\n').length - 1;
      const limit = isTest({ path }) ? TEST_LIMIT_LINES : LIMIT_LINES;
      const [maximum, reason] = LONG_FILES[path] ?? [limit, 'the limit for all'];
      if (lines > maximum) faults.push(`${path}: ${lines} lines, at most ${maximum} (${reason})`);
      if (lines > limit) seen.add(path);
    }
  }
  for (const path of Object.keys(LONG_FILES)) {
    if (!seen.has(path)) faults.push(`${path} is short now or gone: take it off the list`);
  }
  assert.deepEqual(faults, []);
});
