/** RPC over TCP (MS-RPCE 2.1.1.1): who gets what, and what strangers may do to it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import {
  bindPdu,
  callProtected,
  logInByRpc,
  mappedPort,
  RpcTcpClient,
  requestPdu,
} from '../../test/support/rpc-tcp-client.ts';
import { SILENT_LOGGER } from '../base/log.ts';
import { SetupError } from '../base/setup-error.ts';
import { configure } from '../config/configuration.ts';
import { EPMAPPER } from '../rpc/epmapper.ts';
import { decodeParameters, encodeParameters } from '../rpc/operation.ts';
import { FAULT_STATUS } from '../rpc/pdu.ts';
import { AUTHENTICATION_LEVEL } from '../rpc/pdu-security.ts';
import { SAMR } from '../rpc/samr.ts';
import { createControlPlane } from './control-plane.ts';
import { listenRpc } from './rpc-listener.ts';

const { CONNECT, PKT_INTEGRITY, PKT_PRIVACY } = AUTHENTICATION_LEVEL;

interface Ends {
  after(end: () => Promise<void> | void): void;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function door(t: Ends, strangerLimitMs = 60_000) {
  const plane = createControlPlane({
    configuration: configure({}),
    users: [{ name: 'ann', password: 'right' }],
    switchesIdentity: false,
  });
  const port = await freePort();
  const listener = await listenRpc({
    ...{ addresses: ['127.0.0.1'], mapperPort: await freePort(), port: 0, log: SILENT_LOGGER },
    range: { low: port, high: port },
    open: (what, caller) => plane.openRpc(what, caller),
    strangerLimitMs,
  });
  plane.rpcPort = listener.port;
  t.after(() => listener.close());
  return listener;
}

test('the endpoint mapper tells strangers the port of an interface', async (t) => {
  const { mapperPort, port } = await door(t);
  assert.equal(await mappedPort(new RpcTcpClient(mapperPort), SAMR.syntax), port);
  const none = { uuid: '01020304-0506-0708-090a-0b0c0d0e0f10', major: 1, minor: 0 };
  assert.equal(await mappedPort(new RpcTcpClient(mapperPort), none), undefined);
});

test('who logs in and signs or seals is answered, and only with the right password', async (t) => {
  const { port } = await door(t);
  const { SamrConnect4 } = SAMR.operations;
  const input = { serverName: null, clientRevision: 2, desiredAccess: 0x30 };
  const stub = encodeParameters(SamrConnect4.input, input);
  for (const level of [PKT_INTEGRITY, PKT_PRIVACY]) {
    for (const secret of ['right', 'wrong']) {
      const client = new RpcTcpClient(port);
      const login = await logInByRpc(client, SAMR.syntax, level, { user: 'ann', secret });
      const answer = await callProtected(client, login!, SamrConnect4.opnum, stub);
      if (secret === 'wrong') {
        assert.equal(answer.kind === 'fault' && answer.status, FAULT_STATUS.ERROR_ACCESS_DENIED);
      } else {
        assert.ok(answer.kind === 'response', answer.kind);
        assert.equal(decodeParameters(SamrConnect4.output, answer.stub, false).status, 0);
      }
      client.socket.destroy();
    }
  }
});

test('a level that leaves requests unprotected is not taken', async (t) => {
  const { port } = await door(t);
  const client = new RpcTcpClient(port);
  const credentials = { user: 'ann', secret: 'right' };
  assert.equal(await logInByRpc(client, SAMR.syntax, CONNECT, credentials), undefined);
});

test('who has not logged in gets faults of every interface', async (t) => {
  const { port } = await door(t);
  const client = new RpcTcpClient(port);
  // In pieces, as the network has them.
  for (const byte of bindPdu(SAMR.syntax)) client.socket.write(Buffer.from([byte]));
  assert.equal((await client.next()).kind, 'bind-ack');
  client.socket.write(requestPdu(62, Buffer.alloc(8)));
  const answer = await client.next();
  assert.equal(answer.kind === 'fault' && answer.status, FAULT_STATUS.ERROR_ACCESS_DENIED);
});

test('what is no RPC ends the connection; others are served meanwhile', async (t) => {
  const { port } = await door(t);
  for (const bytes of [
    Buffer.alloc(64, 0xff),
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    bindPdu(SAMR.syntax).fill(0xff, 8, 10),
  ]) {
    const client = new RpcTcpClient(port);
    client.socket.write(bytes);
    await client.closed();
  }
  const good = new RpcTcpClient(port);
  good.socket.write(bindPdu(SAMR.syntax));
  assert.equal((await good.next()).kind, 'bind-ack');
});

test('an address has sixteen connections, and gets new ones as old ones end', async (t) => {
  const { port } = await door(t);
  const clients = Array.from({ length: 16 }, () => new RpcTcpClient(port));
  await Promise.all(clients.map(({ socket }) => once(socket, 'connect')));
  const one = new RpcTcpClient(port);
  await one.closed();
  clients[0]!.socket.destroy();
  for (let tries = 0; ; tries++) {
    const next = new RpcTcpClient(port);
    next.socket.write(bindPdu(SAMR.syntax));
    const answer = await next.next().catch(() => undefined);
    if (answer !== undefined) break;
    assert.ok(tries < 100);
  }
  for (const { socket } of clients) socket.destroy();
});

test('a stranger who is silent or slow is let go', async (t) => {
  const { port, mapperPort } = await door(t, 500);
  const silent = new RpcTcpClient(port);
  const asker = new RpcTcpClient(mapperPort);
  asker.socket.write(bindPdu(EPMAPPER.syntax));
  await asker.next();
  silent.socket.write(bindPdu(SAMR.syntax).subarray(0, 20));
  await silent.closed();
  await asker.closed();
});

test('a port that is taken is told with its parameter', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => void taken.close());
  const { port } = taken.address() as { port: number };
  const options = {
    ...{ addresses: ['127.0.0.1'], mapperPort: port, port: 0, log: SILENT_LOGGER },
    range: { low: port, high: port },
    open: () => undefined,
  };
  await assert.rejects(listenRpc(options), (error: unknown) => {
    assert.ok(error instanceof SetupError);
    assert.match(error.message, /rpc endpoint mapper port/);
    return true;
  });
  const mapperPort = await freePort();
  await assert.rejects(listenRpc({ ...options, mapperPort }), /dynamic port range/);
});
