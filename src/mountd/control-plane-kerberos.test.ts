import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KerberosPeer } from '../auth/kerberos.ts';
import { encodeNegTokenInit, Mechanism } from '../auth/spnego.ts';
import { readConfiguration } from '../config/load.ts';
import type { Sid } from '../dtyp/sid.ts';
import type { Account, LoginStep } from '../ipc/control-plane.ts';
import { createControlPlane } from './control-plane.ts';
import { systemAccounts } from './system-accounts.ts';

const CLIENT = { address: '192.0.2.9' };
const SYSTEM = systemAccounts(
  ['root:x:0:0::/:', 'nobody:x:65534:65534::/:', 'ann:x:1000:100::/:', 'eve:x:1234:1234::/:'],
  ['users:x:100:'],
);
const CONFIGURATION = `
[global]
  realm = EXAMPLE.COM
[all]
  path = /all
[staff]
  path = /staff
  valid users = @S-1-5-21-1-2-3-1105
[other]
  path = /other
  invalid users = S-1-5-21-1-2-3-1105
`;

const peer = (principal: string): KerberosPeer => ({
  principal,
  localName: undefined,
  sessionKey: Buffer.alloc(32, 7),
  expiresAtMs: Date.now() + 60_000,
  pac: undefined,
});

const NO_MESSAGES = {
  sizes: async () => undefined,
  isNext: async () => false,
  seal: async () => undefined,
  unseal: async () => undefined,
};

function planeFor(who: KerberosPeer, text = CONFIGURATION) {
  const exchange = {
    step: async () => ({ kind: 'done', token: Buffer.from('reply'), peer: who }) as const,
    sign: async () => undefined,
    verify: async () => false,
    ...NO_MESSAGES,
    close: () => undefined,
  };
  return createControlPlane({
    configuration: readConfiguration(text, 'f').configuration,
    users: [{ name: 'bob', password: 'lion' }],
    switchesIdentity: true,
    systemAccounts: () => SYSTEM,
    kerberos: { available: true, begin: () => exchange },
  });
}

async function login(who: KerberosPeer): Promise<LoginStep> {
  const exchange = planeFor(who).beginLogin(CLIENT);
  const step = await exchange.step(
    encodeNegTokenInit({ mechTypes: [Mechanism.KRB5], mechToken: Buffer.from('AP-REQ') }),
  );
  exchange.close();
  return step;
}

test('a principal is the user of its name, of the system or of the accounts, until its ticket ends', async () => {
  const who = peer('ann@EXAMPLE.COM');
  const step = await login(who);
  assert.ok(step.kind === 'done');
  const { account, sessionKey, expiresAtMs } = step;
  assert.equal(account.name, 'ann');
  assert.deepEqual(account.identity, { uid: 1000, gid: 100, groups: [] });
  assert.deepEqual(account.domain, { principal: 'ann@EXAMPLE.COM', sids: [] });
  assert.deepEqual([sessionKey, expiresAtMs], [who.sessionKey, who.expiresAtMs]);
  const bob = await login(peer('bob@EXAMPLE.COM'));
  assert.ok(bob.kind === 'done' && bob.account.name === 'bob');
});

test('nobody of another realm, nobody without a user here, no root, no ticket that has ended', async () => {
  for (const who of [
    peer('ann@ELSEWHERE.COM'),
    peer('mallory@EXAMPLE.COM'),
    peer('root@EXAMPLE.COM'),
    { ...peer('ann@EXAMPLE.COM'), expiresAtMs: Date.now() - 1 },
  ]) {
    assert.deepEqual(await login(who), { kind: 'refused', reason: 'logon-failure' });
  }
});

test('a PAC that is none costs the groups, not the login', async () => {
  const step = await login({ ...peer('ann@EXAMPLE.COM'), pac: Buffer.from('garbage') });
  assert.ok(step.kind === 'done');
  assert.deepEqual(step.account.domain?.sids, []);
});

test("the domain's SIDs are in the lists of shares, and in the token of the access check", async () => {
  const group: Sid = 'S-1-5-21-1-2-3-1105';
  const account: Account = {
    name: 'ann',
    kind: 'user',
    identity: { uid: 1000, gid: 100, groups: [] },
    domain: { principal: 'ann@EXAMPLE.COM', sids: ['S-1-5-21-1-2-3-1104', group] },
  };
  const plane = planeFor(peer('ann@EXAMPLE.COM'));
  const decide = async (share: string, who = account) => plane.connectShare(who, share, CLIENT);
  const all = await decide('all');
  assert.ok(all.kind === 'granted' && all.token.sids.includes(group));
  assert.notEqual(all.token.user, group);
  assert.equal((await decide('staff')).kind, 'granted');
  assert.equal((await decide('other')).kind, 'denied');

  const without = { ...account, domain: { principal: 'ann@EXAMPLE.COM', sids: [] } };
  assert.equal((await decide('staff', without)).kind, 'denied');
  assert.equal((await decide('other', without)).kind, 'granted');
  // Of a login by password: ann has no account here.
  const { domain: _, ...local } = account;
  assert.equal((await decide('all', local)).kind, 'denied');
});
