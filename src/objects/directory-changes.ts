/**
 * MS-FSA 2.1.4.1 and 2.1.4.12 (PARENT_OBJECT): whatever changes in a directory comes through here and goes to both
 * who want to know: the watches (change-notifier.ts) and the leases on the directory (oplocks.ts). A
 * change has an author: whose parent lease key names the lease has made the change itself and keeps it.
 *
 * Where a name is has to be asked before it goes. While nobody watches and nobody caches a directory
 * nothing is asked of the file system.
 */
import { isErrno } from '../vfs/errno.ts';
import type { HostChange } from '../vfs/host-changes.ts';
import type { VfsHandle, VfsKind } from '../vfs/vfs.ts';
import type { ChangeNotifier } from './change-notifier.ts';
import { HostLeases } from './host-leases.ts';
import { ANY_DIRECTORY, type Oplocks } from './oplocks.ts';
import type { Share } from './share.ts';
import { SharedFiles } from './shared-file.ts';

/** Who changes something; undefined where it is nobody who could have a lease. */
export type Author = { readonly parentLeaseKey: Buffer | undefined } | undefined;

/** Where a name is, as far as anybody wants to know. */
export interface Whereabouts {
  /** For watches, see ChangeNotifier. */
  readonly place: string | undefined;
  /** For leases: the key of the directory's SharedFile; ANY_DIRECTORY where that was not asked. */
  readonly directory: string | undefined;
}

interface Removal extends Whereabouts {
  readonly handle: VfsHandle;
  directory: string | undefined;
}

/** Nobody wanted to know; who caches a directory by the time that the change is made has to look again. */
const NOT_ASKED: Whereabouts = { place: undefined, directory: ANY_DIRECTORY };

export class DirectoryChanges {
  readonly #notifier: ChangeNotifier;
  readonly #oplocks: Oplocks;
  readonly #host: HostLeases;
  /** Under way since before anybody wanted to know. */
  readonly #removals = new Set<Removal>();

  constructor(notifier: ChangeNotifier, oplocks: Oplocks) {
    this.#notifier = notifier;
    this.#oplocks = oplocks;
    this.#host = new HostLeases(notifier, (key) => this.#uncache(key, undefined));
    oplocks.onCached = (file, open) => {
      this.#askOfRemovals();
      this.#host.begin(file, open);
    };
    oplocks.onUncached = (file) => this.#host.end(file);
  }

  /** Nobody wants to know of any change. */
  get isIdle(): boolean {
    return this.#notifier.isIdle && !this.#oplocks.cachesDirectories;
  }

  where(share: Share, handle: VfsHandle): Whereabouts {
    if (this.isIdle) return NOT_ASKED;
    const place = this.#isPlaceless(handle) ? undefined : this.#notifier.placeOf(share, handle);
    return { place, directory: this.#directoryOf(handle) };
  }

  /**
   * The same of a name that is about to be removed, which may take its time: who caches another directory meanwhile is
   * not to lose that. Ends with `removalEnded`.
   */
  whereRemoved(share: Share, handle: VfsHandle): Whereabouts {
    if (!this.isIdle) return this.where(share, handle);
    const removal: Removal = { handle, place: undefined, directory: ANY_DIRECTORY };
    this.#removals.add(removal);
    return removal;
  }

  /** It is told, or has failed. */
  removalEnded(where: Whereabouts): void {
    if (this.#removals.size > 0) this.#removals.delete(where as Removal);
  }

  /** Of an object that was just given the name `path`; see ChangeNotifier. */
  whereGiven(share: Share, handle: VfsHandle, path: readonly string[]): Whereabouts {
    if (this.isIdle) return NOT_ASKED;
    const place = this.#isPlaceless(handle)
      ? undefined
      : this.#notifier.placeGiven(share, handle, path);
    return { place, directory: this.#directoryOf(handle) };
  }

  /** `path`: the name that it was made by. */
  added(share: Share, handle: VfsHandle, path: readonly string[], author: Author): void {
    this.#notifier.added(share, handle, path);
    this.#uncache(this.#directoryOf(handle), author);
  }

  /** A named stream: no directory tells of it. */
  streamAdded(share: Share, handle: VfsHandle): void {
    this.#notifier.streamAdded(share, handle);
  }

  /** `where`: before it was removed. */
  removed(where: Whereabouts, handle: VfsHandle, author: Author): void {
    this.#notifier.removed(where.place, handle);
    if (handle.base === undefined) this.#uncache(where.directory, author);
  }

  overwritten(share: Share, handle: VfsHandle, author: Author): void {
    this.#notifier.overwritten(share, handle);
    this.#uncache(this.#directoryOf(handle), author);
  }

  /** `replaced`: where another file was that stood at the new name. */
  renamed(
    from: Whereabouts,
    to: Whereabouts,
    kind: VfsKind,
    replaced: Whereabouts | undefined,
    author: Author,
  ): void {
    if (from.place !== undefined && to.place !== undefined) {
      this.#notifier.renamed(from.place, to.place, kind, replaced?.place);
      if (kind === 'directory') this.#host.renamed(from.place, to.place);
    }
    this.#uncache(from.directory, author);
    if (to.directory !== from.directory) this.#uncache(to.directory, author);
  }

  linked(where: Whereabouts, replaced: Whereabouts | undefined, author: Author): void {
    if (where.place !== undefined) this.#notifier.linked(where.place, replaced?.place);
    this.#uncache(where.directory, author);
  }

  /** What a directory tells of the file has changed: its times, its attributes, its size. Watches hear at the close. */
  described(handle: VfsHandle, author: Author): void {
    this.#uncache(this.#directoryOf(handle), author);
  }

  /** The file closes with changes that have not been told; FILE_NOTIFY_CHANGE_… bits. */
  modified(share: Share, handle: VfsHandle, filter: number): void {
    this.#notifier.modified(share, handle, filter);
  }

  /** What other programs did on the host, in order. */
  onHost(changes: readonly HostChange[]): void {
    this.#notifier.changedOnHost(changes);
    for (const directory of this.#host.changed(changes)) this.#uncache(directory, undefined);
  }

  /** Somebody begins to cache a directory; what has lost its name by now he has not seen. */
  #askOfRemovals(): void {
    for (const removal of this.#removals) {
      if (removal.directory !== ANY_DIRECTORY) continue;
      const id = removal.handle.parent();
      removal.directory = isErrno(id) ? undefined : SharedFiles.key(id.volumeId, id.fileId);
    }
  }

  /** Nobody wants to know the name, only in which directory it is. */
  #isPlaceless(handle: VfsHandle): boolean {
    return this.#notifier.isIdle && handle.kind !== 'directory';
  }

  #directoryOf(handle: VfsHandle): string | undefined {
    if (!this.#oplocks.cachesDirectories) return ANY_DIRECTORY;
    const id = handle.parent();
    return isErrno(id) ? undefined : SharedFiles.key(id.volumeId, id.fileId);
  }

  #uncache(directory: string | undefined, author: Author): void {
    if (directory === undefined || !this.#oplocks.cachesDirectories) return;
    this.#oplocks.uncacheDirectory(directory, author?.parentLeaseKey);
  }
}
