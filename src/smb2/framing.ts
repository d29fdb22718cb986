/**
 * MS-SMB2 2.1: Direct TCP framing, a zero byte and a length of three bytes, big-endian. On port 139 the
 * first byte is an RFC 1002 packet type; on both a peer may send a session request or a keep-alive.
 */
import { WireError } from '../wire/wire-error.ts';

export const FRAME_HEADER_SIZE = 4;
/** What three bytes can say. */
export const MAX_FRAME_LENGTH = 0xffffff;

/** RFC 1002 4.3.1 */
export const NetbiosType = {
  SESSION_MESSAGE: 0x00,
  SESSION_REQUEST: 0x81,
  POSITIVE_SESSION_RESPONSE: 0x82,
  NEGATIVE_SESSION_RESPONSE: 0x83,
  RETARGET_SESSION_RESPONSE: 0x84,
  SESSION_KEEP_ALIVE: 0x85,
} as const;

export interface FrameHeader {
  /** SESSION_MESSAGE for what carries SMB. */
  readonly type: number;
  /** Bytes that follow these four. */
  readonly length: number;
}

export function readFrameHeader(b: Buffer, offset = 0): FrameHeader {
  if (offset < 0 || b.length - offset < FRAME_HEADER_SIZE) {
    throw new WireError('frame header', `${b.length - offset} bytes`);
  }
  const length = (b[offset + 1]! << 16) | (b[offset + 2]! << 8) | b[offset + 3]!;
  return { type: b[offset]!, length };
}

/** Writes the four bytes before a message of `length` bytes and returns the offset behind them. */
export function writeFrameHeader(b: Buffer, length: number, offset = 0): number {
  if (length > MAX_FRAME_LENGTH) throw new RangeError(`a message of ${length} bytes`);
  return b.writeUInt32BE(length, offset);
}

export function encodeFrameHeader(length: number): Buffer {
  const b = Buffer.allocUnsafe(FRAME_HEADER_SIZE);
  writeFrameHeader(b, length);
  return b;
}

/** RFC 1002 4.3.3: the answer to a SESSION_REQUEST. */
export const positiveSessionResponse = (): Buffer =>
  Buffer.from([NetbiosType.POSITIVE_SESSION_RESPONSE, 0, 0, 0]);
