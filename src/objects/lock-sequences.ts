/**
 * MS-SMB2 3.3.1.10, Open.LockSequenceArray: which LOCK requests of an open were carried out, so that
 * one that comes again after a lost connection is not carried out twice.
 *
 * Only an open that may outlive its connection or has several channels bears one. A client numbers its
 * requests by bucket (1 to 64) and, within a bucket, by a number modulo 16.
 */

const MAX_INDEX = 64;
export const LOCK_SEQUENCES_BYTES = MAX_INDEX + 1;
/** Entry.Valid is FALSE. */
const INVALID = 0xff;

export class LockSequences {
  /** By bucket; the entry 0 is reserved. */
  readonly #numbers = new Uint8Array(MAX_INDEX + 1).fill(INVALID);

  /** What `restore` takes. */
  get bytes(): Buffer {
    return Buffer.from(this.#numbers);
  }

  restore(bytes: Buffer): void {
    this.#numbers.set(bytes.subarray(0, this.#numbers.length));
  }

  /** 3.3.5.14: whether this request was carried out already. Another number empties the bucket. */
  isReplay(index: number, number: number): boolean {
    if (index === 0 || index > MAX_INDEX || this.#numbers[index] === INVALID) return false;
    if (this.#numbers[index] === number) return true;
    this.#numbers[index] = INVALID;
    return false;
  }

  /** 3.3.5.14.1 and 3.3.5.14.2: it has been carried out. */
  record(index: number, number: number): void {
    if (index === 0 || index > MAX_INDEX) return;
    this.#numbers[index] = number;
  }
}
