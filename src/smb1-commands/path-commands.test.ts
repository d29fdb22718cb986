/** MS-CIFS 3.3.5.4 to 3.3.5.12, 3.3.5.40, 3.3.5.46, 3.3.5.54 to 3.3.5.58: what commands of paths, shares and printers say. */
import assert from 'node:assert/strict';
import { both } from '../../test/support/both-dialects.ts';
import { SHARE } from '../../test/support/in-process-server.ts';
import {
  closeFid,
  fidOf,
  ntCreate,
  ntTransact,
  ofPath,
  type Smb1Client,
  transact2,
  utf16,
} from '../../test/support/smb1-client.ts';
import { createRequest, setInfoRequest } from '../client/requests.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_HANDLE,
  STATUS_NO_SUCH_DEVICE,
  STATUS_NO_SUCH_FILE,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FileBasicInformation, FileEndOfFileInformation } from '../fscc/file-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { STATUS_INVALID_SMB, STATUS_SMB_BAD_TID } from '../smb1/dos-errors.ts';
import { Smb1Command } from '../smb1/header.ts';
import { PASSTHROUGH, SetLevel } from '../smb1/information.ts';
import { NtTransactCreateAnswer } from '../smb1/nt-transact.ts';
import { NtTransact, Trans2 } from '../smb1/transaction.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN, FILE_OPEN_IF } from '../smb2/create-options.ts';
import { SMB2_0_INFO_FILE } from '../smb2/info-types.ts';

const text = (name: string): Buffer => Buffer.concat([Buffer.from([4]), utf16(name)]);

/** A command of one path. */
const ofName = (client: Smb1Client, command: number, name: string, words = Buffer.alloc(0)) =>
  client.request({ command, words, bytes: text(name) });

const remove = (client: Smb1Client, name: string) =>
  ofName(client, Smb1Command.DELETE, name, Buffer.from([6, 0]));

function rename(client: Smb1Client, from: string, to: string) {
  const words = Buffer.from([0x16, 0]);
  // Behind one string of an even length and its format the next is at an odd offset.
  const second = Buffer.concat([Buffer.from([4, 0]), utf16(to)]);
  const bytes = Buffer.concat([text(from), second]);
  return client.request({ command: Smb1Command.RENAME, words, bytes });
}

const makeFiles = async (client: Smb1Client, ...names: readonly string[]): Promise<void> => {
  for (const name of names) await closeFid(client, fidOf(await ntCreate(client, { name })));
};

const isThere = async (client: Smb1Client, name: string): Promise<boolean> => {
  const { status } = await ofName(client, Smb1Command.QUERY_INFORMATION, name);
  assert.ok(status === STATUS_SUCCESS || status === STATUS_OBJECT_NAME_NOT_FOUND);
  return status === STATUS_SUCCESS;
};

function findFirst(client: Smb1Client, pattern: string, count = 1, flags = 0, level = 1) {
  const parameters = Buffer.alloc(12);
  parameters.writeUInt16LE(0x16, 0);
  parameters.writeUInt16LE(count, 2);
  parameters.writeUInt16LE(flags, 4);
  parameters.writeUInt16LE(level, 6);
  const named = Buffer.concat([parameters, utf16(pattern)]);
  return transact2(client, Trans2.FIND_FIRST2, named);
}

both('a search keeps no directory that its client deletes (3.3.5.4)', async ({ old, tree }) => {
  assert.equal((await ofName(old, Smb1Command.CREATE_DIRECTORY, '\\d')).status, STATUS_SUCCESS);
  await makeFiles(old, '\\d\\a', '\\d\\b');
  const found = await findFirst(old, '\\d\\*');
  assert.equal(found.status, STATUS_SUCCESS);
  for (const name of ['\\d\\a', '\\d\\b']) assert.equal((await remove(old, name)).status, 0);
  assert.equal((await ofName(old, Smb1Command.DELETE_DIRECTORY, '\\d')).status, STATUS_SUCCESS);
  const again = await tree.request(createRequest('d', { disposition: FILE_OPEN }));
  assert.equal(again.status, STATUS_OBJECT_NAME_NOT_FOUND);
  const words = found.parameters.subarray(0, 2);
  const closed = await old.request({ command: Smb1Command.FIND_CLOSE2, words });
  assert.equal(closed.status, STATUS_INVALID_HANDLE);
});

