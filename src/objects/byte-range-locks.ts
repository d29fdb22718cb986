/**
 * Byte-range locks of one file, MS-FSA 2.1.5.8 and 2.1.4.10: a pure set of ranges.
 *
 * A range is [offset, offset + length) with exact 64-bit numbers. A zero-length range conflicts with
 * a range that has its offset strictly inside; ranges of zero length never conflict with each other.
 * Locks belong to an owner (an open). An exclusive lock stops others altogether, its owner only from
 * a second exclusive one. A shared lock stops every exclusive lock and every write, its owner's too.
 */
export interface LockRange {
  readonly offset: bigint;
  readonly length: bigint;
}

interface HeldLock<Owner> extends LockRange {
  readonly owner: Owner;
  readonly exclusive: boolean;
}

/** MS-FSA 2.1.4.10: the last byte of a range must not exceed 2^64 - 1. */
export const isLegalRange = ({ offset, length }: LockRange): boolean =>
  length === 0n || offset + length - 1n <= 0xffff_ffff_ffff_ffffn;

function overlaps(a: LockRange, b: LockRange): boolean {
  if (a.length === 0n && b.length === 0n) return false;
  if (a.length === 0n) return a.offset > b.offset && a.offset < b.offset + b.length;
  if (b.length === 0n) return b.offset > a.offset && b.offset < a.offset + a.length;
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}

const isLock = <Owner>(held: HeldLock<Owner>, owner: Owner, range: LockRange): boolean =>
  held.owner === owner && held.offset === range.offset && held.length === range.length;

export class ByteRangeLocks<Owner> {
  #locks: HeldLock<Owner>[] = [];

  get size(): number {
    return this.#locks.length;
  }

  /** Takes the lock if nothing conflicts. */
  lock(owner: Owner, range: LockRange, exclusive: boolean): boolean {
    for (const held of this.#locks) {
      const allowed = held.exclusive ? held.owner === owner && !exclusive : !exclusive;
      if (!allowed && overlaps(held, range)) return false;
    }
    this.#locks.push({ owner, offset: range.offset, length: range.length, exclusive });
    return true;
  }

  /**
   * MS-FSA 2.1.5.9: releases the owner's lock on exactly this range; of several the first exclusive
   * one, else the last. False when there is none.
   */
  unlock(owner: Owner, range: LockRange): boolean {
    const exclusive = this.#locks.findIndex((held) => held.exclusive && isLock(held, owner, range));
    if (exclusive < 0) return this.undo(owner, range);
    this.#locks.splice(exclusive, 1);
    return true;
  }

  /** Undoes the owner's latest lock on this range: the roll-back of a failed array of locks. */
  undo(owner: Owner, range: LockRange): boolean {
    const at = this.#locks.findLastIndex((held) => isLock(held, owner, range));
    if (at >= 0) this.#locks.splice(at, 1);
    return at >= 0;
  }

  releaseAll(owner: Owner): void {
    if (this.#locks.length > 0) this.#locks = this.#locks.filter((held) => held.owner !== owner);
  }

  count(owner: Owner): number {
    let count = 0;
    for (const held of this.#locks) if (held.owner === owner) count += 1;
    return count;
  }

  /** MS-FSA 2.1.4.10: whether reading or writing this range meets another's lock. */
  conflicts(owner: Owner, range: LockRange, write: boolean): boolean {
    if (range.length === 0n) return false;
    for (const held of this.#locks) {
      if (held.exclusive ? held.owner === owner : !write) continue;
      if (overlaps(held, range)) return true;
    }
    return false;
  }
}
