/**
 * Large buffers that are used again. A fresh megabyte costs its page faults, which is more than filling it;
 * one that was used before costs nothing. Sizes are powers of two. Who takes a buffer may give it back once,
 * when nobody looks at it any more; one that is forgotten goes to the garbage collector.
 */
import assert from 'node:assert/strict';
import { MAX_POOLED_BYTES } from './limits.ts';

/** Below, V8's own slabs are as good. */
export const MIN_POOLED_BYTES = 32 * 1024;
const MIN_EXPONENT = 15;

export class BufferPool {
  readonly #maxBytes: number;
  /** By exponent, above the smallest. */
  readonly #free: Buffer[][] = [];
  /** Whether a buffer of the pool's is in use, by its memory. */
  readonly #inUse = new WeakMap<ArrayBufferLike, boolean>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
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
    this.#inUse.set(whole.buffer, true);
    return whole.length === length ? whole : whole.subarray(0, length);
  }

  /** Takes back what it gave, or a part of that; anything else is not its own and is left alone. */
  give(buffer: Buffer): void {
    const memory = buffer.buffer;
    const inUse = this.#inUse.get(memory);
    if (inUse === undefined) return;
    assert.ok(inUse, 'a buffer is given back once');
    this.#inUse.set(memory, false);
    if (this.#bytes + memory.byteLength > this.#maxBytes) {
      this.#inUse.delete(memory);
      return;
    }
    const index = 31 - Math.clz32(memory.byteLength) - MIN_EXPONENT;
    this.#free[index] ??= [];
    this.#free[index].push(Buffer.from(memory));
    this.#bytes += memory.byteLength;
  }
}

/** The process's. */
export const bufferPool = new BufferPool(MAX_POOLED_BYTES);
