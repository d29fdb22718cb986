/** A file has one subject. The soft limit is 400 lines; what is past 500 stands here with its reason. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesBelow } from './source-files.ts';

const LIMIT_LINES = 500;

/** Path, the most lines it may have, and why it is not two files. The numbers only ever go down. */
const LONG_FILES: Readonly<Record<string, readonly [maximumLines: number, reason: string]>> = {};

test(`no file passes ${LIMIT_LINES} lines, save those listed`, () => {
  const faults: string[] = [];
  const seen = new Set<string>();
  for (const folder of ['src', 'test', 'bench', 'bin']) {
    for (const { path, text } of filesBelow(folder)) {
      if (!/\.[jt]s$/.test(path)) continue;
      const lines = text.split('\n').length - 1;
      const [maximum, reason] = LONG_FILES[path] ?? [LIMIT_LINES, 'the soft limit'];
      if (lines > maximum) faults.push(`${path}: ${lines} lines, at most ${maximum} (${reason})`);
      if (lines > LIMIT_LINES) seen.add(path);
    }
  }
  for (const path of Object.keys(LONG_FILES)) {
    if (!seen.has(path)) faults.push(`${path} is short now or gone: take it off the list`);
  }
  assert.deepEqual(faults, []);
});
