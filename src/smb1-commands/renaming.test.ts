/** MS-SMB 2.2.8.4: FileRenameInformation by pass-through. */
import assert from 'node:assert/strict';
import { both } from '../../test/support/both-dialects.ts';
import { closeFid, fidOf, ntCreate, transact2 } from '../../test/support/smb1-client.ts';
import { STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { SMB_FLAGS2_UNICODE } from '../smb1/header.ts';
import { RenameType1 } from '../smb1/information.ts';

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
