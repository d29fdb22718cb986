import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ntHash } from '../../auth/ntlm-crypto.ts';
import { encryptHash, encryptPassword, encryptPasswordNew } from '../../auth/sam-passwords.ts';
import { encryptPasswordAes, keyOfOldHash } from '../../auth/sam-passwords-aes.ts';
import { SILENT_LOGGER } from '../../base/log.ts';
import { readPasswordHistory } from '../../config/password-history.ts';
import { editUserDatabase, parseUserDatabase, type UserDatabase } from '../../config/user-db.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_ACCOUNT_LOCKED_OUT,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_SUCH_USER,
  STATUS_NOT_IMPLEMENTED,
  STATUS_NOT_SUPPORTED,
  STATUS_PASSWORD_RESTRICTION,
  STATUS_SUCCESS,
  STATUS_USER_EXISTS,
  STATUS_WRONG_PASSWORD,
} from '../../dtyp/ntstatus.ts';
import {
  decodeParameters,
  encodeParameters,
  type InputOf,
  type Operation,
  type OutputOf,
} from '../../rpc/operation.ts';
import { SAMR } from '../../rpc/samr.ts';
import { createAccountStore } from '../account-store.ts';
import { GroupStore } from '../group-store.ts';
import { LoginThrottle } from '../login-throttle.ts';
import { context, guardOf } from './connect.support.test.ts';
import { MACHINE, principalsOf } from './principals.support.test.ts';
import { createSamrService } from './samr-service.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-samr-'));
after(() => rmSync(folder, { recursive: true }));
const KEY = Buffer.alloc(16, 7);
const { operations: op } = SAMR;

let files = 0;

/** anna and bob have accounts; carl is the system's only. */
function server(administrator: boolean, sessionKey: Buffer | undefined = KEY, guard = guardOf()) {
  const groups = new GroupStore(undefined, MACHINE, SILENT_LOGGER);
  files += 1;
  const file = join(folder, `accounts-${files}`);
  editUserDatabase(file, (database) => {
    database.set('anna', ntHash('tiger'));
    database.set('bob', ntHash('lion'));
  });
  const stored = (): UserDatabase => parseUserDatabase(readFileSync(file, 'utf8'), file);
  const ids: Record<string, number> = { anna: 1000, bob: 1001, carl: 1002 };
  const accounts = createAccountStore({
    file,
    find: (name) => stored().find(name),
    isInFile: (name) => name !== 'given',
    mayExist: (name) => name in ids,
    changed: () => undefined,
    throttle: new LoginThrottle(),
    guard,
    ...{ address: '192.0.2.1', by: 'anna', log: SILENT_LOGGER },
  });
  // Principals keep what they know for a second: each call sees the file as it is.
  const make = () =>
    createSamrService(
      context({
        ...{ administrator, sessionKey, accounts, groups, guard },
        principals: principalsOf(...stored().names.map((name) => [name, ids[name]!] as const)),
      }),
    );
  let service = make();
  const call = async <O extends Operation>(
    operation: O,
    input: InputOf<O>,
  ): Promise<OutputOf<O>> => {
    const stub = encodeParameters(operation.input, input as never);
    const result = await service.call(operation.opnum, stub, false);
    return decodeParameters(operation.output, result!) as OutputOf<O>;
  };
  const domain = async () => {
    const { handle } = await call(op.SamrConnect2, { serverName: null, desiredAccess: 0 });
    return (await call(op.SamrOpenDomain, { handle, desiredAccess: 0, domainId: MACHINE })).handle;
  };
  const user = async (rid: number) =>
    (await call(op.SamrOpenUser, { handle: await domain(), desiredAccess: 0, rid })).handle;
  const renew = () => {
    service = make();
  };
  const setAtMs = (name: string) => readPasswordHistory(file).setAtMs(name, hashOf(stored(), name));
  return { call, domain, user, stored, renew, groups, setAtMs };
}

const hashOf = (database: UserDatabase, name: string): Buffer => database.find(name)!.ntHash;
const rid = (uid: number): number => 1000 + 2 * uid;

