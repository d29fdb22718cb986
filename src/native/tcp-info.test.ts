/** TCP_INFO by the kernel's own call: what of a connection's bytes the peer's system has not taken yet. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { close } from './files.ts';
import { connectIpv4, tcpSocket, unacknowledgedSegments } from './socket.ts';
import { nativeSupport } from './support.ts';

const skip = nativeSupport().unavailable ?? false;

test('a peer that takes everything leaves nothing unacknowledged', { skip }, async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const fd = tcpSocket();
  assert.equal(
    connectIpv4(fd, Uint8Array.from([127, 0, 0, 1]), (server.address() as AddressInfo).port),
    0,
  );
  await sleep(10);
  assert.equal(unacknowledgedSegments(fd), 0);
  close(fd);
  server.close();
});

test('a socket that has sent nothing, and one that is closed', { skip }, async () => {
  const fd = tcpSocket();
  assert.ok(unacknowledgedSegments(fd) === 0, 'nothing was sent');
  close(fd);
  assert.ok(unacknowledgedSegments(fd) < 0, 'no socket');
});
