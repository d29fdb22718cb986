/** MS-SMB2 2.2.39 and 2.2.40: SET_INFO. Constants are in info-types.ts. */
import { id64, is, pad, struct, u8, u16, u32, type Wire } from '../wire/struct.ts';
import { slice } from '../wire/tail.ts';
import { behind, withBuffer } from './body.ts';
import { HEADER_SIZE } from './header.ts';

const Request = struct('SMB2 SET_INFO Request', '2.2.39', {
  structureSize: is(u16, 33),
  infoType: u8,
  fileInfoClass: u8,
  bufferLength: u32,
  bufferOffset: u16,
  reserved: pad(2),
  additionalInformation: u32,
  persistentId: id64,
  volatileId: id64,
});
const BUFFER_AT = behind(Request);

export interface SetInfoRequest
  extends Omit<Wire<typeof Request>, 'bufferLength' | 'bufferOffset'> {
  /** A view of what to set. */
  readonly buffer: Buffer;
}

export function decodeSetInfoRequest(message: Buffer): SetInfoRequest {
  const { bufferLength, bufferOffset, ...rest } = Request.read(message, HEADER_SIZE);
  return { ...rest, buffer: slice(message, bufferOffset, bufferLength, BUFFER_AT, Request.name) };
}

export const encodeSetInfoRequest = (v: SetInfoRequest): Buffer =>
  withBuffer(Request, { ...v, bufferOffset: BUFFER_AT, bufferLength: v.buffer.length }, v.buffer);

const Response = struct('SMB2 SET_INFO Response', '2.2.40', { structureSize: is(u16, 2) });
export type SetInfoResponse = Record<string, never>;

export const decodeSetInfoResponse = (message: Buffer): SetInfoResponse =>
  Response.read(message, HEADER_SIZE);
export const encodeSetInfoResponse = (): Buffer => Response.encode({});
