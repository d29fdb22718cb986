import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_SUCCESS,
} from '../../dtyp/ntstatus.ts';
import { BUILTIN_DOMAIN, type Sid } from '../../dtyp/sid.ts';
import type { InputOf } from '../../rpc/operation.ts';
import { SAMR } from '../../rpc/samr.ts';
import { INITIAL_POLICY } from '../domain-policy.ts';
import { connectTo, context, guardOf } from './connect.support.test.ts';
import { MACHINE } from './principals.support.test.ts';

const { operations: op } = SAMR;
type Settings = InputOf<typeof op.SamrSetInformationDomain>['information'];

const MAXIMUM_ALLOWED = 0x0200_0000;
const DAY = 864_000_000_000n;

function connected(administrator: boolean, guard = guardOf()) {
  const call = connectTo('samr', SAMR, context({ administrator, guard }));
  const server = call(op.SamrConnect2, { serverName: null, desiredAccess: MAXIMUM_ALLOWED }).handle;
  const open = (desiredAccess = MAXIMUM_ALLOWED, domainId: Sid = MACHINE) =>
    call(op.SamrOpenDomain, { handle: server, desiredAccess, domainId }).handle;
  const set = (information: Settings, handle = open()) => {
    const informationClass = Number(
      information.tag === 'other' ? information.value : information.tag,
    );
    return call(op.SamrSetInformationDomain, { handle, informationClass, information }).status;
  };
  const query = (informationClass: number) =>
    call(op.SamrQueryInformationDomain, { handle: open(), informationClass }).information;
  return { call, server, open, set, query, guard };
}

const RULES = {
  ...{ minPasswordLength: 8, passwordHistoryLength: 3, passwordProperties: 1 },
  ...{ maxPasswordAge: -42n * DAY, minPasswordAge: -DAY },
};
const LOCKOUT = {
  lockoutDuration: -20n * DAY,
  lockoutObservationWindow: -DAY,
  lockoutThreshold: 7,
};

test('an administrator sets rules and lockout, and every call tells them (3.1.5.6.1)', () => {
  const { call, open, set, query } = connected(true);
  assert.equal(set({ tag: 1, value: RULES }), STATUS_SUCCESS);
  assert.equal(set({ tag: 12, value: LOCKOUT }), STATUS_SUCCESS);
  assert.equal(set({ tag: 3, value: { forceLogoff: 0n } }), STATUS_SUCCESS);
  assert.equal(set({ tag: 4, value: { oemInformation: 'Ours' } }), STATUS_SUCCESS);
  assert.equal(set({ tag: 6, value: { replicaSourceNodeName: 'OLD' } }), STATUS_SUCCESS);
  assert.equal(set({ tag: 9, value: { domainServerState: 2 } }), STATUS_SUCCESS);
  assert.deepEqual(query(1), { tag: 1, value: RULES });
  assert.deepEqual(query(12), { tag: 12, value: LOCKOUT });
  assert.deepEqual(query(3), { tag: 3, value: { forceLogoff: 0n } });
  assert.deepEqual(query(4), { tag: 4, value: { oemInformation: 'Ours' } });
  assert.deepEqual(query(6), { tag: 6, value: { replicaSourceNodeName: 'OLD' } });
  assert.deepEqual(query(9), { tag: 9, value: { domainServerState: 1 } });
  const all = query(11);
  assert.equal(all?.tag, 11);
  const { general, ...lockout } = all.value as { general: object };
  assert.deepEqual(lockout, LOCKOUT);
  const some = { forceLogoff: 0n, oemInformation: 'Ours', replicaSourceNodeName: 'OLD' };
  assert.partialDeepStrictEqual(general, some);
  const short = { minPasswordLength: 8, passwordProperties: 1 };
  const ofDomain = call(op.SamrGetDomainPasswordInformation, { unused: null });
  assert.deepEqual(ofDomain, { information: short, status: STATUS_SUCCESS });
  const user = { handle: open(), desiredAccess: 0, rid: 1000 + 2 * 1000 };
  const { handle } = call(op.SamrOpenUser, user);
  const ofUser = call(op.SamrGetUserDomainPasswordInformation, { handle });
  assert.deepEqual(ofUser, { information: short, status: STATUS_SUCCESS });
});

test('a handle has the rights it was opened with, and of those only what the caller may have', () => {
  const { guard } = connected(true);
  const rules = { tag: 1, value: RULES } as const;
  const logoff = { tag: 3, value: { forceLogoff: 0n } } as const;
  const replica = { tag: 6, value: { replicaSourceNodeName: 'X' } } as const;
  const administrator = connected(true, guard);
  const opened = (access: number) => administrator.open(access);
  for (const [information, enough, others] of [
    [rules, 0x2, 0x40d],
    [logoff, 0x8, 0x407],
    [replica, 0x400, 0x00f],
  ] as const) {
    assert.equal(administrator.set(information, opened(others)), STATUS_ACCESS_DENIED);
    assert.equal(administrator.set(information, opened(enough)), STATUS_SUCCESS);
    // GENERIC_WRITE and GENERIC_ALL have all three, GENERIC_READ none.
    assert.equal(administrator.set(information, opened(0x4000_0000)), STATUS_SUCCESS);
    assert.equal(administrator.set(information, opened(0x1000_0000)), STATUS_SUCCESS);
    assert.equal(administrator.set(information, opened(0x8000_0000)), STATUS_ACCESS_DENIED);
  }
  const changed = { ...guard.policy };
  const other = connected(false, guard);
  for (const information of [rules, logoff, replica]) {
    for (const access of [MAXIMUM_ALLOWED, 0x1000_0000, 0x40f]) {
      assert.equal(other.set(information, other.open(access)), STATUS_ACCESS_DENIED);
    }
  }
  assert.deepEqual(guard.policy, changed);
});

test('what cannot be set is refused by its reason, and nothing changes', () => {
  const { set, open, server, guard } = connected(true);
  const rules = (some: object) => ({ tag: 1, value: { ...RULES, ...some } }) as const;
  for (const some of [
    { maxPasswordAge: DAY },
    { maxPasswordAge: -DAY },
    { minPasswordLength: 1025 },
    { passwordHistoryLength: 1025 },
  ]) {
    assert.equal(set(rules(some)), STATUS_INVALID_PARAMETER);
  }
  const shorter = { ...LOCKOUT, lockoutDuration: -1n };
  assert.equal(set({ tag: 12, value: shorter }), STATUS_INVALID_PARAMETER);
  assert.equal(set(rules({ passwordProperties: 0x10 })), STATUS_NOT_SUPPORTED);
  // No domain controller; names come from the configuration.
  assert.equal(set({ tag: 7, value: { domainServerRole: 3 } }), STATUS_NOT_SUPPORTED);
  assert.equal(set({ tag: 5, value: { domainName: 'X' } }), STATUS_INVALID_INFO_CLASS);
  assert.equal(set({ tag: 'other', value: 99 }), STATUS_INVALID_INFO_CLASS);
  const builtin = open(MAXIMUM_ALLOWED, BUILTIN_DOMAIN);
  assert.equal(set(rules({}), builtin), STATUS_ACCESS_DENIED);
  assert.equal(set(rules({}), server), STATUS_OBJECT_TYPE_MISMATCH);
  assert.deepEqual(guard.policy, INITIAL_POLICY);
});
