/** Small answers are written where they are sent from, and READs share a buffer: none may meet another's bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../../test/support/in-process-server.ts';
import { Dialect } from '../smb2/dialect.ts';
import { createFaultyVfs } from '../vfs/memory/faulty.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';

const FILE_BYTES = 100_000;
/** Below, at and above what is copied, and what is no small answer. */
const LENGTHS = [1, 100, 4096, 16_384, 16_385, 17_408, 20_000, 65_536];
const REQUESTS = 240;

const content = Buffer.from(
  Array.from({ length: FILE_BYTES }, (_, i) => (i * 31 + (i >> 8)) & 0xff),
);

for (const [name, encrypt] of [
  ['signed', false],
  ['encrypted', true],
] as const) {
  test(`${name}: READs of many lengths that come together, of which some wait, get each its own bytes`, async () => {
    let turn = 0;
    const vfs = createFaultyVfs(createMemoryVfs(), {
      gate: ({ method }) =>
        method === 'read' && turn++ % 3 === 0
          ? new Promise((resolve) => setTimeout(resolve, turn % 7))
          : undefined,
    });
    const server = await startServer({ shares: [{ name: 'files', vfs }] });
    try {
      const tree = await server.mount({ dialects: [Dialect.SMB3_11] }, { encrypt });
      await tree.writeFile('data', content);
      const file = await tree.open('data');
      await Promise.all(
        Array.from({ length: REQUESTS }, async (_, i) => {
          const length = LENGTHS[i % LENGTHS.length]!;
          const offset = (i * 7919) % (FILE_BYTES - length);
          const data = await file.read(offset, length);
          assert.deepEqual(data, content.subarray(offset, offset + length));
        }),
      );
      await file.close();
    } finally {
      await server.close();
    }
  });
}
