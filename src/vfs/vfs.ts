/**
 * The file system as the server sees it: handle-based, one tree for each tree connect. It speaks of
 * objects, attributes and bytes; share modes, locks, oplocks and NTSTATUS are the server's business.
 *
 * Rules that hold for every back end (contract.ts proves them):
 *
 * - A method answers with a value, or with a negative errno (see errno.ts). It throws for bugs only.
 *   A method typed `MaybePromise` answers at once when it can; the caller takes either.
 * - A path is an array of components below the share's root, already checked to be legal SMB names:
 *   never empty, `.`, `..`, nor holding a separator or NUL. `[]` is the root. Text that is no valid
 *   UTF-16 (an unpaired surrogate) is EINVAL. A component over 255 bytes on disk is ENAMETOOLONG.
 * - Names are looked up exactly first, then without regard to case (simple case mapping to upper
 *   case); the case on disk is kept. No path leaves the root, whatever links are on the way: a symbolic link
 *   as the last component is opened as itself (kind 'symlink'), one on the way is ENOPATH.
 * - ENOENT: the last component is missing. ENOPATH: one before it is missing or is no directory.
 * - Every path operation runs with the identity that the tree was attached with, and leaves the
 *   thread as it was.
 * - A handle keeps its object through renames and removals, by whomever. After `close()` only bugs
 *   call it. Reads and writes need `open()` first and are checked by the kernel there, not later.
 * - Nothing ever blocks on a FIFO, a device or a socket: kind 'other' cannot be opened further (EACCES).
 */

import type { SecurityDescriptor } from '../dtyp/security-descriptor.ts';
import type { PosixAcl } from '../fscc/posix-acl.ts';
import type { Errno, Result } from './errno.ts';
import type { VfsHostLocks } from './host-locks.ts';
import type { VfsQuotas } from './quotas.ts';

export type MaybePromise<T> = T | Promise<T>;

/** Who acts. Undefined where the process itself does (it runs unprivileged). */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

export type VfsKind = 'file' | 'directory' | 'symlink' | 'other';

/** What an object may be replaced by. */
export type VfsForm =
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'file' };

/** What clients have the server keep with an object, as they have sent it: MS-FSCC 2.1.2, 2.1.3. */
export type VfsKept = 'reparse' | 'objectId';

/** A reparse point that is kept with a file or directory. */
export interface VfsReparse {
  /** MS-FSCC 2.1.2.1. */
  readonly tag: number;
  /** S_IFLNK, S_IFIFO and so on, where it stands for such a file; otherwise 0. */
  readonly fileType: number;
}

/** 100 ns units since 1601-01-01 UTC, as MS-DTYP 2.3.3 FILETIME. */
export type FileTime = bigint;

/** Names an object. */
export interface VfsObjectId {
  /** Inode number: unique on its volume while the object lives. */
  readonly fileId: bigint;
  /** The volume (device) the object is on. */
  readonly volumeId: number;
}

export interface VfsStat extends VfsObjectId {
  readonly kind: VfsKind;
  readonly linkCount: number;
  /** Bytes; 0 for a directory. */
  readonly size: number;
  /** Bytes on disk; 0 for a directory. */
  readonly allocationSize: number;
  readonly creationTime: FileTime;
  readonly lastAccessTime: FileTime;
  readonly lastWriteTime: FileTime;
  readonly changeTime: FileTime;
  /** MS-FSCC 2.6 attributes. DIRECTORY is always right; NORMAL stands only alone. */
  readonly attributes: number;
  /** POSIX mode with the type bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a file or directory that has a reparse point, which nobody follows but clients. */
  readonly reparse?: VfsReparse;
  /** It is known, without being asked for, that the object has no extended attributes. */
  readonly hasNoEas?: boolean;
}

