/**
 * What Linux does with the `posix` mount option, as cifs.ko and smbclient send it: a disk whose names,
 * modes and file system are POSIX's (the SMB3 POSIX extensions, beside MS-SMB2 3.3.5.9).
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ClientFile } from '../../src/client/file.ts';
import {
  createRequest,
  type OpenOptions,
  queryDirectoryRequest,
  queryInfoRequest,
  setInfoRequest,
} from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import {
  DELETE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  FILE_WRITE_ATTRIBUTES,
  READ_CONTROL,
  WRITE_DAC,
  WRITE_OWNER,
} from '../../src/dtyp/access-mask.ts';
import { deniedAce, makeAcl } from '../../src/dtyp/acl.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../../src/dtyp/ntstatus.ts';
import {
  DACL_SECURITY_INFORMATION,
  encodeSecurityDescriptor,
  GROUP_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
  type SecurityDescriptor,
} from '../../src/dtyp/security-descriptor.ts';
import { NULL_SID, nfsModeSid, nfsUserSid, unixGroupSid, unixUserSid } from '../../src/dtyp/sid.ts';
import { FILE_ATTRIBUTE_READONLY } from '../../src/fscc/attributes.ts';
import { FileBasicInformation } from '../../src/fscc/file-information.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import {
  decodeFilePosixInformation,
  decodePosixDirectory,
  decodePosixOwnership,
  FileFsPosixInformation,
  type PosixDirectoryEntry,
  PosixFileType,
} from '../../src/fscc/posix-information.ts';
import { encodeRenameInformation } from '../../src/fscc/rename-information.ts';
import {
  decodeSymbolicLinkReparseData,
  encodeSymbolicLinkReparseData,
} from '../../src/fscc/reparse-data.ts';
import { IO_REPARSE_TAG_NFS, IO_REPARSE_TAG_SYMLINK } from '../../src/fscc/reparse-tags.ts';
import { nativeSupport } from '../../src/native/support.ts';
import { encodePosixCreateRequest } from '../../src/smb2/create-context-values.ts';
import { type CreateContext, CreateContextName } from '../../src/smb2/create-contexts.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN_REPARSE_POINT,
} from '../../src/smb2/create-options.ts';
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
import { POSIX_EXTENSIONS_TAG } from '../../src/smb2/negotiate-contexts.ts';
import { decodeQueryDirectoryResponse } from '../../src/smb2/query-directory.ts';
import { startServer, USER } from '../support/in-process-server.ts';
import { cifs, win11 } from './personas.ts';
import { assertStatus } from './stage.ts';

const skip = nativeSupport().unavailable ?? false;
const folder = mkdtempSync(join(tmpdir(), 'usmbd-posix-'));
chmodSync(folder, 0o777);
const server = skip === false ? await open() : undefined;
after(async () => {
  await server?.close();
  rmSync(folder, { recursive: true });
});

function open() {
  const owner = { uid: 1001, gid: 1001, groups: [] };
  return startServer({
    shares: [{ name: 'files', path: folder }],
    users: [{ name: USER, password: 'Passw0rd!', identity: owner }],
  });
}

const mount = (persona = cifs): Promise<ClientTree> => server!.mount(persona.connect);

const mode = (bits: number): CreateContext => ({
  name: CreateContextName.POSIX,
  data: encodePosixCreateRequest(bits),
});

const ALL = FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE;

function posixOpen(tree: ClientTree, name: string, how: OpenOptions = {}, bits = 0o644) {
  return tree.open(name, { access: ALL, contexts: [mode(bits)], ...how });
}

/** Makes a file as open(2) with O_CREAT does. */
async function make(tree: ClientTree, name: string, bits = 0o644): Promise<ClientFile> {
  return posixOpen(tree, name, { disposition: FILE_CREATE }, bits);
}

async function remove(tree: ClientTree, name: string): Promise<void> {
  const file = await posixOpen(tree, name, { access: DELETE, options: FILE_DELETE_ON_CLOSE });
  await file.close();
}

/** The listing that readdir(3) makes. */
async function list(tree: ClientTree, name = ''): Promise<PosixDirectoryEntry[]> {
  const directory = await posixOpen(tree, name, {
    access: FILE_GENERIC_READ,
    options: FILE_DIRECTORY_FILE,
  });
  const request = queryDirectoryRequest(directory.fileId, Class.FilePosixInformation);
  const { message } = await tree.request(request);
  await directory.close();
  return decodePosixDirectory(decodeQueryDirectoryResponse(message).outputBuffer);
}