function changeOf(user: string, old: string, next: string) {
  const [oldHash, newHash] = [ntHash(old), ntHash(next)];
  return {
    serverName: null,
    userName: user,
    newPasswordEncryptedWithOldNt: encryptPassword(next, oldHash),
    oldNtOwfEncryptedWithNewNt: encryptHash(oldHash, newHash),
    lmPresent: 0,
    newPasswordEncryptedWithOldLm: null,
    oldLmOwfEncryptedWithNewNt: null,
  };
}

test('whoever knows the password changes it, in whatever case the name is (3.1.5.10.3)', async () => {
  const { call, stored } = server(false);
  const input = changeOf('ANNA', 'tiger', 'Löwe 2');
  assert.equal((await call(op.SamrUnicodeChangePasswordUser2, input)).status, STATUS_SUCCESS);
  assert.deepEqual(hashOf(stored(), 'anna'), ntHash('Löwe 2'));
  const again = { ...changeOf('anna', 'Löwe 2', 'third'), additional: null };
  assert.equal((await call(op.SamrUnicodeChangePasswordUser3, again)).status, STATUS_SUCCESS);
  assert.deepEqual(hashOf(stored(), 'anna'), ntHash('third'));
});

test('a wrong old password, and nobody, are refused alike and slowly', async () => {
  const { call, stored } = server(true);
  for (const user of ['anna', 'nobody']) {
    const beganMs = performance.now();
    const input = changeOf(user, 'wrong', 'new');
    const { status } = await call(op.SamrUnicodeChangePasswordUser2, input);
    assert.equal(status, STATUS_WRONG_PASSWORD);
    assert.ok(performance.now() - beganMs > 50);
  }
  const half = {
    ...changeOf('anna', 'tiger', 'new'),
    oldNtOwfEncryptedWithNewNt: encryptHash(ntHash('wrong'), ntHash('new')),
  };
  assert.equal((await call(op.SamrUnicodeChangePasswordUser2, half)).status, STATUS_WRONG_PASSWORD);
  assert.deepEqual(hashOf(stored(), 'anna'), ntHash('tiger'));
});

test('by AES likewise: who knows the old one, and nobody else (3.1.5.10.4)', async () => {
  const { call, stored } = server(false);
  const change = async (userName: string, old: string, next: string, iterations = 5000n) => {
    const salt = randomBytes(16);
    const key = await keyOfOldHash(ntHash(old), { salt, iterations: 5000n });
    const password = encryptPasswordAes(next, key!, salt, iterations);
    const input = { serverName: null, userName, password };
    return (await call(op.SamrUnicodeChangePasswordUser4, input)).status;
  };
  assert.equal(await change('ANNA', 'tiger', 'Löwe 2'), STATUS_SUCCESS);
  assert.deepEqual(hashOf(stored(), 'anna'), ntHash('Löwe 2'));
  assert.equal(await change('anna', 'tiger', 'new'), STATUS_WRONG_PASSWORD);
  assert.equal(await change('nobody', 'tiger', 'new'), STATUS_WRONG_PASSWORD);
  for (const iterations of [0n, 5001n, 1_000_001n])
    assert.equal(await change('anna', 'Löwe 2', 'new', iterations), STATUS_WRONG_PASSWORD);
  assert.equal(await change('anna', 'Löwe 2', ''), STATUS_PASSWORD_RESTRICTION);
  assert.deepEqual(hashOf(stored(), 'anna'), ntHash('Löwe 2'));
});

test('a password that is none is refused with its reason', async () => {
  const { call } = server(false);
  const input = { ...changeOf('anna', 'tiger', ''), additional: null };
  const answer = await call(op.SamrUnicodeChangePasswordUser3, input);
  assert.equal(answer.status, STATUS_PASSWORD_RESTRICTION);
  assert.equal(answer.refusal?.reason, 1);
});

