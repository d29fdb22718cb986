/** Security descriptors through the whole server, with two users: MS-FSA 2.1.5.1, 2.1.5.14, 2.1.5.17. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { OTHER_USER, startServer, type TestServer } from '../../test/support/in-process-server.ts';
import { StatusError } from '../client/client-error.ts';
import type { ClientFile } from '../client/file.ts';
import { type OpenOptions, queryInfoRequest, setInfoRequest } from '../client/requests.ts';
import type { ClientTree } from '../client/tree.ts';
import {
  ACCESS_SYSTEM_SECURITY,
  DELETE,
  FILE_ADD_FILE,
  FILE_ALL_ACCESS,
  FILE_DELETE_CHILD,
  FILE_GENERIC_EXECUTE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
  GENERIC_ALL,
  GENERIC_READ,
  MAXIMUM_ALLOWED,
  READ_CONTROL,
  WRITE_DAC,
  WRITE_OWNER,
} from '../dtyp/access-mask.ts';
import {
  type Ace,
  allowedAce,
  auditAce,
  CONTAINER_INHERIT_ACE,
  deniedAce,
  INHERITED_ACE,
  makeAcl,
  OBJECT_INHERIT_ACE,
} from '../dtyp/acl.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_OWNER,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PRIVILEGE_NOT_HELD,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  DACL_SECURITY_INFORMATION,
  decodeSecurityDescriptor,
  encodeSecurityDescriptor,
  GROUP_SECURITY_INFORMATION,
  LABEL_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
  PROTECTED_DACL_SECURITY_INFORMATION,
  SACL_SECURITY_INFORMATION,
  SE_DACL_AUTO_INHERIT_REQ,
  SE_DACL_AUTO_INHERITED,
  SE_DACL_PROTECTED,
  type SecurityDescriptor,
  UNPROTECTED_DACL_SECURITY_INFORMATION,
} from '../dtyp/security-descriptor.ts';
import { EVERYONE, type Sid, unixUserSid } from '../dtyp/sid.ts';
import { FILE_ATTRIBUTE_ARCHIVE, FILE_ATTRIBUTE_NORMAL } from '../fscc/attributes.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { encodeRenameInformation } from '../fscc/rename-information.ts';
import { CreateContextName } from '../smb2/create-contexts.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN_IF,
} from '../smb2/create-options.ts';
import { SMB2_0_INFO_SECURITY } from '../smb2/info-types.ts';

let server: TestServer;
let ann: ClientTree;
let bob: ClientTree;
beforeEach(async () => {
  server = await startServer();
  ann = await server.mount();
  bob = await server.mount({}, { user: OTHER_USER });
});
afterEach(async () => {
  await server.close();
});

const ANN: Sid = unixUserSid(1001);
const BOB: Sid = unixUserSid(1002);
const OWNER_GROUP_DACL =
  OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;

const NOTHING = {
  control: 0,
  owner: undefined,
  group: undefined,
  sacl: undefined,
  dacl: undefined,
};
const withDacl = (aces: readonly Ace[], control = 0): SecurityDescriptor => ({
  ...NOTHING,
  control,
  dacl: makeAcl(aces),
});

async function statusOf(work: Promise<unknown>): Promise<NtStatus> {
  try {
    await work;
    return STATUS_SUCCESS;
  } catch (error) {
    if (error instanceof StatusError) return error.status;
    throw error;
  }
}

async function set(
  file: ClientFile,
  descriptor: SecurityDescriptor,
  information = DACL_SECURITY_INFORMATION,
): Promise<NtStatus> {
  const bytes = encodeSecurityDescriptor(descriptor);
  const request = setInfoRequest(file.fileId, SMB2_0_INFO_SECURITY, 0, bytes, information);
  return (await file.tree.request(request)).status;
}

async function query(file: ClientFile, information = OWNER_GROUP_DACL) {
  const how = { outputBytes: 65_536, additionalInformation: information };
  const request = queryInfoRequest(file.fileId, SMB2_0_INFO_SECURITY, 0, how);
  const { status, message } = await file.tree.request(request);
  if (status !== STATUS_SUCCESS) return status;
  const offset = message.readUInt16LE(66);
  return decodeSecurityDescriptor(message.subarray(offset, offset + message.readUInt32LE(68)));
}

/** A file or directory of ann's with this DACL. */
async function make(name: string, aces: readonly Ace[], options = 0): Promise<void> {
  const file = await ann.open(name, {
    access: FILE_ALL_ACCESS,
    disposition: FILE_CREATE,
    options,
  });
  assert.equal(await set(file, withDacl(aces)), STATUS_SUCCESS);
  await file.close();
}

