/**
 * Rename, link and remove by handle (MS-FSA 2.1.5.15.12, 2.1.5.15.7): Linux does these by name, so the
 * handle's own name is read and checked to be the object's right before it is used.
 */

import { clientName } from '../../fscc/private-names.ts';
import { foldKey } from '../../fscc/upcase.ts';
import {
  AT_EMPTY_PATH,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  RENAME_NOREPLACE,
  S_IFDIR,
  S_IFMT,
} from '../../native/constants.ts';
import { close } from '../../native/files.ts';
import { linkat, renameat2, unlinkat } from '../../native/names.ts';
import { statx, stx } from '../../native/stat.ts';
import {
  EACCES,
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  type Errno,
  isErrno,
} from '../errno.ts';
import type { MaybePromise, VfsForm } from '../vfs.ts';
import type { Credentials } from './credentials.ts';
import { inodeKeyOfStat } from './metadata.ts';
import { type OwnName, openOwnName, ownPath } from './own-name.ts';
import { replaceObject } from './reparse.ts';
import { type CheckedPath, checkPath } from './resolver.ts';
import { type LocalObject, type LocalShare, type Running, whenNamed } from './share.ts';
import { countMove } from './told-path.ts';

/** Where a name is to go: the directory, and the name as asked for and on disk. */
interface Target {
  readonly dir: number;
  readonly name: string;
  readonly disk: string;
}

/** Runs `act` as the user with the object's own name open. */
export function withOwnName(
  share: LocalShare,
  credentials: Credentials,
  object: LocalObject,
  act: (own: OwnName) => Errno | 0,
): Errno | 0 {
  const refused = credentials.enter();
  if (refused !== 0) return refused;
  try {
    const own = openOwnName(share, object);
    if (isErrno(own)) return own;
    try {
      return act(own);
    } finally {
      close(own.dir);
    }
  } finally {
    credentials.leave();
  }
}

/** Runs `act` with the directory that `path` names a place in. The identity is entered. */
function withTarget(
  share: LocalShare,
  credentials: Credentials,
  path: CheckedPath,
  act: (target: Target) => Errno | 0,
): Errno | 0 {
  const dir = share.resolver.openParent(path, credentials);
  if (dir < 0) return dir;
  try {
    return act({ dir, name: path.names.at(-1)!, disk: path.disk.at(-1)! });
  } finally {
    close(dir);
  }
}

/** A target that is the root: there, and a directory. */
const rootAsTarget = (replace: boolean): Errno => (replace ? EACCES : EEXIST);

/** What gives an object a name, which may have to wait for the names of a large directory (name-cache.ts). */
const byNames =
  (
    act: (
      share: LocalShare,
      credentials: Credentials,
      object: LocalObject,
      path: readonly string[],
      replace: boolean,
    ) => Errno | 0,
  ) =>
  (
    share: LocalShare,
    credentials: Credentials,
    object: LocalObject & Running,
    path: readonly string[],
    replace: boolean,
  ): MaybePromise<Errno | 0> =>
    whenNamed(share, object, () =>
      share.own.naming(() => act(share, credentials, object, path, replace)),
    );

export const rename = byNames(renameNow);

function renameNow(
  share: LocalShare,
  credentials: Credentials,
  object: LocalObject,
  path: readonly string[],
  replace: boolean,
): Errno | 0 {
  countMove();
  const checked = checkPath(path);
  if (isErrno(checked)) return checked;
  if (path.length === 0) return rootAsTarget(replace);
  return withOwnName(share, credentials, object, (own) =>
    withTarget(share, credentials, checked, (target) =>
      renameTo(share, credentials, object, own, target, replace),
    ),
  );
}

function renameTo(
  share: LocalShare,
  credentials: Credentials,
  object: LocalObject,
  own: OwnName,
  target: Target,
  replace: boolean,
): Errno | 0 {
  if (object.isDirectory && isInside(share, target.dir, own.path)) return EINVAL;
  if (!share.resolver.isExact && isOwnInAnotherCase(own, target, object)) {
    return own.name === target.disk ? 0 : recase(share, own, target);
  }
  const { resolver } = share;
  const found = resolver.existing(target.dir, target.name, target.disk, credentials);
  if (found === ENOENT) return move(share, own, target, target.disk);
  if (typeof found === 'number') return found;
  if (!replace) return EEXIST;
  const isSame = inodeKeyOfStat() === object.inodeKey;
  // As rename(2) has it: an empty directory makes way for a directory, two names of one inode stay.
  if (resolver.isExact) return isSame ? 0 : replaceName(share, own, target, found);
  if ((stx.mode() & S_IFMT) === S_IFDIR) return EACCES;
  if (object.isDirectory) return ENOTDIR;
  // rename(2) does nothing between two names of one inode: the one there goes first.
  const refused = isSame
    ? removeName(share, target.dir, found, 0) || move(share, own, target, found)
    : replaceName(share, own, target, found);
  return refused !== 0 || found === target.disk ? refused : restyle(share, target, found);
}

