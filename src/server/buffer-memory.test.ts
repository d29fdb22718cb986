/** Buffers of the whole process are bounded, and whoever has to wait for them keeps no one else from his. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startServer, type TestServer } from '../../test/support/in-process-server.ts';
import { bufferPool } from '../base/buffer-pool.ts';
import type { ClientTree } from '../client/tree.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import { createFaultyVfs } from '../vfs/memory/faulty.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';

const MiB = 1024 * 1024;
const LIMIT_BYTES = 16 * MiB;
const READS = 60;
const WRITES = 40;
/** Long enough for what is not waited for to be there. */
const A_WHILE_MS = 300;
const PATIENCE_MS = 60_000;
const LONG = { timeout: 120_000 };

const both = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE };
const usual = bufferPool.maxUsedBytes;
let server: TestServer;
/** READs and WRITEs of the share `slow` wait for it. */
let isStalled = false;
let release: () => void;
let files: ClientTree;
let slow: ClientTree;

beforeEach(async () => {
  const moving = new Promise<void>((resolve) => {
    release = resolve;
  });
  isStalled = false;
  const faulty = createFaultyVfs(createMemoryVfs(), {
    gate: ({ method }) =>
      isStalled && (method === 'read' || method === 'write') ? moving : undefined,
  });
  server = await startServer({
    shares: [
      { name: 'files', vfs: createMemoryVfs() },
      { name: 'slow', vfs: faulty },
    ],
  });
  const connection = await server.connect({ timeoutMs: PATIENCE_MS });
  const session = await connection.login({ user: 'tester', secret: 'Passw0rd!' });
  files = await session.treeConnect('files');
  slow = await session.treeConnect('slow');
  await files.writeFile('data', Buffer.alloc(MiB, 7));
  await slow.writeFile('data', Buffer.alloc(MiB, 9));
  bufferPool.maxUsedBytes = LIMIT_BYTES;
});

afterEach(async () => {
  release();
  bufferPool.maxUsedBytes = usual;
  bufferPool.look();
  await server.close();
});

/** Until something has been taken and nothing more is. */
async function settled(before: number): Promise<number> {
  for (let last = before; ; ) {
    await delay(A_WHILE_MS);
    const now = bufferPool.usedBytes;
    if (now === last && now > before) return now - before;
    last = now;
  }
}

test('a READ that is given little of what it asked for keeps no buffer', LONG, async () => {
  const plain = await files.open('data');
  const connection = await server.connect({ timeoutMs: PATIENCE_MS });
  const session = await connection.login({ user: 'tester', secret: 'Passw0rd!', encrypt: true });
  const sealed = await (await session.treeConnect('files')).open('data');
  for (const file of [plain, sealed]) {
    const before = bufferPool.usedBytes;
    for (let i = 0; i < READS; i++) assert.equal((await file.read(MiB - 100, MiB)).length, 100);
    assert.equal(bufferPool.usedBytes, before);
  }
});

test(
  'READs of a volume that stands still hold a quarter, and another volume is read meanwhile',
  LONG,
  async () => {
    const file = await slow.open('data');
    const before = bufferPool.usedBytes;
    isStalled = true;
    const reads = Array.from({ length: READS }, () => file.read(0, MiB));
    const held = await settled(before);
    assert.ok(held <= LIMIT_BYTES / 4, `${held} bytes are held`);
    const read = await (await files.open('data')).read(0, MiB);
    assert.ok(read.equals(Buffer.alloc(MiB, 7)));
    release();
    for (const data of await Promise.all(reads)) assert.ok(data.equals(Buffer.alloc(MiB, 9)));
  },
);

test(
  'while memory is full large WRITEs wait where they come from, and small requests are served',
  LONG,
  async () => {
    const file = await files.open('data', both);
    const other = await server.connect({ timeoutMs: PATIENCE_MS });
    const session = await other.login({ user: 'tester', secret: 'Passw0rd!' });
    const tree = await session.treeConnect('files');
    const held = bufferPool.take(2 * LIMIT_BYTES);
    let isWritten = false;
    const writing = Promise.all(
      Array.from({ length: 8 }, (_, i) => file.write(i * MiB, Buffer.alloc(MiB, i))),
    ).then(() => {
      isWritten = true;
    });
    await delay(A_WHILE_MS);
    assert.equal(isWritten, false);
    assert.equal((await tree.list('')).filter(({ name }) => name === 'data').length, 1);
    assert.ok((await (await tree.open('data')).read(5, 100)).equals(Buffer.alloc(100, 7)));
    bufferPool.give(held);
    await writing;
    assert.ok((await file.read(6 * MiB, MiB)).equals(Buffer.alloc(MiB, 6)));
  },
);

test(
  'a connection whose WRITEs wait for their volume sends no more than a quarter',
  LONG,
  async () => {
    const file = await slow.open('data', both);
    isStalled = true;
    const before = bufferPool.usedBytes;
    const writes = Array.from({ length: WRITES }, (_, i) =>
      file.write(i * MiB, Buffer.alloc(MiB, i)),
    );
    const taken = await settled(before);
    // A message of a megabyte lies in two, and the last one may have come before it was too much.
    assert.ok(taken <= LIMIT_BYTES / 2 + 2 * MiB, `${taken} bytes are taken`);
    release();
    await Promise.all(writes);
    isStalled = false;
    assert.ok((await file.read((WRITES - 1) * MiB, MiB)).equals(Buffer.alloc(MiB, WRITES - 1)));
  },
);
