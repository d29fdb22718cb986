/**
 * Long work in slices: of all that wait for their turn one goes on in each round of the event loop, so
 * that a hundred clients that are lost at once hold up nobody who is there.
 */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  next(): Promise<void> {
    this.#last = this.#last.then(() => new Promise((resolve) => setImmediate(resolve)));
    return this.#last;
  }
}
