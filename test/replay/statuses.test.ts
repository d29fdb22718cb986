/**
 * The statuses that clients steer by: another one, and a dialog says the wrong thing, a loop does not end, or a
 * connection is made anew for nothing. Each by name, from the wire.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  changeNotifyRequest,
  closeRequest,
  createRequest,
  echoRequest,
  ioctlRequest,
  lockRequest,
  type OpenOptions,
  queryDirectoryRequest,
  queryInfoRequest,
  RELATED,
  readRequest,
  setInfoRequest,
  treeConnectRequest,
  writeRequest,
} from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import {
  DELETE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_WRITE_DATA,
} from '../../src/dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BAD_NETWORK_NAME,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_CANNOT_DELETE,
  STATUS_DELETE_PENDING,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_DISK_FULL,
  STATUS_END_OF_FILE,
  STATUS_FILE_CLOSED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_FS_DRIVER_REQUIRED,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_INFO_CLASS,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_NAME_TOO_LONG,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_NO_MORE_FILES,
  STATUS_NO_SUCH_FILE,
  STATUS_NOT_SUPPORTED,
  STATUS_NOTIFY_CLEANUP,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
  STATUS_STOPPED_ON_SYMLINK,
  STATUS_SUCCESS,
  STATUS_USER_SESSION_DELETED,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_READONLY } from '../../src/fscc/attributes.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import {
  encodeRenameInformation,
  FileDispositionInformation,
} from '../../src/fscc/rename-information.ts';
import { encodeDurableHandleReconnectV2 } from '../../src/smb2/create-context-values.ts';
import { CreateContextName } from '../../src/smb2/create-contexts.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import {
  decodeBufferTooSmall,
  decodeErrorResponse,
  decodeSymbolicLinkError,
  errorDataOf,
} from '../../src/smb2/error.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import {
  SMB2_0_INFO_FILE,
  SMB2_0_INFO_FILESYSTEM,
  SMB2_0_INFO_SECURITY,
} from '../../src/smb2/info-types.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
} from '../../src/smb2/lock.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';
import { credentials, OTHER_USER, SHARE } from '../support/in-process-server.ts';
import { cifs, libsmbclient, macos15, type Persona, win11 } from './personas.ts';
import { assertStatus, openStage } from './stage.ts';

const stage = await openStage();
const small = await openStage({ vfs: createMemoryVfs({ capacityBytes: 1 << 20 }) });
const closed = await openStage({ share: { validUsers: [{ kind: 'user', name: OTHER_USER }] } });

const READ_WRITE = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
const WRITING = { access: READ_WRITE | DELETE, disposition: FILE_OPEN_IF };
const LISTING = Class.FileIdBothDirectoryInformation;

/** What a client of each kind meets; folders have its name, so that they are in nobody's way. */
function situation(name: string, play: (tree: ClientTree, top: string) => Promise<void>): void {
  for (const persona of [win11, macos15, cifs, libsmbclient]) {
    test(`${name} (${persona.name})`, async () => {
      const tree = await stage.enter(plain(persona));
      const top = `${name.replace(/[^a-z ]/gi, '')} ${persona.name}`;
      await tree.makeDirectory(top);
      await play(tree, top);
      await tree.session.connection.close();
    });
  }
}

const plain = (persona: Persona): Persona => ({ ...persona, openContexts: () => [] });

async function opens(tree: ClientTree, name: string, status: NtStatus, how: OpenOptions = {}) {
  assertStatus(await tree.request(createRequest(name, how)), status, name);
}

situation('what is missing: the file, or a folder above it', async (tree, top) => {
  await opens(tree, `${top}\\none`, STATUS_OBJECT_NAME_NOT_FOUND);
  await opens(tree, `${top}\\none\\file`, STATUS_OBJECT_PATH_NOT_FOUND);
  await opens(tree, `${top}\\none\\file`, STATUS_OBJECT_PATH_NOT_FOUND, {
    ...WRITING,
    disposition: FILE_CREATE,
  });
});

situation('a listing: nothing at all, nothing more, no room for one entry', async (tree, top) => {
  await tree.writeFile(`${top}\\a long name.txt`, Buffer.from('x'));
  const folder = await tree.open(top, { options: FILE_DIRECTORY_FILE });
  const ask = (pattern: string) =>
    tree.request(queryDirectoryRequest(folder.fileId, LISTING, { pattern }));
  assertStatus(await ask('zzz*'), STATUS_NO_SUCH_FILE);
  await folder.close();
  const another = await tree.open(top, { options: FILE_DIRECTORY_FILE });
  const more = (outputBytes: number) =>
    tree.request(queryDirectoryRequest(another.fileId, LISTING, { outputBytes }));
  assertStatus(await more(8), STATUS_INFO_LENGTH_MISMATCH);
  assertStatus(await more(65_536), STATUS_SUCCESS);
  assertStatus(await more(65_536), STATUS_NO_MORE_FILES);
  await another.close();
});

