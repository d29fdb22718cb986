import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FAILURES_BEFORE_WAITING,
  FIRST_DELAY_MS,
  FORGET_MS,
  LONGEST_DELAY_MS,
  LONGEST_HOLD_MS,
  LoginThrottle,
  MAXIMUM_ADDRESSES,
} from './login-throttle.ts';

function rig() {
  const clock = { now: 1000 };
  return { clock, throttle: new LoginThrottle(() => clock.now) };
}

test('delays grow to a bound and are forgotten', () => {
  const { clock, throttle } = rig();
  const delays = [1, 2, 3, 4, 5, 6].map(() => {
    const delay = throttle.failed('192.0.2.1');
    clock.now += delay;
    return delay;
  });
  assert.deepEqual(delays, [500, 1000, 2000, 4000, 5000, 5000]);
  assert.equal(throttle.failed('192.0.2.2'), FIRST_DELAY_MS);
  clock.now += FORGET_MS;
  assert.equal(throttle.failed('192.0.2.1'), FIRST_DELAY_MS);
});

test('failures at the same time leave one after the other, to a bound', () => {
  const { throttle } = rig();
  assert.equal(throttle.failed('a'), 500);
  assert.equal(throttle.failed('a'), 1500);
  for (let i = 0; i < 100; i++) assert.ok(throttle.failed('a') <= LONGEST_HOLD_MS);
  assert.equal(throttle.failed('a'), LONGEST_HOLD_MS);
});

test('after many failures attempts wait for their turn', () => {
  const { clock, throttle } = rig();
  for (let i = 1; i < FAILURES_BEFORE_WAITING; i++) clock.now += throttle.failed('a');
  assert.equal(throttle.waitBefore('a'), 0);
  throttle.failed('a');
  assert.equal(throttle.waitBefore('a'), LONGEST_DELAY_MS);
  assert.equal(throttle.waitBefore('b'), 0);
  clock.now += LONGEST_DELAY_MS;
  assert.equal(throttle.waitBefore('a'), 0);
});

test('an IPv6 network is one client, and so is an address in both notations', () => {
  const same = (a: string, b: string): boolean => {
    const { throttle } = rig();
    throttle.failed(a);
    return throttle.failed(b) > FIRST_DELAY_MS;
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
  for (let i = 0; i <= MAXIMUM_ADDRESSES; i++) throttle.failed(`host${i}`);
  assert.equal(throttle.size, MAXIMUM_ADDRESSES);
  assert.equal(throttle.failed('host0'), FIRST_DELAY_MS);
  assert.ok(throttle.failed(`host${MAXIMUM_ADDRESSES}`) > FIRST_DELAY_MS);
});
