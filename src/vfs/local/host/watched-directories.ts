/**
 * Which directories inotify watches, and for whom. Watched are: the directory that a client watches, the
 * directories that lead to it from the share's folder, since a rename of one of them moves it, and with
 * WATCH_TREE all below. Those below are entered a few at a time, so that a large tree holds up nobody.
 *
 * The kernel's bound (fs.inotify.max_user_watches) and the server's are told once: of what happens in
 * directories that did not get in nothing is told.
 */
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NONBLOCK,
  O_RDONLY,
  S_IFDIR,
  S_IFMT,
} from '../../../native/constants.ts';
import { DT_DIR, DT_UNKNOWN, readTypes } from '../../../native/directory.ts';
import { close, openat } from '../../../native/files.ts';
import {
  IN_ATTRIB,
  IN_CLOSE_WRITE,
  IN_CREATE,
  IN_DELETE,
  IN_EXCL_UNLINK,
  IN_MODIFY,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_ONLYDIR,
  inotifyAdd,
  inotifyRemove,
} from '../../../native/inotify.ts';
import { statx, stx } from '../../../native/stat.ts';
import { ENOSPC, type Errno, isErrno } from '../../errno.ts';
import { inodeKeyOfStat } from '../metadata.ts';
import type { LocalShare } from '../share.ts';
import { DirectoryNode } from './directory-node.ts';

const NAMES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
const EVENTS = NAMES | IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_ONLYDIR | IN_EXCL_UNLINK;

/** How long directories are entered without a pause. */
const SLICE_MS = 4;

export interface Entry {
  readonly name: string;
  readonly isDirectory: boolean;
}

export class WatchedDirectories {
  /** inotify's descriptor. */
  readonly #fd: number;
  readonly #limit: number;
  readonly #full: () => void;
  readonly #roots = new Map<LocalShare, DirectoryNode>();
  /** A directory that two shares lead to has a node in each. */
  readonly #byWd = new Map<number, Set<DirectoryNode>>();
  /** Directories whose subdirectories are still to be entered. */
  #growing: DirectoryNode[] = [];
  #slice: NodeJS.Immediate | undefined;
  /** Why the last directory could not be watched. */
  #failed: Errno | 0 = 0;

  /** `full`: some directory could not be watched, for want of room. */
  constructor(fd: number, limit: number, full: () => void) {
    this.#fd = fd;
    this.#limit = limit;
    this.#full = full;
  }

  get size(): number {
    return this.#byWd.size;
  }

  /** No directory is still to be entered. */
  get isGrown(): boolean {
    return this.#growing.length === 0;
  }

  nodesOf(wd: number): ReadonlySet<DirectoryNode> | undefined {
    return this.#byWd.get(wd);
  }

  /** Undo with `leave`. */
  enter(share: LocalShare, path: readonly string[], tree: boolean): DirectoryNode | Errno {
    const node = this.#lead(share, path);
    if (node.wd < 0) {
      this.prune(node);
      // Gone meanwhile, or there is no room.
      return this.#failed;
    }
    if (tree) node.trees++;
    else node.flat++;
    if (tree) this.grow(node);
    return node;
  }

  /** A directory is found to be at `path` now, with all below it. */
  relocate(node: DirectoryNode, path: readonly string[]): void {
    const name = path.at(-1);
    const old = node.parent;
    if (name === undefined) return;
    const parent = this.#lead(node.share, path.slice(0, -1));
    const there = parent.children.get(name);
    if (there !== undefined && there !== node) this.remove(there);
    node.moveTo(parent, name);
    if (old !== undefined) this.prune(old);
  }

  leave(node: DirectoryNode, tree: boolean): void {
    if (tree) node.trees--;
    else node.flat--;
    this.prune(node);
  }

  /** Gives up what nobody needs of `node`, what is below it, and what leads to it. */
  prune(node: DirectoryNode): void {
    for (const one of [...node.all()].reverse()) if (one.isIdle) this.#drop(one);
    let above = node.parent;
    while (above?.isIdle) {
      const next = above.parent;
      this.#drop(above);
      above = next;
    }
  }

  /** A directory that is gone, with all below it. Who watches them keeps a node without a place. */
  remove(node: DirectoryNode): void {
    for (const one of [...node.all()]) this.#unwatch(one);
    node.detach();
  }

