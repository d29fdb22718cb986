/**
 * RFC 5044 7.1 and RFC 6581 6: the two frames that begin MPA on a TCP connection, and what the second answers
 * to the first.
 *
 * Revision 1 has nothing on the depth of RDMA Reads; MS-SMBD 6.1 puts it in front of the private data.
 * Revision 2 with S set has it there too, in two words of its own (RFC 6581 9.2).
 */
import { WireError } from '../../wire/wire-error.ts';

const NAME = 'MPA Request/Reply Frame';
const REQUEST_KEY = 'MPA ID Req Frame';
const REPLY_KEY = 'MPA ID Rep Frame';
const KEY_BYTES = 16;
export const MPA_HEADER_BYTES = 20;
/** RFC 5044 7.1.1: "PD_Length … MUST NOT exceed 512". */
export const MAX_PRIVATE_DATA_BYTES = 512;

const FLAG_MARKERS = 0x80;
const FLAG_CRC = 0x40;
const FLAG_REJECT = 0x20;
const FLAG_ENHANCED = 0x10;

export interface MpaFrame {
  readonly kind: 'request' | 'reply';
  /** M: the sender wants to receive markers. */
  readonly markers: boolean;
  /** C */
  readonly crc: boolean;
  /** R: of a reply alone. */
  readonly rejected: boolean;
  /** S, RFC 6581: the private data begins with EnhancedData. */
  readonly enhanced: boolean;
  readonly revision: number;
  readonly privateData: Buffer;
}

/** Bytes of the whole frame, as soon as its first 20 are there. Throws WireError where it is none. */
export function mpaFrameBytes(header: Buffer): number {
  if (header.length < MPA_HEADER_BYTES) throw new WireError(NAME, `${header.length} bytes`);
  const key = header.toString('latin1', 0, KEY_BYTES);
  if (key !== REQUEST_KEY && key !== REPLY_KEY) throw new WireError(NAME, 'another key');
  const length = header.readUInt16BE(18);
  if (length > MAX_PRIVATE_DATA_BYTES) throw new WireError(NAME, `PD_Length is ${length}`);
  return MPA_HEADER_BYTES + length;
}

export function decodeMpaFrame(bytes: Buffer): MpaFrame {
  const length = mpaFrameBytes(bytes);
  if (bytes.length < length) throw new WireError(NAME, `${bytes.length} bytes of ${length}`);
  const flags = bytes[16]!;
  return {
    kind: bytes.toString('latin1', 0, KEY_BYTES) === REQUEST_KEY ? 'request' : 'reply',
    markers: (flags & FLAG_MARKERS) !== 0,
    crc: (flags & FLAG_CRC) !== 0,
    rejected: (flags & FLAG_REJECT) !== 0,
    enhanced: (flags & FLAG_ENHANCED) !== 0,
    revision: bytes[17]!,
    privateData: bytes.subarray(MPA_HEADER_BYTES, length),
  };
}

export function encodeMpaFrame(frame: MpaFrame): Buffer {
  const { privateData } = frame;
  const bytes = Buffer.alloc(MPA_HEADER_BYTES + privateData.length);
  bytes.write(frame.kind === 'request' ? REQUEST_KEY : REPLY_KEY, 'latin1');
  bytes[16] =
    (frame.markers ? FLAG_MARKERS : 0) |
    (frame.crc ? FLAG_CRC : 0) |
    (frame.rejected ? FLAG_REJECT : 0) |
    (frame.enhanced ? FLAG_ENHANCED : 0);
  bytes[17] = frame.revision;
  bytes.writeUInt16BE(privateData.length, 18);
  bytes.set(privateData, MPA_HEADER_BYTES);
  return bytes;
}

/** RFC 6581 9.2, Enhanced RDMA Connection Establishment Data. */
export interface EnhancedData {
  /** Reads that the sender takes at a time; 0x3FFF leaves it open. */
  readonly ird: number;
  /** Reads that it wants to have under way. */
  readonly ord: number;
  /** A: the initiator begins with a Ready to Receive of one of the kinds below. */
  readonly peerToPeer: boolean;
  /** B: an empty Send. */
  readonly sendRtr: boolean;
  /** C: an empty RDMA Write. */
  readonly writeRtr: boolean;
  /** D: an empty RDMA Read. */
  readonly readRtr: boolean;
}

export const ENHANCED_DATA_BYTES = 4;
export const DEPTH_NOT_NEGOTIATED = 0x3fff;
const UPPER = 0x8000;
const LOWER = 0x4000;

export function decodeEnhancedData(privateData: Buffer): EnhancedData {
  if (privateData.length < ENHANCED_DATA_BYTES) {
    throw new WireError('Enhanced RDMA data', `${privateData.length} bytes`);
  }
  const ird = privateData.readUInt16BE(0);
  const ord = privateData.readUInt16BE(2);
  return {
    ird: ird & DEPTH_NOT_NEGOTIATED,
    ord: ord & DEPTH_NOT_NEGOTIATED,
    peerToPeer: (ird & UPPER) !== 0,
    sendRtr: (ird & LOWER) !== 0,
    writeRtr: (ord & UPPER) !== 0,
    readRtr: (ord & LOWER) !== 0,
  };
}

export function encodeEnhancedData(data: EnhancedData): Buffer {
  const bytes = Buffer.alloc(ENHANCED_DATA_BYTES);
  bytes.writeUInt16BE(
    (data.ird & DEPTH_NOT_NEGOTIATED) | (data.peerToPeer ? UPPER : 0) | (data.sendRtr ? LOWER : 0),
  );
  const kinds = (data.writeRtr ? UPPER : 0) | (data.readRtr ? LOWER : 0);
  bytes.writeUInt16BE((data.ord & DEPTH_NOT_NEGOTIATED) | kinds, 2);
  return bytes;
}
