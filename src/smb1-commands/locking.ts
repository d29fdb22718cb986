/**
 * MS-CIFS 3.3.5.30: LOCKING_ANDX; 3.3.5.15, 3.3.5.16: LOCK_BYTE_RANGE, UNLOCK_BYTE_RANGE. Locks are those of
 * MS-FSA 2.1.5.8, held by a process (its PID in the range) through an open.
 *
 * Ranges of one request are all locked or none is. What it unlocks before stays unlocked where something behind fails,
 * unlike 3.3.5.30 ("the lock state of the file MUST NOT be changed"): Windows asks the object store for each unlock and
 * each lock by itself (its notes 286 and 287), Samba does as well, and raw.lock.multiple_unlock wants it so. Nor could
 * it be undone: who waited for the range has it. What cannot be locked at once waits as long as the request
 * says: for the first range that is stopped, then for the next, those before being held.
 */
import { MAX_LOCKS, MAX_LOCKS_PER_OPEN } from '../base/limits.ts';
import { breakFor } from '../commands/caching.ts';
import { FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_LOCK_RANGE,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_RANGE_NOT_LOCKED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { isLegalRange, type LockRange } from '../objects/byte-range-locks.ts';
import { R } from '../objects/caching.ts';
import { layOnHost } from '../objects/host-locks.ts';
import type { Open } from '../objects/open.ts';
import { processLocks } from '../objects/process-locks.ts';
import {
  STATUS_OS2_ATOMIC_LOCKS_NOT_SUPPORTED,
  STATUS_OS2_CANCEL_VIOLATION,
} from '../smb1/dos-errors.ts';
import { LockRangeWords } from '../smb1/io.ts';
import {
  decodeLocking,
  LOCKING_CANCEL_LOCK,
  LOCKING_CHANGE_LOCKTYPE,
  LOCKING_LARGE_FILES,
  LOCKING_OPLOCK_RELEASE,
  LOCKING_SHARED_LOCK,
  type LockingAndX,
  NO_TIMEOUT,
  type Smb1LockRange,
} from '../smb1/locking.ts';
import {
  EMPTY,
  emptyAndX,
  type MaybePromise,
  SILENT,
  type Smb1Outcome,
  type TreeCall,
} from './call.ts';
import type { OpenFile } from './link.ts';
import { openOf, openRequest } from './opening.ts';

/** Windows waits no shorter where it waits at all. */
const SHORTEST_WAIT_MS = 200;

export function lockingAndX(call: TreeCall): MaybePromise<Smb1Outcome> {
  const body = decodeLocking(call.block);
  const file = openOf(call, body.fid);
  if (typeof file === 'number') return file;
  if ((body.typeOfLock & LOCKING_OPLOCK_RELEASE) !== 0) {
    acknowledge(call, file.open, body.newOplockLevel);
    // "there MUST NOT be a response" to what only acknowledges.
    if (body.locks.length + body.unlocks.length === 0) {
      call.link.signing?.withoutResponse();
      return SILENT;
    }
  }
  const status = work(call, file, body);
  const answer = (settled: NtStatus): Smb1Outcome =>
    settled === STATUS_SUCCESS ? emptyAndX() : settled;
  return typeof status === 'number' ? answer(status) : status.then(answer);
}

/** The client keeps level II or nothing; who was told nothing has nothing to acknowledge. */
function acknowledge({ link }: TreeCall, open: Open, newOplockLevel: number): void {
  const { oplocks } = link.server;
  const grant = oplocks.grantOfOpen(open);
  if (grant?.breakingTo === undefined) return;
  oplocks.acknowledge(open.file!, grant, newOplockLevel === 0 ? 0 : R & grant.breakingTo);
}

function work(call: TreeCall, file: OpenFile, body: LockingAndX): MaybePromise<NtStatus> {
  const { open } = file;
  if ((body.typeOfLock & LOCKING_CHANGE_LOCKTYPE) !== 0) {
    return STATUS_OS2_ATOMIC_LOCKS_NOT_SUPPORTED;
  }
  if (open.handle?.kind !== 'file') return STATUS_INVALID_DEVICE_REQUEST;
  for (const range of body.unlocks) {
    const status = unlock(open, range);
    if (status !== STATUS_SUCCESS) return status;
  }
  if (body.locks.length === 0) return STATUS_SUCCESS;
  if ((body.typeOfLock & LOCKING_CANCEL_LOCK) !== 0) return cancel(call, open, body);
  const { typeOfLock, timeout } = body;
  const exclusive = (typeOfLock & LOCKING_SHARED_LOCK) === 0;
  const large = (typeOfLock & LOCKING_LARGE_FILES) !== 0;
  return lockAll(call, open, body.locks, { asker: file, exclusive, large, timeout });
}

function unlock(open: Open, range: Smb1LockRange): NtStatus {
  if (!isLegalRange(range)) return STATUS_INVALID_LOCK_RANGE;
  const owner = open.processLocks?.get(range.pid);
  const unlocked = owner !== undefined && open.file!.locks.unlock(owner, range);
  return unlocked ? STATUS_SUCCESS : STATUS_RANGE_NOT_LOCKED;
}

/** LOCKING_ANDX_CANCEL_LOCK: of the locks that wait, the one of the same range. */
function cancel({ link }: TreeCall, open: Open, { locks, typeOfLock }: LockingAndX): NtStatus {
  const [wanted] = locks;
  const large = (typeOfLock & LOCKING_LARGE_FILES) !== 0;
  for (const waiting of waits.get(link) ?? []) {
    const { range } = waiting;
    const same =
      waiting.open === open &&
      waiting.large === large &&
      range.pid === wanted!.pid &&
      range.offset === wanted!.offset &&
      range.length === wanted!.length;
    if (!same) continue;
    waiting.giveUp();
    return STATUS_SUCCESS;
  }
  return STATUS_OS2_CANCEL_VIOLATION;
}

interface Waiting {
  readonly open: Open;
  readonly large: boolean;
  readonly range: Smb1LockRange;
  giveUp(): void;
}

const waits = new WeakMap<object, Set<Waiting>>();

/** Breaks what others cache first, as a write does. */
export function lockAll(
  call: TreeCall,
  open: Open,
  ranges: readonly Smb1LockRange[],
  how: Omit<Patience, 'deadlineMs'>,
): MaybePromise<NtStatus> {
  const { link } = call;
  if ((open.access & (FILE_READ_DATA | FILE_WRITE_DATA)) === 0) return STATUS_ACCESS_DENIED;
  if (!ranges.every(isLegalRange)) return STATUS_INVALID_LOCK_RANGE;
  let held = ranges.length;
  for (const owner of open.processLocks?.values() ?? []) held += open.file!.locks.count(owner);
  const ofServer = link.server.files.lockTally.locks + ranges.length;
  if (held > MAX_LOCKS_PER_OPEN || ofServer > MAX_LOCKS) return STATUS_INSUFFICIENT_RESOURCES;
  const waiting = breakFor(openRequest(call), open.file!, { kind: 'write' }, open);
  if (waiting === undefined) return attempt(call, open, ranges, how);
  return Promise.resolve(waiting).then((given) => given ?? attempt(call, open, ranges, how));
}

function attempt(
  call: TreeCall,
  open: Open,
  ranges: readonly Smb1LockRange[],
  how: Omit<Patience, 'deadlineMs'>,
): MaybePromise<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  const { asker, exclusive, timeout } = how;
  layOnHost(open);
  const stopped = tryAll(open, ranges, exclusive);
  if (stopped === undefined) return STATUS_SUCCESS;
  const wait = patience(asker, stopped, timeout);
  if (wait === 0) return failed(asker, stopped);
  const deadlineMs = performance.now() + wait;
  return waitForAll(call, open, ranges, { ...how, deadlineMs });
}

