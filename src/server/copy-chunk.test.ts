/** MS-SMB2 3.3.5.15.5 and 3.3.5.15.6 through the whole server: copies from one open to another. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_COPY_BYTES, MAX_COPY_CHUNK_BYTES, MAX_COPY_CHUNKS } from '../base/limits.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_CANCELLED,
  STATUS_DISK_FULL,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_INVALID_VIEW_SIZE,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { encodeCancelRequest } from '../smb2/cancel.ts';
import { decodeCreateResponse } from '../smb2/create.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { Command } from '../smb2/header.ts';
import { decodeIoctlResponse } from '../smb2/ioctl.ts';
import {
  decodeResumeKeyResponse,
  decodeSrvCopyChunkResponse,
  encodeSrvCopyChunkCopy,
  type SrvCopyChunk,
} from '../smb2/ioctl-structures.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK, SMB2_LOCKFLAG_SHARED_LOCK } from '../smb2/lock.ts';
import { decodeReadResponse } from '../smb2/read.ts';
import { ENOSPC } from '../vfs/errno.ts';
import { ALL_ONES } from '../wire/struct.ts';
import {
  type ClientSession,
  close,
  connected,
  create,
  type Draft,
  type FileId,
  type Reply,
  type TestClient,
} from './test-client.support.test.ts';
import { fsctl, lock, read, write } from './test-requests.support.test.ts';
import { turns, World, type WorldOptions } from './test-world.support.test.ts';

const READ = 0x00000001;
const WRITE = 0x00000002;
const APPEND = 0x00000004;
const EXECUTE = 0x00000020;
const READ_ATTRIBUTES = 0x00000080;

class Peer {
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeId: number;

  constructor(connection: { client: TestClient; session: ClientSession; treeId: number }) {
    this.client = connection.client;
    this.session = connection.session;
    this.treeId = connection.treeId;
  }

  send(draft: Draft): number {
    return this.client.send([{ treeId: this.treeId, ...draft }], this.session)[0]!;
  }

  ask(draft: Draft): Promise<Reply> {
    return this.client.final(this.send(draft));
  }

  async open(name: string, over: Parameters<typeof create>[0] | object = {}): Promise<FileId> {
    const reply = await this.ask(create({ name, ...over }));
    assert.equal(reply.status, STATUS_SUCCESS);
    return decodeCreateResponse(reply.message);
  }

  /** A file with this content. */
  async put(name: string, content: string | Buffer): Promise<FileId> {
    const file = await this.open(name);
    assert.equal((await this.ask(write(file, content))).status, STATUS_SUCCESS);
    return file;
  }

  async content(file: FileId): Promise<string> {
    const { status, message } = await this.ask(read(file));
    return status === STATUS_SUCCESS ? decodeReadResponse(message).data.toString() : '';
  }

  async key(file: FileId): Promise<Buffer> {
    const reply = await this.ask(fsctl(file, Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY));
    assert.equal(reply.status, STATUS_SUCCESS);
    const { output } = decodeIoctlResponse(reply.message);
    assert.equal(output.length, 32);
    return Buffer.from(decodeResumeKeyResponse(output));
  }

  copy(key: Buffer, target: FileId, ...chunks: SrvCopyChunk[]): Promise<Copied> {
    return this.copyBy(Fsctl.FSCTL_SRV_COPYCHUNK, key, target, ...chunks);
  }

  async copyBy(
    code: number,
    key: Buffer,
    target: FileId,
    ...chunks: SrvCopyChunk[]
  ): Promise<Copied> {
    return copied(await this.ask(fsctl(target, code, encodeSrvCopyChunkCopy(key, chunks))));
  }
}

/** Status, chunks written, bytes of the last one, bytes of all. */
type Copied = readonly [status: number, ...counts: number[]];

