import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { decryptSecret, encryptSecret } from '../../auth/lsa-secrets.ts';
import { SILENT_LOGGER } from '../../base/log.ts';
import { SE_BACKUP_PRIVILEGE, SE_RESTORE_PRIVILEGE } from '../../dtyp/access-check.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_HANDLE,
  STATUS_NO_MORE_ENTRIES,
  STATUS_NO_SUCH_PRIVILEGE,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
  STATUS_UNKNOWN_REVISION,
} from '../../dtyp/ntstatus.ts';
import { BUILTIN_ADMINISTRATORS, type Sid } from '../../dtyp/sid.ts';
import { LSARPC } from '../../rpc/lsarpc.ts';
import { PolicyStore } from '../policy-store.ts';
import { connectTo, context } from './connect.support.test.ts';

const { operations } = LSARPC;
const folder = mkdtempSync(join(tmpdir(), 'usmbd-policy-'));
after(() => rmSync(folder, { recursive: true }));

const SOMEBODY: Sid = 'S-1-5-21-9-8-7-1105';
const KEY = Buffer.from('4e98c910b2a988d792fb5aa33e8ef786', 'hex');
const ATTRIBUTES = {
  length: 24,
  rootDirectory: null,
  objectName: 0,
  attributes: 0,
  securityDescriptor: 0,
  securityQualityOfService: null,
};

function connected(administrator: boolean, policy = new PolicyStore(undefined, SILENT_LOGGER)) {
  const call = connectTo('lsarpc', LSARPC, context({ administrator, policy, sessionKey: KEY }));
  const { policyHandle } = call(operations.LsarOpenPolicy2, {
    systemName: null,
    objectAttributes: ATTRIBUTES,
    desiredAccess: 0x0200_0000,
  });
  return { call, policyHandle };
}

const rights = (...names: readonly string[]) => ({ rights: names });

test('MS-LSAD 3.1.4.5: an administrator gives an account rights and takes them; others see them', () => {
  const policy = new PolicyStore(undefined, SILENT_LOGGER);
  const { call, policyHandle } = connected(true, policy);
  const add = (userRights: ReturnType<typeof rights>) =>
    call(operations.LsarAddAccountRights, { policyHandle, accountSid: SOMEBODY, userRights });
  const none = { status: STATUS_NO_SUCH_PRIVILEGE };
  assert.deepEqual(add(rights('SeFlyPrivilege')), none);
  const both = rights('SeBackupPrivilege', 'SeRestorePrivilege');
  assert.deepEqual(add(both), { status: STATUS_SUCCESS });
  const bits = SE_BACKUP_PRIVILEGE | SE_RESTORE_PRIVILEGE;
  assert.equal(policy.filePrivilegesOf([SOMEBODY]), bits);

  const other = connected(false, policy);
  const asked = { policyHandle: other.policyHandle, accountSid: SOMEBODY };
  const told = other.call(operations.LsarEnumerateAccountRights, asked);
  assert.deepEqual(told, { userRights: both, status: STATUS_SUCCESS });
  const taken = { ...asked, allRights: 0, userRights: both };
  const refused = other.call(operations.LsarRemoveAccountRights, taken);
  assert.deepEqual(refused, { status: STATUS_ACCESS_DENIED });

  const remove = { ...taken, policyHandle, userRights: rights('sebackupprivilege') };
  assert.equal(call(operations.LsarRemoveAccountRights, remove).status, STATUS_SUCCESS);
  assert.equal(policy.filePrivilegesOf([SOMEBODY]), SE_RESTORE_PRIVILEGE);
  // 3.1.4.5.12: with its last right the account goes, one by one or all at once.
  const enumerated = () =>
    call(operations.LsarEnumerateAccountRights, { policyHandle, accountSid: SOMEBODY }).status;
  const last = { ...remove, userRights: rights('SeRestorePrivilege') };
  assert.equal(call(operations.LsarRemoveAccountRights, last).status, STATUS_SUCCESS);
  assert.equal(enumerated(), STATUS_OBJECT_NAME_NOT_FOUND);
  add(both);
  call(operations.LsarRemoveAccountRights, { ...remove, allRights: 1, userRights: rights() });
  assert.equal(enumerated(), STATUS_OBJECT_NAME_NOT_FOUND);
});

test('MS-LSAD 3.1.4.5.2: accounts are told in parts, each once', () => {
  const policy = new PolicyStore(undefined, SILENT_LOGGER);
  const made: Sid[] = [BUILTIN_ADMINISTRATORS];
  for (let rid = 1000; rid < 1010; rid++) {
    const sid: Sid = `S-1-5-21-1-2-3-${rid}`;
    assert.equal(policy.createAccount(sid, 'root'), 'done');
    made.push(sid);
  }
  const { call, policyHandle } = connected(false, policy);
  const told: (Sid | null)[] = [];
  let enumerationContext = 0;
  for (;;) {
    const input = { policyHandle, enumerationContext, preferedMaximumLength: 100 };
    const answer = call(operations.LsarEnumerateAccounts, input);
    if (answer.status === STATUS_NO_MORE_ENTRIES) break;
    told.push(...(answer.enumerationBuffer.entries ?? []));
    ({ enumerationContext } = answer);
  }
  assert.deepEqual(told, made);
});

