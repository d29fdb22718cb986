/** MS-FSA 2.1.5.15 through the pipeline: renaming, linking, deleting, sizes, times and attributes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DELETE, FILE_READ_ATTRIBUTES, FILE_WRITE_ATTRIBUTES } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANNOT_DELETE,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_DISK_FULL,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NORMAL,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_TEMPORARY,
} from '../fscc/attributes.ts';
import {
  FileAllocationInformation,
  FileBasicInformation,
  FileEndOfFileInformation,
  FileStandardInformation,
} from '../fscc/file-information.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import {
  encodeRenameInformation,
  FILE_DISPOSITION_DELETE,
  FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE,
  FILE_DISPOSITION_ON_CLOSE,
  FILE_DISPOSITION_POSIX_SEMANTICS,
  FILE_RENAME_IGNORE_READONLY_ATTRIBUTE,
  FILE_RENAME_POSIX_SEMANTICS,
  FILE_RENAME_REPLACE_IF_EXISTS,
} from '../fscc/rename-information.ts';
import { connected, type Draft, type FileId } from '../server/test-client.support.test.ts';
import {
  dispose,
  disposeEx,
  link,
  lock,
  query,
  rename,
  renameEx,
  setInfo,
  write,
} from '../server/test-requests.support.test.ts';
import { World } from '../server/test-world.support.test.ts';
import type { CreateRequest, CreateResponse } from '../smb2/create.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE, FILE_OPEN } from '../smb2/create-options.ts';
import { decodeQueryInfoResponse } from '../smb2/query-info.ts';

interface Scene {
  readonly world: World;
  open(name: string, over?: Partial<CreateRequest>): Promise<CreateResponse>;
  /** Makes something and leaves it closed. */
  put(name: string, over?: Partial<CreateRequest>): Promise<void>;
  close(id: FileId): Promise<void>;
  status(draft: Draft): Promise<NtStatus>;
  ask(id: FileId, fileInfoClass: number): Promise<Buffer>;
  names(): Promise<string[]>;
}

function scenario(name: string, body: (scene: Scene) => Promise<void>): void {
  test(`SET_INFO: ${name}`, async () => {
    const world = new World();
    const { client, session, treeId } = await connected(world);
    const open: Scene['open'] = (path, over) => client.open(session, treeId, path, over);
    const close: Scene['close'] = async (id) => {
      assert.equal(await client.close(session, treeId, id), STATUS_SUCCESS);
    };
    await body({
      world,
      open,
      close,
      put: async (path, over) => close(await open(path, over)),
      status: async (draft) => (await client.call({ ...draft, treeId }, session)).status,
      ask: async (id, fileInfoClass) => {
        const reply = await client.call({ ...query(id, fileInfoClass), treeId }, session);
        assert.equal(reply.status, STATUS_SUCCESS);
        return decodeQueryInfoResponse(reply.message).outputBuffer;
      },
      names: async () => {
        const tree = world.memory.attach(undefined);
        assert.ok(typeof tree === 'object' && !(tree instanceof Promise));
        const root = await tree.lookup([]);
        assert.ok(typeof root === 'object');
        const cursor = await root.cursor();
        assert.ok(typeof cursor === 'object');
        const entries = await cursor.next();
        assert.ok(typeof entries === 'object');
        return entries.map((entry) => entry.name).sort();
      },
    });
    await client.lost();
    world.assertEmpty();
  });
}

const DIRECTORY = { createOptions: FILE_DIRECTORY_FILE };

scenario('rename: where to', async ({ open, put, close, status, names }) => {
  await put('dir', DIRECTORY);
  await put('there');
  const file = await open('file');
  for (const [fileName, expected] of [
    ['FILE', STATUS_SUCCESS],
    ['File', STATUS_SUCCESS],
    ['other', STATUS_SUCCESS],
    ['there', STATUS_OBJECT_NAME_COLLISION],
    ['THERE', STATUS_OBJECT_NAME_COLLISION],
    ['dir', STATUS_OBJECT_NAME_COLLISION],
    ['nowhere\\x', STATUS_OBJECT_PATH_NOT_FOUND],
    ['there\\x', STATUS_OBJECT_PATH_NOT_FOUND],
    ['', STATUS_INVALID_PARAMETER],
    ['\\x', STATUS_INVALID_PARAMETER],
    ['a*', STATUS_OBJECT_NAME_INVALID],
    ['a"b', STATUS_OBJECT_NAME_INVALID],
    ['x:stream', STATUS_OBJECT_NAME_INVALID],
    [':stream', STATUS_NOT_SUPPORTED],
    ['dir\\inner', STATUS_SUCCESS],
    ['back', STATUS_SUCCESS],
  ] as const) {
    assert.equal(
      (await status(rename(file, fileName))).toString(16),
      expected.toString(16),
      fileName,
    );
  }
  await close(file);
  assert.deepEqual(await names(), ['back', 'dir', 'there']);
});