situation('a buffer too small: for a class, for a security descriptor', async (tree, top) => {
  const folder = await tree.open(top, { options: FILE_DIRECTORY_FILE });
  const basic = queryInfoRequest(folder.fileId, SMB2_0_INFO_FILE, Class.FileBasicInformation, {
    outputBytes: 39,
  });
  assertStatus(await tree.request(basic), STATUS_INFO_LENGTH_MISMATCH);
  const OWNER_GROUP_DACL = 7;
  const security = (outputBytes: number) =>
    tree.request(
      queryInfoRequest(folder.fileId, SMB2_0_INFO_SECURITY, 0, {
        outputBytes,
        additionalInformation: OWNER_GROUP_DACL,
      }),
    );
  const answer = await security(0);
  assertStatus(answer, STATUS_BUFFER_TOO_SMALL);
  // What the second question needs is in the first one's answer.
  const needed = decodeBufferTooSmall(errorDataOf(decodeErrorResponse(answer.message)));
  assertStatus(await security(needed - 1), STATUS_BUFFER_TOO_SMALL);
  assertStatus(await security(needed), STATUS_SUCCESS);
  await folder.close();
});

situation(
  'what is not there to ask: a control code, a class, a code that is none',
  async (tree, top) => {
    const folder = await tree.open(top, { options: FILE_DIRECTORY_FILE });
    const control = (how = {}) =>
      tree.request(ioctlRequest(folder.fileId, 0x0009fffc, { maxOutput: 64, ...how }));
    assertStatus(await control(), STATUS_INVALID_DEVICE_REQUEST);
    assertStatus(await control({ flags: 0 }), STATUS_NOT_SUPPORTED);
    for (const infoType of [SMB2_0_INFO_FILE, SMB2_0_INFO_FILESYSTEM]) {
      const answer = await tree.request(queryInfoRequest(folder.fileId, infoType, 200));
      assertStatus(answer, STATUS_INVALID_INFO_CLASS);
      const set = setInfoRequest(folder.fileId, infoType, 200, Buffer.alloc(64));
      assertStatus(await tree.request(set), STATUS_INVALID_INFO_CLASS);
    }
    const listing = await tree.request(queryDirectoryRequest(folder.fileId, 200));
    assertStatus(listing, STATUS_INVALID_INFO_CLASS);
    const input = Buffer.from('\u0004\\a\\b\0', 'utf16le');
    const code = Fsctl.FSCTL_DFS_GET_REFERRALS;
    const referral = await tree.request(ioctlRequest(RELATED, code, { input, maxOutput: 1024 }));
    assertStatus(referral, STATUS_FS_DRIVER_REQUIRED);
    await folder.close();
  },
);

situation('shares: none of this name, one that is not for this user', async (tree) => {
  const { session } = tree;
  const { host } = session.connection.options;
  const ask = (share: string) => session.request(treeConnectRequest(`\\\\${host}\\${share}`));
  assertStatus(await ask('no such share'), STATUS_BAD_NETWORK_NAME);
  const other = await closed.server.connect({});
  const login = await other.login(credentials);
  const refused = await login.request({
    ...treeConnectRequest(`\\\\${host}\\${SHARE}`),
    protection: 'sign',
  });
  assertStatus(refused, STATUS_ACCESS_DENIED);
});

situation(
  'in use: opened by another, locked, about to go, not empty, read-only',
  async (tree, top) => {
    const name = `${top}\\file`;
    const file = await tree.open(name, { ...WRITING, share: 0 });
    await opens(tree, name, STATUS_SHARING_VIOLATION);
    await file.close();

    const [one, two] = [await tree.open(name, WRITING), await tree.open(name, WRITING)];
    const flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
    await one.write(0, Buffer.alloc(100));
    await one.lock([{ offset: 0n, length: 10n, flags }]);
    const lock = lockRequest(two.fileId, [{ offset: 5n, length: 1n, flags }]);
    assertStatus(await tree.request(lock), STATUS_LOCK_NOT_GRANTED);
    assertStatus(await tree.request(readRequest(two.fileId, 0, 10)), STATUS_FILE_LOCK_CONFLICT);
    const write = writeRequest(two.fileId, 9, Buffer.from('x'));
    assertStatus(await tree.request(write), STATUS_FILE_LOCK_CONFLICT);
    assertStatus(await tree.request(readRequest(two.fileId, 10, 10)), STATUS_SUCCESS);

    await one.setInfo(Class.FileDispositionInformation, deleting);
    await opens(tree, name, STATUS_DELETE_PENDING);
    await one.close();
    await two.close();
    await opens(tree, name, STATUS_OBJECT_NAME_NOT_FOUND);

    await tree.writeFile(`${top}\\kept`, Buffer.from('x'));
    assertStatus(await mark(tree, top), STATUS_DIRECTORY_NOT_EMPTY);
    const how = { disposition: FILE_CREATE, attributes: FILE_ATTRIBUTE_READONLY };
    await (await tree.open(`${top}\\read-only`, how)).close();
    assertStatus(await mark(tree, `${top}\\read-only`), STATUS_CANNOT_DELETE);
  },
);

const deleting = FileDispositionInformation.encode({ deletePending: true });

