/** Commands that the specification lets a server decline, until they have a file of their own. */
import { STATUS_INVALID_DEVICE_STATE, STATUS_NOT_SUPPORTED } from '../dtyp/ntstatus.ts';
import type { OpenRequest, Outcome } from './command.ts';

/**
 * MS-SMB2 3.3.5.19: "If the underlying object store does not support change notifications, the server
 * MUST fail this request with STATUS_NOT_SUPPORTED." With the async flag: Windows repeats the request
 * for ever otherwise.
 */
export async function changeNotify(_body: unknown, request: OpenRequest): Promise<Outcome> {
  request.pend();
  return STATUS_NOT_SUPPORTED;
}

/** MS-SMB2 3.3.5.22.1: no oplock is ever granted, so none is breaking. */
export const oplockBreak = (): Outcome => STATUS_INVALID_DEVICE_STATE;
