import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundTo, type Interfaces, isNear, placesOf } from './places.ts';

const mac = '00:00:00:00:00:00';
const v4 = (address: string, prefix: number, internal = false) =>
  ({ family: 'IPv4', address, cidr: `${address}/${prefix}`, netmask: '', mac, internal }) as const;
const v6 = (address: string, prefix: number, internal = false) =>
  ({ ...v4(address, prefix, internal), family: 'IPv6', scopeid: 2 }) as const;

const present: Interfaces = {
  lo: [v4('127.0.0.1', 8, true), v6('::1', 128, true)],
  eth0: [v4('192.168.1.5', 24), v6('2001:db8::5', 64), v6('fe80::5', 64)],
  wlan0: [v4('10.1.2.3', 16)],
};
const found = (addresses?: string[]): string[] => placesOf(addresses, present).map(boundTo);

test('all but the loopback, and of IPv6 what belongs to the link', () => {
  assert.deepEqual(found(), ['192.168.1.5', 'fe80::5%eth0', '10.1.2.3']);
});

test('only the addresses that the server listens on', () => {
  assert.deepEqual(found(['10.1.2.3', '172.16.0.1', 'fe80::5%eth0']), ['fe80::5%eth0', '10.1.2.3']);
  assert.deepEqual(found(['127.0.0.1']), ['127.0.0.1']);
  assert.deepEqual(found([]), []);
});

test('near is who is on the same network, by the same interface', () => {
  const [lan, link, wide] = placesOf(undefined, present);
  assert.ok(isNear(lan!, '192.168.1.77'));
  assert.ok(isNear(lan!, '::ffff:192.168.1.77'));
  assert.ok(!isNear(lan!, '192.168.2.77'));
  assert.ok(!isNear(lan!, '8.8.8.8'));
  assert.ok(isNear(wide!, '10.1.255.1'));
  assert.ok(isNear(link!, 'fe80::77%eth0'));
  assert.ok(!isNear(link!, 'fe80::77%wlan0'));
  assert.ok(!isNear(link!, '2001:db8::77'));
  assert.ok(!isNear(link!, '192.168.1.77'));
  assert.ok(!isNear(lan!, ''));
});
