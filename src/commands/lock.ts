/** MS-SMB2 3.3.5.14: LOCK. The order of the checks is the section's. */
import { MAX_LOCKS_PER_OPEN } from '../base/limits.ts';
import { FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_LOCK_RANGE,
  STATUS_INVALID_PARAMETER,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_RANGE_NOT_LOCKED,
} from '../dtyp/ntstatus.ts';
import { isLegalRange } from '../objects/byte-range-locks.ts';
import {
  encodeLockResponse,
  type LockElement,
  type LockRequest,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
} from '../smb2/lock.ts';
import type { OpenRequest, Outcome } from './command.ts';

const reply = { body: encodeLockResponse() };

export function lock(body: LockRequest, request: OpenRequest): Outcome {
  const { open } = request;
  // "The lock count MUST be greater than or equal to 1."
  if (body.locks.length === 0) return STATUS_INVALID_PARAMETER;
  if (open.file === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  if (open.handle?.kind !== 'file') return STATUS_INVALID_PARAMETER;
  const unlocks = (body.locks[0]!.flags & SMB2_LOCKFLAG_UNLOCK) !== 0;
  return unlocks ? unlockAll(body.locks, request) : lockAll(body.locks, request);
}

/** 3.3.5.14.1: what was unlocked before an error stays unlocked. */
function unlockAll(elements: readonly LockElement[], { open }: OpenRequest): Outcome {
  for (const element of elements) {
    if ((element.flags & ~SMB2_LOCKFLAG_FAIL_IMMEDIATELY) !== SMB2_LOCKFLAG_UNLOCK) {
      return STATUS_INVALID_PARAMETER;
    }
    if (!isLegalRange(element)) return STATUS_INVALID_LOCK_RANGE;
    if (!open.file!.locks.unlock(open, element)) return STATUS_RANGE_NOT_LOCKED;
  }
  return reply;
}

/** 3.3.5.14.2: all or nothing. */
function lockAll(elements: readonly LockElement[], { open }: OpenRequest): Outcome {
  if ((open.access & (FILE_READ_DATA | FILE_WRITE_DATA)) === 0) return STATUS_ACCESS_DENIED;
  const { locks } = open.file!;
  if (locks.count(open) + elements.length > MAX_LOCKS_PER_OPEN) {
    return STATUS_INSUFFICIENT_RESOURCES;
  }
  for (const [i, element] of elements.entries()) {
    const refused = refuseElement(element, elements.length);
    const failed =
      refused ?? (locks.lock(open, element, isExclusive(element)) ? undefined : notGranted);
    if (failed === undefined) continue;
    for (const taken of elements.slice(0, i)) locks.undo(open, taken);
    return failed;
  }
  return reply;
}

const notGranted = STATUS_LOCK_NOT_GRANTED;

const isExclusive = (element: LockElement): boolean =>
  (element.flags & SMB2_LOCKFLAG_EXCLUSIVE_LOCK) !== 0;

function refuseElement(element: LockElement, count: number): Outcome | undefined {
  const kind = element.flags & ~SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
  if (kind !== SMB2_LOCKFLAG_SHARED_LOCK && kind !== SMB2_LOCKFLAG_EXCLUSIVE_LOCK) {
    return STATUS_INVALID_PARAMETER;
  }
  const waits = (element.flags & SMB2_LOCKFLAG_FAIL_IMMEDIATELY) === 0;
  if (waits && count > 1) return STATUS_INVALID_PARAMETER;
  return isLegalRange(element) ? undefined : STATUS_INVALID_LOCK_RANGE;
}