/** Whether `dir` is the directory at `path` on disk or below it. */
function isInside(share: LocalShare, dir: number, path: readonly string[]): boolean {
  const to = ownPath(share, { ...UNOPENED, fd: dir });
  return !isErrno(to) && path.every((name, index) => to[index] === name);
}

const UNOPENED: Omit<LocalObject, 'fd'> = {
  isDirectory: true,
  isFile: false,
  inodeKey: '',
  openedAs: [],
};

/** Whether the target is the object's own name, alike or in another case, and no other's. */
function isOwnInAnotherCase(own: OwnName, target: Target, object: LocalObject): boolean {
  if (foldKey(clientName(own.name)) !== foldKey(target.name)) return false;
  if (!isSameDirectory(own.dir, target.dir)) return false;
  if (own.name === target.disk) return true;
  if (statx(target.dir, target.disk, AT_SYMLINK_NOFOLLOW) !== 0) return true;
  // There: on a file system without case the object itself, else another name.
  return inodeKeyOfStat() === object.inodeKey && (object.isDirectory || stx.linkCount() === 1);
}

const isSameDirectory = (a: number, b: number): boolean =>
  statx(a, '', AT_EMPTY_PATH) === 0 && isStatOf(b);

/** Whether the statx just made has told of this directory. */
function isStatOf(dir: number): boolean {
  const key = inodeKeyOfStat();
  return statx(dir, '', AT_EMPTY_PATH) === 0 && inodeKeyOfStat() === key;
}

/** Runs a change of names and tells the cache. */
function changing(
  share: LocalShare,
  from: { readonly dir: number; readonly removed: string | undefined },
  to: { readonly dir: number; readonly added: string | undefined },
  act: () => Errno | 0,
): Errno | 0 {
  const { cache } = share.resolver;
  const first = cache.before(from.dir);
  const isOneDirectory = from.dir === to.dir || isStatOf(to.dir);
  const second = isOneDirectory ? undefined : cache.before(to.dir);
  const result = act();
  if (result !== 0) return result;
  cache.after(first, from.dir, from.removed, isOneDirectory ? to.added : undefined);
  cache.after(second, to.dir, undefined, to.added);
  return 0;
}

/** To a name that is free. */
function move(share: LocalShare, own: OwnName, target: Target, name: string): Errno | 0 {
  const from = { dir: own.dir, removed: own.name };
  return changing(share, from, { dir: target.dir, added: name }, () =>
    renameToFree(share, own.dir, own.name, target.dir, name),
  );
}

function renameName(
  { own }: LocalShare,
  from: number,
  name: string,
  to: number,
  newName: string,
  flags: number,
): Errno | 0 {
  const result = renameat2(from, name, to, newName, flags);
  if (result === 0) {
    own.did(from, name, 'left');
    own.did(to, newName, 'came');
  }
  return result;
}

function renameToFree(
  share: LocalShare,
  from: number,
  name: string,
  to: number,
  newName: string,
): Errno | 0 {
  const result = renameName(share, from, name, to, newName, RENAME_NOREPLACE);
  // A file system without RENAME_NOREPLACE: looked at first, which another process may overtake.
  if (result !== EINVAL) return result;
  const missing = statx(to, newName, AT_SYMLINK_NOFOLLOW);
  if (missing === 0) return EEXIST;
  return missing === ENOENT ? renameName(share, from, name, to, newName, 0) : missing;
}

/** To the object's own name in another case. */
function recase(share: LocalShare, own: OwnName, target: Target): Errno | 0 {
  const from = { dir: own.dir, removed: own.name };
  return changing(share, from, { dir: target.dir, added: target.disk }, () => {
    const { dir, disk } = target;
    const result = renameToFree(share, own.dir, own.name, dir, disk);
    // Taken by itself, where the file system knows no case.
    return result === EEXIST ? renameName(share, own.dir, own.name, dir, disk, 0) : result;
  });
}

