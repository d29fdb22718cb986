/** RFC 5040 4.8 and 7, RFC 5041 8, RFC 5044 8: the Terminate message, which ends a connection and says why. */
import { WireError } from '../../wire/wire-error.ts';

/** Layer, error type and error code, as the three tables name them. */
export interface TerminateReason {
  readonly layer: number;
  readonly type: number;
  readonly code: number;
}

const reason = (layer: number, type: number, code: number): TerminateReason => ({
  layer,
  type,
  code,
});

const RDMAP = 0;
const DDP = 1;
const LLP = 2;
const REMOTE_PROTECTION = 1;
const REMOTE_OPERATION = 2;
const TAGGED_BUFFER = 1;
const UNTAGGED_BUFFER = 2;

export const Terminate = {
  /** RFC 5040 7.1 */
  INVALID_STAG: reason(RDMAP, REMOTE_PROTECTION, 0x00),
  UNEXPECTED_OPCODE: reason(RDMAP, REMOTE_OPERATION, 0x06),
  RDMAP_VERSION: reason(RDMAP, REMOTE_OPERATION, 0x05),
  CANNOT_INVALIDATE: reason(RDMAP, REMOTE_OPERATION, 0x09),
  RDMAP_UNSPECIFIED: reason(RDMAP, REMOTE_OPERATION, 0xff),
  /** RFC 5041 8.2 */
  TAGGED_INVALID_STAG: reason(DDP, TAGGED_BUFFER, 0x00),
  TAGGED_BOUNDS: reason(DDP, TAGGED_BUFFER, 0x01),
  TAGGED_VERSION: reason(DDP, TAGGED_BUFFER, 0x04),
  INVALID_QUEUE: reason(DDP, UNTAGGED_BUFFER, 0x01),
  NO_BUFFER: reason(DDP, UNTAGGED_BUFFER, 0x02),
  MSN_RANGE: reason(DDP, UNTAGGED_BUFFER, 0x03),
  INVALID_OFFSET: reason(DDP, UNTAGGED_BUFFER, 0x04),
  TOO_LONG: reason(DDP, UNTAGGED_BUFFER, 0x05),
  UNTAGGED_VERSION: reason(DDP, UNTAGGED_BUFFER, 0x06),
  /** RFC 5044 8 */
  CRC: reason(LLP, 0, 0x02),
} as const;

const SIZE = 4;

/** Without the headers of the offending segment, which are optional. */
export function encodeTerminate({ layer, type, code }: TerminateReason): Buffer {
  const bytes = Buffer.alloc(SIZE);
  bytes[0] = (layer << 4) | type;
  bytes[1] = code;
  return bytes;
}

export function decodeTerminate(payload: Buffer): TerminateReason {
  if (payload.length < SIZE) throw new WireError('Terminate', `${payload.length} bytes`);
  return { layer: payload[0]! >>> 4, type: payload[0]! & 0x0f, code: payload[1]! };
}

/** For the log: `DDP 2/0x03`. */
export function describeTerminate({ layer, type, code }: TerminateReason): string {
  const name = ['RDMAP', 'DDP', 'LLP'][layer] ?? `layer ${layer}`;
  return `${name} ${type}/0x${code.toString(16).padStart(2, '0')}`;
}
