/** What node:fs tells of an object, as vfs.ts wants it; and times back to node:fs. */
import type { BigIntStats } from 'node:fs';
import { type FileTime, fromUnixNanoseconds, toUnix } from '../../dtyp/filetime.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_NORMAL,
} from '../../fscc/attributes.ts';
import type { VfsKind, VfsStat } from '../vfs.ts';

/** Unit of `blocks` on every system. */
const BLOCK_BYTES = 512n;

/**
 * Attributes are not stored here, so all files tell what is told of a file on which nobody ever set
 * any: ARCHIVE, as other servers do.
 */
const ATTRIBUTES: Record<VfsKind, number> = {
  file: FILE_ATTRIBUTE_ARCHIVE,
  directory: FILE_ATTRIBUTE_DIRECTORY,
  symlink: FILE_ATTRIBUTE_NORMAL,
  other: FILE_ATTRIBUTE_NORMAL,
};

export function kindOf(stat: BigIntStats): VfsKind {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  return stat.isSymbolicLink() ? 'symlink' : 'other';
}

export const isSame = (a: BigIntStats, b: BigIntStats): boolean =>
  a.dev === b.dev && a.ino === b.ino && kindOf(a) === kindOf(b);

export function vfsStat(stat: BigIntStats): VfsStat {
  const kind = kindOf(stat);
  const isSized = kind === 'file' || kind === 'symlink';
  // 0 where the system knows no time of birth; then the object is as old as its oldest sign of life.
  const birth = stat.birthtimeNs > 0n ? stat.birthtimeNs : oldest(stat.mtimeNs, stat.ctimeNs);
  return {
    kind,
    fileId: stat.ino,
    volumeId: Number(stat.dev),
    linkCount: Number(stat.nlink),
    size: isSized ? Number(stat.size) : 0,
    allocationSize: isSized ? Number(stat.blocks * BLOCK_BYTES) : 0,
    creationTime: fromUnixNanoseconds(birth),
    lastAccessTime: fromUnixNanoseconds(stat.atimeNs),
    lastWriteTime: fromUnixNanoseconds(stat.mtimeNs),
    changeTime: fromUnixNanoseconds(stat.ctimeNs),
    attributes: ATTRIBUTES[kind],
    mode: Number(stat.mode),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
  };
}

const oldest = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/**
 * Seconds since 1970 for the utimes calls, good to a microsecond. As text: node:fs takes a negative
 * number for the present, but not a negative numeral.
 */
export function utime(time: FileTime): string {
  const { seconds, nanoseconds } = toUnix(time);
  if (seconds >= 0n) return `${seconds}.${String(nanoseconds).padStart(9, '0')}`;
  return String(Number(seconds) + nanoseconds / 1e9);
}
