/** Many requests that wait at once: none costs the connection, its credits or the answers to others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  changeNotifyRequest,
  createRequest,
  echoRequest,
  lockRequest,
  RELATED,
  readRequest,
} from '../../src/client/requests.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_FILE_CLOSED,
  STATUS_NOTIFY_CLEANUP,
  STATUS_PENDING,
  STATUS_RANGE_NOT_LOCKED,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
} from '../../src/smb2/lock.ts';
import { SMB2_OPLOCK_LEVEL_BATCH } from '../../src/smb2/oplock-levels.ts';
import { cifs, ENCRYPTED, macos15, win11 } from './personas.ts';
import { assertStatus, openStage, record, timed } from './stage.ts';

const stage = await openStage();

const AT_ONCE_MS = 500;
const readWrite = {
  access: FILE_GENERIC_READ | FILE_GENERIC_WRITE,
  disposition: FILE_OPEN_IF,
};
const directory = { options: FILE_DIRECTORY_FILE, disposition: FILE_OPEN_IF };
const lockOf = (offset: number, flags = 0) => [
  { offset: BigInt(offset), length: 1n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK | flags },
];

test('B09 a NOTIFY of no file, as macOS sends it, is refused, and the session goes on', async () => {
  const tree = await stage.enter(macos15);
  const tape = record(tree.session.connection);
  assertStatus(await tree.request(changeNotifyRequest(RELATED, 0xfff)), STATUS_FILE_CLOSED);
  await tree.writeFile('b09', Buffer.from('a change'));
  const before = tape.length;
  assertStatus(await tree.session.request(echoRequest()), 0);
  assert.equal(tape.length, before + 1, 'nothing is told of it');
});

test('B22 a thousand reads, 200 watches and 64 locks that wait: nobody is cut off', async () => {
  const [tree, holder] = [await stage.enter(win11), await stage.enter()];
  const held = await holder.open('b22', readWrite);
  const locked = lockOf(0, SMB2_LOCKFLAG_FAIL_IMMEDIATELY);
  assertStatus(await holder.request(lockRequest(held.fileId, locked)), 0);
  await held.write(1, Buffer.alloc(1000));
  const file = await tree.open('b22', readWrite);
  const folder = await tree.open('b22 folder', directory);
  const locks = await Promise.all(
    Array.from({ length: 64 }, () => tree.submit([lockRequest(file.fileId, lockOf(0))])),
  );
  const watches = await Promise.all(
    Array.from({ length: 200 }, () => tree.submit([changeNotifyRequest(folder.fileId, 0xfff)])),
  );
  for (const [one] of [...locks, ...watches]) {
    assert.equal((await one!.interim)?.status, STATUS_PENDING);
  }
  const reads = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => tree.request(readRequest(file.fileId, i + 1, 1))),
  );
  for (const read of reads) assertStatus(read, 0);
  const { connection } = tree.session;
  await file.close();
  await folder.close();
  for (const [one] of locks) {
    assertStatus(await connection.answerOf(one!), STATUS_RANGE_NOT_LOCKED);
  }
  for (const [one] of watches) {
    assertStatus(await connection.answerOf(one!), STATUS_NOTIFY_CLEANUP);
  }
  assertStatus(await tree.session.request(echoRequest()), 0);
  await held.close();
});

test('B23 watches give their credits back: 200 of them leave macOS what it had', async () => {
  const tree = await stage.enter(macos15);
  const folder = await tree.open('b23', directory);
  for (let i = 0; i < 5; i++) assertStatus(await tree.session.request(echoRequest()), 0);
  const { credits } = tree.session.connection;
  const before = credits.available;
  for (let i = 0; i < 200; i++) {
    const [one] = await tree.submit([changeNotifyRequest(folder.fileId, 0x3)]);
    assert.equal((await one!.interim)?.status, STATUS_PENDING);
  }
  assert.ok(credits.available >= before, `${before}, then ${credits.available}`);
  await folder.close();
});

for (const persona of [win11, macos15, cifs]) {
  test(`B25 ECHO is answered while a CREATE waits for a break (${persona.name})`, async () => {
    const [tree, holder] = [await stage.enter(persona), await stage.enter()];
    const name = `b25 ${persona.name}`;
    const held = await holder.open(name, { ...readWrite, oplockLevel: SMB2_OPLOCK_LEVEL_BATCH });
    const [waiting] = await tree.submit([createRequest(name, readWrite)]);
    assert.equal((await waiting!.interim)?.status, STATUS_PENDING);
    for (let i = 0; i < 3; i++) {
      const { ms, result } = await timed(() => tree.session.request(echoRequest()));
      assertStatus(result, 0);
      assert.ok(ms < AT_ONCE_MS, `${ms} ms`);
    }
    await held.close();
    const answer = await tree.session.connection.answerOf(waiting!);
    assertStatus(answer, 0);
    await tree.fileOf(answer).close();
  });
}

const TRANSFORM_PROTOCOL_ID = 0xfd534d42;

for (const protection of ENCRYPTED) {
  test(`B30 what is said of an encrypted request that waits is encrypted (${protection.name})`, async () => {
    const [tree, holder] = [await stage.enter(win11, protection), await stage.enter()];
    const name = `b30 ${protection.name}`;
    const held = await holder.open(name, readWrite);
    const locked = lockOf(0, SMB2_LOCKFLAG_FAIL_IMMEDIATELY);
    assertStatus(await holder.request(lockRequest(held.fileId, locked)), 0);
    const [file, folder] = [await tree.open(name, readWrite), await tree.open('', directory)];
    const tape = record(tree.session.connection);
    const [watch] = await tree.submit([changeNotifyRequest(folder.fileId, 0xfff)]);
    const [lock] = await tree.submit([lockRequest(file.fileId, lockOf(0))]);
    assert.equal((await watch!.interim)?.status, STATUS_PENDING);
    assert.equal((await lock!.interim)?.status, STATUS_PENDING);
    await held.close();
    assertStatus(await tree.session.connection.answerOf(lock!), 0);
    await folder.close();
    assertStatus(await tree.session.connection.answerOf(watch!), STATUS_NOTIFY_CLEANUP);
    await file.close();
    assert.ok(tape.length >= 6);
    for (const frame of tape) assert.equal(frame.readUInt32BE(0), TRANSFORM_PROTOCOL_ID);
  });
}
