/**
 * Changes on the host by inotify(7), which does not say who did them. The server's own are known by
 * what it says that it did (own-changes.ts): the kernel's news are taken just before and just after each
 * operation, and what the operation did is found among those in between. Time plays no part in it.
 *
 * A rename is two events with one cookie. The second follows in the same system call, but others may
 * come between, and it may be a moment until it is there; if there is none, the object has left for where
 * nobody watches. So the first waits, and all behind it, until the second is there or cannot be.
 */
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW } from '../../../native/constants.ts';
import {
  IN_ATTRIB,
  IN_CLOSE_WRITE,
  IN_CREATE,
  IN_DELETE,
  IN_IGNORED,
  IN_ISDIR,
  IN_MODIFY,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_Q_OVERFLOW,
  inotifyInit,
} from '../../../native/inotify.ts';
import { statx } from '../../../native/stat.ts';
import { ENOENT, type Errno, isErrno } from '../../errno.ts';
import { inodeKeyOfStat } from '../metadata.ts';
import type { OwnChangesObserver } from '../own-changes.ts';
import { ownPath } from '../own-name.ts';
import type { LocalObject, LocalShare } from '../share.ts';
import type { DirectoryNode } from './directory-node.ts';
import { type Backlogged, EventBacklog } from './event-backlog.ts';
import { EventQueue } from './event-queue.ts';
import { decodeInotifyEvents } from './inotify-events.ts';
import { OperationTrace } from './operation-trace.ts';
import { locationOf, placeOf } from './places.ts';
import type { HostTeller } from './teller.ts';
import { WatchedDirectories } from './watched-directories.ts';

const NAMES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;

/** How long the second half of a rename may be under way. */
const RENAME_MS = 5;

/** What a client watches. */
export interface Base {
  readonly share: LocalShare;
  readonly object: LocalObject;
  readonly tree: boolean;
  node: DirectoryNode;
}

export interface InotifyOptions {
  /** Directories that are watched at most. */
  readonly maxDirectories: number;
  /** Not all directories could be watched. */
  full(): void;
  fail(error: unknown): void;
}

export class InotifyWatcher implements OwnChangesObserver {
  readonly #teller: HostTeller;
  readonly #options: InotifyOptions;
  readonly #bases = new Set<Base>();
  readonly #operation = new OperationTrace();
  readonly #backlog = new EventBacklog();
  #queue: EventQueue;
  #directories: WatchedDirectories;
  /** Which object bears a name, as last asked: the file that is being written, as a rule. */
  #bearer: { readonly wd: number; readonly name: string; readonly inodeKey: string } | undefined;
  #later: NodeJS.Immediate | undefined;
  #waiting: NodeJS.Timeout | undefined;

  private constructor(fd: number, teller: HostTeller, options: InotifyOptions) {
    this.#teller = teller;
    this.#options = options;
    this.#queue = this.#newQueue(fd);
    this.#directories = this.#newDirectories(fd);
  }

  static open(teller: HostTeller, options: InotifyOptions): InotifyWatcher | Errno {
    const fd = inotifyInit();
    return isErrno(fd) ? fd : new InotifyWatcher(fd, teller, options);
  }

  /** All directories that were asked for are watched. */
  get isComplete(): boolean {
    return this.#directories.isGrown;
  }

  watch(share: LocalShare, object: LocalObject, tree: boolean): Base | Errno {
    const path = ownPath(share, object);
    if (isErrno(path)) return path;
    const node = this.#directories.enter(share, path, tree);
    if (isErrno(node)) return node;
    const base: Base = { share, object, tree, node };
    this.#bases.add(base);
    return base;
  }

  unwatch(base: Base): void {
    this.#bases.delete(base);
    this.#directories.leave(base.node, base.tree);
  }

  /** Tells all that has happened until now. */
  catchUp(): void {
    this.#drain();
    this.#takeUntil(this.#backlog.end);
  }

