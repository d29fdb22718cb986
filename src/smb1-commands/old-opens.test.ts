/** MS-CIFS 2.2.4.3.1: what opens in compatibility mode and FCBs of one process are to each other (base.deny1). */
import assert from 'node:assert/strict';
import { both } from '../../test/support/both-dialects.ts';
import {
  closeFid,
  padded,
  readAndX,
  type Smb1Client,
  writeAndX,
} from '../../test/support/smb1-client.ts';
import { createRequest } from '../client/requests.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { NO_ANDX } from '../smb1/block.ts';
import { Smb1Command } from '../smb1/header.ts';

const READS = 0;
const WRITES = 1;
const BOTH = 2;
const FCB = 0xff;

/** OPEN_ANDX of a file that is there or is made. */
async function open(client: Smb1Client, name: string, accessMode: number, pid = 1) {
  const words = Buffer.alloc(30);
  words[0] = NO_ANDX;
  words.writeUInt16LE(accessMode, 6);
  words.writeUInt16LE(0x11, 16);
  const bytes = padded(`\\${name}`);
  const answer = await client.request({ command: Smb1Command.OPEN_ANDX, words, bytes, pid });
  return { status: answer.status, fid: answer.status === 0 ? answer.words.readUInt16LE(4) : 0 };
}

/** What a FID may: R, W, RW. */
async function rights(client: Smb1Client, fid: number): Promise<string> {
  const read = await readAndX(client, fid, 0, 1);
  const written = await writeAndX(client, fid, 0, Buffer.from('x'));
  for (const status of [typeof read === 'number' ? read : 0, written.status]) {
    assert.ok(status === STATUS_SUCCESS || status === STATUS_ACCESS_DENIED);
  }
  return (typeof read === 'number' ? '' : 'R') + (written.status === STATUS_SUCCESS ? 'W' : '');
}

/** Of a file and of a program: first, second, what the second may; nothing where it is refused. */
const CASES: readonly (readonly [string, number, number, string])[] = [
  ['file', WRITES, FCB, 'RW'],
  ['file', BOTH, FCB, 'RW'],
  ['file', READS, FCB, ''],
  ['file', BOTH, READS, 'R'],
  ['file', WRITES, READS, 'R'],
  ['file', READS, WRITES, ''],
  ['file', FCB, READS, 'R'],
  ['file', FCB, WRITES, 'W'],
  ['file', FCB, FCB, 'RW'],
  ['a.exe', WRITES, FCB, ''],
  ['a.exe', WRITES, READS, 'R'],
  ['a.exe', FCB, READS, 'R'],
  ['a.exe', FCB, BOTH, 'RW'],
];

both(
  'opens in compatibility mode of one process join, each with its own rights',
  async ({ old }) => {
    for (const [name, first, second, may] of CASES) {
      const what = `${name}: ${first}, then ${second}`;
      const made = await open(old, name, BOTH);
      await writeAndX(old, made.fid, 0, Buffer.from('data'));
      await closeFid(old, made.fid);
      const one = await open(old, name, first);
      const own = await rights(old, one.fid);
      const two = await open(old, name, second);
      const wanted = may === '' ? STATUS_SHARING_VIOLATION : STATUS_SUCCESS;
      assert.equal(two.status, wanted, what);
      if (may !== '') assert.equal(await rights(old, two.fid), may, what);
      // The first has what it had.
      assert.equal(await rights(old, one.fid), own, what);
      assert.equal(own, first === FCB ? 'RW' : ['R', 'W', 'RW'][first], what);
      if (may !== '') await closeFid(old, two.fid);
      assert.equal(await rights(old, one.fid), own, what);
      await closeFid(old, one.fid);
    }
  },
);

both(
  'nobody else gets what one process has open to write in compatibility mode',
  async ({ old, tree }) => {
    const { fid } = await open(old, 'file', WRITES);
    assert.equal((await open(old, 'file', WRITES, 2)).status, STATUS_SHARING_VIOLATION);
    const { status } = await tree.request(createRequest('file', { access: 1, share: 7 }));
    assert.equal(status, STATUS_SHARING_VIOLATION);
    await closeFid(old, fid);
    assert.equal((await open(old, 'file', WRITES, 2)).status, STATUS_SUCCESS);
  },
);