both('DELETE of a pattern ends at the first file that stays (3.3.5.9)', async ({ old, tree }) => {
  await makeFiles(old, '\\a1', '\\a2', '\\a3');
  const held = await tree.open('a2', { disposition: FILE_OPEN_IF, access: 1, share: 7 });
  assert.equal((await remove(old, '\\a?')).status, STATUS_SHARING_VIOLATION);
  assert.deepEqual([await isThere(old, '\\a1'), await isThere(old, '\\a3')], [false, true]);
  await held.close();
  assert.equal((await remove(old, '\\a?')).status, STATUS_SUCCESS);
  assert.equal((await remove(old, '\\a?')).status, STATUS_NO_SUCH_FILE);
});

both('RENAME of a pattern fails silently where some succeed (3.3.5.10)', async ({ old }) => {
  await makeFiles(old, '\\b1.x', '\\b2.x', '\\b3.x', '\\b1.y');
  assert.equal((await rename(old, '\\b?.x', '\\b?.y')).status, STATUS_SUCCESS);
  assert.equal(await isThere(old, '\\b1.x'), true);
  for (const name of ['\\b2.y', '\\b3.y']) assert.equal(await isThere(old, name), true, name);
  assert.notEqual((await rename(old, '\\b?.x', '\\b?.y')).status, STATUS_SUCCESS);
  assert.equal((await rename(old, '\\none*', '\\c*')).status, STATUS_NO_SUCH_FILE);
});

both('a directory goes to no place within itself (3.3.5.10)', async ({ old }) => {
  for (const name of ['\\e', '\\e\\f']) await ofName(old, Smb1Command.CREATE_DIRECTORY, name);
  for (const to of ['\\e\\g', '\\E\\f\\g']) {
    assert.equal((await rename(old, '\\e', to)).status, STATUS_OBJECT_PATH_SYNTAX_BAD, to);
  }
  assert.equal((await rename(old, '\\e', '\\eg')).status, STATUS_SUCCESS);
});

both('of a size that is larger the lower 32 bits are told (3.3.5.11)', async ({ old, tree }) => {
  const file = await tree.open('large', { disposition: FILE_OPEN_IF, access: 0x12_019f, share: 7 });
  const size = FileEndOfFileInformation.encode({ endOfFile: 0x1_0000_0003 });
  const end = FileInformationClass.FileEndOfFileInformation;
  const { status } = await tree.request(setInfoRequest(file.fileId, SMB2_0_INFO_FILE, end, size));
  assert.equal(status, STATUS_SUCCESS);
  const told = await ofName(old, Smb1Command.QUERY_INFORMATION, '\\large');
  assert.equal(told.words.readUInt32LE(6), 3);
});

both('nothing is set of the root of a share (3.3.5.58.7, 3.3.5.58.9)', async ({ old }) => {
  const times = { creationTime: 0n, lastAccessTime: 0n, lastWriteTime: 0n, changeTime: 0n };
  const data = FileBasicInformation.encode({ ...times, fileAttributes: 0x12 });
  const root = await ntCreate(old, { name: '\\', options: FILE_DIRECTORY_FILE, access: 0x180 });
  assert.equal(root.status, STATUS_SUCCESS);
  for (const level of [SetLevel.BASIC, PASSTHROUGH + FileInformationClass.FileBasicInformation]) {
    const byPath = await transact2(old, Trans2.SET_PATH_INFORMATION, ofPath(level, '\\'), data);
    assert.equal(byPath.status, STATUS_ACCESS_DENIED);
    const parameters = Buffer.alloc(6);
    parameters.writeUInt16LE(fidOf(root));
    parameters.writeUInt16LE(level, 2);
    const byFid = await transact2(old, Trans2.SET_FILE_INFORMATION, parameters, data);
    assert.equal(byFid.status, STATUS_ACCESS_DENIED);
  }
});

both('there are no printers (3.3.5.54 to 3.3.5.56)', async ({ old }) => {
  const fid = fidOf(await ntCreate(old, { name: '\\file' }));
  const words = Buffer.alloc(2);
  words.writeUInt16LE(fid);
  const asked = async (command: number, ofWords: Buffer) =>
    (await old.request({ command, words: ofWords, bytes: text('x') })).status;
  const open = await asked(Smb1Command.OPEN_PRINT_FILE, Buffer.alloc(4));
  assert.equal(open, STATUS_INVALID_DEVICE_REQUEST);
  for (const [command, refusal] of [
    [Smb1Command.WRITE_PRINT_FILE, STATUS_INVALID_DEVICE_REQUEST],
    [Smb1Command.CLOSE_PRINT_FILE, STATUS_INVALID_SMB],
  ] as const) {
    assert.equal(await asked(command, words), refusal);
    assert.equal(await asked(command, Buffer.from([0xee, 0xee])), STATUS_INVALID_HANDLE);
  }
  assert.equal((await closeFid(old, fid)).status, STATUS_SUCCESS);
});

