/**
 * MS-FSA 2.1.1.2, TunnelCacheEntry, as far as short names need it: a program that knows a file by its 8.3 name
 * alone saves by deleting the file and making it anew, and the file keeps its long name and its creation
 * time. Entries are made where a file is deleted by its short name (2.1.5.5, phase 7) and used where one is made
 * by it (2.1.5.1.1).
 */

/** "SHOULD … automatically purge this entry … once the entry is 15 seconds old". */
const MAX_AGE_MS = 15_000;
/** In 15 seconds hardly a program saves more files so; the oldest one is forgotten. */
const MAX_ENTRIES = 1024;

export interface Tunnelled {
  readonly name: string;
  readonly creationTime: bigint;
}

export class Tunnel {
  readonly #entries = new Map<string, Tunnelled & { readonly atMs: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `directory`: the key of the directory's SharedFile. */
  remember(directory: string, shortName: string, file: Tunnelled): void {
    const key = keyOf(directory, shortName);
    this.#entries.delete(key);
    this.#entries.set(key, { ...file, atMs: this.#now() });
    this.#purge();
  }

  /** What had this short name a moment ago; once. */
  take(directory: string, shortName: string): Tunnelled | undefined {
    this.#purge();
    const key = keyOf(directory, shortName);
    const found = this.#entries.get(key);
    this.#entries.delete(key);
    return found;
  }

  #purge(): void {
    const oldest = this.#now() - MAX_AGE_MS;
    for (const [key, { atMs }] of this.#entries) {
      if (atMs > oldest && this.#entries.size <= MAX_ENTRIES) return;
      this.#entries.delete(key);
    }
  }
}

const keyOf = (directory: string, shortName: string): string =>
  `${directory}/${shortName.toUpperCase()}`;
