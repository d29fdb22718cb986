import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hosts } from '../config/value-types.ts';
import { hostAccess } from './host-access.ts';

const access = (allow: string, deny: string) =>
  hostAccess({ hostsAllow: hosts.parse(allow)!, hostsDeny: hosts.parse(deny)! });

test('without lists everyone may', () => {
  assert.equal(access('', '')('192.0.2.1'), true);
  assert.equal(access('', '')(''), true);
});

test('an allow list alone shuts out all others, save this machine', () => {
  const may = access('10.0.0.0/8 2001:db8::/32 EXCEPT 10.0.0.1', '');
  assert.equal(may('10.1.2.3'), true);
  assert.equal(may('::ffff:10.1.2.3'), true);
  assert.equal(may('2001:db8::7'), true);
  assert.equal(may('10.0.0.1'), false);
  assert.equal(may('192.0.2.1'), false);
  assert.equal(may(''), false);
  assert.equal(may('127.0.0.1'), true);
  assert.equal(may('::1'), true);
});

test('a deny list alone shuts out those', () => {
  const may = access('', 'ALL EXCEPT 192.168.1.');
  assert.equal(may('192.168.1.9'), true);
  assert.equal(may('192.168.2.9'), false);
  assert.equal(may('fe80::1%eth0'), false);
  assert.equal(may('127.0.0.1'), false);
});

test('of both, allow goes before deny', () => {
  const may = access('10.0.0.1', '10.0.0.0/8');
  assert.equal(may('10.0.0.1'), true);
  assert.equal(may('10.0.0.2'), false);
  assert.equal(may('192.0.2.1'), true);
});
