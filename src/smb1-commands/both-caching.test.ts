/**
 * What a client of SMB2 caches by a lease, and one of SMB1 by an oplock, when the other needs the file: MS-FSA 2.1.4.12,
 * MS-SMB2 3.3.4.7, MS-CIFS 3.3.4.2.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { all, both } from '../../test/support/both-dialects.ts';
import {
  acknowledgeLease,
  leased,
  R,
  RH,
  RW,
  RWH,
  stateAndEpoch,
  takeBreaks,
  told,
} from '../../test/support/leases.ts';
import {
  closeFid,
  fidOf,
  lockingAndX,
  ntCreate,
  type Smb1Answer,
  type Smb1Client,
  utf16,
  writeAndX,
} from '../../test/support/smb1-client.ts';
import { lockRequest, readRequest } from '../client/requests.ts';
import type { ClientTree } from '../client/tree.ts';
import { STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { Smb1Command } from '../smb1/header.ts';
import { CAP_LEVEL_II_OPLOCKS } from '../smb1/negotiate.ts';
import { FILE_DIRECTORY_FILE } from '../smb2/create-options.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK, SMB2_LOCKFLAG_FAIL_IMMEDIATELY } from '../smb2/lock.ts';

const KEY = 7;
const LATE_MS = 100;
/** NT_CREATE_REQUEST_OPLOCK, and OPBATCH. */
const EXCLUSIVE = 2;
const LEVEL_II = 3;
const NO_OPLOCK = 0;

/** The next break of a lease that SMB2's client is told of, in short. */
function nextLeaseBreak(tree: ClientTree): Promise<ReturnType<typeof told>> {
  const { connection } = tree.session;
  return new Promise((resolve, reject) => {
    connection.onBreak = (one) =>
      one.kind === 'lease' ? resolve(told(one)) : reject(new Error('an oplock'));
  });
}

const nextOplockBreak = (old: Smb1Client): Promise<{ fid: number; level: number }> =>
  new Promise((resolve) => {
    old.onUnasked = ({ words }) => resolve({ fid: words.readUInt16LE(4), level: words[7]! });
  });

async function isWaiting(request: Promise<Smb1Answer>): Promise<void> {
  assert.equal(await Promise.race([request, sleep(LATE_MS)]), undefined);
}

both('an open of SMB1 waits until a lease of SMB2 has written back', async ({ old, tree }) => {
  const file = await tree.open('file', leased(KEY, { state: RWH }, all));
  const broken = nextLeaseBreak(tree);
  const opening = ntCreate(old, { name: '\\file' });
  const [key, from, to, , wantsAnswer] = await broken;
  assert.deepEqual([key, from, to, wantsAnswer], [KEY, RWH, RH, true]);
  await isWaiting(opening);
  await file.write(0, Buffer.from('written back'));
  assert.equal(await acknowledgeLease(tree, KEY, RH), STATUS_SUCCESS);
  const opened = await opening;
  assert.equal(opened.status, STATUS_SUCCESS);
  // EndOfFile, of what was written meanwhile.
  assert.equal(opened.words.readUInt32LE(55), 12);
});

both('an open that is refused by the share mode makes SMB2 give up its handle', async (clients) => {
  const { old, tree } = clients;
  const file = await tree.open('file', leased(KEY, { state: RWH }, { ...all, share: 1 }));
  const broken = nextLeaseBreak(tree);
  const opening = ntCreate(old, { name: '\\file' });
  const [, from, to] = await broken;
  assert.deepEqual([from, to], [RWH, RW]);
  await isWaiting(opening);
  // What it keeps open for itself alone is closed, so that the other gets in.
  await file.close();
  assert.equal((await opening).status, STATUS_SUCCESS);
});

both('a write of SMB1 ends what SMB2 has read', async ({ old, tree }) => {
  const fid = fidOf(await ntCreate(old, { name: '\\file' }));
  await tree.open('file', leased(KEY, { state: RH }, all));
  assert.deepEqual(await takeBreaks(tree), []);
  const broken = nextLeaseBreak(tree);
  assert.equal((await writeAndX(old, fid, 0, Buffer.from('new'))).status, STATUS_SUCCESS);
  const [, from, to] = await broken;
  assert.deepEqual([from, to], [RH, 0]);
});

