/** MS-FSCC 2.1.11 and 2.3.41 to 2.3.44: copies by a token that stands for a range of a file. */
import { bytes, id64, pad, struct, u32 } from '../wire/struct.ts';

/** Of a STORAGE_OFFLOAD_TOKEN. */
export const OFFLOAD_TOKEN_BYTES = 512;
/** Type, a reserved field and the length of the rest, big-endian. */
const HEAD_BYTES = 8;
const TOKEN_ID_BYTES = OFFLOAD_TOKEN_BYTES - HEAD_BYTES;

/** The server's own: any but the well-known ones. */
const TOKEN_TYPE = 0x0000_0001;
/** STORAGE_OFFLOAD_TOKEN_TYPE_ZERO_DATA */
const ZERO_DATA = 0xffff_0001;

/** A token with this beginning of its TokenId. */
export function encodeOffloadToken(id: Buffer): Buffer {
  const token = Buffer.alloc(OFFLOAD_TOKEN_BYTES);
  token.writeUInt32BE(TOKEN_TYPE, 0);
  token.writeUInt16BE(TOKEN_ID_BYTES, 6);
  id.copy(token, HEAD_BYTES);
  return token;
}

/** The TokenId; 'zeros' for the token that everybody may make, undefined for one of another type. */
export function decodeOffloadToken(token: Buffer): Buffer | 'zeros' | undefined {
  const type = token.readUInt32BE(0);
  if (type === ZERO_DATA) return 'zeros';
  if (type !== TOKEN_TYPE || token.readUInt16BE(6) !== TOKEN_ID_BYTES) return undefined;
  return token.subarray(HEAD_BYTES);
}

export function zeroDataToken(): Buffer {
  const token = Buffer.alloc(OFFLOAD_TOKEN_BYTES);
  token.writeUInt32BE(ZERO_DATA, 0);
  token.writeUInt16BE(TOKEN_ID_BYTES, 6);
  return token;
}

export const OffloadReadInput = struct('FSCTL_OFFLOAD_READ_INPUT', '2.3.41', {
  size: u32,
  flags: u32,
  tokenTimeToLive: u32,
  reserved: pad(4),
  fileOffset: id64,
  copyLength: id64,
});

export const OFFLOAD_READ_FLAG_ALL_ZERO_BEYOND_CURRENT_RANGE = 0x00000001;

export const OffloadReadOutput = struct('FSCTL_OFFLOAD_READ_OUTPUT', '2.3.42', {
  size: u32,
  flags: u32,
  transferLength: id64,
  token: bytes(OFFLOAD_TOKEN_BYTES),
});

export const OffloadWriteInput = struct('FSCTL_OFFLOAD_WRITE_INPUT', '2.3.43', {
  size: u32,
  flags: u32,
  fileOffset: id64,
  copyLength: id64,
  transferOffset: id64,
  token: bytes(OFFLOAD_TOKEN_BYTES),
});

export const OffloadWriteOutput = struct('FSCTL_OFFLOAD_WRITE_OUTPUT', '2.3.44', {
  size: u32,
  flags: u32,
  lengthWritten: id64,
});
