/** MS-FSA 2.1.5.10.3, .14 and .37 through the whole server: reparse points that clients set and delete. */
import assert from 'node:assert/strict';
import { lstatSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_IO_REPARSE_DATA_INVALID,
  STATUS_IO_REPARSE_TAG_INVALID,
  STATUS_IO_REPARSE_TAG_MISMATCH,
  STATUS_IO_REPARSE_TAG_NOT_HANDLED,
  STATUS_NOT_A_DIRECTORY,
  STATUS_NOT_A_REPARSE_POINT,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_REPARSE_ATTRIBUTE_CONFLICT,
  STATUS_STOPPED_ON_SYMLINK,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_REPARSE_POINT } from '../fscc/attributes.ts';
import { decodeDirectory } from '../fscc/directory-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import {
  decodeSymbolicLinkReparseData,
  encodeEmptyReparseData,
  encodeSymbolicLinkReparseData,
  SYMLINK_FLAG_RELATIVE,
} from '../fscc/reparse-data.ts';
import { IO_REPARSE_TAG_LX_FIFO, IO_REPARSE_TAG_MOUNT_POINT } from '../fscc/reparse-tags.ts';
import { decodeCreateResponse } from '../smb2/create.ts';
import {
  FILE_CREATE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_REPARSE_POINT,
} from '../smb2/create-options.ts';
import { decodeErrorResponse, decodeSymbolicLinkError, errorDataOf } from '../smb2/error.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { decodeIoctlResponse } from '../smb2/ioctl.ts';
import { decodeQueryDirectoryResponse } from '../smb2/query-directory.ts';
import { connected, create, type Draft, type FileId } from './test-client.support.test.ts';
import { scenarios } from './test-on-disk.support.test.ts';
import { dispose, fsctl, list, rename, write } from './test-requests.support.test.ts';
import type { World } from './test-world.support.test.ts';

const ALL = 0x1f01ff;
const READ = 0x120089;
/** DELETE, and to read and write attributes: all that a link takes. */
const NO_DATA = 0x10180;

const SET = Fsctl.FSCTL_SET_REPARSE_POINT;
const GET = Fsctl.FSCTL_GET_REPARSE_POINT;
const DELETE = Fsctl.FSCTL_DELETE_REPARSE_POINT;

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');
const linkTo = (target: string, flags = SYMLINK_FLAG_RELATIVE): Buffer =>
  encodeSymbolicLinkReparseData({ substituteName: target, printName: target, flags });
/** c 1:3, as a client of NFS. */
const DEVICE = hex('14000080 1000 0000 43485200 00000000 01000000 03000000');
const FIFO = encodeEmptyReparseData(IO_REPARSE_TAG_LX_FIFO);
const guid = (byte: string): string => byte.repeat(16);
const theirs = (owner: string, data: string): Buffer => hex(`34120000 0200 0000 ${owner} ${data}`);

async function stage(world: World) {
  const { client, session, treeId } = await connected(world, {});
  const ask = (draft: Draft) => client.call({ treeId, ...draft }, session);
  const at = async (name: string, over: object): Promise<FileId> => {
    const reply = await ask(create({ name, desiredAccess: ALL, shareAccess: 7, ...over }));
    assert.equal(reply.status, STATUS_SUCCESS, name);
    return decodeCreateResponse(reply.message);
  };
  const set = async (open: FileId, data: Buffer) => (await ask(fsctl(open, SET, data))).status;
  const close = (open: FileId) => client.close(session, treeId, open);
  return {
    ask,
    set,
    close,
    make: (name: string, options = 0) =>
      at(name, {
        createDisposition: FILE_CREATE,
        createOptions: options | FILE_OPEN_REPARSE_POINT,
      }),
    itself: (name: string, desiredAccess = ALL, options = 0) =>
      at(name, {
        createDisposition: FILE_OPEN,
        createOptions: options | FILE_OPEN_REPARSE_POINT,
        desiredAccess,
      }),
    follow: (name: string) =>
      ask(create({ name, desiredAccess: READ, createDisposition: FILE_OPEN })),
    get: async (open: FileId): Promise<Buffer> => {
      const { status, message } = await ask(fsctl(open, GET));
      assert.equal(status, STATUS_SUCCESS);
      return decodeIoctlResponse(message).output;
    },
    remove: async (open: FileId) => {
      assert.equal((await ask(dispose(open))).status, STATUS_SUCCESS);
      await close(open);
    },
    entryOf: async (name: string) => {
      const root = await at('', { createDisposition: FILE_OPEN, desiredAccess: READ });
      const { message } = await ask(list(root, name));
      await close(root);
      const { outputBuffer } = decodeQueryDirectoryResponse(message);
      return decodeDirectory(FileInformationClass.FileIdBothDirectoryInformation, outputBuffer)[0]!;
    },
    end: () => client.lost(),
  };
}

