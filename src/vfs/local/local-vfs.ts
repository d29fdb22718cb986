/**
 * The `local` back end: a folder of a Linux file system. Every path is resolved beneath the share's
 * root, every path operation runs as the tree's user (credentials.ts), and what Windows needs beyond
 * POSIX is kept in user.DOSATTRIB, as Samba and ksmbd do.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { getSystemErrorMessage } from 'node:util';
import { type SidMap, unixSidMap } from '../../dtyp/unix-sids.ts';
import { AT_EMPTY_PATH, AT_FDCWD, O_DIRECTORY, O_PATH } from '../../native/constants.ts';
import { close, openat } from '../../native/files.ts';
import { statx } from '../../native/stat.ts';
import { nativeSupport } from '../../native/support.ts';
import { getxattr } from '../../native/xattr.ts';
import { EOPNOTSUPP, type Errno, isErrno, type Result } from '../errno.ts';
import type { Identity, Vfs, VfsFeatures, VfsHandle, VfsTree } from '../vfs.ts';
import { canBecomeUsers, credentialsFor, mayWriteSecurity } from './credentials.ts';
import { DOSATTRIB } from './dos-attribute.ts';
import { writeData } from './file-data.ts';
import { LocalHandle } from './local-handle.ts';
import { LocalTree } from './local-tree.ts';
import { type MakingPolicy, NO_POLICY } from './making.ts';
import { inodeKeyOfStat } from './metadata.ts';
import { NameCache } from './name-cache.ts';
import { NTACL, type NtAclName } from './nt-acl.ts';
import { OpenInodes } from './open-inodes.ts';
import { OwnChanges } from './own-changes.ts';
import { locationOf } from './own-name.ts';
import type { ShareRecipe } from './pool/jobs.ts';
import { closeBy, readRestBy, syncBy } from './pool/libuv.ts';
import { type Pace, unhurried } from './pool/pace.ts';
import { RemoteVfs } from './pool/remote-vfs.ts';
import { ShareThreads } from './pool/share-threads.ts';
import { slowDeviceBy } from './pool/slow-device.ts';
import { reopen } from './reopen.ts';
import { Resolver } from './resolver.ts';
import type { LocalShare, SlowCalls } from './share.ts';
import { type SnapshotLayout, Snapshots } from './snapshots.ts';
import type { StreamFormat } from './stream-value.ts';
import { canClone, isFat, isOnMachine, Volumes } from './volumes.ts';

export interface LocalVfsOptions {
  /** The folder that is shared. */
  readonly root: string;
  /** Mode of new files; smb.conf `create mask`. */
  readonly fileMode?: number;
  /** Mode of new directories; smb.conf `directory mask`. */
  readonly directoryMode?: number;
  /** More about the modes and owners of new objects. */
  readonly making?: MakingPolicy;
  /** ksmbd.conf `crossmnt`. False: nobody gets to what is mounted within the folder. */
  readonly crossMounts?: boolean;
  /** smb.conf `store dos attributes`. False: user.DOSATTRIB is neither written nor believed. */
  readonly storeAttributes?: boolean;
  /** False: there are no named streams. */
  readonly streams?: boolean;
  /** Whose files the streams are to be: see docs/adr/0004-named-streams.md. Samba's unless told. */
  readonly streamFormat?: StreamFormat;
  /** Where security descriptors are kept: `security.NTACL`, as with Samba and ksmbd, unless told; false: nowhere. */
  readonly ntAclName?: NtAclName | false;
  /** Descriptors hold whatever mode and POSIX ACL are, and change neither. */
  readonly ignoresSystemAcls?: boolean;
  /** Whose SIDs the users and groups of the disk are; their Unix SIDs unless told. */
  readonly sids?: SidMap;
  /** Where previous versions of the folder are. */
  readonly snapshots?: SnapshotLayout;
  /** False: walk by component even where the kernel has openat2. */
  readonly openat2?: boolean;
  /**
   * Whether threads of the pool do what may block, all of it; else the loop does what disks answer soon.
   * Unless told, where the storage is another machine or program.
   */
  readonly threads?: boolean;
  /** Makes a file durable; tests put a failing one here. */
  readonly dataSync?: (fd: number) => Promise<Errno | 0>;
  /** Whether the loop's calls come back soon; tests say it. */
  readonly pace?: Pace;
  /** Writes all of the buffer; tests put a slow one here. */
  readonly writeData?: (fd: number, buffer: Uint8Array, position: number) => number;
}

