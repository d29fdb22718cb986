/**
 * MS-FSA 2.1.4.1: takes every change that the server makes to the watches that it concerns.
 *
 * A place is the path of a file on the host: that of its share's folder, as the kernel tells it, and
 * the names below, with `:name` for a stream. So shares over one folder, and one share inside another, hear of each other's
 * changes. Storage that is nowhere on the host has a root of its own. A watch is found by the place of
 * its directory: one look for each directory above the file, and none at all while nobody watches. A
 * directory that is renamed takes its watches along.
 *
 * Changes to a file's data, times and attributes are collected in its SharedFile and told when one of
 * its opens closes, as NTFS does (2.1.5.5, PendingNotifications); names are told at once.
 */
import {
  FILE_ACTION_ADDED,
  FILE_ACTION_ADDED_STREAM,
  FILE_ACTION_MODIFIED,
  FILE_ACTION_MODIFIED_STREAM,
  FILE_ACTION_REMOVED,
  FILE_ACTION_REMOVED_STREAM,
  FILE_ACTION_RENAMED_NEW_NAME,
  FILE_ACTION_RENAMED_OLD_NAME,
} from '../fscc/notify-information.ts';
import {
  FILE_NOTIFY_CHANGE_ATTRIBUTES,
  FILE_NOTIFY_CHANGE_CREATION,
  FILE_NOTIFY_CHANGE_DIR_NAME,
  FILE_NOTIFY_CHANGE_EA,
  FILE_NOTIFY_CHANGE_FILE_NAME,
  FILE_NOTIFY_CHANGE_LAST_ACCESS,
  FILE_NOTIFY_CHANGE_LAST_WRITE,
  FILE_NOTIFY_CHANGE_SECURITY,
  FILE_NOTIFY_CHANGE_SIZE,
  FILE_NOTIFY_CHANGE_STREAM_NAME,
  FILE_NOTIFY_CHANGE_STREAM_SIZE,
  FILE_NOTIFY_CHANGE_STREAM_WRITE,
} from '../smb2/change-notify.ts';
import { isErrno } from '../vfs/errno.ts';
import type { HostChange, HostWatch, HostWatcher } from '../vfs/host-changes.ts';
import type { Vfs, VfsHandle, VfsKind } from '../vfs/vfs.ts';
import { ChangeWatch, type Watched } from './change-watch.ts';
import type { Open } from './open.ts';
import type { Share } from './share.ts';

export interface Change {
  /** Of the file that is changed. */
  readonly place: string;
  /** FILE_ACTION_… */
  readonly action: number;
  /** FILE_NOTIFY_CHANGE_…: any of them. */
  readonly filter: number;
}

/** Another file has come to stand at the same name: all that can be told of it may be new. */
const ANOTHER_FILE =
  FILE_NOTIFY_CHANGE_ATTRIBUTES |
  FILE_NOTIFY_CHANGE_SIZE |
  FILE_NOTIFY_CHANGE_LAST_WRITE |
  FILE_NOTIFY_CHANGE_LAST_ACCESS |
  FILE_NOTIFY_CHANGE_CREATION |
  FILE_NOTIFY_CHANGE_SECURITY |
  FILE_NOTIFY_CHANGE_EA;

const OVERWRITTEN =
  FILE_NOTIFY_CHANGE_ATTRIBUTES |
  FILE_NOTIFY_CHANGE_SIZE |
  FILE_NOTIFY_CHANGE_LAST_WRITE |
  FILE_NOTIFY_CHANGE_EA;

/** Attributes, times, owner and mode. */
const METADATA =
  FILE_NOTIFY_CHANGE_ATTRIBUTES |
  FILE_NOTIFY_CHANGE_LAST_WRITE |
  FILE_NOTIFY_CHANGE_LAST_ACCESS |
  FILE_NOTIFY_CHANGE_CREATION |
  FILE_NOTIFY_CHANGE_SECURITY |
  FILE_NOTIFY_CHANGE_EA;

const DATA = FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE;

function hostChange(change: Exclude<HostChange, { kind: 'lost' | 'renamed' }>): Change {
  const { kind, place } = change;
  if (kind === 'modified') {
    const filter = change.what === 'data' ? DATA : METADATA;
    return { place, action: FILE_ACTION_MODIFIED, filter };
  }
  const filter = nameFilter(change.isDirectory ? 'directory' : 'file');
  return { place, action: kind === 'added' ? FILE_ACTION_ADDED : FILE_ACTION_REMOVED, filter };
}

/** 2.1.5.1.2, for a named stream; also what a WRITE to one leaves to be told. */
export const STREAM_WRITTEN = FILE_NOTIFY_CHANGE_STREAM_SIZE | FILE_NOTIFY_CHANGE_STREAM_WRITE;

const parentOf = (place: string): string => place.slice(0, Math.max(0, place.lastIndexOf('/')));