const scenario = scenarios(stage);

scenario('a link that stays in the share is one', async (stage, root) => {
  const { make, set, close, itself, get, follow, entryOf, remove, ask } = stage;
  await close(await make('d', FILE_DIRECTORY_FILE));
  for (const [name, options, data] of [
    ['d\\file', 0, linkTo('..\\x')],
    ['d\\nfs', 0, hex('14000080 1000 0000 4c4e4b01 00000000 2e002e002f007800')],
    ['d\\wsl', 0, hex('1d0000a0 0800 0000 02000000 2e2e2f78')],
    ['d\\directory', FILE_DIRECTORY_FILE, linkTo('..\\x')],
  ] as const) {
    const open = await make(name, options);
    assert.equal(await set(open, data), STATUS_SUCCESS, name);
    // The open goes on with the link.
    assert.equal(decodeSymbolicLinkReparseData(await get(open)).substituteName, '..\\x');
    await close(open);
    if (root !== undefined) assert.equal(readlinkSync(join(root, ...name.split('\\'))), '../x');
    assert.equal((await follow(name)).status, STATUS_STOPPED_ON_SYMLINK);
    const again = await itself(name, NO_DATA, options);
    assert.equal((await ask(rename(again, 'moved', false))).status, STATUS_SUCCESS);
    const entry = await entryOf('moved');
    assert.deepEqual([entry.fileAttributes, entry.reparseTag], [0x400, 0xa000000c]);
    await remove(again);
    assert.equal((await follow('moved')).status, STATUS_OBJECT_NAME_NOT_FOUND);
  }
});

scenario('a link that leads out, or may, is kept and given back as it was', async (stage, root) => {
  const { make, set, close, itself, get, follow, remove } = stage;
  for (const [name, options, target, flags] of [
    ['up', 0, '..\\x', SYMLINK_FLAG_RELATIVE],
    ['through', 0, 'a\\..\\..\\x', SYMLINK_FLAG_RELATIVE],
    ['absolute', 0, '\\??\\C:\\x', 0],
    ['slash', 0, '/etc/passwd', 0],
    ['directory', FILE_DIRECTORY_FILE, '\\??\\UNC\\server\\share', 0],
  ] as const) {
    const data = linkTo(target, flags);
    const open = await make(name, options);
    assert.equal(await set(open, data), STATUS_SUCCESS, name);
    await close(open);
    if (root !== undefined) {
      assert.ok(lstatSync(join(root, name)).isFile(), 'no link of the host');
    }
    for (const [path, unparsedPathLength] of [
      [name, 0],
      [`${name}\\b`, 4],
    ] as const) {
      const stopped = await follow(path);
      assert.equal(stopped.status, STATUS_STOPPED_ON_SYMLINK, path);
      const error = decodeSymbolicLinkError(errorDataOf(decodeErrorResponse(stopped.message)));
      const there = { substituteName: target, printName: target, flags, unparsedPathLength };
      assert.deepEqual(error, there);
    }
    const again = await itself(name, ALL, options);
    assert.deepEqual(await get(again), data);
    await remove(again);
    assert.equal((await follow(name)).status, STATUS_OBJECT_NAME_NOT_FOUND);
  }
});