both('the size of a disk is that of a share of files (3.3.5.46)', async ({ old }) => {
  const { tid } = old;
  await old.treeConnect('IPC$');
  const command = Smb1Command.QUERY_INFORMATION_DISK;
  assert.equal((await old.request({ command })).status, STATUS_SMB_BAD_TID);
  assert.equal((await old.request({ command, tid })).status, STATUS_SUCCESS);
});

both('TREE_CONNECT to no share is a path that leads nowhere (3.3.5.40)', async ({ old }) => {
  const connect = async (share: string) => {
    // OEM, whatever the flags say; Samba's client believes the flags.
    const told = [`\\\\server\\${share}`, '', '?????'];
    const oem = Buffer.from(told.map((one) => `\x04${one}\0`).join(''));
    const command = Smb1Command.TREE_CONNECT;
    const { status } = await old.request({ command, bytes: oem });
    const unicode = [text(told[0]!), Buffer.from([4, 0]), utf16(''), Buffer.from([4, 0])];
    const bytes = Buffer.concat([...unicode, utf16('?????')]);
    assert.equal((await old.request({ command, bytes })).status, status);
    return status;
  };
  assert.equal(await connect('nothing'), STATUS_OBJECT_PATH_NOT_FOUND);
  assert.equal(await connect(SHARE), STATUS_SUCCESS);
});

both('a client without room for the answer opens nothing (3.3.5.59.1)', async ({ old }) => {
  const name = Buffer.from('\\new', 'utf16le');
  const parameters = Buffer.alloc(54 + name.length);
  parameters.writeUInt32LE(0x12_019f, 8);
  parameters.writeUInt32LE(7, 24);
  parameters.writeUInt32LE(FILE_OPEN_IF, 28);
  parameters.writeUInt32LE(name.length, 44);
  parameters.writeUInt32LE(2, 48);
  parameters.set(name, 54);
  const none = Buffer.alloc(0);
  const maxParameterCount = NtTransactCreateAnswer.size - 1;
  const create = NtTransact.CREATE;
  const short = await ntTransact(old, create, parameters, none, { maxParameterCount });
  assert.equal(short.status, STATUS_INVALID_SMB);
  assert.equal(await isThere(old, '\\new'), false);
  assert.equal((await ntTransact(old, create, parameters, none)).status, STATUS_SUCCESS);
});

both('FIND_NEXT2 goes on behind the key that it names (3.3.5.58.4)', async ({ old }) => {
  await makeFiles(old, '\\n1', '\\n2', '\\n3', '\\n4');
  const RESUME_KEYS = 4;
  const first = await findFirst(old, '\\n?', 3, RESUME_KEYS);
  assert.equal(first.status, STATUS_SUCCESS);
  assert.equal(first.data.readUInt32LE(0), 1, 'the first key');
  const next = async (key: number) => {
    const parameters = Buffer.alloc(14);
    parameters.set(first.parameters.subarray(0, 2), 0);
    parameters.writeUInt16LE(1, 2);
    parameters.writeUInt16LE(1, 4);
    parameters.writeUInt32LE(key, 6);
    parameters.writeUInt16LE(RESUME_KEYS, 10);
    const { status, data } = await transact2(old, Trans2.FIND_NEXT2, parameters);
    assert.equal(status, STATUS_SUCCESS);
    return { key: data.readUInt32LE(0), name: data.toString('utf16le').match(/n\d/)?.[0] };
  };
  const names = new Set(['n1', 'n2', 'n3', 'n4']);
  const second = await next(1);
  assert.equal(second.key, 2);
  assert.ok(names.has(second.name ?? ''));
  assert.equal((await next(1)).name, second.name);
  assert.notEqual((await next(2)).name, second.name);
});

both('file systems are set by class or not at all (MS-SMB 3.3.5.10.9)', async ({ old }) => {
  const fid = fidOf(await ntCreate(old, { name: '\\file' }));
  const parameters = Buffer.alloc(4);
  parameters.writeUInt16LE(fid);
  parameters.writeUInt16LE(0x0102, 2);
  const told = await transact2(old, Trans2.SET_FS_INFORMATION, parameters, Buffer.alloc(8));
  assert.equal(told.status, STATUS_ACCESS_DENIED);
});

both('referrals are had where there are some (3.3.5.58.11)', async ({ old }) => {
  const parameters = Buffer.concat([Buffer.from([3, 0]), utf16(`\\server\\${SHARE}`)]);
  const told = await transact2(old, Trans2.GET_DFS_REFERRAL, parameters);
  assert.equal(told.status, STATUS_NO_SUCH_DEVICE);
});
