/** MS-SMBD and MS-SMB2 3.3.5.12, 3.3.5.13: a share over SMB Direct on iWARP, by a client of our own. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect as dial } from 'node:net';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectInput, connect, type NegotiatedConnection } from './client/connect.ts';
import type { ClientFile } from './client/file.ts';
import { RdmaSocket, type RdmaSocketOptions } from './client/rdma-socket.ts';
import type { ClientTree } from './client/tree.ts';
import { createServer } from './create-server.ts';
import { FILE_READ_DATA, FILE_WRITE_DATA } from './dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_END_OF_FILE,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from './dtyp/ntstatus.ts';
import { decodeMpaFrame, encodeMpaFrame } from './rdma/iwarp/mpa.ts';
import { described, readBy, writeBy } from './smb-direct.support.test.ts';
import { encodeBufferDescriptors } from './smb2/buffer-descriptor.ts';
import { SMB2_CHANNEL_RDMA_V1, SMB2_CHANNEL_RDMA_V1_INVALIDATE } from './smb2/channel.ts';
import { FILE_OPEN_IF } from './smb2/create-options.ts';
import { Dialect } from './smb2/dialect.ts';
import { decodeReadResponse } from './smb2/read.ts';
import { decodeWriteResponse } from './smb2/write.ts';
import { createMemoryVfs } from './vfs/memory/memory.ts';

const identity = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
const vfs = createMemoryVfs();
const server = createServer({
  shares: [{ name: 'files', vfs }],
  users: [{ name: 'ann', password: 'tiger', identity }],
  global: { smbDirect: true, smbDirectPort: 0, signing: 'auto' },
});
const { port: tcpPort, smbDirectPort } = await server.listen({ port: 0, address: '127.0.0.1' });
const port = smbDirectPort!;
const ends: (() => Promise<unknown>)[] = [() => server.close()];
after(async () => {
  for (const end of ends.reverse()) await end();
});

const connections = async (): Promise<number> => (await server.status()).connections.length;

interface Over extends Partial<ConnectInput> {
  readonly link?: Partial<RdmaSocketOptions>;
}

async function join({ link, ...over }: Over = {}) {
  let socket: RdmaSocket | undefined;
  const connection: NegotiatedConnection = await connect({
    host: '127.0.0.1',
    port,
    timeoutMs: 5_000,
    open: async (options) => {
      socket = await RdmaSocket.open({ ...options, ...link });
      return socket;
    },
    ...over,
  });
  ends.push(() => connection.close());
  const session = await connection.login({ user: 'ann', secret: 'tiger' });
  const tree = await session.treeConnect('files');
  return { socket: socket!, connection, tree };
}

const BOTH = FILE_READ_DATA | FILE_WRITE_DATA;
const content = randomBytes(3_000_000);

async function fileOf(tree: ClientTree, name: string): Promise<ClientFile> {
  const file = await tree.open(name, { disposition: FILE_OPEN_IF, access: BOTH });
  ends.push(() => file.close().catch(() => {}));
  return file;
}

for (const crc of [false, true]) {
  describe(`SMB Direct ${crc ? 'with' : 'without'} iWARP's checksums`, () => {
    test('a file in messages: fragments both ways', async () => {
      const { tree } = await join({ link: { crc } });
      const file = await fileOf(tree, `messages-${crc}`);
      await file.write(0, content.subarray(0, 200_000));
      assert.deepEqual(await file.read(0, 200_000), content.subarray(0, 200_000));
    });

    test('a file by RDMA: into several pieces of memory, and from them', async () => {
      const { tree, socket } = await join({ link: { crc } });
      const file = await fileOf(tree, `rdma-${crc}`);
      const source = described(socket, [1_000_000, 1, 999_999, 1_000_000]);
      Buffer.concat(source.pieces).copy(content, 0, 0, 0);
      let at = 0;
      for (const piece of source.pieces) {
        content.copy(piece, 0, at);
        at += piece.length;
      }
      const { fileId } = file;
      const written = await writeBy(tree, { fileId, length: content.length, info: source.info });
      assert.equal(written.status, STATUS_SUCCESS);
      assert.equal(decodeWriteResponse(written.message).count, content.length);
      assert.equal(socket.memory.has(source.tokens[0]!), false, 'the first is released');
      assert.equal(socket.memory.has(source.tokens[1]!), true);

      const sink = described(socket, [5, 2_000_000, 1_500_000]);
      const read = await readBy(tree, { fileId, length: 3_000_000, offset: 100, info: sink.info });
      assert.equal(read.status, STATUS_SUCCESS);
      assert.equal(read.message.length, 80, 'nothing behind the fixed part');
      const response = decodeReadResponse(read.message);
      assert.equal(response.data.length, 0);
      assert.equal(response.dataRemaining, content.length - 100);
      const arrived = Buffer.concat(sink.pieces).subarray(0, content.length - 100);
      assert.ok(arrived.equals(content.subarray(100)));
      assert.ok(
        Buffer.concat(sink.pieces)
          .subarray(content.length - 100)
          .every((byte) => byte === 0),
      );
    });
  });
}

test('without invalidation the memory stays: SMB2_CHANNEL_RDMA_V1, and all of 3.0', async () => {
  const { tree, socket } = await join({ dialects: [Dialect.SMB3_00] });
  const file = await fileOf(tree, 'kept');
  await file.write(0, content.subarray(0, 5000));
  const { pieces, tokens, info } = described(socket, [5000]);
  const { fileId } = file;
  const channel = SMB2_CHANNEL_RDMA_V1;
  const answer = await readBy(tree, { fileId, length: 5000, channel, info });
  assert.equal(answer.status, STATUS_SUCCESS);
  assert.ok(pieces[0]!.equals(content.subarray(0, 5000)));
  assert.equal(socket.memory.has(tokens[0]!), true);
  const refused = await readBy(tree, {
    fileId,
    length: 5000,
    channel: SMB2_CHANNEL_RDMA_V1_INVALIDATE,
    info,
  });
  assert.equal(refused.status, STATUS_INVALID_PARAMETER);
});

test('errors release the memory too', async () => {
  const { tree, socket } = await join();
  const file = await fileOf(tree, 'errors');
  await file.write(0, Buffer.from('some'));
  const reader = await tree.open('errors', { access: FILE_READ_DATA });
  const gone = await tree.open('gone', { disposition: FILE_OPEN_IF });
  await gone.close();
  const cases = [
    ['at the end', STATUS_END_OF_FILE, readBy, { fileId: file.fileId, length: 10, offset: 4 }],
    ['closed', STATUS_FILE_CLOSED, readBy, { fileId: gone.fileId, length: 10 }],
    [
      'less memory than bytes',
      STATUS_INVALID_PARAMETER,
      readBy,
      { fileId: file.fileId, length: 101 },
    ],
    [
      'no channel of that number',
      STATUS_INVALID_PARAMETER,
      writeBy,
      { fileId: file.fileId, length: 101 },
    ],
    ['no right to write', STATUS_ACCESS_DENIED, writeBy, { fileId: reader.fileId, length: 10 }],
    ['of nothing', STATUS_INVALID_PARAMETER, writeBy, { fileId: file.fileId, length: 0 }],
  ] as const;
  for (const [name, status, by, place] of cases) {
    const { tokens, info } = described(socket, [100]);
    assert.equal((await by(tree, { ...place, info })).status, status, name);
    assert.equal(socket.memory.has(tokens[0]!), false, name);
  }
  for (const by of [readBy, writeBy]) {
    const { info } = described(socket, [0, 100]);
    const { status } = await by(tree, { fileId: file.fileId, length: 4, info });
    assert.equal(status, STATUS_INVALID_PARAMETER, 'a first buffer of none');
  }
  const { info: whole } = described(socket, [100]);
  const at = await writeBy(tree, { fileId: file.fileId, length: 10, info: whole }, 0x70);
  assert.equal(at.status, STATUS_INVALID_PARAMETER, 'with a DataOffset');
  const bad = Buffer.alloc(15);
  const half = await readBy(tree, { fileId: file.fileId, length: 4, channel: 1, info: bad });
  assert.equal(half.status, STATUS_INVALID_PARAMETER);
});

test('a port that another has: the server says so, and serves nothing', async () => {
  const other = createServer({
    shares: [{ name: 'files', vfs }],
    global: { smbDirect: true, smbDirectPort: port },
  });
  const refused = {
    name: 'SetupError',
    message: /SMB Direct cannot have port \d+ .*smb direct port/,
  };
  const free = { port: 0, address: '127.0.0.1' };
  await assert.rejects(other.listen(free), refused);
  await assert.rejects(other.listen(free), refused, 'and again');
  await other.close();
});

test('over TCP nobody has memory to reach', async () => {
  const connection = await connect({ host: '127.0.0.1', port: tcpPort });
  ends.push(() => connection.close());
  const tree = await (await connection.login({ user: 'ann', secret: 'tiger' })).treeConnect(
    'files',
  );
  const file = await fileOf(tree, 'tcp');
  const info = encodeBufferDescriptors([{ offset: 0n, token: 1, length: 10 }]);
  const { fileId } = file;
  assert.equal((await readBy(tree, { fileId, length: 10, info })).status, STATUS_INVALID_PARAMETER);
  assert.equal(
    (await writeBy(tree, { fileId, length: 10, info })).status,
    STATUS_INVALID_PARAMETER,
  );
});

test('a client that names memory it has not: its stream ends, and the server goes on', async () => {
  const { tree, connection } = await join();
  const file = await fileOf(tree, 'liar');
  const info = encodeBufferDescriptors([{ offset: 0n, token: 0xdead_be00, length: 10 }]);
  await assert.rejects(writeBy(tree, { fileId: file.fileId, length: 10, info }));
  await connection.ended;
  const other = await join();
  assert.ok((await other.tree.open('liar')) !== undefined);
});

test('more WRITEs at a time than are fetched, and many requests at a time', async () => {
  const { tree, socket } = await join();
  const file = await fileOf(tree, 'many');
  const blocks = Array.from({ length: 60 }, (_, i) => Buffer.alloc(10_000, i));
  const writes = blocks.map((block, i) => {
    const { pieces, info } = described(socket, [4_000, 6_000]);
    block.copy(pieces[0]!, 0, 0);
    block.copy(pieces[1]!, 0, 4_000);
    return writeBy(tree, { fileId: file.fileId, length: 10_000, offset: i * 10_000, info });
  });
  for (const { status } of await Promise.all(writes)) assert.equal(status, STATUS_SUCCESS);
  const reads = blocks.map((_, i) => file.read(i * 10_000, 10_000));
  assert.ok(Buffer.concat(await Promise.all(reads)).equals(Buffer.concat(blocks)));
});

test('strangers: no MPA, half an MPA, no SMB Direct; all are gone soon', async () => {
  const before = await connections();
  const said = [
    Buffer.from('GET / HTTP/1.1\r\nHost: nobody here\r\n\r\n'),
    Buffer.from('MPA ID Req Frame\x00\x01\x02\x01', 'latin1'),
    Buffer.concat([Buffer.from('MPA ID Req Frame\x00\x01\x00\x00', 'latin1'), randomBytes(4000)]),
  ];
  for (const bytes of said) {
    const socket = dial(port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {});
    socket.write(bytes);
    socket.resume();
    await closed;
  }
  await sleep(20);
  assert.equal(await connections(), before);
});

test('a client that wants markers in the stream is rejected by MPA, RFC 5044 7.1.3', async () => {
  const request = encodeMpaFrame({
    ...{
      kind: 'request',
      markers: true,
      crc: false,
      rejected: false,
      enhanced: false,
      revision: 1,
    },
    privateData: Buffer.alloc(0),
  });
  const socket = dial({ port, host: '127.0.0.1' }, () => socket.write(request));
  const said: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => said.push(chunk));
  await new Promise((resolve) => socket.once('close', resolve));
  const reply = decodeMpaFrame(Buffer.concat(said));
  assert.deepEqual([reply.kind, reply.rejected, reply.markers], ['reply', true, false]);
});
