/**
 * Memory that C reads and writes, by address: structures of one operation lie in it one after the other, and it
 * is used again for the next. Its bytes stay where they are, which those of single buffers do not once
 * nothing refers to them any more.
 */
import { addressOf, bind } from './library.ts';

const memcpy = bind<(to: number, from: number, length: number) => number>('memcpy', 'int64', [
  'int64',
  'int64',
  'int64',
]);

/** What C's allocations and its structures are aligned to. */
const ALIGNMENT = 16;

export class Arena {
  readonly #bytes: Buffer;
  readonly #address: number;
  #used = 0;

  constructor(size: number) {
    this.#bytes = Buffer.from(new ArrayBuffer(size));
    this.#address = addressOf(this.#bytes);
  }

  /** Everything that was put here is given up. */
  reset(): void {
    this.#used = 0;
  }

  /** Zeros: the address of the first. */
  zeros(length: number): number {
    const at = Math.ceil(this.#used / ALIGNMENT) * ALIGNMENT;
    if (at + length > this.#bytes.length)
      throw new RangeError(`an arena has no ${length} bytes left`);
    this.#bytes.fill(0, at, at + length);
    this.#used = at + length;
    return this.#address + at;
  }

  put(bytes: Buffer): number {
    const address = this.zeros(bytes.length);
    bytes.copy(this.#bytes, address - this.#address);
    return address;
  }

  /** With the 0 that C ends it by. */
  text(text: string): number {
    return this.put(Buffer.from(`${text}\0`));
  }

  setPointer(address: number, value: number): void {
    this.#bytes.writeBigUInt64LE(BigInt(value), address - this.#address);
  }

  pointer(address: number): number {
    return Number(this.#bytes.readBigUInt64LE(address - this.#address));
  }

  setU32(address: number, value: number): void {
    this.#bytes.writeUInt32LE(value, address - this.#address);
  }

  u32(address: number): number {
    return this.#bytes.readUInt32LE(address - this.#address);
  }

  i32(address: number): number {
    return this.#bytes.readInt32LE(address - this.#address);
  }
}

/** What lies at an address of C's, as a copy. */
export function copyFrom(address: number, length: number): Buffer {
  const bytes = Buffer.from(new ArrayBuffer(length));
  if (length > 0) memcpy(addressOf(bytes), address, length);
  return bytes;
}
