/**
 * MS-SMB2 3.3.5.19: CHANGE_NOTIFY. "If the underlying object store does not support change
 * notifications, the server MUST fail this request with STATUS_NOT_SUPPORTED"; none does yet.
 *
 * The refusal bears the async flag: Windows 7 to 10 repeat a request for ever that is refused without.
 */
import { STATUS_NOT_SUPPORTED } from '../dtyp/ntstatus.ts';
import type { OpenRequest, Outcome } from './command.ts';

export async function changeNotify(_body: unknown, request: OpenRequest): Promise<Outcome> {
  request.pend();
  return STATUS_NOT_SUPPORTED;
}
