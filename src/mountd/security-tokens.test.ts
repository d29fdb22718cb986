/** Users as security descriptors know them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_FILE_PRIVILEGES } from '../dtyp/access-check.ts';
import {
  ANONYMOUS,
  AUTHENTICATED_USERS,
  BUILTIN_ADMINISTRATORS,
  BUILTIN_GUESTS,
} from '../dtyp/sid.ts';
import { SecurityTokens } from './security-tokens.ts';
import { systemAccounts } from './system-accounts.ts';

const PASSWD = ['root:x:0:0::/root:/bin/sh', 'ann:x:1001:100::/:/bin/sh', 'bob:x:1002:100::/:'];
const GROUP = ['users:x:100:', 'staff:x:50:ann', 'games:x:60:bob'];

const tokens = (
  facts: { passwd?: string[]; group?: string[]; ids?: number[]; nowMs?: number } = {},
) =>
  new SecurityTokens({
    machineSid: 'S-1-5-21-1-2-3',
    systemAccounts: () => systemAccounts(facts.passwd ?? PASSWD, facts.group ?? GROUP),
    accountIds: () => facts.ids ?? [0, 1001],
    own: { uid: 1001, gid: 100, groups: [50] },
    now: () => facts.nowMs ?? 0,
  });

test('a user with an account', () => {
  const token = tokens().of({ uid: 1001, gid: 100, groups: [50] }, 'user');
  assert.equal(token.user, 'S-1-5-21-1-2-3-3002');
  assert.equal(token.primaryGroup, 'S-1-22-2-100');
  assert.ok(token.sids.includes('S-1-22-2-50') && token.sids.includes(AUTHENTICATED_USERS));
  assert.equal(token.privileges, 0);
});

test('where the process cannot be another, everybody is it', () => {
  assert.deepEqual(
    tokens().of(undefined, 'user'),
    tokens().of({ uid: 1001, gid: 100, groups: [50] }, 'user'),
  );
});

test('guests and nobody in particular', () => {
  const identity = { uid: 65534, gid: 65534, groups: [] };
  const guest = tokens().of(identity, 'guest');
  assert.equal(guest.user, 'S-1-22-1-65534');
  assert.ok(guest.sids.includes(BUILTIN_GUESTS) && !guest.sids.includes(ANONYMOUS));
  const anonymous = tokens().of(identity, 'anonymous');
  assert.ok(anonymous.sids.includes(ANONYMOUS));
  assert.ok(!anonymous.sids.includes(AUTHENTICATED_USERS));
});

test("the superuser's account has the privileges of administrators, a guest as root has not", () => {
  const root = { uid: 0, gid: 0, groups: [] };
  assert.equal(tokens().of(root, 'user').privileges, ALL_FILE_PRIVILEGES);
  assert.ok(tokens().of(root, 'user').sids.includes(BUILTIN_ADMINISTRATORS));
  assert.equal(tokens().of(root, 'guest').privileges, 0);
  assert.ok(!tokens().of(root, 'guest').sids.includes(BUILTIN_ADMINISTRATORS));
});

test('what the system and the accounts say is read again after a while', () => {
  const facts = { passwd: PASSWD, group: GROUP, ids: [1001], nowMs: 0 };
  const { sids } = tokens(facts);
  assert.deepEqual(sids.groupsOf(1001), [100, 50]);
  assert.equal(sids.userSid(1002), 'S-1-22-1-1002');
  facts.ids = [1001, 1002];
  facts.group = ['games:x:60:ann'];
  assert.equal(sids.userSid(1002), 'S-1-22-1-1002', 'not yet');
  facts.nowMs = 10_000;
  assert.deepEqual(sids.groupsOf(1001), [100, 60]);
  assert.equal(sids.userSid(1002), 'S-1-5-21-1-2-3-3004');
  assert.deepEqual(sids.groupsOf(4711), []);
});