export const nameFilter = (kind: VfsKind): number =>
  kind === 'directory' ? FILE_NOTIFY_CHANGE_DIR_NAME : FILE_NOTIFY_CHANGE_FILE_NAME;

const namesFilter = ({ base, kind }: VfsHandle): number =>
  base === undefined ? nameFilter(kind) : FILE_NOTIFY_CHANGE_STREAM_NAME;

export class ChangeNotifier {
  /** By the place of the directory that is watched. */
  readonly #watches = new Map<string, Set<ChangeWatch>>();
  readonly #rootless = new WeakMap<Vfs, string>();
  #nextRootless = 1;
  /** Tells `changedOnHost` what other programs do; absent where nobody can know. */
  host: HostWatcher | undefined;

  /** Nobody watches: there is nothing to tell. */
  get isIdle(): boolean {
    return this.#watches.size === 0;
  }

  /** Where the object is now. Undefined where it has no name any more, and while nobody watches. */
  place(share: Share, handle: VfsHandle): string | undefined {
    return this.isIdle ? undefined : this.placeOf(share, handle);
  }

  /** As `place`, whoever watches. */
  placeOf(share: Share, handle: VfsHandle): string | undefined {
    const path = handle.path();
    if (isErrno(path)) return undefined;
    const place = this.#placeBelow(share, path);
    const stream = handle.base === undefined ? undefined : handle.streamName();
    if (place === undefined || isErrno(stream)) return undefined;
    return stream === undefined ? place : `${place}:${stream}`;
  }

  /** The watch of this directory open, made if this is its first; undefined where it has no name. */
  watch(open: Open, watched: Watched): ChangeWatch | undefined {
    const place = this.placeOf(open.home, open.handle!);
    if (place === undefined) return undefined;
    if (open.watch === undefined) {
      open.watch = new ChangeWatch(place, watched, open.home.visibility);
      open.watch.onHost = this.watchHost(open.home, open.handle!, watched.tree);
      open.session!.watches += 1;
      this.#enter(open.watch);
    } else if (open.watch.place !== place) this.#move(open.watch, place);
    return open.watch;
  }

  /** Has what other programs change in a directory told, as far as that can be known. */
  watchHost(share: Share, directory: VfsHandle, tree: boolean): HostWatch | undefined {
    if (share.hostChanges === false) return undefined;
    return this.host?.watch(share.vfs!, directory, tree);
  }

  /** The same of what is in a directory that somebody caches; undefined where `watchHost` alone can tell. */
  watchEntries(share: Share, directory: VfsHandle, changed: () => void): HostWatch | undefined {
    if (share.hostChanges === false) return undefined;
    return this.host?.watchEntries(share.vfs!, directory, changed);
  }

  /** The open closes: STATUS_NOTIFY_CLEANUP to those that wait. */
  unwatch(open: Open): void {
    if (open.watch === undefined) return;
    this.#leave(open.watch);
    open.session!.watches -= 1;
    open.watch.onHost?.close();
    open.watch.end('cleanup');
    open.watch = undefined;
  }

  /**
   * As `place`, of an object that was just given the name `path`: what another program on the host has
   * taken away again had it all the same.
   */
  placeGiven(share: Share, handle: VfsHandle, path: readonly string[]): string | undefined {
    return this.placeOf(share, handle) ?? this.#placeBelow(share, path);
  }

  /** `path`: the name that it was made by. */
  added(share: Share, handle: VfsHandle, path: readonly string[]): void {
    const place = this.isIdle ? undefined : this.placeGiven(share, handle, path);
    if (place === undefined) return;
    this.report([{ place, action: FILE_ACTION_ADDED, filter: nameFilter(handle.kind) }]);
  }

  streamAdded(share: Share, handle: VfsHandle): void {
    const place = this.place(share, handle);
    if (place === undefined) return;
    this.report([{ place, action: FILE_ACTION_ADDED_STREAM, filter: namesFilter(handle) }]);
  }

  /** `place`: where it was. */
  removed(place: string | undefined, handle: VfsHandle): void {
    if (place === undefined) return;
    const action = handle.base === undefined ? FILE_ACTION_REMOVED : FILE_ACTION_REMOVED_STREAM;
    this.report([{ place, action, filter: namesFilter(handle) }]);
  }

  modified(share: Share, handle: VfsHandle, filter: number): void {
    const place = this.place(share, handle);
    if (place === undefined) return;
    const action = handle.base === undefined ? FILE_ACTION_MODIFIED : FILE_ACTION_MODIFIED_STREAM;
    this.report([{ place, action, filter }]);
  }

  /** 2.1.5.1.2: an open with FILE_OVERWRITE or FILE_SUPERSEDE. */
  overwritten(share: Share, handle: VfsHandle): void {
    this.modified(share, handle, handle.base === undefined ? OVERWRITTEN : STREAM_WRITTEN);
  }

