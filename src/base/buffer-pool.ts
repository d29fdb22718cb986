/**
 * Large buffers that are used again. A fresh megabyte costs its page faults, which is more than filling it;
 * one that was used before costs nothing. Sizes are powers of two. Who takes a buffer may give it back once,
 * when nobody looks at it any more; one that is forgotten goes to the garbage collector.
 *
 * What is in use is counted. Nobody is refused a buffer, but who can wait before he takes one asks `isFull`
 * and `whenRoom`: so the whole of them is bounded by one setting, to within a message for each that did not.
 */
import assert from 'node:assert/strict';
import { DEFAULT_BUFFER_BYTES, MAX_POOLED_BYTES } from './limits.ts';

/** Below, V8's own slabs are as good. */
export const MIN_POOLED_BYTES = 32 * 1024;
const MIN_EXPONENT = 15;

/** Memory of the pool's. */
interface Piece {
  readonly bytes: number;
  isInUse: boolean;
}

interface Waiter {
  mayGoOn(): boolean;
  goOn(): void;
}

export class BufferPool {
  readonly #maxBytes: number;
  /** By exponent, above the smallest. */
  readonly #free: Buffer[][] = [];
  readonly #pieces = new WeakMap<ArrayBufferLike, Piece>();
  readonly #forgotten = new FinalizationRegistry<Piece>((piece) => this.#release(piece));
  #bytes = 0;
  #usedBytes = 0;
  #waiters: Waiter[] = [];
  #looks = false;
  /** Of buffers in use; what smb.conf says. */
  maxUsedBytes: number;

  /** `maxBytes`: of those that lie ready. */
  constructor(maxBytes: number, maxUsedBytes = DEFAULT_BUFFER_BYTES) {
    this.#maxBytes = maxBytes;
    this.maxUsedBytes = maxUsedBytes;
  }

  /** Bytes that are in use. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  get isFull(): boolean {
    return this.#usedBytes >= this.maxUsedBytes;
  }

  /** What one may hold of it whose work may stand still for long: the others have the rest. */
  get sharedBytes(): number {
    return this.maxUsedBytes / 4;
  }

  /** Calls `goOn`, later, once it may; those that wait for the same have their turn in order. */
  whenRoom(mayGoOn: () => boolean, goOn: () => void): void {
    this.#waiters.push({ mayGoOn, goOn });
    this.look();
  }

  /** Buffers have been given back, or something else has changed that somebody may wait for. */
  look(): void {
    if (this.#waiters.length === 0 || this.#looks) return;
    this.#looks = true;
    // Whoever gives a buffer back may be in the midst of something.
    setImmediate(() => this.#wake());
  }

  #wake(): void {
    this.#looks = false;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      if (waiter.mayGoOn()) waiter.goOn();
      else this.#waiters.push(waiter);
    }
  }

  /** Bytes that lie ready. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A buffer of this length with anything in it. */
  take(length: number): Buffer {
    if (length < MIN_POOLED_BYTES) return Buffer.allocUnsafe(length);
    const exponent = Math.max(MIN_EXPONENT, 32 - Math.clz32(length - 1));
    const found = this.#free[exponent - MIN_EXPONENT]?.pop();
    const whole = found ?? Buffer.allocUnsafeSlow(2 ** exponent);
    if (found !== undefined) this.#bytes -= whole.length;
    this.#use(whole.buffer);
    return whole.length === length ? whole : whole.subarray(0, length);
  }

  #use(memory: ArrayBufferLike): void {
    let piece = this.#pieces.get(memory);
    if (piece === undefined) {
      piece = { bytes: memory.byteLength, isInUse: false };
      this.#pieces.set(memory, piece);
      this.#forgotten.register(memory, piece);
    }
    piece.isInUse = true;
    this.#usedBytes += piece.bytes;
  }

  #release(piece: Piece): void {
    if (!piece.isInUse) return;
    piece.isInUse = false;
    this.#usedBytes -= piece.bytes;
    this.look();
  }

  /** Takes back what it gave, or a part of that; anything else is not its own and is left alone. */
  give(buffer: Buffer): void {
    const memory = buffer.buffer;
    const piece = this.#pieces.get(memory);
    if (piece === undefined) return;
    assert.ok(piece.isInUse, 'a buffer is given back once');
    if (this.#bytes + piece.bytes > this.#maxBytes) this.#pieces.delete(memory);
    else {
      const index = 31 - Math.clz32(piece.bytes) - MIN_EXPONENT;
      this.#free[index] ??= [];
      this.#free[index].push(Buffer.from(memory));
      this.#bytes += piece.bytes;
    }
    this.#release(piece);
  }
}

/** The process's. */
export const bufferPool = new BufferPool(MAX_POOLED_BYTES);
