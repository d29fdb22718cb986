import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FAILURES_BEFORE_WAITING,
  FIRST_DELAY_MS,
  FORGET_MS,
  LONGEST_DELAY_MS,
  LONGEST_HOLD_MS,
  LoginThrottle,
  MAXIMUM_RECORDS,
} from './login-throttle.ts';

function rig() {
  const clock = { now: 1000 };
  const throttle = new LoginThrottle(() => clock.now);
  /** All at once, until attempts for each of `names` wait. */
  const guess = (...names: string[]): void => {
    for (let i = 0; i < FAILURES_BEFORE_WAITING; i++) {
      for (const name of names) throttle.failed('a', name);
    }
  };
  return { clock, throttle, guess };
}

test('delays grow to a bound and are forgotten', () => {
  const { clock, throttle } = rig();
  const delays = [1, 2, 3, 4, 5, 6].map(() => {
    const delay = throttle.failed('192.0.2.1', 'eve');
    clock.now += delay;
    return delay;
  });
  assert.deepEqual(delays, [500, 1000, 2000, 4000, 5000, 5000]);
  assert.equal(throttle.failed('192.0.2.2', 'eve'), FIRST_DELAY_MS);
  clock.now += FORGET_MS;
  assert.equal(throttle.failed('192.0.2.1', 'eve'), FIRST_DELAY_MS);
});

test('failures at the same time leave one after the other, to a bound', () => {
  const { throttle } = rig();
  assert.equal(throttle.failed('a', 'eve'), 500);
  assert.equal(throttle.failed('a', 'eve'), 1500);
  for (let i = 0; i < 100; i++) assert.ok(throttle.failed('a', 'eve') <= LONGEST_HOLD_MS);
  assert.equal(throttle.failed('a', 'eve'), LONGEST_HOLD_MS);
});

test('after many failures attempts wait for their turn, one after the other', () => {
  const { clock, throttle } = rig();
  for (let i = 1; i < FAILURES_BEFORE_WAITING; i++) clock.now += throttle.failed('a', 'eve');
  assert.equal(throttle.turnOf('a', 'eve'), 0);
  throttle.failed('a', 'EVE');
  assert.equal(throttle.waitOf('a', 'eve'), LONGEST_DELAY_MS);
  const turns = [1, 2, 3, 4, 5].map(() => throttle.turnOf('a', 'eve'));
  assert.deepEqual(turns, [5_000, 10_000, 15_000, 20_000, undefined]);
  clock.now += 20_000;
  assert.equal(throttle.turnOf('a', 'eve'), LONGEST_DELAY_MS);
  clock.now += 2 * LONGEST_DELAY_MS;
  assert.equal(throttle.turnOf('a', 'eve'), 0);
});

test('who guesses one name delays nobody else: other names, and that name elsewhere', () => {
  const { throttle, guess } = rig();
  guess('eve');
  assert.equal(throttle.turnOf('a', 'eve'), LONGEST_HOLD_MS);
  assert.equal(throttle.turnOf('a', 'ann'), 0);
  assert.ok(throttle.failed('a', 'ann') < 2 * LONGEST_DELAY_MS);
  assert.equal(throttle.turnOf('b', 'eve'), 0);
});

test('who guesses from name to name waits with all of them, and who is known there does not', () => {
  const { clock, throttle, guess } = rig();
  throttle.succeeded('a', 'Ann');
  guess('eve', 'bob');
  assert.ok(throttle.waitOf('a', 'carl') > 0);
  assert.equal(throttle.turnOf('a', 'ann'), 0);
  assert.equal(throttle.turnOf('b', 'carl'), 0);
  // Each name more is another failure of the address: what it gains is one attempt in five seconds.
  let seen = 0;
  for (const end = clock.now + 60_000; clock.now < end; seen++) {
    clock.now += throttle.turnOf('a', `name${seen}`) ?? assert.fail();
    throttle.failed('a', `name${seen}`);
  }
  assert.ok(seen <= 13, `${seen} attempts in a minute`);
  assert.equal(throttle.failed('a', 'ann'), FIRST_DELAY_MS);
});

test('one name for a long time, and then another, is not from name to name', () => {
  const { throttle, guess } = rig();
  guess('eve');
  guess('eve');
  guess('bob');
  assert.equal(throttle.turnOf('a', 'carl'), 0);
});

test('an administrator has a name, an address or everything forgotten', () => {
  const forgotten = (name?: string, address?: string): boolean => {
    const { throttle, guess } = rig();
    guess('eve', 'bob');
    throttle.forget(name, address);
    return throttle.turnOf('a', 'bob') === 0;
  };
  assert.ok(forgotten());
  assert.ok(forgotten('Bob'));
  assert.ok(forgotten(undefined, 'a'));
  assert.ok(forgotten('bob', 'a'));
  assert.ok(!forgotten('bob', 'b'));
  assert.ok(!forgotten('eve'));
  assert.ok(!forgotten(undefined, 'b'));
});

test('an IPv6 network is one client, and so is an address in both notations', () => {
  const same = (a: string, b: string): boolean => {
    const { throttle } = rig();
    throttle.failed(a, 'eve');
    return throttle.failed(b, 'eve') > FIRST_DELAY_MS;
  };
  assert.ok(same('2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'));
  assert.ok(same('2001:db8::1', '2001:0db8:0:0:1::'));
  assert.ok(!same('2001:db8:1:2::1', '2001:db8:1:3::1'));
  assert.ok(same('fe80::1%eth0', 'fe80::2'));
  assert.ok(same('::1', '0:0:0:0:0:0:0:2'));
  assert.ok(same('::ffff:192.0.2.1', '192.0.2.1'));
  assert.ok(!same('::ffff:192.0.2.1', '::ffff:192.0.2.2'));
});

test('memory is bounded; who was quiet longest is forgotten first', () => {
  const { throttle } = rig();
  for (let i = 0; i <= MAXIMUM_RECORDS; i++) {
    throttle.failed(`host${i}`, 'eve');
    throttle.succeeded(`host${i}`, 'ann');
  }
  assert.equal(throttle.size, 3 * MAXIMUM_RECORDS);
  assert.equal(throttle.failed('host0', 'eve'), FIRST_DELAY_MS);
  assert.ok(throttle.failed(`host${MAXIMUM_RECORDS}`, 'eve') > FIRST_DELAY_MS);
});
