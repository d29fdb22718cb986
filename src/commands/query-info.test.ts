/** MS-SMB2 3.3.5.20, MS-FSA 2.1.5.12 and 2.1.5.13 through the pipeline: every class, every buffer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILE_READ_ATTRIBUTES, FILE_READ_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_EAS_ON_FILE,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  FileAccessInformation,
  FileInternalInformation,
  FileModeInformation,
  FileNetworkOpenInformation,
  FilePositionInformation,
  FileStandardInformation,
} from '../fscc/file-information.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import { fileQueryRules, fsQueryRules } from '../fscc/information-rules.ts';
import { connected, type FileId } from '../server/test-client.support.test.ts';
import {
  dispose,
  query,
  read,
  rename,
  setInfo,
  write,
} from '../server/test-requests.support.test.ts';
import { World } from '../server/test-world.support.test.ts';
import type { CreateRequest } from '../smb2/create.ts';
import { FILE_DIRECTORY_FILE } from '../smb2/create-options.ts';
import { decodeQueryInfoResponse } from '../smb2/query-info.ts';

const SMB2_0_INFO_FILE = 1;
const SMB2_0_INFO_FILESYSTEM = 2;

interface Told {
  readonly status: NtStatus;
  readonly bytes: Buffer;
}

async function scene(share = 'share') {
  const world = new World();
  const { client, session, treeId } = await connected(world, { share });
  return {
    world,
    client,
    session,
    treeId,
    open: (name: string, over: Partial<CreateRequest> = {}) =>
      client.open(session, treeId, name, over),
    call: async (draft: Parameters<typeof client.call>[0]) =>
      (await client.call({ ...draft, treeId }, session)).status,
    ask: async (
      id: FileId,
      informationClass: number,
      outputBufferLength = 4096,
      infoType = SMB2_0_INFO_FILE,
    ): Promise<Told> => {
      const draft = query(id, informationClass, { outputBufferLength, infoType });
      const { status, message } = await client.call({ ...draft, treeId }, session);
      const hasBytes = status === STATUS_SUCCESS || status === STATUS_BUFFER_OVERFLOW;
      const { outputBuffer } = hasBytes
        ? decodeQueryInfoResponse(message)
        : { outputBuffer: Buffer.alloc(0) };
      return { status, bytes: outputBuffer };
    },
    end: async () => {
      await client.lost();
      world.assertEmpty();
    },
  };
}

/** Classes that answer something else than bytes where they are not served. */
const ELSEWHERE: ReadonlySet<NtStatus> = new Set([
  STATUS_NOT_SUPPORTED,
  STATUS_NO_EAS_ON_FILE,
  STATUS_OBJECT_NAME_NOT_FOUND,
]);

for (const [what, share, name, over] of [
  ['a file', 'share', 'dir\\a file with a long name.text', {}],
  ['a directory', 'share', 'dir', { createOptions: FILE_DIRECTORY_FILE }],
  ['the root', 'share', '', {}],
  ['a pipe', 'IPC$', 'echo', {}],
] as const) {
  for (const [type, infoType, rules] of [
    ['file', SMB2_0_INFO_FILE, fileQueryRules],
    ['file system', SMB2_0_INFO_FILESYSTEM, fsQueryRules],
  ] as const) {
    test(`QUERY_INFO: every ${type} class of ${what}, with buffers of every size`, async () => {
      const { open, ask, end } = await scene(share);
      if (share === 'share') await open('dir', { createOptions: FILE_DIRECTORY_FILE });
      const id = await open(name, over);
      for (const [informationClass, { fixedSize }] of Object.entries(rules)) {
        const about = `class ${informationClass}`;
        const all = await ask(id, Number(informationClass), 4096, infoType);
        if (all.status !== STATUS_SUCCESS) {
          assert.ok(all.status >>> 30 === 3, `${about}: ${all.status.toString(16)}`);
          if (infoType === SMB2_0_INFO_FILE) assert.ok(ELSEWHERE.has(all.status), about);
          continue;
        }
        for (let size = 0; size <= all.bytes.length + 1; size++) {
          const told = await ask(id, Number(informationClass), size, infoType);
          if (size < fixedSize) {
            assert.equal(told.status, STATUS_INFO_LENGTH_MISMATCH, `${about} in ${size}`);
          } else if (size >= all.bytes.length) {
            assert.equal(told.status, STATUS_SUCCESS, `${about} in ${size}`);
            assert.equal(told.bytes.length, all.bytes.length);
          } else {
            assert.equal(told.status, STATUS_BUFFER_OVERFLOW, `${about} in ${size}`);
            assert.ok(told.bytes.length <= size);
            // A volume's free space and its kind are the same, so what fits is a beginning.
            assert.deepEqual(told.bytes, all.bytes.subarray(0, told.bytes.length), about);
          }
        }
      }
      await end();
    });
  }
}

