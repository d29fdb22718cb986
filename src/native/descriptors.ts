/**
 * Descriptors that go to another process: socketpair(2), and sendmsg(2) and recvmsg(2) with SCM_RIGHTS (unix(7)).
 * Values or a negative errno, never a throw. Each message is one packet (SOCK_SEQPACKET), so that a descriptor
 * and the bytes that belong to it come together. No call blocks.
 */
import { close } from './files.ts';
import { addressOf, bind, lastErrno } from './library.ts';
import { MSG_NOSIGNAL, sendmsg } from './socket.ts';

const c = {
  socketpair: bind<(domain: number, type: number, protocol: number, pair: Buffer) => number>(
    'socketpair',
    'int',
    ['int', 'int', 'int', 'void *'],
  ),
  recvmsg: bind<(fd: number, message: number, flags: number) => number>('recvmsg', 'int64', [
    'int',
    'uint64',
    'int',
  ]),
};

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const MSG_TRUNC = 0x20;
const MSG_CTRUNC = 8;
export const EMSGSIZE = -90;

/** struct msghdr, struct iovec, and struct cmsghdr with one descriptor: its length, and the room that it takes. */
const MESSAGE_BYTES = 56;
const IOVEC_BYTES = 16;
const RIGHTS_AT = 16;
const RIGHTS_BYTES = RIGHTS_AT + 4;
const CONTROL_BYTES = RIGHTS_AT + 8;

const answer = (result: number): number => (result < 0 ? -lastErrno() : result);

/** Two ends of one pipe in both directions: of packets, or of a stream. */
export function socketPair(kind: 'packets' | 'stream'): readonly [number, number] | number {
  const pair = Buffer.alloc(8);
  const type = kind === 'stream' ? SOCK_STREAM : SOCK_SEQPACKET;
  const result = answer(c.socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
  return result < 0 ? result : [pair.readInt32LE(0), pair.readInt32LE(4)];
}

/** What one call works with; kept, since the kernel is given its addresses. */
class Frame {
  readonly message = Buffer.alloc(MESSAGE_BYTES);
  readonly control = Buffer.alloc(CONTROL_BYTES);
  readonly #iovec = Buffer.alloc(IOVEC_BYTES);
  readonly at = addressOf(this.message);

  constructor() {
    this.message.writeBigUInt64LE(BigInt(addressOf(this.#iovec)), 16);
    this.message.writeBigUInt64LE(1n, 24);
    this.message.writeBigUInt64LE(BigInt(addressOf(this.control)), 32);
  }

  prepare(bytes: Buffer, controlBytes: number): void {
    this.#iovec.writeBigUInt64LE(BigInt(addressOf(bytes)), 0);
    this.#iovec.writeBigUInt64LE(BigInt(bytes.length), 8);
    this.message.writeBigUInt64LE(BigInt(controlBytes), 40);
    this.message.writeInt32LE(0, 48);
  }
}

const outgoing = new Frame();
const incoming = new Frame();

/** One packet, not empty: 0 or a negative errno. */
export function sendPacket(socket: number, bytes: Buffer): number {
  outgoing.prepare(bytes, 0);
  return Math.min(sendmsg(socket, outgoing.at, MSG_NOSIGNAL), 0);
}

/** The same with a descriptor, of which the other side gets a duplicate. */
export function sendDescriptor(socket: number, bytes: Buffer, descriptor: number): number {
  const { control } = outgoing;
  control.writeBigUInt64LE(BigInt(RIGHTS_BYTES), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(descriptor, RIGHTS_AT);
  outgoing.prepare(bytes, CONTROL_BYTES);
  // The length that is used, not the room.
  outgoing.message.writeBigUInt64LE(BigInt(RIGHTS_BYTES), 40);
  return Math.min(sendmsg(socket, outgoing.at, MSG_NOSIGNAL), 0);
}

export interface Received {
  /** 0: the other end is closed. */
  readonly length: number;
  /** Whoever gets it closes it. */
  readonly descriptor: number | undefined;
}

/** The next packet, into `into`; a negative errno where there is none. One that does not fit is lost: EMSGSIZE. */
export function receiveDescriptor(socket: number, into: Buffer): Received | number {
  incoming.prepare(into, CONTROL_BYTES);
  const length = answer(c.recvmsg(socket, incoming.at, MSG_CMSG_CLOEXEC));
  if (length < 0) return length;
  const descriptors = receivedDescriptors();
  const flags = incoming.message.readInt32LE(48);
  const isCut = (flags & (MSG_TRUNC | MSG_CTRUNC)) !== 0;
  const [descriptor, ...others] = descriptors;
  for (const other of others) close(other);
  if (!isCut) return { length, descriptor };
  if (descriptor !== undefined) close(descriptor);
  return EMSGSIZE;
}

/** The room for one has, aligned, room for two. */
function receivedDescriptors(): number[] {
  const { control, message } = incoming;
  if (Number(message.readBigUInt64LE(40)) < RIGHTS_BYTES) return [];
  if (control.readInt32LE(8) !== SOL_SOCKET || control.readInt32LE(12) !== SCM_RIGHTS) return [];
  const count = (Number(control.readBigUInt64LE(0)) - RIGHTS_AT) / 4;
  return Array.from({ length: count }, (_, i) => control.readInt32LE(RIGHTS_AT + 4 * i));
}
