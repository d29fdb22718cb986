/**
 * RFC 5044 4 and 5: FPDUs, from the stream of a TCP connection to DDP segments and back. Without markers.
 *
 *     length (2) | segment | 0 to 3 bytes of padding | CRC32C (4)
 *
 * A peer's FPDUs may lie anywhere in what TCP delivers: across chunks, many in one.
 */
import { crc32c } from './crc32c.ts';

export const LENGTH_BYTES = 2;
export const CRC_BYTES = 4;
/** RFC 5044 4.3: ULPDU_Length has 16 bits. */
export const MAX_ULPDU_BYTES = 0xffff;

const padding = (ulpduBytes: number): number => -(LENGTH_BYTES + ulpduBytes) & 3;

export interface FpduEvents {
  /** One segment, a view that stays until the call is back; false ends the reading. */
  segment(ulpdu: Buffer): boolean;
  /** Its checksum is wrong; nothing more is read. */
  corrupt(): void;
}

export class FpduReader {
  readonly #events: FpduEvents;
  readonly #checks: boolean;
  /** The FPDU under way, as long as its length is not known, 2 bytes. */
  #partial: Buffer = Buffer.alloc(0);
  #held = 0;
  /** For those that lie across chunks. */
  #memory: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(events: FpduEvents, checks: boolean) {
    this.#events = events;
    this.#checks = checks;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#ended) {
      at = this.#held > 0 ? this.#goOn(chunk, at) : this.#begin(chunk, at);
    }
  }

  /** Between two FPDUs. */
  #begin(chunk: Buffer, at: number): number {
    const available = chunk.length - at;
    if (available >= LENGTH_BYTES) {
      const size = fpduBytes(chunk.readUInt16BE(at));
      if (available >= size) {
        this.#take(chunk.subarray(at, at + size));
        return at + size;
      }
      this.#partial = this.#room(size);
    } else {
      this.#partial = Buffer.allocUnsafe(LENGTH_BYTES);
    }
    this.#held = chunk.copy(this.#partial, 0, at);
    return chunk.length;
  }

  /** Into an FPDU of which a part is there. */
  #goOn(chunk: Buffer, at: number): number {
    let from = at;
    if (this.#held < LENGTH_BYTES) {
      this.#partial[this.#held++] = chunk[from++]!;
      const whole = this.#room(fpduBytes(this.#partial.readUInt16BE(0)));
      this.#partial.copy(whole);
      this.#partial = whole;
    }
    const count = chunk.copy(this.#partial, this.#held, from);
    this.#held += count;
    if (this.#held === this.#partial.length) {
      const whole = this.#partial;
      this.#held = 0;
      this.#take(whole);
    }
    return from + count;
  }

  /** One FPDU at a time is held: the same memory for each, as long as the longest was. */
  #room(size: number): Buffer {
    if (this.#memory.length < size) this.#memory = Buffer.allocUnsafeSlow(size);
    return this.#memory.subarray(0, size);
  }

  #take(fpdu: Buffer): void {
    const end = fpdu.length - CRC_BYTES;
    if (this.#checks && crc32c(fpdu.subarray(0, end)) !== fpdu.readUInt32LE(end)) {
      this.#ended = true;
      this.#events.corrupt();
      return;
    }
    const ulpduBytes = fpdu.readUInt16BE(0);
    if (!this.#events.segment(fpdu.subarray(LENGTH_BYTES, LENGTH_BYTES + ulpduBytes))) {
      this.#ended = true;
    }
  }

  /** Nothing that still arrives is looked at. */
  end(): void {
    this.#ended = true;
    this.#held = 0;
    this.#partial = Buffer.alloc(0);
    this.#memory = this.#partial;
  }
}

const fpduBytes = (ulpduBytes: number): number =>
  LENGTH_BYTES + ulpduBytes + padding(ulpduBytes) + CRC_BYTES;

const MAX_TRAILER_BYTES = 3 + CRC_BYTES;

/**
 * FPDUs on their way out, as parts of a stream: the payload as it lies, and between two of them, in one piece of
 * memory for all, what ends the one and begins the next.
 */
export class FpduWriter {
  readonly #checks: boolean;
  readonly #headBytes: number;
  readonly #memory: Buffer;
  readonly #parts: Buffer[] = [];
  /** What is not among the parts yet begins here. */
  #from = 0;
  #at = 0;

  /** For so many FPDUs; `headerBytes`: of the segment's header. */
  constructor(count: number, headerBytes: number, checks: boolean) {
    this.#checks = checks;
    this.#headBytes = LENGTH_BYTES + headerBytes;
    this.#memory = Buffer.allocUnsafe(count * (this.#headBytes + MAX_TRAILER_BYTES));
  }

  /** One FPDU; `header` writes the segment's where it is told to. */
  add(payload: readonly Buffer[], header: (into: Buffer, at: number) => void): void {
    const memory = this.#memory;
    const headAt = this.#at;
    const trailerAt = headAt + this.#headBytes;
    let ulpduBytes = this.#headBytes - LENGTH_BYTES;
    for (const part of payload) ulpduBytes += part.length;
    memory.writeUInt16BE(ulpduBytes, headAt);
    header(memory, headAt + LENGTH_BYTES);
    const crcAt = trailerAt + padding(ulpduBytes);
    memory.fill(0, trailerAt, crcAt + CRC_BYTES);
    if (this.#checks) {
      let crc = crc32c(memory.subarray(headAt, trailerAt));
      for (const part of payload) crc = crc32c(part, crc);
      crc = crc32c(memory.subarray(trailerAt, crcAt), crc);
      memory.writeUInt32LE(crc, crcAt);
    }
    this.#parts.push(memory.subarray(this.#from, trailerAt), ...payload);
    this.#from = trailerAt;
    this.#at = crcAt + CRC_BYTES;
  }

  /** All of it. */
  end(): Buffer[] {
    this.#parts.push(this.#memory.subarray(this.#from, this.#at));
    return this.#parts;
  }
}
