/**
 * MS-SMB2 3.3.5.14: LOCK. The order of the checks is the section's.
 *
 * A lock without FAIL_IMMEDIATELY waits for the locks that stop it: the client gets an interim response
 * at once. The wait ends with the lock, or with CANCEL (STATUS_CANCELLED), or with the end of the open
 * by whatever way (STATUS_RANGE_NOT_LOCKED, as Windows has it).
 */
import { MAX_LOCKS, MAX_LOCKS_PER_OPEN } from '../base/limits.ts';
import { FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANCELLED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_LOCK_RANGE,
  STATUS_INVALID_PARAMETER,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_NETWORK_SESSION_EXPIRED,
  STATUS_RANGE_NOT_LOCKED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { isLegalRange } from '../objects/byte-range-locks.ts';
import { layOnHost } from '../objects/host-locks.ts';
import { LockSequences } from '../objects/lock-sequences.ts';
import { SMB2_GLOBAL_CAP_MULTI_CHANNEL } from '../smb2/capabilities.ts';
import {
  encodeLockResponse,
  type LockElement,
  type LockRequest,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
} from '../smb2/lock.ts';
import { breakFor } from './caching.ts';
import type { MaybePromise, OpenRequest, Outcome } from './command.ts';

const reply = { body: encodeLockResponse() };

export function lock(body: LockRequest, request: OpenRequest): MaybePromise<Outcome> {
  const { open } = request;
  const { locks, lockSequenceIndex, lockSequenceNumber } = body;
  // "The lock count MUST be greater than or equal to 1."
  if (locks.length === 0) return STATUS_INVALID_PARAMETER;
  if (open.file === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  if (open.handle?.kind !== 'file') return STATUS_INVALID_PARAMETER;
  const sequences = sequencesOf(request);
  if (sequences?.isReplay(lockSequenceIndex, lockSequenceNumber) === true) return reply;
  const unlocks = (locks[0]!.flags & SMB2_LOCKFLAG_UNLOCK) !== 0;
  const finish = (status: NtStatus): MaybePromise<Outcome> => {
    if (status !== STATUS_SUCCESS) return status;
    sequences?.record(lockSequenceIndex, lockSequenceNumber);
    if (open.durability?.persistent === undefined) {
      request.server.keptOpens?.changed(open);
      return reply;
    }
    return recordLocks(unlocks ? [] : locks, request);
  };
  // 3.3.5.2.9 lets LOCK go on in a session that has expired; Windows and Samba let locks go then, and give none.
  if (!unlocks && request.session?.state !== 'valid') return STATUS_NETWORK_SESSION_EXPIRED;
  const done = unlocks ? unlockAll(locks, request) : lockUncached(locks, request);
  return done instanceof Promise ? done.then(finish) : finish(done);
}

/** Of a persistent open: a lock that would not outlive the server is none. */
async function recordLocks(
  taken: readonly LockElement[],
  { open, server }: OpenRequest,
): Promise<Outcome> {
  if ((await server.persistentOpens!.changed(open)) || taken.length === 0) return reply;
  if (!open.closed) for (const each of taken) open.file!.locks.undo(open, each, isExclusive(each));
  return STATUS_INSUFFICIENT_RESOURCES;
}

/** Opens that may outlive their connection bear an array, and all of them where a session may have channels. */
function sequencesOf({ open, connection }: OpenRequest): LockSequences | undefined {
  const dialect = connection.dialect!;
  if (!dialect.lockSequence) return undefined;
  const channels = (connection.serverCapabilities & SMB2_GLOBAL_CAP_MULTI_CHANNEL) !== 0;
  const outlives = open.durability?.isDurable || open.durability?.isResilient;
  if (outlives || (dialect.smb3 && channels)) open.lockSequences ??= new LockSequences();
  return open.lockSequences;
}

/** 3.3.5.14.1: what was unlocked before an error stays unlocked. */
function unlockAll(elements: readonly LockElement[], { open }: OpenRequest): NtStatus {
  for (const element of elements) {
    // smbtorture's valid-request has Windows refuse FAIL_IMMEDIATELY here, whatever 3.3.5.14.1 says.
    if (element.flags !== SMB2_LOCKFLAG_UNLOCK) return STATUS_INVALID_PARAMETER;
    if (!isLegalRange(element)) return STATUS_INVALID_LOCK_RANGE;
    if (!open.file!.locks.unlock(open, element)) return STATUS_RANGE_NOT_LOCKED;
  }
  return STATUS_SUCCESS;
}

/** MS-FSA 2.1.4.12: a lock, like a write, breaks what others cache of the data. */
function lockUncached(
  elements: readonly LockElement[],
  request: OpenRequest,
): MaybePromise<NtStatus> {
  const waiting = breakFor(request, request.open.file!, { kind: 'write' }, request.open);
  if (waiting === undefined) return lockAll(elements, request);
  return Promise.resolve(waiting).then((given) => given ?? lockAll(elements, request));
}

/** 3.3.5.14.2: all or nothing; only a lock that is alone in its request may wait. */
function lockAll(elements: readonly LockElement[], request: OpenRequest): MaybePromise<NtStatus> {
  const { open, server } = request;
  if ((open.access & (FILE_READ_DATA | FILE_WRITE_DATA)) === 0) return STATUS_ACCESS_DENIED;
  for (const element of elements) {
    const refused = refuseElement(element, elements.length);
    if (refused !== undefined) return refused;
  }
  const { locks } = open.file!;
  const ofOpen = locks.count(open) + locks.waiting(open) + elements.length;
  const ofServer = server.files.lockTally.locks + elements.length;
  if (ofOpen > MAX_LOCKS_PER_OPEN || ofServer > MAX_LOCKS) return STATUS_INSUFFICIENT_RESOURCES;
  layOnHost(open);
  for (const [i, element] of elements.entries()) {
    if (locks.lock(open, element, isExclusive(element))) continue;
    if (mayWait(element)) return waitFor(element, request);
    for (const taken of elements.slice(0, i)) locks.undo(open, taken, isExclusive(taken));
    return STATUS_LOCK_NOT_GRANTED;
  }
  return STATUS_SUCCESS;
}

/** MS-FSA 2.1.5.8: "Wait until there are no overlapping ByteRangeLocks". */
function waitFor(element: LockElement, request: OpenRequest): MaybePromise<NtStatus> {
  const { open, session } = request;
  const { locks } = open.file!;
  if (!request.mayPend) return STATUS_INSUFFICIENT_RESOURCES;
  const signal = request.pend();
  if (signal.aborted) return STATUS_CANCELLED;
  return new Promise((resolve) => {
    const cancel = (): void => {
      // The session's end cancels what waits, and the end of its opens is what the client is told.
      const status = session.state === 'gone' ? STATUS_RANGE_NOT_LOCKED : STATUS_CANCELLED;
      if (locks.cancel(waiting)) resolve(status);
    };
    const waiting = locks.wait(open, element, isExclusive(element), (granted) => {
      signal.removeEventListener('abort', cancel);
      resolve(granted ? STATUS_SUCCESS : STATUS_RANGE_NOT_LOCKED);
    });
    signal.addEventListener('abort', cancel, { once: true });
  });
}

const isExclusive = ({ flags }: LockElement): boolean =>
  (flags & SMB2_LOCKFLAG_EXCLUSIVE_LOCK) !== 0;

const mayWait = ({ flags }: LockElement): boolean => (flags & SMB2_LOCKFLAG_FAIL_IMMEDIATELY) === 0;

function refuseElement(element: LockElement, count: number): NtStatus | undefined {
  const kind = element.flags & ~SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
  if (kind !== SMB2_LOCKFLAG_SHARED_LOCK && kind !== SMB2_LOCKFLAG_EXCLUSIVE_LOCK) {
    return STATUS_INVALID_PARAMETER;
  }
  if (mayWait(element) && count > 1) return STATUS_INVALID_PARAMETER;
  return isLegalRange(element) ? undefined : STATUS_INVALID_LOCK_RANGE;
}
