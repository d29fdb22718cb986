/**
 * The octet stream beneath NDR (C706 14.2, 14.3.10): alignment from the stream's start, integers, and
 * the queue of referents that follow the construct which points at them (C706 14.3.12.3).
 */
import { WireError } from '../wire/wire-error.ts';

const STRUCTURE = 'NDR';

/** Referents wait here until the construct with their pointers is complete. */
type Deferred = (() => void)[];

/** Runs `body`, then every referent it deferred, each with its own queue: depth first, as C706 says. */
function drain(swap: (queue: Deferred) => Deferred, body: () => void): void {
  const own: Deferred = [];
  const outer = swap(own);
  body();
  swap(outer);
  for (const referent of own) referent();
}

export class NdrReader {
  readonly #input: Buffer;
  readonly #bigEndian: boolean;
  #offset: number;
  #deferred: Deferred = [];

  constructor(input: Buffer, bigEndian = false, offset = 0) {
    this.#input = input;
    this.#bigEndian = bigEndian;
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#input.length - this.#offset;
  }

  fail(problem: string): never {
    throw new WireError(STRUCTURE, `${problem} at ${this.#offset}`);
  }

  /** Moves past padding; its octets are ignored, and the end of the input may come within it. */
  align(alignment: number): void {
    const misaligned = this.#offset % alignment;
    if (misaligned !== 0) {
      this.#offset = Math.min(this.#offset + alignment - misaligned, this.#input.length);
    }
  }

  /** The next `size` octets as a view. */
  octets(size: number): Buffer {
    if (size > this.remaining) this.fail(`needs ${size} octets, ${this.remaining} are left`);
    const at = this.#offset;
    this.#offset += size;
    return this.#input.subarray(at, at + size);
  }

  /** The octet that is `ahead` of the next one, which stays the next. */
  peek(ahead: number): number {
    if (ahead >= this.remaining) this.fail(`needs ${ahead + 1} octets, ${this.remaining} are left`);
    return this.#input.readUInt8(this.#offset + ahead);
  }

  u8(): number {
    return this.octets(1).readUInt8(0);
  }

  u16(): number {
    this.align(2);
    const b = this.octets(2);
    return this.#bigEndian ? b.readUInt16BE(0) : b.readUInt16LE(0);
  }

  u32(): number {
    this.align(4);
    const b = this.octets(4);
    return this.#bigEndian ? b.readUInt32BE(0) : b.readUInt32LE(0);
  }

  u64(): bigint {
    this.align(8);
    const b = this.octets(8);
    return this.#bigEndian ? b.readBigUInt64BE(0) : b.readBigUInt64LE(0);
  }

  /** `units` UTF-16 code units. */
  text(units: number): string {
    this.align(2);
    const b = this.octets(units * 2);
    return (this.#bigEndian ? Buffer.from(b).swap16() : b).toString('utf16le');
  }

  /** An array's element count, refused when the input cannot hold that many elements. */
  bounded(count: number, elementSize: number): number {
    if (count * elementSize > this.remaining) {
      this.fail(`${count} elements of ${elementSize} octets do not fit in ${this.remaining}`);
    }
    return count;
  }

  defer(referent: () => void): void {
    this.#deferred.push(referent);
  }

  construct(body: () => void): void {
    drain((queue) => {
      const outer = this.#deferred;
      this.#deferred = queue;
      return outer;
    }, body);
  }
}

/** Where referent identifiers start and how far apart they are: any non-zero, distinct values do. */
const FIRST_REFERENT = 0x0002_0000;
const REFERENT_STEP = 4;

/** First allocation of a writer; most messages of these interfaces are smaller. */
const INITIAL_CAPACITY = 512;

/** Writes little-endian, whatever the peer wrote: the receiver makes it right (C706 14.2.5). */
export class NdrWriter {
  #output = Buffer.alloc(INITIAL_CAPACITY);
  #length = 0;
  #deferred: Deferred = [];
  #nextReferent: number;

  constructor(firstReferent = FIRST_REFERENT) {
    this.#nextReferent = firstReferent;
  }

  get length(): number {
    return this.#length;
  }

  /** What was written; the writer must not be used afterwards. */
  finish(): Buffer {
    return this.#output.subarray(0, this.#length);
  }

  align(alignment: number): void {
    const misaligned = this.#length % alignment;
    if (misaligned !== 0) this.#room(alignment - misaligned);
  }

  octets(source: Uint8Array): void {
    const at = this.#room(source.length);
    this.#output.set(source, at);
  }

  u8(value: number): void {
    const at = this.#room(1);
    this.#output.writeUInt8(value, at);
  }

  u16(value: number): void {
    this.align(2);
    const at = this.#room(2);
    this.#output.writeUInt16LE(value, at);
  }

  u32(value: number): void {
    this.align(4);
    const at = this.#room(4);
    this.#output.writeUInt32LE(value, at);
  }

  u64(value: bigint): void {
    this.align(8);
    const at = this.#room(8);
    this.#output.writeBigUInt64LE(value, at);
  }

  text(value: string): void {
    this.align(2);
    this.octets(Buffer.from(value, 'utf16le'));
  }

  /** The identifier of a pointer that is not null. */
  referent(): void {
    this.u32(this.#nextReferent);
    this.#nextReferent += REFERENT_STEP;
  }

  defer(referent: () => void): void {
    this.#deferred.push(referent);
  }

  construct(body: () => void): void {
    drain((queue) => {
      const outer = this.#deferred;
      this.#deferred = queue;
      return outer;
    }, body);
  }

  /** Makes room for `size` zero octets and returns their offset. */
  #room(size: number): number {
    const at = this.#length;
    const end = at + size;
    if (end > this.#output.length) {
      const grown = Buffer.alloc(Math.max(end, this.#output.length * 2));
      this.#output.copy(grown, 0, 0, at);
      this.#output = grown;
    }
    this.#length = end;
    return at;
  }
}
