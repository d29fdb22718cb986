/** FileBasicInformation on a file system that keeps times, but neither attributes nor creation times. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATUS_NOT_SUPPORTED, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NORMAL,
} from '../fscc/attributes.ts';
import { FileBasicInformation } from '../fscc/file-information.ts';
import { EACCES, EOPNOTSUPP, type Errno } from '../vfs/errno.ts';
import type { VfsChanges, VfsHandle } from '../vfs/vfs.ts';
import { setBasic } from './set-file-info.ts';

const NO_CHANGES = {
  creationTime: 0n,
  lastAccessTime: 0n,
  lastWriteTime: 0n,
  changeTime: 0n,
  fileAttributes: 0,
};
const TIME = 132_000_000_000_000_000n;

/** What reached the file system, in order; it takes times alone. */
async function set(changes: Partial<typeof NO_CHANGES>, refusal: Errno | 0 = 0) {
  const reached: VfsChanges[] = [];
  const handle = {
    kind: 'file',
    set(asked: VfsChanges): Errno | 0 {
      reached.push(asked);
      const { creationTime, attributes = 0 } = asked;
      return creationTime !== undefined || attributes !== 0 ? EOPNOTSUPP : refusal;
    },
  } as VfsHandle;
  const buffer = FileBasicInformation.encode({ ...NO_CHANGES, ...changes });
  return {
    status: await setBasic(
      buffer,
      { userSetModificationTime: false, userSetChangeTime: false },
      handle,
    ),
    reached,
  };
}

test('copying: times are set, what cannot be kept is left', async () => {
  const { status, reached } = await set({
    creationTime: TIME,
    lastAccessTime: TIME + 1n,
    lastWriteTime: TIME + 2n,
    changeTime: TIME + 3n,
    fileAttributes: FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE,
  });
  assert.equal(status, STATUS_SUCCESS);
  assert.deepEqual(reached.at(-1), {
    lastAccessTime: TIME + 1n,
    lastWriteTime: TIME + 2n,
    changeTime: TIME + 3n,
  });
});

test('asked for alone, what cannot be kept is refused', async () => {
  for (const changes of [
    { fileAttributes: FILE_ATTRIBUTE_HIDDEN },
    { creationTime: TIME },
    { creationTime: TIME, fileAttributes: FILE_ATTRIBUTE_ARCHIVE },
    { creationTime: TIME, changeTime: TIME },
  ]) {
    const { status, reached } = await set(changes);
    assert.equal(status, STATUS_NOT_SUPPORTED);
    assert.equal(reached.length, 1);
  }
});

test('what the file system says to the rest is the answer', async () => {
  const times = { lastWriteTime: TIME, creationTime: TIME };
  assert.notEqual((await set(times, EACCES)).status, STATUS_SUCCESS);
  const { status, reached } = await set({ fileAttributes: FILE_ATTRIBUTE_NORMAL });
  assert.equal(status, STATUS_SUCCESS);
  assert.equal(reached.length, 1);
});
