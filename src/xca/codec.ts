/**
 * MS-XCA: what its three algorithms have in common here. Each is work that can be done in portions, since a message of
 * several MiB takes tens of milliseconds, in which the loop has others to serve.
 */
import { WireError } from '../wire/wire-error.ts';

export interface Work {
  /** Goes on for about so many bytes of plain data; whether all is done. Decompressing throws WireError. */
  go(bytes: number): boolean;
}

/** Writes to the output that it was given, and never beyond. */
export interface Compressor extends Work {
  /** Once it is done: bytes written, or -1 where they did not fit. */
  readonly length: number;
}

/** Fills the whole output that it was given; data that say less or more than that are a WireError. */
export type Decompressor = Work;

export interface Algorithm {
  readonly compressor: (input: Buffer, output: Buffer) => Compressor;
  readonly decompressor: (input: Buffer, output: Buffer) => Decompressor;
}

export const viewOf = (b: Buffer): DataView => new DataView(b.buffer, b.byteOffset, b.length);

/** The data come to an end in the midst of something. */
export const truncated = (name: string): WireError => new WireError(name, 'the data are cut off');
/** More plain data than were declared. */
export const tooLong = (name: string): WireError =>
  new WireError(name, 'the data are longer than declared');

/** Below, a loop over bytes is faster than a call. */
const SHORT_MATCH_BYTES = 32;

/**
 * Repeats what stands `distance` bytes before `at`. "The match length can be greater than the match offset": what is copied
 * may have been written by the same copy, so it goes by pieces that double. Where it is and fits is the caller's to check.
 */
export function copyMatch(output: Buffer, at: number, distance: number, length: number): void {
  if (length < SHORT_MATCH_BYTES) {
    for (let to = at, end = at + length; to < end; to++) output[to] = output[to - distance]!;
  } else if (distance === 1) output.fill(output[at - 1]!, at, at + length);
  else {
    const from = at - distance;
    let to = at;
    const end = at + length;
    while (to < end) {
      const piece = Math.min(to - from, end - to);
      output.copyWithin(to, from, from + piece);
      to += piece;
    }
  }
}

/** How many bytes from `a` and from `b`, which is behind it, are the same, up to `end`. */
export function matchLength(view: DataView, a: number, b: number, end: number): number {
  const from = b;
  let x = a;
  let y = b;
  while (y + 4 <= end) {
    const difference = view.getInt32(x, true) ^ view.getInt32(y, true);
    if (difference !== 0) {
      return y - from + ((31 - Math.clz32(difference & -difference)) >> 3);
    }
    x += 4;
    y += 4;
  }
  while (y < end && view.getUint8(x) === view.getUint8(y)) {
    x++;
    y++;
  }
  return y - from;
}
