/**
 * TCP sockets without libuv: socket(2), connect(2), setsockopt(2), sendmsg(2), recv(2). Values or a
 * negative errno, never a throw. Memory is given by address (addressOf in library.ts), so that a loop
 * asks for it once; its buffer must stay referenced. Calls block unless told otherwise.
 */
import { addressOf, bind, lastErrno } from './library.ts';

const c = {
  socket: bind<(domain: number, type: number, protocol: number) => number>('socket', 'int', [
    'int',
    'int',
    'int',
  ]),
  connect: bind<(fd: number, address: Buffer, length: number) => number>('connect', 'int', [
    'int',
    'void *',
    'uint32',
  ]),
  setsockopt: bind<
    (fd: number, level: number, name: number, value: Buffer, length: number) => number
  >('setsockopt', 'int', ['int', 'int', 'int', 'void *', 'uint32']),
  getsockopt: bind<
    (fd: number, level: number, name: number, value: Buffer, length: Buffer) => number
  >('getsockopt', 'int', ['int', 'int', 'int', 'void *', 'void *']),
  sendmsg: bind<(fd: number, message: number, flags: number) => number>('sendmsg', 'int64', [
    'int',
    'uint64',
    'int',
  ]),
  recv: bind<(fd: number, at: number, length: number, flags: number) => number>('recv', 'int64', [
    'int',
    'uint64',
    'size_t',
    'int',
  ]),
  poll: bind<(at: number, count: number, timeoutMs: number) => number>('poll', 'int', [
    'uint64',
    'uint64',
    'int',
  ]),
};

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_INFO = 11;
/** In struct tcp_info: behind eight octets, rto and ato; then rcv_mss, tcpi_unacked. */
const SEND_MSS_AT = 16;
const UNACKED_AT = 24;

/** recv: the bytes are taken off the queue and, on TCP, not copied. */
export const MSG_TRUNC = 0x20;
/** recv: waits for all that was asked for. */
export const MSG_WAITALL = 0x100;
/** send: EPIPE instead of SIGPIPE. */
export const MSG_NOSIGNAL = 0x4000;

/** What a call answers that would block, was interrupted, or found no descriptor left. */
export const EINTR = -4;
export const EAGAIN = -11;
export const ENFILE = -23;
export const EMFILE = -24;

const answer = (result: number): number => (result < 0 ? -lastErrno() : result);

export const tcpSocket = (): number => answer(c.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

/** `address` as four bytes. */
export function connectIpv4(fd: number, address: Uint8Array, port: number): number {
  // struct sockaddr_in: family in the machine's order, port in the network's.
  const name = Buffer.alloc(16);
  name.writeUInt16LE(AF_INET, 0);
  name.writeUInt16BE(port, 2);
  name.set(address, 4);
  return answer(c.connect(fd, name, name.length));
}

export function setNoDelay(fd: number): number {
  const on = Buffer.from([1, 0, 0, 0]);
  return answer(c.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, on, on.length));
}

/** TCP_INFO's tcpi_unacked: segments sent, and not acknowledged by the peer's system. */
export const unacknowledgedSegments = (fd: number): number => tcpInfo(fd, UNACKED_AT);

/** TCP_INFO's tcpi_snd_mss: bytes of payload in one segment to the peer, as far as that is known by now. */
export const sendSegmentBytes = (fd: number): number => tcpInfo(fd, SEND_MSS_AT);

function tcpInfo(fd: number, at: number): number {
  const info = Buffer.alloc(at + 4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(info.length);
  const result = answer(c.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, length));
  return result < 0 ? result : info.readUInt32LE(at);
}

/** recv answers -EAGAIN when nothing has come for so long. */
export function setReceiveTimeout(fd: number, timeoutMs: number): number {
  // struct timeval: seconds and microseconds
  const time = Buffer.alloc(16);
  time.writeUInt32LE(Math.floor(timeoutMs / 1000), 0);
  time.writeUInt32LE((timeoutMs % 1000) * 1000, 8);
  return answer(c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, time, time.length));
}

export const recv = (fd: number, at: number, length: number, flags: number): number =>
  answer(c.recv(fd, at, length, flags));

/** `at` is the address of `count` struct pollfd; answers how many of them are ready. Waits for ever. */
export const poll = (at: number, count: number): number => answer(c.poll(at, count, -1));

const POLLOUT = 4;
/** struct pollfd: descriptor, what is waited for, what has come. */
const polled = Buffer.alloc(8);
const polledAt = addressOf(polled);

/** Waits on this thread until something can be sent, so long at most: 1, 0 when it cannot, or a negative errno. */
export function pollWritable(fd: number, timeoutMs: number): number {
  polled.writeInt32LE(fd, 0);
  polled.writeInt16LE(POLLOUT, 4);
  return answer(c.poll(polledAt, 1, timeoutMs));
}

/** `message` is the address of a struct msghdr. */
export const sendmsg = (fd: number, message: number, flags: number): number =>
  answer(c.sendmsg(fd, message, flags));
