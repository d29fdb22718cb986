/** Files as Explorer, the Finder and Time Machine work on them: flushes, rights, sizes, names, the newest listings. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientFile } from '../../src/client/file.ts';
import { closeRequest, flushRequest, RELATED } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import {
  DELETE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  FILE_WRITE_DATA,
} from '../../src/dtyp/access-mask.ts';
import {
  STATUS_NAME_TOO_LONG,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_READONLY } from '../../src/fscc/attributes.ts';
import {
  FileBasicInformation,
  FileEndOfFileInformation,
  FileStandardInformation,
} from '../../src/fscc/file-information.ts';
import { FileFsFullSizeInformation, FileFsSizeInformation } from '../../src/fscc/fs-information.ts';
import {
  FileInformationClass as Class,
  FsInformationClass as FsClass,
} from '../../src/fscc/information-class.ts';
import { encodeRenameInformation } from '../../src/fscc/rename-information.ts';
import {
  decodeQueryMaximalAccessResponse,
  encodeQueryMaximalAccessRequest,
} from '../../src/smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../../src/smb2/create-contexts.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { macos15, win11 } from './personas.ts';
import { assertStatus, assertStatuses, opening, openStage, timed } from './stage.ts';

const stage = await openStage();
const WRITING = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, disposition: FILE_OPEN_IF };

/** F_FULLFSYNC: Reserved1 says it. */
function fullFlush(fileId: Buffer) {
  const request = flushRequest(fileId);
  request.body.writeUInt16LE(0xffff, 2);
  return request;
}

test('B07 both forms of FLUSH, on a file, a stream and a folder, or Time Machine fails', async () => {
  const tree = await stage.enter(macos15);
  await tree.makeDirectory('flushed');
  for (const [name, options] of [
    ['flushed\\f', 0],
    ['flushed\\f:AFP_Resource', 0],
    ['flushed', FILE_DIRECTORY_FILE],
  ] as const) {
    const file = await tree.open(name, { ...WRITING, options });
    for (const flush of [flushRequest, fullFlush]) {
      assertStatus(await tree.request(flush(file.fileId)), STATUS_SUCCESS, name);
    }
    await file.close();
  }
});

test('B08 FLUSH and CLOSE in one compound', async () => {
  const tree = await stage.enter(macos15);
  for (const flush of [flushRequest, fullFlush]) {
    const answers = await tree.compound([
      opening(macos15, 'compound', WRITING),
      flush(RELATED),
      closeRequest(RELATED),
    ]);
    assertStatuses(answers, [STATUS_SUCCESS, STATUS_SUCCESS, STATUS_SUCCESS]);
  }
});

async function maximalAccess(tree: ClientTree, name: string): Promise<number> {
  const data = encodeQueryMaximalAccessRequest();
  const contexts = [{ name: CreateContextName.QUERY_MAXIMAL_ACCESS, data }];
  const file = await tree.open(name, { access: FILE_READ_ATTRIBUTES, contexts });
  await file.close();
  const { createContexts } = file.created;
  const answer = findCreateContext(createContexts, CreateContextName.QUERY_MAXIMAL_ACCESS)!;
  return decodeQueryMaximalAccessResponse(answer).maximalAccess;
}

test('B12 a file that is read-only may be renamed and trashed: its rights are as they were', async () => {
  const tree = await stage.enter(macos15);
  await tree.writeFile('readonly', Buffer.from('x'));
  const before = await maximalAccess(tree, 'readonly');
  const basic = Buffer.alloc(40);
  basic.writeUInt32LE(FILE_ATTRIBUTE_READONLY, 32);
  const file = await tree.open('readonly', WRITING);
  await file.setInfo(Class.FileBasicInformation, basic);
  await file.close();
  const after = await maximalAccess(tree, 'readonly');
  assert.equal(after & (DELETE | FILE_WRITE_DATA), DELETE | FILE_WRITE_DATA);
  assert.equal(after, before);
});

test('B21 a file is as large as Explorer says at once, and only then filled', async () => {
  const tree = await stage.enter(win11);
  const file = await tree.open('large', WRITING);
  const endOfFile = 2 ** 40;
  const { ms } = await timed(() =>
    file.setInfo(Class.FileEndOfFileInformation, FileEndOfFileInformation.encode({ endOfFile })),
  );
  assert.ok(ms < 1000, `${ms} ms`);
  const standard = FileStandardInformation.read(
    await file.queryInfo(Class.FileStandardInformation),
  );
  assert.equal(standard.endOfFile, endOfFile);
  await file.close();
});

const basicOf = async (file: ClientFile) =>
  FileBasicInformation.read(await file.queryInfo(Class.FileBasicInformation));
/** Times to the disk take their turns; the clock of a file is no finer than this. */
const TICK_MS = 20;

