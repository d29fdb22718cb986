/**
 * MS-CIFS 2.2.1.4: times of DOS. SMB_DATE and SMB_TIME count from 1980 in steps of two seconds, UTIME is seconds
 * since 1970; both are local time where the client stands, which the NEGOTIATE response has told it is UTC.
 */
import { type FileTime, fromUnix, toUnix } from '../dtyp/filetime.ts';

/** "No time", and "leave it". */
export const NO_DOS_TIME = 0;
const UTIME_UNCHANGED = 0xffff_ffff;
const FIRST_YEAR = 1980;
const LAST_YEAR = 2107;

export interface DosTime {
  readonly date: number;
  readonly time: number;
}

export function toDos(fileTime: FileTime): DosTime {
  const { seconds } = toUnix(fileTime);
  const when = new Date(Number(seconds) * 1000);
  const year = when.getUTCFullYear();
  if (fileTime === 0n || !(year >= FIRST_YEAR && year <= LAST_YEAR)) return { date: 0, time: 0 };
  return {
    date: ((year - FIRST_YEAR) << 9) | ((when.getUTCMonth() + 1) << 5) | when.getUTCDate(),
    time: (when.getUTCHours() << 11) | (when.getUTCMinutes() << 5) | (when.getUTCSeconds() >>> 1),
  };
}

/** 0, "leave it", for what is no date. */
export function fromDos({ date, time }: DosTime): FileTime {
  if (date === 0 || date === 0xffff) return 0n;
  const milliseconds = Date.UTC(
    FIRST_YEAR + (date >>> 9),
    ((date >>> 5) & 0xf) - 1,
    date & 0x1f,
    time >>> 11,
    (time >>> 5) & 0x3f,
    (time & 0x1f) * 2,
  );
  return fromUnix(BigInt(Math.floor(milliseconds / 1000)));
}

export function toUtime(fileTime: FileTime): number {
  if (fileTime === 0n) return 0;
  const { seconds } = toUnix(fileTime);
  return seconds < 0n || seconds > 0xffff_ffffn ? 0 : Number(seconds);
}

/** 0 where the time is to be left. */
export const fromUtime = (utime: number): FileTime =>
  utime === NO_DOS_TIME || utime === UTIME_UNCHANGED ? 0n : fromUnix(BigInt(utime));
