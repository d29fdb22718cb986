/** MS-FSA 2.1.5.10.20 and 2.1.5.10.21 through the whole server: copies by a token. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_COPY_BYTES } from '../base/limits.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_END_OF_FILE,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_PARAMETER,
  STATUS_INVALID_TOKEN,
  STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED,
  STATUS_OFFLOAD_WRITE_FILE_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  OffloadReadInput,
  OffloadReadOutput,
  OffloadWriteInput,
  OffloadWriteOutput,
  zeroDataToken,
} from '../fscc/offload.ts';
import { OffloadTokens, TOKEN_LIFE_MS } from '../objects/offload-tokens.ts';
import type { Open } from '../objects/open.ts';
import type { Session } from '../objects/session.ts';
import { decodeCreateResponse } from '../smb2/create.ts';
import { FILE_DIRECTORY_FILE } from '../smb2/create-options.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { decodeIoctlResponse } from '../smb2/ioctl.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK } from '../smb2/lock.ts';
import { decodeReadResponse } from '../smb2/read.ts';
import { close, connected, create, type Draft, type FileId } from './test-client.support.test.ts';
import { fsctl, lock, read, write } from './test-requests.support.test.ts';
import { World } from './test-world.support.test.ts';

const KiB = 1024;
const READ = 0x00000001;
const WRITE = 0x00000002;

async function client(world: World) {
  const { client: own, session, treeId } = await connected(world);
  const ask = (draft: Draft) => own.call({ treeId, ...draft }, session);
  const open = async (name: string, over: object = {}): Promise<FileId> => {
    const reply = await ask(create({ name, ...over }));
    assert.equal(reply.status, STATUS_SUCCESS);
    return decodeCreateResponse(reply.message);
  };
  return {
    ask,
    open,
    put: async (name: string, content: Buffer): Promise<FileId> => {
      const file = await open(name);
      for (let offset = 0; offset < content.length; offset += 64 * KiB) {
        const piece = content.subarray(offset, offset + 64 * KiB);
        assert.equal((await ask(write(file, piece, { offset }))).status, STATUS_SUCCESS);
      }
      return file;
    },
    content: async (file: FileId, offset: number, length: number) =>
      decodeReadResponse((await ask(read(file, { offset, length }))).message).data,
    /** The token and how much it stands for, or a refusal. */
    take: async (file: FileId, over: object = {}, room = 528) => {
      const wanted = { flags: 0, tokenTimeToLive: 0, fileOffset: 0, copyLength: 64 * KiB };
      const input = OffloadReadInput.encode({ size: OffloadReadInput.size, ...wanted, ...over });
      const reply = await ask(fsctl(file, Fsctl.FSCTL_OFFLOAD_READ, input, room));
      if (reply.status !== STATUS_SUCCESS) return { status: reply.status };
      const { output } = decodeIoctlResponse(reply.message);
      if (output.length === 0) return { status: reply.status };
      const { transferLength, token, flags } = OffloadReadOutput.read(output);
      return { status: reply.status, transferLength, flags, token: Buffer.from(token) };
    },
    give: async (file: FileId, token: Buffer, over: object = {}, room = 16) => {
      const wanted = { flags: 0, fileOffset: 0, copyLength: 64 * KiB, transferOffset: 0, token };
      const input = OffloadWriteInput.encode({ size: OffloadWriteInput.size, ...wanted, ...over });
      const reply = await ask(fsctl(file, Fsctl.FSCTL_OFFLOAD_WRITE, input, room));
      if (reply.status !== STATUS_SUCCESS) return [reply.status];
      const { output } = decodeIoctlResponse(reply.message);
      const written = output.length === 0 ? 0 : OffloadWriteOutput.read(output).lengthWritten;
      return [reply.status, written];
    },
  };
}

const noise = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

test('a file goes from one open to another', async () => {
  const { put, take, give, content } = await client(new World());
  const bytes = noise(3000);
  const source = await put('source', bytes);
  const target = await put('target', Buffer.alloc(3000));
  const { transferLength, flags, token } = await take(source);
  // To the end of the last sector, behind which there is nothing.
  assert.deepEqual([transferLength, flags], [3072, 1]);
  assert.deepEqual(await give(target, token!, { copyLength: 3072 }), [STATUS_SUCCESS, 3072]);
  assert.deepEqual(await content(target, 0, 4096), bytes);
  const part = { fileOffset: 512, copyLength: 512, transferOffset: 1024 };
  assert.deepEqual(await give(target, token!, part), [STATUS_SUCCESS, 512]);
  assert.deepEqual(await content(target, 512, 512), bytes.subarray(1024, 1536));
});

test('a large range takes several requests', async () => {
  const { open, take, give, ask } = await client(new World());
  const size = MAX_COPY_BYTES + 64 * KiB;
  const [source, target] = [await open('source'), await open('target')];
  for (const file of [source, target]) {
    const last = await ask(write(file, Buffer.from('end!'), { offset: size - 4 }));
    assert.equal(last.status, STATUS_SUCCESS);
  }
  const { token } = await take(source, { copyLength: size });
  assert.deepEqual(await give(target, token!, { copyLength: size }), [
    STATUS_SUCCESS,
    MAX_COPY_BYTES,
  ]);
});

test('whoever makes zeros needs no file of them', async () => {
  const { put, give, content } = await client(new World());
  const target = await put('target', noise(2048));
  const where = { fileOffset: 512, copyLength: 1024 };
  assert.deepEqual(await give(target, zeroDataToken(), where), [STATUS_SUCCESS, 1024]);
  const left = noise(2048).fill(0, 512, 1536);
  assert.deepEqual(await content(target, 0, 2048), left);
});

