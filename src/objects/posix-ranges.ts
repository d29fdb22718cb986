/**
 * What fcntl(2) makes of the byte ranges that one process has locked: no two of them overlap. A lock takes the place of
 * what the process held there, of either kind; ranges of one kind that touch become one; an unlock may leave the ends.
 */

/** From `offset` to `last`, both of them in it. */
export interface PosixRange {
  readonly offset: bigint;
  readonly last: bigint;
  readonly exclusive: boolean;
}

/** `ranges` with this one locked, or unlocked where `exclusive` is undefined; in no order. */
export function reshaped(
  ranges: readonly PosixRange[],
  { offset, last }: Pick<PosixRange, 'offset' | 'last'>,
  exclusive: boolean | undefined,
): PosixRange[] {
  const kept: PosixRange[] = [];
  let from = offset;
  let to = last;
  for (const held of ranges) {
    const touches = held.last + 1n >= offset && held.offset <= last + 1n;
    if (!touches) {
      kept.push(held);
    } else if (held.exclusive === exclusive) {
      if (held.offset < from) from = held.offset;
      if (held.last > to) to = held.last;
    } else {
      if (held.offset < offset) kept.push(upTo(held, offset - 1n));
      if (held.last > last)
        kept.push(held.offset > last ? held : { ...ends(held), offset: last + 1n });
    }
  }
  if (exclusive !== undefined) kept.push({ offset: from, last: to, exclusive });
  return kept;
}

const ends = ({ offset, last, exclusive }: PosixRange): PosixRange => ({ offset, last, exclusive });

const upTo = (held: PosixRange, last: bigint): PosixRange =>
  held.last <= last ? held : { ...ends(held), last };

/** Those of `ranges` that are not among `others`. */
export const without = (
  ranges: readonly PosixRange[],
  others: readonly PosixRange[],
): readonly PosixRange[] =>
  ranges.filter((range) => !others.some((other) => isSameRange(range, other)));

const isSameRange = (a: PosixRange, b: PosixRange): boolean =>
  a.offset === b.offset && a.last === b.last && a.exclusive === b.exclusive;
