import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from './library.ts';
import { peerCredentials } from './peer.ts';

const skip = missing !== undefined || process.platform !== 'linux';

test('a Unix-domain socket tells whose the other end is', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-peer-'));
  const server = createServer().listen(join(folder, 'socket'));
  await once(server, 'listening');
  const client = connect(join(folder, 'socket'));
  const [socket] = await once(server, 'connection');
  const { pid, geteuid, getegid } = process;
  assert.deepEqual(peerCredentials(socket._handle.fd), { pid, uid: geteuid!(), gid: getegid!() });
  client.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

test('what is no socket has no peer', { skip }, () => {
  const EBADF = 9;
  assert.equal(peerCredentials(-1), -EBADF);
});
