/**
 * Byte ranges of one file as each client locks them: LOCK of SMB2, LOCKING_ANDX, and SMB_SET_POSIX_LOCK of the CIFS Unix
 * extensions (level 0x208). Each sees the others' (MS-FSA 2.1.5.8).
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { all, type Both, bothOnDisk } from '../../test/support/both-dialects.ts';
import {
  closeFid,
  fidOf,
  lockingAndX,
  ntCreate,
  readAndX,
  transact2,
  writeAndX,
} from '../../test/support/smb1-client.ts';
import type { ClientFile } from '../client/file.ts';
import { lockRequest, readRequest, writeRequest } from '../client/requests.ts';
import {
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { Trans2 } from '../smb1/transaction.ts';
import { POSIX_LOCK_FLAG_WAIT, PosixLock, PosixLockType, UnixLevel } from '../smb1/unix.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
} from '../smb2/lock.ts';

const { READ, WRITE, UNLOCK } = PosixLockType;
const EXCLUSIVE = SMB2_LOCKFLAG_EXCLUSIVE_LOCK;
const SHARED = SMB2_LOCKFLAG_SHARED_LOCK;
const AT_ONCE = SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
const LATE_MS = 100;
/** Of the process that locks as POSIX has it. */
const PID = 42;

interface Ranges {
  readonly fid: number;
  /** By which LOCKING_ANDX locks: of one open there is one owner for each process. */
  readonly otherFid: number;
  readonly file: ClientFile;
  posix(type: number, start: bigint, length: bigint, flags?: number): Promise<number>;
  query(type: number, start: bigint, length: bigint): Promise<PosixLock>;
  smb2(flags: number, offset: bigint, length: bigint): Promise<number>;
}

async function ranges({ old, tree }: Both): Promise<Ranges> {
  const fid = fidOf(await ntCreate(old, { name: '\\file' }));
  const otherFid = fidOf(await ntCreate(old, { name: '\\file' }));
  await writeAndX(old, fid, 0, Buffer.alloc(100, 1));
  const file = await tree.open('file', all);
  const parameters = Buffer.alloc(6);
  parameters.writeUInt16LE(fid);
  parameters.writeUInt16LE(UnixLevel.LOCK, 2);
  const lock = (type: number, start: bigint, length: bigint, flags = 0) =>
    PosixLock.encode({ type, flags, pid: PID, start, length });
  return {
    ...{ fid, otherFid, file },
    posix: async (...of) =>
      (await transact2(old, Trans2.SET_FILE_INFORMATION, parameters, lock(...of))).status,
    query: async (...of) => {
      const asked = lock(...of);
      const told = await transact2(old, Trans2.QUERY_FILE_INFORMATION, parameters, asked);
      assert.equal(told.status, STATUS_SUCCESS);
      return PosixLock.read(told.data);
    },
    smb2: async (flags, offset, length) =>
      (await tree.request(lockRequest(file.fileId, [{ offset, length, flags }]))).status,
  };
}

const isWaiting = async (request: Promise<unknown>): Promise<void> =>
  assert.equal(await Promise.race([request, sleep(LATE_MS)]), undefined);

bothOnDisk('a POSIX range stops LOCK and LOCKING_ANDX, of its kind', async (clients) => {
  const { old } = clients;
  const { posix, smb2, otherFid } = await ranges(clients);
  assert.equal(await posix(READ, 10n, 10n), STATUS_SUCCESS);
  assert.equal(await smb2(SHARED | AT_ONCE, 12n, 1n), STATUS_SUCCESS);
  assert.equal(await smb2(EXCLUSIVE | AT_ONCE, 15n, 1n), STATUS_LOCK_NOT_GRANTED);
  assert.equal(await smb2(EXCLUSIVE | AT_ONCE, 20n, 1n), STATUS_SUCCESS);
  const shared = { fid: otherFid, offset: 14, length: 1, type: 1 };
  assert.equal((await lockingAndX(old, shared)).status, STATUS_SUCCESS);
  const exclusive = { fid: otherFid, offset: 19, length: 1 };
  assert.equal((await lockingAndX(old, exclusive)).status, STATUS_LOCK_NOT_GRANTED);
  // It grows to a range of the other kind where nobody else is.
  assert.equal(await posix(WRITE, 16n, 2n), STATUS_SUCCESS);
  assert.equal(await smb2(SHARED | AT_ONCE, 17n, 1n), STATUS_LOCK_NOT_GRANTED);
  assert.equal(await posix(WRITE, 10n, 10n), STATUS_FILE_LOCK_CONFLICT);
});

