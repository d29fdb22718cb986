/** What Explorer and Finder keep in named streams of the files that they copy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientFile } from '../../src/client/file.ts';
import {
  closeRequest,
  flushRequest,
  queryInfoRequest,
  RELATED,
  readRequest,
  writeRequest,
} from '../../src/client/requests.ts';
import {
  DELETE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  SYNCHRONIZE,
} from '../../src/dtyp/access-mask.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import { FileBasicInformation, FileEndOfFileInformation } from '../../src/fscc/file-information.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import { decodeStreamInformation } from '../../src/fscc/stream-information.ts';
import {
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE_IF,
  FILE_SHARE_READ,
} from '../../src/smb2/create-options.ts';
import { SMB2_0_INFO_FILE } from '../../src/smb2/info-types.ts';
import { decodeReadResponse } from '../../src/smb2/read.ts';
import { macos15, win11 } from './personas.ts';
import { assertStatus, assertStatuses, opening, openStage } from './stage.ts';

const stage = await openStage();
const OK = STATUS_SUCCESS;
const READ_WRITE = FILE_GENERIC_READ | FILE_GENERIC_WRITE;

const ZONE = Buffer.from('[ZoneTransfer]\r\nZoneId=3\r\n');
/** "AFP\0", version 1.0, and in FinderInfo type and creator. */
const AFP_INFO = Buffer.concat([
  Buffer.from('41465000000100000000000080000000', 'hex'),
  Buffer.from('TEXTttxt', 'latin1'),
  Buffer.alloc(36),
]);

async function streamsOf(file: ClientFile): Promise<string[]> {
  const list = decodeStreamInformation(await file.queryInfo(Class.FileStreamInformation));
  return list.map(({ streamName, streamSize }) => `${streamName} ${streamSize}`).sort();
}

test('Explorer copies a downloaded file in and out with its Zone.Identifier', async () => {
  const tree = await stage.enter(win11);
  // CopyFileEx holds the file, alone for writing, while it copies the streams beside it.
  const target = await tree.open('setup.exe', {
    access: READ_WRITE | DELETE,
    disposition: FILE_OVERWRITE_IF,
    share: FILE_SHARE_READ,
  });
  await target.write(0, Buffer.alloc(100, 7));
  const zone = await tree.open('setup.exe:Zone.Identifier:$DATA', {
    access: READ_WRITE | DELETE,
    disposition: FILE_OVERWRITE_IF,
    share: FILE_SHARE_READ | 4,
  });
  await zone.setInfo(
    Class.FileEndOfFileInformation,
    FileEndOfFileInformation.encode({ endOfFile: ZONE.length }),
  );
  await zone.write(0, ZONE);
  await zone.close(true);
  const written = 132_000_000_000_000_000n;
  await target.setInfo(
    Class.FileBasicInformation,
    FileBasicInformation.encode({
      creationTime: 0n,
      lastAccessTime: 0n,
      lastWriteTime: written,
      changeTime: 0n,
      fileAttributes: 0x20,
    }),
  );
  await target.close(true);

  const source = await tree.open('setup.exe', { access: FILE_GENERIC_READ });
  assert.deepEqual(await streamsOf(source), ['::$DATA 100', ':Zone.Identifier:$DATA 26']);
  const { lastWriteTime } = FileBasicInformation.read(
    await source.queryInfo(Class.FileBasicInformation),
  );
  assert.equal(lastWriteTime, written, 'the streams were before the times');
  const cut = queryInfoRequest(source.fileId, SMB2_0_INFO_FILE, Class.FileStreamInformation, {
    outputBytes: 60,
  });
  assertStatus(await tree.request(cut), STATUS_BUFFER_OVERFLOW);
  assert.deepEqual(await tree.readFile('setup.exe:zone.identifier'), ZONE);
  await source.close();
  // "Unblock": only the stream goes.
  await tree.remove('setup.exe:Zone.Identifier');
  assert.equal((await tree.readFile('setup.exe')).length, 100);
  assertStatus(
    await tree.request(opening(win11, 'setup.exe:Zone.Identifier', { disposition: FILE_OPEN })),
    STATUS_OBJECT_NAME_NOT_FOUND,
  );
});

test('A29 Finder reads and writes AFP_AfpInfo in one compound each, and flushes a resource fork', async () => {
  const tree = await stage.enter(macos15);
  for (const name of ['picture', 'folder']) {
    const options = name === 'folder' ? { options: FILE_DIRECTORY_FILE } : {};
    await (
      await tree.open(name, { access: READ_WRITE, disposition: FILE_OPEN_IF, ...options })
    ).close();
    const path = `${name}:AFP_AfpInfo`;
    const look = { access: FILE_READ_ATTRIBUTES | SYNCHRONIZE, oplockLevel: 0 };
    assertStatus(
      await tree.request(opening(macos15, path, { ...look, disposition: FILE_OPEN })),
      STATUS_OBJECT_NAME_NOT_FOUND,
    );
    const writing = { access: READ_WRITE, disposition: FILE_OPEN_IF, oplockLevel: 0 };
    assertStatuses(
      await tree.compound([
        opening(macos15, path, writing),
        writeRequest(RELATED, 0, AFP_INFO),
        closeRequest(RELATED),
      ]),
      [OK, OK, OK],
    );
    const answers = await tree.compound([
      opening(macos15, path, { access: FILE_GENERIC_READ, disposition: FILE_OPEN, oplockLevel: 0 }),
      readRequest(RELATED, 0, 60),
      closeRequest(RELATED),
    ]);
    assertStatuses(answers, [OK, OK, OK]);
    assert.deepEqual(decodeReadResponse(answers[1]!.message).data, AFP_INFO);
  }
  const fork = await tree.open('picture:AFP_Resource', {
    access: READ_WRITE,
    disposition: FILE_OPEN_IF,
  });
  const icon = Buffer.alloc(200_000, 'icon');
  await fork.writeAll(icon);
  assertStatus(await tree.request(flushRequest(fork.fileId)), OK);
  await fork.close();
  assert.deepEqual(await tree.readFile('picture:AFP_Resource'), icon);
  // Tags and quarantine are streams too, and names may hold the private range.
  const names = [
    'com.apple.quarantine',
    'com.apple.metadata:_kMDItemUserTags'.replace(':', '\uf022'),
  ];
  for (const name of names) await tree.writeFile(`picture:${name}`, Buffer.from(name));
  const file = await tree.open('picture');
  assert.deepEqual(
    await streamsOf(file),
    [
      '::$DATA 0',
      ':AFP_AfpInfo:$DATA 60',
      ':AFP_Resource:$DATA 200000',
      ...names.map((name) => `:${name}:$DATA ${Buffer.byteLength(name)}`),
    ].sort(),
  );
  await file.close();
  // Finder empties the trash: the file goes with all of them.
  const how = { access: DELETE, options: FILE_DELETE_ON_CLOSE };
  await (await tree.open('picture', how)).close();
  assertStatus(
    await tree.request(opening(macos15, 'picture:AFP_AfpInfo', { disposition: FILE_OPEN })),
    STATUS_OBJECT_NAME_NOT_FOUND,
  );
});