scenario('rename: what it replaces', async ({ open, put, close, status, names }) => {
  const file = await open('file');
  await put('closed');
  await put('fixed', { fileAttributes: FILE_ATTRIBUTE_READONLY });
  await put('dir', DIRECTORY);
  const held = await open('held');
  const looked = await open('looked at', { desiredAccess: FILE_READ_ATTRIBUTES });
  assert.equal(await status(rename(file, 'fixed', true)), STATUS_ACCESS_DENIED);
  assert.equal(await status(rename(file, 'dir', true)), STATUS_ACCESS_DENIED);
  assert.equal(await status(rename(file, 'held', true)), STATUS_ACCESS_DENIED);
  assert.equal(await status(rename(file, 'looked at', true)), STATUS_ACCESS_DENIED);
  assert.equal(await status(rename(file, 'CLOSED', true)), STATUS_SUCCESS);
  const both = FILE_RENAME_REPLACE_IF_EXISTS | FILE_RENAME_IGNORE_READONLY_ATTRIBUTE;
  assert.equal(
    await status(renameEx(file, 'fixed', FILE_RENAME_REPLACE_IF_EXISTS)),
    STATUS_ACCESS_DENIED,
  );
  assert.equal(await status(renameEx(file, 'fixed', 0)), STATUS_OBJECT_NAME_COLLISION);
  assert.equal(
    await status(renameEx(file, 'fixed', FILE_RENAME_POSIX_SEMANTICS)),
    STATUS_OBJECT_NAME_COLLISION,
  );
  assert.equal(await status(renameEx(file, 'fixed', both)), STATUS_SUCCESS);
  for (const id of [file, held, looked]) await close(id);
  assert.deepEqual(await names(), ['dir', 'fixed', 'held', 'looked at']);
});

scenario('rename: who may', async ({ open, put, close, status }) => {
  const reader = await open('file', { desiredAccess: 0x0012_0089 });
  assert.equal(await status(rename(reader, 'x')), STATUS_ACCESS_DENIED);
  await close(reader);
  const root = await open('');
  assert.equal(await status(rename(root, 'x')), STATUS_ACCESS_DENIED);
  assert.equal(await status(dispose(root)), STATUS_CANNOT_DELETE);
  await close(root);
  const file = await open('file');
  assert.equal(await status(dispose(file)), STATUS_SUCCESS);
  assert.equal(await status(rename(file, 'x')), STATUS_ACCESS_DENIED);
  assert.equal(await status(link(file, 'x')), STATUS_ACCESS_DENIED);
  assert.equal(await status(dispose(file, false)), STATUS_SUCCESS);
  const rooted = encodeRenameInformation({
    replaceIfExists: false,
    rootDirectory: 7,
    fileName: 'x',
  });
  const draft = setInfo(file, Class.FileRenameInformation, rooted);
  assert.equal(await status(draft), STATUS_INVALID_PARAMETER);
  await put('dir', DIRECTORY);
  const guard = await open('dir', { ...DIRECTORY, shareAccess: 1 });
  assert.equal(await status(rename(file, 'dir\\x')), STATUS_SHARING_VIOLATION);
  await close(guard);
  const watcher = await open('dir', { ...DIRECTORY, desiredAccess: 0x81 });
  assert.equal(await status(rename(file, 'dir\\x')), STATUS_SUCCESS);
  await close(watcher);
  await close(file);
});

scenario('rename: a directory', async ({ open, put, close, status, names }) => {
  await put('dir', DIRECTORY);
  await put('dir\\sub', DIRECTORY);
  const directory = await open('dir', { ...DIRECTORY, desiredAccess: DELETE });
  const inner = await open('dir\\sub\\file');
  assert.equal(await status(rename(directory, 'moved')), STATUS_ACCESS_DENIED);
  await close(inner);
  for (const inside of ['dir\\x', 'dir\\sub\\x']) {
    const refused = await status(rename(directory, inside));
    assert.ok(refused === STATUS_INVALID_PARAMETER || refused === STATUS_SHARING_VIOLATION);
  }
  assert.equal(await status(rename(directory, 'moved')), STATUS_SUCCESS);
  await close(directory);
  assert.deepEqual(await names(), ['moved']);
  await put('moved\\sub\\file', { createDisposition: FILE_OPEN });
});

