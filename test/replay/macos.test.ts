/** macOS mounts a share of a server that does not speak Apple's extensions (apple.test.ts: that does), and works on it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  changeNotifyRequest,
  closeRequest,
  createRequest,
  echoRequest,
  ioctlRequest,
  queryDirectoryRequest,
  queryInfoRequest,
  RELATED,
  setInfoRequest,
} from '../../src/client/requests.ts';
import { listShares } from '../../src/client/shares.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import {
  DELETE,
  FILE_LIST_DIRECTORY,
  FILE_READ_ATTRIBUTES,
  SYNCHRONIZE,
} from '../../src/dtyp/access-mask.ts';
import {
  STATUS_FILE_CLOSED,
  STATUS_NO_MORE_FILES,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import { decodeDirectory } from '../../src/fscc/directory-information.ts';
import { decodeFileAllInformation } from '../../src/fscc/file-information.ts';
import {
  decodeFileFsAttributeInformation,
  FileFsSizeInformation,
} from '../../src/fscc/fs-information.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import {
  encodeRenameInformation,
  FileDispositionInformation,
} from '../../src/fscc/rename-information.ts';
import { decodeCreateResponse } from '../../src/smb2/create.ts';
import { CreateContextName } from '../../src/smb2/create-contexts.ts';
import { FILE_DIRECTORY_FILE } from '../../src/smb2/create-options.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { isAsync } from '../../src/smb2/header.ts';
import { SMB2_0_INFO_FILE, SMB2_0_INFO_FILESYSTEM } from '../../src/smb2/info-types.ts';
import { decodeQueryDirectoryResponse } from '../../src/smb2/query-directory.ts';
import { decodeQueryInfoResponse } from '../../src/smb2/query-info.ts';
import { credentials, SHARE } from '../support/in-process-server.ts';
import {
  appleQuery,
  ENCRYPTED,
  GUEST,
  isGuarded,
  macos15,
  type Protection,
  SIGNED,
} from './personas.ts';
import { assertStatus, assertStatuses, LENIENT, opening, openStage } from './stage.ts';

const stage = await openStage({ global: { ...LENIENT, apple: false } });

/** macOS 13: no signing context, CMAC by default. */
const MACOS_13: Protection = {
  name: 'macOS 13',
  connect: { signingAlgorithms: [] },
  login: {},
  guards: 'signs',
};

const STAT = { access: FILE_READ_ATTRIBUTES | SYNCHRONIZE };
const OK = STATUS_SUCCESS;
const FILE_READ_ONLY_VOLUME = 0x0008_0000;
const WRITE_BITS = 0x0000_0156;

const rootWith = (contexts: readonly { name: string; data: Buffer }[]) =>
  opening(macos15, '', { ...STAT, options: FILE_DIRECTORY_FILE, contexts, oplockLevel: 0 });

async function mount(protection: Protection): Promise<ClientTree> {
  const connection = await stage.server.connect({ ...macos15.connect, ...protection.connect });
  const session = await connection.login({ ...credentials, ...protection.login });
  assert.ok(connection.credits.available >= 5, `${connection.credits.available} credits`);
  assert.ok((await listShares(session)).some(({ name }) => name === SHARE));
  const tree = await session.treeConnect(SHARE);
  assert.equal(tree.response.shareType, 1);
  assert.equal(tree.response.maximalAccess & WRITE_BITS, WRITE_BITS, 'the volume is read-only');
  return tree;
}

/** What comes between TREE_CONNECT and the icon on the desktop. */
async function settle(tree: ClientTree, protection: Protection): Promise<void> {
  const about = (one: number) => queryInfoRequest(RELATED, SMB2_0_INFO_FILESYSTEM, one);
  const size = await tree.compound([rootWith([]), about(3), closeRequest(RELATED)]);
  assertStatuses(size, [OK, OK, OK]);
  const statfs = FileFsSizeInformation.read(decodeQueryInfoResponse(size[1]!.message).outputBuffer);
  assert.ok(statfs.totalAllocationUnits > 0);
  assert.equal(statfs.bytesPerSector, 512);

  const [maximalAccess] = macos15.openContexts();
  const apple = await tree.compound([
    rootWith([appleQuery, maximalAccess!]),
    about(5),
    closeRequest(RELATED),
  ]);
  assertStatuses(apple, [OK, OK, OK]);
  const { createContexts } = decodeCreateResponse(apple[0]!.message);
  assert.deepEqual(
    createContexts.map(({ name }) => name),
    [CreateContextName.QUERY_MAXIMAL_ACCESS],
  );
  const volume = decodeFileFsAttributeInformation(
    decodeQueryInfoResponse(apple[1]!.message).outputBuffer,
  );
  assert.equal(volume.fileSystemAttributes & FILE_READ_ONLY_VOLUME, 0);
  assert.ok(volume.maximumComponentNameLength <= 255);

  const all = queryInfoRequest(RELATED, SMB2_0_INFO_FILE, Class.FileAllInformation);
  assertStatuses(await tree.compound([rootWith([]), all, closeRequest(RELATED)]), [OK, OK, OK]);

  // Whether there is a copy by the server, which any success says: neither pending nor the end of the compound.
  const resume = ioctlRequest(RELATED, Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY, { maxOutput: 32 });
  const probe = await tree.compound([
    opening(macos15, '', { access: 0x89, options: FILE_DIRECTORY_FILE, contexts: [] }),
    resume,
    closeRequest(RELATED),
  ]);
  assertStatuses(probe, [OK, OK, OK]);
  for (const answer of [...size, ...apple, ...probe]) {
    assert.ok(isGuarded(protection, answer));
    assert.equal(isAsync(answer.header), false);
  }

  // The channel for what the server has to say, which this one has not.
  const channel = await tree.request(changeNotifyRequest(RELATED, 0xfff));
  assertStatus(channel, STATUS_FILE_CLOSED);
  assertStatus(await tree.session.request(echoRequest()), OK);
}

