/**
 * A share by node:fs alone: for systems without the native back end, and for USMBD_NATIVE=0. It passes the
 * core of the contract and leaves the share no more than the native one (directory.ts says how, and
 * what race remains without /proc). It acts as the process does, so it refuses to run as root and
 * to act for anybody else. What cannot be kept on the object itself is EOPNOTSUPP: a creation time,
 * attributes other than ARCHIVE, reserved space. `create` ignores such attributes, as its rule says.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { MAX_COMPONENT_BYTES } from '../component.ts';
import { EEXIST, ENOENT, ENOPATH, EPERM, type Errno, isErrno, type Result } from '../errno.ts';
import type { Identity, Vfs, VfsHandle, VfsTree, VfsVolume } from '../vfs.ts';
import { attempt, done } from './attempt.ts';
import { Descriptor } from './descriptor.ts';
import { type Directory, O_NOFOLLOW, O_NONBLOCK, O_PATH } from './directory.ts';
import { PortableHandle } from './handle.ts';
import { isRoot } from './privileges.ts';
import { lstat, type Place, Share, type ShareOptions } from './share.ts';
import { isSame, kindOf } from './stat.ts';

export type PortableVfsOptions = ShareOptions;

/** An attacker has to win as many races in a row. */
const LOOKS = 3;

class PortableTree implements VfsTree {
  readonly #share: Share;

  constructor(share: Share) {
    this.#share = share;
  }

  lookup(path: readonly string[]): Result<VfsHandle> {
    const share = this.#share;
    if (path.length === 0) return this.#root();
    const place = share.place(path);
    if (isErrno(place)) return place;
    const found = share.find(place.directory, place.name);
    const handle = isErrno(found) ? found : openThere(share, { ...place, name: found.name });
    place.directory.close();
    return handle;
  }

  create(
    path: readonly string[],
    what: { kind: 'file' | 'directory'; attributes: number; mode?: number },
  ): Result<VfsHandle> {
    const share = this.#share;
    if (path.length === 0) return EEXIST;
    const place = share.place(path);
    if (isErrno(place)) return place;
    const there = share.find(place.directory, place.name);
    const handle = there === ENOENT ? make(share, place, what) : isErrno(there) ? there : EEXIST;
    place.directory.close();
    return handle;
  }

  volume(): Result<VfsVolume> {
    const root = this.#share.root();
    const { self } = root;
    const space = attempt(() => fs.statfsSync(self));
    const stat = attempt(() => fs.statSync(self, { bigint: true }));
    const isReadOnly = isErrno(done(() => fs.accessSync(self, fs.constants.W_OK)));
    root.close();
    if (isErrno(space)) return space;
    if (isErrno(stat)) return stat;
    return {
      totalBytes: space.blocks * space.bsize,
      freeBytes: space.bfree * space.bsize,
      availableBytes: space.bavail * space.bsize,
      blockSize: space.bsize,
      maxNameLength: MAX_COMPONENT_BYTES,
      // Device numbers change with a restart; an inode and its birth do not.
      volumeId: createHash('sha256')
        .update(`${stat.ino}:${stat.birthtimeNs}`)
        .digest()
        .readUInt32LE(),
      readOnly: isReadOnly,
    };
  }

  close(): void {}

  #root(): Result<VfsHandle> {
    const root = this.#share.root();
    const fd = attempt(() => fs.openSync(root.self, this.#share.isPinned ? O_PATH : 0));
    root.close();
    if (isErrno(fd)) return fd;
    const stat = attempt(() => fs.fstatSync(fd, { bigint: true }));
    if (!isErrno(stat)) return new PortableHandle(this.#share, stat, [], new Descriptor(fd));
    fs.closeSync(fd);
    return stat;
  }
}

/** The object that is there, kept by a descriptor where that can be. */
function openThere(share: Share, { directory, parents, name }: Place): Result<VfsHandle> {
  const path = [...parents, name];
  const stat = lstat(directory.at(name));
  if (isErrno(stat)) return stat;
  const kind = kindOf(stat);
  if (!share.isPinned && kind !== 'file' && kind !== 'directory') {
    return new PortableHandle(share, stat, path);
  }
  const flags = share.isPinned ? O_PATH : O_NONBLOCK;
  const fd = attempt(() => fs.openSync(directory.at(name), flags | O_NOFOLLOW));
  // May not be read: known by its name only.
  if (isErrno(fd)) return share.isPinned ? fd : new PortableHandle(share, stat, path);
  return keep(share, { directory, parents, name }, fd, stat);
}

/**
 * A handle with this descriptor. Where nothing pins the way, only if it is that of the object that was
 * seen, and inside the share.
 */
function keep(
  share: Share,
  { directory, parents, name }: Place,
  fd: number,
  seen?: fs.BigIntStats,
): Result<PortableHandle> {
  const descriptor = new Descriptor(fd);
  const stat = attempt(() => fs.fstatSync(fd, { bigint: true }));
  const isRight =
    !isErrno(stat) &&
    (share.isPinned || (isSame(stat, seen ?? stat) && isStill(directory, name, stat)));
  if (isRight) return new PortableHandle(share, stat, [...parents, name], descriptor);
  descriptor.close();
  if (isErrno(stat)) return stat;
  return directory.isTrue() ? ENOENT : ENOPATH;
}

/**
 * Whether the way to the directory is true and leads to what was opened. More than once, since who swaps
 * a directory for a link and back may be in time for one look.
 */
function isStill(directory: Directory, name: string, opened: fs.BigIntStats): boolean {
  for (let look = 0; look < LOOKS; look++) {
    const stat = lstat(directory.at(name));
    if (isErrno(stat) || !isSame(stat, opened) || !directory.isTrue()) return false;
  }
  return true;
}

function make(
  share: Share,
  place: Place,
  { kind, mode }: { kind: 'file' | 'directory'; mode?: number },
): Result<VfsHandle> {
  const path = place.directory.at(place.name);
  if (kind === 'directory') {
    const refusal = done(() => fs.mkdirSync(path, mode ?? share.directoryMode));
    if (refusal !== 0) return refusal;
    share.folded.added(place.directory, place.name);
    return openThere(share, place);
  }
  const { O_RDWR, O_CREAT, O_EXCL } = fs.constants;
  const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK;
  const fd = attempt(() => fs.openSync(path, flags, mode ?? share.fileMode));
  if (isErrno(fd)) return fd;
  share.folded.added(place.directory, place.name);
  const handle = keep(share, place, fd);
  if (!isErrno(handle)) handle.opened();
  return handle;
}

/** Throws when the process is root, or when `root` is no directory. */
export function createPortableVfs(options: PortableVfsOptions): Vfs {
  if (isRoot()) throw new Error('the portable file system must not run as root');
  const share = new Share(options);
  return {
    features: {
      attributes: false,
      extendedAttributes: false,
      namedStreams: false,
      securityDescriptors: false,
      hardLinks: true,
      cloning: false,
      reparsePoints: false,
      sparseFiles: process.platform === 'linux',
      fileSystemName: 'NTFS',
    },
    attach: (identity) => (isOwn(identity) ? new PortableTree(share) : (EPERM as Errno)),
    location: () => share.location(),
    close: () => share.close(),
  };
}

const isOwn = (identity: Identity | undefined): boolean =>
  identity === undefined ||
  (identity.uid === process.getuid?.() && identity.gid === process.getgid?.());
