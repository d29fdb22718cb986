/** Linux's kernel client mounts a share and works on it with many threads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  closeRequest,
  createRequest,
  echoRequest,
  ioctlRequest,
  queryDirectoryRequest,
  queryInfoRequest,
  RELATED,
  setInfoRequest,
} from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import {
  DELETE,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  FILE_WRITE_ATTRIBUTES,
} from '../../src/dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_FS_DRIVER_REQUIRED,
  STATUS_NO_MORE_FILES,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import { decodeDirectory } from '../../src/fscc/directory-information.ts';
import {
  decodeFileAllInformation,
  FileEndOfFileInformation,
} from '../../src/fscc/file-information.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import { encodeRenameInformation } from '../../src/fscc/rename-information.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN_REPARSE_POINT,
} from '../../src/smb2/create-options.ts';
import { Dialect } from '../../src/smb2/dialect.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { SMB2_0_INFO_FILE, SMB2_0_INFO_FILESYSTEM } from '../../src/smb2/info-types.ts';
import { decodeQueryDirectoryResponse } from '../../src/smb2/query-directory.ts';
import { decodeQueryInfoResponse } from '../../src/smb2/query-info.ts';
import { credentials, SHARE } from '../support/in-process-server.ts';
import { AS_IT_IS, cifs, ENCRYPTED, type Protection, SIGNED } from './personas.ts';
import { assertStatus, assertStatuses, opening, openStage } from './stage.ts';

const stage = await openStage();

const OK = STATUS_SUCCESS;
const MISSING = STATUS_OBJECT_NAME_NOT_FOUND;
const all = queryInfoRequest(RELATED, SMB2_0_INFO_FILE, Class.FileAllInformation);

async function mount(protection: Protection): Promise<ClientTree> {
  const connection = await stage.server.connect({ ...cifs.connect, ...protection.connect });
  const session = await connection.login({ ...credentials, ...protection.login });
  // With fewer than 3 it switches echoes and oplocks off.
  assert.ok(connection.credits.available >= 3, `${connection.credits.available} credits`);
  const ipc = await session.treeConnect('IPC$');
  const referrals = ioctlRequest(RELATED, Fsctl.FSCTL_DFS_GET_REFERRALS, { maxOutput: 4096 });
  assertStatus(await ipc.request(referrals), STATUS_FS_DRIVER_REQUIRED);
  const tree = await session.treeConnect(SHARE);
  const root = await tree.compound([opening(cifs, '', { options: FILE_DIRECTORY_FILE }), all]);
  assertStatuses(root, [OK, OK]);
  // Shorter, and directories are not cached.
  assert.ok(decodeQueryInfoResponse(root[1]!.message).outputBuffer.length >= 100);
  const { fileId } = tree.fileOf(root[0]!);
  const interfaces = ioctlRequest(RELATED, Fsctl.FSCTL_QUERY_NETWORK_INTERFACE_INFO, {
    maxOutput: 4096,
  });
  assertStatus(await tree.request(interfaces), STATUS_NOT_SUPPORTED);
  for (const one of [5, 4, 1, 11]) {
    const request = queryInfoRequest(fileId, SMB2_0_INFO_FILESYSTEM, one);
    assertStatus(await tree.request(request), OK, `class ${one}`);
  }
  return tree;
}

const stat = (tree: ClientTree, name: string) =>
  tree.compound([
    opening(cifs, name, { access: FILE_READ_ATTRIBUTES, contexts: [], oplockLevel: 0 }),
    all,
    closeRequest(RELATED),
  ]);

/** rename, link, truncate, unlink, rmdir: compounds by name. */
function changing(tree: ClientTree, name: string, informationClass: number, buffer: Buffer) {
  const access = DELETE | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | FILE_GENERIC_WRITE;
  return tree.compound([
    opening(cifs, name, { access, contexts: [], oplockLevel: 0 }),
    setInfoRequest(RELATED, SMB2_0_INFO_FILE, informationClass, buffer),
    closeRequest(RELATED),
  ]);
}

function unlink(tree: ClientTree, name: string) {
  const options = FILE_DELETE_ON_CLOSE | FILE_OPEN_REPARSE_POINT;
  return tree.compound([
    opening(cifs, name, { access: DELETE, options, contexts: [], oplockLevel: 0 }),
    closeRequest(RELATED),
  ]);
}

async function readdir(tree: ClientTree, folder: string): Promise<string[]> {
  const listing = Class.FileIdFullDirectoryInformation;
  const answers = await tree.compound([
    opening(cifs, folder, { options: FILE_DIRECTORY_FILE, contexts: [], oplockLevel: 0 }),
    queryDirectoryRequest(RELATED, listing),
  ]);
  assertStatuses(answers, [OK, OK]);
  const directory = tree.fileOf(answers[0]!);
  const more = await tree.request(queryDirectoryRequest(directory.fileId, listing));
  assertStatus(more, STATUS_NO_MORE_FILES);
  await directory.close();
  const { outputBuffer } = decodeQueryDirectoryResponse(answers[1]!.message);
  return decodeDirectory(listing, outputBuffer).map(({ name }) => name);
}

