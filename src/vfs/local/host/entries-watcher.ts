/**
 * Directories that clients cache (objects/host-leases.ts), by fanotify(7): each has a mark of its own, in a group
 * beside that of the file systems (fanotify-watcher.ts). Whoever caches a directory has to know that somebody else changed
 * it, and neither where it is nor what was changed; so the kernel keeps no news but of these directories, and what goes
 * on elsewhere on the disk, a compiler's or a backup's million files, fills no queue and costs no lease.
 *
 * A directory is known by its handle, which stays as it is however it and those above it are called.
 */
import { AT_EMPTY_PATH, O_DIRECTORY, O_NONBLOCK, O_RDONLY } from '../../../native/constants.ts';
import {
  FAN_ATTRIB,
  FAN_CLOSE_WRITE,
  FAN_CREATE,
  FAN_DELETE,
  FAN_EVENT_ON_CHILD,
  FAN_MODIFY,
  FAN_ONDIR,
  FAN_Q_OVERFLOW,
  FAN_RENAME,
  fanotifyInit,
  fanotifyMarkOne,
  fanotifyUnmarkOne,
  handleOf,
  openByHandle,
} from '../../../native/fanotify.ts';
import { close, openat } from '../../../native/files.ts';
import { statx, stx } from '../../../native/stat.ts';
import { type Errno, isErrno } from '../../errno.ts';
import type { HostChange } from '../../host-changes.ts';
import type { LocalShare } from '../share.ts';
import { EventQueue } from './event-queue.ts';
import { decodeFanotifyEvents, type FanotifyEvent, type HandleAndName } from './fanotify-events.ts';
import { fsidOf } from './fanotify-watcher.ts';
import { HostTeller } from './teller.ts';

const EVENTS =
  FAN_CREATE |
  FAN_DELETE |
  FAN_RENAME |
  FAN_MODIFY |
  FAN_ATTRIB |
  FAN_CLOSE_WRITE |
  FAN_EVENT_ON_CHILD |
  FAN_ONDIR;

/** One that is marked, by whomever of those that cache it. */
interface Marked {
  readonly device: number;
  readonly handle: Buffer;
  readonly changed: Set<() => void>;
}

/** By which the kernel finds a directory of a file system by its handle: any of its directories, open for reading. */
interface Way {
  readonly fd: number;
  marks: number;
}

/** To the teller a place is a directory's key, a slash and a name, which has none. */
const keyOf = (place: string): string => place.slice(0, place.lastIndexOf('/'));
const placeOf = ({ directory, name }: HandleAndName): string => `${directory}/${name}`;

export class EntriesWatcher {
  readonly #queue: EventQueue;
  readonly #teller: HostTeller;
  /** By file system and handle, as events name a directory. */
  readonly #marked = new Map<string, Marked>();
  /** By device. */
  readonly #ways = new Map<number, Way>();

  private constructor(fd: number, lost: () => void, fail: (error: unknown) => void) {
    this.#queue = new EventQueue(fd, () => this.catchUp(), fail);
    this.#teller = new HostTeller((changes) => this.#tell(changes), lost);
  }

  /** `lost` is called when the kernel had too many changes to keep: every directory may have changed. */
  static open(lost: () => void, fail: (error: unknown) => void): EntriesWatcher | Errno {
    const fd = fanotifyInit();
    return fd < 0 ? fd : new EntriesWatcher(fd, lost, fail);
  }

  get isIdle(): boolean {
    return this.#marked.size === 0;
  }

  /** Has `changed` called whenever others have changed the directory; what is returned ends that. */
  watch(share: LocalShare, directory: number, changed: () => void): (() => void) | Errno {
    const refused = statx(directory, '', AT_EMPTY_PATH);
    if (refused !== 0) return refused;
    const device = stx.device();
    const way = this.#ways.get(device) ?? wayTo(share, directory);
    if (typeof way === 'number') return way;
    this.#ways.set(device, way);
    const handle = handleOf(directory);
    const key = typeof handle === 'number' ? '' : fsidOf(way.fd) + handle.toString('latin1');
    const marked = this.#marked.get(key);
    if (marked !== undefined) {
      marked.changed.add(changed);
      return () => this.#leave(key, marked, changed);
    }
    const failed =
      typeof handle === 'number' ? handle : fanotifyMarkOne(this.#queue.fd, EVENTS, directory);
    if (typeof handle === 'number' || failed !== 0) {
      this.#release(device, way);
      return failed;
    }
    const made: Marked = { device, handle, changed: new Set([changed]) };
    this.#marked.set(key, made);
    way.marks += 1;
    return () => this.#leave(key, made, changed);
  }

  /** Tells all that has happened until now. */
  catchUp(): void {
    const events: FanotifyEvent[] = [];
    this.#queue.drain((bytes) => decodeFanotifyEvents(bytes, isForeign, events));
    for (const event of events) this.#take(event);
    this.#teller.flush();
  }

  close(): void {
    this.#teller.reset();
    this.#marked.clear();
    for (const { fd } of this.#ways.values()) close(fd);
    this.#ways.clear();
    this.#queue.close();
  }

  #take({ mask, at, to }: FanotifyEvent): void {
    if ((mask & FAN_Q_OVERFLOW) !== 0) {
      this.#teller.lost();
      return;
    }
    for (const one of [at, to]) {
      // Of a rename the kernel names those directories alone that are marked.
      if (one === undefined) continue;
      const place = placeOf(one);
      if ((mask & (FAN_CREATE | FAN_RENAME)) !== 0) this.#teller.added(place, false);
      if ((mask & FAN_ATTRIB) !== 0) this.#teller.attributesChanged(place);
      if ((mask & FAN_MODIFY) !== 0) this.#teller.written(place);
      if ((mask & FAN_CLOSE_WRITE) !== 0) this.#teller.closedByWriter(place);
      if ((mask & FAN_DELETE) !== 0) this.#teller.removed(place, false);
    }
  }

  /** Each directory once, however much was changed in it. */
  #tell(changes: readonly HostChange[]): void {
    const concerned = new Set<Marked>();
    for (const change of changes) {
      if (change.kind === 'lost') {
        for (const marked of this.#marked.values()) concerned.add(marked);
      } else if (change.kind !== 'renamed') {
        const marked = this.#marked.get(keyOf(change.place));
        if (marked !== undefined) concerned.add(marked);
      }
    }
    for (const { changed } of concerned) for (const tell of [...changed]) tell();
  }

  #leave(key: string, marked: Marked, changed: () => void): void {
    marked.changed.delete(changed);
    if (marked.changed.size > 0 || this.#marked.get(key) !== marked) return;
    this.#marked.delete(key);
    const way = this.#ways.get(marked.device)!;
    const fd = openByHandle(way.fd, marked.handle);
    // One that has been removed took its mark along.
    if (fd >= 0) {
      fanotifyUnmarkOne(this.#queue.fd, EVENTS, fd);
      close(fd);
    }
    way.marks -= 1;
    this.#release(marked.device, way);
  }

  #release(device: number, way: Way): void {
    if (way.marks > 0) return;
    this.#ways.delete(device);
    close(way.fd);
  }
}

function wayTo(share: LocalShare, directory: number): Way | Errno {
  const fd = openat(share.procFd, `${directory}`, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
  return isErrno(fd) ? fd : { fd, marks: 0 };
}

const isForeign = (_mask: number, pid: number): boolean => pid !== process.pid;