test('a token is good while its file is as it was and open, for its session alone', async () => {
  const world = new World();
  const mine = await client(world);
  const other = await client(world);
  const source = await mine.put('source', noise(1024));
  const target = await mine.put('target', Buffer.alloc(1024));
  const theirs = await other.open('target');
  const { token } = await mine.take(source);
  assert.deepEqual(await other.give(theirs, token!), [STATUS_INVALID_TOKEN]);
  for (const at of [0, 6, 8, 16, 24, 32, 40, 64, 95]) {
    const forged = Buffer.from(token!);
    forged[at]! ^= 1;
    assert.deepEqual(await mine.give(target, forged), [STATUS_INVALID_TOKEN], `${at}`);
  }
  assert.deepEqual(await mine.give(target, Buffer.alloc(512)), [STATUS_INVALID_TOKEN]);
  assert.deepEqual(await mine.give(target, token!), [STATUS_SUCCESS, 1024]);
  await mine.ask(write(source, Buffer.alloc(2048, 'x')));
  assert.deepEqual(await mine.give(target, token!), [STATUS_INVALID_TOKEN]);
  const { token: again } = await mine.take(source);
  await mine.ask(close(source));
  assert.deepEqual(await mine.give(target, again!), [STATUS_INVALID_TOKEN]);
});

test('a token ends with its time', () => {
  let now = 1_000_000;
  const session = { sessionId: 5 } as Session;
  const open = { persistentId: 7, session } as Open;
  const tokens = new OffloadTokens(new Map([[7, open]]), () => now);
  const stamp = { size: 9, lastWriteTime: 1n, changeTime: 2n };
  const range = { open, position: 512, length: 1024, stamp };
  const usual = tokens.idOf(range, session, 0);
  const short = tokens.idOf(range, session, 1000);
  assert.deepEqual(tokens.find(usual, session), range);
  now += 1000;
  assert.equal(tokens.find(short, session), undefined);
  now += TOKEN_LIFE_MS - 1001;
  assert.deepEqual(tokens.find(usual, session), range);
  now += 1;
  assert.equal(tokens.find(usual, session), undefined);
  assert.equal(tokens.find(Buffer.alloc(20), session), undefined);
});

test('each refusal by name', async () => {
  const { ask, put, open, take, give } = await client(new World());
  const source = await put('source', noise(2048));
  const target = await put('target', Buffer.alloc(2048));
  const taken = async (over: object, room?: number, file = source) =>
    (await take(file, over, room)).status;
  assert.equal(await taken({}, 527), STATUS_BUFFER_TOO_SMALL);
  assert.equal(await taken({ fileOffset: 1 }), STATUS_INVALID_PARAMETER);
  assert.equal(await taken({ copyLength: 513 }), STATUS_INVALID_PARAMETER);
  assert.equal(await taken({ size: 31 }), STATUS_INVALID_PARAMETER);
  assert.equal(await taken({ fileOffset: 2 ** 63, copyLength: 2 ** 63 }), STATUS_INVALID_PARAMETER);
  assert.equal(await taken({ fileOffset: 2048 }), STATUS_END_OF_FILE);
  assert.deepEqual(await take(source, { copyLength: 0 }), { status: STATUS_SUCCESS });
  const folder = await open('folder', { createOptions: FILE_DIRECTORY_FILE });
  assert.equal(await taken({}, 528, folder), STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED);
  const blind = await open('source', { desiredAccess: WRITE });
  assert.equal(await taken({}, 528, blind), STATUS_ACCESS_DENIED);

  const { token } = await take(source);
  const given = async (over: object, room?: number, file = target) =>
    (await give(file, token!, over, room))[0];
  assert.equal(await given({}, 15), STATUS_BUFFER_TOO_SMALL);
  for (const over of [
    { fileOffset: 1 },
    { copyLength: 513 },
    { transferOffset: 3 },
    { size: 543 },
    { transferOffset: 2048 },
  ]) {
    assert.equal(await given(over), STATUS_INVALID_PARAMETER, JSON.stringify(over));
  }
  assert.equal(await given({ fileOffset: 2048 }), STATUS_END_OF_FILE);
  assert.equal(await given({}, 16, folder), STATUS_OFFLOAD_WRITE_FILE_NOT_SUPPORTED);
  assert.equal(
    await given({}, 16, await open('target', { desiredAccess: READ })),
    STATUS_ACCESS_DENIED,
  );
  const sparse = await put('sparse', Buffer.alloc(2048));
  await ask(fsctl(sparse, Fsctl.FSCTL_SET_SPARSE, Buffer.alloc(0)));
  assert.equal(await given({}, 16, sparse), STATUS_OFFLOAD_WRITE_FILE_NOT_SUPPORTED);
  assert.equal(await taken({}, 528, sparse), STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED);
  const short = fsctl(source, Fsctl.FSCTL_OFFLOAD_READ, Buffer.alloc(31), 528);
  assert.equal((await ask(short)).status, STATUS_BUFFER_TOO_SMALL);

  const holder = await open('target', { desiredAccess: READ | WRITE });
  const whole = { offset: 0n, length: 512n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };
  assert.equal((await ask(lock(holder, whole))).status, STATUS_SUCCESS);
  assert.equal(await given({}), STATUS_FILE_LOCK_CONFLICT);
  assert.equal(await taken({}, 528, target), STATUS_FILE_LOCK_CONFLICT);
});
