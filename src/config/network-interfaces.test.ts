/** MS-SMB2 3.3.5.15.11 and smb.conf's `interfaces`: which addresses clients are told, and with what. */
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { MAX_NETWORK_INTERFACES } from '../base/limits.ts';
import { PRESENT, v4 } from './interfaces.support.test.ts';
import { type Interfaces, interfaceList } from './interfaces.ts';
import { type Asked, type Link, networkAddresses, readLink } from './network-interfaces.ts';

const LINKS: Readonly<Record<string, Link>> = {
  lo: { ifIndex: 1, speed: undefined, receiveQueues: 1 },
  eth0: { ifIndex: 2, speed: 10_000_000_000, receiveQueues: 8 },
  'eth0.100': { ifIndex: 3, speed: 10_000_000_000, receiveQueues: 1 },
};
const UNKNOWN: Link = { ifIndex: undefined, speed: undefined, receiveQueues: 1 };

const told = (items: readonly string[], over: Partial<Asked> = {}) =>
  networkAddresses(items, {
    local: '192.168.1.5',
    listening: ['::'],
    present: PRESENT,
    linkOf: (name) => LINKS[name] ?? UNKNOWN,
    ...over,
  });
const text = (address: Buffer): string =>
  address.length === 4 ? address.join('.') : address.toString('hex');
const addresses = (items: readonly string[], over: Partial<Asked> = {}): string[] =>
  told(items, over).map(({ address }) => text(address));

const FD00_5 = 'fd000000000000000000000000000005';

test('all that is listened on; neither loopback nor link-local', () => {
  const all = ['192.168.1.5', '192.168.1.6', FD00_5, '10.1.2.3', '172.16.0.9'];
  assert.deepEqual(addresses([]), all);
  const v4Only = all.filter((one) => one !== FD00_5);
  assert.deepEqual(addresses([], { listening: ['0.0.0.0'] }), v4Only);
  assert.deepEqual(addresses([], { listening: ['192.168.1.6', 'fd00::5'] }), [
    '192.168.1.6',
    FD00_5,
  ]);
  assert.deepEqual(addresses([], { listening: [] }), []);
});

test('who came by loopback is told the loopback', () => {
  const loopback = ['127.0.0.1', '00000000000000000000000000000001'];
  for (const local of ['127.0.0.1', '127.0.0.2', '::1']) {
    assert.deepEqual(addresses([], { local }), loopback);
  }
  assert.deepEqual(addresses([], { local: '::1', listening: ['127.0.0.1'] }), ['127.0.0.1']);
});

test('who came by a link-local address is told that one', () => {
  const there = addresses([], { local: 'fe80::5%eth0' });
  assert.ok(there.includes('fe800000000000000000000000000005'));
  assert.ok(!addresses([], { local: 'fe80::5%wlan0' }).some((one) => one.startsWith('fe80')));
  const present: Interfaces = { eth1: [v4('169.254.7.7'), v4('10.0.0.1')] };
  assert.deepEqual(addresses([], { present }), ['10.0.0.1']);
  assert.deepEqual(addresses([], { present, local: '169.254.7.7' }), ['169.254.7.7', '10.0.0.1']);
});

test('index, speed and queues are the machine’s; unknown ones are made up', () => {
  const [first, second] = told([]);
  assert.deepEqual(first, {
    ifIndex: 2,
    rss: true,
    rdma: false,
    linkSpeed: 10_000_000_000,
    address: Buffer.from([192, 168, 1, 5]),
  });
  assert.equal(second!.ifIndex, 2, 'one interface has one index');
  const wireless = told([]).at(-1)!;
  assert.deepEqual([wireless.rss, wireless.linkSpeed], [false, 1_000_000_000]);
  assert.ok(wireless.ifIndex > 0);
});

test('interfaces = … chooses and overrides', () => {
  const item = 'eth0.100;speed=25000000000,capability=RSS,if_index=77';
  assert.deepEqual(told([item, 'wlan0']), [
    {
      ifIndex: 77,
      rss: true,
      rdma: false,
      linkSpeed: 25_000_000_000,
      address: Buffer.from([10, 1, 2, 3]),
    },
    { ...told(['wlan0'])[0]! },
  ]);
  assert.deepEqual(addresses(['192.168.1.6', 'eth0']), ['192.168.1.6', '192.168.1.5', FD00_5]);
  assert.deepEqual(addresses(['lo']), []);
  // An address of a router in front, only with something to say of it.
  assert.deepEqual(addresses(['198.51.100.7', '198.51.100.7/24']), []);
  const [router] = told(['198.51.100.7;capability=RSS'], { local: '127.0.0.1' });
  assert.deepEqual([text(router!.address), router!.rss], ['198.51.100.7', true]);
  assert.ok(router!.ifIndex > 0);
  const [mapped] = told(['::ffff:198.51.100.7;speed=5']);
  assert.equal(text(mapped!.address), '00000000000000000000ffffc6336407');
});

test('RDMA is told where it is configured, and only while SMB Direct is listened for', () => {
  const items = ['eth0;capability=RDMA', 'wlan0'];
  const tell = (smbDirect: boolean) => told(items, { smbDirect }).map(({ rdma }) => rdma);
  assert.ok(tell(true).includes(true));
  assert.equal(tell(true).at(-1), false);
  assert.ok(!tell(false).includes(true));
});

test('what is behind the semicolon', () => {
  for (const good of ['eth0', 'eth0;speed=1', 'eth0;capability=RDMA', 'eth0;if_index=4,speed=10']) {
    assert.notEqual(interfaceList.parse(`"${good}"`), undefined, good);
  }
  for (const bad of [
    'speed',
    'speed=0',
    'speed=fast',
    'if_index=4294967296',
    'capability=X',
    'x=1',
    '',
    'speed=1;speed=2',
  ]) {
    assert.equal(interfaceList.parse(`"eth0;${bad}"`), undefined, bad);
  }
});

test('so many addresses and no more', () => {
  const many = Array.from({ length: 300 }, (_, i) => v4(`10.0.${i >> 8}.${i & 255}`));
  assert.equal(told([], { present: { eth0: many } }).length, MAX_NETWORK_INTERFACES);
});

test('this machine: an index and a sane speed for every interface', () => {
  for (const name of Object.keys(networkInterfaces())) {
    const { ifIndex, speed, receiveQueues } = readLink(name);
    if (process.platform === 'linux') assert.ok(ifIndex !== undefined && ifIndex > 0, name);
    assert.ok(speed === undefined || speed >= 1_000_000);
    assert.ok(receiveQueues >= 0);
  }
  assert.deepEqual(readLink('none'), UNKNOWN);
});
