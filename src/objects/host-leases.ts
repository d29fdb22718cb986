/**
 * Directories that clients cache and other programs on the host change. Each has a watch of the host
 * (vfs/host-changes.ts) while there are leases on it. Where that is one of all changes, these are told by place, so the
 * place of each is kept, and follows when a directory is renamed.
 */
import type { HostChange, HostWatch } from '../vfs/host-changes.ts';
import type { ChangeNotifier } from './change-notifier.ts';
import type { Open } from './open.ts';
import type { SharedFile } from './shared-file.ts';

interface Cached {
  /** Undefined where the watch tells of this directory alone. */
  place: string | undefined;
  readonly watch: HostWatch;
}

const parentOf = (place: string): string => place.slice(0, Math.max(0, place.lastIndexOf('/')));

export class HostLeases {
  readonly #notifier: ChangeNotifier;
  readonly #changed: (key: string) => void;
  readonly #byKey = new Map<string, Cached>();
  /** Keys of SharedFiles. */
  readonly #byPlace = new Map<string, string>();

  /** `changed`: others have changed the directory of this key, and nobody else will tell. */
  constructor(notifier: ChangeNotifier, changed: (key: string) => void) {
    this.#notifier = notifier;
    this.#changed = changed;
  }

  /** The directory is cached from now on; `open` is one of those that have it open. */
  begin(file: SharedFile, open: Open): void {
    const share = open.home;
    const own = this.#notifier.watchEntries(share, open.handle!, () => this.#changed(file.key));
    if (own !== undefined) {
      this.#byKey.set(file.key, { place: undefined, watch: own });
      return;
    }
    const watch = this.#notifier.watchHost(share, open.handle!, false);
    if (watch === undefined) return;
    const place = this.#notifier.placeOf(share, open.handle!);
    // Removed on the host: nothing more can happen in it.
    if (place === undefined) watch.close();
    else this.#enter(file.key, place, watch);
  }

  end(file: SharedFile): void {
    const cached = this.#byKey.get(file.key);
    if (cached === undefined) return;
    this.#byKey.delete(file.key);
    const { place } = cached;
    if (place !== undefined && this.#byPlace.get(place) === file.key) this.#byPlace.delete(place);
    cached.watch.close();
  }

  /** A directory has another name, whoever gave it. */
  renamed(from: string, to: string): void {
    if (this.#byPlace.size === 0) return;
    const moved = [...this.#byPlace].filter(
      ([place]) => place === from || place.startsWith(`${from}/`),
    );
    for (const [place] of moved) this.#byPlace.delete(place);
    for (const [place, key] of moved) {
      const now = to + place.slice(from.length);
      this.#byKey.get(key)!.place = now;
      this.#byPlace.set(now, key);
    }
  }

  /** Of the directories that are known by place those in which something has changed, each once. */
  changed(changes: readonly HostChange[]): Iterable<string> {
    const keys = new Set<string>();
    const note = (place: string): void => {
      const key = this.#byPlace.get(parentOf(place));
      if (key !== undefined) keys.add(key);
    };
    for (const change of changes) {
      switch (change.kind) {
        case 'lost':
          return [...this.#byPlace.values()];
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

  #enter(key: string, place: string, watch: HostWatch): void {
    this.#byKey.set(key, { place, watch });
    this.#byPlace.set(place, key);
  }
}
