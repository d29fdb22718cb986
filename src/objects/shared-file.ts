/**
 * One file or named stream that somebody has open, MS-FSA 2.1.1.5: what its opens share. Keyed by the
 * file's identity (volume, file id), so opens by different names and shares meet here. A named stream
 * is a SharedFile of its own beneath that of its file, its `base`, which is there as long as it is. A file
 * without open streams pays nothing for that.
 *
 * Deletion: an open made with FILE_DELETE_ON_CLOSE turns into a mark on its link when it closes; SET_INFO
 * FileDispositionInformation sets it at once. While a link is marked nobody new may open the file by it.
 * The last close of an open by that link removes the name, through the handle of the open that asked for
 * it, its deleter.
 *
 *     open ──────── close (last) ──────────────▶ gone from the table
 *      │ disposition / delete-on-close closes
 *      ▼
 *     deletePending ── disposition(false) ──▶ open
 *      │ last close by this link; of the deleter, where it deletes as POSIX does
 *      ▼
 *     name removed, gone from the table with the last open
 *
 * A file that is marked waits for the opens of its streams as well; a stream goes alone (2.1.5.5), by
 * whatever link it was opened.
 */
import { equalIgnoreCase, foldKey } from '../fscc/upcase.ts';
import { FILE_NOTIFY_CHANGE_SIZE } from '../smb2/change-notify.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsHandle } from '../vfs/vfs.ts';
import { ByteRangeLocks, type LockTally } from './byte-range-locks.ts';
import { STREAM_WRITTEN } from './change-notifier.ts';
import { Few } from './few.ts';
import type { Open } from './open.ts';
import type { FileGrant } from './oplocks.ts';
import type { LockOwner, PosixProcess } from './process-locks.ts';
import type { Share } from './share.ts';
import { conflicts, type ShareMode, sharesDeletion } from './share-modes.ts';

const NO_GRANTS: readonly FileGrant[] = [];
const NO_DELETERS: readonly Open[] = [];

export class SharedFile {
  /** Of a file: its identity; of a stream: its folded name. */
  key: string;
  /** The file that this named stream belongs to. */
  readonly base: SharedFile | undefined;
  /** Named streams of this file that are open, by key; undefined while none is. */
  streams: Map<string, SharedFile> | undefined;
  readonly opens = new Few<Open>();
  readonly locks: ByteRangeLocks<LockOwner>;
  /** Of clients that lock as POSIX has it; undefined while there was none. */
  processes: readonly PosixProcess[] | undefined;
  /** Oplocks and leases, see oplocks.ts. */
  grants: readonly FileGrant[] = NO_GRANTS;
  readonly #doomed: Set<SharedFile>;
  /**
   * For each link that is marked the open whose handle removes the name; the handle is kept after the
   * open has closed. Of a stream there is one at most.
   */
  deleters: readonly Open[] = NO_DELETERS;
  /** PendingNotifications of File or Stream: FILE_NOTIFY_CHANGE_… that are told when an open closes. */
  untold = 0;
  /** Names of it are being removed. */
  removal: Promise<void> | undefined;
  /** Changes of its data under way: their breaks have been made, nobody may start to cache until they are done. */
  changing = 0;

