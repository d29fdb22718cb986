/**
 * MS-FSA 2.1.1.4, 2.1.5.5 and 2.1.5.15.4: deletion goes by link. Of a file that has two names one goes, with
 * the last open by it; and with POSIX semantics a name goes while others have the file open.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_DELETE_PENDING,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FileStandardInformation } from '../fscc/file-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import {
  FILE_DISPOSITION_DELETE,
  FILE_DISPOSITION_POSIX_SEMANTICS,
  FILE_RENAME_POSIX_SEMANTICS,
  FILE_RENAME_REPLACE_IF_EXISTS,
} from '../fscc/rename-information.ts';
import type { CreateRequest } from '../smb2/create.ts';
import {
  FILE_DELETE_ON_CLOSE,
  FILE_OPEN,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
} from '../smb2/create-options.ts';
import { decodeQueryInfoResponse } from '../smb2/query-info.ts';
import { decodeReadResponse } from '../smb2/read.ts';
import { connected, type Draft, type FileId } from './test-client.support.test.ts';
import {
  dispose,
  disposeEx,
  link,
  query,
  read,
  rename,
  renameEx,
  write,
} from './test-requests.support.test.ts';
import { World } from './test-world.support.test.ts';

interface Scene {
  readonly open: (name: string, over?: Partial<CreateRequest>) => Promise<FileId>;
  /** The status of opening what has to be there. */
  readonly look: (name: string) => Promise<number>;
  readonly close: (id: FileId) => Promise<void>;
  readonly status: (draft: Draft) => Promise<number>;
  readonly content: (id: FileId) => Promise<string>;
  readonly links: (id: FileId) => Promise<{ numberOfLinks: number; deletePending: boolean }>;
}

function scenario(name: string, body: (scene: Scene) => Promise<void>): void {
  test(name, async () => {
    const world = new World();
    const { client, session, treeId } = await connected(world);
    const call = (draft: Draft) => client.call({ ...draft, treeId }, session);
    const close = async (id: FileId) => {
      assert.equal(await client.close(session, treeId, id), STATUS_SUCCESS);
    };
    await body({
      open: (path, over) => client.open(session, treeId, path, over),
      look: async (path) => {
        const how = { name: path, desiredAccess: 0x80, createDisposition: FILE_OPEN };
        const { status, value } = await client.create(session, treeId, how);
        if (value !== undefined) await close(value);
        return status;
      },
      close,
      status: async (draft) => (await call(draft)).status,
      content: async (id) => {
        const reply = await call(read(id));
        assert.equal(reply.status, STATUS_SUCCESS);
        return decodeReadResponse(reply.message).data.toString();
      },
      links: async (id) => {
        const reply = await call(query(id, FileInformationClass.FileStandardInformation));
        return FileStandardInformation.read(decodeQueryInfoResponse(reply.message).outputBuffer);
      },
    });
    await client.lost();
    world.assertEmpty();
  });
}

/** A file by the names `one` and `two`, open by both. */
async function twoNames({ open, status, close }: Scene): Promise<[FileId, FileId]> {
  const made = await open('one');
  assert.equal(await status(link(made, 'two')), STATUS_SUCCESS);
  await close(made);
  return [await open('one'), await open('two')];
}

scenario('links: the one that is marked is not opened and goes, the other stays', async (scene) => {
  const { open, look, close, status, links } = scene;
  const [one, two] = await twoNames(scene);
  assert.equal(await status(dispose(one)), STATUS_SUCCESS);
  assert.equal(await look('one'), STATUS_DELETE_PENDING);
  assert.equal(await look('two'), STATUS_SUCCESS);
  assert.deepEqual(
    [(await links(one)).deletePending, (await links(two)).deletePending],
    [true, false],
  );
  assert.equal((await links(two)).numberOfLinks, 1);
  // Another open by the name keeps it, one by the other name does not.
  await close(two);
  const again = await open('two');
  await close(one);
  assert.equal(await look('one'), STATUS_OBJECT_NAME_NOT_FOUND);
  assert.equal(await look('two'), STATUS_SUCCESS);
  assert.equal((await links(again)).numberOfLinks, 1);
  await close(again);
  assert.equal(await look('two'), STATUS_SUCCESS);
});

scenario('links: each has a deleter of its own', async (scene) => {
  const { look, close, status, open } = scene;
  const [one, two] = await twoNames(scene);
  const reader = await open('two');
  assert.equal(await status(dispose(one)), STATUS_SUCCESS);
  assert.equal(await status(dispose(two)), STATUS_SUCCESS);
  await close(two);
  assert.equal(await look('two'), STATUS_DELETE_PENDING);
  await close(one);
  assert.equal(await look('one'), STATUS_OBJECT_NAME_NOT_FOUND);
  assert.equal(await look('two'), STATUS_DELETE_PENDING);
  await close(reader);
  assert.equal(await look('two'), STATUS_OBJECT_NAME_NOT_FOUND);
});

