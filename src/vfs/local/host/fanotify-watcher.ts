/**
 * Changes on the host by fanotify(7): one mark for each file system on which something is watched. The
 * kernel says which process did what, so the server's own changes are known for certain.
 *
 * Directories come as handles, and their paths are asked of the kernel, which knows where they are now.
 * So a path is remembered and follows the events, and that of a directory which has been renamed or
 * removed by now is taken from the event that tells of it, further on in the queue.
 */
import { textOfName } from '../../../base/disk-names.ts';
import { MAX_HOST_PATHS } from '../../../base/limits.ts';
import { AT_EMPTY_PATH, O_DIRECTORY, O_NONBLOCK, O_RDONLY } from '../../../native/constants.ts';
import {
  FAN_ATTRIB,
  FAN_CLOSE_WRITE,
  FAN_CREATE,
  FAN_DELETE,
  FAN_MODIFY,
  FAN_ONDIR,
  FAN_Q_OVERFLOW,
  FAN_RENAME,
  fanotifyInit,
  fanotifyMark,
  fanotifyUnmark,
  openByHandle,
  opensByHandle,
} from '../../../native/fanotify.ts';
import { close, openat } from '../../../native/files.ts';
import { readlinkat } from '../../../native/names.ts';
import { fstatfs, statx, stfs, stx } from '../../../native/stat.ts';
import { type Errno, isErrno } from '../../errno.ts';
import type { OwnChangesObserver } from '../own-changes.ts';
import type { LocalShare } from '../share.ts';
import { EventQueue } from './event-queue.ts';
import {
  decodeFanotifyEvents,
  type FanotifyEvent,
  FSID_BYTES,
  type HandleAndName,
} from './fanotify-events.ts';
import { placeBelow } from './places.ts';
import type { HostTeller } from './teller.ts';

const NAMES = FAN_CREATE | FAN_DELETE | FAN_RENAME;
const EVENTS = NAMES | FAN_MODIFY | FAN_ATTRIB | FAN_CLOSE_WRITE | FAN_ONDIR;

const DELETED = ' (deleted)';

/** What the kernel needs to find a directory of a share's file system by its handle. */
export interface Mount {
  readonly device: number;
  /** As events name the file system, in latin1. */
  readonly fsid: string;
  /** A directory of it, open for reading. */
  readonly fd: number;
  readonly share: LocalShare;
  watches: number;
}

