/** MS-SMB2 2.2.41 TRANSFORM_HEADER, before an encrypted message. */
import { bytes, id64, is, pad, struct, u16, u32, type Wire } from '../wire/struct.ts';
import { TRANSFORM_PROTOCOL_ID } from './header.ts';

/** Flags at 3.1.1; at 3.0 and 3.0.2 the same value says AES-128-CCM. */
export const SMB2_TRANSFORM_FLAG_ENCRYPTED = 0x0001;

const Header = struct('SMB2 TRANSFORM_HEADER', '2.2.41', {
  protocolId: is(u32, TRANSFORM_PROTOCOL_ID),
  signature: bytes(16),
  /** 11 bytes used by CCM, 12 by GCM. */
  nonce: bytes(16),
  originalMessageSize: u32,
  reserved: pad(2),
  flags: u16,
  sessionId: id64,
});
export type TransformHeader = Wire<typeof Header>;

/** 52 */
export const TRANSFORM_HEADER_SIZE = Header.size;
/** 3.1.4.3: what is authenticated beside the message, from Nonce to the end of the header. */
export const TRANSFORM_AAD_AT = 20;

/** Whether the bytes behind it are OriginalMessageSize many is the caller's to check. */
export const decodeTransformHeader = (message: Buffer): TransformHeader => Header.read(message);
export const writeTransformHeader = (b: Buffer, v: TransformHeader, offset = 0): number =>
  Header.write(b, v, offset);
export const encodeTransformHeader = (v: TransformHeader): Buffer => Header.encode(v);

export const transformAssociatedData = (message: Buffer): Buffer =>
  message.subarray(TRANSFORM_AAD_AT, TRANSFORM_HEADER_SIZE);
