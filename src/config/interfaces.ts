/**
 * smb.conf's `interfaces`, as Samba writes them: names with `*` and `?`, addresses, and networks
 * (`10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `fd00::/8`). An address with a mask is that address where this
 * machine has it, else its network. What follows a `;` is told to clients that look for further
 * addresses (network-interfaces.ts): `"eth0;speed=10000000000,capability=RSS,if_index=2"`.
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

/** What an item says instead of the machine. */
export interface LinkOptions {
  /** Bits per second. */
  readonly speed?: number;
  readonly rss?: boolean;
  /** Told only where `smb direct` is on. */
  readonly rdma?: boolean;
  readonly ifIndex?: number;
}

/** Undefined where they are wrong. */
export function linkOptions(item: string): LinkOptions | undefined {
  const [, text, ...rest] = item.split(';');
  if (rest.length > 0) return undefined;
  let options: LinkOptions = {};
  for (const part of text?.split(',') ?? []) {
    const [key = '', value = ''] = part.split('=').map((word) => word.trim().toLowerCase());
    const number = /^\d{1,15}$/.test(value) ? Number(value) : 0;
    if (key === 'speed' && number > 0) options = { ...options, speed: number };
    else if (key === 'if_index' && number > 0 && number <= 0xffff_ffff)
      options = { ...options, ifIndex: number };
    else if (key === 'capability' && value === 'rss') options = { ...options, rss: true };
    else if (key === 'capability' && value === 'rdma') options = { ...options, rdma: true };
    else return undefined;
  }
  return options;
}

function parseItem(item: string): Wanted | undefined {
  if (linkOptions(item) === undefined) return undefined;
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

/** The address of an item that is nothing but one. */
export function plainAddress(item: string): string | undefined {
  const wanted = parseItem(item);
  return wanted?.kind === 'address' && wanted.network === undefined ? wanted.address : undefined;
}

export const interfaceList: ValueType<readonly string[]> = {
  expects: 'a list of interfaces (eth0, en*), addresses and networks (10.0.0.0/8, fd00::/8)',
  parse(text) {
    const items = words.parse(text);
    return items?.every((item) => parseItem(item) !== undefined) ? items : undefined;
  },
  print: words.print,
};

export const places = (present: Interfaces): Place[] =>
  Object.entries(present).flatMap(([name, list = []]) => list.map((info) => ({ name, info })));

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
  const all = places(present);
  if (items.length === 0) {
    const outer = all.filter(({ info }) => !info.internal);
    return { addresses: unique(outer.map(bindable)), unmatched: [] };
  }
  const found = items.map((item) => ({ item, fitting: all.filter(fits(item, all)) }));
  return {
    addresses: unique(found.flatMap(({ fitting }) => fitting.map(bindable))),
    unmatched: found.filter(({ fitting }) => fitting.length === 0).map(({ item }) => item),
  };
}

/** One address of this machine. */
export interface Place {
  readonly name: string;
  readonly info: NetworkInterfaceInfo;
}

export function fits(item: string, all: readonly Place[]): (place: Place) => boolean {
  const wanted = parseItem(item);
  if (wanted === undefined) return () => false;
  if (wanted.kind === 'name') return ({ name }) => wanted.pattern.test(name);
  const { address, network } = wanted;
  const isThat = ({ info }: Place): boolean => info.address === address;
  if (network === undefined || all.some(isThat)) return isThat;
  return ({ info }) => network.check(info.address, info.family === 'IPv4' ? 'ipv4' : 'ipv6');
}

/** A link-local address means something only with its interface. */
export const bindable = ({ name, info }: Place): string =>
  info.family === 'IPv6' && info.scopeid !== 0 ? `${info.address}%${name}` : info.address;

const unique = (addresses: readonly string[]): string[] => [...new Set(addresses)];
