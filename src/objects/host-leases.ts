/**
 * Directories that clients cache and other programs on the host change. Each has a watch of the host
 * (vfs/host-changes.ts) while there are leases on it; what is told there is told by place, so the place
 * of each is kept, and follows when a directory is renamed.
 */
import type { HostChange, HostWatch } from '../vfs/host-changes.ts';
import type { ChangeNotifier } from './change-notifier.ts';
import type { Open } from './open.ts';
import type { SharedFile } from './shared-file.ts';

interface Cached {
  place: string;
  readonly watch: HostWatch;
}

const parentOf = (place: string): string => place.slice(0, Math.max(0, place.lastIndexOf('/')));

export class HostLeases {
  readonly #notifier: ChangeNotifier;
  readonly #byKey = new Map<string, Cached>();
  /** Keys of SharedFiles. */
  readonly #byPlace = new Map<string, string>();

  constructor(notifier: ChangeNotifier) {
    this.#notifier = notifier;
  }

  /** The directory is cached from now on; `open` is one of those that have it open. */
  begin(file: SharedFile, open: Open): void {
    const share = open.home;
    const watch = this.#notifier.watchHost(share, open.handle!, false);
    if (watch === undefined) return;
    const place = this.#notifier.placeOf(share, open.handle!);
    // Removed on the host: nothing more can happen in it.
    if (place === undefined) watch.close();
    else this.#enter(file.key, { place, watch });
  }

  end(file: SharedFile): void {
    const cached = this.#byKey.get(file.key);
    if (cached === undefined) return;
    this.#byKey.delete(file.key);
    if (this.#byPlace.get(cached.place) === file.key) this.#byPlace.delete(cached.place);
    cached.watch.close();
  }

  /** A directory has another name, whoever gave it. */
  renamed(from: string, to: string): void {
    if (this.#byKey.size === 0) return;
    const moved = [...this.#byKey].filter(
      ([, { place }]) => place === from || place.startsWith(`${from}/`),
    );
    for (const [, { place }] of moved) this.#byPlace.delete(place);
    for (const [key, cached] of moved) {
      cached.place = to + cached.place.slice(from.length);
      this.#byPlace.set(cached.place, key);
    }
  }

  /** The directories in which something has changed, each once; 'all' where nobody knows which. */
  changed(changes: readonly HostChange[]): Iterable<string> | 'all' {
    const keys = new Set<string>();
    const note = (place: string): void => {
      const key = this.#byPlace.get(parentOf(place));
      if (key !== undefined) keys.add(key);
    };
    for (const change of changes) {
      switch (change.kind) {
        case 'lost':
          return 'all';
        case 'renamed':
          note(change.from);
          note(change.to);
          if (change.isDirectory) this.renamed(change.from, change.to);
          break;
        default:
          note(change.place);
      }
    }
    return keys;
  }

  #enter(key: string, cached: Cached): void {
    this.#byKey.set(key, cached);
    this.#byPlace.set(cached.place, key);
  }
}
