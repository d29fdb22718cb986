/** Durable handles: Wi-Fi that drops for a moment must not cost the document that is open. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  DURABLE_V2_TIMEOUT_MS,
  MAX_APPLE_DURABLE_TIMEOUT_MS,
  MAX_DURABLE_TIMEOUT_MS,
} from '../../src/base/limits.ts';
import { createRequest, type OpenOptions } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { STATUS_OBJECT_NAME_NOT_FOUND } from '../../src/dtyp/ntstatus.ts';
import {
  decodeDurableHandleResponseV2,
  encodeDurableHandleReconnectV2,
  encodeDurableHandleRequestV2,
  encodeLease,
} from '../../src/smb2/create-context-values.ts';
import {
  type CreateContext,
  CreateContextName,
  findCreateContext,
} from '../../src/smb2/create-contexts.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { SMB2_OPLOCK_LEVEL_BATCH, SMB2_OPLOCK_LEVEL_LEASE } from '../../src/smb2/oplock-levels.ts';
import { credentials, SHARE } from '../support/in-process-server.ts';
import { appleQuery, cifs, macos15, type Persona, win11 } from './personas.ts';
import { assertStatus, openStage, timed } from './stage.ts';

const stage = await openStage();

/** Far below the time for which the handle is kept. */
const AT_ONCE_MS = 1000;
const readWrite = {
  access: FILE_GENERIC_READ | FILE_GENERIC_WRITE,
  disposition: FILE_OPEN_IF,
};

const durable = (createGuid: Buffer, timeout = 0): CreateContext => ({
  name: CreateContextName.DURABLE_HANDLE_REQUEST_V2,
  data: encodeDurableHandleRequestV2({ timeout, flags: 0, createGuid }),
});

const leased = (leaseKey: Buffer): CreateContext => ({
  name: CreateContextName.LEASE,
  data: encodeLease({
    version: 2,
    leaseKey,
    leaseState: 7,
    leaseFlags: 0,
    parentLeaseKey: Buffer.alloc(16),
    epoch: 1,
  }),
});

/** A client that is known again by its ClientGuid when it comes back. */
async function enter(persona: Persona, clientGuid: Buffer): Promise<ClientTree> {
  const connection = await stage.server.connect({ ...persona.connect, clientGuid });
  const session = await connection.login({ ...credentials, ...persona.login });
  return session.treeConnect(SHARE);
}

for (const persona of [win11, macos15, cifs]) {
  test(`B04 a dropped connection loses nothing: the file is open again (${persona.name})`, async () => {
    const [clientGuid, createGuid, leaseKey] = [16, 16, 16].map((size) => randomBytes(size)) as [
      Buffer,
      Buffer,
      Buffer,
    ];
    const name = `document ${persona.name}`;
    const how: OpenOptions = { ...readWrite, oplockLevel: SMB2_OPLOCK_LEVEL_LEASE };
    const before = await enter(persona, clientGuid);
    const file = await before.open(name, {
      ...how,
      contexts: [durable(createGuid), leased(leaseKey)],
    });
    await file.write(0, Buffer.from('unsaved'));
    before.session.connection.socket.destroy();
    const { persistentId, volatileId } = file.created;
    const again = (guid: Buffer, key: Buffer, id = persistentId): OpenOptions => ({
      ...how,
      contexts: [
        {
          name: CreateContextName.DURABLE_HANDLE_RECONNECT_V2,
          data: encodeDurableHandleReconnectV2({
            persistentId: id,
            volatileId,
            createGuid: guid,
            flags: 0,
          }),
        },
        leased(key),
      ],
    });
    const after = await enter(persona, clientGuid);
    const stranger = await enter(persona, randomBytes(16));
    // Whoever has one of the keys wrong is told that there is no such file, and takes nothing away.
    for (const [tree, wrong] of [
      [after, again(randomBytes(16), leaseKey)],
      [after, again(createGuid, randomBytes(16))],
      [after, again(createGuid, leaseKey, persistentId + 1)],
      [stranger, again(createGuid, leaseKey)],
    ] as const) {
      assertStatus(await tree.request(createRequest(name, wrong)), STATUS_OBJECT_NAME_NOT_FOUND);
    }
    const { ms, result } = await timed(() => after.open(name, again(createGuid, leaseKey)));
    assert.ok(ms < AT_ONCE_MS, `${ms} ms`);
    assert.equal(result.created.persistentId, persistentId);
    assert.equal((await result.read(0, 7)).toString(), 'unsaved');
    await result.close();
  });
}

async function grantedTimeouts(
  tree: ClientTree,
  timeouts: readonly (readonly [asked: number, granted: number])[],
): Promise<void> {
  for (const [asked, granted] of timeouts) {
    const file = await tree.open(`band ${asked}`, {
      ...readWrite,
      oplockLevel: SMB2_OPLOCK_LEVEL_BATCH,
      contexts: [durable(randomBytes(16), asked)],
    });
    const { createContexts } = file.created;
    const answer = findCreateContext(createContexts, CreateContextName.DURABLE_HANDLE_REQUEST_V2);
    assert.ok(answer !== undefined);
    assert.equal(decodeDurableHandleResponseV2(answer).timeout, granted, `${asked}`);
    await file.close();
  }
}

test('B05 the timeout that Time Machine asks for is granted, that of others up to the bound', async () => {
  const others = await stage.enter(win11);
  await grantedTimeouts(others, [
    [0, DURABLE_V2_TIMEOUT_MS],
    [30_000, 30_000],
    [MAX_DURABLE_TIMEOUT_MS, MAX_DURABLE_TIMEOUT_MS],
    [960_000, MAX_DURABLE_TIMEOUT_MS],
    [0xffff_ffff, MAX_DURABLE_TIMEOUT_MS],
  ]);
  const mac = await stage.enter(macos15);
  await (await mac.open('', { contexts: [appleQuery], options: FILE_DIRECTORY_FILE })).close();
  await grantedTimeouts(mac, [
    [0, DURABLE_V2_TIMEOUT_MS],
    [30_000, 30_000],
    [60_000, 60_000],
    [960_000, 960_000],
    [0xffff_ffff, MAX_APPLE_DURABLE_TIMEOUT_MS],
  ]);
});
