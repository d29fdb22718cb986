/** The addresses of this machine that it is announced on, and who is near each of them. */
import type { BlockList } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { isOnNetwork, networkOf } from '../base/neighbours.ts';

export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

export interface Place {
  /** Of the interface: eth0. */
  readonly interfaceName: string;
  /** Without a zone. */
  readonly address: string;
  readonly isV6: boolean;
  readonly network: BlockList;
}

/** RFC 4291 2.5.6: what neighbours are asked by. */
const isLinkLocal = (address: string): boolean => /^fe[89ab]/i.test(address);

function placeOf(interfaceName: string, info: NetworkInterfaceInfo): Place | undefined {
  const network = networkOf(info);
  const isV6 = info.family === 'IPv6';
  return network && { interfaceName, address: info.address, isV6, network };
}

/**
 * `addresses`: these alone, if this machine has them; undefined: all but the loopback's. Of IPv6 the addresses of the
 * link: who is asked by them is near.
 */
export function placesOf(
  addresses: readonly string[] | undefined,
  present: Interfaces = networkInterfaces(),
): Place[] {
  const plain = addresses?.map((address) => address.split('%')[0]);
  const isWanted = (info: NetworkInterfaceInfo): boolean =>
    plain === undefined ? !info.internal : plain.includes(info.address);
  return Object.entries(present).flatMap(([name, infos = []]) =>
    infos
      .filter((info) => isWanted(info) && (info.family === 'IPv4' || isLinkLocal(info.address)))
      .flatMap((info) => placeOf(name, info) ?? []),
  );
}

/** All of an interface's, or those of them that are in `addresses`; a link's own without their zone. */
export function addressesAt(
  interfaceName: string,
  addresses: readonly string[] | undefined,
  present: Interfaces = networkInterfaces(),
): string[] {
  const plain = addresses?.map((address) => address.split('%')[0]);
  return (present[interfaceName] ?? [])
    .map(({ address }) => address)
    .filter((address) => plain?.includes(address) ?? true);
}

/** With the zone that says which link is meant. */
export const boundTo = ({ address, isV6, interfaceName }: Place): string =>
  isV6 ? `${address}%${interfaceName}` : address;

export const keyOf = (place: Place): string => `${place.interfaceName} ${place.address}`;

/** Whether who asks from this address, with its zone if it has one, is on a network of the place's. */
export function isNear(place: Place, from: string): boolean {
  const [address = '', zone] = from.split('%');
  if (zone !== undefined && zone !== place.interfaceName) return false;
  return isOnNetwork(place.network, address);
}
