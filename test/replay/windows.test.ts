/** Whole scripts of Windows 11: a share is browsed, files are copied in and out, folders come and go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../../src/client/exchange.ts';
import type { ClientFile } from '../../src/client/file.ts';
import {
  changeNotifyRequest,
  closeRequest,
  createRequest,
  ioctlRequest,
  queryDirectoryRequest,
  queryInfoRequest,
  RELATED,
  readRequest,
  setInfoRequest,
  writeRequest,
} from '../../src/client/requests.ts';
import { listShares } from '../../src/client/shares.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import {
  DELETE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
} from '../../src/dtyp/access-mask.ts';
import { TIME_FREEZE, TIME_THAW } from '../../src/dtyp/filetime.ts';
import {
  STATUS_CANCELLED,
  STATUS_FS_DRIVER_REQUIRED,
  STATUS_INVALID_INFO_CLASS,
  STATUS_NO_MORE_FILES,
  STATUS_NOT_SUPPORTED,
  STATUS_NOTIFY_CLEANUP,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_ARCHIVE, FILE_ATTRIBUTE_READONLY } from '../../src/fscc/attributes.ts';
import { decodeDirectory } from '../../src/fscc/directory-information.ts';
import {
  decodeFileAllInformation,
  FileAllocationInformation,
  FileBasicInformation,
  FileEndOfFileInformation,
} from '../../src/fscc/file-information.ts';
import { decodeFileFsAttributeInformation } from '../../src/fscc/fs-information.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import {
  decodeNotifyInformation,
  FILE_ACTION_ADDED,
  FILE_ACTION_REMOVED,
  FILE_ACTION_RENAMED_NEW_NAME,
  FILE_ACTION_RENAMED_OLD_NAME,
} from '../../src/fscc/notify-information.ts';
import {
  encodeRenameInformation,
  FILE_DISPOSITION_DELETE,
  FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE,
  FileDispositionInformationEx,
} from '../../src/fscc/rename-information.ts';
import { decodeStreamInformation } from '../../src/fscc/stream-information.ts';
import { decodeChangeNotifyResponse } from '../../src/smb2/change-notify.ts';
import { decodeCreateResponse } from '../../src/smb2/create.ts';
import {
  FILE_CREATE,
  FILE_CREATED,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN_REPARSE_POINT,
  FILE_OVERWRITE_IF,
} from '../../src/smb2/create-options.ts';
import { Dialect } from '../../src/smb2/dialect.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { SMB2_FLAGS_ASYNC_COMMAND } from '../../src/smb2/header.ts';
import { SMB2_0_INFO_FILE, SMB2_0_INFO_FILESYSTEM } from '../../src/smb2/info-types.ts';
import {
  decodeQueryDirectoryResponse,
  SMB2_RETURN_SINGLE_ENTRY,
} from '../../src/smb2/query-directory.ts';
import { decodeQueryInfoResponse } from '../../src/smb2/query-info.ts';
import { decodeReadResponse } from '../../src/smb2/read.ts';
import { credentials, SHARE } from '../support/in-process-server.ts';
import { ENCRYPTED, isGuarded, libsmbclient, SIGNED, win11 } from './personas.ts';
import { SrvsvcPipe } from './srvsvc-pipe.ts';
import { assertStatus, assertStatuses, opening, openStage } from './stage.ts';

const stage = await openStage();

const GUARDED = [...SIGNED, ...ENCRYPTED];
const READ_WRITE = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
/** FILE_NAME, DIR_NAME, ATTRIBUTES, SIZE, LAST_WRITE: what a window of Explorer wants to hear of. */
const WINDOW_FILTER = 0x1f;

const changes = (answer: Answer): [number, string][] =>
  decodeNotifyInformation(decodeChangeNotifyResponse(answer.message).outputBuffer).map(
    ({ action, fileName }) => [action, fileName],
  );

