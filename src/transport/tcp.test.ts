import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { MAX_UNAUTHENTICATED_CONNECTIONS } from '../base/limits.ts';
import { createServer } from '../create-server.ts';
import { encodeFrameHeader } from '../smb2/framing.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';

async function served(use: (port: number) => Promise<void>): Promise<void> {
  const server = createServer({ shares: [{ name: 'm', vfs: createMemoryVfs() }] });
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  try {
    await use(port);
  } finally {
    await server.close();
  }
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  return socket.resume();
}

test('a silent connection gives way to a new one when there are too many', async () => {
  await served(async (port) => {
    const first = await open(port);
    const gone = once(first, 'close');
    const others: Socket[] = [];
    for (let i = 0; i < MAX_UNAUTHENTICATED_CONNECTIONS; i++) others.push(await open(port));
    await gone;
    assert.ok(others.every((socket) => !socket.destroyed));
    for (const socket of others) socket.destroy();
  });
});

test('what is no SMB ends the connection', async () => {
  await served(async (port) => {
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      encodeFrameHeader(0xffffff),
      Buffer.concat([encodeFrameHeader(8), Buffer.from('\xffSMB....', 'latin1')]),
      Buffer.concat([encodeFrameHeader(4), Buffer.from('\xfeSMB', 'latin1')]),
    ]) {
      const socket = await open(port);
      const gone = once(socket, 'close');
      socket.write(bytes);
      await gone;
    }
  });
});

test('closing the server ends its connections', async () => {
  const server = createServer({ shares: [{ name: 'm', vfs: createMemoryVfs() }] });
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  const socket = await open(port);
  const gone = once(socket, 'close');
  await server.close();
  await gone;
  await assert.rejects(open(port));
});