const opening = async (tree: ClientTree, name: string, how: OpenOptions): Promise<NtStatus> =>
  statusOf(tree.open(name, how).then((file) => file.close()));

const MAY_ALL = allowedAce(ANN, FILE_ALL_ACCESS);

test('an open is granted by the entries of the user, and of nobody else', async () => {
  await make('f', [MAY_ALL, allowedAce(BOB, FILE_GENERIC_READ)]);
  assert.equal(await opening(bob, 'f', { access: FILE_GENERIC_READ }), STATUS_SUCCESS);
  assert.equal(await opening(bob, 'f', { access: GENERIC_READ }), STATUS_SUCCESS);
  for (const access of [FILE_WRITE_DATA, FILE_GENERIC_EXECUTE, WRITE_DAC, WRITE_OWNER]) {
    assert.equal(await opening(bob, 'f', { access }), STATUS_ACCESS_DENIED, `${access}`);
  }
  await make('closed', [MAY_ALL]);
  assert.equal(await opening(bob, 'closed', { access: FILE_READ_DATA }), STATUS_ACCESS_DENIED);
  assert.equal(await opening(ann, 'closed', { access: FILE_ALL_ACCESS }), STATUS_SUCCESS);
});

test('a denial before what allows is final, one behind it comes too late', async () => {
  await make('first', [deniedAce(BOB, FILE_READ_DATA), allowedAce(EVERYONE, FILE_ALL_ACCESS)]);
  assert.equal(await opening(bob, 'first', { access: FILE_READ_DATA }), STATUS_ACCESS_DENIED);
  assert.equal(await opening(bob, 'first', { access: FILE_WRITE_DATA }), STATUS_SUCCESS);
  await make('last', [allowedAce(EVERYONE, FILE_ALL_ACCESS), deniedAce(BOB, FILE_READ_DATA)]);
  assert.equal(await opening(bob, 'last', { access: FILE_READ_DATA }), STATUS_SUCCESS);
});

test('MAXIMUM_ALLOWED is what the entries leave, and attributes that the directory lists', async () => {
  await make('f', [
    deniedAce(BOB, FILE_WRITE_DATA),
    allowedAce(BOB, FILE_READ_DATA | FILE_WRITE_DATA),
  ]);
  const file = await bob.open('f', { access: MAXIMUM_ALLOWED });
  const info = await file.queryInfo(FileInformationClass.FileAccessInformation);
  // The share's root is open to all, so its entries may be deleted.
  assert.equal(info.readUInt32LE(0), FILE_READ_DATA | FILE_READ_ATTRIBUTES | DELETE);
  await file.close();
});

test('the owner is never kept from the DACL', async () => {
  await make('f', []);
  assert.equal(await opening(ann, 'f', { access: FILE_READ_DATA }), STATUS_ACCESS_DENIED);
  const file = await ann.open('f', { access: READ_CONTROL | WRITE_DAC });
  assert.equal(await set(file, withDacl([MAY_ALL])), STATUS_SUCCESS);
  await file.close();
  assert.equal(await opening(ann, 'f', { access: FILE_READ_DATA }), STATUS_SUCCESS);
});

test('each part is read and set by its own right', async () => {
  await make('f', [allowedAce(EVERYONE, FILE_ALL_ACCESS)]);
  const none = await ann.open('f', { access: FILE_READ_ATTRIBUTES });
  for (const part of [1, 2, 4, LABEL_SECURITY_INFORMATION, SACL_SECURITY_INFORMATION]) {
    assert.equal(await query(none, part), STATUS_ACCESS_DENIED);
  }
  assert.deepEqual(await query(none, 0), NOTHING);
  const given = { ...withDacl([MAY_ALL]), owner: ANN, group: ANN };
  assert.equal(await set(none, given, DACL_SECURITY_INFORMATION), STATUS_ACCESS_DENIED);
  assert.equal(await set(none, given, OWNER_SECURITY_INFORMATION), STATUS_ACCESS_DENIED);
  assert.equal(await set(none, given, GROUP_SECURITY_INFORMATION), STATUS_ACCESS_DENIED);
  await none.close();
  const dac = await ann.open('f', { access: WRITE_DAC });
  assert.equal(await set(dac, given, OWNER_SECURITY_INFORMATION), STATUS_ACCESS_DENIED);
  assert.equal(await set(dac, given, DACL_SECURITY_INFORMATION), STATUS_SUCCESS);
  await dac.close();
  const sacl = { access: READ_CONTROL | ACCESS_SYSTEM_SECURITY };
  assert.equal(await opening(ann, 'f', sacl), STATUS_PRIVILEGE_NOT_HELD);
  assert.equal(
    await opening(ann, 'new', { ...sacl, disposition: FILE_CREATE }),
    STATUS_ACCESS_DENIED,
  );
  assert.equal(await opening(ann, 'new', {}), STATUS_OBJECT_NAME_NOT_FOUND);
});

