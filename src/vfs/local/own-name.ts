/**
 * The name of an open object. The kernel follows an open descriptor's name through renames of it and of
 * its parents; /proc/self/fd tells it. A name that was removed reads "… (deleted)", which may also be
 * the end of a real name, so that is looked at.
 */
import { textOfName } from '../../base/disk-names.ts';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW } from '../../native/constants.ts';
import { close } from '../../native/files.ts';
import { readlinkat } from '../../native/names.ts';
import { statx, stx } from '../../native/stat.ts';
import { EACCES, ENAMETOOLONG, ENOENT, ENOPATH, type Errno, isErrno } from '../errno.ts';
import type { VfsObjectId } from '../vfs.ts';
import { inodeKeyOfStat } from './metadata.ts';
import type { LocalObject, LocalShare } from './share.ts';

const DELETED = Buffer.from(' (deleted)');
const SLASH = 0x2f;

/** A name may move between being read and being used; each attempt reads it anew. */
const ATTEMPTS = 3;

/** The names on disk from the root to the object; ENOENT when it has none there. */
export function ownPath(share: LocalShare, object: LocalObject): string[] | Errno {
  let link = readlinkat(share.procFd, `${object.fd}`);
  if (typeof link === 'number') return link === ENAMETOOLONG ? longPath(share, object) : link;
  let names = namesBelow(share.rootPath.now, link);
  if (isErrno(names)) {
    // The share's folder itself may have been moved.
    const root = readlinkat(share.procFd, `${share.root}`);
    if (typeof root === 'number') return root;
    share.rootPath.now = Buffer.from(root);
    link = readlinkat(share.procFd, `${object.fd}`);
    if (typeof link === 'number') return link;
    names = namesBelow(share.rootPath.now, link);
  }
  if (isErrno(names) || !link.subarray(-DELETED.length).equals(DELETED)) return names;
  return isAt(share, names, object) ? names : ENOENT;
}

/** Where the share's folder is, without asking its storage; undefined where nobody can tell. */
export function locationOf({ procFd, root }: LocalShare): string | undefined {
  const link = readlinkat(procFd, `${root}`);
  if (typeof link === 'number') return undefined;
  return link.length === 1 ? '' : link.toString();
}

/** The components of `link` below `root`. */
function namesBelow(root: Buffer | undefined, link: Buffer): string[] | Errno {
  if (root === undefined) return ENOENT;
  const prefix = root.length === 1 ? 0 : root.length;
  if (!link.subarray(0, prefix).equals(root.subarray(0, prefix))) return ENOENT;
  if (link.length === prefix || (prefix === 0 && link.length === 1)) return [];
  if (link[prefix] !== SLASH) return ENOENT;
  return textOfName(link.subarray(prefix + 1)).split('/');
}

/**
 * The same without asking the file system, by what the kernel remembers; `last`: where the object was when
 * somebody could ask.
 */
export function rememberedPath(
  share: LocalShare,
  fd: number,
  last: readonly string[],
): readonly string[] | Errno {
  const link = readlinkat(share.procFd, `${fd}`);
  if (typeof link === 'number') return link === ENAMETOOLONG ? last : link;
  const now = Buffer.from(link);
  const root = readlinkat(share.procFd, `${share.root}`);
  if (typeof root === 'number') return root;
  const names = namesBelow(root, now);
  if (isErrno(names) || !now.subarray(-DELETED.length).equals(DELETED)) return names;
  return names.join('/') === last.join('/') ? names : ENOENT;
}

/** Whether the object is what stands at exactly these names. */
function isAt(share: LocalShare, names: readonly string[], object: LocalObject): boolean {
  const fd = share.resolver.exact(names);
  if (fd < 0) return false;
  const isSame = statx(fd, '', AT_EMPTY_PATH) === 0 && inodeKeyOfStat() === object.inodeKey;
  close(fd);
  return isSame;
}

/** The kernel tells no path beyond a page; the one that it was opened by is tried. */
function longPath(share: LocalShare, object: LocalObject): string[] | Errno {
  if (isAt(share, object.openedAs, object)) return [...object.openedAs];
  return ENAMETOOLONG;
}

export interface OwnName {
  /** The directory that holds the name; the caller closes it. */
  readonly dir: number;
  /** On disk. */
  readonly name: string;
  readonly path: readonly string[];
}

/**
 * The object's own name, seen to be the object's just now. EACCES for the root of the share. Call with
 * the identity entered.
 */
export function openOwnName(share: LocalShare, object: LocalObject): OwnName | Errno {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const path = ownPath(share, object);
    if (isErrno(path)) return path;
    const name = path.at(-1);
    if (name === undefined) return EACCES;
    const dir = share.resolver.exactDirectory(path.slice(0, -1));
    if (dir < 0 && dir !== ENOENT && dir !== ENOPATH) return dir;
    if (dir < 0) continue;
    const missing = statx(dir, name, AT_SYMLINK_NOFOLLOW);
    if (missing === 0 && inodeKeyOfStat() === object.inodeKey) return { dir, name, path };
    close(dir);
    if (missing !== 0 && missing !== ENOENT) return missing;
  }
  return ENOENT;
}

/** Paths below a share that the kernel can tell whole, wherever the share is. */
const SHORT_PATH_UNITS = 512;
export const SHORT_PATH: readonly string[] = [];

export function isLong(path: readonly string[]): boolean {
  let units = 0;
  for (const name of path) units += name.length + 1;
  return units > SHORT_PATH_UNITS;
}

/** The directory that holds the name at this path on disk; an errno is handed on. */
export function parentOf(share: LocalShare, path: readonly string[] | Errno): VfsObjectId | Errno {
  if (isErrno(path)) return path;
  if (path.length === 0) return ENOENT;
  const fd = share.resolver.exactDirectory(path.slice(0, -1));
  if (fd < 0) return fd;
  const result = statx(fd, '', AT_EMPTY_PATH);
  const id =
    result === 0 ? { fileId: stx.inode(), volumeId: share.volumes.idOf(stx.device(), fd) } : result;
  close(fd);
  return id;
}

/** Where the symbolic link leads, which is open as itself. */
export function linkTarget(fd: number): string | Errno {
  const target = readlinkat(fd, '');
  if (typeof target === 'number') return target;
  return textOfName(target);
}