scenario('special files and tags of others are kept with a file', async (stage, root) => {
  const { make, set, close, itself, get, follow, entryOf, ask } = stage;
  const others = theirs(guid('11'), 'abcd');
  for (const [name, data, tag] of [
    ['device', DEVICE, 0x80000014],
    ['fifo', FIFO, 0x80000024],
    ['others', others, 0x1234],
  ] as const) {
    const open = await make(name);
    assert.equal(await set(open, data), STATUS_SUCCESS, name);
    await close(open);
    if (root !== undefined) assert.ok(lstatSync(join(root, name)).isFile(), 'no device');
    assert.equal((await follow(name)).status, STATUS_IO_REPARSE_TAG_NOT_HANDLED, name);
    const entry = await entryOf(name);
    assert.equal(entry.reparseTag, tag);
    assert.ok((entry.fileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) !== 0);
    const again = await itself(name);
    assert.deepEqual(await get(again), data);
    await close(again);
  }
  const open = await itself('others');
  const cut = await ask(fsctl(open, GET, undefined, 9));
  assert.equal(cut.status, STATUS_BUFFER_OVERFLOW);
  assert.deepEqual(decodeIoctlResponse(cut.message).output, others.subarray(0, 9));
  assert.equal(await set(open, theirs(guid('22'), 'abcd')), STATUS_REPARSE_ATTRIBUTE_CONFLICT);
  assert.equal(await set(open, DEVICE), STATUS_IO_REPARSE_TAG_MISMATCH);
  const other = theirs(guid('11'), 'ffff');
  assert.equal(await set(open, other), STATUS_SUCCESS);
  assert.deepEqual(await get(open), other);
  await close(open);
});

scenario(
  'mount points and tags of others are kept with an empty directory',
  async (stage, root) => {
    const { make, set, close, itself, get, follow, entryOf, remove, ask } = stage;
    const junction = hex('030000a0 1000 0000 0000 0400 0600 0000 43003a00 0000 0000');
    for (const [name, data, tag] of [
      ['junction', junction, IO_REPARSE_TAG_MOUNT_POINT],
      ['others', theirs(guid('11'), 'abcd'), 0x1234],
    ] as const) {
      const open = await make(name, FILE_DIRECTORY_FILE);
      assert.equal(await set(open, data), STATUS_SUCCESS, name);
      await close(open);
      if (root !== undefined) assert.ok(lstatSync(join(root, name)).isDirectory());
      assert.equal((await follow(name)).status, STATUS_IO_REPARSE_TAG_NOT_HANDLED, name);
      const entry = await entryOf(name);
      assert.equal(entry.reparseTag, tag);
      assert.equal(entry.fileAttributes, 0x410);
      // Nothing gets into it: where it leads no client of this server comes to.
      const beneath = { desiredAccess: ALL, createDisposition: FILE_CREATE, shareAccess: 7 };
      for (const createOptions of [0, FILE_DIRECTORY_FILE]) {
        const made = await ask(create({ name: `${name}\\x`, createOptions, ...beneath }));
        assert.equal(made.status, STATUS_IO_REPARSE_TAG_NOT_HANDLED);
      }
      const other = await make(`file of ${name}`);
      const moved = await ask(rename(other, `${name}\\x`, false));
      assert.equal(moved.status, STATUS_IO_REPARSE_TAG_NOT_HANDLED);
      await remove(other);
      const again = await itself(name, ALL, FILE_DIRECTORY_FILE);
      assert.deepEqual(await get(again), data);
      assert.equal((await ask(rename(again, 'moved', false))).status, STATUS_SUCCESS);
      assert.equal((await entryOf('moved')).reparseTag, tag);
      await remove(again);
      assert.equal((await follow('moved')).status, STATUS_OBJECT_NAME_NOT_FOUND);
    }
  },
);

