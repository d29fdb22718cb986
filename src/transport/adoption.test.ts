/** A connection that was accepted elsewhere, with bytes that were read there: by SCM_RIGHTS, as a worker gets it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { receiveDescriptor, sendDescriptor, socketPair } from '../native/descriptors.ts';
import { close } from '../native/files.ts';
import { addressOf } from '../native/library.ts';
import { accept, listenSocket, localAddress } from '../native/listen-socket.ts';
import { EAGAIN, recv } from '../native/socket.ts';
import { World } from '../server/test-world.support.test.ts';
import { encodeFrameHeader } from '../smb2/framing.ts';
import { Command, encodeHeader, readHeader } from '../smb2/header.ts';
import { encodeNegotiateRequest } from '../smb2/negotiate.ts';
import { transportKind } from './listen.ts';
import { NativeConnection } from './native-tcp.ts';

const skip = transportKind() !== 'native';
const LOOPBACK = Uint8Array.from([127, 0, 0, 1]);

const NEGOTIATE = Buffer.concat([
  encodeHeader({ command: Command.NEGOTIATE }),
  encodeNegotiateRequest({
    securityMode: 1,
    capabilities: 0,
    clientGuid: Buffer.alloc(16, 9),
    dialects: [0x0210],
    negotiateContexts: [],
  }),
]);
const FRAME = Buffer.concat([encodeFrameHeader(NEGOTIATE.length), NEGOTIATE]);

async function accepted(listener: number): Promise<number> {
  for (;;) {
    const fd = accept(listener);
    if (fd >= 0) return fd;
    assert.equal(fd, EAGAIN);
    await sleep(2);
  }
}

for (const cut of [0, 3, 40, FRAME.length]) {
  test(`an adopted connection goes on behind ${cut} bytes that were read before`, {
    skip,
  }, async () => {
    const listener = listenSocket(LOOPBACK, 0, false);
    const client = connect(localAddress(listener)!.port, '127.0.0.1');
    await once(client, 'connect');
    const fd = await accepted(listener);
    client.write(FRAME.subarray(0, cut));
    const early = Buffer.alloc(cut);
    for (let at = 0; at < cut; ) {
      const count = recv(fd, addressOf(early) + at, cut - at, 0);
      if (count > 0) at += count;
      else await sleep(2);
    }
    const pair = socketPair('packets');
    assert.ok(typeof pair !== 'number');
    assert.equal(sendDescriptor(pair[0], early.length > 0 ? early : Buffer.from('-'), fd), 0);
    close(fd);
    const packet = Buffer.alloc(1024);
    const got = receiveDescriptor(pair[1], packet);
    assert.ok(typeof got !== 'number');
    const world = new World({});
    const connection = new NativeConnection(world.server, got.descriptor!, '127.0.0.1', 1, {
      id: 77,
      early: packet.subarray(0, cut),
    });
    // What was read is the connection's own by now.
    packet.fill(0);
    client.write(FRAME.subarray(cut));
    const [answer] = (await once(client, 'data')) as [Buffer];
    assert.equal(readHeader(answer.subarray(4)).command, Command.NEGOTIATE);
    assert.deepEqual(
      [...world.server.connections].map(({ id, state }) => [id, state]),
      [[77, 'negotiated']],
    );
    client.end();
    await connection.finished;
    world.assertEmpty();
    for (const each of [listener, ...pair]) close(each);
  });
}
