/** MS-SMB 2.2.8.4: FileRenameInformation by pass-through; MS-CIFS 3.3.5.53: hard links by NT_RENAME. */
import assert from 'node:assert/strict';
import { both } from '../../test/support/both-dialects.ts';
import {
  closeFid,
  fidOf,
  ntCreate,
  type Smb1Client,
  transact2,
  utf16,
} from '../../test/support/smb1-client.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_NO_SUCH_FILE,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { SMB_FLAGS2_UNICODE, Smb1Command } from '../smb1/header.ts';
import { RenameType1 } from '../smb1/information.ts';
import { NtRenameLevel } from '../smb1/paths.ts';

const TRANS2_SET_PATH_INFORMATION = 6;
const PASS_THROUGH_RENAME = 1010;

both('the new name of a client without Unicode is one of the code page', async ({ old, tree }) => {
  await closeFid(old, fidOf(await ntCreate(old, { name: '\\old' })));
  old.withoutFlags2 = SMB_FLAGS2_UNICODE;
  const head = Buffer.alloc(6);
  head.writeUInt16LE(PASS_THROUGH_RENAME);
  const path = Buffer.concat([head, Buffer.from('\\old\0')]);
  // "né" in code page 850.
  const name = Buffer.from([0x6e, 0x82]);
  const fixed = { replaceIfExists: 0, rootDirectory: 0, fileNameLength: name.length };
  const data = Buffer.concat([RenameType1.encode(fixed), name]);
  const { status } = await transact2(old, TRANS2_SET_PATH_INFORMATION, path, data);
  assert.equal(status, STATUS_SUCCESS);
  await (await tree.open('né', { disposition: 1 })).close();
});

async function link(client: Smb1Client, from: string, to: string): Promise<number> {
  const words = Buffer.alloc(8);
  words.writeUInt16LE(NtRenameLevel.HARD_LINK, 2);
  const format = Buffer.from([4]);
  const bytes = Buffer.concat([format, utf16(from), format, Buffer.alloc(1), utf16(to)]);
  const { status } = await client.request({ command: Smb1Command.NT_RENAME, words, bytes });
  return status;
}

const EXCLUSIVE = 0;
const HIDDEN = 2;

both('a hard link goes to no name that is there, and needs the file to read', async (clients) => {
  const { old, tree } = clients;
  for (const name of ['one', 'two']) await tree.writeFile(name, Buffer.from(name));
  await tree.makeDirectory('folder');
  assert.equal(await link(old, '\\one', '\\two'), STATUS_ACCESS_DENIED);
  assert.equal(String(await tree.readFile('two')), 'two');
  assert.equal(await link(old, '\\folder', '\\three'), STATUS_FILE_IS_A_DIRECTORY);
  const held = fidOf(await ntCreate(old, { name: '\\one', share: EXCLUSIVE }));
  assert.equal(await link(old, '\\one', '\\three'), STATUS_SHARING_VIOLATION);
  await closeFid(old, held);
  assert.equal(await link(old, '\\one', '\\three'), STATUS_SUCCESS);
  assert.equal(String(await tree.readFile('three')), 'one');
  await closeFid(old, fidOf(await ntCreate(old, { name: '\\hidden', attributes: HIDDEN })));
  assert.equal(await link(old, '\\hidden', '\\four'), STATUS_NO_SUCH_FILE);
});