scenario('links', async ({ open, put, close, status, ask, names }) => {
  const file = await open('file');
  await put('there');
  await put('dir', DIRECTORY);
  for (const [fileName, replace, expected] of [
    ['second', false, STATUS_SUCCESS],
    ['second', false, STATUS_OBJECT_NAME_COLLISION],
    ['there', false, STATUS_OBJECT_NAME_COLLISION],
    ['there', true, STATUS_SUCCESS],
    ['dir', true, STATUS_ACCESS_DENIED],
    ['nowhere\\x', false, STATUS_OBJECT_PATH_NOT_FOUND],
    ['a?', false, STATUS_OBJECT_NAME_INVALID],
    ['dir\\third', false, STATUS_SUCCESS],
  ] as const) {
    assert.equal(await status(link(file, fileName, replace)), expected, fileName);
  }
  const { numberOfLinks } = FileStandardInformation.read(
    await ask(file, Class.FileStandardInformation),
  );
  assert.equal(numberOfLinks, 4);
  const directory = await open('dir', DIRECTORY);
  assert.equal(await status(link(directory, 'x')), STATUS_FILE_IS_A_DIRECTORY);
  await close(directory);
  await close(file);
  assert.deepEqual(await names(), ['dir', 'file', 'second', 'there']);
});

scenario('disposition', async ({ open, put, close, status, names }) => {
  await put('dir', DIRECTORY);
  await put('dir\\file');
  const directory = await open('dir', DIRECTORY);
  assert.equal(await status(dispose(directory)), STATUS_DIRECTORY_NOT_EMPTY);
  await close(directory);
  await put('fixed', { fileAttributes: FILE_ATTRIBUTE_READONLY });
  const fixed = await open('fixed', { desiredAccess: DELETE | FILE_WRITE_ATTRIBUTES });
  assert.equal(await status(dispose(fixed)), STATUS_CANNOT_DELETE);
  for (const [flags, expected] of [
    [FILE_DISPOSITION_DELETE, STATUS_CANNOT_DELETE],
    [FILE_DISPOSITION_DELETE | FILE_DISPOSITION_POSIX_SEMANTICS, STATUS_CANNOT_DELETE],
    [FILE_DISPOSITION_DELETE | FILE_DISPOSITION_ON_CLOSE, STATUS_NOT_SUPPORTED],
    [0x20, STATUS_NOT_SUPPORTED],
    [0, STATUS_SUCCESS],
    [FILE_DISPOSITION_DELETE | FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE, STATUS_SUCCESS],
  ] as const) {
    assert.equal(await status(disposeEx(fixed, flags)), expected, `flags ${flags}`);
  }
  await close(fixed);
  const reader = await open('dir\\file', { desiredAccess: 0x0012_0089 });
  assert.equal(await status(dispose(reader)), STATUS_ACCESS_DENIED);
  await close(reader);
  assert.deepEqual(await names(), ['dir']);
});

const endOfFile = (id: FileId, size: number): Draft =>
  setInfo(id, Class.FileEndOfFileInformation, FileEndOfFileInformation.encode({ endOfFile: size }));

const allocation = (id: FileId, size: number): Draft =>
  setInfo(
    id,
    Class.FileAllocationInformation,
    FileAllocationInformation.encode({ allocationSize: size }),
  );

scenario('end of file and allocation', async ({ open, close, status, ask }) => {
  const file = await open('file');
  const other = await open('file');
  const standard = async () =>
    FileStandardInformation.read(await ask(other, Class.FileStandardInformation));
  assert.equal(await status(endOfFile(file, 100)), STATUS_SUCCESS);
  assert.equal((await standard()).endOfFile, 100);
  assert.equal(await status(allocation(file, 100_000)), STATUS_SUCCESS);
  const grown = await standard();
  assert.equal(grown.endOfFile, 100);
  assert.ok(grown.allocationSize >= 100_000);
  assert.equal(await status(allocation(file, 40)), STATUS_SUCCESS);
  assert.equal((await standard()).endOfFile, 40, 'an allocation below the end cuts');
  assert.equal(await status(endOfFile(file, 0)), STATUS_SUCCESS);
  assert.equal((await standard()).endOfFile, 0);
  for (const size of [2 ** 63, 2 ** 62]) {
    assert.equal(await status(endOfFile(file, size)), STATUS_INVALID_PARAMETER);
  }
  // More than ext4 lets a file have, not than XFS does.
  assert.notEqual(await status(endOfFile(file, Number.MAX_SAFE_INTEGER)), STATUS_DISK_FULL);
  assert.equal(await status(endOfFile(file, 0)), STATUS_SUCCESS);
  assert.equal(await status(allocation(file, 2 ** 63)), STATUS_INVALID_PARAMETER);
  assert.equal(await status(allocation(file, 2 ** 62)), STATUS_DISK_FULL);
  await close(file);
  await close(other);
  const reader = await open('file', { desiredAccess: 0x0012_0089 });
  assert.equal(await status(endOfFile(reader, 5)), STATUS_ACCESS_DENIED);
  assert.equal(await status(allocation(reader, 5)), STATUS_ACCESS_DENIED);
  await close(reader);
  const directory = await open('dir', DIRECTORY);
  assert.equal(await status(endOfFile(directory, 5)), STATUS_INVALID_PARAMETER);
  assert.equal(await status(allocation(directory, 5)), STATUS_INVALID_PARAMETER);
  await close(directory);
});