  #change: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(
    key: string,
    base: SharedFile | undefined,
    tally: LockTally,
    doomed: Set<SharedFile>,
  ) {
    this.key = key;
    this.base = base;
    this.locks = new ByteRangeLocks(tally);
    this.#doomed = doomed;
  }

  /** Leaves changes made through an open of this to be told: a stream's data is its own, the rest its file's. */
  note(changes: number): void {
    if (this.base === undefined) this.untold |= changes;
    else if ((changes & FILE_NOTIFY_CHANGE_SIZE) !== 0) this.untold |= STREAM_WRITTEN;
    else this.base.untold |= changes;
  }

  /** A link is marked, or the stream is. */
  get deletePending(): boolean {
    return this.deleters.length > 0;
  }

  /** Nobody new may open it by this handle's link: it goes, or the file that it is a stream of does. */
  isDoomed(handle: VfsHandle): boolean {
    if (this.base !== undefined) return this.deletePending || this.base.isDoomed(handle);
    return this.deleterOf(handle) !== undefined;
  }

  /** Who has marked the link that the handle was opened by; of a stream, the stream. */
  deleterOf(handle: VfsHandle): Open | undefined {
    const { base, deleters } = this;
    if (deleters.length === 0 || base !== undefined) return deleters[0];
    return deleters.find((deleter) => isSameLink(deleter.handle!, handle));
  }

  /** Nobody has the file open by this handle's link any more, which is being removed: settles when it is gone, or stays. */
  removalOf(handle: VfsHandle): Promise<void> | undefined {
    if (this.deleterOf(handle)?.isDeleting === true) return this.removal;
    return this.base?.removalOf(handle);
  }

  /** The deleters whose names nobody keeps any more. */
  dueDeletions(): readonly Open[] {
    if (this.deleters.length === 0) return this.deleters;
    const { isOpen } = this;
    return this.deleters.filter((deleter) => {
      if (!deleter.closed || deleter.isDeleting) return false;
      const atOnce = deleter.deletesAtOnce && this.base === undefined;
      return !isOpen || atOnce || !this.#isKept(deleter.handle!);
    });
  }

  /** Somebody has the file, or a stream of it, open by this link. */
  #isKept(handle: VfsHandle): boolean {
    if (this.base !== undefined) return this.opens.size > 0;
    for (const open of this.opens) if (isSameLink(open.handle!, handle)) return true;
    for (const { opens, deletePending } of this.streams?.values() ?? []) {
      if (deletePending) return true;
      for (const open of opens) if (isSameLink(open.handle!, handle)) return true;
    }
    return false;
  }

  /** Somebody has it, or one of its streams, open; or a stream of it is being removed. */
  get isOpen(): boolean {
    if (this.opens.size > 0) return true;
    for (const { opens, deletePending } of this.streams?.values() ?? []) {
      if (opens.size > 0 || deletePending) return true;
    }
    return false;
  }

  /** The mark of this deleter is taken back, or its name is gone. */
  unmark(deleter: Open): void {
    this.deleters = this.deleters.filter((other) => other !== deleter);
    if (this.deleters.length === 0) this.#doomed.delete(this);
  }

  /** As long as it has to be, and no longer: an array that grows leaves itself room for 17. */
  grant(grant: FileGrant): void {
    this.grants = this.grants.concat(grant);
  }

  keepGrants(keeps: (grant: FileGrant) => boolean): void {
    if (this.grants.every(keeps)) return;
    const kept = this.grants.filter(keeps);
    this.grants = kept.length === 0 ? NO_GRANTS : kept.slice();
  }

  /** Settles at the next change of grants or opens. */
  nextChange(): Promise<void> {
    if (this.#change === undefined) {
      let resolve = (): void => {};
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#change = { promise, resolve };
    }
    return this.#change.promise;
  }

  changed(): void {
    const change = this.#change;
    this.#change = undefined;
    change?.resolve();
  }

  /** MS-FSA 2.1.5.1.2.2, and the end of 2.1.5.1.2.1 for the file's other streams. */
  sharingViolation(wanted: ShareMode, except?: Open): boolean {
    for (const open of this.opens) if (open !== except && conflicts(wanted, open)) return true;
    // "deletion of a file's primary stream implies deletion of the entire file"
    for (const open of this.base?.opens ?? []) if (!sharesDeletion(wanted, open)) return true;
    if (this.streams === undefined) return false;
    for (const stream of this.streams.values()) {
      for (const open of stream.opens) if (!sharesDeletion(open, wanted)) return true;
    }
    return false;
  }

  /** The name goes with the last close, through the handle of the first open to ask. */
  markDeletePending(deleter: Open): void {
    const first = this.deleterOf(deleter.handle!);
    if (first !== undefined) {
      // Whoever deletes as POSIX does need not wait for the one who was first.
      if (first === deleter || !deleter.deletesAtOnce || first.deletesAtOnce) return;
    }
    this.deleters = [...this.deleters, deleter];
    this.#doomed.add(this);
    for (const open of this.opens) open.watch?.end('deletePending');
  }
}