/** What `set` changes; what is absent stays. */
export interface VfsChanges {
  readonly creationTime?: FileTime;
  readonly lastAccessTime?: FileTime;
  readonly lastWriteTime?: FileTime;
  readonly changeTime?: FileTime;
  /** MS-FSCC 2.6 attributes to store; DIRECTORY, NORMAL and unsupported bits are ignored. */
  readonly attributes?: number;
  /** FILE_ATTRIBUTE_SPARSE_FILE, which `attributes` leaves as it is. */
  readonly sparse?: boolean;
  /** Permission bits, where the back end has such; a stored security descriptor does not outlive them. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** Bytes of a file. */
export interface VfsRange {
  readonly position: number;
  readonly length: number;
}

/** An extended attribute: MS-FSCC 2.4.16. */
export interface VfsEa {
  /** ASCII, as it is stored; two that differ in case only are one. */
  readonly name: string;
  readonly value: Buffer;
}

/** What a descriptor is to become, from what it is and whether it is stored. */
export type SecurityEdit = (
  current: SecurityDescriptor,
  isStored: boolean,
) => Result<SecurityDescriptor>;

/**
 * The descriptor of what is made in a directory, from the one that is stored with the directory. Undefined
 * where there is none; an errno where nothing is to be made.
 */
export type InheritSecurity = (
  parent: SecurityDescriptor | undefined,
) => SecurityDescriptor | undefined | Errno;

/** A named stream of an object: MS-FSA 2.1.1.5. */
export interface VfsStream {
  readonly name: string;
  readonly size: number;
  readonly allocationSize: number;
}

/**
 * What streams are to who asks. 'plain': bytes (MS-FSA 2.1.1.5). 'fruit': AFP_AfpInfo and AFP_Resource are as macOS has
 * them (apple-streams.ts), for all clients of a share. 'apple': as to a client of Apple's, for whom nothing empty is there.
 */
export type VfsStreamRules = 'plain' | 'fruit' | 'apple';

/** The rights that the identity has by mode, ACL and mount; what the kernel would answer. */
export interface VfsPermissions {
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  /** It is the owner, or the superuser: mode and times are its to set whatever the mode says. */
  readonly owns: boolean;
}

export interface VfsVolume {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** Free to this identity (quota, reserved blocks). */
  readonly availableBytes: number;
  /** How many objects there can be, and how many more; undefined where that is not known. */
  readonly totalObjects?: number;
  readonly freeObjects?: number;
  /** Bytes of an allocation unit. */
  readonly blockSize: number;
  /** Longest name in bytes of the file system's encoding. */
  readonly maxNameLength: number;
  /** Stable over restarts; the volume serial number is made from it. */
  readonly volumeId: number;
  readonly readOnly: boolean;
  /** Of this identity's quota: what it may take in all, where that is limited. */
  readonly limitBytes?: number;
  /** The file system keeps quotas of users. */
  readonly hasQuotas?: boolean;
}

export interface VfsDirectoryEntry {
  readonly name: string;
  readonly fileId: bigint;
}

/** Walks one directory. Entries that come or go meanwhile may be seen or not; all others exactly once. */
export interface VfsCursor {
  /** The next entries, without `.` and `..`; an empty array at the end. */
  next(): MaybePromise<Result<readonly VfsDirectoryEntry[]>>;
  /** What lookup of this name would tell; ENOENT when it is gone, and for a name that no path can hold. */
  stat(entry: VfsDirectoryEntry): MaybePromise<Result<VfsStat>>;
  rewind(): void;
  close(): void;
}

export interface VfsHandle extends VfsObjectId {
  readonly kind: VfsKind;

