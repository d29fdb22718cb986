/** What the byte-range locks of one file come to where nobody asks whose they are: for other programs of the host. */
import type { RangeNode, RangeTree } from './range-tree.ts';

/** What the locks of a file are on the disk. */
export interface HostRanges {
  /** From `offset` to `last`; undefined: nothing. False: another program's lock is in the way, and nothing has changed. */
  set(offset: bigint, last: bigint, kind: 'shared' | 'exclusive' | undefined): boolean;
  /** Nothing is locked any more, for now. */
  clear(): void;
  /** Nor will it be: nobody has the file open. */
  end(): void;
  /** Calls `look` once, in a while. */
  lookAgain(look: () => void): void;
}

export interface CoveredRange {
  readonly offset: bigint;
  readonly last: bigint;
  /** The stronger of what is there; undefined: nothing. */
  readonly kind: 'shared' | 'exclusive' | undefined;
}

/** What of a range is locked by anybody, and how: all of it, in order. */
export function* covered(
  exclusives: RangeTree<RangeNode> | undefined,
  shareds: RangeTree<RangeNode> | undefined,
  offset: bigint,
  last: bigint,
): Iterable<CoveredRange> {
  for (let at = offset; at <= last; ) {
    const exclusive = exclusives?.findOverlap(at, last);
    const shared = shareds?.findOverlap(at, last);
    const isExclusive = exclusive !== undefined && exclusive.offset <= at;
    const isShared = !isExclusive && shared !== undefined && shared.offset <= at;
    // To its end, or to where another begins that is stronger.
    let end = last;
    const held = isExclusive ? exclusive : isShared ? shared : undefined;
    if (held !== undefined && held.last < end) end = held.last;
    const next = isExclusive ? [] : isShared ? [exclusive] : [exclusive, shared];
    for (const one of next) if (one !== undefined && one.offset <= end) end = one.offset - 1n;
    yield {
      offset: at,
      last: end,
      kind: isExclusive ? 'exclusive' : isShared ? 'shared' : undefined,
    };
    at = end + 1n;
  }
}
