/** RFC 5040 8.1: memory that a peer may reach, by STag. */
export class Memory {
  readonly #regions = new Map<number, Buffer>();
  #next = 0x100;

  /** The STag; offsets count from the buffer's start. */
  register(buffer: Buffer): number {
    const stag = this.#next;
    this.#next += 0x100;
    this.#regions.set(stag, buffer);
    return stag;
  }

  /** False where no memory bears it. */
  release(stag: number): boolean {
    return this.#regions.delete(stag);
  }

  has(stag: number): boolean {
    return this.#regions.has(stag);
  }

  range(stag: number, offset: bigint, length: number): Buffer | 'no memory' | 'beyond' {
    const region = this.#regions.get(stag);
    if (region === undefined) return 'no memory';
    if (offset + BigInt(length) > BigInt(region.length)) return 'beyond';
    const at = Number(offset);
    return region.subarray(at, at + length);
  }

  clear(): void {
    this.#regions.clear();
  }
}