test('a new file has the mode that was asked for, and the answer tells it with its owner', {
  skip,
}, async () => {
  const tree = await mount();
  for (const bits of [0o600, 0o640, 0o777, 0o4755, 0o1777]) {
    const name = `mode${bits.toString(8)}`;
    // The type bits of an st_mode are no wish.
    const file = await make(tree, name, bits | 0o100000);
    const [context] = file.created.createContexts;
    const told = decodePosixOwnership(context!.data);
    const { uid, gid, mode: onDisk } = statSync(join(folder, name));
    assert.equal(onDisk & 0o7777, bits);
    assert.deepEqual(told, {
      linkCount: 1,
      reparseTag: 0,
      mode: bits,
      owner: unixUserSid(uid),
      group: unixGroupSid(gid),
    });
    await file.close();
    await remove(tree, name);
  }
  const directory = await posixOpen(
    tree,
    'private',
    { disposition: FILE_CREATE, options: FILE_DIRECTORY_FILE },
    0o700,
  );
  assert.equal(statSync(join(folder, 'private')).mode & 0o7777, 0o700);
  await directory.close();
  await remove(tree, 'private');
});

test('a file is not made where a directory is, and its maker is told that something is there', {
  skip,
}, async () => {
  const tree = await mount();
  const how = { disposition: FILE_CREATE, options: FILE_DIRECTORY_FILE };
  await (await posixOpen(tree, 'folder', how, 0o755)).close();
  const asFile = { disposition: FILE_CREATE, options: FILE_NON_DIRECTORY_FILE };
  const exclusive = createRequest('folder', { ...asFile, contexts: [mode(0o644)] });
  assertStatus(await tree.request(exclusive), STATUS_OBJECT_NAME_COLLISION);
  const windows = await mount(win11);
  const made = await windows.request(createRequest('folder', asFile));
  assertStatus(made, STATUS_FILE_IS_A_DIRECTORY);
  const plain = { options: FILE_NON_DIRECTORY_FILE, contexts: [mode(0)] };
  assertStatus(await tree.request(createRequest('folder', plain)), STATUS_FILE_IS_A_DIRECTORY);
  await remove(tree, 'folder');
});

test('names that differ in case differ, and Windows finds one of them', { skip }, async () => {
  const tree = await mount();
  for (const name of ['case', 'Case', 'CASE']) {
    const file = await make(tree, name);
    await file.write(0, Buffer.from(name));
    await file.close();
  }
  const found = await posixOpen(tree, 'Case');
  assert.equal((await found.readAll()).toString(), 'Case');
  await found.close();
  const missing = await tree.request(createRequest('cASE', { contexts: [mode(0)] }));
  assertStatus(missing, STATUS_OBJECT_NAME_NOT_FOUND);
  const windows = await mount(win11);
  assert.equal((await windows.readFile('Case')).toString(), 'Case');
  assert.match((await windows.readFile('cASE')).toString(), /^case$/i);
  for (const name of ['case', 'Case', 'CASE']) await remove(tree, name);
});

test('names that Windows may not have are made, listed and removed as they are', {
  skip,
}, async () => {
  const tree = await mount();
  const names = ['a:b', 'c\\d', '<e>', 'f*?', '"g"', 'h.', 'i ', '|', '\x01'];
  for (const name of names) await (await make(tree, name)).close();
  assert.deepEqual(readdirSync(folder).sort(), [...names].sort());
  const listed = (await list(tree)).map(({ name }) => name);
  for (const name of names) assert.ok(listed.includes(name), name);
  // Listings of other classes have names in Windows' form; libsmbclient gives up on a backslash in one.
  const root = await posixOpen(tree, '', { access: FILE_GENERIC_READ });
  const others = (await root.listAll()).map(({ name }) => name);
  assert.ok(others.includes('c\uf026d') && !others.includes('c\\d'));
  await root.close();
  // Windows is told them in its form, and opens them by that.
  const windows = await mount(win11);
  assert.ok((await windows.list('')).some(({ name }) => name === 'a\uf022b'));
  await (await windows.open('a\uf022b')).close();
  const refused = await windows.request(createRequest('x/y'));
  assertStatus(refused, STATUS_OBJECT_NAME_INVALID);
  for (const name of names) await remove(tree, name);
  assert.deepEqual(readdirSync(folder), []);
});

