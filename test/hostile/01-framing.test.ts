/** Framing: lengths that lie, bytes that trickle, connections that hang (MS-SMB2 2.1, 3.3.5.2). */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AUTHENTICATION_TIMEOUT_MS,
  MAX_UNAUTHENTICATED_CONNECTIONS,
  MAX_UNAUTHENTICATED_MESSAGE_BYTES,
  MESSAGE_TIMEOUT_MS,
  SEND_TIMEOUT_MS,
} from '../../src/base/limits.ts';
import { connectOnly } from '../../src/client/connect.ts';
import { FrameSocket } from '../../src/client/frame-socket.ts';
import { createRequest, echoRequest, readRequest } from '../../src/client/requests.ts';
import { encodeFrameHeader } from '../../src/smb2/framing.ts';
import { Command } from '../../src/smb2/header.ts';
import { encodeNegotiateRequest } from '../../src/smb2/negotiate.ts';
import { hostileSuite, isDropped, isServed, message } from './kit.ts';

const hostile = await hostileSuite();

const negotiate = message(
  { command: Command.NEGOTIATE },
  encodeNegotiateRequest({
    securityMode: 1,
    capabilities: 0,
    clientGuid: Buffer.alloc(16, 7),
    dialects: [0x0210],
    negotiateContexts: [],
  }),
);
const frame = (payload: Buffer): Buffer =>
  Buffer.concat([encodeFrameHeader(payload.length), payload]);
const typed = (type: number, length: number): Buffer => {
  const header = encodeFrameHeader(length);
  header[0] = type;
  return header;
};

hostile('a frame of no bytes is passed over', async ({ raw }) => {
  const peer = await raw();
  peer.socket.sendBytes(
    Buffer.concat([encodeFrameHeader(0), encodeFrameHeader(0), frame(negotiate)]),
  );
  assert.ok(await peer.next());
});

for (const length of [1, 3, 4, 63]) {
  hostile(`a message of ${length} bytes, less than a header`, async ({ raw }) => {
    const peer = await raw();
    peer.socket.send([negotiate.subarray(0, length)]);
    await peer.isDropped();
  });
}

hostile('a message of 64 bytes, no body', async ({ raw }) => {
  const peer = await raw();
  peer.socket.send([negotiate.subarray(0, 64)]);
  const answer = await peer.next();
  assert.equal(answer?.readUInt32LE(8), 0xc000000d);
});

for (const length of [MAX_UNAUTHENTICATED_MESSAGE_BYTES + 1, 1 << 20, 0xffffff]) {
  hostile(`a stranger announces ${length} bytes`, async ({ raw }) => {
    const peer = await raw();
    peer.socket.sendBytes(encodeFrameHeader(length));
    await peer.isDropped();
  });
}

hostile('a user announces 0xFFFFFF bytes', async ({ mount }) => {
  const tree = await mount();
  tree.session.connection.socket.sendBytes(encodeFrameHeader(0xffffff));
  await tree.session.connection.ended;
});

hostile('a user sends 70,000 bytes of CREATE, ECHO, CLOSE', async ({ mount }) => {
  for (const request of [createRequest('x'), echoRequest()]) {
    const tree = await mount();
    const body = Buffer.concat([request.body, Buffer.alloc(70_000)]);
    await isDropped(tree.request({ ...request, body }));
  }
});

hostile('frames of other types', async ({ raw }) => {
  for (const type of [0x01, 0x82, 0x83, 0x84, 0xff]) {
    const peer = await raw();
    peer.socket.sendBytes(typed(type, 0));
    await peer.isDropped();
  }
});

hostile('keep-alives and a session request of NetBIOS are no harm', async ({ raw }) => {
  const peer = await raw();
  const session = Buffer.concat([typed(0x81, 68), Buffer.alloc(68, 0x20)]);
  peer.socket.sendBytes(Buffer.concat([typed(0x85, 0), session, typed(0x85, 0), frame(negotiate)]));
  assert.equal((await peer.next())?.readUInt32LE(0), 0x424d53fe);
});

hostile('rubbish', async ({ raw }) => {
  for (const rubbish of [
    'GET / HTTP/1.1\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01',
    'SSH-2.0-x\r\n',
  ]) {
    const peer = await raw();
    peer.socket.sendBytes(Buffer.from(rubbish, 'latin1'));
    await peer.isDropped();
  }
});