/** All names that a window shows. */
async function show(directory: ClientFile): Promise<string[]> {
  const { tree, fileId } = directory;
  // 24H2 begins with a class of its own, and takes a refusal for an answer.
  const newest = Class.FileIdAllExtdBothDirectoryInformation;
  const first = await tree.request(queryDirectoryRequest(fileId, newest, { outputBytes: 65_536 }));
  const listing =
    first.status === STATUS_INVALID_INFO_CLASS || first.status === STATUS_NOT_SUPPORTED
      ? Class.FileIdBothDirectoryInformation
      : newest;
  const names: string[] = [];
  let answer = first;
  if (listing !== newest) answer = await tree.request(queryDirectoryRequest(fileId, listing));
  while (answer.status === STATUS_SUCCESS) {
    const { outputBuffer } = decodeQueryDirectoryResponse(answer.message);
    names.push(...decodeDirectory(listing, outputBuffer).map(({ name }) => name));
    answer = await tree.request(queryDirectoryRequest(fileId, listing));
  }
  assertStatus(answer, STATUS_NO_MORE_FILES);
  return names;
}

for (const protection of GUARDED) {
  test(`P1 win11-explorer-browse (${protection.name})`, async () => {
    const connection = await stage.server.connect({ ...win11.connect, ...protection.connect });
    assert.ok(connection.credits.available >= 1, 'NEGOTIATE gave no credit');
    const session = await connection.login({ ...credentials, ...protection.login });
    assert.ok(connection.credits.available >= 4, `${connection.credits.available} credits`);

    const ipc = await session.treeConnect('IPC$');
    const ask = (code: number) => ipc.request(ioctlRequest(RELATED, code, { maxOutput: 4096 }));
    const channels = await ask(Fsctl.FSCTL_QUERY_NETWORK_INTERFACE_INFO);
    const smb3 = connection.negotiated.dialect >= Dialect.SMB3_00;
    assertStatus(channels, smb3 ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED);
    assertStatus(await ask(Fsctl.FSCTL_DFS_GET_REFERRALS), STATUS_FS_DRIVER_REQUIRED);
    assert.ok((await listShares(session)).some(({ name }) => name === SHARE));
    const srvsvc = await SrvsvcPipe.open(session);
    for (const level of [1, 1005]) {
      assert.equal((await srvsvc.shareInfo(SHARE, level)).status, 0);
    }
    await srvsvc.close();

    const tree = await session.treeConnect(SHARE);
    const folder = `browse ${protection.name}`;
    await tree.makeDirectory(folder);
    await tree.writeFile(`${folder}\\letter.docx`, Buffer.from('x'));
    await volumeQuestions(tree);
    const window = await openWindow(tree, folder);
    assert.deepEqual(await show(window), ['.', '..', 'letter.docx']);
    const missing = await tree.request(opening(win11, `${folder}\\desktop.ini`));
    assertStatus(missing, STATUS_OBJECT_NAME_NOT_FOUND);
    assert.ok(isGuarded(protection, missing));
    const lost = await tree.request(opening(win11, `${folder}\\none\\desktop.ini`));
    assertStatus(lost, STATUS_OBJECT_PATH_NOT_FOUND);
    await watch(window, folder);
    await window.close();
    await connection.close();
  });
}

async function volumeQuestions(tree: ClientTree): Promise<void> {
  const answers = await tree.compound([
    opening(win11, '', { options: FILE_DIRECTORY_FILE }),
    queryInfoRequest(RELATED, SMB2_0_INFO_FILESYSTEM, 5),
    ...[1, 7, 8, 4, 3, 11].map((one) => queryInfoRequest(RELATED, SMB2_0_INFO_FILESYSTEM, one)),
    closeRequest(RELATED),
  ]);
  assertStatuses(answers, Array(9).fill(STATUS_SUCCESS));
  const { outputBuffer } = decodeQueryInfoResponse(answers[1]!.message);
  const { fileSystemName, maximumComponentNameLength } =
    decodeFileFsAttributeInformation(outputBuffer);
  assert.deepEqual([fileSystemName, maximumComponentNameLength], ['NTFS', 255]);
}

async function openWindow(tree: ClientTree, folder: string): Promise<ClientFile> {
  return tree.fileOf(await tree.request(opening(win11, folder, { options: FILE_DIRECTORY_FILE })));
}

