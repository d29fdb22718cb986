/**
 * The bytes of a named stream in extended attributes, in two formats (docs/adr/0004-named-streams.md):
 *
 *     user.DosStream.NAME:$DATA         both: the stream
 *     user.DosStreamExt.N.NAME:$DATA    samba: what is beyond one value, N from 1
 *
 * ksmbd stores the bytes as they are. Samba (vfs_streams_xattr) appends one byte to the first value, the number
 * of values that follow: 0 for all streams that fit in one. A last byte that counts values which are not there is
 * no count: then ksmbd wrote the stream, and all bytes are its own.
 *
 * The functions act as whoever is entered; values are read whole and written in the pieces that changed.
 */
import { MAX_STREAM_VALUES } from '../../base/limits.ts';
import {
  fgetxattr,
  fremovexattr,
  fsetxattr,
  getxattr,
  removexattr,
  setxattr,
} from '../../native/xattr.ts';
import { EFBIG, ENODATA, ENOENT, type Errno, isErrno, type Result } from '../errno.ts';
import type { EaObject } from './extended-attributes.ts';

export type StreamFormat = 'samba' | 'ksmbd';

const PREFIX = 'user.DosStream.';
const EXTENT_PREFIX = 'user.DosStreamExt.';
const SUFFIX = ':$DATA';
/** XATTR_SIZE_MAX of Linux. */
const VALUE_BYTES = 65_536;
/** XATTR_NAME_MAX of Linux. */
const NAME_BYTES = 255;

/** Longest name of a stream, in bytes of UTF-8. */
export const MAX_STREAM_NAME_BYTES = NAME_BYTES - PREFIX.length - SUFFIX.length;

export const MAX_STREAM_BYTES: Readonly<Record<StreamFormat, number>> = {
  samba: MAX_STREAM_VALUES * VALUE_BYTES - 1,
  ksmbd: VALUE_BYTES,
};

const firstName = (name: string): string => `${PREFIX}${name}${SUFFIX}`;
const extentName = (name: string, index: number): string =>
  index === 0 ? firstName(name) : `${EXTENT_PREFIX}${index}.${name}${SUFFIX}`;

/** The names of streams among those of extended attributes. */
export function streamNames(list: readonly string[]): string[] {
  const names: string[] = [];
  for (const name of list) {
    if (name.startsWith(PREFIX) && name.endsWith(SUFFIX)) {
      const stream = name.slice(PREFIX.length, -SUFFIX.length);
      // What no UTF-8 is was replaced by U+FFFD, and cannot be asked for.
      if (stream !== '' && !stream.includes('\ufffd')) names.push(stream);
    }
  }
  return names;
}

const pathOf = ({ fd }: EaObject): string => `/proc/self/fd/${fd}`;

export function getValue(object: EaObject, attribute: string): Buffer | Errno {
  const value = object.isData
    ? fgetxattr(object.fd, attribute)
    : getxattr(pathOf(object), attribute);
  // The bytes are the next call's.
  return typeof value === 'number' ? value : Buffer.from(value);
}

export const setValue = (object: EaObject, attribute: string, value: Buffer): Errno | 0 =>
  object.isData
    ? fsetxattr(object.fd, attribute, value)
    : setxattr(pathOf(object), attribute, value);

function take(object: EaObject, attribute: string): Errno | 0 {
  const result = object.isData
    ? fremovexattr(object.fd, attribute)
    : removexattr(pathOf(object), attribute);
  return result === ENODATA ? 0 : result;
}

/** A stream as it was found. */
export interface StoredStream {
  readonly bytes: Buffer;
  /** The values that it is stored in, the first one first. */
  readonly values: readonly Buffer[];
}

/** The whole stream; ENOENT where there is none. */
export function readStream(
  object: EaObject,
  name: string,
  format: StreamFormat,
): Result<StoredStream> {
  const first = getValue(object, firstName(name));
  if (isErrno(first)) return first === ENODATA ? ENOENT : first;
  const plain = { bytes: first, values: [first] };
  if (format === 'ksmbd' || first.length === 0) return plain;
  const count = first[first.length - 1]!;
  const own = first.subarray(0, -1);
  if (count === 0) return { bytes: own, values: [first] };
  const values = [first];
  for (let index = 1; index <= count && index < MAX_STREAM_VALUES; index++) {
    const value = getValue(object, extentName(name, index));
    // Samba ends here as well: a write that was cut short.
    if (value === ENODATA) break;
    if (isErrno(value)) return value;
    values.push(value);
  }
  if (values.length === 1) return plain;
  return { bytes: Buffer.concat([own, ...values.slice(1)]), values };
}

/** The values that these bytes are to be stored in. */
function valuesOf(bytes: Buffer, format: StreamFormat): Buffer[] {
  if (format === 'ksmbd') return [bytes];
  const inFirst = Math.min(bytes.length, VALUE_BYTES - 1);
  const count = Math.ceil((bytes.length - inFirst) / VALUE_BYTES);
  const values: Buffer[] = [Buffer.concat([bytes.subarray(0, inFirst), Buffer.from([count])])];
  for (let from = inFirst; from < bytes.length; from += VALUE_BYTES) {
    values.push(bytes.subarray(from, from + VALUE_BYTES));
  }
  return values;
}

/**
 * Stores `after` in place of `before` (undefined: a stream that is not there yet). The first value, which
 * counts the others, is written when these are there; what was changed is taken back when something fails.
 */
export function writeStream(
  object: EaObject,
  name: string,
  format: StreamFormat,
  before: StoredStream | undefined,
  after: Buffer,
): Errno | 0 {
  if (after.length > MAX_STREAM_BYTES[format]) return EFBIG;
  const old = before?.values ?? [];
  const values = valuesOf(after, format);
  for (let index = values.length - 1; index >= 0; index--) {
    if (old[index]?.equals(values[index]!) === true) continue;
    const result = setValue(object, extentName(name, index), values[index]!);
    if (result === 0) continue;
    restore(object, name, old, index + 1, values.length);
    return result;
  }
  for (let index = values.length; index < old.length; index++)
    take(object, extentName(name, index));
  return 0;
}

function restore(
  object: EaObject,
  name: string,
  old: readonly Buffer[],
  from: number,
  to: number,
): void {
  for (let index = from; index < to; index++) {
    const attribute = extentName(name, index);
    if (old[index] === undefined) take(object, attribute);
    else setValue(object, attribute, old[index]!);
  }
}

export function removeStream(object: EaObject, name: string, format: StreamFormat): Errno | 0 {
  const before = readStream(object, name, format);
  if (isErrno(before)) return before;
  const result = take(object, firstName(name));
  if (result !== 0) return result;
  for (let index = 1; index < before.values.length; index++) take(object, extentName(name, index));
  return 0;
}
