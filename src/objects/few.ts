/**
 * A set of things of which there is mostly one, and nobody knows how many there will be: the opens of a
 * file or of a lease. One costs no more than a field; a Set of one costs 230 bytes.
 */
export class Few<T extends object> implements Iterable<T> {
  #one: T | undefined;
  /** From the second on; then `#one` is in it, too. */
  #all: Set<T> | undefined;

  constructor(first?: T) {
    this.#one = first;
  }

  get size(): number {
    return this.#all?.size ?? (this.#one === undefined ? 0 : 1);
  }

  has(thing: T): boolean {
    return this.#all?.has(thing) ?? this.#one === thing;
  }

  add(thing: T): void {
    if (this.#all !== undefined) this.#all.add(thing);
    else if (this.#one === undefined) this.#one = thing;
    else if (this.#one !== thing) this.#all = new Set([this.#one, thing]);
  }

  delete(thing: T): boolean {
    if (this.#all === undefined) {
      if (this.#one !== thing) return false;
      this.#one = undefined;
      return true;
    }
    if (!this.#all.delete(thing)) return false;
    if (this.#all.size <= 1) {
      [this.#one] = this.#all;
      this.#all = undefined;
    }
    return true;
  }

  /** In the order in which they came. What is deleted meanwhile may be met, or not. */
  [Symbol.iterator](): Iterator<T> {
    if (this.#all !== undefined) return this.#all.values();
    return this.#one === undefined ? NONE.values() : [this.#one].values();
  }
}

const NONE: never[] = [];