test('QUERY_INFO: classes that tell attributes want the right to read them', async () => {
  const { open, ask, end } = await scene();
  const blind = await open('file', { desiredAccess: 0x0010_0000 });
  const seeing = await open('file', { desiredAccess: FILE_READ_ATTRIBUTES });
  for (const [informationClass, { requiredAccess }] of Object.entries(fileQueryRules)) {
    const { status } = await ask(blind, Number(informationClass));
    assert.equal(status === STATUS_ACCESS_DENIED, requiredAccess !== 0, informationClass);
    const seen = await ask(seeing, Number(informationClass));
    const enough = (requiredAccess & ~FILE_READ_ATTRIBUTES) === 0;
    assert.equal(seen.status === STATUS_ACCESS_DENIED, !enough, informationClass);
  }
  await end();
});

test('QUERY_INFO: what changes shows', async () => {
  const { open, ask, call, end } = await scene();
  const file = await open('file', { createOptions: 0x6 });
  const other = await open('file', { desiredAccess: FILE_READ_DATA | FILE_READ_ATTRIBUTES });
  await call(write(file, Buffer.alloc(5000)));
  const standard = async () =>
    FileStandardInformation.read((await ask(other, Class.FileStandardInformation)).bytes);
  const grown = await standard();
  assert.deepEqual(
    [grown.endOfFile, grown.numberOfLinks, grown.deletePending, grown.directory],
    [5000, 1, false, false],
  );
  assert.ok(grown.allocationSize >= 5000);
  await call(dispose(file));
  const dying = await standard();
  assert.deepEqual([dying.numberOfLinks, dying.deletePending], [0, true]);
  await call(dispose(file, false));
  assert.equal((await standard()).deletePending, false);

  await call(read(other, { offset: 100, length: 50 }));
  const position = FilePositionInformation.read(
    (await ask(other, Class.FilePositionInformation)).bytes,
  );
  assert.equal(position.currentByteOffset, 150);

  const modeOf = async (id: FileId) =>
    FileModeInformation.read((await ask(id, Class.FileModeInformation)).bytes).mode;
  assert.deepEqual([await modeOf(file), await modeOf(other)], [6, 0]);
  const mode = FileModeInformation.encode({ mode: 2 });
  assert.equal(await call(setInfo(file, Class.FileModeInformation, mode)), STATUS_SUCCESS);
  assert.equal(await modeOf(file), 2);

  const access = FileAccessInformation.read((await ask(other, Class.FileAccessInformation)).bytes);
  assert.equal(access.accessFlags, FILE_READ_DATA | FILE_READ_ATTRIBUTES);
  const ids = await Promise.all(
    [file, other].map(async (id) =>
      FileInternalInformation.read((await ask(id, Class.FileInternalInformation)).bytes),
    ),
  );
  assert.deepEqual(ids[0], ids[1]);
  const network = FileNetworkOpenInformation.read(
    (await ask(other, Class.FileNetworkOpenInformation)).bytes,
  );
  assert.equal(network.endOfFile, 5000);
  await end();
});

test('QUERY_INFO: names are those of the open, wherever it is moved', async () => {
  const { open, ask, end, client, session, treeId } = await scene();
  await open('Dir', { createOptions: FILE_DIRECTORY_FILE });
  const file = await open('DIR\\File');
  const nameOf = async (informationClass: number) => {
    const { bytes } = await ask(file, informationClass);
    assert.equal(bytes.readUInt32LE(0), bytes.length - 4);
    return bytes.subarray(4).toString('utf16le');
  };
  assert.equal(await nameOf(Class.FileNameInformation), '\\Dir\\File');
  assert.equal(await nameOf(Class.FileNormalizedNameInformation), 'Dir\\File');
  await client.call({ ...rename(file, 'moved'), treeId }, session);
  assert.equal(await nameOf(Class.FileNameInformation), '\\moved');
  await end();
});

test('QUERY_INFO: types that there are not', async () => {
  const { open, ask, end } = await scene();
  const file = await open('file');
  for (const infoType of [0, 5, 255]) {
    assert.equal((await ask(file, 5, 4096, infoType)).status, STATUS_INVALID_PARAMETER);
  }
  const tooLarge = await ask(file, Class.FileStandardInformation, (1 << 20) + 1);
  assert.equal(tooLarge.status, STATUS_INVALID_PARAMETER);
  await end();
});