async function work(tree: ClientTree, folder: string): Promise<void> {
  const inside = (name: string): string => `${folder}\\${name}`;
  const mkdir = opening(cifs, folder, {
    access: FILE_WRITE_ATTRIBUTES,
    disposition: FILE_CREATE,
    options: FILE_DIRECTORY_FILE,
    contexts: [],
  });
  assertStatuses(await tree.compound([mkdir, closeRequest(RELATED)]), [OK, OK]);
  assertStatuses(await tree.compound([mkdir, closeRequest(RELATED)]), [
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_COLLISION,
  ]);
  const content = Buffer.alloc((4 << 20) + 17, 'linux');
  await tree.writeFile(inside('data'), content);
  assert.ok((await tree.readFile(inside('data'))).equals(content));
  const to = (name: string) =>
    encodeRenameInformation({ replaceIfExists: false, rootDirectory: 0, fileName: inside(name) });
  const { FileLinkInformation, FileRenameInformation, FileEndOfFileInformation: Size } = Class;
  for (const [name, one, buffer] of [
    ['data', FileLinkInformation, to('link')],
    ['data', FileRenameInformation, to('renamed')],
    ['renamed', Size, FileEndOfFileInformation.encode({ endOfFile: 5 })],
  ] as const) {
    assertStatuses(await changing(tree, inside(name), one, buffer), [OK, OK, OK]);
  }
  assertStatuses(await stat(tree, inside('data')), [MISSING, MISSING, MISSING]);
  const found = await stat(tree, inside('link'));
  assertStatuses(found, [OK, OK, OK]);
  const { endOfFile, numberOfLinks } = decodeFileAllInformation(
    decodeQueryInfoResponse(found[1]!.message).outputBuffer,
  );
  assert.deepEqual([endOfFile, numberOfLinks], [5, 2]);
  assert.deepEqual((await readdir(tree, folder)).sort(), ['.', '..', 'link', 'renamed']);
  for (const name of [inside('renamed'), inside('link'), folder]) {
    assertStatuses(await unlink(tree, name), [OK, OK]);
    assertStatus(await tree.request(createRequest(name)), MISSING);
  }
  const root = await tree.open('', { options: FILE_DIRECTORY_FILE });
  await root.queryFsInfo(7);
  await root.close();
}

test('mv over a folder: one with something in it is told, an empty one is removed first', async () => {
  const tree = await mount(AS_IT_IS);
  for (const name of ['from', 'to', 'to\\inner']) await tree.makeDirectory(name);
  const over = { replaceIfExists: true, rootDirectory: 0, fileName: 'to' };
  const mv = async (name: string, status: number) => {
    const buffer = encodeRenameInformation(over);
    const answers = await changing(tree, name, Class.FileRenameInformation, buffer);
    assertStatuses(answers, [OK, status, OK]);
  };
  await tree.writeFile('file', Buffer.from('x'));
  await mv('from', STATUS_DIRECTORY_NOT_EMPTY);
  await mv('file', STATUS_ACCESS_DENIED);
  assertStatuses(await unlink(tree, 'to\\inner'), [OK, OK]);
  // EACCES: the client removes what stands there, and tries again.
  await mv('from', STATUS_ACCESS_DENIED);
  assertStatuses(await unlink(tree, 'to'), [OK, OK]);
  await mv('from', OK);
  assertStatus(await tree.request(createRequest('from')), MISSING);
  for (const name of ['to', 'file']) assertStatuses(await unlink(tree, name), [OK, OK]);
  await tree.disconnect();
});

const THREADS = 16;
const STATS = 40;

/** Every thread for itself; what is lost of the credits ends a mount with EDEADLK. */
async function storm(tree: ClientTree, name: string): Promise<void> {
  await tree.writeFile(name, Buffer.from('x'));
  const before = tree.session.connection.credits.available;
  const thread = async (number: number) => {
    for (let i = 0; i < STATS; i++) {
      const there = (i + number) % 2 === 0;
      const status = there ? OK : MISSING;
      assertStatuses(await stat(tree, there ? name : `${name} not`), [status, status, status]);
    }
  };
  await Promise.all(Array.from({ length: THREADS }, (_, number) => thread(number)));
  assertStatus(await tree.session.request(echoRequest()), OK);
  assert.ok(tree.session.connection.credits.available >= before);
}

/** vers=2.1 and 3.0, and the default with and without seal. */
const MOUNTS: readonly Protection[] = [
  AS_IT_IS,
  { name: 'vers=3.0', connect: { dialects: [Dialect.SMB3_00] }, login: {}, guards: 'signs' },
  ...SIGNED,
  ...ENCRYPTED,
];

for (const protection of MOUNTS) {
  test(`P15 cifs-mount (${protection.name})`, async () => {
    const tree = await mount(protection);
    await work(tree, `linux ${protection.name}`);
    await storm(tree, `storm ${protection.name}`);
    await tree.disconnect();
    await tree.session.logoff();
  });
}