function copied({ status, message, header }: Reply): Copied {
  assert.equal(header.command, Command.IOCTL);
  // The ERROR response of 2.2.2.
  if (message[64] === 9) return [status];
  const { output } = decodeIoctlResponse(message);
  assert.equal(output.length, 12);
  const { chunksWritten, chunkBytesWritten, totalBytesWritten } =
    decodeSrvCopyChunkResponse(output);
  return [status, chunksWritten, chunkBytesWritten, totalBytesWritten];
}

const LIMITS: Copied = [
  STATUS_INVALID_PARAMETER,
  MAX_COPY_CHUNKS,
  MAX_COPY_CHUNK_BYTES,
  MAX_COPY_BYTES,
];

const chunk = (sourceOffset: number, targetOffset: number, length: number): SrvCopyChunk => ({
  sourceOffset,
  targetOffset,
  length,
});

async function withPeer(
  body: (peer: Peer, world: World) => Promise<void>,
  options: WorldOptions = {},
): Promise<void> {
  const world = new World(options);
  const peer = new Peer(await connected(world));
  await body(peer, world);
  peer.client.handler.closed();
  await turns();
  world.assertEmpty();
}

test('chunks are copied in their order, within one file too', () =>
  withPeer(async (peer) => {
    const source = await peer.put('from', '0123456789');
    const target = await peer.open('to');
    const key = await peer.key(source);
    assert.deepEqual(await peer.copy(key, target, chunk(0, 0, 4), chunk(8, 2, 2), chunk(5, 6, 1)), [
      STATUS_SUCCESS,
      3,
      0,
      7,
    ]);
    assert.equal(await peer.content(target), '0189\0\x005');
    assert.deepEqual(await peer.copy(key, source, chunk(0, 2, 8)), [STATUS_SUCCESS, 1, 0, 8]);
    assert.equal(await peer.content(source), '0101234567');
  }));

test('a target offset of -1 is the end of the file', () =>
  withPeer(async (peer) => {
    const key = await peer.key(await peer.put('from', 'abc'));
    const target = await peer.put('to', 'x');
    const ends = [chunk(0, ALL_ONES, 2), chunk(1, ALL_ONES, 2)];
    assert.deepEqual(await peer.copy(key, target, ...ends), [STATUS_SUCCESS, 2, 0, 4]);
    assert.equal(await peer.content(target), 'xabbc');
  }));

test('streams and files are copied into each other', () =>
  withPeer(async (peer) => {
    const stream = await peer.put('f:s', 'stream');
    const file = await peer.put('g', 'file');
    assert.deepEqual(await peer.copy(await peer.key(stream), file, chunk(0, 0, 6)), [0, 1, 0, 6]);
    assert.deepEqual(await peer.copy(await peer.key(file), stream, chunk(2, 6, 4)), [0, 1, 0, 4]);
    assert.equal(await peer.content(stream), 'streamream');
  }));

test('no chunks: nothing is copied, and that is a success', () =>
  withPeer(async (peer) => {
    const key = await peer.key(await peer.put('from', 'abc'));
    const target = await peer.put('to', 'x');
    assert.deepEqual(await peer.copy(key, target), [STATUS_SUCCESS, 0, 0, 0]);
    assert.equal(await peer.content(target), 'x');
  }));

test('a resume key is the open’s, for as long as it is open', () =>
  withPeer(async (peer) => {
    const source = await peer.put('from', 'abc');
    const again = await peer.open('from');
    const target = await peer.open('to');
    const key = await peer.key(source);
    assert.deepEqual(await peer.key(source), key);
    assert.notDeepEqual(await peer.key(again), key);
    for (let i = 0; i < key.length; i++) {
      const wrong = Buffer.from(key);
      wrong[i]! ^= 1;
      const refused = await peer.copy(wrong, target, chunk(0, 0, 1));
      assert.deepEqual(refused, [STATUS_OBJECT_NAME_NOT_FOUND]);
    }
    await peer.ask(close(source));
    const refused = await peer.copy(key, target, chunk(0, 0, 1));
    assert.deepEqual(refused, [STATUS_OBJECT_NAME_NOT_FOUND]);
    const small = fsctl(again, Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY, Buffer.alloc(0), 31);
    assert.equal((await peer.ask(small)).status, STATUS_INVALID_PARAMETER);
  }));

