/** Copies on the server: what Windows asks to copy a file within a share, MS-SMB2 3.3.5.15.6. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../../src/client/exchange.ts';
import type { ClientFile } from '../../src/client/file.ts';
import { echoRequest, ioctlRequest, readRequest } from '../../src/client/requests.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_CANCELLED,
  STATUS_INVALID_PARAMETER,
  STATUS_INVALID_VIEW_SIZE,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_CREATE } from '../../src/smb2/create-options.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { decodeIoctlResponse } from '../../src/smb2/ioctl.ts';
import {
  decodeResumeKeyResponse,
  decodeSrvCopyChunkResponse,
  encodeSrvCopyChunkCopy,
  type SrvCopyChunk,
} from '../../src/smb2/ioctl-structures.ts';
import { createFaultyVfs } from '../../src/vfs/memory/faulty.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';
import { PERSONAS, win11 } from './personas.ts';
import { assertStatus, type Gate, gate, openStage, timed } from './stage.ts';

const MiB = 1024 * 1024;
const NEW = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, disposition: FILE_CREATE };
const AT_ONCE_MS = 500;

/** The disk copies when it is let. */
let gated: Gate | undefined;
const vfs = createFaultyVfs(createMemoryVfs(), {
  gate: ({ method }) => (method === 'copyRange' ? gated?.opened : undefined),
});
const stage = await openStage({ vfs });

async function keyOf(file: ClientFile): Promise<Buffer> {
  const output = await file.ioctl(Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY, { maxOutput: 32 });
  return Buffer.from(decodeResumeKeyResponse(output));
}

const copying = (target: ClientFile, key: Buffer, chunks: readonly SrvCopyChunk[]) =>
  ioctlRequest(target.fileId, Fsctl.FSCTL_SRV_COPYCHUNK, {
    input: encodeSrvCopyChunkCopy(key, chunks),
    maxOutput: 12,
  });

function countsOf({ message }: Answer): number[] {
  const { output } = decodeIoctlResponse(message);
  assert.equal(output.length, 12);
  const counts = decodeSrvCopyChunkResponse(output);
  return [counts.chunksWritten, counts.chunkBytesWritten, counts.totalBytesWritten];
}

/** As CopyFileEx: by as much as is allowed. */
const chunksOf = (bytes: number, largest: number): SrvCopyChunk[] =>
  Array.from({ length: Math.ceil(bytes / largest) }, (_, i) => ({
    sourceOffset: i * largest,
    targetOffset: i * largest,
    length: Math.min(largest, bytes - i * largest),
  }));

let files = 0;

for (const persona of PERSONAS.filter(({ name }) => name !== 'scanner')) {
  test(`B35 who asks for too much is told the limits, and copies by them (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const name = `B35 ${files++}`;
    const content = Buffer.alloc(3 * MiB + 5, name);
    await tree.writeFile(name, content);
    const source = await tree.open(name);
    const target = await tree.open(`${name} - Copy`, NEW);
    const key = await keyOf(source);
    const tooLarge = await tree.request(copying(target, key, chunksOf(content.length, 2 * MiB)));
    assertStatus(tooLarge, STATUS_INVALID_PARAMETER);
    const [chunks, largest, all] = countsOf(tooLarge);
    assert.deepEqual([chunks, largest, all], [256, MiB, 16 * MiB]);
    const done = await tree.request(copying(target, key, chunksOf(content.length, largest!)));
    assertStatus(done, STATUS_SUCCESS);
    assert.deepEqual(countsOf(done), [4, 0, content.length]);
    assert.ok((await tree.readFile(`${name} - Copy`)).equals(content));
    const beyond = [...chunksOf(MiB, MiB), { sourceOffset: 3 * MiB, targetOffset: 0, length: 6 }];
    const partly = await tree.request(copying(target, key, beyond));
    assertStatus(partly, STATUS_INVALID_VIEW_SIZE);
    assert.deepEqual(countsOf(partly), [1, 0, MiB]);
    assert.deepEqual(countsOf(await tree.request(copying(target, key, []))), [0, 0, 0]);
    await tree.session.connection.close();
  });
}

test('B36 a copy that takes long is pending, holds up nobody, and can be cancelled', async () => {
  const tree = await stage.enter(win11);
  const content = Buffer.alloc(4 * MiB, 'B36');
  await tree.writeFile('B36', content);
  const source = await tree.open('B36');
  const target = await tree.open('B36 - Copy', NEW);
  const key = await keyOf(source);
  gated = gate();
  const [copy] = await tree.submit([copying(target, key, chunksOf(content.length, MiB))]);
  assert.equal((await copy!.interim)?.status, STATUS_PENDING);
  const { ms } = await timed(async () => {
    assertStatus(await tree.request(readRequest(source.fileId, 0, 7)), STATUS_SUCCESS);
    assertStatus(await tree.session.request(echoRequest()), STATUS_SUCCESS);
    await tree.list('');
  });
  assert.ok(ms < AT_ONCE_MS, `${ms} ms`);
  await tree.session.connection.cancel(copy!);
  assertStatus(await tree.session.request(echoRequest()), STATUS_SUCCESS);
  gated.open();
  gated = undefined;
  const answer = await tree.session.connection.answerOf(copy!);
  assertStatus(answer, STATUS_CANCELLED);
  assert.deepEqual(countsOf(answer), [1, 0, MiB]);
});
