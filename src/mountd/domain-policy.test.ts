import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SILENT_LOGGER } from '../base/log.ts';
import {
  cleartextFault,
  type DomainPolicy,
  DomainPolicyStore,
  INITIAL_POLICY,
  maxAgeMs,
  NEVER,
} from './domain-policy.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-policy-'));
after(() => rmSync(folder, { recursive: true }));

const DAY = 864_000_000_000n;

test('what is set outlives the process, in a file of its owner alone', () => {
  const file = join(folder, 'kept.json');
  const first = new DomainPolicyStore(file, SILENT_LOGGER);
  assert.deepEqual(first.policy, INITIAL_POLICY);
  const some = {
    ...{ minPasswordLength: 9, passwordHistoryLength: 4, passwordProperties: 0x8000_0001 },
    ...{ maxPasswordAge: -42n * DAY, minPasswordAge: -DAY, lockoutThreshold: 5 },
    ...{ lockoutDuration: NEVER, lockoutObservationWindow: -DAY, oemInformation: 'Ours' },
  };
  assert.equal(first.change(some, 'root'), undefined);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const second = new DomainPolicyStore(file, SILENT_LOGGER);
  assert.deepEqual(second.policy, { ...INITIAL_POLICY, ...some });
});

test('a value against 3.1.1.6 or 3.1.5.6.1.3 changes nothing', () => {
  const store = new DomainPolicyStore(undefined, SILENT_LOGGER);
  const bad: readonly Partial<DomainPolicy>[] = [
    { minPasswordAge: 1n },
    { minPasswordAge: NEVER },
    { maxPasswordAge: DAY },
    { maxPasswordAge: -DAY, minPasswordAge: -DAY },
    { maxPasswordAge: -DAY, minPasswordAge: -2n * DAY },
    { minPasswordLength: 129 },
    { passwordHistoryLength: 1025 },
    { lockoutDuration: -1n, lockoutObservationWindow: -2n },
    { lockoutDuration: 1n },
    { forceLogoff: 5n },
    { oemInformation: 'x'.repeat(1025) },
  ];
  for (const some of bad) {
    assert.equal(store.change({ minPasswordLength: 3, ...some }, 'root'), 'bad-value');
    assert.deepEqual(store.policy, INITIAL_POLICY);
  }
  // DOMAIN_PASSWORD_STORE_CLEARTEXT is not done, so it is not promised.
  assert.equal(store.change({ passwordProperties: 0x10 }, 'root'), 'not-supported');
});

test('0 and the longest time stand for passwords without end', () => {
  assert.equal(maxAgeMs({ ...INITIAL_POLICY, maxPasswordAge: 0n }), undefined);
  assert.equal(maxAgeMs({ ...INITIAL_POLICY, maxPasswordAge: NEVER }), undefined);
  assert.equal(maxAgeMs({ ...INITIAL_POLICY, maxPasswordAge: -DAY }), 86_400_000);
});

test('a file that the server did not write is told of, counts for nothing and is not replaced', () => {
  const file = join(folder, 'damaged.json');
  const good = join(folder, 'good.json');
  new DomainPolicyStore(good, SILENT_LOGGER).change({ minPasswordLength: 3 }, 'root');
  const kept = JSON.parse(readFileSync(good, 'utf8'));
  const damaged = [
    '{',
    '[]',
    JSON.stringify({ ...kept, minPasswordLength: -1 }),
    JSON.stringify({ ...kept, minPasswordLength: 900 }),
    JSON.stringify({ ...kept, maxPasswordAge: '5' }),
    JSON.stringify({ ...kept, maxPasswordAge: 'never' }),
    JSON.stringify({ ...kept, oemInformation: null }),
  ];
  for (const text of damaged) {
    writeFileSync(file, text);
    const told: string[] = [];
    const log = { ...SILENT_LOGGER, error: (message: string) => void told.push(message) };
    const store = new DomainPolicyStore(file, log);
    assert.ok(store.isDamaged, text);
    assert.match(told[0]!, /damaged; restore it/);
    assert.equal(store.change({ minPasswordLength: 4 }, 'root'), 'unwritable');
    assert.equal(readFileSync(file, 'utf8'), text);
  }
});

test('length and complexity of a password (3.1.1.7.2)', () => {
  const complex = { ...INITIAL_POLICY, minPasswordLength: 6, passwordProperties: 1 };
  const cases: readonly (readonly [string, ReturnType<typeof cleartextFault>])[] = [
    ['Ab3xy', 'too-short'],
    ['abcdef', 'not-complex'],
    ['Abcdef', 'not-complex'],
    ['Abcde1', undefined],
    ['abcde1!', undefined],
    // A letter without case is of the fourth class; so is one with case that is not English.
    ['ab12語xy', undefined],
    ['ab12éxy', undefined],
    ['ab 12xy', 'not-complex'],
    ['Xanna12!', 'not-complex'],
    ['XANNA12!', 'not-complex'],
  ];
  for (const [password, fault] of cases) {
    assert.equal(cleartextFault(complex, 'Anna', password), fault, password);
  }
  // A name of two characters may be in it, and without the property nothing but the length counts.
  assert.equal(cleartextFault(complex, 'bo', 'Xbo123'), undefined);
  assert.equal(cleartextFault({ ...complex, passwordProperties: 0 }, 'anna', 'annaan'), undefined);
});