test('an administrator sets passwords under the session key, by each class (3.1.5.6.4)', async () => {
  const { call, user, stored } = server(true);
  const handle = await user(rid(1001));
  const set = (information: InputOf<typeof op.SamrSetInformationUser2>['information']) =>
    call(op.SamrSetInformationUser2, {
      handle,
      informationClass: information.tag as number,
      information,
    });
  const passwordExpired = 0;
  for (const [password, information] of [
    ['one', { tag: 24, value: { password: encryptPassword('one', KEY), passwordExpired } }],
    ['two', { tag: 26, value: { password: encryptPasswordNew('two', KEY), passwordExpired } }],
    ['aes', { tag: 31, value: { password: encryptPasswordAes('aes', KEY), passwordExpired } }],
    [
      'three',
      {
        tag: 18,
        value: {
          ntOwfPassword: encryptHash(ntHash('three'), KEY),
          lmOwfPassword: Buffer.alloc(16),
          ...{ ntPasswordPresent: 1, lmPasswordPresent: 0, passwordExpired },
        },
      },
    ],
  ] as const) {
    assert.equal((await set(information)).status, STATUS_SUCCESS, password);
    assert.deepEqual(hashOf(stored(), 'bob'), ntHash(password));
  }
  const queried = await call(op.SamrQueryInformationUser, { handle, informationClass: 21 });
  assert.equal(queried.information?.tag, 21);
  const { value: known } = queried.information;
  const setWith = (whichFields: number) =>
    set({
      tag: 32,
      value: { all: { ...known, whichFields }, password: encryptPasswordAes('four', KEY) },
    });
  // USER_ALL_PASSWORDEXPIRED alone, and with USER_ALL_NTPASSWORDPRESENT (2.2.1.8).
  assert.equal((await setWith(0x0800_0000)).status, STATUS_SUCCESS);
  assert.deepEqual(hashOf(stored(), 'bob'), ntHash('three'));
  assert.equal((await setWith(0x0900_0000)).status, STATUS_SUCCESS);
  assert.deepEqual(hashOf(stored(), 'bob'), ntHash('four'));
  const otherAes = encryptPasswordAes('x', Buffer.alloc(16, 8));
  const wrongAes = await set({ tag: 31, value: { password: otherAes, passwordExpired } });
  assert.equal(wrongAes.status, STATUS_WRONG_PASSWORD);
  const other = encryptPassword('x', Buffer.alloc(16, 8));
  const wrong = await set({ tag: 24, value: { password: other, passwordExpired } });
  assert.equal(wrong.status, STATUS_WRONG_PASSWORD);
  const control = (userAccountControl: number) => set({ tag: 16, value: { userAccountControl } });
  assert.equal((await control(0x10)).status, STATUS_SUCCESS);
  assert.equal((await control(0x11)).status, STATUS_NOT_SUPPORTED);
});

test('others set nothing, make nobody and remove nobody', async () => {
  const { call, user, domain, stored } = server(false);
  const handle = await user(rid(1001));
  const information = {
    tag: 24,
    value: { password: encryptPassword('one', KEY), passwordExpired: 0 },
  } as const;
  const input = { handle, informationClass: 24, information };
  assert.equal((await call(op.SamrSetInformationUser, input)).status, STATUS_ACCESS_DENIED);
  assert.equal((await call(op.SamrDeleteUser, { handle })).status, STATUS_ACCESS_DENIED);
  const made = { handle: await domain(), name: 'carl', desiredAccess: 0 };
  assert.equal((await call(op.SamrCreateUserInDomain, made)).status, STATUS_ACCESS_DENIED);
  assert.deepEqual(stored().names, ['anna', 'bob']);
});

