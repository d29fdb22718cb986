/**
 * MS-SMB2 3.3.5.15.11: the addresses that a client may open further channels to, from this machine's
 * interfaces and smb.conf's `interfaces`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { MAX_NETWORK_INTERFACES } from '../base/limits.ts';
import {
  bindable,
  fits,
  type Interfaces,
  type LinkOptions,
  linkOptions,
  type Place,
  places,
  plainAddress,
} from './interfaces.ts';

export interface NetworkAddress {
  readonly ifIndex: number;
  /** Receive-side scaling: more than one connection to the address is of use. */
  readonly rss: boolean;
  /** SMB Direct is spoken there. */
  readonly rdma: boolean;
  /** Bits per second. */
  readonly linkSpeed: number;
  /** 4 bytes for IPv4, 16 for IPv6, in network order. */
  readonly address: Buffer;
}

/** What the kernel knows of an interface; undefined is what it does not. */
export interface Link {
  readonly ifIndex: number | undefined;
  /** Bits per second. */
  readonly speed: number | undefined;
  readonly receiveQueues: number;
}

export interface Asked {
  /** The server's address on the client's connection. */
  readonly local: string;
  /** What the server listens on; `::` and `0.0.0.0` are all addresses. */
  readonly listening: readonly string[];
  /** Whether SMB Direct is listened for, by all of them. */
  readonly smbDirect?: boolean;
  readonly present?: Interfaces;
  readonly linkOf?: (name: string) => Link;
}

/** Samba's, for interfaces that know no speed, like those of virtual machines. */
const DEFAULT_SPEED = 1_000_000_000;

export function networkAddresses(items: readonly string[], asked: Asked): NetworkAddress[] {
  const { present = networkInterfaces(), linkOf = readLink } = asked;
  const all = places(present);
  const names = Object.keys(present);
  const infos = new Map<string, NetworkAddress>();
  const add = (address: string, link: Link, options: LinkOptions, ordinal: number): void => {
    if (infos.has(address) || infos.size === MAX_NETWORK_INTERFACES) return;
    const rss = options.rss ?? link.receiveQueues > 1;
    infos.set(address, {
      ifIndex: options.ifIndex ?? link.ifIndex ?? ordinal,
      rss,
      rdma: options.rdma === true && asked.smbDirect === true,
      linkSpeed: options.speed ?? link.speed ?? DEFAULT_SPEED,
      address: addressBytes(address),
    });
  };
  const addPlaces = (found: readonly Place[], options: LinkOptions): void => {
    for (const place of found) {
      if (!isUseful(place, asked)) continue;
      add(place.info.address, linkOf(place.name), options, names.indexOf(place.name) + 1);
    }
  };
  if (items.length === 0) addPlaces(all, {});
  for (const [i, item] of items.entries()) {
    const options = linkOptions(item) ?? {};
    const found = all.filter(fits(item, all));
    addPlaces(found, options);
    const elsewhere = item.includes(';') ? plainAddress(item) : undefined;
    // An address of a router that leads here: whoever configures a link for it knows.
    if (found.length === 0 && elsewhere !== undefined) {
      add(elsewhere, NO_LINK, options, names.length + 1 + i);
    }
  }
  return [...infos.values()];
}

const NO_LINK: Link = { ifIndex: undefined, speed: undefined, receiveQueues: 1 };

/**
 * Listened on and of use to this client: the loopback to who came by it, and nothing else, since nothing is
 * faster; link-local addresses to who came by the very one.
 */
function isUseful(place: Place, { local, listening }: Asked): boolean {
  const { info } = place;
  const address = bindable(place);
  if (info.internal !== isLoopback(local)) return false;
  if (isLinkLocal(info.address) && address !== local && info.address !== local) return false;
  return listening.some(
    (one) => one === '::' || one === address || (one === '0.0.0.0' && info.family === 'IPv4'),
  );
}

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.');

const isLinkLocal = (address: string): boolean =>
  address.startsWith('169.254.') || /^fe[89ab]/i.test(address);

/** In network order. */
function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  // The URL parser writes every IPv6 address in one form: groups of hex digits, and `::` at most once.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = groups(tail ?? '');
  const middle = new Array<number>(8 - before.length - after.length).fill(0);
  const bytes = Buffer.alloc(16);
  for (const [i, group] of [...before, ...middle, ...after].entries()) {
    bytes.writeUInt16BE(group, 2 * i);
  }
  return bytes;
}

/** Linux's /sys; elsewhere, and in containers that hide it, nothing is known. */
export function readLink(name: string): Link {
  const folder = `/sys/class/net/${name}`;
  const mbits = readNumber(`${folder}/speed`);
  return {
    ifIndex: readNumber(`${folder}/ifindex`),
    speed: mbits === undefined ? undefined : mbits * 1_000_000,
    receiveQueues: countQueues(`${folder}/queues`),
  };
}

/** Undefined too for -1, which says that there is no number. */
function readNumber(file: string): number | undefined {
  try {
    const number = Number(readFileSync(file, 'utf8'));
    return Number.isSafeInteger(number) && number > 0 ? number : undefined;
  } catch {
    return undefined;
  }
}

function countQueues(folder: string): number {
  try {
    return readdirSync(folder).filter((queue) => queue.startsWith('rx-')).length;
  } catch {
    return 1;
  }
}