bothOnDisk('what LOCK and LOCKING_ANDX hold is in the way of POSIX ranges', async (clients) => {
  const { old } = clients;
  const { posix, query, smb2, otherFid } = await ranges(clients);
  assert.equal(await smb2(EXCLUSIVE | AT_ONCE, 5n, 5n), STATUS_SUCCESS);
  const locked = await lockingAndX(old, { fid: otherFid, offset: 30, length: 5, type: 1, pid: 9 });
  assert.equal(locked.status, STATUS_SUCCESS);
  assert.equal(await posix(READ, 9n, 2n), STATUS_FILE_LOCK_CONFLICT);
  assert.equal(await posix(WRITE, 34n, 2n), STATUS_FILE_LOCK_CONFLICT);
  assert.equal(await posix(READ, 34n, 2n), STATUS_SUCCESS);
  // SMB2 has no processes.
  const ofSmb2 = { type: WRITE, flags: 0, pid: 0, start: 5n, length: 5n };
  assert.deepEqual(await query(READ, 0n, 100n), ofSmb2);
  const ofOld = { type: READ, flags: 0, pid: 9, start: 30n, length: 5n };
  assert.deepEqual(await query(WRITE, 20n, 100n), ofOld);
});

bothOnDisk('a POSIX range that waits for SMB2 is had when it unlocks', async (clients) => {
  const { posix, smb2 } = await ranges(clients);
  assert.equal(await smb2(EXCLUSIVE | AT_ONCE, 0n, 10n), STATUS_SUCCESS);
  const waiting = posix(WRITE, 5n, 10n, POSIX_LOCK_FLAG_WAIT);
  await isWaiting(waiting);
  assert.equal(await smb2(SMB2_LOCKFLAG_UNLOCK, 0n, 10n), STATUS_SUCCESS);
  assert.equal(await waiting, STATUS_SUCCESS);
  assert.equal(await smb2(SHARED | AT_ONCE, 14n, 1n), STATUS_LOCK_NOT_GRANTED);
});

bothOnDisk(
  'SMB2 and LOCKING_ANDX wait for a POSIX range, of which a part is enough',
  async (all) => {
    const { old } = all;
    const { posix, smb2, otherFid } = await ranges(all);
    assert.equal(await posix(WRITE, 0n, 100n), STATUS_SUCCESS);
    const bySmb2 = smb2(EXCLUSIVE, 10n, 5n);
    const how = { fid: otherFid, offset: 50, length: 5, timeout: 0xffff_ffff };
    const byOld = lockingAndX(old, how);
    await isWaiting(Promise.race([bySmb2, byOld]));
    assert.equal(await posix(UNLOCK, 10n, 5n), STATUS_SUCCESS);
    assert.equal(await bySmb2, STATUS_SUCCESS);
    await isWaiting(byOld);
    assert.equal(await posix(UNLOCK, 40n, 20n), STATUS_SUCCESS);
    assert.equal((await byOld).status, STATUS_SUCCESS);
  },
);

bothOnDisk(
  'whoever has locked a range is alone in it with what he reads and writes',
  async (all) => {
    const { old, tree } = all;
    const { posix, smb2, fid, otherFid, file } = await ranges(all);
    assert.equal(await posix(WRITE, 0n, 10n), STATUS_SUCCESS);
    for (const request of [
      readRequest(file.fileId, 5, 1),
      writeRequest(file.fileId, 5, Buffer.alloc(1)),
    ]) {
      assert.equal((await tree.request(request)).status, STATUS_FILE_LOCK_CONFLICT);
    }
    assert.equal(await smb2(EXCLUSIVE | AT_ONCE, 20n, 10n), STATUS_SUCCESS);
    for (const one of [fid, otherFid]) {
      assert.equal(await readAndX(old, one, 25, 1), STATUS_FILE_LOCK_CONFLICT);
      const written = await writeAndX(old, one, 25, Buffer.alloc(1));
      assert.equal(written.status, STATUS_FILE_LOCK_CONFLICT);
    }
  },
);

bothOnDisk(
  'with its last open a process gives up its ranges, and SMB2 those of its own',
  async (all) => {
    const { old } = all;
    const { posix, smb2, fid, otherFid, file } = await ranges(all);
    assert.equal(await posix(WRITE, 0n, 10n), STATUS_SUCCESS);
    const waiting = smb2(EXCLUSIVE, 0n, 10n);
    await isWaiting(waiting);
    await closeFid(old, fid);
    assert.equal(await waiting, STATUS_SUCCESS);
    const byOld = lockingAndX(old, { fid: otherFid, offset: 0, length: 10, timeout: 0xffff_ffff });
    await isWaiting(byOld);
    await file.close();
    assert.equal((await byOld).status, STATUS_SUCCESS);
  },
);
