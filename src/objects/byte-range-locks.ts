/**
 * Byte-range locks of one file, MS-FSA 2.1.5.8, 2.1.5.9 and 2.1.4.10: a pure set of ranges, and a
 * queue of those that wait to get in.
 *
 * A range is [offset, offset + length) with exact 64-bit numbers; one of no length overlaps those that
 * have its offset strictly inside. Locks belong to an owner (an open). An exclusive lock stops others
 * altogether, its owner only from a second exclusive one. A shared lock stops every exclusive lock and
 * every write, its owner's too.
 *
 * Only held locks stop a new one, not those that wait: as in MS-FSA, whoever asks later for what is
 * free gets it. Those that wait are parked at one lock that stops them. Until that one goes nothing
 * about them can change, so its end looks at them alone, in the order in which they came. With that
 * they are let in as if each release tried everybody who waits, first come first served.
 *
 * Where a file is locked on the disk as well (host-locks.ts), what another program holds there stops a lock like a held one, and
 * waits for it are parked at none.
 *
 * A process of POSIX (fcntl(2)) holds ranges that never overlap, and its own stop it from nothing: see posix-ranges.ts.
 *
 *     wait() ──▶ parked ── no conflict is left ──▶ held, settle(true)
 *                 │  └── cancel() ──▶ gone
 *                 └── releaseAll() of its owner ──▶ gone, settle(false)
 */
import { type CoveredRange, covered, type HostRanges } from './host-ranges.ts';
import { type PosixRange, reshaped, without } from './posix-ranges.ts';
import { RangeNode, RangeTree } from './range-tree.ts';

export interface LockRange {
  readonly offset: bigint;
  readonly length: bigint;
}

/** MS-FSA 2.1.4.10: the last byte of a range must not exceed 2^64 - 1. */
export const isLegalRange = ({ offset, length }: LockRange): boolean =>
  length === 0n || offset + length - 1n <= 0xffff_ffff_ffff_ffffn;

const lastOf = ({ offset, length }: LockRange): bigint => offset + length - 1n;

class HeldLock extends RangeNode {
  readonly exclusive: boolean;
  /** Equal locks of one owner are one entry. */
  count = 1;
  parked: Waiting[] | undefined;

  constructor(offset: bigint, last: bigint, ownerId: number, exclusive: boolean) {
    super(offset, last, ownerId);
    this.exclusive = exclusive;
  }

  /** Whether it stops a lock of this kind and owner. */
  stops(ownerId: number, { offset, last, exclusive, isPosix }: Waiting): boolean {
    if (isPosix && this.ownerId === ownerId) return false;
    const allowed = this.exclusive ? this.ownerId === ownerId && !exclusive : !exclusive;
    return !allowed && this.overlaps(offset, last);
  }
}

interface OwnerLocks {
  readonly id: number;
  readonly held: Set<HeldLock>;
  readonly waiting: Set<Waiting>;
  count: number;
}

interface Waiting {
  readonly owner: unknown;
  readonly offset: bigint;
  readonly last: bigint;
  readonly exclusive: boolean;
  /** Of a process of POSIX. */
  readonly isPosix: boolean;
  /** Its place in the queue. */
  readonly turn: number;
  readonly settle: (granted: boolean) => void;
  /** As long as it waits. */
  parkedAt: HeldLock | undefined;
  /** Where it stands among those that are parked there. */
  place: number;
}

/** Names a lock that waits. */
export type WaitingLock = Readonly<Omit<Waiting, 'parkedAt' | 'place'>>;

/** How many locks are held and waited for, in all the files that share it. */
export interface LockTally {
  locks: number;
}

export interface LockInTheWay<Owner> extends LockRange {
  readonly owner: Owner;
  readonly exclusive: boolean;
}

interface ToldLock {
  readonly exclusive: boolean;
  readonly waiting: boolean;
}

export class ByteRangeLocks<Owner> {
  readonly #tally: LockTally;
  /** Only from the first lock on, as the owners: most files see none. */
  #exclusive: RangeTree<HeldLock> | undefined;
  #shared: RangeTree<HeldLock> | undefined;
  #owners: Map<Owner, OwnerLocks> | undefined;
  #size = 0;
  #lastOwnerId = 0;
  #lastTurn = 0;
  #host: HostRanges | undefined;
  /** Where those are parked who wait for another program. */
  #elsewhere: HeldLock | undefined;

  constructor(tally: LockTally = { locks: 0 }) {
    this.#tally = tally;
  }

  /** Locks that are held. */
  get size(): number {
    return this.#size;
  }

  get host(): HostRanges | undefined {
    return this.#host;
  }