  /**
   * The components that lead from the root to the object now, with the case on disk, by the name that
   * the handle was opened by, however it was renamed since. ENOENT when that name has been removed.
   */
  path(): readonly string[] | Errno;
  /**
   * As `path()`, to be told and for nothing else: where another program than the server moves a directory
   * above, it may be as it was TOLD_PATH_AGE_MS before. Absent: nothing is cheaper than `path()`.
   */
  toldPath?(): readonly string[] | Errno;
  /** The directory that holds the name of `path()`, whatever the identity may see; ENOENT for the root. */
  parent(): VfsObjectId | Errno;
  stat(): MaybePromise<Result<VfsStat>>;
  /**
   * What a lookup with a purpose has found, once; for whoever has waited for nothing since. Absent, or undefined:
   * `stat()` tells.
   */
  takeFound?(): VfsStat | undefined;
  /**
   * What the kernel permits, as a lookup with a purpose has found it, or what is made has it, where no security
   * descriptor is stored; for whoever has waited for nothing since, and tells it. Absent, or undefined:
   * `storedSecurity()` and `permissions()` tell.
   */
  plainPermissions?(): VfsPermissions | undefined;
  set(changes: VfsChanges): MaybePromise<Errno | 0>;
  permissions(): MaybePromise<Result<VfsPermissions>>;
  /** Where a symbolic link leads, as it is written; EINVAL for anything else, and where the back end tells only UTF-8. */
  readLink(): MaybePromise<string | Errno>;
  /** What `keep` was given for a file or directory; ENODATA where there is none. */
  kept(what: VfsKept): MaybePromise<Buffer | Errno>;
  /**
   * Keeps something with a file or directory, undefined takes it away; data and entries stay as they are. EOPNOTSUPP:
   * it is something else, or the back end has no place for it. E2BIG: more than the object can have. A reparse point
   * is kept as the identity, which has to be permitted to write the object, and nothing is made in a directory that
   * has one (ENOPATH). An object id is kept whatever the identity may: whoever calls has asked.
   */
  keep(what: VfsKept, data: Buffer | undefined): MaybePromise<Errno | 0>;
  /**
   * Puts another object in the place of this one's name, at once: of a file, of a link, or of a directory that is
   * empty (ENOTEMPTY). The answer is the handle of the new one; this one's object has lost its name. EOPNOTSUPP:
   * the back end cannot.
   */
  replaceBy(form: VfsForm): MaybePromise<Result<VfsHandle>>;
  /** The extended attributes, none with an empty value. EACCES to whom the object may not be read. */
  eas(): MaybePromise<Result<readonly VfsEa[]>>;
  /**
   * Sets extended attributes, all of them or none; an empty value removes one, if it is there. EINVAL: no
   * legal name. EACCES: the object may not be written, or the name is reserved for the server's own
   * use. E2BIG: the object would have more than it can. EOPNOTSUPP: it is a link or special file, or
   * features.extendedAttributes is false.
   */
  setEas(changes: readonly VfsEa[]): MaybePromise<Errno | 0>;

  /** Of a named stream: the handle of its object, which this one holds. Undefined: this is of an object. */
  readonly base: VfsHandle | undefined;
  /** The name of the stream with the case on disk; ENOENT once it is removed. Undefined as `base`. */
  streamName(): string | undefined | Errno;
  /** The named streams of the object, also to whom it may not be read. By the rules 'fruit' unless told. */
  streams(rules?: VfsStreamRules): MaybePromise<Result<readonly VfsStream[]>>;
  /**
   * A named stream, found without regard to case. The handle that is answered holds this one and closes
   * it with itself; after an errno this one is the caller's as before.
   *
   * A stream's handle is of kind 'file'. Path, identity, times, attributes, permissions, extended
   * attributes, `rename` and `link` are those of its object; size, data, `flush` and `remove` are its own.
   * The right to write the object is the right to make, rename and remove its streams.
   */
  stream(name: string, rules?: VfsStreamRules): MaybePromise<Result<VfsHandle>>;
  /**
   * Makes a stream, empty, and opens it for reading and writing. EEXIST. EOPNOTSUPP: the object is a
   * link or special file, or features.namedStreams is false.
   */
  createStream(name: string, rules?: VfsStreamRules): MaybePromise<Result<VfsHandle>>;
  removeStream(name: string): MaybePromise<Errno | 0>;
  /** Of a stream's handle: its new name. EEXIST where there is another of that name, without `replace`. */
  renameStream(name: string, replace: boolean): MaybePromise<Errno | 0>;

  /** Whether `remove` and `rename` are permitted here: 0, or what the kernel would refuse with. */
  removable(): MaybePromise<Errno | 0>;
  /**
   * `remove` is done from now on whatever the kernel says, since the object's or its directory's security
   * descriptor was asked and permits it. Without a stored descriptor it is a bug to call it.
   */
  permitRemoval(): void;

  /**
   * The security descriptor that is stored with the object; undefined where none is: then permissions()
   * says what the identity may do. Asked as the server, whatever the identity may read.
   */
  storedSecurity(): MaybePromise<SecurityDescriptor | undefined | Errno>;
  /** The same of the directory that holds the name of `path()`; undefined for the root, too. */
  parentSecurity(): MaybePromise<SecurityDescriptor | undefined | Errno>;
  /** What is stored, else what owner, group, mode and ACL amount to. */
  security(): MaybePromise<Result<SecurityDescriptor>>;
  /**
   * Stores what `edit` makes of `security()`, nothing coming between, and does to owner, group, mode and
   * ACL what it amounts to. Whether the identity may is for `edit` to decide: what it refuses with is
   * answered. E2BIG: more than the object can have. EOPNOTSUPP: it is a link or special file, or
   * features.securityDescriptors is false.
   */
  setSecurity(edit: SecurityEdit): MaybePromise<Errno | 0>;
  /** The POSIX ACLs of a file or directory, as the server. Absent, EOPNOTSUPP: there are none. */
  posixAcls?(): MaybePromise<Result<VfsPosixAcls>>;
  /**
   * Sets those that are given, as the identity, which has to own the object. One without entries takes away what is
   * more than the mode. EINVAL: no list that the kernel knows. EACCES: a default one of what is no directory.
   */
  setPosixAcls?(lists: Partial<VfsPosixAcls>): MaybePromise<Errno | 0>;