scenario('a directory is one again when its reparse point is deleted', async (stage) => {
  const { make, set, close, ask, follow } = stage;
  const open = await make('d', FILE_DIRECTORY_FILE);
  const junction = encodeEmptyReparseData(IO_REPARSE_TAG_MOUNT_POINT);
  assert.equal(await set(open, junction), STATUS_SUCCESS);
  assert.equal((await ask(fsctl(open, DELETE, junction))).status, STATUS_SUCCESS);
  await close(open);
  assert.equal((await follow('d')).status, STATUS_SUCCESS);
  await close(await make('d\\inside'));
});

scenario('what a reparse point may not be set on', async (stage) => {
  const { make, set, close, itself, ask } = stage;
  const directory = await make('d', FILE_DIRECTORY_FILE);
  await close(await make('d\\inside'));
  assert.equal(await set(directory, linkTo('x')), STATUS_DIRECTORY_NOT_EMPTY);
  await close(directory);
  const file = await make('f');
  assert.equal(
    await set(file, encodeEmptyReparseData(IO_REPARSE_TAG_MOUNT_POINT)),
    STATUS_NOT_A_DIRECTORY,
  );
  for (const [data, status] of [
    [hex('14000080 1000'), STATUS_IO_REPARSE_DATA_INVALID],
    [DEVICE.subarray(0, -1), STATUS_IO_REPARSE_DATA_INVALID],
    [hex('0c0000a0 0400 0000 00000000'), STATUS_IO_REPARSE_DATA_INVALID],
    [hex('01000000 0000 0000').fill(0, 0, 4), STATUS_IO_REPARSE_DATA_INVALID],
    [hex(`01000000 0000 0000 ${guid('11')}`), STATUS_IO_REPARSE_TAG_INVALID],
    [Buffer.alloc(16_385), STATUS_IO_REPARSE_DATA_INVALID],
  ] as const) {
    assert.equal(await set(file, data), status);
  }
  await ask(write(file, 'content'));
  assert.equal(await set(file, linkTo('x')), STATUS_IO_REPARSE_DATA_INVALID);
  // Of other tags the content stays.
  assert.equal(await set(file, FIFO), STATUS_SUCCESS);
  await close(file);
  const reading = await itself('f', READ);
  assert.equal(await set(reading, FIFO), STATUS_ACCESS_DENIED);
  assert.equal((await ask(fsctl(reading, DELETE, FIFO))).status, STATUS_ACCESS_DENIED);
  await close(reading);
});

scenario('while somebody else has the file open a link is kept with it', async (stage, root) => {
  const { make, set, close, itself, get } = stage;
  const open = await make('f');
  const other = await itself('f');
  assert.equal(await set(open, linkTo('x')), STATUS_SUCCESS);
  assert.deepEqual(await get(other), linkTo('x'));
  if (root !== undefined) assert.ok(lstatSync(join(root, 'f')).isFile());
  await close(open);
  await close(other);
});

scenario('reparse points are deleted by their tag', async (stage, root) => {
  const { make, set, close, ask, follow } = stage;
  for (const [name, data] of [
    ['link', linkTo('x')],
    ['kept', linkTo('..\\x')],
    ['fifo', FIFO],
    ['others', theirs(guid('11'), 'abcd')],
  ] as const) {
    const open = await make(name);
    const remove = async (input: Buffer) => (await ask(fsctl(open, DELETE, input))).status;
    const isMicrosoft = data.readUInt32LE(0) >= 0x8000_0000;
    const bare = Buffer.from(data.subarray(0, isMicrosoft ? 8 : 24));
    bare.writeUInt16LE(0, 4);
    assert.equal(await remove(bare), STATUS_NOT_A_REPARSE_POINT);
    assert.equal(await set(open, data), STATUS_SUCCESS);
    assert.equal(await remove(encodeEmptyReparseData(0x80000023)), STATUS_IO_REPARSE_TAG_MISMATCH);
    if (data.length > bare.length) {
      assert.equal(await remove(data), STATUS_IO_REPARSE_DATA_INVALID);
    }
    assert.equal(await remove(bare), STATUS_SUCCESS, name);
    await close(open);
    assert.equal((await follow(name)).status, STATUS_SUCCESS, name);
    if (root !== undefined) assert.ok(lstatSync(join(root, name)).isFile());
  }
});