/** Whether the kernel has it, and allows it to this process and on this file system. */
export function canUseFanotify(share: LocalShare): boolean {
  const root = openat(share.procFd, `${share.root}`, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
  const fd = fanotifyInit();
  const isMarked = root >= 0 && fd >= 0 && fanotifyMark(fd, EVENTS, root) === 0;
  // By handle the paths are found: CAP_DAC_READ_SEARCH.
  const isAllowed = isMarked && opensByHandle(root);
  if (fd >= 0) close(fd);
  if (root >= 0) close(root);
  return isAllowed;
}

export class FanotifyWatcher implements OwnChangesObserver {
  readonly #queue: EventQueue;
  readonly #teller: HostTeller;
  readonly #fail: (error: unknown) => void;
  /** By share and device. */
  readonly #mounts = new Set<Mount>();
  /** Of directories, by handle; least recently used first. Undefined: nobody knows. */
  readonly #paths = new Map<string, string>();
  #events: FanotifyEvent[] = [];
  /** By handle: the first event further on in the queue that tells where a directory was. */
  #departures: Map<string, number> | undefined;
  #later: NodeJS.Immediate | undefined;

  private constructor(fd: number, teller: HostTeller, fail: (error: unknown) => void) {
    this.#teller = teller;
    this.#fail = fail;
    this.#queue = new EventQueue(fd, () => this.catchUp(), fail);
  }

  static open(teller: HostTeller, fail: (error: unknown) => void): FanotifyWatcher | Errno {
    const fd = fanotifyInit();
    return fd < 0 ? fd : new FanotifyWatcher(fd, teller, fail);
  }

  /** Undo with `unwatch`. */
  watch(share: LocalShare, directory: number): Mount | Errno {
    const refused = statx(directory, '', AT_EMPTY_PATH);
    if (refused !== 0) return refused;
    const device = stx.device();
    for (const mount of this.#mounts) {
      if (mount.share !== share || mount.device !== device) continue;
      mount.watches++;
      return mount;
    }
    const fd = openat(share.procFd, `${directory}`, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
    if (fd < 0) return fd;
    const unmarked = fanotifyMark(this.#queue.fd, EVENTS, fd);
    if (unmarked !== 0) {
      close(fd);
      return unmarked;
    }
    const mount: Mount = { device, fsid: fsidOf(fd), fd, share, watches: 1 };
    this.#mounts.add(mount);
    return mount;
  }

  unwatch(mount: Mount): void {
    if (--mount.watches > 0) return;
    this.#mounts.delete(mount);
    const isLast = [...this.#mounts].every(({ device }) => device !== mount.device);
    if (isLast) fanotifyUnmark(this.#queue.fd, EVENTS, mount.fd);
    close(mount.fd);
    this.#paths.clear();
  }

  /** Tells all that has happened until now. */
  catchUp(): void {
    this.#drain(isOfUse);
    // Taking one may bring more: see #directory.
    while (this.#events.length > 0) this.#takeUntil(this.#events.length);
  }

  readonly knowsProcess = true;

  /** What others did before the server's operation is told before it; see own-changes.ts. */
  begin(changes: 'names' | 'content'): void {
    if (changes === 'names') this.catchUp();
  }

  did(): void {}

  touches(): void {}

  /** What they did behind its back is told after the server's own report. */
  end(changes: 'names' | 'content'): void {
    if (changes === 'content') return;
    this.#drain(isName);
    this.#takeUntil(this.#events.findLastIndex(({ pid }) => pid === process.pid) + 1);
    if (this.#events.length > 0) this.#later ??= setImmediate(() => this.#awake()).unref();
  }

  #awake(): void {
    this.#later = undefined;
    try {
      this.catchUp();
    } catch (error) {
      this.#fail(error);
    }
  }

  #drain(isWanted: (mask: number, pid: number) => boolean): void {
    const before = this.#events.length;
    this.#queue.drain((bytes) => decodeFanotifyEvents(bytes, isWanted, this.#events));
    if (this.#events.length > before) this.#departures = undefined;
  }

  /** Takes so many events. */
  #takeUntil(end: number): void {
    if (end === 0) return;
    for (let index = 0; index < end; index++) this.#take(this.#events[index]!, index);
    this.#events = this.#events.slice(end);
    this.#departures = undefined;
    this.#teller.flush();
  }

  close(): void {
    clearImmediate(this.#later);
    this.#events = [];
    for (const { fd } of this.#mounts) close(fd);
    this.#mounts.clear();
    this.#queue.close();
  }

  #take(event: FanotifyEvent, index: number): void {
    const { mask, at, to } = event;
    if ((mask & FAN_Q_OVERFLOW) !== 0) {
      this.#paths.clear();
      this.#teller.lost();
      return;
    }
    const from = this.#pathOf(at, index);
    if ((mask & FAN_RENAME) !== 0) this.#rename(event, from, this.#pathOf(to, index));
    else if (from !== undefined) this.#change(event, from);
  }

  #change({ mask, pid, target }: FanotifyEvent, path: string): void {
    const isDirectory = (mask & FAN_ONDIR) !== 0;
    if (isDirectory && target !== undefined) {
      if ((mask & FAN_DELETE) !== 0) this.#paths.delete(target);
      else if ((mask & FAN_CREATE) !== 0) this.#remember(target, path);
    }
    const place = pid === process.pid ? undefined : this.#placeOf(path);
    if (place === undefined) return;
    // Of one object the kernel merges what was not read yet; this is the likely order.
    if ((mask & FAN_CREATE) !== 0) this.#teller.added(place, isDirectory);
    if ((mask & FAN_ATTRIB) !== 0) this.#teller.attributesChanged(place);
    if ((mask & FAN_MODIFY) !== 0) this.#teller.written(place);
    if ((mask & FAN_CLOSE_WRITE) !== 0) this.#teller.closedByWriter(place);
    if ((mask & FAN_DELETE) !== 0) this.#teller.removed(place, isDirectory);
  }

  #rename(
    { mask, pid, target }: FanotifyEvent,
    from: string | undefined,
    to: string | undefined,
  ): void {
    const isDirectory = (mask & FAN_ONDIR) !== 0;
    if (isDirectory) {
      if (from !== undefined && to !== undefined) this.#follow(from, to);
      if (target !== undefined && to !== undefined) this.#remember(target, to);
    }
    if (pid === process.pid) return;
    const old = from === undefined ? undefined : this.#placeOf(from);
    const now = to === undefined ? undefined : this.#placeOf(to);
    if (old !== undefined && now !== undefined) this.#teller.renamed(old, now, isDirectory);
    else if (old !== undefined) this.#teller.removed(old, isDirectory);
    else if (now !== undefined) this.#teller.added(now, isDirectory);
  }

  #follow(from: string, to: string): void {
    for (const [handle, path] of this.#paths) {
      if (path === from || path.startsWith(`${from}/`)) {
        this.#paths.set(handle, to + path.slice(from.length));
      }
    }
  }

  /** What clients call it; undefined outside all shares that are watched. */
  #placeOf(path: string): string | undefined {
    for (const { share } of this.#mounts) {
      const place = placeBelow(share, path);
      if (place !== undefined) return place;
    }
    return undefined;
  }

  #pathOf(at: HandleAndName | undefined, index: number): string | undefined {
    if (at === undefined) return undefined;
    const directory = this.#directory(at.directory, index);
    if (directory === undefined || at.name === '.') return directory;
    return directory === '/' ? `/${at.name}` : `${directory}/${at.name}`;
  }

  #directory(handle: string, index: number): string | undefined {
    const known = this.#paths.get(handle);
    if (known !== undefined) {
      this.#paths.delete(handle);
      this.#paths.set(handle, known);
      return known;
    }
    const path = this.#foretold(handle, index) ?? this.#ask(handle) ?? this.#learn(handle, index);
    if (path !== undefined) this.#remember(handle, path);
    return path;
  }

  /** As an event further on tells it. */
  #foretold(handle: string, index: number): string | undefined {
    const departure = this.#departureOf(handle, index);
    return departure && this.#pathOf(departure.at, departure.index);
  }

  /** One that went since the queue was read: the event that tells of it has come by now. */
  #learn(handle: string, index: number): string | undefined {
    const before = this.#events.length;
    this.#drain(isName);
    return this.#events.length > before ? this.#foretold(handle, index) : undefined;
  }

  /** The event after this one that renames or removes the directory, and where it was until then. */
  #departureOf(
    handle: string,
    index: number,
  ): { at: HandleAndName | undefined; index: number } | undefined {
    this.#departures ??= this.#findDepartures();
    const found = this.#departures.get(handle);
    if (found === undefined || found <= index) return undefined;
    return { at: this.#events[found]!.at, index: found };
  }

  #findDepartures(): Map<string, number> {
    const departures = new Map<string, number>();
    for (const [index, { mask, target }] of this.#events.entries()) {
      const goes = (mask & FAN_ONDIR) !== 0 && (mask & (FAN_DELETE | FAN_RENAME)) !== 0;
      if (goes && target !== undefined && !departures.has(target)) departures.set(target, index);
    }
    return departures;
  }

  #ask(handle: string): string | undefined {
    const bytes = Buffer.from(handle.slice(FSID_BYTES), 'latin1');
    for (const { fd: mount, fsid, share } of this.#mounts) {
      if (!handle.startsWith(fsid)) continue;
      const fd = openByHandle(mount, bytes);
      if (fd < 0) continue;
      const path = pathOfDescriptor(share, fd);
      close(fd);
      if (path !== undefined) return path;
    }
    return undefined;
  }

  #remember(handle: string, path: string): void {
    this.#paths.set(handle, path);
    if (this.#paths.size <= MAX_HOST_PATHS) return;
    const [oldest] = this.#paths.keys();
    this.#paths.delete(oldest!);
  }
}

const isName = (mask: number, pid: number): boolean => pid !== process.pid || (mask & NAMES) !== 0;

/** Of the server's own changes only those matter that move directories. */
const isOfUse = (mask: number, pid: number): boolean =>
  pid !== process.pid || ((mask & FAN_ONDIR) !== 0 && (mask & NAMES) !== 0);

/** As events name the file system of `fd`. */
export function fsidOf(fd: number): string {
  if (fstatfs(fd) !== 0) return '';
  return Buffer.from(new Uint32Array([stfs.fsidLow(), stfs.fsidHigh()]).buffer).toString('latin1');
}

/** Undefined for a directory that was removed. */
function pathOfDescriptor(share: LocalShare, fd: number): string | undefined {
  const link = readlinkat(share.procFd, `${fd}`);
  if (isErrno(link)) return undefined;
  const path = textOfName(link);
  if (!path.endsWith(DELETED)) return path;
  return statx(fd, '', AT_EMPTY_PATH) === 0 && stx.linkCount() > 0 ? path : undefined;
}
