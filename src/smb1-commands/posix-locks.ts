/**
 * The CIFS Unix extensions, beside MS-CIFS 3.3.5.58.6 and 3.3.5.58.8: SMB_QUERY_POSIX_LOCK and SMB_SET_POSIX_LOCK, byte
 * ranges as fcntl(2) locks them: the process is the owner, by its number in the request. They are the locks that SMB2
 * and LOCKING_ANDX see.
 */
import { MAX_LOCKS, MAX_LOCKS_PER_OPEN } from '../base/limits.ts';
import { breakFor } from '../commands/caching.ts';
import type { OpenRequest } from '../commands/command.ts';
import { FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_FILE_CLOSED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { isLegalRange, type LockRange } from '../objects/byte-range-locks.ts';
import { layOnHost } from '../objects/host-locks.ts';
import { findProcess, type LockOwner, posixProcess } from '../objects/process-locks.ts';
import { POSIX_LOCK_FLAG_WAIT, PosixLock, PosixLockType } from '../smb1/unix.ts';
import type { MaybePromise } from './call.ts';

interface Wanted {
  readonly type: number;
  readonly waits: boolean;
  readonly pid: number;
  readonly range: LockRange;
}

/** "Undefined": what is no such structure, or no range. */
function decode(data: Buffer): Wanted | undefined {
  if (data.length !== PosixLock.size) return undefined;
  const { type, flags, pid, start, length } = PosixLock.read(data);
  const range = { offset: start, length };
  const isKnown = type <= PosixLockType.UNLOCK && flags <= POSIX_LOCK_FLAG_WAIT;
  // To the end of all is a length of its own.
  if (!isKnown || length === 0n || !isLegalRange(range)) return undefined;
  return { type, waits: flags === POSIX_LOCK_FLAG_WAIT, pid, range };
}

/** `access`: of the FID, which may be less than its open's. */
export function setPosixLock(
  request: OpenRequest,
  data: Buffer,
  access: number,
): MaybePromise<NtStatus> {
  const { open, connection } = request;
  const wanted = decode(data);
  if (open.handle?.kind !== 'file') return STATUS_INVALID_HANDLE;
  if (wanted === undefined) return STATUS_INVALID_PARAMETER;
  const { type, pid, range } = wanted;
  if (type === PosixLockType.UNLOCK) {
    const process = findProcess(open, connection, pid);
    if (process !== undefined) open.file!.locks.unlockAsPosix(process, range);
    return STATUS_SUCCESS;
  }
  // EBADF, as fcntl(2) has it.
  const needed = type === PosixLockType.WRITE ? FILE_WRITE_DATA : FILE_READ_DATA;
  if ((access & needed) === 0) return STATUS_INVALID_HANDLE;
  const waiting = breakFor(request, open.file!, { kind: 'write' }, open);
  if (waiting === undefined) return take(request, wanted);
  return Promise.resolve(waiting).then((given) => given ?? take(request, wanted));
}

function take(request: OpenRequest, { type, waits, pid, range }: Wanted): MaybePromise<NtStatus> {
  const { open, connection, server } = request;
  if (open.closed) return STATUS_FILE_CLOSED;
  const { locks } = open.file!;
  const process = posixProcess(open, connection, pid);
  // A lock in the midst of another of the other kind makes three of one.
  const held = locks.count(process) + locks.waiting(process) + 2;
  if (held > MAX_LOCKS_PER_OPEN || server.files.lockTally.locks + 2 > MAX_LOCKS) {
    return STATUS_INSUFFICIENT_RESOURCES;
  }
  const exclusive = type === PosixLockType.WRITE;
  layOnHost(open);
  if (locks.lockAsPosix(process, range, exclusive)) return STATUS_SUCCESS;
  if (!waits) return STATUS_FILE_LOCK_CONFLICT;
  if (!request.mayPend) return STATUS_INSUFFICIENT_RESOURCES;
  const signal = request.pend();
  if (signal.aborted) return STATUS_FILE_LOCK_CONFLICT;
  return new Promise((resolve) => {
    const cancel = (): void => {
      if (locks.cancel(waiting)) resolve(STATUS_FILE_LOCK_CONFLICT);
    };
    const settle = (granted: boolean): void => {
      signal.removeEventListener('abort', cancel);
      resolve(granted ? STATUS_SUCCESS : STATUS_FILE_LOCK_CONFLICT);
    };
    const waiting = locks.wait(process, range, exclusive, settle, true);
    signal.addEventListener('abort', cancel, { once: true });
  });
}

const processIdOf = (owner: LockOwner): number => ('processId' in owner ? owner.processId : 0);

/** What is in the way of such a lock, or that nothing is. */
export function queryPosixLock({ open, connection }: OpenRequest, data: Buffer): Buffer | NtStatus {
  const wanted = decode(data);
  if (open.handle?.kind !== 'file') return STATUS_INVALID_HANDLE;
  if (wanted === undefined || wanted.type === PosixLockType.UNLOCK) return STATUS_INVALID_PARAMETER;
  const { type, pid, range } = wanted;
  // Who has no locks is nobody that could hold one of these.
  const asker = findProcess(open, connection, pid) ?? NOBODY;
  const found = open.file!.locks.inTheWay(asker, range, type === PosixLockType.WRITE);
  if (found === undefined) {
    const answer = Buffer.from(data);
    answer.writeUInt16LE(PosixLockType.UNLOCK);
    return answer;
  }
  return PosixLock.encode({
    type: found.exclusive ? PosixLockType.WRITE : PosixLockType.READ,
    flags: 0,
    pid: processIdOf(found.owner),
    start: found.offset,
    length: BigInt.asUintN(64, found.length),
  });
}

const NOBODY = {} as LockOwner;