/** MS-FSA 2.1.1.4: whether both were opened by the same name of their file; so is what has lost its name. */
function isSameLink(one: VfsHandle, other: VfsHandle): boolean {
  if (one === other) return true;
  const [name, otherName] = [one.path(), other.path()];
  if (isErrno(name) || isErrno(otherName)) return isErrno(name) === isErrno(otherName);
  if (name.at(-1) !== otherName.at(-1)) return false;
  const [parent, otherParent] = [one.parent(), other.parent()];
  if (isErrno(parent) || isErrno(otherParent)) return isErrno(parent) === isErrno(otherParent);
  return parent.fileId === otherParent.fileId && parent.volumeId === otherParent.volumeId;
}

/** A name that a CREATE or a rename is about to make. */
export interface Arrival {
  readonly share: Share;
  readonly path: readonly string[];
}
const keyBytes = Buffer.alloc(16);

/** Every file that is open: of all workers, where there are some. */
export class SharedFiles {
  readonly #files = new Map<string, SharedFile>();
  /** Those that are marked for deletion. */
  readonly doomed = new Set<SharedFile>();
  /** Names that are being made: their directories are not empty. */
  readonly arrivals = new Set<Arrival>();
  /** Keys of files that nobody has open and that are being replaced: nobody opens them any more. */
  readonly replaced = new Set<string>();
  /** Byte-range locks, held and waited for, of all of them. */
  readonly lockTally: LockTally = { locks: 0 };

  /** In one piece, which two texts put together would not be; not to be read. */
  static key(volumeId: number, fileId: bigint): string {
    keyBytes.writeDoubleLE(volumeId, 0);
    keyBytes.writeBigUInt64LE(fileId, 8);
    return keyBytes.toString('latin1');
  }

  find(key: string): SharedFile | undefined {
    return this.#files.get(key);
  }

  /** What the handle is of: a file, or a stream. */
  findOf(handle: VfsHandle): SharedFile | undefined {
    const file = this.find(SharedFiles.key(handle.volumeId, handle.fileId));
    const name = handle.streamName();
    if (name === undefined) return file;
    return isErrno(name) ? undefined : file?.streams?.get(foldKey(name));
  }

  /** The same, made if nobody has it open; the caller adds its open at once. */
  getOf(handle: VfsHandle): SharedFile {
    const key = SharedFiles.key(handle.volumeId, handle.fileId);
    let file = this.#files.get(key);
    if (file === undefined) {
      file = new SharedFile(key, undefined, this.lockTally, this.doomed);
      this.#files.set(key, file);
    }
    const name = handle.streamName();
    return typeof name === 'string' ? this.#streamOf(file, foldKey(name)) : file;
  }

  #streamOf(base: SharedFile, key: string): SharedFile {
    base.streams ??= new Map();
    let stream = base.streams.get(key);
    if (stream === undefined) {
      stream = new SharedFile(key, base, this.lockTally, this.doomed);
      base.streams.set(key, stream);
    }
    return stream;
  }

  /** MS-FSA 2.1.5.15.12.1: the stream has another name now. */
  renamed(stream: SharedFile, name: string): void {
    const streams = stream.base!.streams!;
    streams.delete(stream.key);
    stream.key = foldKey(name);
    streams.set(stream.key, stream);
  }

  /** Another object has taken the file's place, of which its one open is now. */
  moved(file: SharedFile, handle: VfsHandle): void {
    if (this.#files.get(file.key) !== file) return;
    this.#files.delete(file.key);
    file.key = SharedFiles.key(handle.volumeId, handle.fileId);
    this.#files.set(file.key, file);
  }

  /** Forgets a file that nobody has open any more. */
  release(file: SharedFile): void {
    if (file.opens.size > 0 || file.streams !== undefined || file.changing > 0) return;
    // Forgotten when its name is gone.
    if (file.deletePending) return;
    const { base } = file;
    if (base === undefined) {
      this.#files.delete(file.key);
      return;
    }
    base.streams?.delete(file.key);
    if (base.streams?.size === 0) base.streams = undefined;
    this.release(base);
  }

  /** Whether something is being made in this directory. */
  isArrivedIn(share: Share, directory: readonly string[]): boolean {
    for (const { share: other, path } of this.arrivals) {
      if (other !== share || path.length <= directory.length) continue;
      if (directory.every((component, i) => equalIgnoreCase(component, path[i]!))) return true;
    }
    return false;
  }

  get size(): number {
    return this.#files.size;
  }

  values(): IterableIterator<SharedFile> {
    return this.#files.values();
  }
}
