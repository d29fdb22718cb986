/**
 * Byte-range locks, MS-FSA 2.1.5.8, 2.1.5.9 and 2.1.4.10: none beside one that excludes it, no refusal
 * without a cause, none forgotten that waits, and of two that wait the first comes first.
 */
import {
  STATUS_CANCELLED,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_RANGE_NOT_LOCKED,
  STATUS_SUCCESS,
} from '../../../src/dtyp/ntstatus.ts';
import type { AskOf, LockRange } from '../history.ts';
import type { Model } from './model.ts';
import { type FileModel, isSure, type LockModel, type OpenModel } from './state.ts';

const end = ({ offset, length }: LockRange): number => offset + length;

/** A range without length meets those that have it strictly inside. */
function overlap(a: LockRange, b: LockRange): boolean {
  if (a.length === 0 && b.length === 0) return false;
  return a.offset < end(b) && b.offset < end(a);
}

const excludes = (held: LockModel, open: OpenModel, range: LockRange, exclusive: boolean) => {
  if (!overlap(held.range, range)) return false;
  if (held.exclusive) return held.open !== open || exclusive;
  return exclusive;
};

const stops = (held: LockModel, open: OpenModel, range: LockRange, write: boolean): boolean => {
  if (range.length === 0 || !overlap(held.range, range)) return false;
  return held.exclusive ? held.open !== open : write;
};

const isHeld = (lock: LockModel): boolean =>
  lock.sureAt !== undefined && lock.endingAt === undefined && isSure(lock.open);

const describe = ({ open, range, exclusive, ask }: LockModel): string =>
  `lock ${ask.number} of open ${open.opened.number}, ${exclusive ? 'exclusive' : 'shared'} ` +
  `[${range.offset}, ${end(range)})`;

export class Locks {
  readonly #model: Model;
  /** Waiting locks in the order in which they surely stood in the queue. */
  readonly #queued = new Map<AskOf<'lock'>, number>();

  constructor(model: Model) {
    this.#model = model;
  }

  asked(ask: AskOf<'lock'>): void {
    const open = this.#model.openOf(ask.wish.on)!;
    for (const range of ask.wish.ranges) {
      open.file.locks.add({
        ...{ open, range, ask },
        exclusive: ask.wish.exclusive,
        sureAt: undefined,
        endingAt: undefined,
        endedAt: undefined,
      });
    }
  }

  answered(ask: AskOf<'lock'>, status: number): void {
    const open = this.#model.openOf(ask.wish.on)!;
    const own = [...open.file.locks].filter((lock) => lock.ask === ask);
    const since = this.#queued.get(ask);
    this.#queued.delete(ask);
    if (status === STATUS_SUCCESS) {
      for (const lock of own) this.#granted(lock);
      if (since !== undefined) this.#judgeOrder(ask, open, since);
    } else {
      for (const lock of own) open.file.locks.delete(lock);
      if (status === STATUS_LOCK_NOT_GRANTED) this.#judgeRefusal(ask, open);
      if (status === STATUS_CANCELLED && !ask.cancelled && !this.#model.isEnding(ask.wire)) {
        this.#model.fail('a lock is not given up unasked', `${ask.number}`);
      }
    }
  }

