/**
 * Checked helpers for what follows a structure's fixed part: buffers given by offset and length,
 * UTF-16 text, alignment.
 */
import { WireError } from './wire-error.ts';

const EMPTY = Buffer.alloc(0);

/**
 * The bytes at `offset` for `length`, as a view. A zero length is an empty buffer wherever the offset
 * points, since senders leave rubbish there. Otherwise the range must lie in [minimum, b.length].
 */
export function slice(
  b: Buffer,
  offset: number,
  length: number,
  minimum: number,
  structure: string,
): Buffer {
  if (length === 0) return EMPTY;
  if (offset < minimum || offset > b.length || length > b.length - offset) {
    throw new WireError(
      structure,
      `buffer ${offset}+${length} lies outside ${minimum}..${b.length}`,
    );
  }
  return b.subarray(offset, offset + length);
}

/** UTF-16LE text; an odd length is a WireError. Unpaired surrogates are kept as they are. */
export function utf16(b: Buffer, structure: string): string {
  if (b.length % 2 !== 0) throw new WireError(structure, `UTF-16 text of ${b.length} bytes`);
  return b.toString('utf16le');
}

export const utf16Bytes = (text: string): Buffer => Buffer.from(text, 'utf16le');

/** `n` rounded up to a multiple of 8. */
export const align8 = (n: number): number => (n + 7) & ~7;
export const align4 = (n: number): number => (n + 3) & ~3;
