/** One user's view of a share: lookup, create and the volume. */
import type { FileTime } from '../../dtyp/filetime.ts';
import type { SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import { diskName } from '../../fscc/private-names.ts';
import {
  AT_EMPTY_PATH,
  AT_REMOVEDIR,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  S_ISGID,
  ST_RDONLY,
} from '../../native/constants.ts';
import { close, openat } from '../../native/files.ts';
import { fchmodat, fchownat, mkdirat, unlinkat } from '../../native/names.ts';
import { fstatfs, statx, stfs, stx } from '../../native/stat.ts';
import { getxattr } from '../../native/xattr.ts';
import {
  EACCES,
  EEXIST,
  ENOENT,
  ENOPATH,
  EOPNOTSUPP,
  type Errno,
  isErrno,
  type Result,
} from '../errno.ts';
import type { VfsQuotas } from '../quotas.ts';
import { SnapshotTree } from '../snapshot.ts';
import type {
  MaybePromise,
  PreviousVersions,
  VfsHandle,
  VfsNewObject,
  VfsPermissions,
  VfsPurpose,
  VfsTree,
  VfsVolume,
} from '../vfs.ts';
import type { KnownAttributes } from './attribute-cache.ts';
import { actAs, type Credentials } from './credentials.ts';
import type { DosAttribute } from './dos-attribute.ts';
import { LocalHandle } from './local-handle.ts';
import { inheritedMode, modeWith } from './making.ts';
import { birthTimeOfStat, kindOf, statMade, statStated } from './metadata.ts';
import { storeNewAttributes } from './new-attributes.ts';
import { NTACL } from './nt-acl.ts';
import { knownOf, leadsElsewhere } from './parents.ts';
import { ForeseenPermissions, ownersPermissions, permissionsOf } from './permissions.ts';
import { hasQuotas, LocalQuotas, ownLimit } from './quotas.ts';
import { reopen } from './reopen.ts';
import { type CheckedPath, checkPath } from './resolver.ts';
import { storedSecurity } from './security.ts';
import { type Access, type LocalShare, NO_ACCESS } from './share.ts';
import type { Snapshots } from './snapshots.ts';
import { placeAt } from './told-path.ts';

/** What a thread of the pool is told of a new object. */
export type NewObject = Omit<VfsNewObject, 'security'>;

/** What the maker needs to store attributes and, for a directory, to go on. */
const OWNER_ACCESS = 0o600;
const PERMISSION_BITS = 0o7777;
/** A gid_t that leaves the group as it is. */
const SAME_ID = 0xffff_ffff;
const OWNER_BITS = 0o700;

/** An object that was looked up, and what was found out about it on the way. */
interface Found {
  readonly fd: number;
  readonly access: Access;
  readonly permissions: VfsPermissions | undefined;
}

/** An object that was made by its user, and what is still to be done as the server. */
interface Made {
  readonly handle: LocalHandle;
  readonly mode: number;
  readonly security: SecurityDescriptor | undefined;
  /** See storeNewAttributes. */
  readonly stored: DosAttribute | undefined | Errno;
}

const READ_ACCESS: Access = { read: true, write: false };
const FULL_ACCESS: Access = { read: true, write: true };

export class LocalTree implements VfsTree {
  readonly previous: PreviousVersions | undefined;
  readonly quotas: VfsQuotas;
  #share: LocalShare;
  readonly #credentials: Credentials;
  /** The share anew, where its folder is no more. */
  readonly #renew: (() => LocalShare) | undefined;

  constructor(share: LocalShare, credentials: Credentials, renew?: () => LocalShare) {
    this.#share = share;
    this.#credentials = credentials;
    this.#renew = renew;
    this.quotas = new LocalQuotas(share, credentials.uid);
    const { snapshots } = share;
    this.previous = snapshots && {
      times: () => snapshots.times(credentials),
      at: (time) => this.#at(snapshots, time),
    };
  }

  exactly(): VfsTree {
    const { resolver } = this.#share;
    return new LocalTree({ ...this.#share, resolver: resolver.exactly() }, this.#credentials);
  }

  lookup(path: readonly string[], purpose?: VfsPurpose): MaybePromise<Result<VfsHandle>> {
    const lookup = () => this.#unhurried(() => this.lookupNow(path, purpose));
    return this.#share.pace.isSlow ? this.#warmed(path).then(lookup) : lookup();
  }

  /** Reads a large directory in pieces, should a name need it. */
  #unhurried<T>(work: () => T): MaybePromise<T> {
    return this.#share.resolver.cache.inPieces(work);
  }

  /** The kernel has in memory what will be asked for; whatever comes of it, the loop finds as well. */
  async #warmed(path: readonly string[]): Promise<void> {
    await this.#share.slowDevice?.warm(this.#credentials.identity, path);
  }

  lookupNow(path: readonly string[], purpose?: VfsPurpose): Result<VfsHandle> {
    const checked = checkPath(path);
    if (isErrno(checked)) return checked;
    const { pace } = this.#share;
    const begun = pace.begin();
    const refused = this.#credentials.enter();
    if (refused !== 0) return refused;
    let found: Found | Errno;
    try {
      found = this.#find(checked, purpose);
    } finally {
      this.#credentials.leave();
    }
    pace.end(begun);
    if (isErrno(found)) return found;
    const { fd, access, permissions } = found;
    // The root without a link: the folder was removed, and may have been made again.
    if (path.length === 0 && stx.linkCount() === 0 && this.#isRenewed()) {
      close(fd);
      return this.lookupNow(path, purpose);
    }
    const handle = LocalHandle.of(this.#share, this.#credentials, fd, checked.disk, access);
    if (permissions !== undefined) handle.foreseen = new ForeseenPermissions(permissions);
    if (purpose !== undefined) {
      handle.found = statStated(this.#share, this.#credentials, handle);
      handle.place = placeAt(checked.disk);
    }
    return handle;
  }

  adopt(descriptor: number, path: readonly string[], access: Access): Result<VfsHandle> {
    const { read, write } = access;
    let fd = descriptor;
    if (read || write) {
      // As the server: whether its user may was asked when it was opened.
      fd = reopen(this.#share, descriptor, !write ? O_RDONLY : read ? O_RDWR : O_WRONLY);
      close(descriptor);
      if (fd < 0) return fd;
    }
    const unknown = stated(fd);
    if (unknown !== 0) return unknown;
    return LocalHandle.of(this.#share, this.#credentials, fd, path.map(diskName), access);
  }

  /** All that has to be done as the user, while it is one; leaves the object in statx's buffer. */
  #find(path: CheckedPath, purpose: VfsPurpose | undefined): Found | Errno {
    const { files } = this.#share.resolver;
    const access = this.#accessFor(purpose);
    const known = access.read ? files.open(path.disk, access.write) : EACCES;
    if (known >= 0) {
      // Who only reads is asked for nothing else.
      const permissions = access.write
        ? permissionsOf(known, this.#credentials, stx.mode(), true)
        : undefined;
      return { fd: known, access, permissions };
    }
    const found = this.#findAny(path, purpose);
    if (!isErrno(found) && found.access.read) files.add(path.disk);
    return found;
  }

  #findAny(path: CheckedPath, purpose: VfsPurpose | undefined): Found | Errno {
    const fd = this.#share.resolver.open(path, this.#credentials);
    if (fd < 0) return fd;
    const unknown = stated(fd);
    if (unknown !== 0) return unknown;
    const permissions =
      purpose !== undefined && purpose !== 'look' && this.#credentials.isSwitched
        ? permissionsOf(fd, this.#credentials, stx.mode())
        : undefined;
    const access = this.#accessFor(purpose);
    const isPermitted =
      permissions === undefined || (permissions.read && (permissions.write || !access.write));
    const mayOpen = access.read && isPermitted && kindOf(stx.mode()) === 'file';
    const data = mayOpen ? reopen(this.#share, fd, access.write ? O_RDWR : O_RDONLY) : EACCES;
    if (data < 0) return { fd, access: NO_ACCESS, permissions };
    close(fd);
    return { fd: data, access, permissions };
  }

  /** What is opened at once; of storage elsewhere a file is opened for writing when nothing forbids it any more. */
  #accessFor(purpose: VfsPurpose | undefined): Access {
    if (purpose === 'read') return READ_ACCESS;
    return purpose === 'write' && !this.#share.isRemote ? FULL_ACCESS : NO_ACCESS;
  }

  #isRenewed(): boolean {
    const share = this.#renew?.() ?? this.#share;
    if (share === this.#share) return false;
    this.#share = share;
    return true;
  }

  create(path: readonly string[], what: VfsNewObject): MaybePromise<Result<VfsHandle>> {
    const create = () => this.#unhurried(() => this.createNow(path, what));
    return this.#share.pace.isSlow ? this.#warmed(path).then(create) : create();
  }

  createNow(path: readonly string[], what: VfsNewObject): Result<VfsHandle> {
    const checked = checkPath(path);
    if (isErrno(checked)) return checked;
    if (path.length === 0) return EEXIST;
    const { pace, own } = this.#share;
    const begun = pace.begin();
    const made = own.naming(() => this.#create(checked, what));
    pace.end(begun);
    return made;
  }

  /** What only the user may do is done in one go; the rest, as the server, is done to what is open then. */
  #create(checked: CheckedPath, what: VfsNewObject): Result<VfsHandle> {
    const refused = this.#credentials.enter();
    if (refused !== 0) return refused;
    let parent: number = EACCES;
    try {
      let made: Made | Errno;
      try {
        parent = this.#share.resolver.openParent(checked, this.#credentials);
        made = parent < 0 ? (parent as Errno) : this.#makeIn(parent, checked, what);
      } finally {
        this.#credentials.leave();
      }
      return isErrno(made) ? made : this.#finished(made, parent, checked, what);
    } finally {
      if (parent >= 0) close(parent);
    }
  }

  #makeIn(parent: number, path: CheckedPath, what: VfsNewObject): Made | Errno {
    const { resolver, own, features } = this.#share;
    const known = knownOf(parent);
    if (features.reparsePoints && leadsElsewhere(parent, known)) return ENOPATH;
    const name = path.names.at(-1)!;
    const disk = path.disk.at(-1)!;
    const found = what.justMissed
      ? resolver.stillMissing(parent, name, disk, this.#credentials)
      : resolver.existing(parent, name, disk, this.#credentials);
    if (found !== ENOENT) return typeof found === 'string' ? EEXIST : found;
    const security = this.#inherited(parent, known, what);
    if (isErrno(security)) return security;
    const change = resolver.cache.before(parent);
    const isFile = what.kind === 'file';
    // Until its descriptor is there nobody else opens it.
    const isReflected = security !== undefined && !this.#share.ignoresSystemAcls;
    const bits = isReflected ? OWNER_BITS : PERMISSION_BITS;
    const mode = (what.mode ?? this.#modeOf(what, parent)) & bits;
    const fd = isFile ? makeFile(parent, disk, mode) : makeDirectory(parent, disk, mode);
    if (fd < 0) return fd as Errno;
    own.did(parent, disk, 'created');
    resolver.cache.after(change, parent, undefined, disk);
    const access = { read: isFile, write: isFile };
    const unknown = stated(fd);
    if (unknown !== 0) return unknown;
    const handle = LocalHandle.of(this.#share, this.#credentials, fd, path.disk, access);
    const stored = storeNewAttributes(this.#share, handle, what.attributes);
    return { handle, mode, security, stored };
  }

  #finished(made: Made, parent: number, path: CheckedPath, what: VfsNewObject): Result<VfsHandle> {
    const { handle, stored } = made;
    const refused = this.#finish(made, what, parent);
    if (refused === 0) {
      if (typeof stored === 'object') handle.found = statMade(this.#share, handle, stored);
      if (handle.found !== undefined && made.security === undefined) this.#foresee(handle);
      return handle;
    }
    // Made, but not as asked: it goes again.
    handle.close();
    const disk = path.disk.at(-1)!;
    const flags = what.kind === 'file' ? 0 : AT_REMOVEDIR;
    if (actAs(this.#credentials, () => unlinkat(parent, disk, flags)) === 0) {
      this.#share.own.did(parent, disk, 'removed');
      this.#share.resolver.cache.forget(parent);
    }
    return refused;
  }

  /** Of what statx has just told of, which this user has made. */
  #foresee(handle: LocalHandle): void {
    const permissions = this.#share.isRemote ? undefined : ownersPermissions(this.#credentials);
    if (permissions !== undefined) handle.asMade = new ForeseenPermissions(permissions);
  }

  /** What the new object is to have. The identity is entered, and is so again after. */
  #inherited(
    parent: number,
    known: KnownAttributes | undefined,
    what: VfsNewObject,
  ): SecurityDescriptor | undefined | Errno {
    const { ntAclName } = this.#share;
    if (what.security === undefined || ntAclName === undefined) return undefined;
    if (known?.noNtAcl === ntAclName) return what.security(undefined);
    const read = () => storedSecurity(this.#share, { fd: parent, isData: false }, known);
    // Everybody may read what is in `security.`.
    const stored = ntAclName === NTACL ? read() : this.#asServer(read);
    return isErrno(stored) ? stored : what.security(stored);
  }

  #asServer<T>(read: () => T): T | Errno {
    this.#credentials.leave();
    const result = read();
    const refused = this.#credentials.enter();
    return refused !== 0 ? refused : result;
  }

  /** Attributes, where they could not be stored at once, and the descriptor or the exact mode. */
  #finish(made: Made, { kind, attributes }: VfsNewObject, parent: number): Errno | 0 {
    const { handle, mode, security, stored } = made;
    let result: Errno | 0 =
      typeof stored === 'object' ? 0 : this.#setAttributes(handle, attributes);
    // A disk that stores no attributes takes files all the same.
    if (result === EOPNOTSUPP) result = 0;
    // Where a default ACL is inherited it stands in place of the umask (acl(5)).
    const isCut = (mode & this.#share.umask) !== 0 && !hasDefaultAcl(parent);
    if (security !== undefined) result ||= handle.setSecurity(() => security);
    const isReflected = security !== undefined && !this.#share.ignoresSystemAcls;
    if (result === 0 && !isReflected && (isCut || (~mode & OWNER_ACCESS) !== 0)) {
      result = this.#setMode(handle.fd, kind, mode);
    }
    if (result === 0 && this.#share.making.inheritsOwner) {
      result = this.#giveTo(handle.fd, parent);
      // The hashes of a descriptor have the owner in them.
      if (security !== undefined)
        result ||= handle.setSecurity(() => this.#ownedBy(parent, security));
    }
    return result;
  }

  #setAttributes(handle: LocalHandle, attributes: number): Errno | 0 {
    const isTimed = handle.isDirectory && this.#share.features.attributes;
    const isKnown = isTimed && statx(handle.fd, '', AT_EMPTY_PATH) === 0;
    return handle.set({ attributes, ...(isKnown && { creationTime: birthTimeOfStat() }) });
  }

  #setMode(fd: number, kind: VfsNewObject['kind'], mode: number): Errno | 0 {
    const refused = statx(fd, '', AT_EMPTY_PATH);
    if (refused !== 0) return refused;
    // A directory inherits S_ISGID from its parent.
    const inherited = kind === 'directory' ? stx.mode() & S_ISGID : 0;
    return fchmodat(this.#share.procFd, `${fd}`, mode | inherited);
  }

  #ownedBy(parent: number, security: SecurityDescriptor): Result<SecurityDescriptor> {
    const refused = statx(parent, '', AT_EMPTY_PATH);
    return refused !== 0 ? refused : { ...security, owner: this.#share.sids.userSid(stx.uid()) };
  }

  /** `inherit owner`: what the user has just made, to whom the directory belongs. */
  #giveTo(fd: number, parent: number): Errno | 0 {
    const refused = statx(parent, '', AT_EMPTY_PATH);
    if (refused !== 0) return refused;
    const uid = stx.uid();
    return uid === this.#credentials.uid ? 0 : fchownat(this.#share.procFd, `${fd}`, uid, SAME_ID);
  }

  #modeOf({ kind, attributes }: NewObject, parent: number): number {
    const { fileMode, directoryMode, making } = this.#share;
    const isDirectory = kind === 'directory';
    let mode = isDirectory ? directoryMode : fileMode;
    if (making.inheritsAcls && hasDefaultAcl(parent)) return isDirectory ? 0o777 : 0o666;
    if (making.inheritsPermissions && statx(parent, '', AT_EMPTY_PATH) === 0) {
      mode = inheritedMode(stx.mode(), kind);
    }
    return making.mapped === undefined
      ? mode
      : modeWith(making.mapped, mode, attributes, isDirectory);
  }

  volume(): Result<VfsVolume> {
    const { root, volumes, isRemote } = this.#share;
    const missing = statx(root, '', AT_EMPTY_PATH);
    if (missing !== 0) return missing;
    const volumeId = volumes.idOf(stx.device(), root);
    const refused = fstatfs(root);
    if (refused !== 0) return refused;
    const blockSize = stfs.fragmentSize() || stfs.blockSize();
    const available = Math.min(stfs.blocksAvailable(), stfs.blocksFree()) * blockSize;
    // Storage elsewhere keeps its own.
    const isCounted = !isRemote && hasQuotas(root);
    const own = isCounted ? ownLimit(root, this.#credentials.uid) : undefined;
    const left = own === undefined ? available : Math.max(0, own.limit - own.used);
    return {
      totalBytes: stfs.blocks() * blockSize,
      freeBytes: stfs.blocksFree() * blockSize,
      availableBytes: Math.min(available, left),
      blockSize,
      maxNameLength: stfs.nameLength(),
      volumeId,
      ...(stfs.files() > 0 && { totalObjects: stfs.files(), freeObjects: stfs.filesFree() }),
      readOnly: (stfs.flags() & ST_RDONLY) !== 0,
      ...(isCounted && { hasQuotas: true }),
      ...(own !== undefined && { limitBytes: own.limit }),
    };
  }

  #at(snapshots: Snapshots, time: FileTime): Result<VfsTree> {
    const { snapshots: _, ...share } = this.#share;
    const found = snapshots.open(share.resolver, this.#credentials, time);
    if (isErrno(found)) return found;
    const { root, name } = found;
    const resolver = share.resolver.at(root);
    const then = { ...share, root, rootPath: { now: undefined }, resolver };
    return new SnapshotTree(new LocalTree(then, this.#credentials), name, () => close(root));
  }

  close(): void {}
}

/** Leaves the object in statx's buffer; closes it where that cannot be. */
function stated(fd: number): Errno | 0 {
  const unknown = statx(fd, '', AT_EMPTY_PATH);
  if (unknown !== 0) close(fd);
  return unknown;
}

const hasDefaultAcl = (dir: number): boolean =>
  typeof getxattr(`/proc/self/fd/${dir}`, 'system.posix_acl_default') !== 'number';

/** Never an existing one, nor through a link. */
function makeFile(parent: number, name: string, mode: number): number {
  const flags = O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_NONBLOCK | O_NOCTTY;
  return openat(parent, name, flags, mode | OWNER_ACCESS);
}

function makeDirectory(parent: number, name: string, mode: number): number {
  const refused = mkdirat(parent, name, mode | OWNER_ACCESS);
  if (refused !== 0) return refused;
  const fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_DIRECTORY);
  // No descriptor is left: nothing was made.
  if (fd < 0) unlinkat(parent, name, AT_REMOVEDIR);
  return fd;
}
