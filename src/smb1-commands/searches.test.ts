/** MS-CIFS 3.3.5.47 and 3.3.1.7: searches that their clients leave behind, and the label of the volume. */
import assert from 'node:assert/strict';
import { type Both, both, bothOnDisk } from '../../test/support/both-dialects.ts';
import {
  closeFid,
  fidOf,
  ntCreate,
  type Smb1Client,
  transact2,
  utf16,
} from '../../test/support/smb1-client.ts';
import { STATUS_INVALID_HANDLE, STATUS_NO_MORE_FILES, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { Smb1Command } from '../smb1/header.ts';
import { Trans2 } from '../smb1/transaction.ts';

const NO_KEY = Buffer.alloc(0);

/** BufferFormat and the pattern, which is OEM; BufferFormat and the resume key. */
function search(client: Smb1Client, pattern: string, attributes = 0, key: Buffer = NO_KEY) {
  const words = Buffer.alloc(4);
  words.writeUInt16LE(1);
  words.writeUInt16LE(attributes, 2);
  const bytes = Buffer.concat([
    ...[Buffer.from([4]), utf16(pattern)],
    ...[Buffer.from([5, key.length, 0]), key],
  ]);
  return client.request({ command: Smb1Command.SEARCH, words, bytes });
}

const files = async (client: Smb1Client, ...names: readonly string[]): Promise<void> => {
  for (const name of names) await closeFid(client, fidOf(await ntCreate(client, { name })));
};

both('who ends no search may begin as many as it likes', async ({ old }) => {
  await files(old, '\\a.txt', '\\b.txt');
  const first = await search(old, '\\*.txt');
  assert.equal(first.status, STATUS_SUCCESS);
  const key = first.bytes.subarray(3, 3 + 21);
  for (let i = 0; i < 127; i++) await search(old, '\\*.txt');
  const again = await search(old, '\\*.txt', 0, key);
  assert.equal(again.words.readUInt16LE(), 1, 'the second file');
  // The oldest makes room.
  assert.equal((await search(old, '\\*.txt')).status, STATUS_SUCCESS);
  assert.equal((await search(old, '\\*.txt', 0, key)).status, STATUS_NO_MORE_FILES);
});

both('the searches of a process end with it', async ({ old }) => {
  await files(old, '\\a.txt', '\\b.txt');
  const key = (await search(old, '\\*.txt')).bytes.subarray(3, 3 + 21);
  const parameters = Buffer.alloc(12);
  parameters.writeUInt16LE(1, 2);
  parameters.writeUInt16LE(1, 6);
  const pattern = Buffer.concat([parameters, utf16('\\*.txt')]);
  const found = await transact2(old, Trans2.FIND_FIRST2, pattern);
  assert.equal(found.status, STATUS_SUCCESS);
  await old.request({ command: Smb1Command.PROCESS_EXIT, words: Buffer.alloc(0) });
  assert.equal((await search(old, '\\*.txt', 0, key)).status, STATUS_NO_MORE_FILES);
  const words = found.parameters.subarray(0, 2);
  const closed = await old.request({ command: Smb1Command.FIND_CLOSE2, words });
  assert.equal(closed.status, STATUS_INVALID_HANDLE);
});

both('the label of the volume is found, once', async ({ old }) => {
  const VOLUME = 8;
  const told = await search(old, '\\????????.???', VOLUME);
  assert.equal(told.words.readUInt16LE(), 1);
  const entry = told.bytes.subarray(3);
  assert.equal(entry[21], VOLUME);
  assert.equal(entry.toString('latin1', 30).replace(/\0+$/, ''), 'files');
  const more = await search(old, '\\????????.???', VOLUME, entry.subarray(0, 21));
  assert.equal(more.status, STATUS_NO_MORE_FILES);
});

const searchesAtOnce = async ({ old }: Both): Promise<void> => {
  await files(old, '\\a.txt', '\\b.txt', '\\c.txt');
  for (let i = 0; i < 20; i++) {
    const parameters = Buffer.alloc(12);
    parameters.writeUInt16LE(1, 2);
    parameters.writeUInt16LE(1, 6);
    const found = await transact2(
      old,
      Trans2.FIND_FIRST2,
      Buffer.concat([parameters, utf16('\\*.txt')]),
    );
    const words = found.parameters.subarray(0, 2);
    const goOn = Buffer.alloc(14);
    goOn.set(words);
    goOn.writeUInt16LE(10, 2);
    goOn.writeUInt16LE(1, 4);
    // A name that was told first: what is behind it is sought from the beginning.
    goOn.writeUInt16LE(0, 10);
    const next = Buffer.concat([goOn.subarray(0, 12), utf16('a.txt')]);
    const both = await Promise.all([
      transact2(old, Trans2.FIND_NEXT2, next),
      old.request({ command: Smb1Command.FIND_CLOSE2, words }),
    ]);
    assert.deepEqual(
      both.map(({ status }) => status),
      [STATUS_SUCCESS, STATUS_SUCCESS],
    );
  }
};

both('a search that is ended while it is read is read to its end', searchesAtOnce);
bothOnDisk('a search that is ended while it is read is read to its end, on a disk', searchesAtOnce);

bothOnDisk('requests of one search that come at once take turns', async ({ old }) => {
  const names = Array.from({ length: 12 }, (_, i) => `n${10 + i}`);
  await files(old, ...names.map((name) => `\\${name}`));
  const RESUME_KEYS = 4;
  const parameters = Buffer.alloc(12);
  parameters.writeUInt16LE(20, 2);
  parameters.writeUInt16LE(RESUME_KEYS, 4);
  parameters.writeUInt16LE(1, 6);
  const pattern = Buffer.concat([parameters, utf16('\\n*')]);
  const first = await transact2(old, Trans2.FIND_FIRST2, pattern);
  assert.equal(first.parameters.readUInt16LE(2), names.length);
  // Behind the key, times, sizes, attributes, the name's length and a byte of padding.
  const NAME_AT = 28;
  const nameIn = (data: Buffer) => /n\d\d/.exec(data.toString('utf16le'))?.[0];
  const behind = async (key: number) => {
    const goOn = Buffer.alloc(14);
    goOn.set(first.parameters.subarray(0, 2));
    goOn.writeUInt16LE(1, 2);
    goOn.writeUInt16LE(1, 4);
    goOn.writeUInt32LE(key, 6);
    goOn.writeUInt16LE(RESUME_KEYS, 10);
    const { data } = await transact2(old, Trans2.FIND_NEXT2, goOn);
    return [data.readUInt32LE(0), nameIn(data.subarray(NAME_AT))];
  };
  const alone: unknown[] = [];
  const keys = [2, 9, 5, 1, 7, 11, 3];
  for (const key of keys) alone.push(await behind(key));
  assert.deepEqual(
    alone.map((one) => (one as number[])[0]),
    keys.map((key) => key + 1),
  );
  assert.equal(new Set(alone.map((one) => (one as string[])[1])).size, keys.length);
  assert.deepEqual(await Promise.all(keys.map(behind)), alone);
});