  /**
   * Opens the object for data: a file for reading or writing, as the identity. May be called again to widen.
   * EISDIR for a directory, EACCES for kind 'symlink' or 'other'.
   */
  open(access: { read: boolean; write: boolean }): MaybePromise<Errno | 0>;

  /**
   * Of a file that is open for data: locks on its ranges that every program of the host sees, EBADF of others. Absent: the
   * back end has none.
   */
  hostLocks?(): Result<VfsHostLocks>;

  /**
   * Reads into `buffer` from `position`; the count, smaller only where the file ends.
   * The buffer is the file system's until the result is there.
   */
  read(buffer: Uint8Array, position: number): MaybePromise<number>;
  /** Writes all of `buffer`; its length or an errno (what was written before an error stays). */
  write(buffer: Uint8Array, position: number): MaybePromise<number>;
  /**
   * Makes what was written durable. An error of this or of any earlier write-back of the same object is
   * answered by this and every later flush, on every handle of the object, until its last handle closes.
   */
  flush(): MaybePromise<Errno | 0>;
  truncate(length: number): MaybePromise<Errno | 0>;
  /** Reserves at least `length` bytes of storage; never changes the size. EOPNOTSUPP is possible. */
  allocate(length: number): MaybePromise<Errno | 0>;
  /** Makes zeros of bytes within the size, of a handle open for writing; without `keepsSpace` they may take none. */
  zero(range: VfsRange, keepsSpace: boolean): MaybePromise<Errno | 0>;
  /**
   * Where in the range there is something, in order, `max` at most, cut to the range and to the size; all else
   * reads as zeros. The handle is open for data.
   */
  dataRanges(range: VfsRange, max: number): MaybePromise<Result<readonly VfsRange[]>>;
  /**
   * Lets this file have the bytes that `source` has at `from` at `position`, without copying them: whole
   * blocks, or up to the end of the source. EOPNOTSUPP where the file system cannot (features.cloning), EXDEV
   * between two; EINVAL: no blocks, or they overlap.
   */
  cloneRange(
    source: VfsHandle,
    from: number,
    position: number,
    length: number,
  ): MaybePromise<Errno | 0>;
  /**
   * Copies `length` bytes, MAX_COPY_CHUNK_BYTES at most, that `source` has at `from` to `position` here.
   * The source, of any back end, is open for reading, this for writing; neither is closed meanwhile. The
   * count: smaller where the source ends, or where an error came behind a part, which the next call
   * tells. Where both are one object and the ranges overlap, what was there before is copied.
   */
  copyRange(
    source: VfsHandle,
    from: number,
    position: number,
    length: number,
  ): MaybePromise<number>;

  /** Walks a directory. ENOTDIR for anything else. */
  cursor(): MaybePromise<Result<VfsCursor>>;
  /** What is in this directory under `name` (matched as in lookup), with the name on disk. */
  child(name: string): MaybePromise<Result<{ name: string; stat: VfsStat }>>;
  /**
   * Of an object of a previous version: the tree that it is of, and what to copy from in its place. What would
   * change it is refused: EROFS, EXDEV for `rename` and `link`.
   */
  readonly snapshot?: { readonly tree: VfsTree; readonly source: VfsHandle };
  /** Whether a directory holds no entry. */
  isEmpty(): MaybePromise<boolean | Errno>;

  /**
   * Gives the object the name `path`. With `replace` an existing file there is replaced atomically;
   * without, EEXIST. A name that is the object's own in another case is always free. EINVAL: into itself. EACCES: replacing a directory.
   */
  rename(path: readonly string[], replace: boolean): MaybePromise<Errno | 0>;
  /** A further name for a file; `replace` as in rename. */
  link(path: readonly string[], replace: boolean): MaybePromise<Errno | 0>;
  /**
   * Removes the name that the handle was opened by, if it still is the object's: ENOENT otherwise.
   * ENOTEMPTY for a directory that holds entries.
   */
  remove(): MaybePromise<Errno | 0>;