/** In place of the file `found`, atomically. */
function replaceName(share: LocalShare, own: OwnName, target: Target, found: string): Errno | 0 {
  // The name that is added was there before; the cache keeps it.
  const from = { dir: own.dir, removed: own.name };
  return changing(share, from, { dir: target.dir, added: undefined }, () =>
    renameName(share, own.dir, own.name, target.dir, found, 0),
  );
}

/** What was put in place of `found` takes the case that was asked for. */
function restyle(share: LocalShare, target: Target, found: string): Errno | 0 {
  const { dir, disk } = target;
  return changing(share, { dir, removed: found }, { dir, added: disk }, () =>
    renameToFree(share, dir, found, dir, disk),
  );
}

function removeName(share: LocalShare, dir: number, name: string, flags: number): Errno | 0 {
  return changing(share, { dir, removed: name }, { dir, added: undefined }, () => {
    const result = unlinkat(dir, name, flags);
    if (result === 0) share.own.did(dir, name, 'removed');
    // POSIX allows either for a directory that is not empty.
    return result === EEXIST ? ENOTEMPTY : result;
  });
}

export function remove(
  share: LocalShare,
  credentials: Credentials,
  object: LocalObject,
): Errno | 0 {
  return withOwnName(share, credentials, object, (own) =>
    removeName(share, own.dir, own.name, object.isDirectory ? AT_REMOVEDIR : 0),
  );
}

/** Another object in its place; the descriptor of that, with statx's buffer telling of it. */
export function replace(
  share: LocalShare,
  credentials: Credentials,
  object: LocalObject,
  form: VfsForm,
): number {
  countMove();
  let fd = 0;
  const refused = withOwnName(share, credentials, object, (own) => {
    fd = replaceObject(share, own, object.isDirectory, form);
    return Math.min(fd, 0);
  });
  return refused !== 0 ? refused : fd;
}

export const link = byNames(linkNow);

function linkNow(
  share: LocalShare,
  credentials: Credentials,
  object: LocalObject,
  path: readonly string[],
  replace: boolean,
): Errno | 0 {
  const checked = checkPath(path);
  if (isErrno(checked)) return checked;
  if (object.isDirectory) return EISDIR;
  if (!object.isFile) return EACCES;
  if (path.length === 0) return rootAsTarget(replace);
  const refused = credentials.enter();
  if (refused !== 0) return refused;
  try {
    return withTarget(share, credentials, checked, (target) =>
      linkTo(share, credentials, object, target, replace),
    );
  } finally {
    credentials.leave();
  }
}

function linkTo(
  share: LocalShare,
  credentials: Credentials,
  object: LocalObject,
  target: Target,
  replace: boolean,
): Errno | 0 {
  const { resolver } = share;
  const found = resolver.existing(target.dir, target.name, target.disk, credentials);
  if (found === ENOENT) return addName(share, object, target.dir, target.disk);
  if (typeof found === 'number') return found;
  if (!replace) return EEXIST;
  if ((stx.mode() & S_IFMT) === S_IFDIR) return EACCES;
  // Already a name of it.
  if (inodeKeyOfStat() === object.inodeKey) return 0;
  const refused = replaceByLink(share, object, target, found);
  return refused !== 0 || found === target.disk ? refused : restyle(share, target, found);
}

function addName(share: LocalShare, object: LocalObject, dir: number, name: string): Errno | 0 {
  return changing(share, { dir, removed: undefined }, { dir, added: name }, () => {
    const result = linkat(share.procFd, `${object.fd}`, dir, name, AT_SYMLINK_FOLLOW);
    if (result === 0) share.own.did(dir, name, 'created');
    return result;
  });
}

let temporaryNames = 0;

/** linkat(2) replaces nothing: a name of our own first, then an atomic rename. */
function replaceByLink(
  share: LocalShare,
  object: LocalObject,
  target: Target,
  found: string,
): Errno | 0 {
  const { dir } = target;
  const temporary = `.usmbd-link-${process.pid}-${++temporaryNames}`;
  const refused = addName(share, object, dir, temporary);
  if (refused !== 0) return refused;
  const result = changing(share, { dir, removed: temporary }, { dir, added: undefined }, () =>
    renameName(share, dir, temporary, dir, found, 0),
  );
  if (result !== 0) removeName(share, dir, temporary, 0);
  return result;
}
