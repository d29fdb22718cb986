import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isErrno } from '../../errno.ts';
import { cannotRun as skip } from '../contract-scratch.ts';
import { createLocalVfs } from '../local-vfs.ts';
import { closeBy, readRestBy, syncBy } from './libuv.ts';
import type { ShareThreads } from './share-threads.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-libuv-'));
after(() => rmSync(folder, { recursive: true }));

/** Threads that only count what they are given, and answer with 7. */
function countingThreads() {
  const given = { read: 0, sync: 0, close: 0 };
  const threads = {
    read: async () => ++given.read && 7,
    sync: async () => ++given.sync && 7,
    close: () => void given.close++,
  } as unknown as ShareThreads;
  return { threads, given };
}

test('a few reads at once are libuv’s, the rest the device’s; when they are through libuv’s again', async () => {
  const path = join(folder, 'read');
  writeFileSync(path, 'content');
  const fd = openSync(path, 'r');
  const { threads, given } = countingThreads();
  const read = readRestBy(threads);
  const buffers = Array.from({ length: 5 }, () => Buffer.alloc(7));
  const counts = await Promise.all(buffers.map((buffer) => read(fd, buffer, 0, 0)));
  assert.deepEqual(counts, [7, 7, 7, 7, 7]);
  assert.equal(given.read, 3);
  assert.equal(buffers[0]!.toString(), 'content');
  await read(fd, buffers[4]!, 0, 0);
  assert.equal(given.read, 3);
  assert.equal(buffers[4]!.toString(), 'content');
  closeSync(fd);
});

test('syncs are counted apart, and slow closes with them', async () => {
  const fd = openSync(join(folder, 'sync'), 'w');
  const { threads, given } = countingThreads();
  const sync = syncBy(threads, true);
  const first = sync(fd);
  assert.equal(await sync(fd), 7);
  closeBy(threads)(fd);
  assert.equal(given.close, 1);
  assert.equal(await first, 0);
  assert.deepEqual(given, { read: 0, sync: 1, close: 1 });
  closeSync(fd);
});

test('what is not cached is read right, however much at once', { skip }, async () => {
  const path = join(folder, 'cold');
  const content = Buffer.alloc(8 * 1024 * 1024);
  for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(at, at);
  writeFileSync(path, content);
  // Writes it back and drops it from the cache.
  execFileSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'], {
    stdio: 'ignore',
  });
  const vfs = createLocalVfs({ root: folder });
  const tree = await vfs.attach(undefined);
  if (isErrno(tree)) throw new Error('no tree');
  const handle = await tree.lookup(['cold']);
  if (isErrno(handle)) throw new Error('no handle');
  assert.equal(await handle.open({ read: true, write: false }), 0);
  const piece = 128 * 1024;
  const pieces = Array.from({ length: content.length / piece }, () => Buffer.alloc(piece));
  // From the end, so that the kernel does not read ahead of them.
  const counts = pieces.map((buffer, i) => handle.read(buffer, content.length - (i + 1) * piece));
  assert.ok((await Promise.all(counts)).every((count) => count === piece));
  assert.ok(Buffer.concat(pieces.reverse()).equals(content));
  handle.close();
  vfs.close();
});