  /** It is open for reading, for which its identity was permitted to open it. Absent: nobody knows. */
  readonly isReadable?: boolean;

  /** Ends the handle. An operation that is under way finishes first, with its own object. */
  close(): void;
}

export interface VfsNewObject {
  readonly kind: 'file' | 'directory';
  readonly attributes: number;
  readonly mode?: number;
  /** A lookup in the same tree has just missed it, and nothing has been waited for since. */
  readonly justMissed?: boolean;
  /** Where features.securityDescriptors; what it answers is there with the object. */
  readonly security?: InheritSecurity;
}

/** Previous versions of a share. */
export interface PreviousVersions {
  /** Their times, in the order to be told; those that the identity may list. */
  times(): MaybePromise<Result<readonly FileTime[]>>;
  /**
   * The share as it was then, exactly at one of `times()`; ENOENT. Its objects are others than those of today,
   * whatever the disk says. To be closed; handles do not need it any more.
   */
  at(time: FileTime): MaybePromise<Result<VfsTree>>;
}

/** acl(5); `default` is a directory's, and empty where there is none. */
export interface VfsPosixAcls {
  readonly access: PosixAcl;
  readonly default: PosixAcl;
}

export type VfsPurpose = 'look' | 'open' | 'read' | 'write';

export interface VfsTree {
  /**
   * The object at `path`, not yet open for data. With a purpose it is to be opened if all goes well, so its stat
   * will be asked for; to 'read' a file means for reading, to 'write' it for writing as well, for which it may be open
   * at once where the identity may, to 'look' at it that nobody will ask what else the identity may.
   */
  lookup(path: readonly string[], purpose?: VfsPurpose): MaybePromise<Result<VfsHandle>>;
  /**
   * Makes a new object and opens it: a file for reading and writing, never an existing one (EEXIST,
   * by the same rules as lookup). `attributes` as in VfsChanges.
   */
  create(path: readonly string[], what: VfsNewObject): MaybePromise<Result<VfsHandle>>;
  volume(): MaybePromise<Result<VfsVolume>>;
  /**
   * The same tree for whom names are exact, case and all, as POSIX has them, and whose handles are so: their
   * listings give names with the characters on disk, a rename replaces what rename(2) does. `path()` is in
   * both the same. It needs no `close`. Absent: the back end cannot.
   */
  exactly?(): VfsTree;
  /**
   * The object that a duplicate of what `lend` has lent names, for whom it was open before in this way: nobody is asked
   * again. `path`: what `path()` was then. The descriptor is the tree's, whatever is answered. Absent as `lend`.
   */
  adopt?(
    descriptor: number,
    path: readonly string[],
    access: { read: boolean; write: boolean },
  ): Result<VfsHandle>;
  /** Undefined: the share has none. */
  readonly previous?: PreviousVersions | undefined;
  /** Absent: the back end knows of none. */
  readonly quotas?: VfsQuotas;
  close(): void;
}

/** What a back end can do beyond the core; decides which attributes and file-system flags are told to clients. */
export interface VfsFeatures {
  /** DOS attributes and creation time can be stored. */
  readonly attributes: boolean;
  readonly extendedAttributes: boolean;
  readonly namedStreams: boolean;
  /** Security descriptors can be stored with objects. */
  readonly securityDescriptors: boolean;
  readonly hardLinks: boolean;
  /** Unwritten ranges take no space. */
  readonly sparseFiles: boolean;
  /** Reparse points can be kept with files and directories, and so can object ids. */
  readonly reparsePoints: boolean;
  /** Files may share blocks. */
  readonly cloning: boolean;
  /** Names of the file system, as FileFsAttributeInformation tells them: 'NTFS' to clients. */
  readonly fileSystemName: string;
}

/** One share's storage. */
export interface Vfs {
  readonly features: VfsFeatures;
  /** A view for one user; undefined acts as the process does. */
  attach(identity: Identity | undefined): MaybePromise<Result<VfsTree>>;
  /**
   * Where the share's folder is on the host now, without the slash at the end ('' for the root), as
   * `path()` goes on from there; undefined where nobody can tell. Absent: it is nowhere on the host.
   */
  location?(): string | undefined;
  /**
   * Runs `use` with a descriptor that names the handle's object, whatever becomes of its name, and opens nothing; it
   * is closed then. Absent: the back end has none that could be kept elsewhere.
   */
  lend?<T>(handle: VfsHandle, use: (descriptor: number) => T): T | Errno;
  close(): void;
}