scenario('end of file: not through the lock of another', async ({ open, close, status }) => {
  const file = await open('file');
  const other = await open('file');
  assert.equal(await status(endOfFile(file, 100)), STATUS_SUCCESS);
  const EXCLUSIVE_NOW = 0x12;
  const held = lock(other, { offset: 50n, length: 10n, flags: EXCLUSIVE_NOW });
  assert.equal(await status(held), STATUS_SUCCESS);
  assert.equal(await status(endOfFile(file, 10)), STATUS_FILE_LOCK_CONFLICT);
  assert.equal(await status(endOfFile(file, 60)), STATUS_SUCCESS);
  assert.equal(await status(endOfFile(other, 55)), STATUS_SUCCESS);
  await close(other);
  assert.equal(await status(endOfFile(file, 10)), STATUS_SUCCESS);
  await close(file);
});

const basic = (id: FileId, over: Partial<FileBasicInformation>): Draft =>
  setInfo(
    id,
    Class.FileBasicInformation,
    FileBasicInformation.encode({
      creationTime: 0n,
      lastAccessTime: 0n,
      lastWriteTime: 0n,
      changeTime: 0n,
      fileAttributes: 0,
      ...over,
    }),
  );

scenario(
  'times: 0, -1 and -2 leave them, others are kept',
  async ({ open, close, status, ask }) => {
    const file = await open('file');
    const read = async () => FileBasicInformation.read(await ask(file, Class.FileBasicInformation));
    const set = {
      creationTime: 133_000_000_000_000_000n,
      lastAccessTime: 133_100_000_000_000_000n,
      lastWriteTime: 133_200_000_000_000_000n,
      changeTime: 133_300_000_000_000_000n,
    };
    assert.equal(await status(basic(file, set)), STATUS_SUCCESS);
    assert.deepEqual(await read(), { ...set, fileAttributes: FILE_ATTRIBUTE_ARCHIVE });
    for (const value of [0n, 2n ** 64n - 1n, 2n ** 64n - 2n]) {
      const draft = basic(file, {
        creationTime: value,
        lastAccessTime: value,
        lastWriteTime: value,
      });
      assert.equal(await status(draft), STATUS_SUCCESS, `${value}`);
      const { creationTime, lastAccessTime, lastWriteTime } = await read();
      assert.deepEqual(
        { creationTime, lastAccessTime, lastWriteTime },
        {
          creationTime: set.creationTime,
          lastAccessTime: set.lastAccessTime,
          lastWriteTime: set.lastWriteTime,
        },
      );
    }
    for (const value of [2n ** 64n - 3n, 2n ** 63n]) {
      assert.equal(await status(basic(file, { lastWriteTime: value })), STATUS_INVALID_PARAMETER);
    }
    await close(file);
  },
);

