/** What the keeper has of the process that it keeps: records it does not look into, and a descriptor with most. */
import { MAX_KEPT_OPENS } from '../base/limits.ts';

export interface KeptEntry {
  readonly value: Buffer;
  readonly descriptor: number | undefined;
}

export class Kept {
  readonly #entries = new Map<number, KeptEntry>();
  readonly #close: (descriptor: number) => void;

  /** `close` ends a descriptor. */
  constructor(close: (descriptor: number) => void) {
    this.#close = close;
  }

  get size(): number {
    return this.#entries.size;
  }

  get entries(): ReadonlyMap<number, KeptEntry> {
    return this.#entries;
  }

  /** Takes over the descriptor. Without one it stays the one there is. False where there are too many already. */
  put(key: number, value: Buffer, descriptor: number | undefined): boolean {
    const before = this.#entries.get(key);
    if (before === undefined && this.#entries.size >= MAX_KEPT_OPENS) {
      if (descriptor !== undefined) this.#close(descriptor);
      return false;
    }
    const superseded = descriptor === undefined ? undefined : before?.descriptor;
    this.#entries.set(key, { value, descriptor: descriptor ?? before?.descriptor });
    if (superseded !== undefined) this.#close(superseded);
    return true;
  }

  delete(key: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    if (entry.descriptor !== undefined) this.#close(entry.descriptor);
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key);
  }
}
