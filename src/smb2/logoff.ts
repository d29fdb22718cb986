/** MS-SMB2 2.2.7 and 2.2.8: LOGOFF. Both directions are empty. */
import { is, pad, struct, u16 } from '../wire/struct.ts';
import { HEADER_SIZE } from './header.ts';

const Request = struct('SMB2 LOGOFF Request', '2.2.7', {
  structureSize: is(u16, 4),
  reserved: pad(2),
});
const Response = struct('SMB2 LOGOFF Response', '2.2.8', {
  structureSize: is(u16, 4),
  reserved: pad(2),
});

/** Nothing: the message says all by being there. */
export type LogoffRequest = Record<string, never>;
export type LogoffResponse = Record<string, never>;

export const decodeLogoffRequest = (message: Buffer): LogoffRequest =>
  Request.read(message, HEADER_SIZE);
export const encodeLogoffRequest = (): Buffer => Request.encode({});
export const decodeLogoffResponse = (message: Buffer): LogoffResponse =>
  Response.read(message, HEADER_SIZE);
export const encodeLogoffResponse = (): Buffer => Response.encode({});
