/** Nobody leaves the share or makes the server wait, whatever is done to the disk meanwhile. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { EACCES, EINVAL, ENOENT, ENOPATH, isErrno } from '../errno.ts';
import type { VfsTree } from '../vfs.ts';
import { now, scratchShare, cannotRun as skip } from './contract-scratch.ts';

const WAYS = [
  ['openat2', true],
  ['a walk by component', false],
] as const;

const OPENINGS = 20_000;
const INSIDE = 'inside';

/** Swaps `dir` for a link to the outside and back, as fast as it can, until it is told to stop. */
const SWAPPER = `
  const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
  const { workerData } = require('node:worker_threads');
  const { dir, outside, flag } = workerData;
  const stop = new Int32Array(flag);
  while (Atomics.load(stop, 0) === 0) {
    renameSync(dir, dir + '.aside');
    symlinkSync(outside, dir);
    unlinkSync(dir);
    renameSync(dir + '.aside', dir);
    Atomics.add(stop, 1, 1);
  }`;

interface Outcome {
  readonly opened: number;
  /** Errnos that a race does not explain. */
  readonly strange: readonly number[];
}

async function openings(tree: VfsTree): Promise<Outcome> {
  const buffer = Buffer.alloc(16);
  const strange = new Set<number>();
  let opened = 0;
  for (let i = 0; i < OPENINGS; i++) {
    const handle = tree.lookup(i % 2 === 0 ? ['dir', 'file'] : ['DIR', 'FILE']);
    if (isErrno(handle)) {
      if (handle !== ENOENT && handle !== ENOPATH) strange.add(handle);
      continue;
    }
    const file = now(handle);
    if (file.open({ read: true, write: false }) === 0) {
      opened++;
      assert.equal(await file.read(buffer, 0), INSIDE.length);
      assert.equal(buffer.toString('latin1', 0, INSIDE.length), INSIDE);
    }
    file.close();
    const made = tree.create(['dir', 'made'], { kind: 'file', attributes: 0 });
    if (isErrno(made)) continue;
    now(made).remove();
    now(made).close();
  }
  return { opened, strange: [...strange] };
}

for (const [way, openat2] of WAYS) {
  test(`a directory that is swapped for a link never leads outside, by ${way}`, {
    skip,
  }, async () => {
    const { root, tree } = scratchShare({ openat2 }, '/dev/shm');
    const outside = mkdtempSync(join(tmpdir(), 'usmbd-outside-'));
    after(() => rmSync(outside, { recursive: true, force: true }));
    writeFileSync(join(outside, 'file'), 'OUTSIDE!');
    mkdirSync(join(root, 'dir'));
    writeFileSync(join(root, 'dir', 'file'), INSIDE);
    const flag = new SharedArrayBuffer(8);
    const state = new Int32Array(flag);
    const workerData = { dir: join(root, 'dir'), outside, flag };
    const swapper = new Worker(SWAPPER, { eval: true, workerData });
    while (Atomics.load(state, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 5));

    let outcome: Outcome;
    try {
      outcome = await openings(tree);
    } finally {
      Atomics.store(state, 0, 1);
      await new Promise((resolve) => swapper.once('exit', resolve));
    }
    assert.ok(Atomics.load(state, 1) > 100, 'the swapper was at work');
    assert.ok(outcome.opened > 100, 'some openings succeeded');
    assert.deepEqual(outcome.strange, []);
    assert.deepEqual(readdirSync(outside), ['file']);
  });

  test(`components that are paths are refused, by ${way}`, { skip }, () => {
    const { tree, root } = scratchShare({ openat2 });
    mkdirSync(join(root, 'd'));
    symlinkSync('/', join(root, 'd', 'abs'));
    for (const name of ['..', '.', '', 'a/b', '/', '/etc', 'd\0', '../..']) {
      for (const path of [[name], ['d', name], [name, 'd'], ['d', name, 'etc']]) {
        assert.equal(tree.lookup(path), EINVAL, JSON.stringify(path));
        assert.equal(tree.create(path, { kind: 'file', attributes: 0 }), EINVAL);
      }
      const directory = now(tree.lookup(['d']));
      assert.equal(directory.child(name), EINVAL);
      assert.equal(directory.rename([name], true), EINVAL);
      directory.close();
    }
    // The private forms of dots are names.
    for (const name of ['\uf029', '.\uf029']) assert.equal(tree.lookup([name]), ENOENT);
    assert.equal(tree.lookup(['d', 'abs', 'etc']), ENOPATH);
  });
}

test('a FIFO makes nobody wait', { skip, timeout: 20_000 }, () => {
  const { root, tree } = scratchShare();
  execFileSync('mkfifo', [join(root, 'fifo')]);
  for (let i = 0; i < 100; i++) {
    const fifo = now(tree.lookup(['FIFO']));
    assert.equal(fifo.kind, 'other');
    for (const read of [true, false]) {
      for (const write of [true, false]) assert.equal(fifo.open({ read, write }), EACCES);
    }
    now(fifo.stat());
    assert.equal(fifo.flush(), 0);
    assert.equal(fifo.set({ lastWriteTime: 132_223_104_000_000_000n }), 0);
    fifo.close();
  }
  const root_ = now(tree.lookup([]));
  assert.equal(now(root_.child('fifo')).stat.kind, 'other');
  root_.close();
});
