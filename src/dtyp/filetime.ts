/**
 * MS-DTYP 2.3.3 FILETIME: 100 ns units since 1601-01-01T00:00:00Z, here always a bigint. The wire
 * holds 64 bits; times before 1601 have no FILETIME, so conversions from Unix time may need a clamp.
 */

export type FileTime = bigint;

export interface UnixTime {
  /** Seconds since 1970, negative before. */
  readonly seconds: bigint;
  /** 0..999,999,999, counted forward from `seconds` also before 1970 (as in struct timespec). */
  readonly nanoseconds: number;
}

const UNITS_PER_SECOND = 10_000_000n;
const UNITS_PER_MILLISECOND = 10_000n;
const NANOSECONDS_PER_UNIT = 100;

/** 1970-01-01T00:00:00Z. */
export const UNIX_EPOCH: FileTime = 116_444_736_000_000_000n;

/** "No time": what a server answers that does not know, and in a request "do not change". */
export const NO_TIME: FileTime = 0n;

/** The latest time; the sign bit is for the special values of FileBasicInformation. */
export const MAXIMUM_TIME: FileTime = 0x7fff_ffff_ffff_ffffn;

/**
 * MS-FSCC 2.4.7, as the unsigned 64 bits that stand on the wire: -1 keeps a time from changing by
 * later operations on the handle, -2 takes that back.
 */
export const TIME_FREEZE: FileTime = 0xffff_ffff_ffff_ffffn;
export const TIME_THAW: FileTime = 0xffff_ffff_ffff_fffen;

/** Exact to 100 ns (rounded down). The result may lie outside FILETIME's range: see clampTime. */
export function fromUnix(seconds: number | bigint, nanoseconds = 0): FileTime {
  const units = Math.floor(nanoseconds / NANOSECONDS_PER_UNIT);
  return BigInt(seconds) * UNITS_PER_SECOND + BigInt(units) + UNIX_EPOCH;
}

export function toUnix(time: FileTime): UnixTime {
  const units = time - UNIX_EPOCH;
  let seconds = units / UNITS_PER_SECOND;
  let rest = units % UNITS_PER_SECOND;
  if (rest < 0n) {
    seconds -= 1n;
    rest += UNITS_PER_SECOND;
  }
  return { seconds, nanoseconds: Number(rest) * NANOSECONDS_PER_UNIT };
}

/** From nanoseconds since 1970 (`fs.Stats.mtimeNs`, `statx` joined), rounded down to 100 ns. */
export function fromUnixNanoseconds(nanoseconds: bigint): FileTime {
  const perUnit = BigInt(NANOSECONDS_PER_UNIT);
  const units = nanoseconds / perUnit - (nanoseconds % perUnit < 0n ? 1n : 0n);
  return units + UNIX_EPOCH;
}

export const toUnixNanoseconds = (time: FileTime): bigint =>
  (time - UNIX_EPOCH) * BigInt(NANOSECONDS_PER_UNIT);

export const fromDate = (date: Date): FileTime =>
  BigInt(date.getTime()) * UNITS_PER_MILLISECOND + UNIX_EPOCH;

/** Rounded down to milliseconds; an invalid Date where JavaScript's range ends (year 275760). */
export function toDate(time: FileTime): Date {
  const { seconds, nanoseconds } = toUnix(time);
  return new Date(Number(seconds) * 1000 + Math.floor(nanoseconds / 1_000_000));
}

/** The present, to the millisecond. */
export const now = (): FileTime => fromDate(new Date());

/** The nearest time that a FILETIME answer can carry: in [0, MAXIMUM_TIME]. */
export function clampTime(time: FileTime): FileTime {
  if (time < 0n) return 0n;
  return time > MAXIMUM_TIME ? MAXIMUM_TIME : time;
}

/** Is `time` an instant that a client may set, not 0 (keep), -1, -2 nor another negative number? */
export const isSettableTime = (time: FileTime): boolean => time > 0n && time <= MAXIMUM_TIME;