  #granted(lock: LockModel): void {
    lock.sureAt = this.#model.moment;
    this.#judgeBeside(lock);
  }

  #judgeBeside(lock: LockModel): void {
    if (!isHeld(lock)) return;
    for (const other of lock.open.file.locks) {
      if (other === lock || other.ask === lock.ask || !isHeld(other)) continue;
      if (excludes(other, lock.open, lock.range, lock.exclusive)) {
        this.#model.fail('locks exclude each other', `${describe(lock)} beside ${describe(other)}`);
      }
    }
  }

  /** First come, first served: whoever waited before and is stopped by this one alone was passed over. */
  #judgeOrder(ask: AskOf<'lock'>, { file }: OpenModel, since: number): void {
    for (const [other, otherSince] of this.#queued) {
      if (otherSince >= since || other.answeredAt !== undefined || other.cancelled) continue;
      const open = this.#model.openOf(other.wish.on)!;
      if (open.file !== file || !isSure(open)) continue;
      const stoppers = this.#perhapsStopping(other, open, ask.at);
      if (stoppers.length > 0 && stoppers.every((lock) => lock.ask === ask)) {
        this.#model.fail('first come, first served', `${ask.number} before ${other.number}`);
      }
    }
  }

  #perhapsStopping(ask: AskOf<'lock'>, open: OpenModel, since: number): LockModel[] {
    return [...open.file.locks].filter(
      (lock) =>
        lock.ask !== ask &&
        !this.#queued.has(lock.ask) &&
        (lock.endedAt === undefined || lock.endedAt >= since) &&
        ask.wish.ranges.some((range) => excludes(lock, open, range, ask.wish.exclusive)),
    );
  }

  #judgeRefusal(ask: AskOf<'lock'>, open: OpenModel): void {
    const { ranges, exclusive } = ask.wish;
    const cause = [...open.file.locks].some(
      (lock) =>
        (lock.endedAt === undefined || lock.endedAt >= ask.at) &&
        ranges.some((range) => excludes(lock, open, range, exclusive)),
    );
    // Ranges of one request may exclude each other.
    const own = ranges.some((a, i) => exclusive && ranges.slice(i + 1).some((b) => overlap(a, b)));
    if (!cause && !own) this.#model.fail('no lock is refused without a cause', `${ask.number}`);
  }

  unlocking(ask: AskOf<'unlock'>): void {
    const lock = this.#unlockable(ask);
    if (lock !== undefined) lock.endingAt = this.#model.moment;
  }

  /** LOCK with UNLOCK is done at once: what is held when it arrives is what it finds. */
  unlocked(ask: AskOf<'unlock'>, status: number): void {
    const open = this.#model.openOf(ask.wish.on)!;
    const ending = [...open.file.locks].find(
      (lock) => lock.open === open && lock.endingAt === ask.at && lock.endedAt === undefined,
    );
    if (ending !== undefined) ending.endedAt = this.#model.moment;
    if (ending !== undefined && status === STATUS_RANGE_NOT_LOCKED) {
      this.#model.fail('a lock is there until it is released', describe(ending));
    }
    if (ending === undefined && status === STATUS_SUCCESS && !this.#hasUnsure(open)) {
      this.#model.fail('only what is locked is unlocked', `${ask.number}`);
    }
  }

  #hasUnsure(open: OpenModel): boolean {
    return [...open.file.locks].some((lock) => lock.open === open && lock.sureAt === undefined);
  }

  /** MS-FSA 2.1.5.9: exactly this range; of several an exclusive one first. */
  #unlockable({ wish }: AskOf<'unlock'>): LockModel | undefined {
    const open = this.#model.openOf(wish.on)!;
    const equal = [...open.file.locks].filter(
      ({ open: owner, range, sureAt, endingAt }) =>
        owner === open &&
        sureAt !== undefined &&
        endingAt === undefined &&
        range.offset === wish.range.offset &&
        range.length === wish.range.length,
    );
    return equal.find(({ exclusive }) => exclusive) ?? equal[0];
  }

  /** Locks that the open may hold. */
  perhapsHeldBy(open: OpenModel): number {
    const own = [...open.file.locks].filter((lock) => lock.open === open);
    return own.filter(({ endedAt }) => endedAt === undefined).length;
  }

  /** It still holds what it held when its connection was lost; what was on its way is over. */
  reclaimed(open: OpenModel): void {
    for (const lock of open.file.locks) {
      if (lock.open !== open || lock.sureAt === undefined) continue;
      this.#judgeBeside(lock);
    }
  }

  /** The open is gone, and its locks with it. */
  closed(open: OpenModel): void {
    for (const lock of open.file.locks) {
      if (lock.open === open) lock.endedAt ??= this.#model.moment;
    }
  }

  judgePassage(open: OpenModel, range: LockRange, write: boolean, since: number): void {
    for (const lock of open.file.locks) {
      if (isHeld(lock) && lock.sureAt! < since && stops(lock, open, range, write)) {
        const what = write ? 'WRITE' : 'READ';
        this.#model.fail('locks stop reading and writing', `${what} through ${describe(lock)}`);
      }
    }
  }

  judgeConflict(open: OpenModel, range: LockRange, write: boolean, since: number): void {
    const isCause = (lock: LockModel) =>
      (lock.endedAt === undefined || lock.endedAt >= since) && stops(lock, open, range, write);
    if ([...open.file.locks].some(isCause)) return;
    this.#model.fail('no lock conflict without a lock', `open ${open.opened.number}`);
  }

  /** Whether a lock of another stands in the way of this one. */
  isStopped(ask: AskOf<'lock'>, file: FileModel): boolean {
    const open = this.#model.openOf(ask.wish.on)!;
    const { ranges, exclusive } = ask.wish;
    return [...file.locks].some(
      (lock) => isHeld(lock) && ranges.some((range) => excludes(lock, open, range, exclusive)),
    );
  }

  /** Nothing is under way: those that wait stand in the queue now. */
  atRest(): void {
    for (const ask of this.#model.pendingOf('lock')) {
      if (this.#queued.has(ask)) continue;
      const { file } = this.#model.openOf(ask.wish.on)!;
      if (this.#model.caching.isBreaking(file)) continue;
      this.#queued.set(ask, this.#model.moment);
    }
  }
}
