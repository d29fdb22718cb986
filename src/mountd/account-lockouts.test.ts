import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AccountLockouts } from './account-lockouts.ts';
import { type DomainPolicy, INITIAL_POLICY, NEVER } from './domain-policy.ts';

const MINUTE = -600_000_000n;
const MINUTE_MS = 60_000;

function lockouts(some: Partial<DomainPolicy>) {
  const clock = { ms: 1_000_000 };
  const policy = { ...INITIAL_POLICY, ...some };
  const accounts = new Set(['ann']);
  const counts = new AccountLockouts({
    policy: () => policy,
    hasAccount: (name) => accounts.has(name.toLowerCase()),
    now: () => clock.ms,
  });
  return {
    clock,
    counts,
    policy: policy as { -readonly [K in keyof DomainPolicy]: DomainPolicy[K] },
  };
}

const THREE = {
  lockoutThreshold: 3,
  lockoutDuration: 10n * MINUTE,
  lockoutObservationWindow: 5n * MINUTE,
};

test('the third wrong password locks, for as long as the policy says, in whatever case the name is', () => {
  const { clock, counts } = lockouts(THREE);
  assert.deepEqual([counts.failed('ann'), counts.failed('ANN')], [false, false]);
  assert.equal(counts.isLocked('ann'), false);
  assert.equal(counts.failed('Ann'), true);
  assert.equal(counts.isLocked('ann'), true);
  assert.equal(counts.badPasswordCount('ann'), 3);
  clock.ms += 10 * MINUTE_MS - 1;
  assert.equal(counts.isLocked('ann'), true);
  clock.ms += 1;
  assert.equal(counts.isLocked('ann'), false);
  assert.equal(counts.badPasswordCount('ann'), 0);
});

test('outside the window one begins anew; a good password ends the count', () => {
  const { clock, counts } = lockouts(THREE);
  for (let i = 0; i < 6; i++) {
    assert.equal(counts.failed('ann'), false);
    clock.ms += 5 * MINUTE_MS + 1;
  }
  counts.failed('ann');
  counts.failed('ann');
  counts.succeeded('ANN');
  assert.equal(counts.failed('ann'), false);
});

test('without a threshold nobody is locked out; a lockout without end waits for an administrator', () => {
  const { clock, counts, policy } = lockouts({ lockoutThreshold: 0 });
  for (let i = 0; i < 50; i++) assert.equal(counts.failed('ann'), false);
  policy.lockoutThreshold = 1;
  policy.lockoutDuration = NEVER;
  policy.lockoutObservationWindow = NEVER;
  assert.equal(counts.failed('ann'), true);
  clock.ms += 1000 * 365 * 86_400_000;
  assert.equal(counts.isLocked('ann'), true);
  // The policy counts as it is now.
  policy.lockoutThreshold = 0;
  assert.equal(counts.isLocked('ann'), false);
});

test('who has no account is locked out alike, and thousands of such names make no account forgotten', () => {
  const { counts } = lockouts({ ...THREE, lockoutThreshold: 2 });
  assert.deepEqual([counts.failed('ghost'), counts.failed('ghost')], [false, true]);
  assert.equal(counts.isLocked('ghost'), true);
  counts.failed('ann');
  for (let i = 0; i < 5000; i++) counts.failed(`name-${i}`);
  assert.equal(counts.isLocked('ghost'), false);
  assert.equal(counts.failed('ann'), true);
});
