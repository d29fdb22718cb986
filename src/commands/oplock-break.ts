/**
 * MS-SMB2 3.3.5.22: OPLOCK_BREAK, the acknowledgment of a break. No oplock and no lease is granted yet,
 * so none is breaking: 3.3.5.22.1 and 3.3.5.22.2 name the status.
 */
import {
  STATUS_FILE_CLOSED,
  STATUS_INVALID_DEVICE_STATE,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../dtyp/ntstatus.ts';
import type { OplockBreakRequest } from '../smb2/oplock-break.ts';
import type { Outcome, TreeRequest } from './command.ts';

export function oplockBreak(body: OplockBreakRequest, { session }: TreeRequest): Outcome {
  if (body.kind === 'lease') return STATUS_OBJECT_NAME_NOT_FOUND;
  const open = session.opens.get(body.volatileId);
  const known = open !== undefined && open.persistentId === body.persistentId;
  return known ? STATUS_INVALID_DEVICE_STATE : STATUS_FILE_CLOSED;
}