/** Somebody else works in the folder that is shown; then the window is closed. */
async function watch(window: ClientFile, folder: string): Promise<void> {
  const { connection } = window.tree.session;
  const next = async () => {
    const request = changeNotifyRequest(window.fileId, WINDOW_FILTER);
    const [exchange] = await window.tree.submit([request]);
    return exchange!;
  };
  const other = await stage.enter(libsmbclient);
  const waiting = await next();
  assert.equal((await waiting.interim)?.status, STATUS_PENDING);
  await other.makeDirectory(`${folder}\\new`);
  const told = changes(await connection.answerOf(waiting));
  const made = await other.open(`${folder}\\new`, { access: DELETE });
  const rename = encodeRenameInformation({
    replaceIfExists: false,
    rootDirectory: 0,
    fileName: `${folder}\\renamed`,
  });
  await made.setInfo(Class.FileRenameInformation, rename);
  await made.close();
  await other.remove(`${folder}\\renamed`);
  while (told.length < 4) told.push(...changes(await connection.answerOf(await next())));
  assert.deepEqual(told, [
    [FILE_ACTION_ADDED, 'new'],
    [FILE_ACTION_RENAMED_OLD_NAME, 'new'],
    [FILE_ACTION_RENAMED_NEW_NAME, 'renamed'],
    [FILE_ACTION_REMOVED, 'renamed'],
  ]);
  const last = await next();
  await last.interim;
  const header = { flags: SMB2_FLAGS_ASYNC_COMMAND, asyncId: last.asyncId, messageId: 0 };
  await connection.cancel(last, header);
  assertStatus(await connection.answerOf(last), STATUS_CANCELLED);
  await other.session.connection.close();
}

const FILE_TIME = 132_000_000_000_000_007n;
const basic = (time: bigint, fileAttributes: number): Buffer =>
  FileBasicInformation.encode({
    creationTime: time,
    lastAccessTime: time,
    lastWriteTime: time,
    changeTime: 0n,
    fileAttributes,
  });

/** CopyFileEx from the local disk: the length first, then the tail before the body. */
async function copyIn(tree: ClientTree, name: string, content: Buffer): Promise<void> {
  const access = READ_WRITE | DELETE;
  const how = { access, disposition: FILE_OVERWRITE_IF, options: FILE_NON_DIRECTORY_FILE };
  const file = tree.fileOf(await tree.request(opening(win11, name, how)));
  assert.equal(file.created.createAction, FILE_CREATED);
  await file.queryFsInfo(5);
  const endOfFile = FileEndOfFileInformation.encode({ endOfFile: content.length });
  await file.setInfo(Class.FileEndOfFileInformation, endOfFile);
  await file.setInfo(Class.FileBasicInformation, basic(TIME_FREEZE, 0));
  const chunks: [number, Buffer][] = [];
  for (let at = 0; at < content.length; at += win11.chunkBytes) {
    chunks.push([at, content.subarray(at, at + win11.chunkBytes)]);
  }
  // All at once, and the last of them first.
  const { credits } = tree.session.connection;
  const exchanges = [];
  if (chunks.length > 1) {
    const [at, chunk] = chunks.shift()!;
    const large = tree.session.connection.negotiated!.multiCredit;
    const creditCharge = large ? 16 : 0;
    const messageId = credits.skip(Math.max(1, creditCharge));
    const first = { messageId, creditCharge, creditRequest: 16 };
    for (const [tail, bytes] of chunks.reverse()) {
      exchanges.push(...(await tree.submit([writeRequest(file.fileId, tail, bytes)])));
    }
    const body = { ...writeRequest(file.fileId, at, chunk), header: first };
    exchanges.push(...(await tree.submit([body])));
  } else if (chunks.length === 1) {
    const [at, chunk] = chunks[0]!;
    exchanges.push(...(await tree.submit([writeRequest(file.fileId, at, chunk)])));
  }
  const answers = await Promise.all(exchanges.map((one) => tree.session.connection.answerOf(one)));
  for (const answer of answers) assertStatus(answer, STATUS_SUCCESS);
  await file.setInfo(Class.FileBasicInformation, basic(TIME_THAW, 0));
  await file.setInfo(Class.FileBasicInformation, basic(FILE_TIME, FILE_ATTRIBUTE_ARCHIVE));
  const closed = await file.close(true);
  assert.equal(closed.endOfFile, content.length);
  assert.equal(closed.lastWriteTime, FILE_TIME);
  assert.equal(closed.creationTime, FILE_TIME);
  assert.equal(closed.fileAttributes, FILE_ATTRIBUTE_ARCHIVE);
}

