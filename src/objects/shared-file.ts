/**
 * One file or named stream that somebody has open, MS-FSA 2.1.1.5: what its opens share. Keyed by the
 * file's identity (volume, file id), so opens by different names and shares meet here. A named stream
 * is a SharedFile of its own beneath that of its file, its `base`, which is there as long as it is. A file
 * without open streams pays nothing for that.
 *
 * Deletion: an open made with FILE_DELETE_ON_CLOSE turns into `deletePending` when it closes; SET_INFO
 * FileDispositionInformation sets it at once. While it is set nobody new may open the file. The last
 * close removes the name, through the handle of the open that asked for it (`deleter`).
 *
 *     open ──────── close (last) ──────────────▶ gone from the table
 *      │ disposition / delete-on-close closes
 *      ▼
 *     deletePending ── disposition(false) ──▶ open
 *      │ last close
 *      ▼
 *     name removed, gone from the table
 *
 * A file that is marked waits for the opens of its streams as well; a stream goes alone (2.1.5.5).
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
import type { LockOwner } from './process-locks.ts';
import type { Share } from './share.ts';
import { conflicts, type ShareMode, sharesDeletion } from './share-modes.ts';

const NO_GRANTS: readonly FileGrant[] = [];

export class SharedFile {
  /** Of a file: its identity; of a stream: its folded name. */
  key: string;
  /** The file that this named stream belongs to. */
  readonly base: SharedFile | undefined;
  /** Named streams of this file that are open, by key; undefined while none is. */
  streams: Map<string, SharedFile> | undefined;
  readonly opens = new Few<Open>();
  readonly locks: ByteRangeLocks<LockOwner>;
  /** Oplocks and leases, see oplocks.ts. */
  grants: readonly FileGrant[] = NO_GRANTS;
  readonly #doomed: Set<SharedFile>;
  #deletePending = false;
  /** The open whose handle removes the name; the handle is kept after the open has closed. */
  deleter: Open | undefined;
  /** PendingNotifications of File or Stream: FILE_NOTIFY_CHANGE_… that are told when an open closes. */
  untold = 0;
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

  get deletePending(): boolean {
    return this.#deletePending;
  }

  /** Nobody new may open it: it goes, or the file that it is a stream of does. */
  get isDoomed(): boolean {
    return this.#deletePending || this.base?.deletePending === true;
  }

  /** Somebody has it, or one of its streams, open; or a stream of it is being removed. */
  get isOpen(): boolean {
    if (this.opens.size > 0) return true;
    for (const { opens, deletePending } of this.streams?.values() ?? []) {
      if (opens.size > 0 || deletePending) return true;
    }
    return false;
  }

  set deletePending(pending: boolean) {
    this.#deletePending = pending;
    if (pending) this.#doomed.add(this);
    else this.#doomed.delete(this);
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
    if (this.deletePending) return;
    this.deletePending = true;
    this.deleter = deleter;
    for (const open of this.opens) open.watch?.end('deletePending');
  }
}

/** A name that a CREATE or a rename is about to make. */
export interface Arrival {
  readonly share: Share;
  readonly path: readonly string[];
}
const keyBytes = Buffer.alloc(16);

/** Every file that is open. Several workers will ask one owner; here it is this process. */
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

  /** Forgets a file that nobody has open any more. */
  release(file: SharedFile): void {
    if (file.opens.size > 0 || file.streams !== undefined || file.changing > 0) return;
    this.doomed.delete(file);
    const { base } = file;
    if (base === undefined) {
      this.#files.delete(file.key);
      return;
    }
    base.streams?.delete(file.key);
    if (base.streams?.size === 0) base.streams = undefined;
    // One that is marked is forgotten when its name is gone.
    if (!base.deletePending) this.release(base);
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
