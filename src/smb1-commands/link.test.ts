/** MS-CIFS 3.3.5.43: what a client says of itself when it first logs in; 2.2.6, 3.3.5.50: functions that there are not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { both } from '../../test/support/both-dialects.ts';
import { SHARE, startServer } from '../../test/support/in-process-server.ts';
import { ntCreate, ntTransact, Smb1Client, transact2 } from '../../test/support/smb1-client.ts';
import { STATUS_NOT_IMPLEMENTED, STATUS_NOT_SUPPORTED, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { STATUS_INVALID_SMB } from '../smb1/dos-errors.ts';

const REQUEST_OPLOCK = 2;
const EXCLUSIVE = 1;

for (const maxMpxCount of [1, 2]) {
  test(`who has ${maxMpxCount} requests under way at once is granted ${maxMpxCount < 2 ? 'no' : 'an'} oplock`, async () => {
    const server = await startServer({ global: { minProtocol: 0x0100, signing: 'auto' } });
    try {
      const client = await Smb1Client.open(server, { signs: false });
      await client.negotiate();
      client.maxMpxCount = maxMpxCount;
      await client.login();
      // Another login on the connection changes nothing of that.
      client.maxMpxCount = 3 - maxMpxCount;
      assert.equal((await client.login()).status, STATUS_SUCCESS);
      await client.treeConnect(SHARE);
      const opened = await ntCreate(client, { name: '\\file', flags: REQUEST_OPLOCK });
      assert.equal(opened.status, STATUS_SUCCESS);
      assert.equal(opened.words[4], maxMpxCount < 2 ? 0 : EXCLUSIVE);
      await client.close();
    } finally {
      await server.close();
    }
  });
}

both('functions that there are not', async ({ old }) => {
  const nothing = Buffer.alloc(0);
  assert.equal((await ntTransact(old, 99, nothing)).status, STATUS_INVALID_SMB);
  for (const never of [0x09, 0x0a, 0x0b, 0x0c, 0x0e, 0x11]) {
    assert.equal((await transact2(old, never, nothing)).status, STATUS_NOT_IMPLEMENTED);
  }
  assert.equal((await transact2(old, 0x0f, nothing)).status, STATUS_NOT_SUPPORTED);
});