test('another session has no use for a resume key, another share of the same has', async () => {
  const world = new World();
  const ann = new Peer(await connected(world));
  const bob = new Peer(await connected(world, { user: 'bob', clientGuid: 8 }));
  const key = await ann.key(await ann.put('from', 'abc'));
  const target = await bob.open('to');
  assert.deepEqual(await bob.copy(key, target, chunk(0, 0, 1)), [STATUS_OBJECT_NAME_NOT_FOUND]);
  const treeId = await ann.client.tree(ann.session, 'share');
  const other = new Peer({ ...ann, treeId });
  const elsewhere = await other.open('to');
  assert.deepEqual(await other.copy(key, elsewhere, chunk(0, 0, 3)), [STATUS_SUCCESS, 1, 0, 3]);
});

test('what is beyond the limits is answered with them', () =>
  withPeer(async (peer) => {
    const source = await peer.put('from', 'abc');
    const target = await peer.open('to');
    const key = await peer.key(source);
    const many = Array.from({ length: MAX_COPY_CHUNKS + 1 }, () => chunk(0, 0, 1));
    assert.deepEqual(await peer.copy(key, target, ...many), LIMITS);
    assert.deepEqual(await peer.copy(key, target, chunk(0, 0, 0)), LIMITS);
    assert.deepEqual(await peer.copy(key, target, chunk(0, 0, MAX_COPY_CHUNK_BYTES + 1)), LIMITS);
    assert.deepEqual(await peer.copy(key, target, chunk(0, 2 ** 63, 1)), LIMITS);
    assert.deepEqual(await peer.copy(key, target, chunk(0, 2 ** 45, 1)), LIMITS);
    const large = Array.from({ length: 17 }, () => chunk(0, 0, MAX_COPY_CHUNK_BYTES));
    assert.deepEqual(await peer.copy(key, target, ...large), LIMITS);
    const input = encodeSrvCopyChunkCopy(key, [chunk(0, 0, 1)]);
    input.writeUInt32LE(0xffff_ffff, 24);
    const counted = await peer.ask(fsctl(target, Fsctl.FSCTL_SRV_COPYCHUNK, input));
    assert.deepEqual(copied(counted), LIMITS);
    const all = Array.from({ length: MAX_COPY_CHUNKS }, (_, i) => chunk(i % 3, i, 1));
    assert.deepEqual(await peer.copy(key, target, ...all), [STATUS_SUCCESS, 256, 0, 256]);
  }));

test('12 bytes of room are needed, and a whole request', () =>
  withPeer(async (peer) => {
    const target = await peer.open('to');
    const key = await peer.key(await peer.put('from', 'abc'));
    const input = encodeSrvCopyChunkCopy(key, [chunk(0, 0, 1)]);
    const code = Fsctl.FSCTL_SRV_COPYCHUNK;
    assert.deepEqual(copied(await peer.ask(fsctl(target, code, input, 11))), [
      STATUS_INVALID_PARAMETER,
    ]);
    assert.deepEqual(copied(await peer.ask(fsctl(target, code, input.subarray(0, 31)))), [
      STATUS_INVALID_PARAMETER,
    ]);
    assert.deepEqual(copied(await peer.ask(fsctl(target, code, input.subarray(0, 55)))), LIMITS);
  }));

test('beyond the end of the source: what was copied before is told', () =>
  withPeer(async (peer) => {
    const key = await peer.key(await peer.put('from', '0123456789'));
    const target = await peer.open('to');
    const view = STATUS_INVALID_VIEW_SIZE;
    assert.deepEqual(await peer.copy(key, target, chunk(0, 0, 5), chunk(5, 5, 6)), [view, 1, 0, 5]);
    assert.equal(await peer.content(target), '01234');
    assert.deepEqual(await peer.copy(key, target, chunk(2 ** 62, 0, 1)), [view, 0, 0, 0]);
    assert.deepEqual(await peer.copy(key, target, chunk(ALL_ONES, 0, 1)), [view, 0, 0, 0]);
  }));

