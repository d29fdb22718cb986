/** MS-SMB2 2.2.11 and 2.2.12: TREE_DISCONNECT. Both directions are empty. */
import { is, pad, struct, u16 } from '../wire/struct.ts';
import { HEADER_SIZE } from './header.ts';

const Request = struct('SMB2 TREE_DISCONNECT Request', '2.2.11', {
  structureSize: is(u16, 4),
  reserved: pad(2),
});
const Response = struct('SMB2 TREE_DISCONNECT Response', '2.2.12', {
  structureSize: is(u16, 4),
  reserved: pad(2),
});

/** Nothing: the message says all by being there. */
export type TreeDisconnectRequest = Record<string, never>;
export type TreeDisconnectResponse = Record<string, never>;

export const decodeTreeDisconnectRequest = (message: Buffer): TreeDisconnectRequest =>
  Request.read(message, HEADER_SIZE);
export const encodeTreeDisconnectRequest = (): Buffer => Request.encode({});
export const decodeTreeDisconnectResponse = (message: Buffer): TreeDisconnectResponse =>
  Response.read(message, HEADER_SIZE);
export const encodeTreeDisconnectResponse = (): Buffer => Response.encode({});