test('level 100 of a file and of a listing tell what stat(2) does', { skip }, async () => {
  const tree = await mount();
  const file = await make(tree, 'told', 0o604);
  await file.write(0, Buffer.from('content'));
  const { ino, uid, gid } = statSync(join(folder, 'told'));
  const information = decodeFilePosixInformation(await file.queryInfo(Class.FilePosixInformation));
  assert.equal(information.endOfFile, 7);
  assert.equal(information.inode, BigInt(ino));
  assert.equal(information.mode, 0o604);
  assert.equal(information.owner, unixUserSid(uid));
  assert.equal(information.group, unixGroupSid(gid));
  const entries = await list(tree);
  assert.deepEqual(
    entries.map(({ name }) => name),
    ['.', '..', 'told'],
  );
  const { name, ...listed } = entries[2]!;
  assert.deepEqual(listed, information, name);
  // What is above the share is nobody's.
  assert.equal(entries[1]!.inode, 0n);
  assert.equal(entries[1]!.owner, NULL_SID);
  await file.close();
  await remove(tree, 'told');
});

test('the file system is told as statfs(2) has it', { skip }, async () => {
  const tree = await mount();
  const root = await posixOpen(tree, '', { access: FILE_GENERIC_READ });
  const told = FileFsPosixInformation.read(await root.queryFsInfo(100));
  assert.ok(told.totalBlocks > 0 && told.blocksAvailable <= told.totalBlocks);
  assert.ok(told.blockSize >= 512);
  await root.close();
});

test('a rename has slashes, tells cases apart and leaves two names of one file', {
  skip,
}, async () => {
  const tree = await mount();
  const how = { disposition: FILE_CREATE, options: FILE_DIRECTORY_FILE };
  const directory = await posixOpen(tree, 'sub', how, 0o755);
  await directory.close();
  const file = await make(tree, 'from');
  const renaming = (fileName: string, replaceIfExists = true) =>
    encodeRenameInformation({ replaceIfExists, rootDirectory: 0, fileName });
  await file.setInfo(Class.FileRenameInformation, renaming('sub/to:1'));
  assert.deepEqual(readdirSync(join(folder, 'sub')), ['to:1']);
  writeFileSync(join(folder, 'sub', 'TO:1'), 'other');
  await file.setInfo(Class.FileLinkInformation, renaming('sub/link', false));
  await file.setInfo(Class.FileRenameInformation, renaming('sub/link'));
  assert.deepEqual(readdirSync(join(folder, 'sub')).sort(), ['TO:1', 'link', 'to:1']);
  await file.close();
  rmSync(join(folder, 'sub'), { recursive: true });
});

test('the mode decides, not the attribute that Windows set', { skip }, async () => {
  const tree = await mount();
  const file = await make(tree, 'locked');
  await file.setInfo(
    Class.FileBasicInformation,
    FileBasicInformation.encode({
      creationTime: 0n,
      lastAccessTime: 0n,
      lastWriteTime: 0n,
      changeTime: 0n,
      fileAttributes: FILE_ATTRIBUTE_READONLY,
    }),
  );
  await file.close();
  const again = await posixOpen(tree, 'locked');
  await again.write(0, Buffer.from('written'));
  await again.close();
  await remove(tree, 'locked');
});

test('what is open loses its name, and is replaced, as POSIX has it', { skip }, async () => {
  const tree = await mount();
  const held = await make(tree, 'held');
  await held.write(0, Buffer.from('held'));
  await remove(tree, 'held');
  assert.deepEqual(readdirSync(folder), []);
  const fresh = await make(tree, 'held');
  const file = await make(tree, 'file');
  const how = { disposition: FILE_CREATE, options: FILE_DIRECTORY_FILE };
  await (await posixOpen(tree, 'empty', how, 0o755)).close();
  const directory = await posixOpen(tree, 'full', how, 0o755);
  const inside = await make(tree, 'full/inside');
  const renaming = (fileName: string) =>
    encodeRenameInformation({ replaceIfExists: true, rootDirectory: 0, fileName });
  await file.setInfo(Class.FileRenameInformation, renaming('held'));
  // A directory takes the place of an empty one, whatever is open in it; anything else is told as it is.
  await assert.rejects(file.setInfo(Class.FileRenameInformation, renaming('empty')), /0xc00000ba/);
  await assert.rejects(
    directory.setInfo(Class.FileRenameInformation, renaming('held')),
    /0xc0000103/,
  );
  await directory.setInfo(Class.FileRenameInformation, renaming('empty'));
  assert.deepEqual(readdirSync(folder).sort(), ['empty', 'held']);
  await inside.write(0, Buffer.from('on'));
  assert.equal((await held.readAll()).toString(), 'held');
  for (const each of [held, fresh, file, directory, inside]) await each.close();
  assert.equal(statSync(join(folder, 'empty', 'inside')).size, 2);
  rmSync(join(folder, 'empty'), { recursive: true });
  await remove(tree, 'held');
});