hostile('a message byte by byte is a message', async ({ raw }) => {
  const peer = await raw();
  for (const byte of frame(negotiate)) {
    peer.socket.sendBytes(Buffer.from([byte]));
    await sleep(0);
  }
  assert.ok(await peer.next());
});

hostile('ten messages in one segment, cut in the eleventh', async ({ mount }) => {
  const tree = await mount();
  const { connection } = tree.session;
  const echoes = Array.from({ length: 10 }, () => connection.request(echoRequest()));
  await Promise.all(echoes);
  connection.socket.sendBytes(frame(negotiate).subarray(0, 40));
  connection.socket.end();
  await connection.ended;
});

/** Lets what was sent arrive, in real time, and then the server's clocks run. */
async function later(context: TestContext, milliseconds: number): Promise<void> {
  const until = performance.now() + 50;
  while (performance.now() < until) await new Promise(setImmediate);
  context.mock.timers.tick(milliseconds + 1);
}

hostile('a message that does not go on ends its connection', async ({ raw }, context) => {
  const peers = await Promise.all([raw(), raw(), raw()]);
  const whole = frame(negotiate);
  const halves = [whole.subarray(0, 3), whole.subarray(0, 50), encodeFrameHeader(60_000)];
  context.mock.timers.enable({ apis: ['setTimeout'] });
  for (const [i, peer] of peers.entries()) peer.socket.sendBytes(halves[i]!);
  await later(context, MESSAGE_TIMEOUT_MS);
  await Promise.all(peers.map((peer) => peer.socket.ended));
  context.mock.timers.reset();
});

hostile('a connection that gets no session in time ends', async ({ server, address }, context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { host, port } = server;
  const where = { host, port, localAddress: address, timeoutMs: 2_000 };
  const silent = await FrameSocket.open(where);
  const talking = await connectOnly(where);
  const [exchange] = await talking.submit([
    { command: Command.NEGOTIATE, body: negotiate.subarray(64) },
  ]);
  assert.equal((await exchange!.answer).status, 0);
  await later(context, AUTHENTICATION_TIMEOUT_MS);
  await Promise.all([silent.ended, talking.ended]);
  context.mock.timers.reset();
});

hostile(
  'a peer that does not read its answers is dropped in the end',
  async ({ mount }, context) => {
    const tree = await mount({ creditTarget: 8_000 });
    await tree.writeFile('large', Buffer.alloc(8 << 20, 'x'));
    const file = await tree.open('large');
    for (let i = 0; i < 3; i++) await tree.request(echoRequest());
    context.mock.timers.enable({ apis: ['setTimeout'] });
    const { socket } = tree.session.connection;
    socket.pause();
    for (let i = 0; i < 10; i++) await tree.submit([readRequest(file.fileId, 0, 8 << 20)]);
    await later(context, SEND_TIMEOUT_MS);
    await later(context, 1_000);
    // What had left is read; then there is the end, by FIN or by RST.
    socket.pause(false);
    await socket.ended;
    context.mock.timers.reset();
  },
);

hostile('connections that end at once, by FIN and by RST, in mid-message too', async ({ raw }) => {
  for (let i = 0; i < 40; i++) {
    const peer = await raw();
    if (i % 3 > 0) peer.socket.sendBytes(frame(negotiate).subarray(0, i));
    if (i % 2 === 0) peer.socket.end();
    else peer.socket.destroy(true);
    await peer.socket.ended;
  }
});

hostile('a thousand connections of one stranger leave room for others', async ({ raw, server }) => {
  const peers = [];
  for (let i = 0; i < 1000; i++) peers.push(await raw());
  for (const peer of peers) peer.socket.sendBytes(encodeFrameHeader(100));
  await isServed(server);
  const open = peers.filter((peer) => !peer.socket.isEnded).length;
  assert.ok(open < MAX_UNAUTHENTICATED_CONNECTIONS, `${open} connections are still open`);
  for (const peer of peers) peer.socket.destroy();
  await Promise.all(peers.map((peer) => peer.socket.ended));
});

hostile('a peer that never reads its answers holds up nobody else', async ({ mount, server }) => {
  const tree = await mount({ creditTarget: 2048 });
  const content = Buffer.alloc(1 << 20, 'x');
  await tree.writeFile('large', content);
  const file = await tree.open('large');
  tree.session.connection.socket.pause();
  const reads = Array.from({ length: 30 }, () =>
    file.read(0, content.length).catch(() => undefined),
  );
  await isServed(server);
  await tree.session.connection.close();
  await Promise.all(reads);
});