  /** 2.1.5.15.12; `replaced`: the place of another file that stood at the new name. */
  renamed(from: string, to: string, kind: VfsKind, replaced?: string): void {
    if (from === to) return;
    const filter = nameFilter(kind);
    const changes: Change[] = [];
    const isMove = parentOf(from) !== parentOf(to);
    const isOver = replaced === to;
    if (replaced !== undefined && !isOver) {
      changes.push({ place: replaced, action: FILE_ACTION_REMOVED, filter });
    }
    const goes = isMove || isOver ? FILE_ACTION_REMOVED : FILE_ACTION_RENAMED_OLD_NAME;
    const comes = isMove ? FILE_ACTION_ADDED : FILE_ACTION_RENAMED_NEW_NAME;
    changes.push({ place: from, action: goes, filter });
    changes.push(
      isOver
        ? { place: to, action: FILE_ACTION_MODIFIED, filter: ANOTHER_FILE }
        : { place: to, action: comes, filter },
    );
    this.report(changes);
    if (kind === 'directory') this.#follow(from, to);
  }

  /** 2.1.5.15.7; `replaced` as for renamed. */
  linked(place: string, replaced?: string): void {
    const filter = FILE_NOTIFY_CHANGE_FILE_NAME;
    if (replaced === place) {
      this.report([{ place, action: FILE_ACTION_MODIFIED, filter: ANOTHER_FILE }]);
      return;
    }
    const added = { place, action: FILE_ACTION_ADDED, filter };
    if (replaced === undefined) this.report([added]);
    else this.report([{ place: replaced, action: FILE_ACTION_REMOVED, filter }, added]);
  }

  /** What other programs did on the host, in order. */
  changedOnHost(changes: readonly HostChange[]): void {
    let told: Change[] = [];
    for (const change of changes) {
      if (change.kind === 'lost') {
        told = [];
        this.#loseTrack();
      } else if (change.kind === 'renamed') {
        this.report(told);
        told = [];
        this.renamed(change.from, change.to, change.isDirectory ? 'directory' : 'file');
      } else {
        told.push(hostChange(change));
        const isGone = change.kind === 'removed' && change.isDirectory;
        const watches = isGone ? this.#watchesBelow(change.place) : [];
        if (watches.length === 0) continue;
        this.report(told);
        told = [];
        // What is made at this place from now on is another directory.
        for (const watch of watches) {
          this.#leave(watch);
          watch.end('deletePending');
        }
      }
    }
    this.report(told);
  }

  /** Changes that belong together come in one answer, in this order. */
  report(changes: readonly Change[]): void {
    const concerned = new Set<ChangeWatch>();
    for (const change of changes) this.#keep(change, concerned);
    for (const watch of concerned) watch.deliver();
  }

  /** The kernel's news of the host were too many. */
  #loseTrack(): void {
    for (const watches of [...this.#watches.values()]) {
      for (const watch of watches) {
        if (watch.onHost === undefined) continue;
        watch.overflow();
        watch.deliver();
      }
    }
  }

  #keep({ place, action, filter }: Change, concerned: Set<ChangeWatch>): void {
    let isParent = true;
    for (let end = place.lastIndexOf('/'); end >= 0; end = place.lastIndexOf('/', end - 1)) {
      for (const watch of this.#watches.get(place.slice(0, end)) ?? []) {
        if ((watch.filter & filter) === 0 || (!isParent && !watch.tree)) continue;
        watch.add(action, place.slice(end + 1).replaceAll('/', '\\'));
        concerned.add(watch);
      }
      if (end === 0) return;
      isParent = false;
    }
  }

  #placeBelow(share: Share, path: readonly string[]): string | undefined {
    const root = this.#rootOf(share.vfs!);
    return root === undefined || path.length === 0 ? root : `${root}/${path.join('/')}`;
  }

  #rootOf(vfs: Vfs): string | undefined {
    if (vfs.location !== undefined) return vfs.location();
    let root = this.#rootless.get(vfs);
    if (root === undefined) {
      root = `\0${this.#nextRootless++}`;
      this.#rootless.set(vfs, root);
    }
    return root;
  }

  /** The watches of a renamed directory and of those below it. */
  #follow(from: string, to: string): void {
    for (const watch of this.#watchesBelow(from))
      this.#move(watch, to + watch.place.slice(from.length));
  }

  /** Of this directory and all below. */
  #watchesBelow(from: string): ChangeWatch[] {
    const found: ChangeWatch[] = [];
    for (const [place, watches] of this.#watches) {
      if (place === from || place.startsWith(`${from}/`)) found.push(...watches);
    }
    return found;
  }

  #move(watch: ChangeWatch, place: string): void {
    this.#leave(watch);
    watch.place = place;
    this.#enter(watch);
  }

  #enter(watch: ChangeWatch): void {
    const there = this.#watches.get(watch.place);
    if (there === undefined) this.#watches.set(watch.place, new Set([watch]));
    else there.add(watch);
  }

  #leave(watch: ChangeWatch): void {
    const there = this.#watches.get(watch.place);
    there?.delete(watch);
    if (there?.size === 0) this.#watches.delete(watch.place);
  }
}
