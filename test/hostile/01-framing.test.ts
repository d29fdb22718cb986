/** Framing: lengths that lie, bytes that trickle, connections that hang (MS-SMB2 2.1, 3.3.5.2). */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  MAX_UNAUTHENTICATED_CONNECTIONS,
  MAX_UNAUTHENTICATED_MESSAGE_BYTES,
  MESSAGE_TIMEOUT_MS,
} from '../../src/base/limits.ts';
import { createRequest, echoRequest } from '../../src/client/requests.ts';
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

hostile('a message that does not go on ends its connection', async ({ raw }, context) => {
  const peers = await Promise.all([raw(), raw(), raw()]);
  const halves = [
    frame(negotiate).subarray(0, 3),
    frame(negotiate).subarray(0, 50),
    encodeFrameHeader(60_000),
  ];
  context.mock.timers.enable({ apis: ['setTimeout'] });
  for (const [i, peer] of peers.entries()) peer.socket.sendBytes(halves[i]!);
  // Real time, so that the bytes arrive.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  const until = performance.now() + 50;
  while (performance.now() < until) await new Promise(setImmediate);
  context.mock.timers.tick(MESSAGE_TIMEOUT_MS + 1);
  await Promise.all(peers.map((peer) => peer.socket.ended));
  context.mock.timers.reset();
});

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