async function copyOut(tree: ClientTree, name: string): Promise<Buffer> {
  const file = tree.fileOf(await tree.request(opening(win11, name)));
  const all = decodeFileAllInformation(await file.queryInfo(Class.FileAllInformation));
  const streams = decodeStreamInformation(await file.queryInfo(Class.FileStreamInformation));
  assert.deepEqual(
    streams.map(({ streamName, streamSize }) => [streamName, streamSize]),
    [['::$DATA', all.endOfFile]],
  );
  assert.equal(all.lastWriteTime, FILE_TIME);
  const reads = [];
  for (let at = 0; at < all.endOfFile; at += win11.chunkBytes) {
    reads.push(tree.request(readRequest(file.fileId, at, win11.chunkBytes)));
  }
  const pieces = (await Promise.all(reads)).map((answer) => {
    assertStatus(answer, STATUS_SUCCESS);
    return decodeReadResponse(answer.message).data;
  });
  await file.close();
  return Buffer.concat(pieces);
}

/** Each four bytes are another number. */
function numbered(bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) content.writeUInt32LE(at, at);
  return content;
}

for (const protection of GUARDED) {
  test(`P2 win11-copy-in, -out (${protection.name})`, async () => {
    const tree = await stage.enter(win11, protection);
    const folder = `copies ${protection.name}`;
    await tree.makeDirectory(folder);
    for (const [name, bytes] of [
      ['empty', 0],
      ['small.txt', 7],
      ['photo.jpg', (3 << 20) + 1234],
      [`${'n'.repeat(251)}.txt`, 100],
    ] as const) {
      const path = `${folder}\\${name}`;
      const content = numbered(bytes);
      await copyIn(tree, path, content);
      assert.ok((await copyOut(tree, path)).equals(content), name);
      const [entry] = await tree.list(folder, name);
      assert.deepEqual([entry?.endOfFile, entry?.lastWriteTime], [bytes, FILE_TIME]);
    }
    await tree.session.connection.close();
  });
}

test('P2 a file of 5 GiB is there at once, and its end is written and read', async () => {
  const tree = await stage.enter(win11);
  const how = { access: READ_WRITE, disposition: FILE_CREATE };
  const file = tree.fileOf(await tree.request(opening(win11, 'disk.vhdx', how)));
  const endOfFile = 5 * 2 ** 30;
  await file.setInfo(
    Class.FileEndOfFileInformation,
    FileEndOfFileInformation.encode({ endOfFile }),
  );
  await file.write(endOfFile - 3, Buffer.from('end'));
  assert.equal((await file.read(endOfFile - 5, 100)).toString(), '\0\0end');
  assert.equal((await file.close(true)).endOfFile, endOfFile);
});

test('P2 "New text document" is empty, and stays', async () => {
  const tree = await stage.enter(win11);
  const how = { access: READ_WRITE, disposition: FILE_CREATE };
  const file = tree.fileOf(await tree.request(opening(win11, 'New Text Document.txt', how)));
  const none = FileAllocationInformation.encode({ allocationSize: 0 });
  await file.setInfo(Class.FileAllocationInformation, none);
  assert.equal((await file.close(true)).endOfFile, 0);
  assert.deepEqual(await tree.readFile('New Text Document.txt'), Buffer.alloc(0));
});

/** DispositionEx first, as newer shells do. */
async function erase(tree: ClientTree, name: string, flags: number): Promise<void> {
  const WRITE_ATTRIBUTES = 0x100;
  const answers = await tree.compound([
    opening(win11, name, {
      access: DELETE | FILE_READ_ATTRIBUTES | WRITE_ATTRIBUTES,
      options: FILE_OPEN_REPARSE_POINT,
    }),
    setInfoRequest(
      RELATED,
      SMB2_0_INFO_FILE,
      Class.FileDispositionInformationEx,
      FileDispositionInformationEx.encode({ flags: FILE_DISPOSITION_DELETE | flags }),
    ),
    closeRequest(RELATED),
  ]);
  assertStatuses(answers, [STATUS_SUCCESS, STATUS_SUCCESS, STATUS_SUCCESS]);
}

