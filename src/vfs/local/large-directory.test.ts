/** Case does not cost: a directory of 100,000 entries (reference bug list: open in another case < 5 ms). */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ENOENT, isErrno } from '../errno.ts';
import type { VfsTree } from '../vfs.ts';
import { MEMORY_DISK, now, scratchShare, cannotRun as skip } from './contract-scratch.ts';

const ENTRIES = 100_000;
const ROUNDS = 50;
/** The bounds are some 100 and 2 times what a quiet machine needs. */
const OTHER_CASE_MS = 5;
const MISSING_MS = 0.1;

function medianMs(rounds: number, act: (round: number) => void): number {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const started = performance.now();
    act(i);
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[rounds >> 1]!;
}

function lookup(tree: VfsTree, path: string[]): void {
  now(tree.lookup(path)).close();
}

test('names in another case and missing names are quick in 100,000 entries', { skip }, async () => {
  const { root, tree } = scratchShare({}, MEMORY_DISK);
  mkdirSync(join(root, 'Many'));
  execFileSync('sh', ['-c', `seq -f 'Entry%06g.txt' 1 ${ENTRIES} | xargs touch`], {
    cwd: join(root, 'Many'),
  });
  // The first miss reads the directory, in pieces.
  const first = tree.lookup(['Many', 'none']);
  assert.ok(first instanceof Promise);
  assert.equal(await first, ENOENT);
  const other = medianMs(ROUNDS, (i) => lookup(tree, ['MANY', `ENTRY00${1000 + i}.TXT`]));
  assert.ok(other < OTHER_CASE_MS, `another case took ${other} ms`);
  const missing = medianMs(ROUNDS, (i) => {
    assert.equal(tree.lookup(['Many', `none${i}`]), ENOENT);
  });
  assert.ok(missing < MISSING_MS, `a missing name took ${missing} ms`);
  const making = medianMs(ROUNDS, (i) => {
    const made = now(tree.create(['Many', `New${i}`], { kind: 'file', attributes: 0 }));
    made.close();
    lookup(tree, ['many', `NEW${i}`]);
  });
  assert.ok(making < OTHER_CASE_MS, `making took ${making} ms`);
});

test('a walk gives 100,000 entries once each', { skip }, async () => {
  const { root, tree } = scratchShare({}, MEMORY_DISK);
  execFileSync('sh', ['-c', `seq 1 ${ENTRIES} | xargs touch`], { cwd: root });
  const directory = now(tree.lookup([]));
  const cursor = now(directory.cursor());
  const seen = new Set<string>();
  let count = 0;
  for (;;) {
    const some = await cursor.next();
    assert.ok(!isErrno(some));
    if (some.length === 0) break;
    count += some.length;
    for (const { name } of some) seen.add(name);
  }
  cursor.close();
  directory.close();
  assert.equal(count, ENTRIES);
  assert.equal(seen.size, ENTRIES);
});
