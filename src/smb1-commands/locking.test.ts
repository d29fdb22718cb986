/** MS-CIFS 2.2.4.12 to 2.2.4.14, 2.2.4.20: locks of what has no bytes to be locked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SHARE, startServer } from '../../test/support/in-process-server.ts';
import { fidOf, ntCreate, Smb1Client } from '../../test/support/smb1-client.ts';
import { STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { Smb1Command } from '../smb1/header.ts';
import { LockRangeWords, ReadWords } from '../smb1/io.ts';
import { FILE_DIRECTORY_FILE } from '../smb2/create-options.ts';

test('neither a pipe nor a directory has ranges to lock', async () => {
  const server = await startServer({ global: { minProtocol: 0x0100, signing: 'auto' } });
  try {
    const client = await Smb1Client.open(server);
    await client.negotiate();
    await client.login();
    for (const { share, wish } of [
      { share: 'IPC$', wish: { name: '\\srvsvc', access: 3 } },
      { share: SHARE, wish: { name: '\\', disposition: 1, options: FILE_DIRECTORY_FILE } },
    ]) {
      await client.treeConnect(share);
      const opened = await ntCreate(client, wish);
      assert.equal(opened.status, STATUS_SUCCESS);
      const range = { fid: fidOf(opened), offset: 0, count: 10 };
      const lock = LockRangeWords.encode(range);
      const read = ReadWords.encode({ ...range, remaining: 0 });
      for (const [command, words] of [
        [Smb1Command.LOCK_AND_READ, read],
        [Smb1Command.LOCK_BYTE_RANGE, lock],
        [Smb1Command.UNLOCK_BYTE_RANGE, lock],
      ] as const) {
        const { status } = await client.request({ command, words });
        assert.equal(status, STATUS_INVALID_DEVICE_REQUEST, `${command}`);
      }
    }
    await client.close();
  } finally {
    await server.close();
  }
});