for (const protection of GUARDED) {
  test(`P4 win-newfolder-rename-delete (${protection.name})`, async () => {
    const tree = await stage.enter(win11, protection);
    const desk = `desk ${protection.name}`;
    await tree.makeDirectory(desk);
    const make = (name: string) =>
      tree.request(
        opening(win11, `${desk}\\${name}`, {
          access: FILE_GENERIC_READ | DELETE,
          disposition: FILE_CREATE,
          options: FILE_DIRECTORY_FILE,
        }),
      );
    const made = await make('New folder');
    assert.equal(decodeCreateResponse(made.message).createAction, FILE_CREATED);
    const folder = tree.fileOf(made);
    assert.deepEqual(await exactly(tree, desk, 'New folder'), ['New folder']);
    assertStatus(await make('New folder'), STATUS_OBJECT_NAME_COLLISION);
    const second = tree.fileOf(await make('New folder (2)'));
    const target = { replaceIfExists: false, rootDirectory: 0 };
    const taken = setInfoRequest(
      second.fileId,
      SMB2_0_INFO_FILE,
      Class.FileRenameInformation,
      encodeRenameInformation({ ...target, fileName: `${desk}\\New folder` }),
    );
    assertStatus(await tree.request(taken), STATUS_OBJECT_NAME_COLLISION);
    // In another case only, then to what the user typed.
    for (const name of ['NEW FOLDER', 'Holiday']) {
      await folder.setInfo(
        Class.FileRenameInformation,
        encodeRenameInformation({ ...target, fileName: `${desk}\\${name}` }),
      );
      assert.deepEqual(await exactly(tree, desk, name.toLowerCase()), [name]);
    }
    await folder.close();
    await second.close();

    await tree.makeDirectory(`${desk}\\Holiday\\Day 1`);
    const photo = `${desk}\\Holiday\\Day 1\\photo.jpg`;
    await (
      await tree.open(photo, { disposition: FILE_CREATE, attributes: FILE_ATTRIBUTE_READONLY })
    ).close();
    // The window shows what is deleted in it, and a tree view all of it.
    const window = await openWindow(tree, `${desk}\\Holiday`);
    const [shown] = await tree.submit([changeNotifyRequest(window.fileId, WINDOW_FILTER)]);
    await shown!.interim;
    await erase(tree, photo, FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE);
    await erase(tree, `${desk}\\Holiday\\Day 1`, 0);
    const { connection } = tree.session;
    assert.deepEqual(changes(await connection.answerOf(shown!)).at(-1), [
      FILE_ACTION_REMOVED,
      'Day 1',
    ]);
    const [last] = await tree.submit([changeNotifyRequest(window.fileId, WINDOW_FILTER)]);
    await last!.interim;
    await window.close();
    assertStatus(await connection.answerOf(last!), STATUS_NOTIFY_CLEANUP);
    for (const name of ['Holiday', 'New folder (2)']) await erase(tree, `${desk}\\${name}`, 0);
    assertStatus(
      await tree.request(createRequest(`${desk}\\Holiday`)),
      STATUS_OBJECT_NAME_NOT_FOUND,
    );
    await erase(tree, desk, 0);
    await connection.close();
  });
}

/** The one entry of an exact name, as Explorer looks for what it has made. */
async function exactly(tree: ClientTree, folder: string, pattern: string): Promise<string[]> {
  const window = await openWindow(tree, folder);
  const listing = Class.FileIdBothDirectoryInformation;
  const flags = SMB2_RETURN_SINGLE_ENTRY;
  const answer = await tree.request(
    queryDirectoryRequest(window.fileId, listing, { pattern, flags }),
  );
  assertStatus(answer, STATUS_SUCCESS);
  await window.close();
  const { outputBuffer } = decodeQueryDirectoryResponse(answer.message);
  return decodeDirectory(listing, outputBuffer).map(({ name }) => name);
}
