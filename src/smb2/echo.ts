/** MS-SMB2 2.2.28 and 2.2.29: ECHO. Both directions are empty. */
import { is, pad, struct, u16 } from '../wire/struct.ts';
import { HEADER_SIZE } from './header.ts';

const Request = struct('SMB2 ECHO Request', '2.2.28', {
  structureSize: is(u16, 4),
  reserved: pad(2),
});
const Response = struct('SMB2 ECHO Response', '2.2.29', {
  structureSize: is(u16, 4),
  reserved: pad(2),
});

/** Nothing: the message says all by being there. */
export type EchoRequest = Record<string, never>;
export type EchoResponse = Record<string, never>;

export const decodeEchoRequest = (message: Buffer): EchoRequest =>
  Request.read(message, HEADER_SIZE);
export const encodeEchoRequest = (): Buffer => Request.encode({});
export const decodeEchoResponse = (message: Buffer): EchoResponse =>
  Response.read(message, HEADER_SIZE);
export const encodeEchoResponse = (): Buffer => Response.encode({});
