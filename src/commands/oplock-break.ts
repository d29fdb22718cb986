/** MS-SMB2 3.3.5.22: OPLOCK_BREAK, the acknowledgment of a break. */
import {
  type NtStatus,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_OPLOCK_PROTOCOL,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_UNSUCCESSFUL,
} from '../dtyp/ntstatus.ts';
import { R } from '../objects/caching.ts';
import { leaseId } from '../objects/lease.ts';
import {
  encodeOplockBreakResponse,
  type LeaseBreak,
  type OplockBreak,
  type OplockBreakRequest,
} from '../smb2/oplock-break.ts';
import {
  SMB2_OPLOCK_LEVEL_II,
  SMB2_OPLOCK_LEVEL_LEASE,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../smb2/oplock-levels.ts';
import type { Outcome, TreeRequest } from './command.ts';

export function oplockBreak(body: OplockBreakRequest, request: TreeRequest): Outcome {
  const { log } = request.connection;
  if (log.debugs('oplock')) log.debug('oplock', 'acknowledgment', toldOf(body));
  return body.kind === 'lease' ? leaseBreak(body, request) : oplock(body, request);
}

const toldOf = (body: OplockBreakRequest) =>
  body.kind === 'lease'
    ? { lease: body.leaseKey.toString('hex'), state: body.leaseState }
    : { open: body.persistentId.toString(16), level: body.oplockLevel };

/** 3.3.5.22.1 */
function oplock(body: OplockBreak, { session, server }: TreeRequest): Outcome {
  const open = session.opens.get(body.volatileId);
  if (open === undefined || open.persistentId !== body.persistentId) return STATUS_FILE_CLOSED;
  server.replays.withdraw(open);
  if (body.oplockLevel === SMB2_OPLOCK_LEVEL_LEASE) return STATUS_INVALID_PARAMETER;
  const grant = server.oplocks.grantOfOpen(open);
  const refused = refuseLevel(body.oplockLevel, grant?.breakingTo !== undefined);
  if (refused !== undefined) {
    if (grant !== undefined) server.oplocks.acknowledge(open.file!, grant, 0);
    return refused;
  }
  const kept = body.oplockLevel === SMB2_OPLOCK_LEVEL_II ? R & grant!.breakingTo! : 0;
  server.oplocks.acknowledge(open.file!, grant!, kept);
  const oplockLevel = kept === R ? SMB2_OPLOCK_LEVEL_II : SMB2_OPLOCK_LEVEL_NONE;
  return { body: encodeOplockBreakResponse({ ...body, oplockLevel }) };
}

function refuseLevel(level: number, breaking: boolean): NtStatus | undefined {
  // Section 3.3.5.22.1 names INVALID_DEVICE_STATE for an open that is not breaking; Windows and Samba answer
  // INVALID_OPLOCK_PROTOCOL there, too (smb2.oplock.levelii500).
  const known = level === SMB2_OPLOCK_LEVEL_II || level === SMB2_OPLOCK_LEVEL_NONE;
  return breaking && known ? undefined : STATUS_INVALID_OPLOCK_PROTOCOL;
}

/** 3.3.5.22.2 */
function leaseBreak(body: LeaseBreak, { connection, server }: TreeRequest): Outcome {
  const found = server.oplocks.lease(leaseId(connection.clientGuid, body.leaseKey));
  if (found === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  const { lease, grant } = found;
  for (const open of lease.opens) server.replays.withdraw(open);
  if (grant.breakingTo === undefined) return STATUS_UNSUCCESSFUL;
  // "If LeaseState is not a subset of Lease.BreakToLeaseState … STATUS_REQUEST_NOT_ACCEPTED."
  if ((body.leaseState & ~grant.breakingTo) !== 0) return STATUS_REQUEST_NOT_ACCEPTED;
  server.oplocks.acknowledge(lease.file, grant, body.leaseState);
  return { body: encodeOplockBreakResponse(body) };
}
