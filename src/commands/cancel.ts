/** MS-SMB2 3.3.5.16: CANCEL. It is never answered, found or not. */

import { STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import type { Request } from '../objects/request.ts';
import { isAsync } from '../smb2/header.ts';
import type { Outcome } from './command.ts';

/** By AsyncId where the flag says so (the MessageId may be 0 then), else by MessageId. */
export function cancel(_body: unknown, request: Request): Outcome {
  const { connection, header } = request;
  const target = isAsync(header)
    ? connection.asyncRequests.get(header.asyncId)
    : connection.requests.get(header.messageId);
  // Only requests of the session that the CANCEL was signed or encrypted for.
  if (target !== undefined && target.sessionId === header.sessionId) target.cancel();
  return STATUS_SUCCESS;
}
