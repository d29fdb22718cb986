/**
 * The bytes of one file: chunks where something was written, nothing where nothing was. A chunk starts
 * small and grows, so that small files stay small. What all files hold together may be limited.
 */

import { EFBIG, ENOSPC, type Errno } from '../errno.ts';
import type { VfsRange } from '../vfs.ts';

const CHUNK_BYTES = 65_536;
const SMALLEST_CHUNK_BYTES = 4096;

/** Offsets are numbers: exact up to here. */
const MAX_FILE_BYTES = Number.MAX_SAFE_INTEGER;

/** The space that all files of a volume share. */
export class Space {
  readonly capacityBytes: number;
  usedBytes = 0;

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
  }

  /** Takes (or gives back) so many bytes; false when they are not there. */
  take(byteCount: number): boolean {
    if (byteCount > 0 && this.usedBytes + byteCount > this.capacityBytes) return false;
    this.usedBytes += byteCount;
    return true;
  }
}

export class Pages {
  /** The file's size. */
  size = 0;
  readonly #space: Space;
  readonly #chunks = new Map<number, Uint8Array>();
  #chunkBytes = 0;
  #reservedBytes = 0;

  constructor(space: Space) {
    this.#space = space;
  }

  get allocationSize(): number {
    return Math.max(this.#chunkBytes, this.#reservedBytes);
  }

  read(buffer: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(buffer.length, this.size - position));
    for (let done = 0; done < count; ) {
      const index = Math.floor((position + done) / CHUNK_BYTES);
      const start = (position + done) % CHUNK_BYTES;
      const length = Math.min(count - done, CHUNK_BYTES - start);
      const chunk = this.#chunks.get(index);
      const present = chunk?.subarray(start, start + length);
      if (present !== undefined) buffer.set(present, done);
      buffer.fill(0, done + (present?.length ?? 0), done + length);
      done += length;
    }
    return count;
  }

  write(buffer: Uint8Array, position: number): number {
    if (buffer.length === 0) return 0;
    if (position + buffer.length > MAX_FILE_BYTES) return EFBIG;
    for (let done = 0; done < buffer.length; ) {
      const index = Math.floor((position + done) / CHUNK_BYTES);
      const start = (position + done) % CHUNK_BYTES;
      const length = Math.min(buffer.length - done, CHUNK_BYTES - start);
      const chunk = this.#chunk(index, start + length);
      if (chunk === undefined) return ENOSPC;
      chunk.set(buffer.subarray(done, done + length), start);
      done += length;
      this.size = Math.max(this.size, position + done);
    }
    return buffer.length;
  }

  truncate(length: number): Errno | 0 {
    if (length > MAX_FILE_BYTES) return EFBIG;
    if (length < this.size) this.#cut(length);
    this.size = length;
    return 0;
  }

  /** Within the size. Whole chunks are given back, unless they are to keep their space. */
  zero({ position, length }: VfsRange, keepsSpace: boolean): void {
    const end = position + length;
    let chunkBytes = this.#chunkBytes;
    for (const [index, chunk] of this.#chunks) {
      const at = index * CHUNK_BYTES;
      if (end <= at || position >= at + CHUNK_BYTES) continue;
      const isWhole = position <= at && end >= Math.min(at + CHUNK_BYTES, this.size);
      if (isWhole && !keepsSpace) {
        this.#chunks.delete(index);
        chunkBytes -= chunk.length;
      } else chunk.fill(0, Math.max(0, position - at), Math.max(0, end - at));
    }
    this.#account(chunkBytes, this.#reservedBytes);
  }

  /** Where something was written, in whole chunks, cut to the range and to the size. */
  ranges({ position, length }: VfsRange, max: number): VfsRange[] {
    const end = Math.min(position + length, this.size);
    const found: { position: number; length: number }[] = [];
    for (const index of [...this.#chunks.keys()].sort((a, b) => a - b)) {
      const from = Math.max(position, index * CHUNK_BYTES);
      const to = Math.min(end, (index + 1) * CHUNK_BYTES);
      if (from >= to) continue;
      const last = found.at(-1);
      if (last !== undefined && last.position + last.length === from) last.length += to - from;
      else if (found.length === max) break;
      else found.push({ position: from, length: to - from });
    }
    return found;
  }

  allocate(length: number): Errno | 0 {
    if (length > MAX_FILE_BYTES) return EFBIG;
    const reserved = Math.max(this.#reservedBytes, length);
    return this.#account(this.#chunkBytes, reserved) ? 0 : ENOSPC;
  }

  /** Gives all space back; the file is no more. */
  release(): void {
    this.#chunks.clear();
    this.#account(0, 0);
  }

  /** The chunk, at least so long; undefined when there is no space for it. */
  #chunk(index: number, needed: number): Uint8Array | undefined {
    const present = this.#chunks.get(index);
    if (present !== undefined && present.length >= needed) return present;
    let length = SMALLEST_CHUNK_BYTES;
    while (length < needed) length *= 2;
    const added = length - (present?.length ?? 0);
    if (!this.#account(this.#chunkBytes + added, this.#reservedBytes)) return undefined;
    const grown = new Uint8Array(length);
    if (present !== undefined) grown.set(present);
    this.#chunks.set(index, grown);
    return grown;
  }

  #cut(length: number): void {
    const last = Math.floor(length / CHUNK_BYTES);
    let chunkBytes = this.#chunkBytes;
    for (const [index, chunk] of this.#chunks) {
      if (index < last || (index === last && length % CHUNK_BYTES > 0)) continue;
      this.#chunks.delete(index);
      chunkBytes -= chunk.length;
    }
    // What is beyond the end reads as zeros when the file grows again.
    this.#chunks.get(last)?.fill(0, length % CHUNK_BYTES);
    this.#account(chunkBytes, Math.min(this.#reservedBytes, length));
  }

  #account(chunkBytes: number, reservedBytes: number): boolean {
    const footprint = Math.max(chunkBytes, reservedBytes);
    if (!this.#space.take(footprint - this.allocationSize)) return false;
    this.#chunkBytes = chunkBytes;
    this.#reservedBytes = reservedBytes;
    return true;
  }
}