test('what a request does not name stays, and generic rights are mapped', async () => {
  const file = await ann.open('f', { access: FILE_ALL_ACCESS, disposition: FILE_CREATE });
  const before = (await query(file)) as SecurityDescriptor;
  const dacl = [allowedAce(BOB, GENERIC_READ), deniedAce(EVERYONE, FILE_WRITE_DATA)];
  assert.equal(await set(file, { ...withDacl(dacl), owner: BOB, group: BOB }), STATUS_SUCCESS);
  const after = (await query(file)) as SecurityDescriptor;
  assert.equal(after.owner, before.owner);
  assert.equal(after.group, before.group);
  assert.deepEqual(
    after.dacl,
    makeAcl([allowedAce(BOB, FILE_GENERIC_READ), deniedAce(EVERYONE, FILE_WRITE_DATA)]),
  );
  await file.close();
});

test('no DACL, and a NULL one, grant all; an empty one nothing', async () => {
  const file = await ann.open('f', { access: FILE_ALL_ACCESS, disposition: FILE_CREATE });
  for (const dacl of [null, undefined]) {
    assert.equal(await set(file, { ...NOTHING, dacl }), STATUS_SUCCESS);
    assert.equal(((await query(file)) as SecurityDescriptor).dacl, null);
    assert.equal(await opening(bob, 'f', { access: FILE_ALL_ACCESS }), STATUS_SUCCESS);
  }
  assert.equal(await set(file, withDacl([])), STATUS_SUCCESS);
  assert.equal(await opening(bob, 'f', { access: FILE_READ_DATA }), STATUS_ACCESS_DENIED);
  await file.close();
});

test('AUTO_INHERITED is for who asks for it; PROTECTED also by the request', async () => {
  const file = await ann.open('f', { access: FILE_ALL_ACCESS, disposition: FILE_CREATE });
  const control = async (flags: number, more = 0): Promise<number> => {
    const information = DACL_SECURITY_INFORMATION + more;
    assert.equal(await set(file, withDacl([MAY_ALL], flags), information), STATUS_SUCCESS);
    return ((await query(file)) as SecurityDescriptor).control;
  };
  assert.equal(await control(SE_DACL_AUTO_INHERITED), 0);
  const asked = SE_DACL_AUTO_INHERITED | SE_DACL_AUTO_INHERIT_REQ;
  assert.equal(await control(asked), SE_DACL_AUTO_INHERITED);
  assert.equal(await control(0, PROTECTED_DACL_SECURITY_INFORMATION), SE_DACL_PROTECTED);
  assert.equal(await control(SE_DACL_PROTECTED), SE_DACL_PROTECTED);
  const unprotected = await control(SE_DACL_PROTECTED, UNPROTECTED_DACL_SECURITY_INFORMATION);
  assert.equal(unprotected, 0);
  await file.close();
});

test('ownership goes to oneself, not to others', async () => {
  await make('f', [MAY_ALL, allowedAce(BOB, FILE_ALL_ACCESS)]);
  const file = await bob.open('f', { access: READ_CONTROL | WRITE_OWNER });
  const to = (owner: Sid | undefined) =>
    set(file, { ...NOTHING, owner }, OWNER_SECURITY_INFORMATION);
  assert.equal(await to(ANN), STATUS_INVALID_OWNER);
  assert.equal(await to(undefined), STATUS_INVALID_OWNER);
  assert.equal(await to(BOB), STATUS_SUCCESS);
  assert.equal(((await query(file)) as SecurityDescriptor).owner, BOB);
  await file.close();
});