scenario(
  'writes through the open that set or froze the time of writing leave it; through others not',
  async ({ open, close, status, ask }) => {
    const [own, other] = [await open('file'), await open('file')];
    const time = async () =>
      FileBasicInformation.read(await ask(other, Class.FileBasicInformation)).lastWriteTime;
    const stamp = 133_200_000_000_000_000n;
    const size = (id: FileId, endOfFile: number) =>
      setInfo(id, Class.FileEndOfFileInformation, FileEndOfFileInformation.encode({ endOfFile }));
    const allocation = (id: FileId, allocationSize: number) =>
      setInfo(
        id,
        Class.FileAllocationInformation,
        FileAllocationInformation.encode({ allocationSize }),
      );
    const done = async (draft: Draft) => assert.equal(await status(draft), STATUS_SUCCESS);
    await done(basic(own, { lastWriteTime: stamp }));
    for (const draft of [write(own, 'data'), size(own, 9), size(own, 2), allocation(own, 1)]) {
      await done(draft);
      assert.equal(await time(), stamp);
    }
    // More room is no writing, whoever asks for it.
    await done(allocation(other, 4096));
    assert.equal(await time(), stamp);
    for (const draft of [write(other, 'data'), size(other, 4), allocation(other, 1)]) {
      await done(basic(own, { lastWriteTime: stamp }));
      await done(draft);
      assert.ok((await time()) > stamp);
    }
    // ChangeTime likewise, here by a change of attributes, too.
    const change = async () =>
      FileBasicInformation.read(await ask(other, Class.FileBasicInformation)).changeTime;
    await done(basic(own, { changeTime: stamp }));
    for (const draft of [write(own, 'data'), size(own, 9), basic(own, { fileAttributes: 2 })]) {
      await done(draft);
      assert.equal(await change(), stamp);
    }
    await done(basic(own, { changeTime: 2n ** 64n - 2n }));
    await done(write(own, 'data'));
    assert.ok((await change()) > stamp);
    // What others have written since is left, too; -1 freezes what is there, -2 ends it.
    const theirs = await time();
    await done(write(own, 'more'));
    assert.equal(await time(), theirs);
    await done(basic(other, { lastWriteTime: stamp }));
    await done(basic(other, { lastWriteTime: 2n ** 64n - 2n }));
    await done(write(other, 'thawed'));
    const thawed = await time();
    assert.ok(thawed > stamp);
    await done(basic(other, { lastWriteTime: 2n ** 64n - 1n }));
    await done(write(other, 'frozen'));
    assert.equal(await time(), thawed);
    await close(own);
    await close(other);
  },
);

scenario('attributes', async ({ open, close, status, ask }) => {
  const file = await open('file');
  const directory = await open('dir', DIRECTORY);
  const shown = async (id: FileId) =>
    FileBasicInformation.read(await ask(id, Class.FileBasicInformation)).fileAttributes;
  for (const [fileAttributes, expected] of [
    [0, FILE_ATTRIBUTE_ARCHIVE],
    [FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_NORMAL],
    [FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_HIDDEN],
    [FILE_ATTRIBUTE_TEMPORARY, FILE_ATTRIBUTE_TEMPORARY],
    [FILE_ATTRIBUTE_READONLY, FILE_ATTRIBUTE_READONLY],
  ] as const) {
    assert.equal(await status(basic(file, { fileAttributes })), STATUS_SUCCESS);
    assert.equal(await shown(file), expected);
  }
  const asDirectory = { fileAttributes: FILE_ATTRIBUTE_DIRECTORY };
  assert.equal(await status(basic(file, asDirectory)), STATUS_INVALID_PARAMETER);
  const temporary = { fileAttributes: FILE_ATTRIBUTE_TEMPORARY };
  assert.equal(await status(basic(directory, temporary)), STATUS_INVALID_PARAMETER);
  const hidden = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_DIRECTORY;
  assert.equal(await status(basic(directory, { fileAttributes: hidden })), STATUS_SUCCESS);
  assert.equal(await shown(directory), hidden);
  await close(file);
  await close(directory);
});

scenario('every class: a buffer that is too short changes nothing', async (scene) => {
  const { open, close, status } = scene;
  const file = await open('file', { createDisposition: FILE_CREATE });
  for (const [fileInfoClass, fixed] of [
    [Class.FileBasicInformation, 40],
    [Class.FileRenameInformation, 20],
    [Class.FileRenameInformationEx, 20],
    [Class.FileLinkInformation, 20],
    [Class.FileDispositionInformation, 1],
    [Class.FileDispositionInformationEx, 4],
    [Class.FilePositionInformation, 8],
    [Class.FileModeInformation, 4],
    [Class.FileAllocationInformation, 8],
    [Class.FileEndOfFileInformation, 8],
  ] as const) {
    for (let size = 1; size < fixed; size++) {
      const draft = setInfo(file, fileInfoClass, Buffer.alloc(size, 0xff));
      assert.equal(await status(draft), STATUS_INFO_LENGTH_MISMATCH, `${fileInfoClass}: ${size}`);
    }
    const none = await status(setInfo(file, fileInfoClass, Buffer.alloc(0)));
    assert.ok(none === STATUS_INVALID_PARAMETER || none === STATUS_INFO_LENGTH_MISMATCH);
  }
  await close(file);
  await close(await open('file', { createDisposition: FILE_OPEN }));
  assert.notEqual(await status(rename(file, 'x')), STATUS_OBJECT_NAME_NOT_FOUND);
});
