/** RFC 5041 4 and RFC 5040 4: the headers of DDP segments with RDMAP's part in them. All in network order. */
import { WireError } from '../../wire/wire-error.ts';

/** RFC 5040 4.3 */
export const Opcode = {
  WRITE: 0,
  READ_REQUEST: 1,
  READ_RESPONSE: 2,
  SEND: 3,
  SEND_INVALIDATE: 4,
  SEND_SOLICITED: 5,
  SEND_SOLICITED_INVALIDATE: 6,
  TERMINATE: 7,
} as const;

/** RFC 5040 5.1: untagged queues. */
export const Queue = { SEND: 0, READ_REQUEST: 1, TERMINATE: 2 } as const;

const TAGGED = 0x8000;
const LAST = 0x4000;
const DDP_VERSION_MASK = 0x0300;
const DDP_VERSION = 0x0100;
const RDMAP_VERSION_MASK = 0x00c0;
const RDMAP_VERSION = 0x0040;
const OPCODE_MASK = 0x000f;

export const TAGGED_HEADER_BYTES = 14;
export const UNTAGGED_HEADER_BYTES = 18;
const CONTROL_BYTES = 2;

export interface Control {
  readonly tagged: boolean;
  /** L: the last segment of its message. */
  readonly last: boolean;
  readonly ddpVersion: number;
  readonly rdmapVersion: number;
  readonly opcode: number;
}

export interface TaggedSegment {
  readonly opcode: number;
  readonly last: boolean;
  readonly stag: number;
  readonly offset: bigint;
  readonly payload: Buffer;
}

export interface UntaggedSegment {
  readonly opcode: number;
  readonly last: boolean;
  /** RDMAP's: the STag that a Send with Invalidate is about; else 0. */
  readonly invalidate: number;
  readonly queue: number;
  readonly msn: number;
  readonly offset: number;
  readonly payload: Buffer;
}

export function decodeControl(segment: Buffer): Control {
  if (segment.length < CONTROL_BYTES) throw new WireError('DDP segment', `${segment.length} bytes`);
  const word = segment.readUInt16BE(0);
  return {
    tagged: (word & TAGGED) !== 0,
    last: (word & LAST) !== 0,
    ddpVersion: (word & DDP_VERSION_MASK) >>> 8,
    rdmapVersion: (word & RDMAP_VERSION_MASK) >>> 6,
    opcode: word & OPCODE_MASK,
  };
}

export function decodeTagged(segment: Buffer): TaggedSegment {
  const { opcode, last } = decodeControl(segment);
  if (segment.length < TAGGED_HEADER_BYTES) {
    throw new WireError('DDP tagged segment', `${segment.length} bytes`);
  }
  return {
    opcode,
    last,
    stag: segment.readUInt32BE(2),
    offset: segment.readBigUInt64BE(6),
    payload: segment.subarray(TAGGED_HEADER_BYTES),
  };
}

export function decodeUntagged(segment: Buffer): UntaggedSegment {
  const { opcode, last } = decodeControl(segment);
  if (segment.length < UNTAGGED_HEADER_BYTES) {
    throw new WireError('DDP untagged segment', `${segment.length} bytes`);
  }
  return {
    opcode,
    last,
    invalidate: segment.readUInt32BE(2),
    queue: segment.readUInt32BE(6),
    msn: segment.readUInt32BE(10),
    offset: segment.readUInt32BE(14),
    payload: segment.subarray(UNTAGGED_HEADER_BYTES),
  };
}

const control = (opcode: number, flags: number): number =>
  DDP_VERSION | RDMAP_VERSION | opcode | flags;

type Header<T> = Omit<T, 'payload'>;

/** At `at` of `into`, where TAGGED_HEADER_BYTES are. */
export function writeTaggedHeader(into: Buffer, at: number, header: Header<TaggedSegment>): void {
  into.writeUInt16BE(control(header.opcode, TAGGED | (header.last ? LAST : 0)), at);
  into.writeUInt32BE(header.stag, at + 2);
  into.writeBigUInt64BE(header.offset, at + 6);
}

/** At `at` of `into`, where UNTAGGED_HEADER_BYTES are. */
export function writeUntaggedHeader(
  into: Buffer,
  at: number,
  header: Header<UntaggedSegment>,
): void {
  into.writeUInt16BE(control(header.opcode, header.last ? LAST : 0), at);
  into.writeUInt32BE(header.invalidate, at + 2);
  into.writeUInt32BE(header.queue, at + 6);
  into.writeUInt32BE(header.msn, at + 10);
  into.writeUInt32BE(header.offset, at + 14);
}

/** RFC 5040 4.4: what follows the untagged header of a Read Request. */
export interface ReadRequest {
  readonly sinkStag: number;
  readonly sinkOffset: bigint;
  readonly size: number;
  readonly sourceStag: number;
  readonly sourceOffset: bigint;
}

export const READ_REQUEST_BYTES = 28;

export function decodeReadRequest(payload: Buffer): ReadRequest {
  if (payload.length !== READ_REQUEST_BYTES) {
    throw new WireError('RDMA Read Request', `${payload.length} bytes`);
  }
  return {
    sinkStag: payload.readUInt32BE(0),
    sinkOffset: payload.readBigUInt64BE(4),
    size: payload.readUInt32BE(12),
    sourceStag: payload.readUInt32BE(16),
    sourceOffset: payload.readBigUInt64BE(20),
  };
}

export function encodeReadRequest(request: ReadRequest): Buffer {
  const bytes = Buffer.alloc(READ_REQUEST_BYTES);
  bytes.writeUInt32BE(request.sinkStag, 0);
  bytes.writeBigUInt64BE(request.sinkOffset, 4);
  bytes.writeUInt32BE(request.size, 12);
  bytes.writeUInt32BE(request.sourceStag, 16);
  bytes.writeBigUInt64BE(request.sourceOffset, 20);
  return bytes;
}
