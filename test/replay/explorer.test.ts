/**
 * What Explorer, Office, robocopy and those who browse do with names and files beyond one request: ids that stay,
 * namespaces, programs that start from a share, a document that is saved, previous versions.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientFile } from '../../src/client/file.ts';
import {
  closeRequest,
  createRequest,
  ioctlRequest,
  RELATED,
  readRequest,
  setInfoRequest,
} from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import {
  DELETE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
} from '../../src/dtyp/access-mask.ts';
import { TIME_THAW } from '../../src/dtyp/filetime.ts';
import {
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_ARCHIVE } from '../../src/fscc/attributes.ts';
import {
  decodeFileAllInformation,
  decodeFileNameInformation,
  FileBasicInformation,
  FileInternalInformation,
} from '../../src/fscc/file-information.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import { encodeRenameInformation } from '../../src/fscc/rename-information.ts';
import { decodeQueryOnDiskIdResponse } from '../../src/smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../../src/smb2/create-contexts.ts';
import {
  FILE_CREATE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN_FOR_BACKUP_INTENT,
  FILE_OPEN_IF,
  FILE_OPEN_REPARSE_POINT,
  FILE_SHARE_READ,
} from '../../src/smb2/create-options.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { SMB2_FLAGS_DFS_OPERATIONS } from '../../src/smb2/header.ts';
import { SMB2_0_INFO_FILE } from '../../src/smb2/info-types.ts';
import { decodeReadResponse } from '../../src/smb2/read.ts';
import { createFaultyVfs, type FaultyMethod } from '../../src/vfs/memory/faulty.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';
import { SHARE } from '../support/in-process-server.ts';
import { cifs, libsmbclient, macos15, win11 } from './personas.ts';
import { assertStatus, assertStatuses, opening, openStage, timed } from './stage.ts';

const stage = await openStage();
const namespace = await openStage({ share: { msdfsRoot: true } });
/** What reaches the disk of `watched`. */
const asked: FaultyMethod[] = [];
const watched = await openStage({
  vfs: createFaultyVfs(createMemoryVfs(), {
    gate: ({ method }) => {
      asked.push(method);
      return undefined;
    },
  }),
});

const READ_WRITE = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
const onDiskId = { name: CreateContextName.QUERY_ON_DISK_ID, data: Buffer.alloc(0) };

/** An open's id by CREATE, FileInternal, FileAll and FileId: one number. */
async function idOf(tree: ClientTree, name: string, options = 0): Promise<bigint> {
  const file = await tree.open(name, { contexts: [onDiskId], options });
  const onDisk = findCreateContext(file.created.createContexts, onDiskId.name)!;
  const { diskFileId } = decodeQueryOnDiskIdResponse(onDisk);
  const internal = await file.queryInfo(Class.FileInternalInformation);
  const all = decodeFileAllInformation(await file.queryInfo(Class.FileAllInformation));
  // VolumeSerialNumber, then FileId of 16 bytes.
  const id = await file.queryInfo(Class.FileIdInformation);
  assert.deepEqual(
    [FileInternalInformation.read(internal).indexNumber, all.indexNumber],
    [diskFileId, diskFileId],
  );
  assert.deepEqual([id.readBigUInt64LE(8), id.readBigUInt64LE(16)], [diskFileId, 0n]);
  await file.close();
  return diskFileId;
}

const LISTINGS = [
  Class.FileIdBothDirectoryInformation,
  Class.FileIdFullDirectoryInformation,
  Class.FileIdExtdDirectoryInformation,
  Class.FileIdAllExtdBothDirectoryInformation,
];

async function listedId(folder: ClientFile, name: string, listing: number): Promise<bigint> {
  const [entry] = await folder.listAll(name, listing);
  assert.equal(entry?.name, name);
  return entry.fileId;
}

