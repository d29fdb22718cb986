/** A list of buffers as one run of bytes that is taken from its front, without copying. */
export class ByteParts {
  readonly #parts: readonly Buffer[];
  #index = 0;
  #at = 0;
  #left: number;

  constructor(parts: readonly Buffer[]) {
    this.#parts = parts;
    this.#left = parts.reduce((sum, part) => sum + part.length, 0);
  }

  /** Bytes that are not taken yet. */
  get left(): number {
    return this.#left;
  }

  /** Views of the next `count` bytes, or of all that are left. */
  take(count: number): Buffer[] {
    const taken: Buffer[] = [];
    let missing = Math.min(count, this.#left);
    this.#left -= missing;
    while (missing > 0) {
      const part = this.#parts[this.#index]!;
      const piece = part.subarray(this.#at, this.#at + missing);
      if (piece.length > 0) taken.push(piece);
      missing -= piece.length;
      this.#at += piece.length;
      if (this.#at === part.length) {
        this.#index += 1;
        this.#at = 0;
      }
    }
    return taken;
  }
}
