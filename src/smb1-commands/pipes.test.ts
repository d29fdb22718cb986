/** MS-CIFS 3.3.5.57: subcommands of TRANSACTION on named pipes; 3.3.5.36: a message that is read in parts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { both } from '../../test/support/both-dialects.ts';
import { startServer } from '../../test/support/in-process-server.ts';
import {
  closeFid,
  fidOf,
  ntCreate,
  readAndX,
  Smb1Client,
  transactPipe,
  writeAndX,
} from '../../test/support/smb1-client.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { ClientAssociation } from '../rpc/client-association.ts';
import { SRVSVC } from '../rpc/srvsvc.ts';
import { NO_ANDX } from '../smb1/block.ts';
import { Smb1Command } from '../smb1/header.ts';
import { FILE_DELETE_ON_CLOSE, FILE_DIRECTORY_FILE } from '../smb2/create-options.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';
import { TransNamedPipe } from './pipes.ts';

const bind = (): Buffer => new ClientAssociation(SRVSVC).bind();
const BIND_ACK = 12;
const level = (value: number): Buffer => Buffer.from([value, 0]);

async function opened(old: Smb1Client): Promise<number> {
  await old.treeConnect('IPC$');
  return fidOf(await ntCreate(old, { name: '\\srvsvc', disposition: 1 }));
}

both('a pipe is written, peeked and read by transactions', async ({ old }) => {
  const fid = await opened(old);
  const empty = await transactPipe(old, TransNamedPipe.TRANS_PEEK_NMPIPE, fid);
  assert.equal(empty.parameters.toString('hex'), '000000000300');
  const data = bind();
  const written = await transactPipe(old, TransNamedPipe.TRANS_WRITE_NMPIPE, fid, { data });
  assert.equal(written.parameters.readUInt16LE(), data.length);
  const some = await transactPipe(old, TransNamedPipe.TRANS_PEEK_NMPIPE, fid, { limit: 4 });
  assert.equal(some.status, STATUS_BUFFER_OVERFLOW);
  const available = some.parameters.readUInt16LE();
  assert.equal(some.parameters.readUInt16LE(2), available - 4);
  assert.equal(some.data[2], BIND_ACK);
  const part = await transactPipe(old, TransNamedPipe.TRANS_READ_NMPIPE, fid, { limit: 10 });
  assert.equal(part.status, STATUS_BUFFER_OVERFLOW);
  const rest = await transactPipe(old, TransNamedPipe.TRANS_READ_NMPIPE, fid);
  assert.equal(rest.status, STATUS_SUCCESS);
  assert.equal(part.data.length + rest.data.length, available);
  assert.equal(part.data.readUInt16LE(8), available, 'the length of the fragment');
  await closeFid(old, fid);
});

both('a message that is longer than the READ goes on, which the READ tells', async ({ old }) => {
  const fid = await opened(old);
  const read = async (command: number, words: Buffer) => old.request({ command, words });
  const andX = (count: number): Buffer => {
    const words = Buffer.alloc(24);
    // What is the upper half of a count elsewhere.
    words.writeUInt32LE(5_000, 14);
    words[0] = NO_ANDX;
    words.writeUInt16LE(fid, 4);
    words.writeUInt16LE(count, 10);
    return words;
  };
  await writeAndX(old, fid, 0, bind());
  const first = await read(Smb1Command.READ_ANDX, andX(16));
  assert.equal(first.status, STATUS_BUFFER_OVERFLOW);
  assert.equal(first.words.readUInt16LE(10), 16);
  const left = first.words.readUInt16LE(4);
  const old16 = Buffer.alloc(10);
  old16.writeUInt16LE(fid);
  old16.writeUInt16LE(4, 2);
  const second = await read(Smb1Command.READ, old16);
  assert.equal(second.status, STATUS_BUFFER_OVERFLOW);
  assert.equal(second.words.readUInt16LE(), 4);
  const last = await read(Smb1Command.READ_ANDX, andX(4280));
  assert.equal(last.status, STATUS_SUCCESS);
  assert.equal(last.words.readUInt16LE(10), left - 4);
  assert.equal(last.words.readUInt16LE(4), 0);
  await closeFid(old, fid);
});

both('a pipe is called, waited for and told of', async ({ old }) => {
  const fid = await opened(old);
  const { TRANS_CALL_NMPIPE, TRANS_WAIT_NMPIPE, TRANS_QUERY_NMPIPE_INFO } = TransNamedPipe;
  const name = '\\PIPE\\srvsvc';
  const called = await transactPipe(old, TRANS_CALL_NMPIPE, 0, { name, data: bind() });
  assert.equal(called.status, STATUS_SUCCESS);
  assert.equal(called.data[2], BIND_ACK);
  const cut = await transactPipe(old, TRANS_CALL_NMPIPE, 0, { name, data: bind(), limit: 8 });
  assert.equal(cut.status, STATUS_BUFFER_OVERFLOW);
  const strange = { name: '\\PIPE\\nobody' };
  for (const subcommand of [TRANS_CALL_NMPIPE, TRANS_WAIT_NMPIPE]) {
    const { status } = await transactPipe(old, subcommand, 0, strange);
    assert.equal(status, STATUS_OBJECT_NAME_NOT_FOUND);
  }
  assert.equal((await transactPipe(old, TRANS_WAIT_NMPIPE, 0, { name })).status, STATUS_SUCCESS);
  const info = (parameters: Buffer, limit = 64) =>
    transactPipe(old, TRANS_QUERY_NMPIPE_INFO, fid, { parameters, limit });
  const told = await info(level(1));
  assert.equal(told.status, STATUS_SUCCESS);
  assert.equal(told.data.toString('utf16le', 7), `${name}\0`);
  assert.equal(told.data[6], told.data.length - 7);
  assert.equal((await info(level(2))).status, STATUS_INVALID_PARAMETER);
  assert.equal((await info(level(1), 6)).status, STATUS_BUFFER_TOO_SMALL);
  assert.equal((await info(level(1), 10)).status, STATUS_BUFFER_OVERFLOW);
  await closeFid(old, fid);
});

both('who waits for a pipe asks for SYNCHRONIZE', async ({ old }) => {
  await old.treeConnect('IPC$');
  const wish = { name: '\\srvsvc', disposition: 1, options: 0x20 };
  const without = await ntCreate(old, { ...wish, access: 0x0002_019f });
  assert.equal(without.status, STATUS_INVALID_PARAMETER);
  assert.equal((await ntCreate(old, wish)).status, STATUS_SUCCESS);
});

both('what is no pipe, no FID or no subcommand is refused', async ({ old }) => {
  const fid = await opened(old);
  const status = async (subcommand: number, of: number) =>
    (await transactPipe(old, subcommand, of)).status;
  const { TRANS_RAW_READ_NMPIPE, TRANS_RAW_WRITE_NMPIPE, TRANS_PEEK_NMPIPE } = TransNamedPipe;
  // As Windows NT has the two raw ones.
  assert.equal(await status(TRANS_RAW_READ_NMPIPE, fid), STATUS_INVALID_PARAMETER);
  assert.equal(await status(TRANS_RAW_WRITE_NMPIPE, fid), STATUS_INVALID_PARAMETER);
  assert.equal(await status(0x77, fid), STATUS_NOT_SUPPORTED);
  await closeFid(old, fid);
  assert.equal(await status(TRANS_PEEK_NMPIPE, fid), STATUS_INVALID_HANDLE);
  assert.equal(await readAndX(old, fid, 0, 10), STATUS_INVALID_HANDLE);
});

both('a raw write begins with its length, and tells what there is to read', async ({ old }) => {
  const fid = await opened(old);
  const RAW_START = 0x000c;
  const message = bind();
  const length = Buffer.alloc(2);
  length.writeUInt16LE(message.length);
  const data = Buffer.concat([length, message]);
  const written = await writeAndX(old, fid, 0, data, RAW_START);
  assert.equal(written.status, STATUS_SUCCESS);
  assert.equal(written.words.readUInt16LE(4), data.length);
  const peeked = await transactPipe(old, TransNamedPipe.TRANS_PEEK_NMPIPE, fid);
  assert.equal(written.words.readUInt16LE(6), peeked.parameters.readUInt16LE());
  assert.equal(peeked.data[2], BIND_ACK);
  const short = await writeAndX(old, fid, 0, Buffer.alloc(1), RAW_START);
  assert.equal(short.status, STATUS_INVALID_PARAMETER);
});

both('options of a pipe that mean files are ignored (MS-SMB 3.3.5.5)', async ({ old }) => {
  await old.treeConnect('IPC$');
  const options = FILE_DIRECTORY_FILE | FILE_DELETE_ON_CLOSE;
  const made = await ntCreate(old, { name: '\\srvsvc', disposition: 1, options });
  assert.equal(made.status, STATUS_SUCCESS);
});

test('a READ_ANDX of a pipe is no longer than a message that its client takes', async () => {
  const shares = Array.from({ length: 20 }, (_, i) => ({
    ...{ name: `share-${i}`, comment: 'c'.repeat(40), vfs: createMemoryVfs() },
  }));
  const global = { minProtocol: 0x0100, signing: 'auto' } as const;
  const server = await startServer({ shares, global });
  try {
    const client = await Smb1Client.open(server);
    await client.negotiate();
    client.maxBufferSize = 1024;
    await client.login();
    const fid = await opened(client);
    const association = new ClientAssociation(SRVSVC);
    const ack = await transactPipe(client, TransNamedPipe.TRANS_TRANSACT_NMPIPE, fid, {
      data: association.bind(),
    });
    assert.ok(association.bound(ack.data));
    const [call] = association.request(SRVSVC.operations.NetrShareEnum, {
      serverName: null,
      infoStruct: { tag: 1, value: { entries: null } },
      preferedMaximumLength: 0xffff_ffff,
      resumeHandle: null,
    });
    await writeAndX(client, fid, 0, call!);
    const peeked = await transactPipe(client, TransNamedPipe.TRANS_PEEK_NMPIPE, fid, { limit: 4 });
    const available = peeked.parameters.readUInt16LE();
    const words = Buffer.alloc(24);
    words[0] = NO_ANDX;
    words.writeUInt16LE(fid, 4);
    words.writeUInt16LE(4280, 10);
    const first = await client.request({ command: Smb1Command.READ_ANDX, words });
    assert.equal(first.status, STATUS_BUFFER_OVERFLOW);
    assert.equal(first.message.length, 1024);
    let read = first.words.readUInt16LE(10);
    for (let status = first.status; status === STATUS_BUFFER_OVERFLOW; ) {
      const next = await client.request({ command: Smb1Command.READ_ANDX, words });
      ({ status } = next);
      read += next.words.readUInt16LE(10);
    }
    assert.equal(read, available);
    await client.close();
  } finally {
    await server.close();
  }
});