for (const [persona, files] of [
  [win11, 1000],
  [cifs, 100],
  [libsmbclient, 100],
] as const) {
  test(`B10 a file's id is its own, the same wherever it is told, and never its folder's (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const top = `ids ${persona.name}`;
    await tree.makeDirectory(top);
    const folder = await tree.open(top, { options: FILE_DIRECTORY_FILE });
    const parent = await idOf(tree, top, FILE_DIRECTORY_FILE);
    const seen = new Set([0n, parent]);
    for (let i = 0; i < files; i++) {
      const name = `${top}\\${i}`;
      const file = await tree.open(name, {
        access: READ_WRITE | DELETE,
        disposition: FILE_CREATE,
        contexts: [onDiskId],
      });
      const onDisk = findCreateContext(file.created.createContexts, onDiskId.name)!;
      const { diskFileId } = decodeQueryOnDiskIdResponse(onDisk);
      assert.ok(!seen.has(diskFileId), `${diskFileId} was another's`);
      seen.add(diskFileId);
      await file.close();
      if (i % 50 !== 0) await tree.remove(name);
      else {
        assert.equal(await idOf(tree, name), diskFileId);
        for (const listing of LISTINGS) {
          assert.equal(await listedId(folder, `${i}`, listing), diskFileId);
        }
      }
    }
    assert.equal(await listedId(folder, '.', LISTINGS[0]!), parent);
    await folder.close();
    // A new name and another client: the same file.
    const file = await tree.open(`${top}\\0`, { access: DELETE | FILE_GENERIC_READ });
    const before = await idOf(tree, `${top}\\0`);
    await file.setInfo(Class.FileRenameInformation, renaming(`${top}\\renamed`));
    await file.close();
    assert.equal(await idOf(await stage.enter(win11), `${top}\\renamed`), before);
  });
}

const renaming = (fileName: string, replaceIfExists = false): Buffer =>
  encodeRenameInformation({ replaceIfExists, rootDirectory: 0, fileName });

for (const persona of [macos15, win11, libsmbclient]) {
  test(`B15 server and share before a name of a namespace, however many backslashes lead (${persona.name})`, async () => {
    const tree = await namespace.enter(persona);
    const folder = `d ${persona.name}`;
    await tree.makeDirectory(folder);
    await tree.writeFile(`${folder}\\f`, Buffer.from(persona.name));
    const status = async (name: string, flags: number) => {
      const answer = await tree.request({ ...createRequest(name), header: { flags } });
      if (answer.status === STATUS_SUCCESS) await tree.fileOf(answer).close();
      return answer;
    };
    for (const lead of ['', '\\', '\\\\']) {
      for (const rest of ['', '\\', `\\${folder}`, `\\${folder}\\f`]) {
        const name = `${lead}server\\${SHARE}${rest}`;
        assertStatus(await status(name, SMB2_FLAGS_DFS_OPERATIONS), STATUS_SUCCESS, name);
      }
      const missing = await status(`${lead}server\\${SHARE}\\none`, SMB2_FLAGS_DFS_OPERATIONS);
      assertStatus(missing, STATUS_OBJECT_NAME_NOT_FOUND);
      const lost = await status(`${lead}server\\${SHARE}\\none\\f`, SMB2_FLAGS_DFS_OPERATIONS);
      assertStatus(lost, STATUS_OBJECT_PATH_NOT_FOUND);
    }
    // Without the flag it is a name like any other.
    assertStatus(await status(`${folder}\\f`, 0), STATUS_SUCCESS);
    assertStatus(await status(`server\\${SHARE}\\f`, 0), STATUS_OBJECT_PATH_NOT_FOUND);
    // On a share that is none the flag says nothing.
    const plain = await stage.enter(persona);
    await plain.writeFile('plain', Buffer.from('x'));
    const answer = await plain.request({
      ...createRequest('plain'),
      header: { flags: SMB2_FLAGS_DFS_OPERATIONS },
    });
    assertStatus(answer, STATUS_SUCCESS);
  });
}