/** The first range that is not to be had; then none is held. */
function tryAll(
  open: Open,
  ranges: readonly Smb1LockRange[],
  exclusive: boolean,
): Smb1LockRange | undefined {
  const { locks } = open.file!;
  for (const [i, range] of ranges.entries()) {
    if (locks.lock(processLocks(open, range.pid), range, exclusive)) continue;
    for (const taken of ranges.slice(0, i).reverse()) {
      locks.undo(processLocks(open, taken.pid), taken, exclusive);
    }
    return range;
  }
  return undefined;
}

/**
 * Windows answers FILE_LOCK_CONFLICT, and that after a while, where a FID asks again for the offset that it was refused
 * last, and always for offsets from here to 2^63: for programs that ask in a loop. Of an open with two FIDs each has
 * an offset of its own (raw.lock.errorcode).
 */
const CONFLICT_FROM = 0xef00_0000n;
const CONFLICT_TO = 0x8000_0000_0000_0000n;
const refusedLast = new WeakMap<OpenFile, bigint>();

const asksAgain = (asker: OpenFile, { offset }: LockRange): boolean =>
  (offset >= CONFLICT_FROM && offset < CONFLICT_TO) || refusedLast.get(asker) === offset;

function patience(asker: OpenFile, stopped: LockRange, timeout: number): number {
  if (timeout === NO_TIMEOUT) return Infinity;
  if (timeout !== 0) return Math.max(timeout, SHORTEST_WAIT_MS);
  return asksAgain(asker, stopped) ? SHORTEST_WAIT_MS : 0;
}

