/** MS-SMB2 2.2.15 and 2.2.16: CLOSE. */
import { id64, is, pad, struct, u16, u32, u64, type Wire } from '../wire/struct.ts';
import { HEADER_SIZE } from './header.ts';

/** The response shall carry the attributes; otherwise they are zero. */
export const SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB = 0x0001;

const Request = struct('SMB2 CLOSE Request', '2.2.15', {
  structureSize: is(u16, 24),
  flags: u16,
  reserved: pad(4),
  persistentId: id64,
  volatileId: id64,
});
export type CloseRequest = Wire<typeof Request>;

const Response = struct('SMB2 CLOSE Response', '2.2.16', {
  structureSize: is(u16, 60),
  flags: u16,
  reserved: pad(4),
  creationTime: u64,
  lastAccessTime: u64,
  lastWriteTime: u64,
  changeTime: u64,
  allocationSize: id64,
  endOfFile: id64,
  fileAttributes: u32,
});
export type CloseResponse = Wire<typeof Response>;

export const decodeCloseRequest = (message: Buffer): CloseRequest =>
  Request.read(message, HEADER_SIZE);
export const encodeCloseRequest = (v: CloseRequest): Buffer => Request.encode(v);
export const decodeCloseResponse = (message: Buffer): CloseResponse =>
  Response.read(message, HEADER_SIZE);
export const encodeCloseResponse = (v: CloseResponse): Buffer => Response.encode(v);
