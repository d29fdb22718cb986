/** The path of a file's id, which macOS asks for what an alias or a document names. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setInfoRequest } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import {
  FILE_ALL_ACCESS,
  FILE_LIST_DIRECTORY,
  FILE_READ_ATTRIBUTES,
  SYNCHRONIZE,
} from '../../src/dtyp/access-mask.ts';
import { allowedAce, deniedAce, makeAcl } from '../../src/dtyp/acl.ts';
import {
  type NtStatus,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import {
  DACL_SECURITY_INFORMATION,
  encodeSecurityDescriptor,
} from '../../src/dtyp/security-descriptor.ts';
import { EVERYONE } from '../../src/dtyp/sid.ts';
import { FileInternalInformation } from '../../src/fscc/file-information.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import { encodeRenameInformation } from '../../src/fscc/rename-information.ts';
import {
  AppleVolume,
  decodeAppleResolveAnswer,
  decodeAppleServerAnswer,
  encodeAppleResolveRequest,
} from '../../src/smb2/apple.ts';
import { CreateContextName, findCreateContext } from '../../src/smb2/create-contexts.ts';
import { FILE_DIRECTORY_FILE } from '../../src/smb2/create-options.ts';
import { SMB2_0_INFO_SECURITY } from '../../src/smb2/info-types.ts';
import { isErrno } from '../../src/vfs/errno.ts';
import { appleQuery, macos15 } from './personas.ts';
import { assertStatus, openStage, type Stage } from './stage.ts';

const SECRET = 'secret';
const withIds = await openStage({ share: { appleZeroFileIds: false, vetoFiles: [SECRET] } });
const withoutIds = await openStage();

/** The contexts that the root's CREATE is answered with. */
async function ask(tree: ClientTree, data: Buffer): Promise<Buffer> {
  const root = await tree.open('', {
    access: FILE_READ_ATTRIBUTES | SYNCHRONIZE,
    contexts: [{ name: CreateContextName.AAPL, data }],
    options: FILE_DIRECTORY_FILE,
  });
  await root.close();
  assert.equal(root.created.createContexts.length, 1);
  return findCreateContext(root.created.createContexts, CreateContextName.AAPL)!;
}

async function enter(stage: Stage) {
  const tree = await stage.enter(macos15);
  const { volumeCapabilities } = decodeAppleServerAnswer(await ask(tree, appleQuery.data));
  return { tree, resolves: (volumeCapabilities! & AppleVolume.RESOLVE_ID) !== 0n };
}

async function idOf(tree: ClientTree, path: string): Promise<bigint> {
  const file = await tree.open(path, { access: FILE_READ_ATTRIBUTES });
  const { indexNumber } = FileInternalInformation.read(
    await file.queryInfo(Class.FileInternalInformation),
  );
  await file.close();
  return indexNumber;
}

async function resolve(tree: ClientTree, fileId: bigint): Promise<string | NtStatus> {
  const answer = decodeAppleResolveAnswer(await ask(tree, encodeAppleResolveRequest({ fileId })));
  if (answer.status === STATUS_SUCCESS) return answer.path;
  assert.equal(answer.path, '');
  return answer.status;
}

test('an id is told its path where ids are told, from the root, as it is now', async () => {
  const { tree, resolves } = await enter(withIds);
  assert.ok(resolves);
  await tree.makeDirectory('Projects');
  await tree.makeDirectory('Projects\\été');
  await tree.writeFile('Projects\\été\\letter', Buffer.from('x'));
  const letter = await idOf(tree, 'Projects\\été\\letter');
  const folder = await idOf(tree, 'Projects\\été');
  assert.equal(await resolve(tree, letter), 'Projects\\été\\letter');
  assert.equal(await resolve(tree, folder), 'Projects\\été');
  const file = await tree.open('Projects\\été\\letter', { access: FILE_ALL_ACCESS });
  await file.setInfo(
    Class.FileRenameInformation,
    encodeRenameInformation({ replaceIfExists: false, rootDirectory: 0, fileName: 'Moved' }),
  );
  await file.close();
  assert.equal(await resolve(tree, letter), 'Moved');
  assert.equal(await resolve(tree, 0x7fff_ffff_ffff_ffffn), STATUS_OBJECT_NAME_NOT_FOUND);
});

test('two at once: each is answered', async () => {
  const { tree } = await enter(withIds);
  await tree.writeFile('one', Buffer.from('x'));
  const id = await idOf(tree, 'one');
  const [first] = await Promise.all([resolve(tree, id), resolve(tree, id)]);
  assert.equal(first, 'one');
});

test('where zeros are told for ids there is none to ask for', async () => {
  const { tree, resolves } = await enter(withoutIds);
  assert.ok(!resolves);
  await tree.writeFile('a', Buffer.from('x'));
  assert.equal(await resolve(tree, 1n), STATUS_NOT_SUPPORTED);
});

test('what the user may not list, and what is vetoed, is not told', async () => {
  const { tree } = await enter(withIds);
  const host = await withIds.memory.attach(undefined);
  assert.ok(!isErrno(host));
  const secret = await host.create([SECRET], { kind: 'file', attributes: 0 });
  assert.ok(!isErrno(secret));
  assert.equal(await resolve(tree, secret.fileId), STATUS_OBJECT_NAME_NOT_FOUND);
  secret.close();
  await tree.makeDirectory('closed');
  await tree.writeFile('closed\\in it', Buffer.from('x'));
  const id = await idOf(tree, 'closed\\in it');
  assert.equal(await resolve(tree, id), 'closed\\in it');
  const directory = await tree.open('closed', {
    access: FILE_ALL_ACCESS,
    options: FILE_DIRECTORY_FILE,
  });
  const dacl = makeAcl([
    deniedAce(EVERYONE, FILE_LIST_DIRECTORY, 0),
    allowedAce(EVERYONE, FILE_ALL_ACCESS, 0),
  ]);
  const bytes = encodeSecurityDescriptor({
    control: 0,
    owner: undefined,
    group: undefined,
    dacl,
    sacl: undefined,
  });
  const { fileId } = directory;
  assertStatus(
    await tree.request(
      setInfoRequest(fileId, SMB2_0_INFO_SECURITY, 0, bytes, DACL_SECURITY_INFORMATION),
    ),
    STATUS_SUCCESS,
  );
  await directory.close();
  assert.equal(await resolve(tree, id), STATUS_OBJECT_NAME_NOT_FOUND);
});
