/** MS-SMB2 2.2.2.2.1 through the whole server: symbolic links, at the end of a name and on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_NOT_A_REPARSE_POINT,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_STOPPED_ON_SYMLINK,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { decodeDirectory } from '../fscc/directory-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { decodeSymbolicLinkReparseData, SYMLINK_FLAG_RELATIVE } from '../fscc/reparse-data.ts';
import { IO_REPARSE_TAG_LX_FIFO, IO_REPARSE_TAG_SYMLINK } from '../fscc/reparse-tags.ts';
import { decodeCreateResponse } from '../smb2/create.ts';
import {
  FILE_CREATE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_REPARSE_POINT,
} from '../smb2/create-options.ts';
import { Dialect } from '../smb2/dialect.ts';
import { decodeErrorResponse, decodeSymbolicLinkError, errorDataOf } from '../smb2/error.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { decodeIoctlResponse } from '../smb2/ioctl.ts';
import { decodeQueryDirectoryResponse } from '../smb2/query-directory.ts';
import { decodeQueryInfoResponse } from '../smb2/query-info.ts';
import { connected, create, type Draft, type FileId } from './test-client.support.test.ts';
import { fsctl, list, query } from './test-requests.support.test.ts';
import { World } from './test-world.support.test.ts';

const READ_ATTRIBUTES = 0x80;
const READ = 0x1;

async function stage(dialect: number = Dialect.SMB3_11) {
  const world = new World({
    between: (memory) => ({ ...memory, location: () => '/srv/share' }),
  });
  const { client, session, treeId } = await connected(world, { dialect });
  const ask = (draft: Draft) => client.call({ treeId, ...draft }, session);
  const open = (name: string, over: object = {}) =>
    ask(create({ name, createDisposition: FILE_OPEN, ...over }));
  return {
    plant: world.memory.plant,
    ask,
    open,
    /** Where the name meets a link. */
    stopped: async (name: string, over: object = {}) => {
      const { status, message } = await open(name, over);
      assert.equal(status, STATUS_STOPPED_ON_SYMLINK, name);
      return decodeSymbolicLinkError(errorDataOf(decodeErrorResponse(message)));
    },
    itself: async (name: string): Promise<FileId> => {
      const how = { createOptions: FILE_OPEN_REPARSE_POINT, desiredAccess: READ_ATTRIBUTES };
      const reply = await open(name, how);
      assert.equal(reply.status, STATUS_SUCCESS);
      return decodeCreateResponse(reply.message);
    },
    mkdir: (name: string) =>
      ask(create({ name, createDisposition: FILE_CREATE, createOptions: FILE_DIRECTORY_FILE })),
  };
}

const relative = (name: string, unparsedPathLength = 0) => ({
  unparsedPathLength,
  substituteName: name,
  printName: name,
  flags: SYMLINK_FLAG_RELATIVE,
});

for (const dialect of [Dialect.SMB2_10, Dialect.SMB3_11]) {
  test(`a link stops whoever wants to follow it (${dialect.toString(16)})`, async () => {
    const { plant, stopped, mkdir, open } = await stage(dialect);
    await mkdir('d');
    plant.file(['d', 'file']);
    plant.symlink(['d', 'link'], 'file');
    plant.symlink(['toDirectory'], './d');
    assert.deepEqual(await stopped('d\\link'), relative('file'));
    assert.deepEqual(await stopped('D\\LINK', { createDisposition: 3 }), relative('file'));
    const directory = { createOptions: FILE_DIRECTORY_FILE };
    assert.deepEqual(await stopped('toDirectory', directory), relative('.\\d'));
    assert.deepEqual(await stopped('toDirectory\\file'), relative('.\\d', 2 * '\\file'.length));
    assert.deepEqual(
      await stopped('toDirectory\\a\\b\\c', { createDisposition: FILE_CREATE }),
      relative('.\\d', 2 * '\\a\\b\\c'.length),
    );
    const beyond = await open('d\\none\\file');
    assert.equal(beyond.status, STATUS_OBJECT_PATH_NOT_FOUND);
    assert.equal((await open('d\\file\\x')).status, STATUS_OBJECT_PATH_NOT_FOUND);
    const made = await open('d\\link', { createDisposition: FILE_CREATE });
    assert.equal(made.status, STATUS_OBJECT_NAME_COLLISION);
  });
}

test('an absolute target in the share is told relative, any other as it is', async () => {
  const { plant, stopped, mkdir } = await stage();
  await mkdir('d');
  await mkdir('d\\e');
  plant.symlink(['d', 'e', 'in'], '/srv/share/d/file');
  plant.symlink(['root'], '/srv/share');
  plant.symlink(['d', 'beside'], '/srv/share2/x');
  plant.symlink(['out'], '/etc/passwd');
  assert.deepEqual(await stopped('d\\e\\in'), relative('..\\..\\d\\file'));
  assert.deepEqual(await stopped('root'), relative('.'));
  for (const [name, target] of [
    ['d\\beside', '\\srv\\share2\\x'],
    ['out', '\\etc\\passwd'],
  ] as const) {
    const expected = { unparsedPathLength: 0, substituteName: target, printName: target, flags: 0 };
    assert.deepEqual(await stopped(name), expected);
  }
});

test('a link that is opened as itself says where it leads; nobody writes to it', async () => {
  const { plant, itself, ask, open } = await stage();
  plant.symlink(['link'], 'a/b');
  plant.other(['fifo']);
  plant.file(['file']);
  const link = await itself('link');
  const code = Fsctl.FSCTL_GET_REPARSE_POINT;
  const got = await ask(fsctl(link, code));
  const { output } = decodeIoctlResponse(got.message);
  const { unparsedPathLength: _, ...expected } = relative('a\\b');
  assert.deepEqual(decodeSymbolicLinkReparseData(output), expected);
  assert.equal((await ask(fsctl(link, code, undefined, 7))).status, STATUS_BUFFER_TOO_SMALL);
  assert.equal((await ask(fsctl(link, code, undefined, 20))).status, STATUS_BUFFER_TOO_SMALL);
  const fifo = decodeIoctlResponse((await ask(fsctl(await itself('fifo'), code))).message);
  assert.deepEqual([fifo.output.length, fifo.output.readUInt32LE(0)], [8, IO_REPARSE_TAG_LX_FIFO]);
  const none = await ask(fsctl(await itself('file'), code));
  assert.equal(none.status, STATUS_NOT_A_REPARSE_POINT);
  const reading = { createOptions: FILE_OPEN_REPARSE_POINT, desiredAccess: READ };
  assert.equal((await open('link', reading)).status, STATUS_ACCESS_DENIED);
  const tag = await ask(query(link, FileInformationClass.FileAttributeTagInformation));
  const info = decodeQueryInfoResponse(tag.message).outputBuffer;
  assert.deepEqual([info.readUInt32LE(0), info.readUInt32LE(4)], [0x400, IO_REPARSE_TAG_SYMLINK]);
});

test('a listing shows links as links', async () => {
  const { plant, open, ask } = await stage();
  plant.symlink(['link'], 'a/b');
  const root = decodeCreateResponse((await open('')).message);
  const { message } = await ask(list(root, 'link'));
  const { outputBuffer } = decodeQueryDirectoryResponse(message);
  const [entry] = decodeDirectory(
    FileInformationClass.FileIdBothDirectoryInformation,
    outputBuffer,
  );
  assert.equal(entry?.fileAttributes, 0x400);
  assert.equal(entry.reparseTag, IO_REPARSE_TAG_SYMLINK);
});