test('B24 a write moves the time at once, for the Finder too; a time that was set stays for its handle', async () => {
  const windows = await (await stage.enter(win11)).open('dated', WRITING);
  const finder = await (await stage.enter(macos15)).open('dated', WRITING);
  const before = (await basicOf(finder)).lastWriteTime;
  await delay(TICK_MS);
  await windows.write(0, Buffer.from('now'));
  const written = (await basicOf(finder)).lastWriteTime;
  assert.ok(written > before);
  // robocopy: what it copied has the time of what it copied, though it goes on writing.
  const stamp = 133_200_000_000_000_000n;
  const times = { creationTime: 0n, lastAccessTime: 0n, lastWriteTime: stamp, changeTime: 0n };
  const set = FileBasicInformation.encode({ ...times, fileAttributes: 0 });
  await windows.setInfo(Class.FileBasicInformation, set);
  await windows.write(3, Buffer.from(' and then'));
  assert.equal((await basicOf(finder)).lastWriteTime, stamp);
  const closed = await windows.close(true);
  assert.equal(closed.lastWriteTime, stamp);
  assert.equal(closed.endOfFile, 12);
  // Who did not set it moves it.
  await finder.write(0, Buffer.from('NOW'));
  const last = (await basicOf(finder)).lastWriteTime;
  assert.ok(last > written);
  assert.equal((await finder.close(true)).lastWriteTime, last);
});

test('B37 characters that Windows has not: the same in files, folders, streams, renames, patterns', async () => {
  const tree = await stage.enter(macos15);
  const odd = '\uf001\uf020\uf021\uf022\uf023\uf024\uf025\uf027 x\uf029';
  await tree.makeDirectory(odd);
  await tree.writeFile(`${odd}\\${odd}`, Buffer.from('a'));
  await tree.writeFile(`${odd}\\${odd}:${odd}`, Buffer.from('b'));
  assert.equal((await tree.readFile(`${odd}\\${odd}:${odd}`)).toString(), 'b');
  const file = await tree.open(`${odd}\\${odd}`, { access: FILE_GENERIC_READ | DELETE });
  const fileName = `${odd}\\2${odd}`;
  const renaming = { replaceIfExists: false, rootDirectory: 0, fileName };
  await file.setInfo(Class.FileRenameInformation, encodeRenameInformation(renaming));
  await file.close();
  const listed = async (pattern: string): Promise<string[]> =>
    (await tree.list(odd, pattern)).map(({ name }) => name);
  assert.deepEqual(await listed('2\uf001*'), [`2${odd}`]);
  assert.deepEqual(await listed(`2${odd}`), [`2${odd}`]);
  assert.equal((await tree.readFile(`${odd}\\2${odd}:${odd}`)).toString(), 'b');
});

test('B38 names that Windows cannot have are refused by name, odd ones kept', async () => {
  const tree = await stage.enter(win11);
  const long = 'x'.repeat(255);
  for (const name of ['a*b', 'a?b', 'a<b', 'a>b', 'a|b', 'a"b', 'a\u0001b']) {
    assertStatus(
      await tree.request(opening(win11, name, WRITING)),
      STATUS_OBJECT_NAME_INVALID,
      JSON.stringify(name),
    );
  }
  const tooLong = await tree.request(opening(win11, `${long}y`, WRITING));
  assertStatus(tooLong, STATUS_NAME_TOO_LONG);
  for (const name of [long, 'CON.txt', 'ä€𝄞', "it's # 100%"]) {
    await tree.writeFile(name, Buffer.from('kept'));
    const [entry] = await tree.list('', name);
    assert.equal(entry?.name, name);
  }
});

test('B40 room and size are the same however they are asked for', async () => {
  const tree = await stage.enter(macos15);
  const root = await tree.open('', { options: FILE_DIRECTORY_FILE });
  const size = FileFsSizeInformation.read(await root.queryFsInfo(FsClass.FileFsSizeInformation));
  const full = FileFsFullSizeInformation.read(
    await root.queryFsInfo(FsClass.FileFsFullSizeInformation),
  );
  await root.close();
  assert.ok(size.availableAllocationUnits > 0);
  assert.deepEqual(
    [size.totalAllocationUnits, size.availableAllocationUnits, size.bytesPerSector],
    [full.totalAllocationUnits, full.callerAvailableAllocationUnits, full.bytesPerSector],
  );
  assert.equal(size.sectorsPerAllocationUnit, full.sectorsPerAllocationUnit);
});

test('B42 the listings of Windows 11 24H2 name what the old ones do', async () => {
  const tree = await stage.enter(win11);
  await tree.makeDirectory('newest');
  await tree.writeFile('newest\\a', Buffer.from('1'));
  await tree.writeFile('newest\\long name.txt', Buffer.from('22'));
  const told = async (informationClass: number) => {
    const folder = await tree.open('newest', { options: FILE_DIRECTORY_FILE });
    const entries = await folder.listAll('*', informationClass);
    await folder.close();
    return entries.map(({ name, endOfFile, fileId }) => ({ name, endOfFile, fileId }));
  };
  const old = await told(Class.FileIdBothDirectoryInformation);
  assert.deepEqual(
    old.map(({ name }) => name),
    ['.', '..', 'a', 'long name.txt'],
  );
  for (const informationClass of [
    Class.FileIdExtdDirectoryInformation,
    Class.FileIdExtdBothDirectoryInformation,
    Class.FileId64ExtdDirectoryInformation,
    Class.FileId64ExtdBothDirectoryInformation,
    Class.FileIdAllExtdDirectoryInformation,
    Class.FileIdAllExtdBothDirectoryInformation,
  ]) {
    assert.deepEqual(await told(informationClass), old, `class ${informationClass}`);
  }
});
