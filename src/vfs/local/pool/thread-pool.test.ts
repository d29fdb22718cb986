import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ThreadPool } from './thread-pool.ts';

/** Answers after so many milliseconds, or as it is told to. */
const PROGRAM = `
  import { parentPort, threadId } from 'node:worker_threads';
  parentPort.on('message', (job) => {
    if (job === 'die') process.exit(7);
    if (job === 'throw') throw new Error('a fault');
    if (job === 'memory') for (const kept = []; ; ) kept.push(new Array(10_000).fill({}));
    if (job === 'bug') parentPort.postMessage({ bug: 'a stack' });
    else setTimeout(() => parentPort.postMessage({ value: threadId }), job);
  });
  parentPort.postMessage('ready');
`;
const LOST = -5;

type TestJob = number | 'die' | 'throw' | 'memory' | 'bug';

function pool(options: { maxThreads?: number; idleMs?: number; program?: string } = {}) {
  const { maxThreads = 2, idleMs = 60_000, program = PROGRAM } = options;
  return new ThreadPool<TestJob, number>({
    program: new URL(`data:text/javascript,${encodeURIComponent(program)}`),
    maxThreads,
    idleMs,
    lost: LOST,
  });
}

/** Waits for what comes by itself. */
async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!condition()) {
    assert.ok(performance.now() < end, 'it did not come');
    await sleep(5);
  }
}

test('there is no thread until there is a job, and one serves jobs that come one by one', async () => {
  const threads = pool();
  assert.equal(threads.threads, 0);
  const first = await threads.run(0);
  assert.equal(await threads.run(0), first);
  assert.equal(threads.threads, 1);
  threads.close();
});

test('it grows while work waits, up to its bound, and loses none', async () => {
  const threads = pool({ maxThreads: 3 });
  const jobs = Array.from({ length: 30 }, () => threads.run(30));
  assert.equal(threads.waiting, 30);
  const served = new Set(await Promise.all(jobs));
  assert.ok(served.size > 1 && served.size <= 3, `${served.size} threads`);
  assert.ok(threads.threads <= 3);
  assert.equal(threads.waiting, 0);
  threads.close();
  await until(() => threads.threads === 0);
});

test('it shrinks to nothing when there is nothing to do, and grows again', async () => {
  const threads = pool({ idleMs: 50 });
  await threads.run(0);
  await until(() => threads.threads === 0);
  assert.ok((await threads.run(0)) > 0);
  threads.close();
});

test('a thread that dies costs the job in it, and another is started', async () => {
  for (const death of ['die', 'throw', 'memory'] as const) {
    const threads = pool({ maxThreads: 1 });
    const before = await threads.run(0);
    const [lost, next] = await Promise.all([threads.run(death), threads.run(0)]);
    assert.equal(lost, LOST, death);
    assert.ok(next > 0 && next !== before);
    assert.equal(threads.threads, 1);
    threads.close();
  }
});

test('a bug in a job rejects that job, and its thread goes on', async () => {
  const threads = pool();
  const before = await threads.run(0);
  await assert.rejects(threads.run('bug'), /a stack/);
  assert.equal(await threads.run(0), before);
  threads.close();
});

test('threads that cannot start cost each job once, and are not tried for ever', async () => {
  const threads = pool({ program: 'process.exit(1)' });
  const jobs = await Promise.all([threads.run(0), threads.run(0), threads.run(0)]);
  assert.deepEqual(jobs, [LOST, LOST, LOST]);
  await until(() => threads.threads === 0);
  threads.close();
});

test('what was given before the end is done; after it nothing is taken', async () => {
  const threads = pool({ maxThreads: 1 });
  const jobs = [threads.run(10), threads.run(10)];
  threads.close();
  assert.ok((await Promise.all(jobs)).every((id) => id > 0));
  await until(() => threads.threads === 0);
  assert.throws(() => threads.run(0), /closed/);
});

test('a thread that was prepared takes the first job', async () => {
  const threads = pool();
  threads.prepare();
  threads.prepare();
  await until(() => threads.busy === 0 && threads.threads === 1);
  await threads.run(0);
  assert.equal(threads.threads, 1);
  threads.close();
});
