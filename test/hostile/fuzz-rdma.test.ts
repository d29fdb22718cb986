/** Some seconds of strangers on the port of SMB Direct, in one process; `npm run fuzz:rdma` is the long run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../src/base/log.ts';
import { connect } from '../../src/client/connect.ts';
import { RdmaSocket } from '../../src/client/rdma-socket.ts';
import { createServer } from '../../src/create-server.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';
import { createRandom } from './fuzz/random.ts';
import { makeStream, sendStreams } from './fuzz/rdma-streams.ts';

const STREAMS = 1_500;
const SEED = 20_261_128;

test(`${STREAMS} streams of strangers: every one ends, and the server serves its other client`, async () => {
  const errors: string[] = [];
  const log: Logger = {
    part: () => log,
    debug: () => undefined,
    debugs: () => true,
    info: () => undefined,
    warn: () => undefined,
    error: (text, more) => void errors.push(`${text} ${JSON.stringify(more)}`),
  };
  const identity = { uid: 1001, gid: 1001, groups: [] };
  const server = createServer({
    log,
    shares: [{ name: 'files', vfs: createMemoryVfs() }],
    users: [{ name: 'ann', password: 'tiger', identity }],
    global: { smbDirect: true, smbDirectPort: 0 },
  });
  const where = await server.listen({ port: 0, address: '127.0.0.1' });
  const port = where.smbDirectPort!;
  try {
    const stuck = await sendStreams({
      random: createRandom(SEED),
      port,
      streams: STREAMS,
      atOnce: 30,
    });
    assert.equal(stuck, 0, 'connections that the server kept');
    const client = await connect({ host: '127.0.0.1', port, open: RdmaSocket.open });
    const tree = await (await client.login({ user: 'ann', secret: 'tiger' })).treeConnect('files');
    assert.ok(tree !== undefined);
    await client.close();
    for (let i = 0; i < 50 && (await server.status()).connections.length > 0; i++) await sleep(100);
    assert.deepEqual((await server.status()).connections, []);
    assert.deepEqual(errors, []);
  } finally {
    await server.close();
  }
});

test('the streams are of all kinds, and the same for the same seed', () => {
  const [a, b] = [createRandom(7), createRandom(7)];
  const made = Array.from({ length: 500 }, () => makeStream(a));
  assert.deepEqual(
    made,
    Array.from({ length: 500 }, () => makeStream(b)),
  );
  const begun = made.filter((bytes) => bytes.toString('latin1', 0, 16) === 'MPA ID Req Frame');
  assert.ok(begun.length > 350, `${begun.length} begin with MPA`);
  assert.ok(begun.some((bytes) => bytes.length > 400) && begun.some((bytes) => bytes.length < 40));
});
