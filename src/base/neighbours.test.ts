import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOnNetwork, networkOf } from './neighbours.ts';

const network = (cidr: string) =>
  networkOf({
    address: cidr.split('/')[0]!,
    family: cidr.includes(':') ? 'IPv6' : 'IPv4',
    cidr,
  } as Parameters<typeof networkOf>[0])!;

test('neighbours are on the network, whichever way their address is written', () => {
  for (const [cidr, address, isNeighbour] of [
    ['192.168.1.5/24', '192.168.1.77', true],
    ['192.168.1.5/24', '::ffff:192.168.1.77', true],
    ['192.168.1.5/24', '192.168.2.77', false],
    ['10.1.2.3/31', '10.1.2.2', true],
    ['10.1.2.3/31', '10.1.2.4', false],
    ['192.168.1.5/24', 'fe80::77', false],
    ['fe80::5/64', 'fe80::77', true],
    ['fe80::5/64', '2001:db8::77', false],
    ['fe80::5/64', '192.168.1.77', false],
    ['192.168.1.5/24', '', false],
    ['192.168.1.5/24', 'nobody', false],
  ] as const) {
    assert.equal(isOnNetwork(network(cidr), address), isNeighbour, `${address} on ${cidr}`);
  }
});

test('a network of unknown size has no neighbours', () => {
  const info = { address: '10.0.0.1', family: 'IPv4', cidr: null } as const;
  assert.equal(networkOf(info), undefined);
});
