/** Oplocks and leases: what is cached is given up when another needs the file, at once and by the right name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { INTERIM_RESPONSE_MS } from '../../src/base/limits.ts';
import {
  closeRequest,
  createRequest,
  type OpenOptions,
  setInfoRequest,
} from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { STATUS_INVALID_PARAMETER, STATUS_PENDING } from '../../src/dtyp/ntstatus.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import { encodeRenameInformation } from '../../src/fscc/rename-information.ts';
import { decodeCreateResponse } from '../../src/smb2/create.ts';
import {
  decodeLease,
  encodeLease,
  type LeaseContext,
} from '../../src/smb2/create-context-values.ts';
import { type CreateContext, CreateContextName } from '../../src/smb2/create-contexts.ts';
import {
  FILE_DIRECTORY_FILE,
  FILE_OPEN_IF,
  FILE_SHARE_READ,
} from '../../src/smb2/create-options.ts';
import { Command } from '../../src/smb2/header.ts';
import { SMB2_0_INFO_FILE } from '../../src/smb2/info-types.ts';
import {
  encodeOplockBreakRequest,
  type OplockBreakNotification,
} from '../../src/smb2/oplock-break.ts';
import {
  SMB2_LEASE_HANDLE_CACHING,
  SMB2_LEASE_READ_CACHING,
  SMB2_LEASE_WRITE_CACHING,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_II,
  SMB2_OPLOCK_LEVEL_LEASE,
} from '../../src/smb2/oplock-levels.ts';
import { cifs, macos15, win11 } from './personas.ts';
import { assertStatus, openStage, timed } from './stage.ts';

const stage = await openStage();

const RWH = SMB2_LEASE_READ_CACHING | SMB2_LEASE_WRITE_CACHING | SMB2_LEASE_HANDLE_CACHING;
const RH = SMB2_LEASE_READ_CACHING | SMB2_LEASE_HANDLE_CACHING;
/** Far below the 35 s that a break may take: milliseconds. */
const AT_ONCE = 1000;
const read: OpenOptions = { access: FILE_GENERIC_READ };
const write: OpenOptions = {
  access: FILE_GENERIC_READ | FILE_GENERIC_WRITE,
  disposition: FILE_OPEN_IF,
};
const batch: OpenOptions = { ...write, oplockLevel: SMB2_OPLOCK_LEVEL_BATCH };

function lease(version: 1 | 2, fill: number, leaseState = RWH): CreateContext {
  const common = { leaseKey: Buffer.alloc(16, fill), leaseState, leaseFlags: 0 };
  const v2 = { version: 2 as const, ...common, parentLeaseKey: Buffer.alloc(16), epoch: 7 };
  const value: LeaseContext = version === 1 ? { version, ...common } : v2;
  return { name: CreateContextName.LEASE, data: encodeLease(value) };
}

const leased = (version: 1 | 2, fill: number): OpenOptions => ({
  ...write,
  oplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
  contexts: [lease(version, fill)],
});

const nextBreak = ({ session }: ClientTree): Promise<OplockBreakNotification> =>
  new Promise((resolve) => {
    session.connection.onBreak = resolve;
  });

const acknowledge = (tree: ClientTree, body: Parameters<typeof encodeOplockBreakRequest>[0]) =>
  tree.request({ command: Command.OPLOCK_BREAK, body: encodeOplockBreakRequest(body) });

