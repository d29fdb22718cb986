/**
 * smb.conf's `interfaces`, as Samba writes them: names with `*` and `?`, addresses, and networks
 * (`10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `fd00::/8`). An address with a mask is that address where this
 * machine has it, else its network. What follows a `;` (speed, RSS) is for multichannel and passed over.
 */
import { BlockList, isIP } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { prefixLength, type ValueType, words } from './value-types.ts';

export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Linux: IFNAMSIZ, with the NUL. A colon is in an alias's name. */
const NAME = /^[\w.:@*?-]{1,15}$/;

type Wanted =
  | { readonly kind: 'name'; readonly pattern: RegExp }
  | { readonly kind: 'address'; readonly address: string; readonly network: BlockList | undefined };

function parseItem(item: string): Wanted | undefined {
  const [text = ''] = item.split(';');
  const [address = '', mask, ...rest] = text.split('/');
  const family = isIP(address);
  if (family !== 0 && !address.includes('%') && rest.length === 0) {
    if (mask === undefined) return { kind: 'address', address, network: undefined };
    const prefix = prefixLength(mask, family === 4 ? 32 : 128);
    if (prefix === undefined) return undefined;
    const network = new BlockList();
    network.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
    return { kind: 'address', address, network };
  }
  if (!NAME.test(text)) return undefined;
  const pattern = text.replace(/[.-]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.');
  return { kind: 'name', pattern: new RegExp(`^${pattern}$`, 'i') };
}

export const interfaceList: ValueType<readonly string[]> = {
  expects: 'a list of interfaces (eth0, en*), addresses and networks (10.0.0.0/8, fd00::/8)',
  parse(text) {
    const items = words.parse(text);
    return items?.every((item) => parseItem(item) !== undefined) ? items : undefined;
  },
  print: words.print,
};

export interface ListenAddresses {
  /** Without repetitions. */
  readonly addresses: readonly string[];
  /** Items that fit nothing this machine has. */
  readonly unmatched: readonly string[];
}

/** Where `bind interfaces only` listens; without items on all interfaces but the loopback, as Samba does. */
export function listenAddresses(
  items: readonly string[],
  present: Interfaces = networkInterfaces(),
): ListenAddresses {
  const all = Object.entries(present).flatMap(([name, list = []]) =>
    list.map((info) => ({ name, info })),
  );
  if (items.length === 0) {
    const outer = all.filter(({ info }) => !info.internal);
    return { addresses: unique(outer.map(bindable)), unmatched: [] };
  }
  const found = items.map((item) => ({ item, places: all.filter(fits(item, all)) }));
  return {
    addresses: unique(found.flatMap(({ places }) => places.map(bindable))),
    unmatched: found.filter(({ places }) => places.length === 0).map(({ item }) => item),
  };
}

interface Place {
  readonly name: string;
  readonly info: NetworkInterfaceInfo;
}

function fits(item: string, all: readonly Place[]): (place: Place) => boolean {
  const wanted = parseItem(item);
  if (wanted === undefined) return () => false;
  if (wanted.kind === 'name') return ({ name }) => wanted.pattern.test(name);
  const { address, network } = wanted;
  const isThat = ({ info }: Place): boolean => info.address === address;
  if (network === undefined || all.some(isThat)) return isThat;
  return ({ info }) => network.check(info.address, info.family === 'IPv4' ? 'ipv4' : 'ipv6');
}

/** A link-local address means something only with its interface. */
const bindable = ({ name, info }: Place): string =>
  info.family === 'IPv6' && info.scopeid !== 0 ? `${info.address}%${name}` : info.address;

const unique = (addresses: readonly string[]): string[] => [...new Set(addresses)];