/** Each of these is one compound on macOS. */
async function work(tree: ClientTree, folder: string): Promise<void> {
  const stat = (name: string) =>
    tree.compound([
      opening(macos15, name, {
        ...STAT,
        oplockLevel: 0,
        contexts: macos15.openContexts().slice(0, 2),
      }),
      queryInfoRequest(RELATED, SMB2_0_INFO_FILE, Class.FileAllInformation),
      closeRequest(RELATED),
    ]);
  const missing = STATUS_OBJECT_NAME_NOT_FOUND;
  await tree.makeDirectory(folder);
  for (const name of ['.DS_Store', '.localized', 'Icon\uf00d']) {
    assertStatuses(await stat(`${folder}\\${name}`), [missing, missing, missing]);
  }
  await tree.writeFile(`${folder}\\letter.txt`, Buffer.from('Dear'));
  const found = await stat(`${folder}\\LETTER.TXT`);
  assertStatuses(found, [OK, OK, OK]);
  const all = decodeFileAllInformation(decodeQueryInfoResponse(found[1]!.message).outputBuffer);
  assert.equal(all.endOfFile, 4);
  assert.equal(all.name, `\\${folder}\\letter.txt`);

  const listing = Class.FileIdBothDirectoryInformation;
  const [opened, listed] = await tree.compound([
    opening(macos15, folder, {
      access: FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES | SYNCHRONIZE,
      options: FILE_DIRECTORY_FILE,
    }),
    queryDirectoryRequest(RELATED, listing),
  ]);
  assertStatuses([opened!, listed!], [OK, OK]);
  const entries = decodeDirectory(
    listing,
    decodeQueryDirectoryResponse(listed!.message).outputBuffer,
  );
  assert.deepEqual(
    entries.map(({ name }) => name),
    ['.', '..', 'letter.txt'],
  );
  assert.equal(entries[2]!.fileId, all.indexNumber);
  const directory = tree.fileOf(opened!);
  const end = await tree.request(queryDirectoryRequest(directory.fileId, listing));
  assertStatus(end, STATUS_NO_MORE_FILES);
  await directory.close();

  const changing = (name: string, informationClass: number, buffer: Buffer) =>
    tree.compound([
      opening(macos15, name, { access: DELETE | STAT.access, contexts: [], oplockLevel: 0 }),
      setInfoRequest(RELATED, SMB2_0_INFO_FILE, informationClass, buffer),
      closeRequest(RELATED),
    ]);
  const fileName = `${folder}\\letter 2.txt`;
  const rename = encodeRenameInformation({ replaceIfExists: false, rootDirectory: 0, fileName });
  const renamed = await changing(`${folder}\\letter.txt`, Class.FileRenameInformation, rename);
  assertStatuses(renamed, [OK, OK, OK]);
  const gone = FileDispositionInformation.encode({ deletePending: true });
  for (const name of [fileName, folder]) {
    const deleted = await changing(name, Class.FileDispositionInformation, gone);
    assertStatuses(deleted, [OK, OK, OK]);
    assertStatus(await tree.request(createRequest(name)), missing);
  }
}

for (const protection of [MACOS_13, ...SIGNED, ...ENCRYPTED, GUEST]) {
  test(`P9 mac-mount, a server without AAPL (${protection.name})`, async () => {
    const tree = await mount(protection);
    await settle(tree, protection);
    await work(tree, `mac ${protection.name}`);
    await tree.disconnect();
    await tree.session.logoff();
  });
}