for (const persona of [win11, macos15, cifs]) {
  test(`A05 whoever closes instead of acknowledging has given all up (${persona.name})`, async () => {
    const [holder, other] = [await stage.enter(persona), await stage.enter(persona)];
    const file = await holder.open(`closed ${persona.name}`, batch);
    assert.equal(file.created.oplockLevel, SMB2_OPLOCK_LEVEL_BATCH);
    const broken = nextBreak(holder);
    const { ms } = await timed(async () => {
      const opened = other.open(`closed ${persona.name}`, { ...read, share: FILE_SHARE_READ });
      assert.equal((await broken).kind, 'oplock');
      assertStatus(await holder.request(closeRequest(file.fileId)), 0);
      await (await opened).close();
    });
    assert.ok(ms < AT_ONCE, `${ms} ms`);
  });

  test(`A05 neither does one whose connection is lost hold anybody up (${persona.name})`, async () => {
    const [holder, other] = [await stage.enter(persona), await stage.enter(persona)];
    await holder.open(`lost ${persona.name}`, batch);
    const broken = nextBreak(holder);
    const { ms } = await timed(async () => {
      const opened = other.open(`lost ${persona.name}`, read);
      await broken;
      holder.session.connection.socket.destroy();
      await (await opened).close();
    });
    assert.ok(ms < AT_ONCE, `${ms} ms`);
  });

  test(`A06 a break and the CREATE that waits for it share a connection (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const file = await tree.open(`one wire ${persona.name}`, batch);
    const broken = nextBreak(tree);
    const [exchange] = await tree.submit([createRequest(`one wire ${persona.name}`, read)]);
    assert.equal((await exchange!.interim)?.status, STATUS_PENDING);
    const notification = await broken;
    assert.ok(notification.kind === 'oplock');
    assert.equal(notification.oplockLevel, SMB2_OPLOCK_LEVEL_II);
    const acknowledged = await acknowledge(tree, notification);
    assertStatus(acknowledged, 0);
    const answer = await tree.session.connection.answerOf(exchange!);
    assertStatus(answer, 0);
    await tree.fileOf(answer).close();
    await file.close();
  });

  test(`A27 a lease is broken, and the other opens the file (${persona.name})`, async () => {
    const [holder, other] = [await stage.enter(persona), await stage.enter(persona)];
    const name = `broken ${persona.name}`;
    const file = await holder.open(name, leased(2, 5));
    const broken = nextBreak(holder);
    const { ms } = await timed(async () => {
      const opened = other.open(name, { ...leased(2, 6), access: FILE_GENERIC_READ });
      const notification = await broken;
      assert.ok(notification.kind === 'lease');
      assert.deepEqual(notification.leaseKey, Buffer.alloc(16, 5));
      assert.deepEqual([notification.currentLeaseState, notification.newLeaseState], [RWH, RH]);
      assert.equal(notification.newEpoch, 9);
      const { leaseKey, newLeaseState: leaseState } = notification;
      assertStatus(await acknowledge(holder, { kind: 'lease', leaseKey, leaseState }), 0);
      const second = await opened;
      const context = second.created.createContexts.find(({ name: n }) => n === 'RqLs');
      assert.equal(decodeLease(context!.data).leaseState, RH, 'both may read and keep it open');
      await second.close();
    });
    assert.ok(ms < AT_ONCE, `${ms} ms`);
    await file.close();
  });
}

for (const version of [1, 2] as const) {
  test(`A26 a lease comes back in version ${version}, by its own key`, async () => {
    const tree = await stage.enter(macos15);
    for (const fill of [1, 2]) {
      const answer = await tree.request(
        createRequest(`own ${version} ${fill}`, leased(version, fill)),
      );
      assertStatus(answer, 0);
      const { oplockLevel, createContexts } = decodeCreateResponse(answer.message);
      assert.equal(oplockLevel, SMB2_OPLOCK_LEVEL_LEASE);
      assert.deepEqual(
        createContexts.map(({ name, data }) => [name, data.length]),
        [['RqLs', version === 1 ? 32 : 52]],
      );
      const granted = decodeLease(createContexts[0]!.data);
      assert.deepEqual([granted.leaseKey, granted.leaseState], [Buffer.alloc(16, fill), RWH]);
      if (granted.version === 2) assert.equal(granted.epoch, 8);
      await tree.fileOf(answer).close();
    }
  });
}

test('A26 a key names one file', async () => {
  const tree = await stage.enter(macos15);
  const file = await tree.open('key one', leased(2, 9));
  const again = await tree.open('key one', leased(2, 9));
  assert.equal(again.created.oplockLevel, SMB2_OPLOCK_LEVEL_LEASE);
  const other = await tree.request(createRequest('key two', leased(2, 9)));
  assertStatus(other, STATUS_INVALID_PARAMETER);
  await again.close();
  await file.close();
});

for (const persona of [win11, macos15, cifs]) {
  test(`A26 a folder has a lease of its own, until another changes it (${persona.name})`, async () => {
    const [holder, other] = [await stage.enter(persona), await stage.enter(persona)];
    const name = `folder ${persona.name}`;
    await holder.makeDirectory(name);
    const folder = await holder.open(name, {
      access: FILE_GENERIC_READ,
      options: FILE_DIRECTORY_FILE,
      oplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
      contexts: [lease(2, 17)],
    });
    const context = folder.created.createContexts.find(({ name: n }) => n === 'RqLs');
    const granted = decodeLease(context!.data);
    assert.deepEqual([granted.leaseKey, granted.leaseState], [Buffer.alloc(16, 17), RH]);
    assert.equal((await folder.listAll()).length, 2);
    const broken = nextBreak(holder);
    await other.writeFile(`${name}\\new`, Buffer.from('text'));
    const notification = await broken;
    assert.ok(notification.kind === 'lease');
    assert.deepEqual(notification.leaseKey, Buffer.alloc(16, 17));
    assert.deepEqual([notification.currentLeaseState, notification.newLeaseState], [RH, 0]);
    assert.equal((await folder.listAll()).length, 3);
    await folder.close();
  });
}

test('a rename that waits for a break is not announced, as Windows does not (smb2.compound_async)', async () => {
  const [holder, other] = [await stage.enter(win11), await stage.enter(win11)];
  const kept = { access: FILE_GENERIC_READ, disposition: FILE_OPEN_IF };
  const caching = (fill: number): OpenOptions => ({
    ...kept,
    oplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
    contexts: [lease(2, fill, RH)],
  });
  const held = await holder.open('before', caching(31));
  const renamed = await other.open('before', {
    ...caching(32),
    access: FILE_GENERIC_READ | DELETE,
  });
  const broken = nextBreak(holder);
  const [exchange] = await other.submit([
    setInfoRequest(
      renamed.fileId,
      SMB2_0_INFO_FILE,
      FileInformationClass.FileRenameInformation,
      encodeRenameInformation({ replaceIfExists: false, rootDirectory: 0, fileName: 'after' }),
    ),
  ]);
  const notification = await broken;
  assert.ok(notification.kind === 'lease');
  const later = setTimeout(3 * INTERIM_RESPONSE_MS, 'nothing yet');
  assert.equal(await Promise.race([exchange!.interim, later]), 'nothing yet');
  const { leaseKey, newLeaseState: leaseState } = notification;
  assertStatus(await acknowledge(holder, { kind: 'lease', leaseKey, leaseState }), 0);
  assertStatus(await other.session.connection.answerOf(exchange!), 0);
  await held.close();
  await renamed.close();
});