function failed(asker: OpenFile, stopped: LockRange): NtStatus {
  const status = asksAgain(asker, stopped) ? STATUS_FILE_LOCK_CONFLICT : STATUS_LOCK_NOT_GRANTED;
  refusedLast.set(asker, stopped.offset);
  return status;
}

interface Patience {
  readonly asker: OpenFile;
  readonly exclusive: boolean;
  readonly timeout: number;
  readonly deadlineMs: number;
  /** LOCKING_ANDX_LARGE_FILES: who cancels has to name it, too. */
  readonly large: boolean;
}

/** One range after the other, those before held: as Windows does it (raw.lock.multilock3). */
async function waitForAll(
  call: TreeCall,
  open: Open,
  ranges: readonly Smb1LockRange[],
  patience: Patience,
): Promise<NtStatus> {
  const { asker, exclusive, timeout } = patience;
  const { locks } = open.file!;
  for (const [i, range] of ranges.entries()) {
    if (locks.lock(processLocks(open, range.pid), range, exclusive)) continue;
    const status = await waitFor(call, open, range, patience);
    if (status === STATUS_SUCCESS) continue;
    for (const taken of ranges.slice(0, i).reverse()) {
      locks.undo(processLocks(open, taken.pid), taken, exclusive);
    }
    if (status !== 'time is up') return status;
    return timeout === 0 ? failed(asker, range) : expired(asker, range);
  }
  return STATUS_SUCCESS;
}

function expired(asker: OpenFile, { offset }: LockRange): NtStatus {
  refusedLast.set(asker, offset);
  return STATUS_FILE_LOCK_CONFLICT;
}

function waitFor(
  call: TreeCall,
  open: Open,
  range: Smb1LockRange,
  { exclusive, deadlineMs, large }: Patience,
): Promise<NtStatus | 'time is up'> {
  const { link, request } = call;
  const { locks } = open.file!;
  if (!request.mayPend) return Promise.resolve(STATUS_INSUFFICIENT_RESOURCES);
  const signal = request.pend();
  if (signal.aborted) return Promise.resolve(STATUS_FILE_LOCK_CONFLICT);
  return new Promise((resolve) => {
    const all = waits.get(link) ?? new Set<Waiting>();
    waits.set(link, all);
    const end = (status: NtStatus | 'time is up'): void => {
      signal.removeEventListener('abort', cancelled);
      clearTimeout(timer);
      all.delete(entry);
      resolve(status);
    };
    const giveUp = (status: NtStatus | 'time is up'): void => {
      if (locks.cancel(waiting)) end(status);
    };
    const cancelled = (): void =>
      giveUp(
        request.session?.state === 'gone' ? STATUS_RANGE_NOT_LOCKED : STATUS_FILE_LOCK_CONFLICT,
      );
    const entry: Waiting = { open, large, range, giveUp: () => giveUp(STATUS_FILE_LOCK_CONFLICT) };
    const timer =
      deadlineMs === Infinity
        ? undefined
        : setTimeout(() => giveUp('time is up'), Math.max(0, deadlineMs - performance.now()));
    all.add(entry);
    signal.addEventListener('abort', cancelled, { once: true });
    const owner = processLocks(open, range.pid);
    const waiting = locks.wait(owner, range, exclusive, (granted) =>
      end(granted ? STATUS_SUCCESS : STATUS_RANGE_NOT_LOCKED),
    );
  });
}

/** By the header's PID, exclusively and at once. */
export const lockForRead = (
  call: TreeCall,
  asker: OpenFile,
  range: LockRange,
): MaybePromise<NtStatus> => {
  if (asker.open.handle?.kind !== 'file') return STATUS_INVALID_DEVICE_REQUEST;
  return lockAll(call, asker.open, [{ ...range, pid: call.pid }], {
    asker,
    exclusive: true,
    large: false,
    timeout: 0,
  });
};

export const unlockRange = (call: TreeCall, range: LockRange): NtStatus =>
  unlock(call.request.open!, { ...range, pid: call.pid });

export async function lockByteRange(call: TreeCall): Promise<Smb1Outcome> {
  const { fid, count, offset } = LockRangeWords.read(call.block.words);
  const file = openOf(call, fid);
  if (typeof file === 'number') return file;
  const status = await lockForRead(call, file, { offset: BigInt(offset), length: BigInt(count) });
  return status === STATUS_SUCCESS ? EMPTY : status;
}

export function unlockByteRange(call: TreeCall): Smb1Outcome {
  const { fid, count, offset } = LockRangeWords.read(call.block.words);
  const file = openOf(call, fid);
  if (typeof file === 'number') return file;
  if (file.open.handle?.kind !== 'file') return STATUS_INVALID_DEVICE_REQUEST;
  const status = unlockRange(call, { offset: BigInt(offset), length: BigInt(count) });
  return status === STATUS_SUCCESS ? EMPTY : status;
}
