import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { close } from './files.ts';
import { addressOf, missing } from './library.ts';
import * as socket from './socket.ts';

const EAGAIN = 11;
const ECONNREFUSED = 111;
const LOOPBACK = Buffer.from([127, 0, 0, 1]);

/** Sends back what comes, in a thread of its own, since the calls here block this one. */
const ECHO = `
const { createServer } = require('node:net');
const { parentPort } = require('node:worker_threads');
const server = createServer((peer) => peer.pipe(peer));
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

/** struct msghdr with one iovec. */
function messageOf(buffer: Buffer): { readonly message: Buffer; readonly iovec: Buffer } {
  const iovec = Buffer.alloc(16);
  iovec.writeBigUInt64LE(BigInt(addressOf(buffer)), 0);
  iovec.writeBigUInt64LE(BigInt(buffer.length), 8);
  const message = Buffer.alloc(56);
  message.writeBigUInt64LE(BigInt(addressOf(iovec)), 16);
  message.writeBigUInt64LE(1n, 24);
  return { message, iovec };
}

test('bytes go out, come back, and are dropped unread', { skip: missing ?? false }, async () => {
  const peer = new Worker(ECHO, { eval: true });
  const [port] = (await once(peer, 'message')) as [number];
  const fd = socket.tcpSocket();
  try {
    assert.ok(fd >= 0);
    assert.equal(socket.connectIpv4(fd, LOOPBACK, port), 0);
    assert.equal(socket.setNoDelay(fd), 0);
    assert.equal(socket.setReceiveTimeout(fd, 50), 0);
    const text = Buffer.from('hello, world');
    const { message, iovec } = messageOf(text);
    assert.equal(socket.sendmsg(fd, addressOf(message), socket.MSG_NOSIGNAL), 12);
    assert.equal(iovec.readUInt32LE(8), text.length);
    const into = Buffer.alloc(12);
    const at = addressOf(into);
    assert.equal(socket.recv(fd, at, 5, socket.MSG_WAITALL), 5);
    assert.equal(socket.recv(fd, at + 5, 2, socket.MSG_TRUNC | socket.MSG_WAITALL), 2);
    assert.equal(socket.recv(fd, at + 7, 5, socket.MSG_WAITALL), 5);
    assert.equal(into.toString('latin1'), 'hello\0\0world');
    assert.equal(socket.recv(fd, at, 1, 0), -EAGAIN);
  } finally {
    close(fd);
    await peer.terminate();
  }
});

test('a refused connection is a negative errno', { skip: missing ?? false }, () => {
  const fd = socket.tcpSocket();
  assert.equal(socket.connectIpv4(fd, LOOPBACK, 1), -ECONNREFUSED);
  close(fd);
});
