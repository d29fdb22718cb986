/** MS-FSCC 2.4.41 FileQuotaInformation and 2.4.41.1 FILE_GET_QUOTA_INFORMATION. */
import { decodeSid, encodeSid, type Sid, sidBytes } from '../dtyp/sid.ts';
import { struct, u32, u64 } from '../wire/struct.ts';
import { align4, align8 } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';

/** QuotaThreshold and QuotaLimit: there is none. */
export const NO_QUOTA_LIMIT = 0xffff_ffff_ffff_ffffn;
/** QuotaLimit of an entry that is to go. */
export const QUOTA_IS_DELETED = 0xffff_ffff_ffff_fffen;

export interface FileQuotaInformation {
  readonly changeTime: bigint;
  readonly quotaUsed: bigint;
  readonly quotaThreshold: bigint;
  readonly quotaLimit: bigint;
  /** Undefined in an answer about somebody who is not there: all is zero. */
  readonly sid: Sid | undefined;
}

const QuotaFixed = struct('FILE_QUOTA_INFORMATION', '2.4.41', {
  nextEntryOffset: u32,
  sidLength: u32,
  changeTime: u64,
  quotaUsed: u64,
  quotaThreshold: u64,
  quotaLimit: u64,
});
const GetQuotaFixed = struct('FILE_GET_QUOTA_INFORMATION', '2.4.41.1', {
  nextEntryOffset: u32,
  sidLength: u32,
});

/** Entries from the first one on; `count` of them fitted whole. */
export interface EncodedQuotas {
  readonly bytes: Buffer;
  readonly count: number;
}

export function encodeQuotas(
  quotas: readonly FileQuotaInformation[],
  maxBytes: number,
): EncodedQuotas {
  const starts: number[] = [];
  let end = 0;
  for (const { sid } of quotas) {
    const start = align8(end);
    const behind = start + QuotaFixed.size + (sid === undefined ? 0 : sidBytes(sid));
    if (behind > maxBytes) break;
    starts.push(start);
    end = behind;
  }
  const bytes = Buffer.alloc(end);
  for (const [i, start] of starts.entries()) {
    const { sid, ...rest } = quotas[i]!;
    const next = starts[i + 1];
    const encoded = sid === undefined ? undefined : encodeSid(sid);
    const nextEntryOffset = next === undefined ? 0 : next - start;
    const fixed = { ...rest, nextEntryOffset, sidLength: encoded?.length ?? 0 };
    bytes.set(QuotaFixed.encode(fixed), start);
    if (encoded !== undefined) bytes.set(encoded, start + QuotaFixed.size);
  }
  return { bytes, count: starts.length };
}

export const decodeQuotas = (b: Buffer): readonly FileQuotaInformation[] =>
  entries(b, QuotaFixed, (at, sid) => {
    const { nextEntryOffset: _, sidLength: __, ...rest } = QuotaFixed.read(b, at);
    return { ...rest, sid };
  });

export function encodeGetQuotas(sids: readonly Sid[]): Buffer {
  const parts = sids.map((sid, i) => {
    const encoded = encodeSid(sid);
    const size = align4(GetQuotaFixed.size + encoded.length);
    const nextEntryOffset = i + 1 < sids.length ? size : 0;
    const part = Buffer.alloc(size);
    part.set(GetQuotaFixed.encode({ nextEntryOffset, sidLength: encoded.length }));
    part.set(encoded, GetQuotaFixed.size);
    return part;
  });
  return Buffer.concat(parts);
}

export const decodeGetQuotas = (b: Buffer): readonly Sid[] =>
  entries(b, GetQuotaFixed, (_, sid) => {
    if (sid === undefined) throw new WireError(GetQuotaFixed.name, 'an entry without a SID');
    return sid;
  });

interface LinkedFixed {
  readonly name: string;
  readonly size: number;
  read(b: Buffer, at: number): { readonly nextEntryOffset: number; readonly sidLength: number };
}

/** Each is longer than its fixed part, so a list has no more entries than the buffer has room for. */
function entries<T>(b: Buffer, fixed: LinkedFixed, take: (at: number, sid?: Sid) => T): T[] {
  const found: T[] = [];
  for (let at = 0; ; ) {
    const { nextEntryOffset, sidLength } = fixed.read(b, at);
    const sidAt = at + fixed.size;
    if (sidLength > b.length - sidAt)
      throw new WireError(fixed.name, `a SID of ${sidLength} bytes`);
    const sid = sidLength === 0 ? undefined : decodeSid(b.subarray(sidAt, sidAt + sidLength));
    found.push(take(at, sid));
    if (nextEntryOffset === 0) return found;
    if (nextEntryOffset < fixed.size + sidLength || nextEntryOffset > b.length - at) {
      throw new WireError(fixed.name, `the next entry after ${nextEntryOffset} bytes`);
    }
    at += nextEntryOffset;
  }
}