test('MS-LSAD 3.1.4.5.1, .5.6, .7.4: an account is made, opened, changed by its handle and deleted', () => {
  const { call, policyHandle } = connected(true);
  const input = { policyHandle, sid: SOMEBODY, desiredAccess: 0x0200_0000 };
  const made = call(operations.LsarCreateAccount, input);
  assert.equal(made.status, STATUS_SUCCESS);
  const twice = call(operations.LsarCreateAccount, input);
  assert.equal(twice.status, STATUS_OBJECT_NAME_COLLISION);
  const accountHandle = made.handle;
  const privileges = [{ luidLow: 9, luidHigh: 0, attributes: 0 }];
  const set = { count: 1, control: 0, privileges };
  call(operations.LsarAddPrivilegesToAccount, { accountHandle, privileges: set });
  const held = call(operations.LsarEnumeratePrivilegesAccount, { accountHandle });
  assert.deepEqual(held, { privileges: set, status: STATUS_SUCCESS });
  const wrong = { accountHandle: policyHandle };
  const mixed = call(operations.LsarEnumeratePrivilegesAccount, wrong);
  assert.equal(mixed.status, STATUS_INVALID_HANDLE);
  const all = { accountHandle, allPrivileges: 1, privileges: null };
  assert.equal(call(operations.LsarRemovePrivilegesFromAccount, all).status, STATUS_SUCCESS);
  const object = { objectHandle: accountHandle };
  assert.equal(call(operations.LsarDeleteObject, object).status, STATUS_SUCCESS);
  const opened = call(operations.LsarOpenAccount, input);
  assert.equal(opened.status, STATUS_OBJECT_NAME_NOT_FOUND);
});

test('MS-LSAD 3.1.4.6: a secret is kept encrypted on the wire, with the value before it; for administrators', () => {
  const policy = new PolicyStore(undefined, SILENT_LOGGER);
  const { call, policyHandle } = connected(true, policy);
  const name = { policyHandle, name: 'G$mine', desiredAccess: 3 };
  const { handle: secretHandle } = call(operations.LsarCreateSecret, name);
  const cipher = (text: string) => {
    const buffer = encryptSecret(Buffer.from(text), KEY);
    return { length: buffer.length, maximumLength: buffer.length, buffer };
  };
  for (const text of ['first', 'second']) {
    const set = { secretHandle, current: cipher(text), old: null };
    assert.equal(call(operations.LsarSetSecret, set).status, STATUS_SUCCESS);
  }
  const broken = cipher('third');
  broken.buffer[0]! ^= 1;
  const set = { secretHandle, current: broken, old: null };
  assert.equal(call(operations.LsarSetSecret, set).status, STATUS_UNKNOWN_REVISION);
  const nothing = { cipher: null };
  const asked = { current: nothing, currentSetTime: 0n, old: nothing, oldSetTime: null };
  const told = call(operations.LsarQuerySecret, { secretHandle, ...asked });
  const clear = (value: typeof told.current) => decryptSecret(value!.cipher!.buffer!, KEY);
  assert.deepEqual([clear(told.current), clear(told.old)].map(String), ['second', 'first']);
  assert.ok(told.currentSetTime! > 0n);
  const other = connected(false, policy);
  const theirs = { ...name, policyHandle: other.policyHandle };
  assert.equal(other.call(operations.LsarOpenSecret, theirs).status, STATUS_ACCESS_DENIED);
});

test('MS-LSAD 3.1.4.6.5: private data are stored, read and removed in one call each', () => {
  const { call, policyHandle } = connected(true);
  const keyName = 'L$key';
  const buffer = encryptSecret(Buffer.from('data'), KEY);
  const data = { length: buffer.length, maximumLength: buffer.length, buffer };
  const store = (value: typeof data | null) =>
    call(operations.LsarStorePrivateData, { policyHandle, keyName, data: value }).status;
  const retrieve = () =>
    call(operations.LsarRetrievePrivateData, { policyHandle, keyName, data: null });
  assert.equal(store(data), STATUS_SUCCESS);
  assert.equal(String(decryptSecret(retrieve().data!.buffer!, KEY)), 'data');
  assert.equal(store(null), STATUS_SUCCESS);
  assert.equal(retrieve().status, STATUS_OBJECT_NAME_NOT_FOUND);
});

test('the policy outlives the server in a file for its owner; a damaged one is not replaced', () => {
  const path = join(folder, 'policy.json');
  const first = new PolicyStore(path, SILENT_LOGGER);
  first.addPrivileges(SOMEBODY, ['SeBackupPrivilege'], 'root');
  first.createSecret('one', 5);
  first.setSecret('one', { current: Buffer.from('x'), old: undefined }, 6);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const second = new PolicyStore(path, SILENT_LOGGER);
  assert.deepEqual(second.privilegesOf(SOMEBODY), ['SeBackupPrivilege']);
  assert.deepEqual(second.secret('one')?.current, { value: Buffer.from('x'), timeMs: 6 });
  for (const text of ['{', '{"accounts":{"x":[]},"secrets":{}}', '[]']) {
    writeFileSync(path, text);
    const damaged = new PolicyStore(path, SILENT_LOGGER);
    assert.equal(damaged.createSecret('two', 5), 'unwritable');
    assert.equal(readFileSync(path, 'utf8'), text);
  }
});
