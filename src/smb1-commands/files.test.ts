/** MS-CIFS 2.2.4.64.1: options of NT_CREATE_ANDX that "MUST be ignored by the server", whatever SMB2 says of them. */
import assert from 'node:assert/strict';
import { both } from '../../test/support/both-dialects.ts';
import { ntCreate } from '../../test/support/smb1-client.ts';
import { createRequest } from '../client/requests.ts';
import { STATUS_NOT_SUPPORTED, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import {
  FILE_COMPLETE_IF_OPLOCKED,
  FILE_OPEN_BY_FILE_ID,
  FILE_OPEN_IF,
  FILE_RESERVE_OPFILTER,
} from '../smb2/create-options.ts';

const FILE_CREATE_TREE_CONNECTION = 0x80;

both('options that no server acts upon refuse nothing at SMB1', async ({ old, tree }) => {
  for (const options of [FILE_CREATE_TREE_CONNECTION, FILE_RESERVE_OPFILTER]) {
    const opened = await ntCreate(old, { name: '\\file', options });
    assert.equal(opened.status, STATUS_SUCCESS, `0x${options.toString(16)}`);
    const bySmb2 = createRequest('file', { disposition: FILE_OPEN_IF, options });
    assert.equal((await tree.request(bySmb2)).status, STATUS_NOT_SUPPORTED);
  }
  const others = { name: '\\file', options: FILE_COMPLETE_IF_OPLOCKED };
  assert.equal((await ntCreate(old, others)).status, STATUS_SUCCESS);
  const byId = { name: '\\file', options: FILE_OPEN_BY_FILE_ID };
  assert.equal((await ntCreate(old, byId)).status, STATUS_NOT_SUPPORTED);
});

both('an open claims nothing of streams and attributes that it has not looked for', async (it) => {
  const { old } = it;
  // FileStatusFlags, MS-SMB 2.2.4.9.2: NO_REPARSETAG, and neither NO_EAS nor NO_SUBSTREAMS.
  const made = await ntCreate(old, { name: '\\file' });
  assert.equal(made.words.readUInt16LE(65), 0x0004);
});
