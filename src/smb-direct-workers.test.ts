/**
 * SMB Direct with workers (docs/adr/0008-workers.md): a connection by RDMA stays in the owner, and meets its session at the
 * worker that has it; whatever came first.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectInput, connect } from './client/connect.ts';
import { RdmaSocket } from './client/rdma-socket.ts';
import type { ClientSession } from './client/session.ts';
import { createServer } from './create-server.ts';
import { STATUS_END_OF_FILE, STATUS_SUCCESS } from './dtyp/ntstatus.ts';
import { workerOfSession } from './objects/ids.ts';
import { described, readBy, writeBy } from './smb-direct.support.test.ts';
import { FILE_OPEN_IF } from './smb2/create-options.ts';
import { decodeReadResponse } from './smb2/read.ts';
import { transportKind } from './transport/listen.ts';
import { createMemoryVfs } from './vfs/memory/memory.ts';

const skip = transportKind() !== 'native';
const timeoutMs = 30_000;
const identity = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };

const server = createServer({
  shares: [{ name: 'files', vfs: createMemoryVfs() }],
  users: [{ name: 'ann', password: 'tiger', identity }],
  global: { smbDirect: true, smbDirectPort: 0, signing: 'auto', workers: skip ? 1 : 2 },
});
const host = '127.0.0.1';
const { port, smbDirectPort } = await server.listen({ port: 0, address: host });
after(() => server.close());

const user = { user: 'ann', secret: 'tiger' };
const byTcp = (over: Partial<ConnectInput> = {}) => connect({ host, port, timeoutMs, ...over });

async function byRdma(over: Partial<ConnectInput> = {}) {
  let socket: RdmaSocket | undefined;
  const connection = await connect({
    ...{ host, port: smbDirectPort!, timeoutMs, ...over },
    open: async (options) => {
      socket = await RdmaSocket.open(options);
      return socket;
    },
  });
  return { connection, socket: socket! };
}

/** A file of 3 MB, written and read by RDMA; the memory is released with the answers. */
async function carries(session: ClientSession, socket: RdmaSocket, name: string): Promise<Buffer> {
  const tree = await session.treeConnect('files');
  const file = await tree.open(name, { disposition: FILE_OPEN_IF, access: 3 });
  const content = randomBytes(3_000_000);
  const source = described(socket, [1_000_000, 2_000_000]);
  content.copy(source.pieces[0]!, 0, 0);
  content.copy(source.pieces[1]!, 0, 1_000_000);
  const { fileId } = file;
  const written = await writeBy(tree, { fileId, length: content.length, info: source.info });
  assert.equal(written.status, STATUS_SUCCESS);
  assert.equal(socket.memory.has(source.tokens[0]!), false);
  const sink = described(socket, [3_000_000]);
  const read = await readBy(tree, { fileId, length: content.length, info: sink.info });
  assert.equal(read.status, STATUS_SUCCESS);
  assert.equal(decodeReadResponse(read.message).dataRemaining, content.length);
  assert.ok(sink.pieces[0]!.equals(content));
  assert.equal(socket.memory.has(sink.tokens[0]!), false);
  const beyond = described(socket, [10]);
  const none = await readBy(tree, { fileId, length: 10, offset: 5_000_000, info: beyond.info });
  assert.equal(none.status, STATUS_END_OF_FILE);
  assert.equal(socket.memory.has(beyond.tokens[0]!), false, 'errors release it, too');
  await file.close();
  return content;
}

const isGone = async (): Promise<void> => {
  for (let i = 0; i < 300 && (await server.status()).connections.length > 0; i++) await sleep(20);
  const { connections, sessions, opens } = await server.status();
  assert.deepEqual([connections, sessions, opens], [[], [], []]);
};

test('a session by RDMA is a worker’s, and a channel by TCP meets it there', { skip }, async () => {
  const clientGuid = Buffer.alloc(16, 1);
  const { connection, socket } = await byRdma({ clientGuid });
  const session = await connection.login(user);
  assert.notEqual(workerOfSession(session.sessionId), 0);
  const content = await carries(session, socket, 'rdma-first');
  const tcp = await byTcp({ clientGuid });
  const channel = await session.bind(tcp);
  assert.equal(channel.sessionId, session.sessionId);
  const tree = await channel.treeConnect('files');
  assert.ok((await (await tree.open('rdma-first')).readAll()).equals(content));
  const { connections } = await server.status();
  const rdma = connections.map((one) => one.rdma);
  assert.equal(rdma.filter((one) => one === null).length, 1, 'one is TCP');
  const counts = rdma.find((one) => one !== null)!;
  assert.deepEqual([counts.writtenBytes, counts.readBytes], [3_000_000, 3_000_000]);
  await connection.close();
  // The other channel goes on without it.
  assert.ok((await (await tree.open('rdma-first')).readAll()).equals(content));
  await tcp.close();
  await isGone();
});

test('a session by TCP is met by a channel by RDMA', { skip }, async () => {
  for (const encrypts of [false, true]) {
    const clientGuid = Buffer.alloc(16, encrypts ? 3 : 2);
    const tcp = await byTcp({ clientGuid });
    const session = await tcp.login(user);
    const { connection, socket } = await byRdma({ clientGuid });
    const channel = await session.bind(connection);
    if (encrypts) channel.encrypts = true;
    await carries(channel, socket, 'tcp-first');
    await Promise.all([connection, tcp].map((one) => one.close()));
    await isGone();
  }
});

test('data by RDMA are not signed or encrypted by themselves: the keys are elsewhere', {
  skip,
}, async () => {
  const { connection } = await byRdma({ rdmaTransforms: [1, 2] });
  assert.deepEqual(connection.negotiated.rdmaTransforms, []);
  await connection.close();
});

test('who is lost in mid-transfer leaves nothing behind', { skip }, async () => {
  const { connection, socket } = await byRdma();
  const session = await connection.login(user);
  const tree = await session.treeConnect('files');
  const file = await tree.open('lost', { disposition: FILE_OPEN_IF, access: 3 });
  const source = described(socket, [4_000_000]);
  const { fileId } = file;
  const writing = Array.from({ length: 20 }, () =>
    writeBy(tree, { fileId, length: 4_000_000, channel: 1, info: source.info }),
  );
  socket.destroy();
  await Promise.allSettled(writing);
  await isGone();
});
