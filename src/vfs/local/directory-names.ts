/** The names of one directory as clients look for them: without regard to case, each by its fold key. */
import { clientName } from '../../fscc/private-names.ts';
import { foldKey, isAscii } from '../../fscc/upcase.ts';

/** Two short strings and a slot of a map, beside the letters themselves. */
const NAME_OVERHEAD_BYTES = 96;

/** What is ASCII takes one byte a letter. */
const bytesOf = (key: string, name: string): number =>
  NAME_OVERHEAD_BYTES + (isAscii(name) ? 1 : 2) * (key.length + name.length);

export const keyOfName = (disk: string): string => foldKey(clientName(disk));

export class DirectoryNames {
  /** By fold key: the name on disk; of several the first. */
  readonly #names = new Map<string, string>();
  /** Keys that more than one name has. */
  readonly #shared = new Set<string>();
  /** About what it takes in memory. */
  bytes = 0;

  get size(): number {
    return this.#names.size;
  }

  get(key: string): string | undefined {
    return this.#names.get(key);
  }

  /** Whether several names have this key, so that nobody knows which is left when one goes. */
  isShared(key: string): boolean {
    return this.#shared.has(key);
  }

  enter(name: string, key = keyOfName(name)): void {
    const known = this.#names.get(key);
    if (known === undefined) {
      this.#names.set(key, name);
      this.bytes += bytesOf(key, name);
    } else if (known !== name) {
      this.#shared.add(key);
    }
  }

  remove(key: string): void {
    const name = this.#names.get(key);
    if (name === undefined) return;
    this.#names.delete(key);
    this.bytes -= bytesOf(key, name);
  }

  /** Forgets all but these. */
  keepOnly(keys: Iterable<string>): void {
    const kept = [...keys].map((key) => [key, this.#names.get(key)] as const);
    this.#names.clear();
    this.#shared.clear();
    this.bytes = 0;
    for (const [key, name] of kept) if (name !== undefined) this.enter(name, key);
  }
}