test('chmod and chown are set as a security descriptor', { skip }, async () => {
  const tree = await mount();
  const file = await make(tree, 'changed');
  const change = async (over: Partial<SecurityDescriptor>, information: number) => {
    const access = READ_CONTROL | WRITE_DAC | WRITE_OWNER;
    const open = await posixOpen(tree, 'changed', { access });
    const none = {
      control: 0,
      owner: undefined,
      group: undefined,
      sacl: undefined,
      dacl: undefined,
    };
    const bytes = encodeSecurityDescriptor({ ...none, ...over }, information);
    const request = setInfoRequest(open.fileId, SMB2_0_INFO_SECURITY, 0, bytes, information);
    const { status } = await tree.request(request);
    await open.close();
    return status;
  };
  const modeAcl = (bits: number) => ({ dacl: makeAcl([deniedAce(nfsModeSid(bits), 0)]) });
  for (const bits of [0o640, 0o4755, 0o477, 0o747, 0o077, 0o007, 0, 0o600]) {
    assert.equal(await change(modeAcl(0o100000 | bits), DACL_SECURITY_INFORMATION), 0);
    assert.equal(statSync(join(folder, 'changed')).mode & 0o7777, bits);
  }
  // utimensat(2) is the owner's as well, whatever the mode says.
  chmodSync(join(folder, 'changed'), 0o444);
  const times = await posixOpen(tree, 'changed', { access: FILE_WRITE_ATTRIBUTES });
  const none = { creationTime: 0n, lastAccessTime: 0n, changeTime: 0n, fileAttributes: 0 };
  const lastWriteTime = 132_223_104_000_000_000n;
  const basic = FileBasicInformation.encode({ ...none, lastWriteTime });
  await times.setInfo(Class.FileBasicInformation, basic);
  await times.close();
  assert.equal(statSync(join(folder, 'changed')).mtimeMs, 1_577_836_800_000);
  const { uid, gid } = statSync(join(folder, 'changed'));
  assert.equal(await change({ owner: nfsUserSid(uid) }, OWNER_SECURITY_INFORMATION), 0);
  assert.equal(await change({ group: unixGroupSid(gid) }, GROUP_SECURITY_INFORMATION), 0);
  if (process.getuid?.() === 0) {
    // The user may not give it away: the kernel says so.
    const given = await change({ owner: unixUserSid(uid + 1) }, OWNER_SECURITY_INFORMATION);
    assert.equal(given, STATUS_ACCESS_DENIED);
  }
  await file.close();
  await remove(tree, 'changed');
});

