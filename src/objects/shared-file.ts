/**
 * One file that somebody has open, MS-FSA 2.1.1.5: what its opens share. Keyed by the file's identity
 * (volume, file id), so opens by different names and shares meet here.
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
 */
import { ByteRangeLocks, type LockTally } from './byte-range-locks.ts';
import type { Open } from './open.ts';
import type { FileGrant } from './oplocks.ts';
import type { Share } from './share.ts';
import { conflicts, type ShareMode } from './share-modes.ts';

export class SharedFile {
  readonly key: string;
  readonly opens = new Set<Open>();
  readonly locks: ByteRangeLocks<Open>;
  /** Oplocks and leases, see oplocks.ts. */
  grants: FileGrant[] = [];
  readonly #doomed: Set<SharedFile>;
  #deletePending = false;
  /** The open whose handle removes the name; the handle is kept after the open has closed. */
  deleter: Open | undefined;
  /** File.PendingNotifications: FILE_NOTIFY_CHANGE_… that are told when an open closes. */
  untold = 0;
  /** Changes of its data under way: their breaks have been made, nobody may start to cache until they are done. */
  changing = 0;

  #change: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(key: string, tally: LockTally, doomed: Set<SharedFile>) {
    this.key = key;
    this.locks = new ByteRangeLocks(tally);
    this.#doomed = doomed;
  }

  get deletePending(): boolean {
    return this.#deletePending;
  }

  set deletePending(pending: boolean) {
    this.#deletePending = pending;
    if (pending) this.#doomed.add(this);
    else this.#doomed.delete(this);
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

  /** MS-FSA 2.1.5.1.2.2. */
  sharingViolation(wanted: ShareMode, except?: Open): boolean {
    for (const open of this.opens) if (open !== except && conflicts(wanted, open)) return true;
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

  static key(volumeId: number, fileId: bigint): string {
    return `${volumeId}:${fileId}`;
  }

  find(key: string): SharedFile | undefined {
    return this.#files.get(key);
  }

  /** The file, made if nobody has it open; the caller adds its open at once. */
  get(key: string): SharedFile {
    let file = this.#files.get(key);
    if (file === undefined) {
      file = new SharedFile(key, this.lockTally, this.doomed);
      this.#files.set(key, file);
    }
    return file;
  }

  /** Forgets a file that nobody has open any more. */
  release(file: SharedFile): void {
    if (file.opens.size > 0 || file.changing > 0) return;
    this.#files.delete(file.key);
    this.doomed.delete(file);
  }

  get size(): number {
    return this.#files.size;
  }

  values(): IterableIterator<SharedFile> {
    return this.#files.values();
  }
}
