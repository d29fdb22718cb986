/** A file that one client has open and the other deletes or names anew: MS-FSA 2.1.5.1.2, 2.1.5.5 and 2.1.5.15.12. */
import assert from 'node:assert/strict';
import { all, type Both, both } from '../../test/support/both-dialects.ts';
import {
  closeFid,
  fidOf,
  ntCreate,
  ofPath,
  transact2,
  utf16,
} from '../../test/support/smb1-client.ts';
import { createRequest } from '../client/requests.ts';
import { DELETE } from '../dtyp/access-mask.ts';
import {
  STATUS_DELETE_PENDING,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { FileDispositionInformation } from '../fscc/rename-information.ts';
import { Smb1Command } from '../smb1/header.ts';
import { QueryLevel, SetLevel } from '../smb1/information.ts';
import { Trans2 } from '../smb1/transaction.ts';
import { FILE_DELETE_ON_CLOSE, FILE_OPEN } from '../smb2/create-options.ts';

const ACCESS = 0x0012_019f | DELETE;
const toDelete = { ...all, access: ACCESS };

/** TRANS2_SET_FILE_INFORMATION, SMB_SET_FILE_DISPOSITION_INFO. */
async function dispose({ old }: Both, fid: number, deletes: boolean): Promise<number> {
  const parameters = Buffer.alloc(6);
  parameters.writeUInt16LE(fid);
  parameters.writeUInt16LE(SetLevel.DISPOSITION, 2);
  const data = Buffer.from([deletes ? 1 : 0]);
  return (await transact2(old, Trans2.SET_FILE_INFORMATION, parameters, data)).status;
}

async function isThere({ old }: Both, name: string): Promise<number> {
  const parameters = ofPath(QueryLevel.BASIC, `\\${name}`);
  return (await transact2(old, Trans2.QUERY_PATH_INFORMATION, parameters)).status;
}

const openBySmb2 = async ({ tree }: Both, name: string): Promise<number> =>
  (await tree.request(createRequest(name, { ...all, disposition: FILE_OPEN }))).status;

both(
  'what SMB2 has marked for deletion goes with the last open, which is SMB1’s',
  async (clients) => {
    const { old, tree } = clients;
    const file = await tree.open('file', toDelete);
    const fid = fidOf(await ntCreate(old, { name: '\\file' }));
    const data = FileDispositionInformation.encode({ deletePending: true });
    await file.setInfo(FileInformationClass.FileDispositionInformation, data);
    assert.equal((await ntCreate(old, { name: '\\file' })).status, STATUS_DELETE_PENDING);
    await file.close();
    assert.equal(await openBySmb2(clients, 'file'), STATUS_DELETE_PENDING);
    await closeFid(old, fid);
    assert.equal(await isThere(clients, 'file'), STATUS_OBJECT_NAME_NOT_FOUND);
  },
);

both(
  'what SMB1 has marked for deletion goes with the last open, which is SMB2’s',
  async (clients) => {
    const { old, tree } = clients;
    const fid = fidOf(await ntCreate(old, { name: '\\file', access: ACCESS }));
    const file = await tree.open('file', all);
    assert.equal(await dispose(clients, fid, true), STATUS_SUCCESS);
    assert.equal(await openBySmb2(clients, 'file'), STATUS_DELETE_PENDING);
    assert.equal(await dispose(clients, fid, false), STATUS_SUCCESS);
    assert.equal(await openBySmb2(clients, 'file'), STATUS_SUCCESS);
    assert.equal(await dispose(clients, fid, true), STATUS_SUCCESS);
    await closeFid(old, fid);
    assert.equal(await isThere(clients, 'file'), STATUS_DELETE_PENDING);
    await file.close();
    // The open in between is there as well.
    await tree.disconnect();
    assert.equal(await isThere(clients, 'file'), STATUS_OBJECT_NAME_NOT_FOUND);
  },
);

both('delete-on-close of an open is the file’s when it closes', async (clients) => {
  const { old, tree } = clients;
  const how = { name: '\\file', access: ACCESS, options: FILE_DELETE_ON_CLOSE };
  const fid = fidOf(await ntCreate(old, how));
  const file = await tree.open('file', all);
  await closeFid(old, fid);
  assert.equal(await openBySmb2(clients, 'file'), STATUS_DELETE_PENDING);
  await file.close();
  assert.equal(await openBySmb2(clients, 'file'), STATUS_OBJECT_NAME_NOT_FOUND);
});

both('who does not share deletion keeps his file from DELETE and RENAME', async (clients) => {
  const { old, tree } = clients;
  const file = await tree.open('file', { ...all, share: 3 });
  const name = (text: string): Buffer => Buffer.concat([Buffer.from([4]), utf16(text)]);
  const words = Buffer.alloc(2);
  words.writeUInt16LE(0x16);
  const remove = { command: Smb1Command.DELETE, words, bytes: name('\\file') };
  assert.equal((await old.request(remove)).status, STATUS_SHARING_VIOLATION);
  const to = Buffer.concat([Buffer.from([4, 0]), utf16('\\other')]);
  const bytes = Buffer.concat([name('\\file'), to]);
  const renaming = await old.request({ command: Smb1Command.RENAME, words, bytes });
  assert.equal(renaming.status, STATUS_SHARING_VIOLATION);
  await file.close();
  assert.equal((await old.request(remove)).status, STATUS_SUCCESS);
  assert.equal(await openBySmb2(clients, 'file'), STATUS_OBJECT_NAME_NOT_FOUND);
});
