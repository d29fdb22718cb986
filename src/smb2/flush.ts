/** MS-SMB2 2.2.17 and 2.2.18: FLUSH. */
import { id64, is, pad, struct, u16, type Wire } from '../wire/struct.ts';
import { HEADER_SIZE } from './header.ts';

const Request = struct('SMB2 FLUSH Request', '2.2.17', {
  structureSize: is(u16, 24),
  /** Apple's clients ask for F_FULLFSYNC by 0xFFFF; others send 0. */
  reserved1: u16,
  reserved2: pad(4),
  persistentId: id64,
  volatileId: id64,
});
export type FlushRequest = Wire<typeof Request>;

const Response = struct('SMB2 FLUSH Response', '2.2.18', {
  structureSize: is(u16, 4),
  reserved: pad(2),
});
export type FlushResponse = Record<string, never>;

export const decodeFlushRequest = (message: Buffer): FlushRequest =>
  Request.read(message, HEADER_SIZE);
export const encodeFlushRequest = (v: FlushRequest): Buffer => Request.encode(v);
export const decodeFlushResponse = (message: Buffer): FlushResponse =>
  Response.read(message, HEADER_SIZE);
export const encodeFlushResponse = (): Buffer => Response.encode({});
