/** READ and WRITE (MS-SMB2 3.3.5.12, 3.3.5.13, MS-FSA 2.1.5.3, 2.1.5.4). */
import assert from 'node:assert/strict';
import { createRequest, readRequest, writeRequest } from '../../src/client/requests.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_DISK_FULL,
  STATUS_END_OF_FILE,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { Dialect } from '../../src/smb2/dialect.ts';
import { hostileSuite, isDropped, isRefused, type Kit, patch } from './kit.ts';

const hostile = await hostileSuite();
const readWrite = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, disposition: FILE_OPEN_IF };

let files = 0;
/** A file of ten bytes. */
async function opened({ mount }: Kit, input = {}) {
  const tree = await mount(input);
  const file = await tree.open(`file ${files++}`, readWrite);
  await file.write(0, Buffer.from('0123456789'));
  return { tree, file };
}
const offset = (value: bigint) => patch((m) => m.writeBigUInt64LE(value, 64 + 8));

for (const [name, value, read, write] of [
  ['2^63 - 1', 0x7fffffffffffffffn, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER],
  ['2^63', 0x8000000000000000n, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER],
  ['2^64 - 1', 0xffffffffffffffffn, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER],
  ['2^63 - 12', 0x7ffffffffffffff4n, STATUS_END_OF_FILE, STATUS_INVALID_PARAMETER],
  ['2^53', 1n << 53n, STATUS_END_OF_FILE, STATUS_INVALID_PARAMETER],
  ['16 TiB', 1n << 44n, STATUS_END_OF_FILE, STATUS_INVALID_PARAMETER],
] as const) {
  hostile(`an offset of ${name}`, async (kit) => {
    const { tree, file } = await opened(kit);
    const craft = offset(value);
    await isRefused(tree.request({ ...readRequest(file.fileId, 0, 10), craft }), read);
    const request = writeRequest(file.fileId, 0, Buffer.from('0123456789'));
    await isRefused(tree.request({ ...request, craft }), write, STATUS_DISK_FULL);
    assert.equal((await file.close(true)).endOfFile, 10);
  });
}

hostile('lengths of 0 and of 0xFFFFFFFF', async (kit) => {
  const { tree, file } = await opened(kit);
  assert.equal((await file.read(0, 0)).length, 0);
  assert.equal((await file.read(5_000, 0)).length, 0);
  assert.equal(await file.write(0, Buffer.alloc(0)), 0);
  assert.equal(await file.write(5_000, Buffer.alloc(0)), 0);
  const all = patch((m) => m.writeUInt32LE(0xffffffff, 64 + 4));
  const read = { ...readRequest(file.fileId, 0, 10), craft: all };
  await isRefused(tree.request(read), STATUS_INVALID_PARAMETER);
  const write = { ...writeRequest(file.fileId, 0, Buffer.from('x')), craft: all };
  await isRefused(tree.request(write), STATUS_INVALID_PARAMETER);
  assert.equal((await file.close(true)).endOfFile, 10);
});

hostile('more than MaxReadSize and MaxWriteSize', async (kit) => {
  const { tree, file } = await opened(kit, { creditTarget: 512 });
  const { maxReadSize } = tree.session.connection.negotiated!;
  for (let i = 0; i < 3; i++) await tree.request(createRequest(''));
  const read = readRequest(file.fileId, 0, maxReadSize + 1);
  await isRefused(tree.request(read), STATUS_INVALID_PARAMETER);
  // The transport takes a little more than the largest WRITE, or nothing.
  const write = writeRequest(file.fileId, 0, Buffer.alloc(maxReadSize + 1));
  await isRefused(tree.request(write), STATUS_INVALID_PARAMETER);
  const huge = writeRequest(file.fileId, 0, Buffer.alloc(maxReadSize + 100_000));
  await isDropped(tree.request(huge));
});

hostile('MinimumCount of more than there is, and than is asked for', async (kit) => {
  const { file } = await opened(kit);
  const { tree } = file;
  await isRefused(tree.request(readRequest(file.fileId, 0, 10, 11)), STATUS_END_OF_FILE);
  await isRefused(tree.request(readRequest(file.fileId, 0, 20, 11)), STATUS_END_OF_FILE);
  await isRefused(tree.request(readRequest(file.fileId, 0, 10, 0xffffffff)), STATUS_END_OF_FILE);
  assert.equal((await file.read(0, 20, 10)).length, 10);
});

for (const dialect of [Dialect.SMB2_10, Dialect.SMB3_11]) {
  hostile(`RDMA channels on TCP, 0x${dialect.toString(16)}`, async (kit) => {
    const { tree, file } = await opened(kit, { dialects: [dialect] });
    for (const channel of [1, 2, 3, 0xffffffff]) {
      // Below 3.0 the field is reserved.
      const statuses =
        dialect === Dialect.SMB2_10 ? [0, STATUS_INVALID_PARAMETER] : [STATUS_INVALID_PARAMETER];
      const read = patch((m) => m.writeUInt32LE(channel, 64 + 36));
      await isRefused(
        tree.request({ ...readRequest(file.fileId, 0, 1), craft: read }),
        ...statuses,
      );
      const write = patch((m) => m.writeUInt32LE(channel, 64 + 32));
      const request = writeRequest(file.fileId, 0, Buffer.from('0'));
      await isRefused(tree.request({ ...request, craft: write }), ...statuses);
    }
  });
}