  /** From now on all locks are laid there, and those that are held, as far as others let them. */
  layOn(host: HostRanges): void {
    this.#host = host;
    for (const { held } of this.#owners?.values() ?? []) {
      for (const { offset, last } of held) this.#relay(offset, last);
    }
  }

  /** Nobody has the file open any more. */
  leaveHost(): void {
    this.#host?.end();
    this.#host = undefined;
  }

  /** Whether a lock begins before this offset. */
  beginBefore(offset: number): boolean {
    if (this.size === 0) return false;
    return [this.#exclusive?.start, this.#shared?.start].some(
      (start) => start !== undefined && start < BigInt(offset),
    );
  }

  /** Takes the lock if nothing conflicts. */
  lock(owner: Owner, range: LockRange, exclusive: boolean): boolean {
    const last = lastOf(range);
    if (this.#conflict(owner, range.offset, last, exclusive) !== undefined) return false;
    if (!this.#lay(range.offset, last, exclusive)) return false;
    this.#hold(owner, range.offset, last, exclusive);
    return true;
  }

  /**
   * Takes the lock as soon as nothing conflicts: `settle(true)`, which may be now; `settle(false)`
   * when the owner's locks are released before that.
   */
  wait(
    owner: Owner,
    range: LockRange,
    exclusive: boolean,
    settle: (granted: boolean) => void,
    isPosix = false,
  ): WaitingLock {
    const { offset } = range;
    const last = lastOf(range);
    this.#lastTurn += 1;
    const waiting: Waiting = {
      ...{ owner, offset, last, exclusive, isPosix, settle },
      turn: this.#lastTurn,
      parkedAt: undefined,
      place: 0,
    };
    const conflict = this.#conflict(owner, offset, last, exclusive, isPosix);
    if (conflict === undefined && this.#lay(offset, last, exclusive)) {
      this.#take(waiting);
      settle(true);
    } else {
      this.#entry(owner).waiting.add(waiting);
      this.#tally.locks += 1;
      this.#park(waiting, conflict);
    }
    return waiting;
  }

  /** Gives up waiting; false when it is over already. */
  cancel(waiting: WaitingLock): boolean {
    const owner = waiting.owner as Owner;
    const entry = this.#owners?.get(owner);
    if (entry?.waiting.has(waiting as Waiting) !== true) return false;
    unpark(waiting as Waiting);
    this.#leaveQueue(waiting as Waiting, entry);
    this.#forgetIfIdle(owner, entry);
    return true;
  }

  /**
   * MS-FSA 2.1.5.9: releases the owner's lock on exactly this range; of several an exclusive one
   * first. False when there is none.
   */
  unlock(owner: Owner, range: LockRange): boolean {
    return this.undo(owner, range, true) || this.undo(owner, range, false);
  }

  /** Releases one lock of this kind: the roll-back of a failed array of locks. */
  undo(owner: Owner, range: LockRange, exclusive: boolean): boolean {
    const entry = this.#owners?.get(owner);
    if (entry === undefined) return false;
    const tree = this.#tree(exclusive);
    const held = tree.find(range.offset, lastOf(range), entry.id);
    if (held === undefined) return false;
    held.count -= 1;
    this.#less(entry, 1);
    if (held.count > 0) return true;
    tree.delete(held);
    entry.held.delete(held);
    this.#forgetIfIdle(owner, entry);
    this.#unlay([held]);
    if (held.parked !== undefined) this.#admit(held.parked);
    return true;
  }

  /** The owner is gone: its locks are released, what it waits for is given up. */
  releaseAll(owner: Owner): void {
    const owners = this.#owners;
    const entry = owners?.get(owner);
    if (owners === undefined || entry === undefined) return;
    owners.delete(owner);
    const given = [...entry.waiting];
    for (const waiting of given) {
      unpark(waiting);
      this.#leaveQueue(waiting, entry);
    }
    this.#less(entry, entry.count);
    const parked: Waiting[] = [];
    if (owners.size === 0) {
      this.#exclusive = undefined;
      this.#shared = undefined;
    } else {
      for (const held of entry.held) {
        this.#tree(held.exclusive).delete(held);
        if (held.parked !== undefined) for (const waiting of held.parked) parked.push(waiting);
      }
    }
    this.#unlay(entry.held);
    this.#admit(parked);
    for (const waiting of given) waiting.settle(false);
  }

  /** What the owner waits for is given up: `settle(false)`. */
  giveUp(owner: Owner): void {
    for (const waiting of [...(this.#owners?.get(owner)?.waiting ?? [])]) {
      if (this.cancel(waiting)) waiting.settle(false);
    }
  }

  /** Locks that the owner holds. */
  count(owner: Owner): number {
    return this.#owners?.get(owner)?.count ?? 0;
  }

  /** Locks that the owner waits for. */
  waiting(owner: Owner): number {
    return this.#owners?.get(owner)?.waiting.size ?? 0;
  }

  /** The first of the owner's locks, held ones before those that it waits for. */
  ranges(owner: Owner, maximum: number): (LockRange & ToldLock)[] {
    const entry = this.#owners?.get(owner);
    const told: (LockRange & ToldLock)[] = [];
    const tell = (waiting: boolean, locks: Iterable<HeldLock | Waiting>): void => {
      for (const { offset, last, exclusive } of locks) {
        if (told.length >= maximum) return;
        told.push({ offset, length: last - offset + 1n, exclusive, waiting });
      }
    };
    if (entry !== undefined) {
      tell(false, entry.held);
      tell(true, entry.waiting);
    }
    return told;
  }

  /** All that the owner holds, each as often as it holds it; undefined where it is more than that. */
  held(owner: Owner, maximum: number): (LockRange & { readonly exclusive: boolean })[] | undefined {
    const entry = this.#owners?.get(owner);
    if (entry === undefined) return [];
    if (entry.count > maximum) return undefined;
    return [...entry.held].flatMap(({ offset, last, exclusive, count }) =>
      Array.from({ length: count }, () => ({ offset, length: last - offset + 1n, exclusive })),
    );
  }

  /** MS-FSA 2.1.4.10: whether reading or writing this range meets a lock. */
  conflicts(owner: Owner, range: LockRange, write: boolean): boolean {
    if (range.length === 0n) return false;
    const last = lastOf(range);
    const id = this.#owners?.get(owner)?.id;
    if (this.#exclusive?.findOverlap(range.offset, last, id) !== undefined) return true;
    return write && this.#shared?.findOverlap(range.offset, last) !== undefined;
  }

  /** fcntl(2), F_SETLK: takes the lock, in place of what the process held there, if no other's conflicts. */
  lockAsPosix(owner: Owner, range: LockRange, exclusive: boolean): boolean {
    const last = lastOf(range);
    const conflict = this.#conflict(owner, range.offset, last, exclusive, true);
    if (conflict !== undefined || !this.#lay(range.offset, last, exclusive)) return false;
    this.#reshape(owner, { offset: range.offset, last }, exclusive);
    return true;
  }

  unlockAsPosix(owner: Owner, range: LockRange): void {
    this.#reshape(owner, { offset: range.offset, last: lastOf(range) }, undefined);
  }

  /** fcntl(2), F_GETLK: a lock that is in the way of this one, and whose it is. */
  inTheWay(owner: Owner, range: LockRange, exclusive: boolean): LockInTheWay<Owner> | undefined {
    const held = this.#conflict(owner, range.offset, lastOf(range), exclusive, true);
    if (held === undefined) return undefined;
    for (const [other, { id }] of this.#owners!) {
      if (id !== held.ownerId) continue;
      const { offset, last } = held;
      return { owner: other, offset, length: last - offset + 1n, exclusive: held.exclusive };
    }
    return undefined;
  }

  /** What is new is held before what is old is given up, so that nobody comes in between. */
  #reshape(
    owner: Owner,
    range: Pick<PosixRange, 'offset' | 'last'>,
    exclusive: boolean | undefined,
  ): void {
    const before = [...(this.#owners?.get(owner)?.held ?? [])];
    const next = reshaped(before, range, exclusive);
    const [added, gone] = [without(next, before), without(before, next)];
    for (const one of added) this.#hold(owner, one.offset, one.last, one.exclusive);
    for (const one of gone) {
      this.undo(owner, { offset: one.offset, length: one.last - one.offset + 1n }, one.exclusive);
    }
  }

  /** What nothing conflicts with any more. */
  #take({ owner, offset, last, exclusive, isPosix }: Waiting): HeldLock | undefined {
    if (!isPosix) return this.#hold(owner as Owner, offset, last, exclusive);
    this.#reshape(owner as Owner, { offset, last }, exclusive);
    return undefined;
  }

  #conflict(
    owner: Owner,
    offset: bigint,
    last: bigint,
    exclusive: boolean,
    isPosix = false,
  ): HeldLock | undefined {
    const own = isPosix || !exclusive ? this.#owners?.get(owner)?.id : undefined;
    const found = this.#exclusive?.findOverlap(offset, last, own);
    return found ?? (exclusive ? this.#shared?.findOverlap(offset, last, own) : undefined);
  }

  #hold(owner: Owner, offset: bigint, last: bigint, exclusive: boolean): HeldLock {
    const entry = this.#entry(owner);
    const tree = this.#tree(exclusive);
    let held = tree.find(offset, last, entry.id);
    if (held === undefined) {
      held = new HeldLock(offset, last, entry.id, exclusive);
      tree.add(held);
      entry.held.add(held);
    } else {
      held.count += 1;
    }
    entry.count += 1;
    this.#size += 1;
    this.#tally.locks += 1;
    return held;
  }

  /** At what stops it; undefined: another program does. */
  #park(waiting: Waiting, conflict: HeldLock | undefined): void {
    if (conflict !== undefined) {
      park(waiting, conflict);
      return;
    }
    this.#elsewhere ??= new HeldLock(0n, -1n, 0, true);
    park(waiting, this.#elsewhere);
    this.#host!.lookAgain(() => {
      const parked = this.#elsewhere?.parked ?? [];
      this.#elsewhere = undefined;
      this.#admit(parked);
    });
  }

  /** Before a lock is held, which nothing here stops; false: another program does. */
  #lay(offset: bigint, last: bigint, exclusive: boolean): boolean {
    const host = this.#host;
    if (host === undefined || last < offset) return true;
    if (exclusive) return host.set(offset, last, 'exclusive');
    for (const part of this.#covered(offset, last)) {
      if (part.kind === 'exclusive' || host.set(part.offset, part.last, 'shared')) continue;
      this.#relay(offset, last);
      return false;
    }
    return true;
  }

  /** After these are held no more. */
  #unlay(ended: Iterable<HeldLock>): void {
    if (this.#size === 0) this.#host?.clear();
    else if (this.#host) for (const { offset, last } of ended) this.#relay(offset, last);
  }

  #covered(offset: bigint, last: bigint): Iterable<CoveredRange> {
    return covered(this.#exclusive, this.#shared, offset, last);
  }

  #relay(offset: bigint, last: bigint): void {
    for (const part of this.#covered(offset, last)) {
      this.#host!.set(part.offset, part.last, part.kind);
    }
  }

  #tree(exclusive: boolean): RangeTree<HeldLock> {
    if (exclusive) {
      this.#exclusive ??= new RangeTree();
      return this.#exclusive;
    }
    this.#shared ??= new RangeTree();
    return this.#shared;
  }

  #less(entry: OwnerLocks, released: number): void {
    entry.count -= released;
    this.#size -= released;
    this.#tally.locks -= released;
  }

