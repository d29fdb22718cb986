/**
 * What the directory of an open object says of it: whether its user may remove it, and its security descriptor. To ask
 * takes some ten system calls, and whoever opens a file to delete it is asked before he may, when he marks it and when it
 * goes. So it is kept that a user may add and remove names in a directory, for as long as the directory's st_ctime stays
 * (or only we have changed its names), KEPT_MS at most: a change of mode, ACL or owner moves it. Of where the object is
 * the last word of the kernel is taken, as for paths that are told (told-path.ts).
 *
 * The kernel is asked again by the removal itself, as the user. Only whether the directory is still the one that was asked
 * of is seen by its path as the server, by statx(2), of which no client is told anything.
 */
import type { SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  S_ISVTX,
  STATX_ATTR_APPEND,
  W_OK,
  X_OK,
} from '../../native/constants.ts';
import { close } from '../../native/files.ts';
import { statx, stx } from '../../native/stat.ts';
import { ENODATA, EPERM, type Errno, isErrno } from '../errno.ts';
import {
  attributeCache,
  type Changer,
  type KnownAttributes,
  type KnownDirectory,
} from './attribute-cache.ts';
import type { Credentials } from './credentials.ts';
import { isFixedByStat } from './metadata.ts';
import { type OwnName, ownPath } from './own-name.ts';
import { refusal } from './permissions.ts';
import { withOwnName } from './renaming.ts';
import { reparseBytes } from './reparse.ts';
import { storedSecurity } from './security.ts';
import type { LocalObject, LocalShare } from './share.ts';
import { isSamePlace, type Place } from './told-path.ts';

/** Whom the kernel was asked for in one directory; the first goes first. */
const MAX_CHANGERS = 8;
/** What does not move the st_ctime, a file system that is mounted read-only by now, is seen then. */
const KEPT_MS = 1_000;

/** An open object and what is known of where it is. */
export interface PlacedObject extends LocalObject {
  /** Its directory, as the kernel was last asked for it. */
  place: Place | undefined;
  /** Whether its last stat has told of STATX_ATTR_IMMUTABLE or STATX_ATTR_APPEND. */
  isFixed: boolean;
  /** Of its directory, which was looked at just now; for whoever asks next. */
  above: KnownAttributes | undefined;
}

const directoryOf = (known: KnownAttributes): KnownDirectory => {
  known.directory ??= { noReparse: false, changers: [] };
  return known.directory;
};

/** What is known of this directory, to be completed; undefined where nothing is kept. */
export const knownOf = (dir: number): KnownAttributes | undefined =>
  statx(dir, '', AT_EMPTY_PATH) === 0 ? attributeCache.ofStat(dir) : undefined;

/** Whether the directory is a reparse point. With an identity entered: who may not read there is not told. */
export function leadsElsewhere(dir: number, known: KnownAttributes | undefined): boolean {
  if (known?.directory?.noReparse === true) return false;
  const found = reparseBytes(dir);
  if (found === ENODATA && known !== undefined) directoryOf(known).noReparse = true;
  return typeof found !== 'number';
}

/** What the kernel would say to removing or renaming: the checks of may_delete() in fs/namei.c. */
export function removable(
  share: LocalShare,
  credentials: Credentials,
  object: PlacedObject,
): Errno | 0 {
  object.above = undefined;
  if (isKnownRemovable(share, credentials, object)) return 0;
  return withOwnName(share, credentials, object, (own) => {
    const isFixed = isFixedByStat();
    const owner = stx.uid();
    const refused = refusal(own.dir, W_OK | X_OK, credentials);
    if (refused !== 0) return refused;
    const missing = statx(own.dir, '', AT_EMPTY_PATH);
    if (missing !== 0) return missing;
    if (isFixed || (stx.attributes() & STATX_ATTR_APPEND) !== 0) return EPERM;
    const isSticky = (stx.mode() & S_ISVTX) !== 0 && credentials.uid !== 0;
    if (isSticky) return credentials.uid === owner || credentials.uid === stx.uid() ? 0 : EPERM;
    object.above = attributeCache.ofStat(own.dir);
    if (object.above !== undefined) keepChanger(object.above, share, credentials, own);
    return 0;
  });
}

function keepChanger(
  known: KnownAttributes,
  share: LocalShare,
  credentials: Credentials,
  own: OwnName,
): void {
  const directory = directoryOf(known);
  const path = own.path.slice(0, -1).join('/');
  const isOther = (one: Changer): boolean => one.share !== share || one.credentials !== credentials;
  const others = directory.changers.filter(isOther).slice(-MAX_CHANGERS + 1);
  directory.changers = [...others, { share, credentials, path, askedAtMs: performance.now() }];
}

function isKnownRemovable(
  share: LocalShare,
  credentials: Credentials,
  object: PlacedObject,
): boolean {
  const { place, isFixed } = object;
  if (place === undefined || isFixed || share.isRemote || !isSamePlace(place)) return false;
  const path = place.parent.join('/');
  const missing =
    path === ''
      ? statx(share.root, '', AT_EMPTY_PATH)
      : statx(share.root, path, AT_SYMLINK_NOFOLLOW);
  const known = missing === 0 ? attributeCache.known() : undefined;
  const changer = known?.directory?.changers.find(
    (one) => one.share === share && one.credentials === credentials && one.path === path,
  );
  if (changer === undefined || performance.now() - changer.askedAtMs > KEPT_MS) return false;
  object.above = known;
  return true;
}

/** Of the directory that the kernel says the object is in; undefined for the share's root. */
export function parentSecurity(
  share: LocalShare,
  object: PlacedObject,
): SecurityDescriptor | undefined | Errno {
  if (share.ntAclName === undefined) return undefined;
  const { above } = object;
  object.above = undefined;
  if (above?.noNtAcl === share.ntAclName) return undefined;
  const path = ownPath(share, object);
  if (isErrno(path)) return path;
  if (path.length === 0) return undefined;
  const fd = share.resolver.exactDirectory(path.slice(0, -1));
  if (fd < 0) return fd;
  const stored = storedSecurity(share, { fd, isData: false }, knownOf(fd));
  close(fd);
  return stored;
}
