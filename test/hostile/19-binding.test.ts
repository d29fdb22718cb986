/** Connections that would be channels of a session that is not theirs (MS-SMB2 3.3.5.5), and floods of them. */
import assert from 'node:assert/strict';
import { MAX_CHANNELS_PER_SESSION } from '../../src/base/limits.ts';
import { StatusError } from '../../src/client/client-error.ts';
import { type LoginOptions, login } from '../../src/client/login.ts';
import type { ClientSession } from '../../src/client/session.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_LOGON_FAILURE,
  STATUS_USER_SESSION_DELETED,
} from '../../src/dtyp/ntstatus.ts';
import { SHARE } from '../support/in-process-server.ts';
import { hostileSuite, type Kit } from './kit.ts';

const VICTIM = { user: 'victim', secret: 'Vict1m!' };
const THIEF = { user: 'thief', secret: 'Th1ef!' };
const identity = { uid: 1001, gid: 1001, groups: [] };
const hostile = await hostileSuite({
  shares: [{ name: SHARE, path: '/tmp' }],
  users: [
    { name: 'victim', password: VICTIM.secret, identity },
    { name: 'thief', password: THIEF.secret, identity },
    { name: 'tester', password: 'Passw0rd!', identity },
  ],
});

async function scene(kit: Kit) {
  const session = await (await kit.connect()).login(VICTIM);
  const tree = await session.treeConnect(SHARE);
  const alive = () => tree.list('');
  return { session, alive };
}

/** A binding by a thief, who knows of another's session its id. */
const steal = async (
  kit: Kit,
  { sessionId }: ClientSession,
  own: ClientSession,
  who: LoginOptions,
) =>
  login(await kit.connect(), who, undefined, {
    sessionId,
    sessionSigner: own.signer,
  } as ClientSession);

async function refused(binding: Promise<unknown>, status: NtStatus): Promise<void> {
  const is = (error: unknown) => error instanceof StatusError && error.status === status;
  await assert.rejects(binding, is);
}

hostile('binding another user’s session', async (kit) => {
  const { session, alive } = await scene(kit);
  const own = await (await kit.connect()).login(THIEF);
  // With one's own key or name. Who signs with a wrong key is refused without a signature.
  const denied = /status 0xc0000022: unsigned/;
  await assert.rejects(steal(kit, session, own, THIEF), denied);
  await refused(session.bind(await kit.connect(), THIEF), STATUS_ACCESS_DENIED);
  await assert.rejects(steal(kit, session, own, VICTIM), denied);
  await alive();
});

hostile('binding with the wrong password, again and again', async (kit) => {
  const { session, alive } = await scene(kit);
  // The server takes its time over each more.
  for (let i = 0; i < 2; i++) {
    const binding = session.bind(await kit.connect(), { secret: 'wrong' });
    await refused(binding, STATUS_LOGON_FAILURE);
    await alive();
  }
  await session.bind(await kit.connect());
});

hostile('a flood of channels', async (kit) => {
  const { session, alive } = await scene(kit);
  const attempts = Array.from({ length: 2 * MAX_CHANNELS_PER_SESSION }, async () =>
    session.bind(await kit.connect()).then(
      () => 'bound',
      (error: unknown) => (error as StatusError).status,
    ),
  );
  const results = await Promise.all(attempts);
  const bound = results.filter((result) => result === 'bound').length;
  assert.equal(bound, MAX_CHANNELS_PER_SESSION - 1);
  assert.ok(results.every((one) => one === 'bound' || one === STATUS_INSUFFICIENT_RESOURCES));
  await alive();
});

hostile('bindings that are begun and left, on a session that ends', async (kit) => {
  const { session } = await scene(kit);
  const others = [];
  for (let i = 0; i < 20; i++) {
    const connection = await kit.connect();
    // The second step never comes.
    const craftToken = (token: Buffer, step: number): Buffer => {
      if (step > 0) throw new Error('left');
      return token;
    };
    await assert.rejects(session.bind(connection, { craftToken }), /left/);
    others.push(connection);
  }
  await session.logoff();
  for (const one of others) await refused(session.bind(one), STATUS_USER_SESSION_DELETED);
});