test('both opens need their rights', () =>
  withPeer(async (peer) => {
    const { FSCTL_SRV_COPYCHUNK, FSCTL_SRV_COPYCHUNK_WRITE } = Fsctl;
    await peer.put('from', 'abc');
    const open = (name: string, desiredAccess: number) => peer.open(name, { desiredAccess });
    const sources = [
      [READ, STATUS_SUCCESS],
      [EXECUTE, STATUS_SUCCESS],
      [READ_ATTRIBUTES | WRITE, STATUS_ACCESS_DENIED],
    ] as const;
    for (const [access, expected] of sources) {
      const key = await peer.key(await open('from', access));
      const target = await open('to', READ | WRITE);
      assert.equal((await peer.copy(key, target, chunk(0, 0, 1)))[0], expected, `${access}`);
    }
    const key = await peer.key(await open('from', READ));
    const targets = [
      [READ | APPEND, STATUS_SUCCESS, STATUS_SUCCESS],
      [WRITE | EXECUTE, STATUS_ACCESS_DENIED, STATUS_SUCCESS],
      [READ, STATUS_ACCESS_DENIED, STATUS_ACCESS_DENIED],
    ] as const;
    for (const [access, plain, writing] of targets) {
      const target = await open('to', access);
      const all = [chunk(0, 0, 1)];
      assert.equal((await peer.copyBy(FSCTL_SRV_COPYCHUNK, key, target, ...all))[0], plain);
      assert.equal((await peer.copyBy(FSCTL_SRV_COPYCHUNK_WRITE, key, target, ...all))[0], writing);
    }
  }));

test('directories have keys, and nothing to copy', () =>
  withPeer(async (peer) => {
    const directory = await peer.open('d', { createOptions: 1 });
    const target = await peer.put('to', 'abc');
    const key = await peer.key(directory);
    const refused = [STATUS_INVALID_DEVICE_REQUEST];
    assert.deepEqual(await peer.copy(key, target, chunk(0, 0, 1)), refused);
    assert.deepEqual(await peer.copy(await peer.key(target), directory, chunk(0, 0, 1)), refused);
  }));

test('on a pipe there is neither a key nor a copy', async () => {
  const world = new World();
  const peer = new Peer(await connected(world));
  const key = await peer.key(await peer.put('from', 'abc'));
  const treeId = await peer.client.tree(peer.session, 'IPC$');
  const pipes = new Peer({ ...peer, treeId });
  const pipe = await pipes.open('echo', { desiredAccess: READ | WRITE });
  const asked = await pipes.ask(fsctl(pipe, Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY));
  assert.equal(asked.status, STATUS_INVALID_DEVICE_REQUEST);
  assert.deepEqual(await pipes.copy(key, pipe, chunk(0, 0, 1)), LIMITS);
});

