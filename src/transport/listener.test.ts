import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { SILENT_LOGGER } from '../base/log.ts';
import { configure } from '../config/configuration.ts';
import { createControlPlane } from '../mountd/control-plane.ts';
import { ServerState } from '../objects/server-state.ts';
import { FRAME_HEADER_SIZE, positiveSessionResponse } from '../smb2/framing.ts';
import { listen, type TransportKind, transportKind } from './listen.ts';

/** RFC 1002 4.3.2; the server answers it whatever follows. */
const SESSION_REQUEST = Buffer.from('81000000', 'hex');

function serverState(): ServerState {
  const configuration = configure({});
  const options = {
    serverName: 'S',
    minDialect: 0x0202,
    maxDialect: 0x0311,
    requireSigning: true,
    encryption: 'auto',
    durableHandles: true,
    leases: true,
    directoryLeases: true,
    multiChannel: true,
    apple: undefined,
    maxReadSize: 65_536,
    maxWriteSize: 65_536,
    maxTransactSize: 65_536,
    maxCredits: 128,
    maxConnections: 2,
    maxConnectionsPerAddress: 2,
    maxSessions: 2,
    deadtimeMs: 0,
    maxOpens: 10,
  } as const;
  const controlPlane = createControlPlane({ configuration, users: [] });
  return new ServerState(Buffer.alloc(16), options, controlPlane, [], SILENT_LOGGER);
}

async function client(port: number) {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** By FIN or by RST. */
const closed = (socket: Socket): Promise<unknown[]> =>
  new Promise((resolve) => {
    socket.once('close', () => resolve([]));
  });

const firstData = (socket: Socket): Promise<unknown[]> =>
  new Promise((resolve) => {
    socket.once('data', (...args) => resolve(args));
  });

const KINDS: readonly TransportKind[] =
  transportKind() === 'native' ? ['native', 'portable'] : ['portable'];

for (const kind of KINDS) {
  test(`${kind}: who comes before the listener serves is served then, within the limits`, async () => {
    const listener = await listen({ port: 0, address: '127.0.0.1' }, kind);
    const early = await Promise.all([1, 2, 3].map(() => client(listener.port)));
    const answers = early.map((socket) => {
      socket.write(SESSION_REQUEST);
      return Promise.race([firstData(socket), closed(socket)]);
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const state = serverState();
    assert.equal(
      early.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
      0,
    );
    listener.serve(state);
    const got = (await Promise.all(answers)).map(([first]) => first);
    const served = got.filter((first) => Buffer.isBuffer(first));
    assert.equal(served.length, 2);
    assert.deepEqual(served[0], positiveSessionResponse());
    assert.equal(served[0]!.length, FRAME_HEADER_SIZE);
    assert.deepEqual(
      [...state.connections].map(({ id }) => id),
      [1, 2],
    );
    await listener.close();
    assert.equal(state.connections.size, 0);
  });

  test(`${kind}: a listener that never served ends those who wait`, async () => {
    const listener = await listen({ port: 0, address: '127.0.0.1' }, kind);
    const socket = await client(listener.port);
    const end = closed(socket);
    socket.resume();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await listener.close();
    await end;
  });

  test(`${kind}: a second listener on the port is refused`, async () => {
    const listener = await listen({ port: 0, address: '127.0.0.1' }, kind);
    await assert.rejects(listen({ port: listener.port, address: '127.0.0.1' }, kind), {
      code: 'EADDRINUSE',
    });
    await listener.close();
  });
}