both('a lock of SMB1 ends what SMB2 has read, which reads at the server then', async (clients) => {
  const { old, tree } = clients;
  const fid = fidOf(await ntCreate(old, { name: '\\file' }));
  await writeAndX(old, fid, 0, Buffer.from('0123456789'));
  const file = await tree.open('file', leased(KEY, { state: R }, all));
  const broken = nextLeaseBreak(tree);
  assert.equal((await lockingAndX(old, { fid, offset: 0, length: 5 })).status, STATUS_SUCCESS);
  const [, from, to] = await broken;
  assert.deepEqual([from, to], [R, 0]);
  assert.notEqual((await tree.request(readRequest(file.fileId, 0, 5))).status, STATUS_SUCCESS);
});

both('a rename by SMB1 makes SMB2 give up its handle first', async ({ old, tree }) => {
  const file = await tree.open('file', leased(KEY, { state: RH }, all));
  const broken = nextLeaseBreak(tree);
  const words = Buffer.alloc(2);
  words.writeUInt16LE(0x16);
  const name = (text: string): Buffer => Buffer.concat([Buffer.from([4]), utf16(text)]);
  const to = Buffer.concat([Buffer.from([4, 0]), utf16('\\renamed')]);
  const bytes = Buffer.concat([name('\\file'), to]);
  const renaming = old.request({ command: Smb1Command.RENAME, words, bytes });
  const [, from, left] = await broken;
  assert.deepEqual([from, left], [RH, R]);
  await isWaiting(renaming);
  await file.close();
  assert.equal((await renaming).status, STATUS_SUCCESS);
  await (await tree.open('renamed')).close();
});

both('what SMB1 makes in a directory ends what SMB2 knows of it', async ({ old, tree }) => {
  await tree.makeDirectory('folder');
  const how = { options: FILE_DIRECTORY_FILE, access: 0x0012_0089, share: 7 };
  await tree.open('folder', leased(KEY, { state: RH }, how));
  const broken = nextLeaseBreak(tree);
  assert.equal((await ntCreate(old, { name: '\\folder\\new' })).status, STATUS_SUCCESS);
  const [, from, to] = await broken;
  assert.equal(from, RH);
  assert.equal(to & R, 0);
});

both('what both have read ends for SMB1 when SMB2 writes or locks', async ({ old, tree }) => {
  for (const name of ['written', 'locked']) {
    const mine = await ntCreate(old, { name: `\\${name}`, flags: EXCLUSIVE });
    // Level II is all that there is beside another open.
    const broken = nextOplockBreak(old);
    const opening = tree.open(name, all);
    assert.deepEqual(await broken, { fid: fidOf(mine), level: 1 });
    await closeFid(old, fidOf(mine));
    const file = await opening;
    const again = await ntCreate(old, { name: `\\${name}`, flags: EXCLUSIVE });
    assert.equal(again.words[4], LEVEL_II);
    const ended = nextOplockBreak(old);
    if (name === 'written') await file.write(0, Buffer.from('new'));
    else {
      const flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
      await tree.request(lockRequest(file.fileId, [{ offset: 0n, length: 1n, flags }]));
    }
    assert.deepEqual(await ended, { fid: fidOf(again), level: 0 });
  }
});

const ofOldClient = { withoutCapabilities: CAP_LEVEL_II_OPLOCKS };

both(
  'who does not know level II has no oplock beside others',
  async ({ old, tree }) => {
    const file = await tree.open('file', all);
    const shared = await ntCreate(old, { name: '\\file', flags: EXCLUSIVE });
    assert.equal(shared.words[4], NO_OPLOCK);
    await closeFid(old, fidOf(shared));
    await file.close();
    const alone = await ntCreate(old, { name: '\\file', flags: EXCLUSIVE });
    assert.notEqual(alone.words[4], NO_OPLOCK);
    // To be broken to level II, and told as to none.
    const broken = nextOplockBreak(old);
    void tree.open('file', all);
    assert.deepEqual(await broken, { fid: fidOf(alone), level: 0 });
    await closeFid(old, fidOf(alone));
  },
  ofOldClient,
);

both('beside an open of SMB1 a lease is for reading', async ({ old, tree }) => {
  const fid = fidOf(await ntCreate(old, { name: '\\file' }));
  const file = await tree.open('file', leased(KEY, { state: RWH }, all));
  assert.equal(stateAndEpoch(file)[0], RH);
  const broken = nextLeaseBreak(tree);
  await writeAndX(old, fid, 0, Buffer.from('new'));
  const [, from, to] = await broken;
  assert.deepEqual([from, to], [RH, 0]);
});
