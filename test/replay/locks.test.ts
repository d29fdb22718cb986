/** LOCK: macOS makes flock of one lock from 0 to the end of everything; others lock beyond 2^63. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lockRequest, readRequest, writeRequest } from '../../src/client/requests.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_LOCK_RANGE,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_RANGE_NOT_LOCKED,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
} from '../../src/smb2/lock.ts';
import { PERSONAS, win11 } from './personas.ts';
import { assertStatus, openStage } from './stage.ts';

const stage = await openStage();

const EXCLUSIVE = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
const SHARED = SMB2_LOCKFLAG_SHARED_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
const how = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, disposition: FILE_OPEN_IF };

const ALL_ONES = 0xffff_ffff_ffff_ffffn;
const HALF = 1n << 63n;
/** Offset, length: what a range may be. */
const LEGAL: readonly [bigint, bigint][] = [
  [0n, ALL_ONES],
  [HALF, 1n],
  [HALF - 1n, 2n],
  [HALF, HALF],
  [ALL_ONES, 1n],
  [ALL_ONES, 0n],
  [1n, ALL_ONES],
  [0n, 0n],
  [5n, 0n],
];
/** Its last byte would be beyond 2^64 - 1. */
const OVERFLOWING: readonly [bigint, bigint][] = [
  [2n, ALL_ONES],
  [ALL_ONES, 2n],
  [HALF, HALF + 1n],
  [ALL_ONES, ALL_ONES],
];

for (const persona of PERSONAS) {
  test(`A28 a lock may reach to the end of everything, or flock fails on macOS (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const file = await tree.open(`locks ${persona.name}`, how);
    const lock = async (offset: bigint, length: bigint, flags: number) =>
      tree.request(lockRequest(file.fileId, [{ offset, length, flags }]));
    for (const [offset, length] of LEGAL) {
      const about = `${length} at ${offset}`;
      for (const flags of [EXCLUSIVE, SHARED]) {
        assertStatus(await lock(offset, length, flags), STATUS_SUCCESS, about);
        assertStatus(await lock(offset, length, SMB2_LOCKFLAG_UNLOCK), STATUS_SUCCESS, about);
        const again = await lock(offset, length, SMB2_LOCKFLAG_UNLOCK);
        assertStatus(again, STATUS_RANGE_NOT_LOCKED, about);
      }
    }
    for (const [offset, length] of OVERFLOWING) {
      for (const flags of [EXCLUSIVE, SHARED, SMB2_LOCKFLAG_UNLOCK]) {
        const answer = await lock(offset, length, flags);
        assertStatus(answer, STATUS_INVALID_LOCK_RANGE, `${length} at ${offset}`);
      }
    }
  });
}

test('A28 a lock of everything keeps others out, and goes with its open', async () => {
  const [tree, other] = [await stage.enter(), await stage.enter()];
  await tree.writeFile('flock', Buffer.from('content'));
  const holder = await tree.open('flock', how);
  const rival = await other.open('flock', how);
  const everything = [{ offset: 0n, length: ALL_ONES, flags: EXCLUSIVE }];
  await holder.lock(everything);
  assertStatus(await other.request(lockRequest(rival.fileId, everything)), STATUS_LOCK_NOT_GRANTED);
  for (const request of [
    readRequest(rival.fileId, 0, 7),
    writeRequest(rival.fileId, 100, Buffer.from('x')),
  ]) {
    assertStatus(await other.request(request), STATUS_FILE_LOCK_CONFLICT);
  }
  assert.equal((await holder.read(0, 7)).toString(), 'content');
  await holder.close();
  await rival.lock(everything);
  assert.equal((await rival.read(0, 7)).toString(), 'content');
});

test('A28 a lock of no bytes keeps out what goes across it, and nothing beside it', async () => {
  const tree = await stage.enter(win11);
  await tree.writeFile('empty lock', Buffer.from('content'));
  const [a, b] = [await tree.open('empty lock', how), await tree.open('empty lock', how)];
  await a.lock([{ offset: 3n, length: 0n, flags: EXCLUSIVE }]);
  await b.lock([{ offset: 3n, length: 0n, flags: EXCLUSIVE }]);
  await b.lock([{ offset: 3n, length: 4n, flags: EXCLUSIVE }]);
  assert.equal((await b.read(0, 3)).toString(), 'con');
  assert.equal((await b.read(3, 4)).toString(), 'tent');
  assertStatus(await tree.request(readRequest(b.fileId, 0, 7)), STATUS_FILE_LOCK_CONFLICT);
});
