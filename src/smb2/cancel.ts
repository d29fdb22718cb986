/** MS-SMB2 2.2.30: CANCEL. It has no response; the cancelled request gets one. */
import { is, pad, struct, u16 } from '../wire/struct.ts';
import { HEADER_SIZE } from './header.ts';

const Request = struct('SMB2 CANCEL Request', '2.2.30', {
  structureSize: is(u16, 4),
  reserved: pad(2),
});

/** Nothing: MessageId or AsyncId of the header name what to cancel. */
export type CancelRequest = Record<string, never>;

export const decodeCancelRequest = (message: Buffer): CancelRequest =>
  Request.read(message, HEADER_SIZE);
export const encodeCancelRequest = (): Buffer => Request.encode({});
