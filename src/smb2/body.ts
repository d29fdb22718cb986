/**
 * What the codecs of all commands share. A StructureSize that is odd counts one byte of a variable
 * part: strict receivers want that byte even when the variable part is empty, so encoders write it.
 */
import type { Struct } from '../wire/struct.ts';
import { HEADER_SIZE } from './header.ts';

/** `fixed`, and right behind it `buffer`, or one zero byte where that is empty. */
export function withBuffer<V>(fixed: Struct<V>, value: V, buffer: Uint8Array): Buffer {
  const body = Buffer.allocUnsafe(fixed.size + Math.max(1, buffer.length));
  body[fixed.size] = 0;
  body.set(buffer, fixed.write(body, value));
  return body;
}

/** Where, from the start of the message, the first byte behind the fixed part is. */
export const behind = (fixed: { readonly size: number }): number => HEADER_SIZE + fixed.size;
