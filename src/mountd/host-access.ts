/** `hosts allow` and `hosts deny`, by the rules of smb.conf(5). */
import { BlockList, isIPv6 } from 'node:net';
import type { HostList, HostRule } from '../config/value-types.ts';

export interface HostLists {
  readonly hostsAllow: HostList;
  readonly hostsDeny: HostList;
}

/** A predicate on client addresses. */
export function hostAccess({ hostsAllow, hostsDeny }: HostLists): (address: string) => boolean {
  const allows = hostsAllow.rules.length > 0 ? matcher(hostsAllow) : undefined;
  const denies = hostsDeny.rules.length > 0 ? matcher(hostsDeny) : undefined;
  return (text) => {
    const address = plainAddress(text);
    if (allows?.(address)) return true;
    if (denies !== undefined) return !denies(address);
    // This machine is let in unless a deny list names it.
    return allows === undefined || LOOPBACK.check(address, familyOf(address));
  };
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');

/** Without a zone, and as IPv4 where it is that within IPv6. */
function plainAddress(text: string): string {
  const address = text.split('%')[0]!;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

const LOOPBACK = blockList([
  { address: '127.0.0.0', prefix: 8 },
  { address: '::1', prefix: 128 },
]);

function blockList(rules: readonly HostRule[]): BlockList {
  const list = new BlockList();
  for (const { address, prefix } of rules) list.addSubnet(address, prefix, familyOf(address));
  return list;
}

/** What is no IP address matches nothing. */
function matcher({ rules, except }: HostList): (address: string) => boolean {
  const matching = blockList(rules);
  const excepted = blockList(except);
  return (address) => {
    const family = familyOf(address);
    return matching.check(address, family) && !excepted.check(address, family);
  };
}
