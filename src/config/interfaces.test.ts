import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PRESENT } from './interfaces.support.test.ts';
import { interfaceList, listenAddresses } from './interfaces.ts';

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
