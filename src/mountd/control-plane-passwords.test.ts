/** Logins by the domain's policy (MS-SAMR 3.1.1.5): locked out, too old, to be changed first. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createInitiator } from '../auth/initiator.ts';
import { ntHash } from '../auth/ntlm-crypto.ts';
import { SILENT_LOGGER } from '../base/log.ts';
import { readConfiguration } from '../config/load.ts';
import { editUserDatabase } from '../config/user-db.ts';
import { createControlPlane } from './control-plane.ts';
import { DOMAIN_POLICY_FILE, type DomainPolicy, DomainPolicyStore } from './domain-policy.ts';
import { FIRST_DELAY_MS } from './login-throttle.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-passwords-'));
after(() => rmSync(folder, { recursive: true }));

const HOUR = -36_000_000_000n;
const HOUR_MS = 3_600_000;
let planes = 0;

/** ann and bob have accounts, of the same password. */
function plane(some: Partial<DomainPolicy>, text = '') {
  planes += 1;
  const statePath = mkdtempSync(join(folder, `state-${planes}-`));
  const file = join(statePath, 'accounts');
  const set = (name: string, nowMs: number, mustChange = false) =>
    editUserDatabase(file, (database) => database.set(name, ntHash('tiger'), { mustChange }), {
      nowMs,
    });
  set('ann', Date.now());
  set('bob', Date.now());
  // As it was left by a process before this one.
  const store = new DomainPolicyStore(join(statePath, DOMAIN_POLICY_FILE), SILENT_LOGGER);
  assert.equal(store.change(some, 'root'), undefined);
  const control = createControlPlane({
    configuration: readConfiguration(`[global]\n${text}`, 'f').configuration,
    users: [],
    userDatabase: { file },
    statePath,
    switchesIdentity: false,
  });
  let address = 0;
  /** From another address each time, as who guesses may: no delay but the first. */
  const login = async (user: string, secret: string) => {
    address += 1;
    const client = createInitiator({ credentials: { user, secret } });
    const exchange = control.beginLogin({ address: `192.0.2.${address}` });
    let step = await exchange.step(client.start());
    while (step.kind === 'continue') {
      const answer = client.step(step.token);
      step = await exchange.step((answer as { token: Buffer }).token);
    }
    return step.kind === 'refused' ? step.reason : step.kind;
  };
  return { login, set, control };
}

test('so many wrong passwords lock an account out, whatever the address, and nobody else', async () => {
  const { login } = plane({ lockoutThreshold: 2 });
  assert.equal(await login('ann', 'wrong'), 'logon-failure');
  assert.equal(await login('ANN', 'wrong'), 'logon-failure');
  assert.equal(await login('ann', 'tiger'), 'account-locked-out');
  assert.equal(await login('ann', 'wrong'), 'account-locked-out');
  assert.equal(await login('bob', 'tiger'), 'done');
  // Who has no account is answered alike.
  assert.equal(await login('ghost', 'x'), 'logon-failure');
  assert.equal(await login('ghost', 'x'), 'logon-failure');
  assert.equal(await login('ghost', 'x'), 'account-locked-out');
});

test('who is locked out is named to an administrator, who unlocks; a right password shows by no haste', async () => {
  const { login, control } = plane({ lockoutThreshold: 1 });
  assert.equal(await login('ann', 'wrong'), 'logon-failure');
  const start = performance.now();
  assert.equal(await login('ann', 'tiger'), 'account-locked-out');
  assert.ok(performance.now() - start >= FIRST_DELAY_MS - 5);
  assert.deepEqual(
    control.loginFailures().map(({ user, lockedOut }) => [user, lockedOut]),
    [
      ['ann', true],
      ['ann', true],
    ],
  );
  assert.equal(control.forgetLoginFailures({ user: 'Ann', address: '192.0.2.1' }), 1);
  assert.equal(await login('ann', 'tiger'), 'account-locked-out');
  assert.equal(control.forgetLoginFailures({ user: 'Ann', address: undefined }), 2);
  assert.equal(await login('ann', 'tiger'), 'done');
});

test('a good password ends the count; without a threshold nobody is locked out', async () => {
  const { login } = plane({ lockoutThreshold: 2 });
  assert.equal(await login('ann', 'wrong'), 'logon-failure');
  assert.equal(await login('ann', 'tiger'), 'done');
  assert.equal(await login('ann', 'wrong'), 'logon-failure');
  assert.equal(await login('ann', 'tiger'), 'done');
  const free = plane({});
  for (let i = 0; i < 3; i++) assert.equal(await free.login('ann', 'wrong'), 'logon-failure');
  assert.equal(await free.login('ann', 'tiger'), 'done');
});

test('a password that is too old lets nobody in, one that has to be changed neither', async () => {
  const { login, set } = plane({ maxPasswordAge: 2n * HOUR });
  assert.equal(await login('ann', 'tiger'), 'done');
  set('ann', Date.now() - 2 * HOUR_MS - 1);
  assert.equal(await login('ann', 'tiger'), 'password-expired');
  // That it is old is told to who knows it.
  assert.equal(await login('ann', 'wrong'), 'logon-failure');
  set('bob', Date.now(), true);
  assert.equal(await login('bob', 'tiger'), 'password-must-change');
  set('bob', Date.now());
  assert.equal(await login('bob', 'tiger'), 'done');
});