test("without a descriptor who may write a file is not granted what is its owner's", async () => {
  const mine = await ann.open('f', { access: FILE_ALL_ACCESS, disposition: FILE_CREATE });
  await mine.close();
  // The share's root is open to all, and neither's.
  const root = (access: number) => ({ access, options: FILE_DIRECTORY_FILE });
  for (const right of [WRITE_DAC, WRITE_OWNER, FILE_ALL_ACCESS, GENERIC_ALL]) {
    assert.equal(await opening(bob, '', root(right)), STATUS_ACCESS_DENIED, `${right}`);
  }
  const rest = FILE_ALL_ACCESS & ~(WRITE_DAC | WRITE_OWNER);
  assert.equal(await opening(bob, '', root(rest)), STATUS_SUCCESS);
  const most = await bob.open('', root(MAXIMUM_ALLOWED));
  const info = await most.queryInfo(FileInformationClass.FileAccessInformation);
  assert.equal(info.readUInt32LE(0), rest);
  assert.equal(await set(most, withDacl([MAY_ALL])), STATUS_ACCESS_DENIED);
  await most.close();
});

test('what is made in a directory inherits, and needs the right to be made', async () => {
  const inherit = OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE;
  await make(
    'd',
    [
      allowedAce(ANN, FILE_ALL_ACCESS, inherit),
      allowedAce(BOB, FILE_GENERIC_READ | FILE_ADD_FILE, OBJECT_INHERIT_ACE),
    ],
    FILE_DIRECTORY_FILE,
  );
  const creating = { access: FILE_ALL_ACCESS, disposition: FILE_CREATE };
  const file = await bob.open('d\\f', creating);
  const made = (await query(file)) as SecurityDescriptor;
  assert.deepEqual(made.dacl?.aces, [
    allowedAce(ANN, FILE_ALL_ACCESS),
    allowedAce(BOB, FILE_GENERIC_READ | FILE_ADD_FILE),
  ]);
  await file.close();
  const directory = { ...creating, options: FILE_DIRECTORY_FILE };
  assert.equal(await opening(bob, 'd\\sub', directory), STATUS_ACCESS_DENIED);
  assert.equal(await opening(ann, 'd\\sub', directory), STATUS_SUCCESS);
  assert.equal(await opening(bob, 'd\\sub\\f', creating), STATUS_ACCESS_DENIED);
  // Streams are a change of the file.
  assert.equal(await opening(bob, 'd\\f:s', { ...creating, access: 1 }), STATUS_SUCCESS);
});

test('below an auto-inherited directory entries say that they are inherited', async () => {
  const name = { access: FILE_ALL_ACCESS, disposition: FILE_CREATE };
  const directory = await ann.open('d', { ...name, options: FILE_DIRECTORY_FILE });
  const control = SE_DACL_AUTO_INHERITED | SE_DACL_AUTO_INHERIT_REQ;
  const entry = allowedAce(EVERYONE, FILE_ALL_ACCESS, OBJECT_INHERIT_ACE);
  assert.equal(await set(directory, withDacl([entry], control)), STATUS_SUCCESS);
  await directory.close();
  const file = await ann.open('d\\f', name);
  const made = (await query(file)) as SecurityDescriptor;
  assert.equal(made.control, SE_DACL_AUTO_INHERITED);
  assert.deepEqual(made.dacl?.aces, [allowedAce(EVERYONE, FILE_ALL_ACCESS, INHERITED_ACE)]);
  await file.close();
});

test('DELETE is by the file, or FILE_DELETE_CHILD by its directory', async () => {
  const traverse = FILE_GENERIC_READ | FILE_GENERIC_EXECUTE;
  await make('d', [MAY_ALL, allowedAce(BOB, traverse | FILE_ADD_FILE)], FILE_DIRECTORY_FILE);
  await make('d\\kept', [MAY_ALL, allowedAce(BOB, FILE_ALL_ACCESS & ~DELETE)]);
  await make('d\\own', [MAY_ALL, allowedAce(BOB, DELETE)]);
  const deleting = { access: DELETE, options: FILE_DELETE_ON_CLOSE };
  assert.equal(await opening(bob, 'd\\kept', deleting), STATUS_ACCESS_DENIED);
  assert.equal(await opening(bob, 'd\\own', deleting), STATUS_SUCCESS);
  assert.equal(await opening(ann, 'd\\own', {}), STATUS_OBJECT_NAME_NOT_FOUND);
  const directory = await ann.open('d', { access: WRITE_DAC, options: FILE_DIRECTORY_FILE });
  const more = allowedAce(BOB, traverse | FILE_DELETE_CHILD);
  assert.equal(await set(directory, withDacl([MAY_ALL, more])), STATUS_SUCCESS);
  await directory.close();
  assert.equal(await opening(bob, 'd\\kept', deleting), STATUS_SUCCESS);
  assert.equal(await opening(ann, 'd\\kept', {}), STATUS_OBJECT_NAME_NOT_FOUND);
});