test('B34 a program that starts from the share reads here and there: nothing but reads reaches the disk', async () => {
  const tree = await watched.enter(win11);
  const image = Buffer.alloc(4 << 20);
  for (let at = 0; at < image.length; at += 4) image.writeUInt32LE(at, at);
  await tree.writeFile('setup.exe', image);
  const answer = await tree.request(
    opening(win11, 'setup.exe', { access: FILE_GENERIC_READ, options: FILE_NON_DIRECTORY_FILE }),
  );
  const file = tree.fileOf(answer);
  asked.length = 0;
  const reads = 400;
  for (let i = 0; i < reads; i++) {
    const length = 4096 << (i % 4);
    const offset = ((i * 7919) % 800) * 4096;
    const part = await tree.request(readRequest(file.fileId, offset, length));
    assertStatus(part, STATUS_SUCCESS);
    const { data } = decodeReadResponse(part.message);
    assert.ok(data.equals(image.subarray(offset, offset + length)));
  }
  assert.deepEqual([...new Set(asked)], ['read']);
  assert.equal(asked.length, reads);
  await file.close();
});

for (const persona of [win11, macos15, libsmbclient]) {
  test(`B39 a name of a previous version, where there are none, is not found, at once (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const name = `today ${persona.name}`;
    await tree.makeDirectory(name);
    await tree.writeFile(`${name}\\f`, Buffer.from('x'));
    const token = '@GMT-2020.02.29-00.00.00';
    for (const path of [token, `${name}\\${token}`, `${token}\\${name}`, `${name}\\${token}\\f`]) {
      const { ms, result } = await timed(() => tree.request(opening(persona, path)));
      assertStatus(result, STATUS_OBJECT_NAME_NOT_FOUND, path);
      assert.ok(ms < 500, `${ms} ms`);
    }
    // The tab of Explorer asks how many there are, and stays empty.
    const file = await tree.open(name);
    const code = Fsctl.FSCTL_SRV_ENUMERATE_SNAPSHOTS;
    for (const maxOutput of [16, 4096]) {
      const answer = await tree.request(ioctlRequest(file.fileId, code, { maxOutput }));
      assertStatus(answer, STATUS_INVALID_DEVICE_REQUEST);
    }
    await file.close();
  });
}

const basic = (time: bigint, fileAttributes = 0): Buffer =>
  FileBasicInformation.encode({
    creationTime: time,
    lastAccessTime: time,
    lastWriteTime: time,
    changeTime: time,
    fileAttributes,
  });

async function rename(tree: ClientTree, from: string, to: string, replace: boolean): Promise<void> {
  const file = tree.fileOf(
    await tree.request(
      opening(win11, from, {
        access: DELETE | FILE_READ_ATTRIBUTES,
        options: FILE_OPEN_REPARSE_POINT,
      }),
    ),
    from,
  );
  await file.setInfo(Class.FileRenameInformation, renaming(to, replace));
  // What the file is called now is asked of the same open.
  for (const [informationClass, name] of [
    [Class.FileNormalizedNameInformation, to],
    [Class.FileNameInformation, `\\${to}`],
  ] as const) {
    assert.equal(decodeFileNameInformation(await file.queryInfo(informationClass)), name);
  }
  await file.close();
}

test('Office saves a document: its lock, a new file, two renames, a previewer beside it', async () => {
  const tree = await stage.enter(win11);
  const preview = await stage.enter(win11);
  await tree.makeDirectory('office');
  await tree.writeFile('office\\report.docx', Buffer.from('first'));
  await tree.writeFile('office\\report.docx:Zone.Identifier', Buffer.from('[ZoneTransfer]'));
  const lock = tree.fileOf(
    await tree.request(
      opening(win11, 'office\\~$report.docx', {
        access: READ_WRITE | DELETE,
        disposition: FILE_OPEN_IF,
        share: FILE_SHARE_READ,
      }),
    ),
  );
  const document = await tree.open('office\\report.docx', {
    access: READ_WRITE,
    share: FILE_SHARE_READ,
  });
  // The second user is told who has it; a previewer that only looks is in nobody's way.
  const second = await preview.request(
    createRequest('office\\report.docx', { access: READ_WRITE }),
  );
  assertStatus(second, STATUS_SHARING_VIOLATION);
  const looked = await preview.open('office\\report.docx', { access: FILE_READ_ATTRIBUTES });
  const temporary = await tree.open('office\\6F2A.tmp', {
    access: READ_WRITE | DELETE,
    disposition: FILE_CREATE,
  });
  await temporary.write(0, Buffer.from('second'));
  await temporary.flush();
  await temporary.setInfo(Class.FileBasicInformation, basic(TIME_THAW, FILE_ATTRIBUTE_ARCHIVE));
  await temporary.close();
  await document.close();
  await rename(tree, 'office\\report.docx', 'office\\91B0.tmp', false);
  await rename(tree, 'office\\6F2A.tmp', 'office\\report.docx', true);
  assert.equal((await preview.readFile('office\\report.docx')).toString(), 'second');
  const zone = await tree.readFile('office\\91B0.tmp:Zone.Identifier');
  assert.equal(zone.toString(), '[ZoneTransfer]');
  await looked.close();
  await tree.remove('office\\91B0.tmp');
  await lock.close();
  await tree.remove('office\\~$report.docx');
  const left = (await tree.list('office')).map(({ name }) => name);
  assert.deepEqual(left, ['.', '..', 'report.docx']);
});

test('robocopy: backup intent on files and folders, times to 100 ns, no extended attributes where there are none', async () => {
  const tree = await stage.enter(win11);
  await tree.makeDirectory('mirror');
  await tree.writeFile('mirror\\f', Buffer.from('x'));
  const time = 133_000_000_000_000_001n;
  for (const [name, kind] of [
    ['mirror\\f', 0],
    ['mirror', FILE_DIRECTORY_FILE],
  ] as const) {
    const file = await tree.open(name, {
      access: READ_WRITE,
      options: FILE_OPEN_FOR_BACKUP_INTENT | kind,
    });
    await file.setInfo(Class.FileBasicInformation, basic(time));
    const all = decodeFileAllInformation(await file.queryInfo(Class.FileAllInformation));
    assert.deepEqual([all.creationTime, all.lastWriteTime, all.changeTime], [time, time, time]);
    assert.equal((await file.queryInfo(Class.FileEaInformation)).readUInt32LE(0), 0);
    await file.close();
  }
  const [entry] = await tree.list('mirror', 'f');
  assert.deepEqual([entry?.lastWriteTime, entry?.eaSize], [time, 0]);
});

test('link tracking and offloaded copies are refused so that shells go on without', async () => {
  const tree = await stage.enter(win11);
  await tree.writeFile('shortcut.lnk', Buffer.from('x'));
  const answers = await tree.compound([
    opening(win11, 'shortcut.lnk'),
    ioctlRequest(RELATED, Fsctl.FSCTL_CREATE_OR_GET_OBJECT_ID, { maxOutput: 64 }),
    closeRequest(RELATED),
  ]);
  assertStatuses(answers, [STATUS_SUCCESS, STATUS_SUCCESS, STATUS_SUCCESS]);
  const LMR_SET_LINK_TRACKING_INFORMATION = 0x1400ec;
  const file = await tree.open('shortcut.lnk');
  const input = Buffer.alloc(8);
  const answer = await tree.request(
    ioctlRequest(file.fileId, LMR_SET_LINK_TRACKING_INFORMATION, { input }),
  );
  assertStatus(answer, STATUS_INVALID_DEVICE_REQUEST);
  const small = ioctlRequest(file.fileId, Fsctl.FSCTL_CREATE_OR_GET_OBJECT_ID, { maxOutput: 8 });
  assertStatus(await tree.request(small), STATUS_BUFFER_TOO_SMALL);
  await file.close();
});

test('File.Replace: the new content comes under the old name, at once and with nothing left', async () => {
  const tree = await stage.enter(win11);
  await tree.writeFile('settings.json', Buffer.from('old'));
  await tree.writeFile('settings.new', Buffer.from('new'));
  const answers = await tree.compound([
    opening(win11, 'settings.new', { access: DELETE | FILE_READ_ATTRIBUTES }),
    setInfoRequest(
      RELATED,
      SMB2_0_INFO_FILE,
      Class.FileRenameInformation,
      renaming('settings.json', true),
    ),
    closeRequest(RELATED),
  ]);
  assertStatuses(answers, [STATUS_SUCCESS, STATUS_SUCCESS, STATUS_SUCCESS]);
  assert.equal((await tree.readFile('settings.json')).toString(), 'new');
  assertStatus(await tree.request(createRequest('settings.new')), STATUS_OBJECT_NAME_NOT_FOUND);
});
