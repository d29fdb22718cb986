/** MS-FSA 2.1.5.1.2.1, 2.1.5.5 and 2.1.5.15: what the streams of a file owe each other: sharing, deletion, renames, locks. */
import assert from 'node:assert/strict';
import { DELETE, FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_DELETE_PENDING,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_SHARING_VIOLATION,
} from '../dtyp/ntstatus.ts';
import { FileStandardInformation } from '../fscc/file-information.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import {
  FILE_DELETE_ON_CLOSE,
  FILE_OPEN,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
} from '../smb2/create-options.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK, SMB2_LOCKFLAG_FAIL_IMMEDIATELY } from '../smb2/lock.ts';
import { dispose, lock, read, rename, write } from './test-requests.support.test.ts';
import { scenario } from './test-streams.support.test.ts';

const ALL_SHARED = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

scenario('each stream has its own share modes', async (scene) => {
  const alone = { shareAccess: 0, desiredAccess: FILE_WRITE_DATA };
  const one = await scene.open('f:one', alone);
  const two = await scene.open('f:two', alone);
  const file = await scene.open('f', alone);
  for (const name of ['f:one', 'f:TWO', 'f']) {
    await scene.refused(name, STATUS_SHARING_VIOLATION, alone);
  }
  for (const id of [one, two, file]) await scene.close(id);
});

scenario('whoever deletes the file needs the leave of its streams', async (scene) => {
  const data = FILE_READ_DATA | FILE_WRITE_DATA;
  const closed = FILE_SHARE_READ | FILE_SHARE_WRITE;
  const stream = await scene.open('f:s', { desiredAccess: data, shareAccess: closed });
  await scene.refused('f', STATUS_SHARING_VIOLATION, { desiredAccess: DELETE });
  await scene.close(await scene.open('f:other', { desiredAccess: DELETE }));
  await scene.close(stream);
  const deleting = await scene.open('f', { desiredAccess: DELETE });
  await scene.refused('f:s', STATUS_SHARING_VIOLATION, {
    desiredAccess: data,
    shareAccess: closed,
  });
  await scene.refused('f:new', STATUS_SHARING_VIOLATION, {
    desiredAccess: data,
    shareAccess: closed,
  });
  await scene.close(await scene.open('f:s', { desiredAccess: data, shareAccess: ALL_SHARED }));
  // The file without FILE_SHARE_DELETE is no hindrance to deleting a stream.
  await scene.close(deleting);
  const file = await scene.open('f', { desiredAccess: data, shareAccess: closed });
  await scene.close(await scene.open('f:s', { desiredAccess: DELETE }));
  await scene.close(file);
  assert.deepEqual(await scene.streams('f'), ['::$DATA 0', ':other:$DATA 0', ':s:$DATA 0']);
});

scenario('delete-on-close of a stream leaves the file', async (scene) => {
  await scene.put('f', 'data');
  await scene.put('f:s', 'x');
  const first = await scene.open('f:s');
  const second = await scene.open('f:s', { createOptions: FILE_DELETE_ON_CLOSE });
  await scene.close(second);
  await scene.refused('f:s', STATUS_DELETE_PENDING);
  await scene.close(await scene.open('f'));
  const standard = await scene.info(first, Class.FileStandardInformation);
  assert.equal(FileStandardInformation.read(standard).deletePending, true);
  assert.equal(FileStandardInformation.read(standard).numberOfLinks, 1);
  await scene.done(dispose(first, false));
  await scene.done(dispose(first));
  await scene.close(first);
  assert.deepEqual(await scene.streams('f'), ['::$DATA 4']);
});

scenario('a file that is deleted goes with the last open of its streams', async (scene) => {
  await scene.put('f:s', 'test data');
  const stream = await scene.open('f:s', { desiredAccess: FILE_READ_DATA | FILE_WRITE_DATA });
  const other = await scene.open('f:t', { createOptions: FILE_DELETE_ON_CLOSE });
  const file = await scene.open('f', { createOptions: FILE_DELETE_ON_CLOSE });
  await scene.close(file);
  for (const name of ['f', 'f:s', 'f:t', 'f:new']) await scene.refused(name, STATUS_DELETE_PENDING);
  await scene.done(read(stream));
  await scene.done(write(stream, 'still'));
  await scene.close(other);
  await scene.refused('f', STATUS_DELETE_PENDING);
  await scene.close(stream);
  await scene.refused('f', STATUS_OBJECT_NAME_NOT_FOUND, { createDisposition: FILE_OPEN });
});

