/** koffi.node.poll on a pipe that does not block: inotify's descriptor here, as the only user has. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { close, read } from './files.ts';
import { IN_CREATE, inotifyAdd, inotifyInit } from './inotify.ts';
import { whenReadable } from './poll.ts';
import { nativeSupport } from './support.ts';

const skip = nativeSupport().unavailable ?? false;
const folder = mkdtempSync(join(tmpdir(), 'usmbd-poll-'));
after(() => rmSync(folder, { recursive: true }));

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !condition(); tries++) await sleep(5);
  assert.ok(condition());
}

test('calls when there is something, not while paused, not after it is closed', {
  skip,
}, async () => {
  const fd = inotifyInit();
  assert.ok(inotifyAdd(fd, folder, IN_CREATE) > 0);
  const buffer = Buffer.alloc(4096);
  let calls = 0;
  const failures: unknown[] = [];
  const act = (): void => {
    calls++;
    while (read(fd, buffer) > 0);
    throw new Error('as a bug does');
  };
  const readiness = whenReadable(fd, act, (error) => failures.push(error))!;
  await sleep(20);
  assert.equal(calls, 0);
  writeFileSync(join(folder, '1'), '');
  await until(() => calls === 1);
  readiness.pause();
  writeFileSync(join(folder, '2'), '');
  await sleep(30);
  assert.equal(calls, 1);
  readiness.resume();
  await until(() => calls === 2);
  assert.equal(failures.length, 2, 'what is thrown is not lost');
  readiness.close();
  writeFileSync(join(folder, '3'), '');
  await sleep(20);
  assert.equal(calls, 2);
  close(fd);
});

test('a worker thread may be ended with it open, and hears all the same', { skip }, () => {
  const module = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  const worker = `
    const { parentPort } = require('node:worker_threads');
    (async () => {
      const { inotifyAdd, inotifyInit } = await import(${module('inotify.ts')});
      const { whenReadable } = await import(${module('poll.ts')});
      const fd = inotifyInit();
      inotifyAdd(fd, ${JSON.stringify(folder)}, 0x100);
      whenReadable(fd, () => parentPort.postMessage('heard'), () => {});
      setInterval(() => {}, 1000);
    })();
  `;
  const program = `
    const { Worker } = require('node:worker_threads');
    const worker = new Worker(${JSON.stringify(worker)}, { eval: true });
    worker.once('message', async () => {
      await worker.terminate();
      console.log('alive');
    });
  `;
  const { stdout, status } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  assert.deepEqual([stdout, status], ['alive\n', 0]);
});
