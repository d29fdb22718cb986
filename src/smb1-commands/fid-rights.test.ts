/** MS-CIFS 2.2.4.3.1: of several FIDs of one open each command asks what its own FID may; 3.3.5.7: who sets a time at CLOSE. */
import assert from 'node:assert/strict';
import { both } from '../../test/support/both-dialects.ts';
import {
  closeFid,
  lockingAndX,
  ntTransact,
  padded,
  type Smb1Client,
  transact2,
  utf16,
  writeAndX,
} from '../../test/support/smb1-client.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FileBasicInformation, FileEndOfFileInformation } from '../fscc/file-information.ts';
import { NO_ANDX } from '../smb1/block.ts';
import { feaList } from '../smb1/extended-attributes.ts';
import { Smb1Command } from '../smb1/header.ts';
import { PASSTHROUGH, QueryLevel, SetLevel } from '../smb1/information.ts';
import { NtTransact, Trans2 } from '../smb1/transaction.ts';
import { Fsctl } from '../smb2/fsctl.ts';

const READS = 0;
const WRITES = 1;
const BOTH = 2;
const DENY_NONE = 0x40;

async function open(client: Smb1Client, accessMode: number): Promise<number> {
  const words = Buffer.alloc(30);
  words[0] = NO_ANDX;
  words.writeUInt16LE(accessMode, 6);
  words.writeUInt16LE(0x11, 16);
  const answer = await client.request({
    command: Smb1Command.OPEN_ANDX,
    words,
    bytes: padded('\\file'),
  });
  assert.equal(answer.status, STATUS_SUCCESS);
  return answer.words.readUInt16LE(4);
}

/** FID, then whatever else the words have. */
function command(client: Smb1Client, code: number, fid: number, length: number, bytes?: Buffer) {
  const words = Buffer.alloc(length);
  words.writeUInt16LE(fid);
  return client.request({ command: code, words, ...(bytes && { bytes }) });
}

function ofFid(fid: number, level: number): Buffer {
  const parameters = Buffer.alloc(6);
  parameters.writeUInt16LE(fid);
  parameters.writeUInt16LE(level, 2);
  return parameters;
}

const set = (client: Smb1Client, fid: number, level: number, data: Buffer) =>
  transact2(client, Trans2.SET_FILE_INFORMATION, ofFid(fid, level), data);

async function ioctl(client: Smb1Client, fid: number, code: number): Promise<number> {
  const setup = Buffer.alloc(8);
  setup.writeUInt32LE(code);
  setup.writeUInt16LE(fid, 4);
  setup[6] = 1;
  const none = Buffer.alloc(0);
  return (await ntTransact(client, NtTransact.IOCTL, none, none, { setup })).status;
}

const NOTHING_TO_WRITE = Buffer.from([1, 0, 0]);
const size = FileEndOfFileInformation.encode({ endOfFile: 1 });
const times = { creationTime: 0n, lastAccessTime: 0n, lastWriteTime: 0n, changeTime: 0n };
const basic = FileBasicInformation.encode({ ...times, fileAttributes: 2 });
const eas = feaList([{ name: 'ONE', value: Buffer.from('x') }]);

const CHANGES: readonly (readonly [string, (c: Smb1Client, fid: number) => Promise<number>])[] = [
  ['FLUSH', async (c, fid) => (await command(c, Smb1Command.FLUSH, fid, 2)).status],
  [
    'WRITE of nothing',
    async (c, fid) => (await command(c, Smb1Command.WRITE, fid, 10, NOTHING_TO_WRITE)).status,
  ],
  [
    'SET_INFORMATION2',
    async (c, fid) => (await command(c, Smb1Command.SET_INFORMATION2, fid, 14)).status,
  ],
  ['times', async (c, fid) => (await set(c, fid, SetLevel.STANDARD, Buffer.alloc(24))).status],
  ['attributes', async (c, fid) => (await set(c, fid, SetLevel.BASIC, basic)).status],
  ['size', async (c, fid) => (await set(c, fid, SetLevel.END_OF_FILE, size)).status],
  ['allocation', async (c, fid) => (await set(c, fid, SetLevel.ALLOCATION, size)).status],
  ['size, by class', async (c, fid) => (await set(c, fid, PASSTHROUGH + 20, size)).status],
  ['EAs', async (c, fid) => (await set(c, fid, SetLevel.EAS, eas)).status],
  ['sparse', (c, fid) => ioctl(c, fid, Fsctl.FSCTL_SET_SPARSE)],
];