scenario('the file goes too when a stream was still being removed', async (scene) => {
  const stream = await scene.open('f:s', { createOptions: FILE_DELETE_ON_CLOSE });
  const file = await scene.open('f', { createOptions: FILE_DELETE_ON_CLOSE });
  scene.world.gates.shut('remove');
  const closing = scene.client.close(scene.session, scene.treeId, stream);
  await scene.close(file);
  scene.world.gates.open('remove');
  await closing;
  await scene.refused('f', STATUS_OBJECT_NAME_NOT_FOUND, { createDisposition: FILE_OPEN });
});

scenario('a stream is renamed in its file', async (scene) => {
  await scene.put('f:a', 'aaa');
  await scene.put('f:b', 'bb');
  await scene.put('f:empty', '');
  const id = await scene.open('f:a');
  const other = await scene.open('f:a');
  await scene.done(rename(id, ':A'));
  for (const [name, status, replace] of [
    [':b', STATUS_OBJECT_NAME_COLLISION, false],
    [':b', STATUS_INVALID_PARAMETER, true],
    [':', STATUS_INVALID_PARAMETER, false],
    [':x:', STATUS_INVALID_PARAMETER, false],
    [':x/y', STATUS_INVALID_PARAMETER, false],
    [':x:y:z', STATUS_OBJECT_TYPE_MISMATCH, false],
    [':x:$INDEX_ALLOCATION', STATUS_OBJECT_TYPE_MISMATCH, false],
    [`:${'x'.repeat(256)}`, STATUS_INVALID_PARAMETER, false],
  ] as const) {
    await scene.gives(rename(id, name, replace), status);
  }
  const held = await scene.open('f:empty');
  await scene.gives(rename(id, ':empty', true), STATUS_INVALID_PARAMETER);
  await scene.close(held);
  await scene.done(rename(id, ':EMPTY:$data', true));
  assert.deepEqual(await scene.streams('f'), ['::$DATA 0', ':EMPTY:$DATA 3', ':b:$DATA 2']);
  await scene.done(write(other, 'AAAA'));
  assert.equal(await scene.nameOf(other, Class.FileNormalizedNameInformation), 'f:EMPTY');
  // Share modes and deletion follow the new name.
  await scene.done(dispose(other));
  await scene.refused('f:empty', STATUS_DELETE_PENDING);
  await scene.gives(rename(id, ':late'), STATUS_ACCESS_DENIED);
  await scene.close(await scene.open('f:a'));
  await scene.close(id);
  await scene.close(other);
  assert.deepEqual(await scene.streams('f'), ['::$DATA 0', ':a:$DATA 0', ':b:$DATA 2']);
});

scenario('a file with open streams keeps its name', async (scene) => {
  await scene.put('g', '');
  const stream = await scene.open('f:s');
  const file = await scene.open('f');
  await scene.gives(rename(file, 'h'), STATUS_ACCESS_DENIED);
  await scene.gives(rename(stream, 'h'), STATUS_ACCESS_DENIED);
  const other = await scene.open('g');
  await scene.gives(rename(other, 'f', true), STATUS_ACCESS_DENIED);
  await scene.close(file);
  await scene.gives(rename(other, 'f', true), STATUS_ACCESS_DENIED);
  await scene.done(rename(stream, 'h'));
  await scene.close(stream);
  await scene.done(rename(other, 'h', true));
  await scene.close(other);
  assert.deepEqual(await scene.streams('h'), ['::$DATA 0']);
});

scenario('locks are those of one stream', async (scene) => {
  await scene.put('f', 'data');
  const stream = await scene.open('f:s');
  const again = await scene.open('f:s');
  const file = await scene.open('f');
  const flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
  await scene.done(lock(stream, { offset: 0n, length: 10n, flags }));
  await scene.gives(write(again, 'x'), STATUS_FILE_LOCK_CONFLICT);
  await scene.done(write(file, 'x'));
  await scene.done(lock(file, { offset: 0n, length: 10n, flags }));
  for (const id of [stream, again, file]) await scene.close(id);
});
