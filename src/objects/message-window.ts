/**
 * Ids for which there is room at first. That for the widest window, 8,192 ids by default, would be a fifth of what an idle
 * session keeps.
 */
const FIRST_ROOM = 128;

/**
 * Connection.CommandSequenceWindow, MS-SMB2 3.3.1.1 and 3.3.1.2: the MessageIds a client may use.
 *
 * A set, not a low-water mark: ids inside the window may arrive in any order. The window spans
 * [low, high); a bit tells which of them are used up. Low moves over used ids, high grows by the
 * credits granted. The span never exceeds `limit`, so a client that leaves a hole gets fewer credits
 * until it fills it.
 */
export class MessageWindow {
  #low = 0;
  #high = 1;
  #used = 0;
  readonly #limit: number;
  /** One byte an id, at id modulo length: room for the span, which few clients let come near the limit. */
  #taken: Uint8Array;

  constructor(limit: number) {
    this.#limit = limit;
    this.#taken = new Uint8Array(Math.min(limit, FIRST_ROOM));
  }

  /** Credits that the client holds now. */
  get available(): number {
    return this.#high - this.#low - this.#used;
  }

  /** 3.3.5.2.3: takes `count` ids from `id` on; false, and nothing taken, unless all are available. */
  take(id: number, count: number): boolean {
    if (id < this.#low || id + count > this.#high) return false;
    const taken = this.#taken;
    for (let i = id; i < id + count; i++) {
      if (taken[i % taken.length] !== 0) return false;
    }
    for (let i = id; i < id + count; i++) taken[i % taken.length] = 1;
    this.#used += count;
    while (this.#used > 0 && taken[this.#low % taken.length] !== 0) {
      taken[this.#low % taken.length] = 0;
      this.#low += 1;
      this.#used -= 1;
    }
    return true;
  }

  /** 3.3.4.1.2: adds up to `wanted` ids, keeping what the client holds below `cap`; returns how many. */
  grant(wanted: number, cap = this.#limit): number {
    const room = Math.min(this.#limit - (this.#high - this.#low), cap - this.available);
    const granted = Math.max(0, Math.min(wanted, room));
    this.#high += granted;
    if (this.#high - this.#low > this.#taken.length) this.#widen();
    return granted;
  }

  #widen(): void {
    const before = this.#taken;
    const span = this.#high - this.#low;
    let room = before.length;
    while (room < span) room *= 2;
    const after = new Uint8Array(Math.min(room, this.#limit));
    // Ids that were granted just now are beyond what was there before: nobody has used them.
    const end = Math.min(this.#high, this.#low + before.length);
    for (let i = this.#low; i < end; i++) after[i % after.length] = before[i % before.length]!;
    this.#taken = after;
  }
}