test('an administrator makes and removes accounts of system users', async () => {
  const { call, user, domain, stored, renew, groups } = server(true);
  const make = async (name: string, accountType = 0x10) => {
    const input = { handle: await domain(), name, desiredAccess: 0, accountType };
    return (await call(op.SamrCreateUser2InDomain, input)).status;
  };
  for (const machine of [0x80, 0x100])
    assert.equal(await make('m$', machine), STATUS_NOT_SUPPORTED);
  assert.equal(await make('trust$', 0x40), STATUS_ACCESS_DENIED);
  for (const none of [0, 1, 0x11, 0x210, 0x81]) {
    assert.equal(await make('carl', none), STATUS_INVALID_PARAMETER);
  }
  assert.equal(await make('ANNA'), STATUS_USER_EXISTS);
  assert.equal(await make('ghost'), STATUS_NO_SUCH_USER);
  await make('carl');
  assert.deepEqual(stored().names, ['anna', 'bob', 'carl']);
  renew();
  const none = { handle: await domain(), memberSid: 'S-1-5-21-1-2-3-3004' } as const;
  assert.equal((await call(op.SamrRemoveMemberFromForeignDomain, none)).status, STATUS_SUCCESS);
  groups.addMember('S-1-5-32-544', `${MACHINE}-${rid(1002)}`, 'root');
  const gone = await call(op.SamrDeleteUser, { handle: await user(rid(1002)) });
  assert.equal(gone.status, STATUS_SUCCESS);
  assert.deepEqual(groups.membersOf('S-1-5-32-544'), []);
  assert.deepEqual(stored().names, ['anna', 'bob']);
});

const reasonOf = async (of: ReturnType<typeof server>, old: string, next: string) => {
  const input = { ...changeOf('anna', old, next), additional: null };
  const { status, refusal } = await of.call(op.SamrUnicodeChangePasswordUser3, input);
  return status === STATUS_PASSWORD_RESTRICTION ? refusal!.reason : status;
};

test('a change keeps to length, complexity and history, each with its reason (3.1.1.7)', async () => {
  const guard = guardOf();
  const of = server(false, KEY, guard);
  guard.domainPolicy.change(
    { minPasswordLength: 7, passwordProperties: 1, passwordHistoryLength: 3 },
    'root',
  );
  // SAM_PWD_CHANGE_PASSWORD_TOO_SHORT, _NOT_COMPLEX and _PWD_IN_HISTORY.
  assert.equal(await reasonOf(of, 'tiger', 'Tig3r!'), 1);
  assert.equal(await reasonOf(of, 'tiger', 'tigertiger'), 5);
  assert.equal(await reasonOf(of, 'tiger', 'Anna12345'), 5);
  assert.deepEqual(hashOf(of.stored(), 'anna'), ntHash('tiger'));
  assert.equal(await reasonOf(of, 'tiger', 'First-1'), STATUS_SUCCESS);
  assert.equal(await reasonOf(of, 'First-1', 'First-1'), 2);
  assert.equal(await reasonOf(of, 'First-1', 'Second-2'), STATUS_SUCCESS);
  assert.equal(await reasonOf(of, 'Second-2', 'First-1'), 2);
  assert.equal(await reasonOf(of, 'Second-2', 'Third-3'), STATUS_SUCCESS);
  assert.equal(await reasonOf(of, 'Third-3', 'Fourth-4'), STATUS_SUCCESS);
  assert.equal(await reasonOf(of, 'Fourth-4', 'First-1'), STATUS_SUCCESS);
  // DOMAIN_PASSWORD_NO_CLEAR_CHANGE: by nobody.
  guard.domainPolicy.change({ passwordProperties: 4 }, 'root');
  assert.equal(await reasonOf(of, 'First-1', 'Other-77'), 0);
});

test('who changed a password a moment ago waits; an administrator need not, nor remember (3.1.1.7.1)', async () => {
  const clock = { ms: 5_000_000 };
  const guard = guardOf(5_000_000, () => clock.ms);
  const of = server(true, KEY, guard);
  guard.domainPolicy.change(
    { minPasswordAge: -600_000_000n, passwordHistoryLength: 5, minPasswordLength: 3 },
    'root',
  );
  clock.ms += 59_999;
  assert.equal(await reasonOf(of, 'tiger', 'leopard'), 0);
  const handle = await of.user(rid(1000));
  const set = async (password: string) => {
    const value = { password: encryptPassword(password, KEY), passwordExpired: 0 };
    const information = { tag: 24, value } as const;
    const input = { handle, informationClass: 24, information };
    return (await of.call(op.SamrSetInformationUser, input)).status;
  };
  assert.equal(await set('tiger'), STATUS_SUCCESS);
  // Length and complexity are of whoever sets it.
  assert.equal(await set('ti'), STATUS_PASSWORD_RESTRICTION);
  clock.ms += 1;
  assert.equal(await reasonOf(of, 'tiger', 'leopard'), STATUS_SUCCESS);
});

