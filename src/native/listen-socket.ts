/**
 * Sockets that listen and the ones that they accept: bind(2), listen(2), accept4(2), getsockname(2), socket(7). Values
 * or a negative errno, never a throw. No call blocks.
 */
import { isIPv6 } from 'node:net';
import { F_SETFD } from './constants.ts';
import { close } from './files.ts';
import { lastErrno, bind as native } from './library.ts';

const c = {
  socket: native<(domain: number, type: number, protocol: number) => number>('socket', 'int', [
    'int',
    'int',
    'int',
  ]),
  bind: native<(fd: number, address: Buffer, length: number) => number>('bind', 'int', [
    'int',
    'void *',
    'uint32',
  ]),
  listen: native<(fd: number, backlog: number) => number>('listen', 'int', ['int', 'int']),
  accept4: native<(fd: number, address: Buffer, length: Buffer, flags: number) => number>(
    'accept4',
    'int',
    ['int', 'void *', 'void *', 'int'],
  ),
  getsockname: native<(fd: number, address: Buffer, length: Buffer) => number>(
    'getsockname',
    'int',
    ['int', 'void *', 'void *'],
  ),
  setsockopt: native<
    (fd: number, level: number, name: number, value: Buffer, length: number) => number
  >('setsockopt', 'int', ['int', 'int', 'int', 'void *', 'uint32']),
  getsockopt: native<
    (fd: number, level: number, name: number, value: Buffer, length: Buffer) => number
  >('getsockopt', 'int', ['int', 'int', 'int', 'void *', 'void *']),
  fcntl: native<(fd: number, command: number, value: number) => number>('fcntl', 'int', [
    'int',
    'int',
    'int64',
  ]),
  shutdown: native<(fd: number, how: number) => number>('shutdown', 'int', ['int', 'int']),
};

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_TYPE = 3;
const SO_KEEPALIVE = 9;
const SO_ACCEPTCONN = 30;
const SO_DOMAIN = 39;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SHUT_WR = 1;
const BACKLOG = 511;
/** struct sockaddr_in6 */
const MAX_ADDRESS_BYTES = 28;

const answer = (result: number): number => (result < 0 ? -lastErrno() : result);

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** struct sockaddr_in or sockaddr_in6: family in the machine's order, port in the network's. */
function encodeAddress(bytes: Uint8Array, port: number): Buffer {
  const name = Buffer.alloc(bytes.length === 4 ? 16 : MAX_ADDRESS_BYTES);
  name.writeUInt16LE(bytes.length === 4 ? AF_INET : AF_INET6, 0);
  name.writeUInt16BE(port, 2);
  name.set(bytes, bytes.length === 4 ? 4 : 8);
  return name;
}

function decodeAddress(name: Buffer): SocketAddress {
  const port = name.readUInt16BE(2);
  if (name.readUInt16LE(0) === AF_INET) return { address: name.subarray(4, 8).join('.'), port };
  const groups: string[] = [];
  for (let at = 8; at < 24; at += 2) groups.push(name.readUInt16BE(at).toString(16));
  // The form that RFC 5952 wants, as URL writes it.
  const address = new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
  const mapped = name.subarray(8, 20).equals(MAPPED);
  return { address: mapped ? `::ffff:${name.subarray(20, 24).join('.')}` : address, port };
}

/** ::ffff:0:0/96 */
const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

/** The 4 or 16 bytes of an address as text; undefined for what is none. */
export function addressBytes(address: string): Uint8Array | undefined {
  if (!isIPv6(address)) {
    const parts = address.split('.').map(Number);
    const legal = parts.length === 4 && parts.every((part) => part >= 0 && part <= 255);
    return legal ? Uint8Array.from(parts) : undefined;
  }
  if (address.includes('%')) return undefined;
  // URL spells IPv4 endings out as two groups; only the gap is left to fill.
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = Array<string>(8 - before.length - after.length).fill('0');
  const groups = [...before, ...gap, ...after].map((group) => Number.parseInt(group, 16));
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function setOption(fd: number, level: number, name: number, value: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value, 0);
  return answer(c.setsockopt(fd, level, name, bytes, bytes.length));
}

/** A socket that listens, and does not block; an IPv6 one takes IPv4, too, where `dualStack`. */
export function listenSocket(bytes: Uint8Array, port: number, dualStack: boolean): number {
  const domain = bytes.length === 4 ? AF_INET : AF_INET6;
  const fd = answer(c.socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd < 0) return fd;
  setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (domain === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, dualStack ? 0 : 1);
  const name = encodeAddress(bytes, port);
  const bound = answer(c.bind(fd, name, name.length));
  const listening = bound < 0 ? bound : answer(c.listen(fd, BACKLOG));
  if (listening === 0) return fd;
  close(fd);
  return listening;
}

/** What a socket that somebody else has made is not. */
export type SocketFault = 'no socket' | 'no TCP socket' | 'not listening';

/** What somebody else has made listens: where; it is changed in nothing. */
export function listeningAddress(fd: number): SocketAddress | SocketFault {
  const domain = getOption(fd, SO_DOMAIN);
  if (domain < 0) return 'no socket';
  const isInternet = domain === AF_INET || domain === AF_INET6;
  if (!isInternet || getOption(fd, SO_TYPE) !== SOCK_STREAM) return 'no TCP socket';
  if (getOption(fd, SO_ACCEPTCONN) !== 1) return 'not listening';
  return localAddress(fd) ?? 'no socket';
}

/** Such a one is this process's alone, and does not block, as those that it makes: 0 or a negative errno. */
export function adoptListening(fd: number): number {
  const flags = answer(c.fcntl(fd, F_GETFL, 0));
  if (flags < 0) return flags;
  const set = answer(c.fcntl(fd, F_SETFL, flags | SOCK_NONBLOCK));
  return set < 0 ? set : answer(c.fcntl(fd, F_SETFD, FD_CLOEXEC));
}

function getOption(fd: number, name: number): number {
  const value = Buffer.alloc(4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  const result = answer(c.getsockopt(fd, SOL_SOCKET, name, value, length));
  return result < 0 ? result : value.readInt32LE(0);
}

/** A connection that waits, and does not block; -EAGAIN where none does. `from` tells who it is. */
export function accept(fd: number): number {
  peerLength.writeUInt32LE(MAX_ADDRESS_BYTES, 0);
  return answer(c.accept4(fd, peer, peerLength, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

const peer = Buffer.alloc(MAX_ADDRESS_BYTES);
const peerLength = Buffer.alloc(4);

/** Whom `accept` just took. */
export const acceptedFrom = (): SocketAddress => decodeAddress(peer);

/** This end's address. */
export function localAddress(fd: number): SocketAddress | undefined {
  const name = Buffer.alloc(MAX_ADDRESS_BYTES);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(MAX_ADDRESS_BYTES, 0);
  return answer(c.getsockname(fd, name, length)) < 0 ? undefined : decodeAddress(name);
}

/** Answers leave at once; a peer that is gone is noticed after a while. */
export function prepareConnection(fd: number, keepAliveSeconds: number): void {
  setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, keepAliveSeconds);
}

/** Nothing more will be sent. */
export const shutdownSending = (fd: number): number => answer(c.shutdown(fd, SHUT_WR));
