/** One file, a client of SMB1 and one of SMB2: share modes, locks, oplocks and notifications cross over (MS-FSA 2.1). */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { all, both } from '../../test/support/both-dialects.ts';
import {
  acknowledge,
  closeFid,
  fidOf,
  lockingAndX,
  ntCreate,
  type Smb1Answer,
  type Smb1Client,
  utf16,
} from '../../test/support/smb1-client.ts';
import {
  changeNotifyRequest,
  createRequest,
  lockRequest,
  readRequest,
} from '../client/requests.ts';
import {
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { decodeNotifyInformation } from '../fscc/notify-information.ts';
import { Smb1Command } from '../smb1/header.ts';
import { decodeChangeNotifyResponse } from '../smb2/change-notify.ts';
import { FILE_DIRECTORY_FILE } from '../smb2/create-options.ts';
import { Command } from '../smb2/header.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_UNLOCK,
} from '../smb2/lock.ts';
import { encodeOplockBreakRequest } from '../smb2/oplock-break.ts';
import { SMB2_OPLOCK_LEVEL_BATCH } from '../smb2/oplock-levels.ts';
import { readId64 } from '../wire/struct.ts';

both('what one does not share the other does not get', async ({ old, tree }) => {
  const mine = await ntCreate(old, { name: '\\file', share: 1 });
  assert.equal(mine.status, STATUS_SUCCESS);
  const refused = await tree.request(createRequest('file', all));
  assert.equal(refused.status, STATUS_SHARING_VIOLATION);
  await closeFid(old, fidOf(mine));
  const file = await tree.open('file', { ...all, share: 0 });
  assert.equal((await ntCreate(old, { name: '\\file' })).status, STATUS_SHARING_VIOLATION);
  await file.close();
  assert.equal((await ntCreate(old, { name: '\\file' })).status, STATUS_SUCCESS);
});

both('locks of one stop the other, and one that waits is let in', async ({ old, tree }) => {
  const fid = fidOf(await ntCreate(old, { name: '\\file' }));
  const file = await tree.open('file', all);
  await file.write(0, Buffer.alloc(100));
  assert.equal((await lockingAndX(old, { fid, offset: 10, length: 10 })).status, STATUS_SUCCESS);
  const read = await tree.request(readRequest(file.fileId, 10, 10));
  assert.equal(read.status, STATUS_FILE_LOCK_CONFLICT);
  const flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
  const range = { offset: 15n, length: 10n };
  const taken = await tree.request(lockRequest(file.fileId, [{ ...range, flags }]));
  assert.equal(taken.status, STATUS_LOCK_NOT_GRANTED);
  const unlock = { fid, offset: 10, length: 10, unlock: true };
  assert.equal((await lockingAndX(old, unlock)).status, STATUS_SUCCESS);
  const held = await tree.request(lockRequest(file.fileId, [{ ...range, flags }]));
  assert.equal(held.status, STATUS_SUCCESS);
  // This one waits for SMB2's.
  const waiting = lockingAndX(old, { fid, offset: 20, length: 1, timeout: 0xffff_ffff });
  const early = await Promise.race([waiting, sleep(100)]);
  assert.equal(early, undefined);
  await tree.request(lockRequest(file.fileId, [{ ...range, flags: SMB2_LOCKFLAG_UNLOCK }]));
  assert.equal((await waiting).status, STATUS_SUCCESS);
});

both('an oplock of SMB1 is broken for SMB2, which waits for it', async ({ old, tree }) => {
  const broken = new Promise<Smb1Answer>((resolve) => {
    old.onUnasked = resolve;
  });
  // NT_CREATE_REQUEST_OPBATCH with REQUEST_OPLOCK.
  const mine = await ntCreate(old, { name: '\\file', flags: 6 });
  assert.equal(mine.words[4], 2);
  const opening = tree.request(createRequest('file', all));
  const { words } = await broken;
  assert.equal(words.readUInt16LE(4), fidOf(mine));
  // LOCKING_ANDX_OPLOCK_RELEASE, to level II.
  assert.deepEqual([words[6], words[7]], [2, 1]);
  assert.equal(await Promise.race([opening, sleep(100)]), undefined);
  acknowledge(old, fidOf(mine), 1);
  assert.equal((await opening).status, STATUS_SUCCESS);
});

both('an oplock of SMB2 is broken for SMB1', async ({ old, tree }) => {
  const { connection } = tree.session;
  const broken = new Promise<void>((resolve) => {
    connection.onBreak = () => resolve();
  });
  const file = await tree.open('file', { ...all, oplockLevel: SMB2_OPLOCK_LEVEL_BATCH });
  const opening = ntCreate(old, { name: '\\file' });
  await broken;
  assert.equal(await Promise.race([opening, sleep(100)]), undefined);
  await tree.request({
    command: Command.OPLOCK_BREAK,
    body: encodeOplockBreakRequest({
      kind: 'oplock',
      oplockLevel: 0,
      persistentId: readId64(file.fileId, 0),
      volatileId: readId64(file.fileId, 8),
    }),
  });
  assert.equal((await opening).status, STATUS_SUCCESS);
});

/** NT_TRANSACT NOTIFY_CHANGE on a directory, not its tree. */
function notify(client: Smb1Client, fid: number): Promise<Smb1Answer> {
  const words = Buffer.alloc(38 + 8);
  words.writeUInt32LE(1000, 11);
  words[35] = 4;
  words.writeUInt16LE(4, 36);
  words.writeUInt32LE(0x0000_0fff, 38);
  words.writeUInt16LE(fid, 42);
  return client.request({ command: Smb1Command.NT_TRANSACT, words });
}

both('each hears of what the other changes', async ({ old, tree }) => {
  const directory = await ntCreate(old, {
    name: '\\',
    options: FILE_DIRECTORY_FILE,
    disposition: 1,
  });
  assert.equal(directory.status, STATUS_SUCCESS);
  const heard = notify(old, fidOf(directory));
  await (await tree.open('by-smb2', all)).close();
  const told = await heard;
  assert.equal(told.status, STATUS_SUCCESS);
  const at = told.words.readUInt32LE(15);
  const length = told.words.readUInt32LE(11);
  const changes = decodeNotifyInformation(told.message.subarray(at, at + length));
  assert.equal(changes[0]!.fileName, 'by-smb2');

  const root = await tree.open('', { options: FILE_DIRECTORY_FILE });
  const watching = tree.request(changeNotifyRequest(root.fileId, 0xfff));
  await sleep(50);
  await old.request({
    command: Smb1Command.CREATE_DIRECTORY,
    bytes: Buffer.concat([Buffer.from([4]), utf16('\\by-smb1')]),
  });
  const { outputBuffer } = decodeChangeNotifyResponse((await watching).message);
  assert.equal(decodeNotifyInformation(outputBuffer)[0]!.fileName, 'by-smb1');
});