async function mark(tree: ClientTree, name: string) {
  const file = await tree.open(name, { access: DELETE });
  const { FileDispositionInformation: disposition } = Class;
  const set = setInfoRequest(file.fileId, SMB2_0_INFO_FILE, disposition, deleting);
  const answer = await tree.request(set);
  await file.close();
  return answer;
}

situation('a new name: taken, impossible, too long', async (tree, top) => {
  await tree.writeFile(`${top}\\a`, Buffer.from('a'));
  await tree.writeFile(`${top}\\b`, Buffer.from('b'));
  const file = await tree.open(`${top}\\a`, { access: DELETE });
  const rename = (fileName: string) =>
    tree.request(
      setInfoRequest(
        file.fileId,
        SMB2_0_INFO_FILE,
        Class.FileRenameInformation,
        encodeRenameInformation({ replaceIfExists: false, rootDirectory: 0, fileName }),
      ),
    );
  assertStatus(await rename(`${top}\\b`), STATUS_OBJECT_NAME_COLLISION);
  assertStatus(await rename(`${top}\\a*`), STATUS_OBJECT_NAME_INVALID);
  assertStatus(await rename(`${top}\\${'n'.repeat(256)}`), STATUS_NAME_TOO_LONG);
  assertStatus(await rename(`${top}\\none\\a`), STATUS_OBJECT_PATH_NOT_FOUND);
  assert.equal((await tree.readFile(`${top}\\a`)).toString(), 'a');
  await file.close();
});

situation(
  'a handle that is gone, a watch of it, a durable one that nobody kept',
  async (tree, top) => {
    const folder = await tree.open(top, { options: FILE_DIRECTORY_FILE });
    const [watch] = await tree.submit([changeNotifyRequest(folder.fileId, 0x1f)]);
    await watch!.interim;
    await folder.close();
    assertStatus(await tree.session.connection.answerOf(watch!), STATUS_NOTIFY_CLEANUP);
    assertStatus(await tree.request(closeRequest(folder.fileId)), STATUS_FILE_CLOSED);
    assertStatus(await tree.request(readRequest(folder.fileId, 0, 1)), STATUS_FILE_CLOSED);
    const [persistentId, volatileId] = [folder.created.persistentId, folder.created.volatileId];
    const reconnect = encodeDurableHandleReconnectV2({
      persistentId,
      volatileId,
      createGuid: randomBytes(16),
      flags: 0,
    });
    const contexts = [{ name: CreateContextName.DURABLE_HANDLE_RECONNECT_V2, data: reconnect }];
    if (tree.session.connection.negotiated!.dialect >= 0x0300) {
      await opens(tree, top, STATUS_OBJECT_NAME_NOT_FOUND, { contexts });
    }
  },
);

situation(
  'a share, or a session, that was left: the client connects anew, else never',
  async (tree) => {
    await tree.disconnect();
    assertStatus(await tree.request(createRequest('')), STATUS_NETWORK_NAME_DELETED);
    const { session } = tree;
    assertStatus(await session.request(echoRequest()), STATUS_SUCCESS);
    await session.logoff();
    const path = `\\\\${session.connection.options.host}\\IPC$`;
    const unsigned = { ...treeConnectRequest(path), protection: 'none' as const };
    assertStatus(await session.request(unsigned), STATUS_USER_SESSION_DELETED);
  },
);

situation('a symbolic link on the way: where it leads', async (tree, top) => {
  stage.memory.plant.symlink([top, 'link'], 'folder');
  await tree.makeDirectory(`${top}\\folder`);
  const answer = await tree.request(createRequest(`${top}\\link\\file`));
  assertStatus(answer, STATUS_STOPPED_ON_SYMLINK);
  const link = decodeSymbolicLinkError(errorDataOf(decodeErrorResponse(answer.message)));
  assert.deepEqual(
    [link.substituteName, link.unparsedPathLength],
    ['folder', Buffer.from('\\file', 'utf16le').length],
  );
});

situation('the end of a file', async (tree, top) => {
  await tree.writeFile(`${top}\\ten`, Buffer.alloc(10));
  const file = await tree.open(`${top}\\ten`);
  assertStatus(await tree.request(readRequest(file.fileId, 9, 10)), STATUS_SUCCESS);
  assertStatus(await tree.request(readRequest(file.fileId, 10, 1)), STATUS_END_OF_FILE);
  await file.close();
});

test('a full disk: what is written is refused, what is there stays', async () => {
  const tree = await small.enter(win11);
  await tree.writeFile('kept', Buffer.alloc(1000, 'k'));
  const file = await tree.open('large', {
    access: FILE_WRITE_DATA | FILE_GENERIC_READ,
    disposition: FILE_CREATE,
  });
  const chunk = Buffer.alloc(256 << 10, 'x');
  let status: NtStatus = STATUS_SUCCESS;
  for (let at = 0; at < 8 && status === STATUS_SUCCESS; at++) {
    ({ status } = await tree.request(writeRequest(file.fileId, at * chunk.length, chunk)));
  }
  assert.equal(status, STATUS_DISK_FULL);
  await file.close();
  assert.deepEqual(await tree.readFile('kept'), Buffer.alloc(1000, 'k'));
});
