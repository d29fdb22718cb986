/** MS-FSA 2.1.5.10 through the whole server: sparse files, zeros, allocated ranges, regions, trim, compression. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_RANGES_PROCESSED,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_SPARSE_FILE } from '../fscc/attributes.ts';
import {
  CompressionState,
  DuplicateExtents,
  decodeFileAllocatedRanges,
  decodeFileRegions,
  encodeFileLevelTrim,
  FileAllocatedRange,
  FileLevelTrimOutput,
  FileRegionInput,
  FileZeroData,
} from '../fscc/file-ranges.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { decodeCreateResponse } from '../smb2/create.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { decodeIoctlResponse } from '../smb2/ioctl.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK } from '../smb2/lock.ts';
import { decodeQueryInfoResponse } from '../smb2/query-info.ts';
import { decodeReadResponse } from '../smb2/read.ts';
import { connected, create, type Draft, type FileId } from './test-client.support.test.ts';
import { fsctl, lock, query, read, write } from './test-requests.support.test.ts';
import { World } from './test-world.support.test.ts';

const KiB = 1024;
const READ = 0x00000001;
const WRITE = 0x00000002;
const WRITE_EA = 0x00000010;
const WRITE_ATTRIBUTES = 0x00000100;

async function stage() {
  const world = new World();
  const { client, session, treeId } = await connected(world);
  const ask = (draft: Draft) => client.call({ treeId, ...draft }, session);
  const open = async (name: string, over: object = {}): Promise<FileId> => {
    const reply = await ask(create({ name, ...over }));
    assert.equal(reply.status, STATUS_SUCCESS);
    return decodeCreateResponse(reply.message);
  };
  const control = (file: FileId, code: number, input: Buffer = Buffer.alloc(0), room = 4096) =>
    ask(fsctl(file, code, input, room));
  return {
    ask,
    open,
    control,
    put: async (name: string, content: Buffer): Promise<FileId> => {
      const file = await open(name);
      for (let offset = 0; offset < content.length; offset += 64 * KiB) {
        const piece = content.subarray(offset, offset + 64 * KiB);
        assert.equal((await ask(write(file, piece, { offset }))).status, STATUS_SUCCESS);
      }
      return file;
    },
    status: async (file: FileId, code: number, input?: Buffer, room?: number) =>
      (await control(file, code, input, room)).status,
    isSparse: async (file: FileId): Promise<boolean> => {
      const { message } = await ask(query(file, FileInformationClass.FileBasicInformation));
      const attributes = decodeQueryInfoResponse(message).outputBuffer.readUInt32LE(32);
      return (attributes & FILE_ATTRIBUTE_SPARSE_FILE) !== 0;
    },
    ranges: async (file: FileId, fileOffset: number, length: number, room = 4096) => {
      const input = FileAllocatedRange.encode({ fileOffset, length });
      const reply = await control(file, Fsctl.FSCTL_QUERY_ALLOCATED_RANGES, input, room);
      if (reply.message[64] === 9) return [reply.status];
      const found = decodeFileAllocatedRanges(decodeIoctlResponse(reply.message).output);
      return [reply.status, ...found.map((one) => [one.fileOffset, one.length])];
    },
    zero: async (file: FileId, fileOffset: number, beyondFinalZero: number) => {
      const input = FileZeroData.encode({ fileOffset, beyondFinalZero });
      return (await control(file, Fsctl.FSCTL_SET_ZERO_DATA, input)).status;
    },
    content: async (file: FileId, offset: number, length: number) =>
      decodeReadResponse((await ask(read(file, { offset, length }))).message).data,
  };
}

test('a file is made sparse and again none, which allocates it', async () => {
  const { put, status, isSparse, ranges, zero } = await stage();
  const file = await put('f', Buffer.alloc(256 * KiB, 1));
  assert.equal(await isSparse(file), false);
  assert.deepEqual(await ranges(file, 1, 2 ** 40), [STATUS_SUCCESS, [1, 256 * KiB - 1]]);
  assert.equal(await status(file, Fsctl.FSCTL_SET_SPARSE), STATUS_SUCCESS);
  assert.equal(await isSparse(file), true);
  assert.equal(await status(file, Fsctl.FSCTL_SET_SPARSE, Buffer.from([0xff, 0])), STATUS_SUCCESS);
  assert.equal(await zero(file, 64 * KiB, 128 * KiB), STATUS_SUCCESS);
  const both = [STATUS_SUCCESS, [0, 64 * KiB], [128 * KiB, 128 * KiB]];
  assert.deepEqual(await ranges(file, 0, 256 * KiB), both);
  assert.deepEqual(await ranges(file, 0, 256 * KiB, 31), [STATUS_BUFFER_OVERFLOW, [0, 64 * KiB]]);
  assert.deepEqual(await ranges(file, 0, 256 * KiB, 15), [STATUS_BUFFER_TOO_SMALL]);
  assert.deepEqual(await ranges(file, 64 * KiB, 64 * KiB, 0), [STATUS_SUCCESS]);
  assert.equal(await status(file, Fsctl.FSCTL_SET_SPARSE, Buffer.from([0])), STATUS_SUCCESS);
  assert.equal(await isSparse(file), false);
  assert.deepEqual(await ranges(file, 0, 2 ** 40), [STATUS_SUCCESS, [0, 256 * KiB]]);
});

test('zeros end with the file, and leave its size', async () => {
  const { put, zero, content, ask, open } = await stage();
  const file = await put('f', Buffer.from('0123456789'));
  assert.equal(await zero(file, 8, 100), STATUS_SUCCESS);
  assert.equal(await zero(file, 2, 4), STATUS_SUCCESS);
  assert.equal(await zero(file, 5, 5), STATUS_SUCCESS);
  assert.equal(await zero(file, 10, 2 ** 62), STATUS_SUCCESS);
  assert.equal((await content(file, 0, 100)).toString(), '01\0\x004567\0\0');
  for (const [from, to] of [
    [5, 4],
    [2 ** 63, 2 ** 63],
    [0, 2 ** 64],
  ] as const) {
    assert.equal(await zero(file, from, to), STATUS_INVALID_PARAMETER);
  }
  const other = await open('f');
  const element = { offset: 4n, length: 1n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };
  assert.equal((await ask(lock(other, element))).status, STATUS_SUCCESS);
  assert.equal(await zero(file, 0, 5), STATUS_FILE_LOCK_CONFLICT);
  assert.equal(await zero(file, 0, 4), STATUS_SUCCESS);
});

test('each asks for its right, and for a file', async () => {
  const { put, open, status, zero, ranges } = await stage();
  await put('f', Buffer.alloc(10));
  const by = (desiredAccess: number) => open('f', { desiredAccess });
  const sparse = Fsctl.FSCTL_SET_SPARSE;
  assert.equal(await status(await by(WRITE_EA), sparse), STATUS_ACCESS_DENIED);
  assert.equal(await status(await by(WRITE_ATTRIBUTES), sparse), STATUS_SUCCESS);
  const only = await by(WRITE_ATTRIBUTES);
  assert.equal(await status(only, sparse, Buffer.from([0])), STATUS_SUCCESS);
  assert.equal(await zero(await by(WRITE_ATTRIBUTES), 0, 1), STATUS_ACCESS_DENIED);
  assert.deepEqual(await ranges(await by(WRITE), 0, 1), [STATUS_ACCESS_DENIED]);
  assert.deepEqual(await ranges(await by(READ), 0, 1), [STATUS_SUCCESS, [0, 1]]);
  assert.deepEqual(await ranges(await by(READ), 512, 2 ** 64), [STATUS_INVALID_PARAMETER]);
  const directory = await open('d', { createOptions: 1 });
  for (const code of [
    sparse,
    Fsctl.FSCTL_SET_ZERO_DATA,
    Fsctl.FSCTL_QUERY_ALLOCATED_RANGES,
    Fsctl.FSCTL_QUERY_FILE_REGIONS,
    Fsctl.FSCTL_FILE_LEVEL_TRIM,
  ]) {
    assert.equal(await status(directory, code, Buffer.alloc(16)), STATUS_INVALID_PARAMETER);
  }
});

test('regions: what the file has is valid', async () => {
  const { put, control, status } = await stage();
  const file = await put('f', Buffer.alloc(100));
  const code = Fsctl.FSCTL_QUERY_FILE_REGIONS;
  const regions = async (input?: Buffer) =>
    decodeFileRegions(decodeIoctlResponse((await control(file, code, input)).message).output);
  assert.deepEqual(await regions(), [{ fileOffset: 0, length: 100, desiredUsage: 1 }]);
  const input = FileRegionInput.encode({ fileOffset: 10, length: 20, desiredUsage: 1 });
  assert.deepEqual(await regions(input), [{ fileOffset: 10, length: 20, desiredUsage: 1 }]);
  const usage = FileRegionInput.encode({ fileOffset: 10, length: 20, desiredUsage: 2 });
  assert.equal(await status(file, code, usage), STATUS_INVALID_PARAMETER);
  assert.equal(await status(file, code, input.subarray(0, 23)), STATUS_BUFFER_TOO_SMALL);
  assert.equal(await status(file, code, input, 39), STATUS_BUFFER_TOO_SMALL);
});

test('trim: whole pages go, and their number is told', async () => {
  const { put, control, content, status } = await stage();
  const file = await put('f', Buffer.alloc(64 * KiB, 1));
  const code = Fsctl.FSCTL_FILE_LEVEL_TRIM;
  const trimmed = (...ranges: FileAllocatedRange[]) => encodeFileLevelTrim({ key: 0, ranges });
  const input = trimmed({ fileOffset: 1, length: 9000 }, { fileOffset: 0, length: 4095 });
  const { output } = decodeIoctlResponse((await control(file, code, input)).message);
  assert.equal(FileLevelTrimOutput.read(output).numRangesProcessed, 1);
  const data = await content(file, 0, 9000);
  assert.deepEqual([data[4095], data[4096], data[8191], data[8192]], [1, 0, 0, 1]);
  const none = trimmed({ fileOffset: 0, length: 4095 });
  assert.equal(await status(file, code, none), STATUS_NO_RANGES_PROCESSED);
  assert.equal(await status(file, code, trimmed()), STATUS_INVALID_PARAMETER);
  assert.equal(await status(file, code, input, 3), STATUS_INVALID_PARAMETER);
  const keyed = encodeFileLevelTrim({ key: 1, ranges: [{ fileOffset: 0, length: 4096 }] });
  assert.equal(await status(file, code, keyed), STATUS_INVALID_PARAMETER);
  const lying = Buffer.from(input);
  lying.writeUInt32LE(0xffffffff, 4);
  assert.equal(await status(file, code, lying), STATUS_INVALID_PARAMETER);
});

test('nothing is compressed, nor will it be; blocks are not shared here', async () => {
  const { put, control, status } = await stage();
  const file = await put('f', Buffer.alloc(100));
  const got = await control(file, Fsctl.FSCTL_GET_COMPRESSION, undefined, 2);
  const { output } = decodeIoctlResponse(got.message);
  assert.equal(CompressionState.read(output).compressionState, 0);
  const format = CompressionState.encode({ compressionState: 1 });
  assert.equal(await status(file, Fsctl.FSCTL_SET_COMPRESSION, format), STATUS_NOT_SUPPORTED);
  const none = CompressionState.encode({ compressionState: 0 });
  assert.equal(await status(file, Fsctl.FSCTL_SET_COMPRESSION, none), STATUS_SUCCESS);
  const code = Fsctl.FSCTL_DUPLICATE_EXTENTS_TO_FILE;
  const asked = { sourceFileOffset: 0, targetFileOffset: 0, byteCount: 0 };
  const sourceFileId = Buffer.alloc(16, 5);
  const nobody = DuplicateExtents.encode({ ...asked, sourceFileId });
  assert.equal(await status(file, code, nobody), STATUS_INVALID_HANDLE);
  sourceFileId.writeBigUInt64LE(BigInt(file.persistentId), 0);
  sourceFileId.writeBigUInt64LE(BigInt(file.volatileId), 8);
  const own = DuplicateExtents.encode({ ...asked, sourceFileId });
  assert.equal(await status(file, code, own), STATUS_INVALID_DEVICE_REQUEST);
  assert.equal(await status(file, code, own.subarray(0, 39)), STATUS_INVALID_PARAMETER);
});
