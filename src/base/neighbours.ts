/** Who is a neighbour: whose address is on a network of this machine's. Discovery and NetBIOS answer nobody else. */
import { BlockList, isIPv6 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';

/** Undefined where the system does not say how large it is. */
export function networkOf({
  address,
  family,
  cidr,
}: Pick<NetworkInterfaceInfo, 'address' | 'family' | 'cidr'>): BlockList | undefined {
  const [, prefix] = cidr?.split('/') ?? [];
  if (prefix === undefined) return undefined;
  const network = new BlockList();
  network.addSubnet(address, Number(prefix), family === 'IPv6' ? 'ipv6' : 'ipv4');
  return network;
}

/** `address`: without a zone; of IPv4 also as IPv6 has it. */
export function isOnNetwork(network: BlockList, address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return network.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}
