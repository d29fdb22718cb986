/**
 * MS-FSCC 2.4: one entry of a listing, from what the file system tells. Two things are left out. EaSize is 0
 * unless the share lists it (listed.ts): to count extended attributes would take a look at each file, and who wants
 * them asks the file (FileEaInformation). ShortName is empty, as on Windows with 8.3 names switched off, unless the share
 * lists them; then two files of one directory may be told the same, which opens neither (short-names.ts).
 */
import { FILE_ATTRIBUTE_REPARSE_POINT, normalizeAttributes } from '../fscc/attributes.ts';
import type { DirectoryEntry } from '../fscc/directory-information.ts';
import {
  IO_REPARSE_TAG_AF_UNIX,
  IO_REPARSE_TAG_LX_BLK,
  IO_REPARSE_TAG_LX_CHR,
  IO_REPARSE_TAG_LX_FIFO,
  IO_REPARSE_TAG_SYMLINK,
} from '../fscc/reparse-tags.ts';
import { isShortName, shortNameOf } from '../fscc/short-name.ts';
import type { Open } from '../objects/open.ts';
import type { Share } from '../objects/share.ts';
import type { Errno } from '../vfs/errno.ts';
import type { VfsStat } from '../vfs/vfs.ts';
import { shownAttributes } from './shown-attributes.ts';

const S_IFMT = 0o170000;
const TAG_OF_TYPE: ReadonlyMap<number, number> = new Map([
  [0o010000, IO_REPARSE_TAG_LX_FIFO],
  [0o020000, IO_REPARSE_TAG_LX_CHR],
  [0o060000, IO_REPARSE_TAG_LX_BLK],
  [0o120000, IO_REPARSE_TAG_SYMLINK],
  [0o140000, IO_REPARSE_TAG_AF_UNIX],
]);

/**
 * The reparse tag that is kept with a file or directory, or that of a symbolic link or special file of the disk, as WSL stores
 * these; 0 for all else.
 */
export function reparseTagOf({ kind, mode, reparse }: VfsStat): number {
  if (reparse !== undefined) return reparse.tag;
  return kind === 'file' || kind === 'directory' ? 0 : (TAG_OF_TYPE.get(mode & S_IFMT) ?? 0);
}

/** The mode, with the type of the file that a reparse point stands for. */
export const modeOf = ({ mode, reparse }: VfsStat): number =>
  reparse === undefined || reparse.fileType === 0 ? mode : (mode & ~S_IFMT) | reparse.fileType;

/** Attributes of what has this tag, or 0 for none. */
export const withTag = (attributes: number, reparseTag: number): number =>
  reparseTag === 0 ? attributes : normalizeAttributes(attributes | FILE_ATTRIBUTE_REPARSE_POINT);

/** What every answer about an open has of its object: the tag's attribute as well. */
export const openAttributes = (
  { home, isFolderLink }: Pick<Open, 'home'> & Partial<Pick<Open, 'isFolderLink'>>,
  stat: VfsStat,
  path: readonly string[] | Errno,
): number => withTag(shownAttributes(home, stat, path, isFolderLink), reparseTagOf(stat));

export function directoryEntry(share: Share, name: string, stat: VfsStat): DirectoryEntry {
  const reparseTag = reparseTagOf(stat);
  const shown = shownAttributes(share, stat, name === '.' || name === '..' ? '' : name);
  return {
    name,
    creationTime: stat.creationTime,
    lastAccessTime: stat.lastAccessTime,
    lastWriteTime: stat.lastWriteTime,
    changeTime: stat.changeTime,
    endOfFile: stat.size,
    allocationSize: stat.allocationSize,
    fileAttributes: withTag(shown, reparseTag),
    eaSize: 0,
    reparseTag,
    fileId: stat.fileId,
    fileIdHigh: 0n,
    shortName: share.shortNames === 'listed' ? listedShortName(name) : undefined,
  };
}

/** What is an 8.3 name itself has no other. */
const listedShortName = (name: string): string | undefined =>
  name === '.' || name === '..' || isShortName(name) ? undefined : shortNameOf(name);
