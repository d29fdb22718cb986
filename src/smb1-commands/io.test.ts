/** MS-CIFS 3.3.5.37: WRITE_ANDX whose DataOffset is no place for its data. */
import assert from 'node:assert/strict';
import { both } from '../../test/support/both-dialects.ts';
import { fidOf, ntCreate, type Smb1Client } from '../../test/support/smb1-client.ts';
import { STATUS_INVALID_HANDLE, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { NO_ANDX } from '../smb1/block.ts';
import { STATUS_INVALID_SMB } from '../smb1/dos-errors.ts';
import { SMB1_HEADER_SIZE, Smb1Command } from '../smb1/header.ts';

const WORDS_BYTES = 28;
const DATA_AT = SMB1_HEADER_SIZE + 1 + WORDS_BYTES + 2;

async function write(client: Smb1Client, fid: number, offset: number, length: number) {
  const words = Buffer.alloc(WORDS_BYTES);
  words[0] = NO_ANDX;
  words.writeUInt16LE(fid, 4);
  words.writeUInt16LE(length, 20);
  words.writeUInt16LE(offset, 22);
  const bytes = Buffer.from('0123456789');
  return (await client.request({ command: Smb1Command.WRITE_ANDX, words, bytes })).status;
}

both('data of WRITE_ANDX that lie elsewhere are an invalid message', async ({ old, tree }) => {
  const fid = fidOf(await ntCreate(old, { name: '\\file' }));
  for (const [offset, length] of [
    // Before the data, behind the message, and over its end.
    [DATA_AT - 1, 4],
    [0, 4],
    [0xffff, 4],
    [DATA_AT + 8, 4],
    [DATA_AT, 11],
  ] as const) {
    assert.equal(await write(old, fid, offset, length), STATUS_INVALID_SMB, `${offset} ${length}`);
  }
  // The FID comes first.
  assert.equal(await write(old, fid + 1, 0, 4), STATUS_INVALID_HANDLE);
  // Of no data it does not matter where they are.
  assert.equal(await write(old, fid, 0, 0), STATUS_SUCCESS);
  assert.equal((await tree.readFile('file')).length, 0);
  // One byte may be aligned to eight.
  assert.equal(await write(old, fid, DATA_AT + 7, 1), STATUS_SUCCESS);
  assert.equal(String(await tree.readFile('file')), '7');
  assert.equal(await write(old, fid, DATA_AT + 4, 4), STATUS_SUCCESS);
  assert.equal(String(await tree.readFile('file')), '4567');
});