test('locks of others are met before anything is copied', () =>
  withPeer(async (peer) => {
    const source = await peer.put('from', '0123456789');
    const target = await peer.open('to');
    const key = await peer.key(source);
    const held = async (file: FileId, offset: bigint, flags: number) => {
      assert.equal((await peer.ask(lock(file, { offset, length: 1n, flags }))).status, 0);
    };
    const others = { from: await peer.open('from'), to: await peer.open('to') };
    await held(others.from, 2n, SMB2_LOCKFLAG_SHARED_LOCK);
    await held(source, 3n, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
    assert.deepEqual(await peer.copy(key, target, chunk(0, 0, 6)), [STATUS_SUCCESS, 1, 0, 6]);
    await held(others.from, 7n, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
    const refused = [STATUS_FILE_LOCK_CONFLICT, 0, 0, 0];
    assert.deepEqual(await peer.copy(key, target, chunk(0, 0, 1), chunk(6, 6, 2)), refused);
    await held(others.to, 100n, SMB2_LOCKFLAG_SHARED_LOCK);
    assert.deepEqual(await peer.copy(key, target, chunk(0, 99, 2)), refused);
    assert.equal(await peer.content(target), '012345');
  }));

test('a lock that came meanwhile stops the copy where it stands', () =>
  withPeer(async (peer, world) => {
    const key = await peer.key(await peer.put('from', '0123456789'));
    const target = await peer.open('to');
    const other = await peer.open('to');
    world.gates.shut('copyRange');
    const input = encodeSrvCopyChunkCopy(key, [chunk(0, 0, 5), chunk(5, 5, 5)]);
    const id = peer.send(fsctl(target, Fsctl.FSCTL_SRV_COPYCHUNK, input));
    await turns();
    const exclusive = { offset: 7n, length: 1n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };
    assert.equal((await peer.ask(lock(other, exclusive))).status, STATUS_SUCCESS);
    world.gates.open('copyRange');
    const reply = await peer.client.final(id);
    assert.deepEqual(copied(reply), [STATUS_FILE_LOCK_CONFLICT, 1, 0, 5]);
  }));

test('while one copies others are answered; CANCEL and the end of the source stop it', () =>
  withPeer(async (peer, world) => {
    const source = await peer.put('from', '0123456789');
    const key = await peer.key(source);
    const target = await peer.open('to');
    const other = await peer.open('other');
    const input = encodeSrvCopyChunkCopy(key, [chunk(0, 0, 5), chunk(5, 5, 5)]);
    for (const stop of ['cancel', 'close'] as const) {
      world.gates.shut('copyRange');
      const id = peer.send(fsctl(target, Fsctl.FSCTL_SRV_COPYCHUNK, input));
      await turns();
      assert.equal((await peer.ask(write(other, 'meanwhile'))).status, STATUS_SUCCESS);
      if (stop === 'close') await peer.ask(close(source));
      else {
        peer.client.send(
          [{ command: Command.CANCEL, body: encodeCancelRequest(), messageId: id }],
          peer.session,
        );
      }
      world.gates.open('copyRange');
      const [status, ...counts] = copied(await peer.client.final(id));
      assert.deepEqual(counts, [1, 0, 5]);
      assert.equal(status, stop === 'cancel' ? STATUS_CANCELLED : 0xc0000128);
    }
  }));

test('a full disk is told, with what went before', () => {
  let copies = 0;
  return withPeer(
    async (peer) => {
      const key = await peer.key(await peer.put('from', '0123456789'));
      const target = await peer.open('to');
      const answer = await peer.copy(key, target, chunk(0, 0, 5), chunk(5, 5, 5));
      assert.deepEqual(answer, [STATUS_DISK_FULL, 1, 0, 5]);
    },
    { fail: ({ method }) => (method === 'copyRange' && ++copies === 2 ? ENOSPC : undefined) },
  );
});

test('on a read-only share nothing is copied to', async () => {
  const world = new World();
  const peer = new Peer(await connected(world));
  const source = await peer.put('f', 'abc');
  const key = await peer.key(source);
  const treeId = await peer.client.tree(peer.session, 'fixed');
  const fixed = new Peer({ ...peer, treeId });
  const target = await fixed.open('f', { desiredAccess: READ, createDisposition: 1 });
  const { FSCTL_SRV_COPYCHUNK_WRITE } = Fsctl;
  const refused = await fixed.copyBy(FSCTL_SRV_COPYCHUNK_WRITE, key, target, chunk(0, 0, 1));
  assert.deepEqual(refused, [STATUS_ACCESS_DENIED]);
});

test('a copy breaks what others cache of the target', () =>
  withPeer(async (peer) => {
    const key = await peer.key(await peer.put('from', 'abc'));
    const target = await peer.open('to');
    // Level II.
    await peer.open('to', { requestedOplockLevel: 1 });
    const before = peer.client.breaks.length;
    assert.deepEqual(await peer.copy(key, target, chunk(0, 0, 3)), [STATUS_SUCCESS, 1, 0, 3]);
    assert.equal(peer.client.breaks.length, before + 1);
  }));