/** Defaults of Samba and ksmbd. */
const FILE_MODE = 0o744;
const DIRECTORY_MODE = 0o755;

/** What every share of this process has in common, made with the first. */
interface Shared {
  readonly procFd: number;
  readonly cache: NameCache;
  readonly inodes: OpenInodes;
  readonly volumes: Volumes;
}

let shared: Shared | undefined;

function sharedParts(): Shared {
  if (shared !== undefined) return shared;
  const procFd = openat(AT_FDCWD, '/proc/self/fd', O_PATH | O_DIRECTORY);
  if (procFd < 0) throw new Error('/proc is not mounted: local shares need /proc/self/fd');
  shared = {
    procFd,
    cache: new NameCache(procFd),
    inodes: new OpenInodes(),
    volumes: new Volumes(),
  };
  return shared;
}

/** process.umask() would change it for a moment, under the feet of other threads. */
function umaskOfProcess(): number {
  const status = readFileSync('/proc/self/status', 'latin1');
  return Number.parseInt(/^Umask:\s*([0-7]+)$/m.exec(status)?.[1] ?? '0', 8);
}

const takesXattr = (root: number, name: string): boolean =>
  getxattr(`/proc/self/fd/${root}`, name) !== EOPNOTSUPP;

/** `security.` is the superuser's to write, and storage elsewhere has its own idea of who that is. */
function ntAclNameFor(root: number, { ntAclName = NTACL }: LocalVfsOptions, isRemote: boolean) {
  if (ntAclName === false || isRemote || !takesXattr(root, ntAclName)) return undefined;
  return ntAclName !== NTACL || mayWriteSecurity() ? ntAclName : undefined;
}

function featuresOf(
  root: number,
  options: LocalVfsOptions,
  ntAclName: NtAclName | undefined,
  isRemote: boolean,
): VfsFeatures {
  const isPlain = isFat(root);
  const hasXattrs = takesXattr(root, DOSATTRIB);
  return {
    attributes: hasXattrs && options.storeAttributes !== false,
    extendedAttributes: hasXattrs,
    namedStreams: hasXattrs && options.streams !== false,
    securityDescriptors: ntAclName !== undefined,
    hardLinks: !isPlain,
    sparseFiles: !isPlain,
    // Storage elsewhere has links and special files of its own.
    reparsePoints: hasXattrs && options.storeAttributes !== false && !isRemote,
    cloning: canClone(root),
    fileSystemName: 'NTFS',
  };
}

class LocalVfs implements Vfs {
  readonly features: VfsFeatures;
  /** Another one once the folder has been replaced. */
  share: LocalShare;
  readonly #path: string;
  /** Folders that are no more; what was opened below them may be open still. */
  readonly #retired: number[] = [];
  readonly #threads: ShareThreads;
  #isClosed = false;
  readonly #mayBecomeUsers = canBecomeUsers();

  constructor(share: LocalShare, threads: ShareThreads, path: string) {
    this.share = share;
    this.#path = path;
    this.#threads = threads;
    this.features = share.features;
  }