test('B14 links and special files are made as reparse points, as Linux 6.12 does', {
  skip,
}, async () => {
  const tree = await mount();
  const windows = await mount(win11);
  const options = FILE_OPEN_REPARSE_POINT;
  const making = { disposition: FILE_CREATE, access: DELETE | FILE_WRITE_ATTRIBUTES, options };
  const link = await posixOpen(tree, 'link', making);
  // The client writes a path of POSIX, and wants to read it so.
  const data = { substituteName: 'there/file', printName: 'there/file', flags: 1 };
  const buffer = encodeSymbolicLinkReparseData(data);
  await link.ioctl(Fsctl.FSCTL_SET_REPARSE_POINT, { input: buffer });
  assert.deepEqual(await link.ioctl(Fsctl.FSCTL_GET_REPARSE_POINT, { maxOutput: 4096 }), buffer);
  await link.close();
  assert.equal(readlinkSync(join(folder, 'link')), 'there/file');
  const other = await windows.open('link', { access: FILE_READ_ATTRIBUTES, options });
  const told = await other.ioctl(Fsctl.FSCTL_GET_REPARSE_POINT, { maxOutput: 4096 });
  assert.equal(decodeSymbolicLinkReparseData(told).substituteName, 'there\\file');
  await other.close();
  const device = await posixOpen(tree, 'null', making, 0o600);
  // NFS_SPECFILE_CHR, 1:3.
  const chr = Buffer.from(
    '1400008010000000434852000000000001000000 03000000'.replace(' ', ''),
    'hex',
  );
  await device.ioctl(Fsctl.FSCTL_SET_REPARSE_POINT, { input: chr });
  await device.close();
  assert.ok(
    statSync(join(folder, 'null')).isFile(),
    'nothing that the host would open as a device',
  );
  const types = (await list(tree)).filter(({ name }) => !name.startsWith('.'));
  assert.deepEqual(
    types
      .map((entry) => [entry.name, entry.reparseTag, entry.mode >> 12, entry.mode & 0o777])
      .sort(),
    [
      ['link', IO_REPARSE_TAG_SYMLINK, PosixFileType.SYMLINK, 0o777],
      ['null', IO_REPARSE_TAG_NFS, PosixFileType.CHARACTER_DEVICE, 0o600],
    ],
  );
  for (const name of ['link', 'null']) {
    const how = { access: DELETE, options: options | FILE_DELETE_ON_CLOSE };
    await (await posixOpen(tree, name, how)).close();
  }
  assert.deepEqual(readdirSync(folder), []);
});

test('locks are advisory among POSIX opens, and hold Windows back', { skip }, async () => {
  const tree = await mount();
  const windows = await mount(win11);
  const holder = await make(tree, 'shared');
  const other = await posixOpen(tree, 'shared');
  const range = { offset: 0n, length: 10n };
  const how = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
  await holder.lock([{ ...range, flags: how }]);
  await other.write(0, Buffer.from('written'));
  assert.equal((await other.read(0, 7)).toString(), 'written');
  await assert.rejects(other.lock([{ ...range, flags: how }]), /0xc0000055/);
  const foreign = await windows.open('shared', { access: ALL });
  await assert.rejects(foreign.read(0, 7), /0xc0000054/);
  await holder.close();
  // The other way round they are what Windows takes them for.
  await foreign.lock([{ ...range, flags: how }]);
  await assert.rejects(other.read(0, 7), /0xc0000054/);
  await foreign.close();
  await other.close();
  await remove(tree, 'shared');
});

test('a malformed context is refused; without the negotiation it means nothing', {
  skip,
}, async () => {
  const tree = await mount();
  const broken = { name: CreateContextName.POSIX, data: Buffer.alloc(5) };
  const refused = await tree.request(createRequest('x', { contexts: [broken] }));
  assertStatus(refused, STATUS_INVALID_PARAMETER);
  const windows = await mount(win11);
  const root = await windows.open('', { contexts: [mode(0)] });
  assert.deepEqual(root.created.createContexts, []);
  for (const type of [SMB2_0_INFO_FILE, SMB2_0_INFO_FILESYSTEM]) {
    const answer = await windows.request(queryInfoRequest(root.fileId, type, 100));
    assertStatus(answer, STATUS_INVALID_INFO_CLASS);
  }
  const listing = queryDirectoryRequest(root.fileId, Class.FilePosixInformation);
  assertStatus(await windows.request(listing), STATUS_INVALID_INFO_CLASS);
});

test('versions of the extensions that are not known are passed over', { skip }, async () => {
  const other = Buffer.alloc(16, 7);
  const offering = (data: Buffer) => ({
    craftNegotiate: (request: Parameters<NonNullable<typeof cifs.connect.craftNegotiate>>[0]) => ({
      ...request,
      negotiateContexts: [...request.negotiateContexts, { type: 0x100, data }],
    }),
  });
  const both = Buffer.concat([other, POSIX_EXTENSIONS_TAG]);
  for (const [data, speaks] of [
    [other, false],
    [both, true],
  ] as const) {
    const tree = await server!.mount({ ...win11.connect, ...offering(data) });
    const root = await tree.open('', { contexts: [mode(0)] });
    assert.equal(root.created.createContexts.length, speaks ? 1 : 0);
  }
  await assert.rejects(server!.mount({ ...win11.connect, ...offering(Buffer.alloc(5)) }));
});