both('a FID that only reads changes nothing, though its open could', async ({ old }) => {
  const whole = await open(old, BOTH);
  await writeAndX(old, whole, 0, Buffer.from('data'));
  const reads = await open(old, READS);
  assert.notEqual(reads, whole);
  for (const [what, change] of CHANGES) {
    assert.equal(await change(old, reads), STATUS_ACCESS_DENIED, what);
  }
  for (const [what, change] of CHANGES) {
    assert.equal(await change(old, whole), STATUS_SUCCESS, what);
  }
  // It locks, as whoever reads or writes may.
  const locked = await lockingAndX(old, { fid: reads, offset: 0, length: 1 });
  assert.equal(locked.status, STATUS_SUCCESS);
});

both('a FID that only writes neither reads attributes of its name nor by a code', async (it) => {
  const { old } = it;
  const whole = await open(old, BOTH);
  const writes = await open(old, WRITES);
  const all = ofFid(writes, QueryLevel.QUERY_ALL_EAS);
  const told = await transact2(old, Trans2.QUERY_FILE_INFORMATION, all);
  assert.equal(told.status, STATUS_ACCESS_DENIED);
  const key = Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY;
  assert.equal(await ioctl(old, writes, key), STATUS_ACCESS_DENIED);
  assert.equal(await ioctl(old, whole, key), STATUS_SUCCESS);
  assert.notEqual(await ioctl(old, writes, Fsctl.FSCTL_SET_SPARSE), STATUS_ACCESS_DENIED);
  const known = await command(old, Smb1Command.QUERY_INFORMATION2, writes, 2);
  assert.equal(known.status, STATUS_SUCCESS);
});

both('who has opened a file to write alone may ask for its size (3.3.5.35)', async ({ old }) => {
  await closeFid(old, await open(old, BOTH));
  const fid = await open(old, WRITES | DENY_NONE);
  const known = await command(old, Smb1Command.QUERY_INFORMATION2, fid, 2);
  assert.equal(known.status, STATUS_SUCCESS);
});

both('CLOSE sets the time of a FID that writes, and of no other', async ({ old }) => {
  const before = await open(old, BOTH);
  await closeFid(old, before);
  const timeOf = async (): Promise<number> => {
    const bytes = Buffer.concat([Buffer.from([4]), utf16('\\file')]);
    const answer = await old.request({ command: Smb1Command.QUERY_INFORMATION, bytes });
    assert.equal(answer.status, STATUS_SUCCESS);
    return answer.words.readUInt32LE(2);
  };
  const closeAt = async (fid: number, time: number): Promise<void> => {
    const words = Buffer.alloc(6);
    words.writeUInt16LE(fid);
    words.writeUInt32LE(time, 2);
    assert.equal((await old.request({ command: Smb1Command.CLOSE, words })).status, STATUS_SUCCESS);
  };
  const first = await timeOf();
  await closeAt(await open(old, READS | DENY_NONE), 1_000_000_000);
  assert.equal(await timeOf(), first);
  await closeAt(await open(old, BOTH | DENY_NONE), 1_000_000_000);
  assert.equal(await timeOf(), 1_000_000_000);
});

both('an IOCTL that fails is answered whole, with its error (3.3.5.59.2)', async ({ old }) => {
  const fid = await open(old, BOTH);
  const setup = Buffer.alloc(8);
  setup.writeUInt32LE(0x0009_0fff);
  setup.writeUInt16LE(fid, 4);
  setup[6] = 1;
  const none = Buffer.alloc(0);
  const told = await ntTransact(old, NtTransact.IOCTL, none, none, { setup });
  assert.equal(told.status, STATUS_INVALID_DEVICE_REQUEST);
  assert.equal(told.wordsBytes, 38, 'with a setup word');
});
