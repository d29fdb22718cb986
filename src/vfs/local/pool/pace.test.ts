/** A device that does not keep its budget is asked by threads, and by the loop again when it does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isErrno } from '../../errno.ts';
import { cannotRun, now, scratchShare } from '../contract-scratch.ts';
import { writeData } from '../file-data.ts';
import { Pace } from './pace.ts';

const BUDGET_MS = 20;

/** A call of the loop's that is timed, and takes so long: `sleeps` is how often the thread has slept by its end. */
function scene() {
  const thread = { sleeps: 0 };
  const pace = new Pace(BUDGET_MS, () => thread.sleeps);
  const call = (ms: number, sleeps: number): void => {
    let begun = 0;
    while (begun === 0) begun = pace.begin();
    clock += ms;
    thread.sleeps += sleeps;
    pace.end(begun);
  };
  return { pace, call };
}

let clock = 1_000;

test('two late calls of which the second slept make a device slow', (t) => {
  t.mock.method(performance, 'now', () => clock);
  const { pace, call } = scene();
  call(500, 1);
  assert.equal(pace.isSlow, false, 'one may be anything');
  clock += 11_000;
  call(500, 1);
  assert.equal(pace.isSlow, false, 'the first was long ago');
  call(500, 0);
  assert.equal(pace.isSlow, false, 'it waited for a processor');
  call(BUDGET_MS, 1);
  assert.equal(pace.isSlow, false, 'within the budget');
  call(BUDGET_MS + 1, 1);
  assert.equal(pace.isSlow, true);
});

test('64 quick answers of threads in a row make it quick again', (t) => {
  t.mock.method(performance, 'now', () => clock);
  const { pace, call } = scene();
  call(30, 1);
  call(30, 1);
  for (let i = 0; i < 63; i++) pace.threadWaited(1);
  pace.threadWaited(Infinity);
  for (let i = 0; i < 63; i++) pace.threadWaited(1);
  assert.equal(pace.isSlow, true);
  pace.threadWaited(1);
  assert.equal(pace.isSlow, false);
});

test('one call of eight is timed', () => {
  const pace = new Pace(BUDGET_MS);
  const timed = Array.from({ length: 80 }, () => pace.begin()).filter((begun) => begun !== 0);
  assert.equal(timed.length, 10);
});

test('a back end that blocks is left to threads after a few calls, and no byte is lost', {
  skip: cannotRun,
}, async () => {
  const stalls = { left: 1_000, count: 0 };
  const blocked = new Int32Array(new SharedArrayBuffer(4));
  const share = scratchShare({
    threads: false,
    pace: new Pace(BUDGET_MS),
    // As a write waits that the kernel throttles: the thread sleeps.
    writeData: (fd, buffer, position) => {
      stalls.count += 1;
      if (stalls.left-- > 0) Atomics.wait(blocked, 0, 0, 3 * BUDGET_MS);
      return writeData(fd, buffer, position);
    },
  });
  const file = now(share.tree.create(['file'], { kind: 'file', attributes: 0 }));
  for (let i = 0; i < 200; i++) {
    const written = await file.write(Buffer.from([i % 251]), i);
    assert.equal(written, 1);
  }
  assert.ok(stalls.count <= 24, `${stalls.count} writes were made in the loop`);
  const content = Buffer.alloc(200);
  assert.equal(await file.read(content, 0), 200);
  assert.deepEqual(
    [...content],
    Array.from({ length: 200 }, (_, i) => i % 251),
  );
  assert.equal(await file.truncate(10), 0);
  const stat = await file.stat();
  assert.ok(!isErrno(stat) && stat.size === 10);
  file.close();
});