  #entry(owner: Owner): OwnerLocks {
    let entry = this.#owners?.get(owner);
    if (entry === undefined) {
      this.#lastOwnerId += 1;
      this.#owners ??= new Map();
      entry = { id: this.#lastOwnerId, held: new Set(), waiting: new Set(), count: 0 };
      this.#owners.set(owner, entry);
    }
    return entry;
  }

  #forgetIfIdle(owner: Owner, entry: OwnerLocks): void {
    if (entry.count === 0 && entry.waiting.size === 0) this.#owners?.delete(owner);
  }

  #leaveQueue(waiting: Waiting, entry: OwnerLocks): void {
    entry.waiting.delete(waiting);
    this.#tally.locks -= 1;
  }

  /** Looks again at those that were parked at a lock which is gone, in the order of their turns. */
  #admit(parked: Waiting[]): void {
    parked.sort((a, b) => a.turn - b.turn);
    const granted: Waiting[] = [];
    let newest: HeldLock | undefined;
    for (const waiting of parked) {
      const owner = waiting.owner as Owner;
      const { offset, last, exclusive, isPosix } = waiting;
      const entry = this.#owners!.get(owner)!;
      // Mostly it is the one let in just now that stops the next: no search then.
      const conflict = newest?.stops(entry.id, waiting)
        ? newest
        : this.#conflict(owner, offset, last, exclusive, isPosix);
      if (conflict !== undefined || !this.#lay(offset, last, exclusive)) {
        this.#park(waiting, conflict);
        continue;
      }
      this.#leaveQueue(waiting, entry);
      newest = this.#take(waiting);
      granted.push(waiting);
    }
    for (const { settle } of granted) settle(true);
  }
}

function park(waiting: Waiting, at: HeldLock): void {
  at.parked ??= [];
  waiting.parkedAt = at;
  waiting.place = at.parked.push(waiting) - 1;
}

/** The last one takes its place: who is first is told by the turns. */
function unpark(waiting: Waiting): void {
  const parked = waiting.parkedAt!.parked!;
  const moved = parked.pop()!;
  if (moved !== waiting) {
    parked[waiting.place] = moved;
    moved.place = waiting.place;
  }
  waiting.parkedAt = undefined;
}
