/**
 * The end of something that requests under way may still be using: an open with its handle, a tree
 * connect with its files, a connection. It leaves its tables at once; what it holds is given back when
 * the last of those requests is through. A request holds only while it waits for a promise.
 */
export class Lifetime {
  #users = 0;
  #last: (() => void) | undefined;

  hold(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    const last = this.#last;
    this.#last = undefined;
    last?.();
  }

  /** Does `last` once nobody uses it any more: now, or later. To be called once. */
  end(last: () => void): void {
    if (this.#users === 0) last();
    else this.#last = last;
  }
}