  close(): void {
    clearImmediate(this.#later);
    clearTimeout(this.#waiting);
    this.#directories.close();
    this.#queue.close();
    this.#bases.clear();
    this.#backlog.clear();
  }

  readonly knowsProcess = false;

  begin(): void {
    this.catchUp();
  }

  did(...what: Parameters<OperationTrace['did']>): void {
    this.#operation.did(...what);
  }

  touches(inodeKey: string): void {
    this.#operation.touches(inodeKey);
  }

  /** What others did behind the server's back is told after the server's own report. */
  end(): void {
    const from = this.#backlog.end;
    this.#drain();
    let last = -1;
    for (let position = from; position < this.#backlog.end; position++) {
      const event = this.#backlog.at(position);
      event.isOwn = this.#isOwn(event);
      // Others may have made its like since, and written to that.
      if (event.isOwn && (event.mask & NAMES) !== 0) last = position;
    }
    this.#operation.clear();
    this.#takeUntil(last + 1);
  }

  #newQueue(fd: number): EventQueue {
    return new EventQueue(fd, () => this.catchUp(), this.#options.fail);
  }

  #newDirectories(fd: number): WatchedDirectories {
    return new WatchedDirectories(fd, this.#options.maxDirectories, this.#options.full);
  }

  #awake(): void {
    this.#later = undefined;
    try {
      this.catchUp();
    } catch (error) {
      this.#options.fail(error);
    }
  }

  #drain(): void {
    const now = performance.now();
    this.#queue.drain((bytes) =>
      decodeInotifyEvents(bytes, (event) => {
        if ((event.mask & NAMES) !== 0) this.#bearer = undefined;
        this.#backlog.add(event, now);
      }),
    );
  }

  #isOwn(event: Backlogged): boolean {
    for (const node of this.#directories.nodesOf(event.wd) ?? []) {
      const inodeOf = () => this.#inodeOf(event, node);
      if (this.#operation.matches(event, node.inodeKey, inodeOf)) return true;
    }
    return false;
  }

  #inodeOf({ wd, name }: Backlogged, node: DirectoryNode): string | undefined {
    const known = this.#bearer;
    if (known !== undefined && known.wd === wd && known.name === name) return known.inodeKey;
    const inodeKey = inodeAt(node, name);
    if (inodeKey !== undefined) this.#bearer = { wd, name, inodeKey };
    return inodeKey;
  }

  /** Deals with the events before this position; fewer where half of a rename is missing. */
  #takeUntil(end: number): void {
    while (this.#backlog.start < end) {
      const event = this.#backlog.first()!;
      if ((event.mask & IN_Q_OVERFLOW) !== 0) {
        this.#startAnew();
        break;
      }
      if ((event.mask & IN_MOVED_FROM) !== 0 && this.#mustWait(event)) break;
      this.#backlog.shift();
      this.#take(event);
    }
    this.#teller.flush();
    // The kernel does not wake anybody for what was taken from it.
    const isLeft = !this.#backlog.isEmpty && this.#waiting === undefined;
    if (isLeft) this.#later ??= setImmediate(() => this.#awake()).unref();
  }

  /** For the second half of a rename. */
  #mustWait({ cookie, isOwn, takenAtMs }: Backlogged): boolean {
    if (isOwn || this.#backlog.arrival(cookie) !== undefined) return false;
    this.#drain();
    if (this.#backlog.arrival(cookie) !== undefined) return false;
    if (performance.now() >= takenAtMs + RENAME_MS) return false;
    this.#waiting ??= setTimeout(() => {
      this.#waiting = undefined;
      this.#awake();
    }, RENAME_MS + 1).unref();
    return true;
  }

  /** The kernel had no room for more: what is watched is found out again. */
  #startAnew(): void {
    this.#backlog.clear();
    this.#teller.lost();
    const fd = inotifyInit();
    if (isErrno(fd)) return;
    this.#directories.close();
    this.#queue.close();
    this.#queue = this.#newQueue(fd);
    this.#directories = this.#newDirectories(fd);
    for (const base of this.#bases) this.#find(base);
  }

  #take(event: Backlogged): void {
    const { wd, mask, name, cookie } = event;
    if ((mask & IN_IGNORED) !== 0) this.#directories.forget(wd);
    if (name === '') return;
    if ((mask & IN_MOVED_FROM) !== 0) {
      const to = this.#backlog.arrival(cookie);
      this.#backlog.arrived(cookie);
      if (to === undefined) this.#moveAway(event);
      else this.#move(event, to);
      return;
    }
    // The first half of the rename has dealt with it.
    if ((mask & IN_MOVED_TO) !== 0 && !this.#backlog.arrived(cookie)) return;
    if (!event.isOwn) this.#tell(event);
    if ((mask & IN_ISDIR) !== 0) this.#follow(event);
  }

  #tell({ wd, mask, name }: Backlogged): void {
    const place = this.#placeOf(wd, name);
    if (place === undefined) return;
    const isDirectory = (mask & IN_ISDIR) !== 0;
    if ((mask & (IN_CREATE | IN_MOVED_TO)) !== 0) this.#teller.added(place, isDirectory);
    else if ((mask & IN_DELETE) !== 0) this.#teller.removed(place, isDirectory);
    else if ((mask & IN_ATTRIB) !== 0) this.#teller.attributesChanged(place);
    else if ((mask & IN_MODIFY) !== 0) this.#teller.written(place);
    else if ((mask & IN_CLOSE_WRITE) !== 0) this.#teller.closedByWriter(place);
  }

  /** A directory has come or gone, so that watches do. */
  #follow({ wd, mask, name }: Backlogged): void {
    for (const node of this.#nodesOf(wd)) {
      if ((mask & IN_DELETE) !== 0) {
        const child = node.children.get(name);
        if (child !== undefined) this.#directories.remove(child);
      } else if ((mask & (IN_CREATE | IN_MOVED_TO)) !== 0 && node.isInTree) {
        const child = this.#directories.enterChild(node, name);
        if (child === undefined) continue;
        if ((mask & IN_CREATE) !== 0) this.#tellContents(child);
        else this.#directories.grow(child);
      }
    }
  }

  /**
   * What was made in a new directory before it was watched. What was made after has an event of its own,
   * which is there by now.
   */
  #tellContents(node: DirectoryNode): void {
    const entries = this.#directories.entries(node);
    this.#drain();
    const first = this.#backlog.firstIn(node.wd);
    for (const { name, isDirectory } of entries) {
      const { mask = 0 } = first.get(name) ?? {};
      if ((mask & (IN_CREATE | IN_MOVED_TO)) !== 0) continue;
      const place = placeOf(node.share, [...node.path, name]);
      if (place !== undefined) this.#teller.added(place, isDirectory);
      const child = isDirectory ? this.#directories.enterChild(node, name) : undefined;
      if (child !== undefined) this.#tellContents(child);
    }
  }

  #move(from: Backlogged, to: Backlogged): void {
    const old = this.#placeOf(from.wd, from.name);
    const now = this.#placeOf(to.wd, to.name);
    const isDirectory = (from.mask & IN_ISDIR) !== 0;
    if (!from.isOwn && !to.isOwn) {
      if (old !== undefined && now !== undefined) this.#teller.renamed(old, now, isDirectory);
      else if (old !== undefined) this.#teller.removed(old, isDirectory);
      else if (now !== undefined) this.#teller.added(now, isDirectory);
    }
    if (isDirectory) this.#moveNodes(from, to);
  }

  #moveNodes(from: Backlogged, to: Backlogged): void {
    // Made and moved before it was watched: what is in it is not told yet.
    const isNew =
      this.#directories.isGrown &&
      this.#nodesOf(from.wd).some((node) => node.isInTree && !node.children.has(from.name));
    for (const node of this.#nodesOf(from.wd)) {
      const child = node.children.get(from.name);
      const target = this.#nodesOf(to.wd).find(({ share }) => share === node.share);
      if (child === undefined) continue;
      if (target === undefined) {
        this.#lose(child);
        continue;
      }
      const replaced = target.children.get(to.name);
      if (replaced !== undefined && replaced !== child) this.#directories.remove(replaced);
      child.moveTo(target, to.name);
      this.#directories.prune(child);
    }
    for (const target of this.#nodesOf(to.wd)) {
      if (!target.isInTree) continue;
      const child = this.#directories.enterChild(target, to.name) ?? target.children.get(to.name);
      if (child !== undefined && isNew) this.#tellContents(child);
      else if (child !== undefined) this.#directories.grow(child);
    }
  }

  /** To where nobody watches; but a client may watch what went there. */
  #moveAway(event: Backlogged): void {
    const { wd, mask, name, isOwn } = event;
    const isDirectory = (mask & IN_ISDIR) !== 0;
    const old = this.#placeOf(wd, name);
    let now: string | undefined;
    for (const node of isDirectory ? this.#nodesOf(wd) : []) {
      const child = node.children.get(name);
      if (child !== undefined) now ??= this.#lose(child);
    }
    if (isOwn || old === undefined) return;
    if (now === undefined) this.#teller.removed(old, isDirectory);
    else this.#teller.renamed(old, now, isDirectory);
  }

  /** Where a directory is that has left, if a client watches it or one below; else it is given up. */
  #lose(node: DirectoryNode): string | undefined {
    const depth = node.path.length;
    const below = new Set(node.all());
    for (const { share, object, node: watched } of this.#bases) {
      const path = below.has(watched) ? ownPath(share, object) : ENOENT;
      if (isErrno(path)) continue;
      const here = path.slice(0, path.length - (watched.path.length - depth));
      this.#directories.relocate(node, here);
      return placeOf(share, here);
    }
    this.#directories.remove(node);
    return undefined;
  }

  /** Watches it where it is now. */
  #find(base: Base): void {
    const path = ownPath(base.share, base.object);
    if (isErrno(path)) return;
    const node = this.#directories.enter(base.share, path, base.tree);
    if (!isErrno(node)) base.node = node;
  }

  #nodesOf(wd: number): DirectoryNode[] {
    return [...(this.#directories.nodesOf(wd) ?? [])];
  }

  #placeOf(wd: number, name: string): string | undefined {
    for (const node of this.#directories.nodesOf(wd) ?? []) {
      if (node.isAttached) return placeOf(node.share, [...node.path, name]);
    }
    return undefined;
  }
}

function inodeAt(node: DirectoryNode, name: string): string | undefined {
  const path = [locationOf(node.share), ...node.path, name].join('/');
  return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW) === 0 ? inodeKeyOfStat() : undefined;
}
