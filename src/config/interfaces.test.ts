import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { type Interfaces, interfaceList, listenAddresses } from './interfaces.ts';

const v4 = (address: string, internal = false): NetworkInterfaceInfo => ({
  address,
  family: 'IPv4',
  netmask: '255.255.255.0',
  mac: '00:00:00:00:00:00',
  internal,
  cidr: `${address}/24`,
});
const v6 = (address: string, scopeid = 0): NetworkInterfaceInfo => ({
  address,
  family: 'IPv6',
  netmask: 'ffff:ffff:ffff:ffff::',
  mac: '00:00:00:00:00:00',
  internal: address === '::1',
  cidr: `${address}/64`,
  scopeid,
});

const PRESENT: Interfaces = {
  lo: [v4('127.0.0.1', true), v6('::1')],
  eth0: [v4('192.168.1.5'), v4('192.168.1.6'), v6('fd00::5'), v6('fe80::5', 2)],
  'eth0.100': [v4('10.1.2.3')],
  wlan0: [v4('172.16.0.9')],
  down: undefined,
};

const addresses = (...items: string[]) => listenAddresses(items, PRESENT).addresses;

test('names, with wildcards and without case', () => {
  assert.deepEqual(addresses('lo'), ['127.0.0.1', '::1']);
  assert.deepEqual(addresses('eth0'), ['192.168.1.5', '192.168.1.6', 'fd00::5', 'fe80::5%eth0']);
  assert.deepEqual(addresses('ETH0.*'), ['10.1.2.3']);
  assert.deepEqual(addresses('w?an0', 'eth0.100'), ['172.16.0.9', '10.1.2.3']);
  // A dot is a dot.
  assert.deepEqual(addresses('eth0x100'), []);
  assert.deepEqual(addresses('wlan0;speed=1000000,capability=RSS'), ['172.16.0.9']);
});

test('addresses and networks', () => {
  assert.deepEqual(addresses('192.168.1.6'), ['192.168.1.6']);
  assert.deepEqual(addresses('192.168.1.6/24'), ['192.168.1.6']);
  assert.deepEqual(addresses('192.168.1.0/24'), ['192.168.1.5', '192.168.1.6']);
  assert.deepEqual(addresses('10.0.0.0/255.0.0.0'), ['10.1.2.3']);
  assert.deepEqual(addresses('fd00::/8'), ['fd00::5']);
  assert.deepEqual(addresses('fe80::/64'), ['fe80::5%eth0']);
});

test('nothing twice; what fits nothing is told', () => {
  assert.deepEqual(listenAddresses(['lo', '127.0.0.0/8', 'eth9', '192.0.2.1'], PRESENT), {
    addresses: ['127.0.0.1', '::1'],
    unmatched: ['eth9', '192.0.2.1'],
  });
});

test('without a list: all but the loopback', () => {
  assert.deepEqual(addresses(), [
    '192.168.1.5',
    '192.168.1.6',
    'fd00::5',
    'fe80::5%eth0',
    '10.1.2.3',
    '172.16.0.9',
  ]);
});

test('bad items are refused', () => {
  for (const bad of [
    '10.0.0.1/33',
    '10.0.0.1/255.0.255.0',
    '10.0.0.0/8/8',
    'fe80::1%eth0',
    'a/b',
  ]) {
    assert.equal(interfaceList.parse(bad), undefined, bad);
  }
  const good = 'lo, eth0 "eth1;speed=1" 10.0.0.0/8 fd00::/8';
  assert.deepEqual(interfaceList.parse(interfaceList.print(interfaceList.parse(good)!)), [
    'lo',
    'eth0',
    'eth1;speed=1',
    '10.0.0.0/8',
    'fd00::/8',
  ]);
});
