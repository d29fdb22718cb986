/** MS-CIFS 2.2.8.3.9 to 2.2.8.3.11: levels whose names are Unicode, whatever strings the client takes. */
import assert from 'node:assert/strict';
import { both } from '../../test/support/both-dialects.ts';
import { closeFid, fidOf, ntCreate, transact2 } from '../../test/support/smb1-client.ts';
import { STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { SMB_FLAGS2_UNICODE } from '../smb1/header.ts';
import { QueryLevel } from '../smb1/information.ts';
import { Trans2 } from '../smb1/transaction.ts';

/** Where the length of the name stands, in bytes; the name is behind it. */
const LEVELS = [
  ['NAME', QueryLevel.NAME, 0, '\\Année.txt'],
  ['ALT_NAME', QueryLevel.ALT_NAME, 0, undefined],
  ['ALL', QueryLevel.ALL, 68, '\\Année.txt'],
] as const;

both('a client without Unicode is told names in Unicode, too', async ({ old }) => {
  await closeFid(old, fidOf(await ntCreate(old, { name: '\\Année.txt' })));
  for (const withoutFlags2 of [0, SMB_FLAGS2_UNICODE]) {
    old.withoutFlags2 = withoutFlags2;
    // "é" in code page 850.
    const path = withoutFlags2 === 0 ? utf16Path : Buffer.from('\\Ann\x82e.txt\0', 'latin1');
    for (const [what, level, at, wanted] of LEVELS) {
      const head = Buffer.alloc(6);
      head.writeUInt16LE(level);
      const parameters = Buffer.concat([head, path]);
      const { status, data } = await transact2(old, Trans2.QUERY_PATH_INFORMATION, parameters);
      assert.equal(status, STATUS_SUCCESS, what);
      assert.equal(data.readUInt32LE(at), data.length - at - 4, what);
      const name = data.toString('utf16le', at + 4);
      if (wanted !== undefined) assert.equal(name, wanted, what);
      // A short name has no such letter.
      else assert.match(name, /^[A-Z0-9_~]{1,8}\.TXT$/, what);
    }
  }
});

const utf16Path = Buffer.from('\\Année.txt\0', 'utf16le');