  attach(identity: Identity | undefined): Result<VfsTree> {
    const credentials = credentialsFor(identity, this.#mayBecomeUsers);
    if (isErrno(credentials)) return credentials;
    return new LocalTree(this.#renewed(), credentials, () => this.#renewed());
  }

  /** The share at its folder's path: where that was removed, the one that has been made in its place. */
  #renewed(): LocalShare {
    const root = openat(AT_FDCWD, this.#path, O_PATH | O_DIRECTORY);
    if (root < 0) return this.share;
    if (isSameObject(root, this.share.root)) {
      close(root);
      return this.share;
    }
    this.#retired.push(this.share.root);
    const resolver = this.share.resolver.at(root);
    this.share = { ...this.share, root, rootPath: { now: undefined }, resolver };
    return this.share;
  }

  location(): string | undefined {
    return locationOf(this.share);
  }

  lend<T>(handle: VfsHandle, use: (descriptor: number) => T): T | Errno {
    const object = handle.base ?? handle;
    if (!(object instanceof LocalHandle)) return EOPNOTSUPP;
    const fd = reopen(this.share, object.fd, O_PATH);
    if (fd < 0) return fd;
    try {
      return use(fd);
    } finally {
      close(fd);
    }
  }

  close(): void {
    assert.ok(!this.#isClosed, 'a share is closed once');
    this.#isClosed = true;
    this.#threads.end(() => {
      for (const root of [...this.#retired, this.share.root]) close(root);
    });
  }
}

function isSameObject(one: number, other: number): boolean {
  if (statx(one, '', AT_EMPTY_PATH) !== 0) return false;
  const key = inodeKeyOfStat();
  return statx(other, '', AT_EMPTY_PATH) === 0 && inodeKeyOfStat() === key;
}

/** What a file system of this kind is made of; undefined for others. */
export const localShareOf = (vfs: Vfs): LocalShare | undefined =>
  vfs instanceof LocalVfs ? vfs.share : undefined;

/** Throws where the folder, the system or the privileges do not allow it; the message says what. */
export function createLocalVfs(options: LocalVfsOptions): Vfs {
  const support = nativeSupport();
  if (support.unavailable !== undefined) {
    throw new Error(`the local file system needs native calls: ${support.unavailable}`);
  }
  const root = openat(AT_FDCWD, options.root, O_PATH | O_DIRECTORY);
  if (root < 0) throw new Error(`cannot share ${options.root}: ${getSystemErrorMessage(root)}`);
  const { procFd, cache, inodes, volumes } = sharedParts();
  const hasOpenat2 = support.openat2 && options.openat2 !== false;
  if (!hasOpenat2 && options.crossMounts === false) {
    close(root);
    throw new Error('crossmnt = no needs Linux 5.6 or later (openat2); leave it out');
  }
  const isRemote = options.threads ?? !isOnMachine(root);
  const ntAclName = ntAclNameFor(root, options, isRemote);
  const recipe: ShareRecipe = {
    id: ++shareIds,
    root,
    procFd,
    hasOpenat2,
    crossesMounts: options.crossMounts !== false,
    features: featuresOf(root, options, ntAclName, isRemote),
    fileMode: options.fileMode ?? FILE_MODE,
    directoryMode: options.directoryMode ?? DIRECTORY_MODE,
    making: options.making ?? NO_POLICY,
    umask: umaskOfProcess(),
    streamFormat: options.streamFormat ?? 'samba',
  };
  const threads = new ShareThreads(recipe, volumes);
  const share: LocalShare = {
    ...recipe,
    rootPath: { now: undefined },
    resolver: new Resolver(root, cache, recipe),
    inodes,
    own: new OwnChanges(),
    volumes,
    ntAclName,
    ignoresSystemAcls: options.ignoresSystemAcls === true,
    sids: options.sids ?? unixSidMap,
    ...(options.snapshots && { snapshots: new Snapshots(options.snapshots) }),
    ...(isRemote ? byThreads(threads) : byLibuv(threads)),
    ...(options.pace && { pace: options.pace }),
    ...(options.writeData && { writeData: options.writeData }),
    ...(options.dataSync && { dataSync: options.dataSync, fullSync: options.dataSync }),
    isRemote,
  };
  return isRemote ? new RemoteVfs(share, threads) : new LocalVfs(share, threads, options.root);
}

const byThreads = (threads: ShareThreads): SlowCalls => ({
  dataSync: (fd) => threads.sync(fd, false),
  fullSync: (fd) => threads.sync(fd, true),
  readRest: (fd, buffer, position, done) => threads.read(fd, buffer, position, done),
  closeSlowly: (fd) => threads.close(fd),
  pace: unhurried(),
  slowDevice: undefined,
  writeData,
});

const byLibuv = (threads: ShareThreads): SlowCalls => ({
  dataSync: syncBy(threads, false),
  fullSync: syncBy(threads, true),
  readRest: readRestBy(threads),
  closeSlowly: closeBy(threads),
  pace: threads.device.pace,
  slowDevice: slowDeviceBy(threads),
  writeData,
});

let shareIds = 0;
