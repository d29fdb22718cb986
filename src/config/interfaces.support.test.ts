/** Interfaces of a machine that no test runs on. No tests of its own. */
import type { NetworkInterfaceInfo } from 'node:os';
import type { Interfaces } from './interfaces.ts';

export const v4 = (address: string, internal = false): NetworkInterfaceInfo => ({
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

export const PRESENT: Interfaces = {
  lo: [v4('127.0.0.1', true), v6('::1')],
  eth0: [v4('192.168.1.5'), v4('192.168.1.6'), v6('fd00::5'), v6('fe80::5', 2)],
  'eth0.100': [v4('10.1.2.3')],
  wlan0: [v4('172.16.0.9')],
  down: undefined,
};