test('wrong old passwords lock the account, until an administrator unlocks it (3.1.5.14.5)', async () => {
  const guard = guardOf();
  const of = server(true, KEY, guard);
  guard.domainPolicy.change({ lockoutThreshold: 2 }, 'root');
  assert.equal(await reasonOf(of, 'wrong', 'leopard'), STATUS_WRONG_PASSWORD);
  assert.equal(await reasonOf(of, 'wrong', 'leopard'), STATUS_WRONG_PASSWORD);
  assert.equal(await reasonOf(of, 'tiger', 'leopard'), STATUS_ACCOUNT_LOCKED_OUT);
  const control = async (handle: Buffer) => {
    const told = await of.call(op.SamrQueryInformationUser, { handle, informationClass: 16 });
    assert.equal(told.information?.tag, 16);
    return told.information.value.userAccountControl;
  };
  const handle = await of.user(rid(1000));
  assert.equal((await control(handle)) & 0x400, 0x400);
  const information = { tag: 16, value: { userAccountControl: 0x210 } } as const;
  const input = { handle, informationClass: 16, information };
  assert.equal((await of.call(op.SamrSetInformationUser, input)).status, STATUS_SUCCESS);
  assert.equal((await control(await of.user(rid(1000)))) & 0x400, 0);
  assert.equal(await reasonOf(of, 'tiger', 'leopard'), STATUS_SUCCESS);
});

test('a hash is set by class 21, too; a password that has to be changed is told (3.1.5.6.4.2)', async () => {
  const of = server(true);
  const handle = await of.user(rid(1001));
  const queried = await of.call(op.SamrQueryInformationUser, { handle, informationClass: 21 });
  assert.equal(queried.information?.tag, 21);
  const { value: known } = queried.information;
  const setAll = async (some: Partial<typeof known>) => {
    const information = { tag: 21, value: { ...known, ...some } } as const;
    const input = { handle, informationClass: 21, information };
    return (await of.call(op.SamrSetInformationUser, input)).status;
  };
  const sent = encryptHash(ntHash('four'), KEY);
  const units = [...new Uint16Array(Uint8Array.from(sent).buffer)];
  const blob = (length: number) => ({ length, maximumLength: 16, buffer: units });
  const whichFields = 0x0100_0000;
  assert.equal(await setAll({ whichFields, ntOwfPassword: blob(17) }), STATUS_INVALID_PARAMETER);
  assert.equal(await setAll({ whichFields: 0x0200_0000 }), STATUS_NOT_SUPPORTED);
  assert.deepEqual(hashOf(of.stored(), 'bob'), ntHash('lion'));
  assert.equal(await setAll({ whichFields, ntOwfPassword: blob(16) }), STATUS_SUCCESS);
  assert.deepEqual(hashOf(of.stored(), 'bob'), ntHash('four'));
  assert.equal(await setAll({ whichFields: 0x0800_0000, passwordExpired: 1 }), STATUS_SUCCESS);
  assert.deepEqual(hashOf(of.stored(), 'bob'), ntHash('four'));
  assert.equal(of.setAtMs('bob'), 0);
});

test('a change by hashes alone is not done: nobody could hold it to the rules (3.1.5.10.1)', async () => {
  const { call, user } = server(true);
  const crossed = { ntCrossEncryptionPresent: 0, lmCrossEncryptionPresent: 0 };
  const { status } = await call(op.SamrChangePasswordUser, {
    ...{ handle: await user(rid(1000)), lmPresent: 0, ntPresent: 1, ...crossed },
    ...{ oldLmEncryptedWithNewLm: null, newLmEncryptedWithOldLm: null },
    oldNtEncryptedWithNewNt: encryptHash(ntHash('tiger'), ntHash('x')),
    newNtEncryptedWithOldNt: encryptHash(ntHash('x'), ntHash('tiger')),
    ...{ newNtEncryptedWithNewLm: null, newLmEncryptedWithNewNt: null },
  });
  assert.equal(status, STATUS_NOT_IMPLEMENTED);
});