  /** The kernel has given up the watch. */
  forget(wd: number): void {
    for (const node of this.#byWd.get(wd) ?? []) node.wd = -1;
    this.#byWd.delete(wd);
  }

  /** Enters all directories below, by and by. */
  grow(node: DirectoryNode): void {
    this.#growing.push(node);
    this.#slice ??= setImmediate(() => this.#growSlice()).unref();
  }

  /** A directory that has come to be; whether it was not watched before. */
  enterChild(parent: DirectoryNode, name: string): DirectoryNode | undefined {
    const known = parent.children.get(name);
    const node = known ?? new DirectoryNode(parent.share, name, parent);
    const before = node.wd;
    if (this.#watch(node) === 0 && node.wd !== before) return node;
    if (node.wd < 0) this.prune(node);
    return undefined;
  }

  /** What the directory holds now. */
  entries(node: DirectoryNode): Entry[] {
    const found: Entry[] = [];
    const dir = node.share.resolver.exactDirectory(node.path);
    if (dir < 0) return found;
    const fd = openat(node.share.procFd, `${dir}`, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
    close(dir);
    if (fd < 0) return found;
    const types: [string, number][] = [];
    readTypes(fd, (name, type) => types.push([name, type]));
    for (const [name, type] of types) {
      const isDirectory = type === DT_DIR || (type === DT_UNKNOWN && isDirectoryAt(fd, name));
      found.push({ name, isDirectory });
    }
    close(fd);
    return found;
  }

  close(): void {
    clearImmediate(this.#slice);
    this.#growing = [];
    this.#roots.clear();
    this.#byWd.clear();
  }

  #growSlice(): void {
    this.#slice = undefined;
    const until = performance.now() + SLICE_MS;
    while (this.#growing.length > 0 && performance.now() < until) {
      const node = this.#growing.pop()!;
      if (!node.isAttached || !node.isInTree) continue;
      for (const { name, isDirectory } of this.entries(node)) {
        if (!isDirectory) continue;
        const known = node.children.get(name);
        const child = known ?? this.enterChild(node, name);
        if (child !== undefined) this.#growing.push(child);
      }
    }
    if (this.#growing.length === 0) return;
    this.#slice = setImmediate(() => this.#growSlice()).unref();
  }

  /** The nodes from the share's folder to the directory, each watched if it can be; the last of them. */
  #lead(share: LocalShare, path: readonly string[]): DirectoryNode {
    let node = this.#roots.get(share) ?? new DirectoryNode(share);
    this.#roots.set(share, node);
    this.#failed = this.#watch(node);
    for (const name of path) {
      node = node.children.get(name) ?? new DirectoryNode(share, name, node);
      this.#failed = this.#watch(node);
    }
    return node;
  }

  /** Adds the watch of a node, or finds that it is there and right. */
  #watch(node: DirectoryNode): Errno | 0 {
    if (node.wd < 0 && this.#byWd.size >= this.#limit) {
      this.#full();
      return ENOSPC;
    }
    const dir = node.share.resolver.exactDirectory(node.path);
    if (dir < 0) return dir;
    const wd = inotifyAdd(this.#fd, `/proc/self/fd/${dir}`, EVENTS);
    const isKnown = !isErrno(wd) && statx(dir, '', AT_EMPTY_PATH) === 0;
    const inodeKey = isKnown ? inodeKeyOfStat() : '';
    close(dir);
    if (isErrno(wd)) {
      if (wd === ENOSPC) this.#full();
      return wd;
    }
    if (node.wd !== wd) {
      this.#unwatch(node);
      const nodes = this.#byWd.get(wd);
      if (nodes === undefined) this.#byWd.set(wd, new Set([node]));
      else nodes.add(node);
      node.wd = wd;
    }
    node.inodeKey = inodeKey;
    return 0;
  }

  #unwatch(node: DirectoryNode): void {
    const { wd } = node;
    node.wd = -1;
    const nodes = this.#byWd.get(wd);
    nodes?.delete(node);
    if (nodes?.size !== 0) return;
    this.#byWd.delete(wd);
    inotifyRemove(this.#fd, wd);
  }

  #drop(node: DirectoryNode): void {
    this.#unwatch(node);
    if (node.isRoot && this.#roots.get(node.share) === node) this.#roots.delete(node.share);
    node.detach();
  }
}

const isDirectoryAt = (dir: number, name: string): boolean =>
  statx(dir, name, AT_SYMLINK_NOFOLLOW) === 0 && (stx.mode() & S_IFMT) === S_IFDIR;