for (const [name, at] of [
  ['the header', 0],
  ['the fixed part', 100],
  ['behind the message', 0xfff0],
] as const) {
  hostile(`WRITE with DataOffset in ${name}`, async (kit) => {
    const { tree, file } = await opened(kit);
    const craft = patch((m) => m.writeUInt16LE(at, 64 + 2));
    const request = writeRequest(file.fileId, 0, Buffer.from('abcdefghij'));
    await isRefused(tree.request({ ...request, craft }), STATUS_INVALID_PARAMETER);
    assert.equal((await file.read(0, 10)).toString(), '0123456789');
  });
}

hostile('WRITE whose data are cut', async (kit) => {
  const { tree, file } = await opened(kit);
  const request = writeRequest(file.fileId, 0, Buffer.from('abcdefghij'));
  const craft = (m: Buffer) => m.subarray(0, m.length - 1);
  await isRefused(tree.request({ ...request, craft }), STATUS_INVALID_PARAMETER);
  assert.equal((await file.read(0, 10)).toString(), '0123456789');
});

hostile('all flags, all priorities, RemainingBytes of 2^32 - 1', async (kit) => {
  const { tree, file } = await opened(kit);
  const read = patch((m) => [m.writeUInt8(0xfc, 64 + 3), m.writeUInt32LE(0xffffffff, 64 + 40)]);
  const answer = await tree.request({ ...readRequest(file.fileId, 0, 1), craft: read });
  assert.equal(answer.status, 0);
  const write = patch((m) => [m.writeUInt32LE(0xffffffff, 64 + 36)]);
  const written = await tree.request({
    ...writeRequest(file.fileId, 0, Buffer.from('0')),
    craft: write,
  });
  assert.equal(written.status, 0);
});

hostile('without the right to', async ({ mount }) => {
  const tree = await mount();
  await tree.writeFile('rights', Buffer.from('x'));
  const reader = await tree.open('rights', { access: FILE_GENERIC_READ });
  const writing = writeRequest(reader.fileId, 0, Buffer.from('y'));
  await isRefused(tree.request(writing), STATUS_ACCESS_DENIED);
  const writer = await tree.open('rights', { access: FILE_GENERIC_WRITE });
  await isRefused(tree.request(readRequest(writer.fileId, 0, 1)), STATUS_ACCESS_DENIED);
  const folder = await tree.open('', { options: FILE_DIRECTORY_FILE });
  const reading = tree.request(readRequest(folder.fileId, 0, 1));
  await isRefused(reading, STATUS_INVALID_DEVICE_REQUEST);
  await tree.remove('rights');
});

hostile('FileIds of nobody, of others, of half', async (kit) => {
  const { tree, file } = await opened(kit);
  const other = await opened(kit);
  const half = (at: number) => {
    const id = Buffer.from(file.fileId);
    id[at]! ^= 1;
    return id;
  };
  const ids = [
    Buffer.alloc(16),
    Buffer.alloc(16, 0xff),
    half(0),
    half(8),
    half(15),
    other.file.fileId,
  ];
  for (const id of ids) {
    // Ids are unique on the server or in the session: the other one's may be no id here.
    const answer = await tree.request(readRequest(id, 0, 1));
    const own = id.equals(file.fileId);
    if (!own) assert.ok(answer.status === STATUS_FILE_CLOSED, answer.status.toString(16));
  }
  await file.close();
  await isRefused(tree.request(readRequest(file.fileId, 0, 1)), STATUS_FILE_CLOSED);
});

hostile('the FileId of another tree of the same session', async (kit) => {
  const { tree, file } = await opened(kit);
  const second = await tree.session.treeConnect('files');
  await isRefused(second.request(readRequest(file.fileId, 0, 1)), STATUS_FILE_CLOSED);
});

hostile('a pipe: rubbish, fragments, and too much of it', async ({ mount }) => {
  const tree = await mount();
  const ipc = await tree.session.treeConnect('IPC$');
  for (const bytes of [Buffer.alloc(1), Buffer.alloc(16, 0xff), Buffer.alloc(60_000, 5)]) {
    const pipe = await ipc.open('srvsvc', { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE });
    for (let i = 0; i < 10; i++) await ipc.request(writeRequest(pipe.fileId, 0, bytes));
    await pipe.close();
  }
  for (const name of ['nothing', '', '..\\srvsvc', 'srvsvc\\x', 'x'.repeat(300)]) {
    const { status } = await ipc.request(createRequest(name));
    assert.ok(status >= 0xc0000000);
  }
});