test('a rename needs DELETE, the right to add to the target, and DELETE of what it replaces', async () => {
  await make('d', [MAY_ALL, allowedAce(BOB, FILE_GENERIC_READ)], FILE_DIRECTORY_FILE);
  await make('target', [MAY_ALL, deniedAce(BOB, DELETE)]);
  await make('guarded', [MAY_ALL, allowedAce(BOB, FILE_GENERIC_READ)], FILE_DIRECTORY_FILE);
  await make('guarded\\target', [MAY_ALL, allowedAce(BOB, FILE_GENERIC_READ)]);
  const file = await bob.open('f', {
    access: DELETE | FILE_GENERIC_WRITE,
    disposition: FILE_OPEN_IF,
  });
  const renaming = (fileName: string) =>
    statusOf(
      file.setInfo(
        FileInformationClass.FileRenameInformation,
        encodeRenameInformation({ replaceIfExists: true, rootDirectory: 0, fileName }),
      ),
    );
  assert.equal(await renaming('d\\f'), STATUS_ACCESS_DENIED);
  assert.equal(await renaming('guarded\\target'), STATUS_ACCESS_DENIED);
  assert.equal(await renaming('g'), STATUS_SUCCESS);
  await file.close();
  assert.equal(await opening(ann, 'g', {}), STATUS_SUCCESS);
});

const secD = (descriptor: SecurityDescriptor | Buffer) => ({
  access: FILE_ALL_ACCESS,
  disposition: FILE_CREATE,
  contexts: [
    {
      name: CreateContextName.SD_BUFFER,
      data: Buffer.isBuffer(descriptor) ? descriptor : encodeSecurityDescriptor(descriptor),
    },
  ],
});

test('SecD: a file is made with the descriptor that it comes with', async () => {
  const dacl = [allowedAce(BOB, GENERIC_READ), MAY_ALL];
  const file = await ann.open('f', secD({ ...withDacl(dacl, SE_DACL_PROTECTED), group: BOB }));
  const made = (await query(file)) as SecurityDescriptor;
  assert.deepEqual(made.dacl, makeAcl([allowedAce(BOB, FILE_GENERIC_READ), MAY_ALL]));
  assert.equal(made.control, SE_DACL_PROTECTED);
  assert.equal(made.group, BOB);
  await file.close();
  assert.equal(await opening(bob, 'f', { access: FILE_GENERIC_READ }), STATUS_SUCCESS);
  assert.equal(await opening(bob, 'f', { access: FILE_WRITE_DATA }), STATUS_ACCESS_DENIED);
});

test('SecD: what may not be given leaves no file behind', async () => {
  const foreign = secD({ ...withDacl([]), owner: BOB });
  assert.equal(await opening(ann, 'f', foreign), STATUS_INVALID_OWNER);
  const audits = secD({ ...withDacl([]), sacl: makeAcl([auditAce(EVERYONE, 1)]) });
  assert.equal(await opening(ann, 'f', audits), STATUS_PRIVILEGE_NOT_HELD);
  assert.equal(await opening(ann, 'f', secD(Buffer.alloc(20, 0xff))), STATUS_INVALID_PARAMETER);
  assert.equal(await opening(ann, 'f', {}), STATUS_OBJECT_NAME_NOT_FOUND);
});

test('labels and backups of descriptors are not settable', async () => {
  await make('f', [MAY_ALL]);
  const file = await ann.open('f', { access: FILE_ALL_ACCESS });
  assert.equal(await set(file, withDacl([]), LABEL_SECURITY_INFORMATION), STATUS_NOT_SUPPORTED);
  assert.equal(await set(file, NOTHING, GROUP_SECURITY_INFORMATION), STATUS_INVALID_PARAMETER);
  await file.close();
});

test('a file whose security is set is to be archived, MS-FSA 2.1.5.17', async () => {
  const file = await ann.open('f', { access: FILE_ALL_ACCESS, disposition: FILE_CREATE });
  const attributes = async (): Promise<number> =>
    (await file.queryInfo(FileInformationClass.FileBasicInformation)).readUInt32LE(32);
  const normal = Buffer.alloc(40);
  normal.writeUInt32LE(FILE_ATTRIBUTE_NORMAL, 32);
  await file.setInfo(FileInformationClass.FileBasicInformation, normal);
  assert.equal(await attributes(), FILE_ATTRIBUTE_NORMAL);
  assert.equal(await set(file, withDacl([MAY_ALL])), STATUS_SUCCESS);
  assert.equal(await attributes(), FILE_ATTRIBUTE_ARCHIVE);
  await file.close();
});
