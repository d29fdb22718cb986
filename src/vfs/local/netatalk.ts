/**
 * Beside MS-FSA 2.1.1.5: what the Finder knows of a file as Netatalk keeps it, and Samba where `fruit:metadata` is what it
 * is there unless told: an AppleDouble (RFC 1740) in an extended attribute. A disk that either has served has it; it
 * is AFP_AfpInfo as long as there is no stream of that name. What a client changes becomes a stream as on every other
 * disk, and FinderInfo in the attribute follows, so that those servers see it as well. Nothing else in it is touched.
 */

import {
  COUNT_AT,
  ENTRIES_AT,
  ENTRY_BYTES,
  FINDER_INFO,
  SIGNATURE,
} from '../../fscc/apple-double.ts';
import { defaultAfpInfo, FINDER_INFO_AT, FINDER_INFO_BYTES } from '../apple-streams.ts';
import { ENODATA, ENOENT, type Errno, isErrno, type Result } from '../errno.ts';
import type { EaObject } from './extended-attributes.ts';
import { getValue, type StoredStream, setValue } from './stream-value.ts';

export const NETATALK = 'user.org.netatalk.Metadata';

/** Netatalk has eight. */
const MAX_ENTRIES = 32;
const FILE_DATES = 8;
/** In FILE_DATES, and in AFP_AfpInfo. */
const BACKUP = { from: 8, bytes: 4, to: 12 };

/** The bytes of an entry, as a view; undefined where it is not there, or not whole. */
function entryOf(value: Buffer, id: number, bytes: number): Buffer | undefined {
  if (value.length < ENTRIES_AT || !value.subarray(0, SIGNATURE.length).equals(SIGNATURE)) {
    return undefined;
  }
  const count = Math.min(value.readUInt16BE(COUNT_AT), MAX_ENTRIES);
  for (let at = ENTRIES_AT; at < ENTRIES_AT + count * ENTRY_BYTES; at += ENTRY_BYTES) {
    if (at + ENTRY_BYTES > value.length) return undefined;
    if (value.readUInt32BE(at) !== id) continue;
    const from = value.readUInt32BE(at + 4);
    const isWhole = value.readUInt32BE(at + 8) >= bytes && from + bytes <= value.length;
    return isWhole ? value.subarray(from, from + bytes) : undefined;
  }
  return undefined;
}

/** AFP_AfpInfo of what Netatalk keeps; undefined where FinderInfo is all zeros, which is none. */
export function afpInfoOf(value: Buffer): Buffer | undefined {
  const finderInfo = entryOf(value, FINDER_INFO, FINDER_INFO_BYTES);
  if (finderInfo === undefined || finderInfo.every((byte) => byte === 0)) return undefined;
  const info = defaultAfpInfo();
  finderInfo.copy(info, FINDER_INFO_AT);
  entryOf(value, FILE_DATES, BACKUP.from + BACKUP.bytes)?.copy(info, BACKUP.to, BACKUP.from);
  return info;
}

/** As a stream that is stored in no value of its own; ENOENT. */
export function readNetatalk(object: EaObject): Result<StoredStream> {
  const value = getValue(object, NETATALK);
  if (isErrno(value)) return value === ENODATA ? ENOENT : value;
  const bytes = afpInfoOf(value);
  return bytes === undefined ? ENOENT : { bytes, values: [] };
}

/** FinderInfo of `info`, which may be empty, where Netatalk keeps it; where it keeps none nothing is done. */
export function tellNetatalk(object: EaObject, info: Buffer): Errno | 0 {
  const value = getValue(object, NETATALK);
  if (isErrno(value)) return value === ENODATA ? 0 : value;
  const finderInfo = entryOf(value, FINDER_INFO, FINDER_INFO_BYTES);
  if (finderInfo === undefined) return 0;
  const told = Buffer.alloc(FINDER_INFO_BYTES);
  info.subarray(FINDER_INFO_AT).copy(told);
  if (told.equals(finderInfo)) return 0;
  told.copy(finderInfo);
  return setValue(object, NETATALK, value);
}
