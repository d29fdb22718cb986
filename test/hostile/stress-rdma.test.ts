/** Some hundred clients of SMB Direct that come and go in every way; `npm run stress:rdma` is the long run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from '../../src/create-server.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';
import { createRandom } from './fuzz/random.ts';
import { connectMany } from './fuzz/rdma-connects.ts';

const CONNECTS = 600;
const SEED = 20_261_129;

test(`${CONNECTS} clients of SMB Direct come about, and nothing of them is left`, async () => {
  const server = createServer({
    shares: [{ name: 'files', vfs: createMemoryVfs() }],
    global: { smbDirect: true, smbDirectPort: 0 },
  });
  const where = await server.listen({ port: 0, address: '127.0.0.1' });
  try {
    const { served, failures } = await connectMany({
      random: createRandom(SEED),
      port: where.smbDirectPort!,
      connects: CONNECTS,
      atOnce: 30,
      firstLocalPort: 21_400,
    });
    assert.deepEqual(failures, []);
    assert.equal(served, CONNECTS);
    for (let i = 0; i < 50 && (await server.status()).connections.length > 0; i++) await sleep(100);
    assert.deepEqual((await server.status()).connections, []);
  } finally {
    await server.close();
  }
});