scenario('links: a mark is taken back from its own link only', async (scene) => {
  const { look, close, status } = scene;
  const [one, two] = await twoNames(scene);
  assert.equal(await status(dispose(one)), STATUS_SUCCESS);
  assert.equal(await status(dispose(two, false)), STATUS_SUCCESS);
  assert.equal(await look('one'), STATUS_DELETE_PENDING);
  assert.equal(await status(dispose(one, false)), STATUS_SUCCESS);
  assert.equal(await look('one'), STATUS_SUCCESS);
  await close(one);
  await close(two);
  assert.equal(await look('one'), STATUS_SUCCESS);
});

scenario('links: delete on close takes the name that it was opened by', async (scene) => {
  const { look, close, open, status } = scene;
  const [one, two] = await twoNames(scene);
  const doomed = await open('two', { createOptions: FILE_DELETE_ON_CLOSE });
  await close(doomed);
  // Whoever has it open by the name keeps it until then.
  assert.equal(await look('two'), STATUS_DELETE_PENDING);
  assert.equal(await look('one'), STATUS_SUCCESS);
  assert.equal(await status(rename(two, 'three')), STATUS_ACCESS_DENIED);
  assert.equal(await status(rename(one, 'four')), STATUS_SUCCESS);
  await close(two);
  assert.equal(await look('two'), STATUS_OBJECT_NAME_NOT_FOUND);
  await close(one);
  assert.equal(await look('four'), STATUS_SUCCESS);
});

const POSIX_DELETE = FILE_DISPOSITION_DELETE | FILE_DISPOSITION_POSIX_SEMANTICS;

scenario('POSIX: the name goes with the open that deleted it', async (scene) => {
  const { look, close, open, status, content } = scene;
  const first = await open('file');
  assert.equal(await status(write(first, 'old')), STATUS_SUCCESS);
  const second = await open('file');
  assert.equal(await status(disposeEx(first, POSIX_DELETE)), STATUS_SUCCESS);
  assert.equal(await look('file'), STATUS_DELETE_PENDING);
  await close(first);
  assert.equal(await look('file'), STATUS_OBJECT_NAME_NOT_FOUND);
  // Another file has the name now; whoever has the old one open goes on with it.
  const fresh = await open('file');
  assert.equal(await status(write(fresh, 'new')), STATUS_SUCCESS);
  assert.equal(await content(second), 'old');
  assert.equal(await status(write(second, 'OLD')), STATUS_SUCCESS);
  assert.equal(await content(fresh), 'new');
  await close(second);
  assert.equal(await look('file'), STATUS_SUCCESS);
  await close(fresh);
});

scenario('POSIX: who deletes so does not wait for who was first', async (scene) => {
  const { look, close, open, status } = scene;
  const first = await open('file');
  const second = await open('file');
  assert.equal(await status(dispose(first)), STATUS_SUCCESS);
  assert.equal(await status(disposeEx(second, POSIX_DELETE)), STATUS_SUCCESS);
  await close(second);
  assert.equal(await look('file'), STATUS_OBJECT_NAME_NOT_FOUND);
  const fresh = await open('file');
  await close(first);
  assert.equal(await look('file'), STATUS_SUCCESS);
  await close(fresh);
});

scenario('POSIX: a rename takes the place of a file that others have open', async (scene) => {
  const { look, close, open, status, content } = scene;
  const held = await open('there');
  assert.equal(await status(write(held, 'held')), STATUS_SUCCESS);
  const file = await open('file');
  assert.equal(await status(write(file, 'file')), STATUS_SUCCESS);
  const replace = FILE_RENAME_REPLACE_IF_EXISTS;
  assert.equal(await status(renameEx(file, 'there', replace)), STATUS_ACCESS_DENIED);
  const both = replace | FILE_RENAME_POSIX_SEMANTICS;
  assert.equal(await status(renameEx(file, 'there', both)), STATUS_SUCCESS);
  assert.equal(await look('file'), STATUS_OBJECT_NAME_NOT_FOUND);
  assert.equal(await content(held), 'held');
  const again = await open('there');
  assert.equal(await content(again), 'file');
  for (const id of [held, file, again]) await close(id);
});

scenario('POSIX: a rename leaves what others do not share for deletion', async (scene) => {
  const { close, open, status } = scene;
  const held = await open('there', { shareAccess: FILE_SHARE_READ | FILE_SHARE_WRITE });
  const file = await open('file');
  const both = FILE_RENAME_REPLACE_IF_EXISTS | FILE_RENAME_POSIX_SEMANTICS;
  assert.equal(await status(renameEx(file, 'there', both)), STATUS_ACCESS_DENIED);
  for (const id of [held, file]) await close(id);
});
