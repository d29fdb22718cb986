/**
 * MS-SMB2 2.1: Direct TCP framing, from a stream of chunks to whole messages.
 *
 * A message that lies inside one chunk is handed on as a view of it, or as a copy where chunks are used
 * again. Otherwise its bytes are copied once, into a buffer of the message's size, which is taken when its
 * length is known and allowed; what is missing of it may be received straight into it (`missing`). Messages
 * are never reassembled by concatenation.
 */
import { bufferPool, MIN_POOLED_BYTES } from '../base/buffer-pool.ts';
import {
  FRAME_HEADER_SIZE,
  type FrameHeader,
  NetbiosType,
  readFrameHeader,
} from '../smb2/framing.ts';

export interface FrameEvents {
  maxMessageBytes(): number;
  /** No further message for now: the reader keeps what it has until resume(). */
  congested(): boolean;
  /** Whether there is memory for a large message now; if not, the reader keeps what it has until resume(). */
  hasRoom(): boolean;
  message(payload: Buffer): void;
  /** RFC 1002 4.3.2: a NetBIOS session request; NetBIOS clients want an answer before they speak. */
  sessionRequest(): void;
  /** The stream is no SMB; nothing more is read. */
  broken(problem: string): void;
}

function copyOf(chunk: Buffer, start: number, end: number): Buffer {
  const copy = bufferPool.take(end - start);
  chunk.copy(copy, 0, start, end);
  return copy;
}

export class FrameReader {
  readonly #events: FrameEvents;
  readonly #header = Buffer.alloc(FRAME_HEADER_SIZE);
  #headerBytes = 0;
  #type: number = NetbiosType.SESSION_MESSAGE;
  #length = 0;
  /** The message under way; undefined between messages. */
  #body: Buffer | undefined;
  #bodyBytes = 0;
  #ended = false;
  /** Bytes that came while the transport was congested. */
  #held: Buffer[] = [];
  readonly #reusesChunks: boolean;

  /** `reusesChunks`: what `push` was given is overwritten when it is back. */
  constructor(events: FrameEvents, reusesChunks = false) {
    this.#events = events;
    this.#reusesChunks = reusesChunks;
  }

  /** A message has begun and is not complete. */
  get inMessage(): boolean {
    return this.#headerBytes > 0;
  }

  /** Bytes wait for resume(). */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  /** Where what comes next belongs, while a message is under way. */
  get missing(): Buffer | undefined {
    return this.#body?.subarray(this.#bodyBytes, this.#length);
  }

  /** So many bytes were received into `missing`. */
  received(count: number): void {
    this.#bodyBytes += count;
    if (this.#bodyBytes === this.#length) this.#deliver(this.#body!);
  }

  push(chunk: Buffer): void {
    if (this.#held.length > 0) {
      this.#hold(chunk);
      return;
    }
    let at = 0;
    while (at < chunk.length && !this.#ended) {
      // One chunk may hold hundreds of requests, each with an answer of megabytes.
      if (this.#headerBytes === 0 && this.#events.congested()) {
        this.#hold(chunk.subarray(at));
        return;
      }
      at = this.#headerBytes < FRAME_HEADER_SIZE ? this.#takeHeader(chunk, at) : at;
      if (this.#ended || this.#headerBytes < FRAME_HEADER_SIZE) return;
      at = this.#takeBody(chunk, at);
    }
  }

  #hold(chunk: Buffer): void {
    this.#held.push(this.#reusesChunks ? Buffer.from(chunk) : chunk);
  }

  /** Goes on with what was held. */
  resume(): void {
    const held = this.#held;
    this.#held = [];
    for (const chunk of held) this.push(chunk);
  }

  #takeHeader(chunk: Buffer, start: number): number {
    const available = chunk.length - start;
    if (this.#headerBytes === 0 && available >= FRAME_HEADER_SIZE) {
      this.#headerBytes = FRAME_HEADER_SIZE;
      this.#begin(readFrameHeader(chunk, start));
      return start + FRAME_HEADER_SIZE;
    }
    const count = Math.min(FRAME_HEADER_SIZE - this.#headerBytes, available);
    chunk.copy(this.#header, this.#headerBytes, start, start + count);
    this.#headerBytes += count;
    if (this.#headerBytes === FRAME_HEADER_SIZE) this.#begin(readFrameHeader(this.#header));
    return start + count;
  }

  #begin({ type, length }: FrameHeader): void {
    this.#type = type;
    this.#length = length;
    const problem = this.#refuse();
    if (problem !== undefined) this.#break(problem);
  }

  #refuse(): string | undefined {
    const isMessage = this.#type === NetbiosType.SESSION_MESSAGE;
    if (!isMessage && this.#type !== NetbiosType.SESSION_KEEP_ALIVE) {
      if (this.#type !== NetbiosType.SESSION_REQUEST) return `frame of type ${this.#type}`;
    }
    const limit = this.#events.maxMessageBytes();
    return this.#length > limit
      ? `a message of ${this.#length} bytes, ${limit} allowed`
      : undefined;
  }

  #takeBody(chunk: Buffer, start: number): number {
    const available = chunk.length - start;
    if (this.#body === undefined && this.#length >= MIN_POOLED_BYTES && !this.#events.hasRoom()) {
      this.#hold(chunk.subarray(start));
      return chunk.length;
    }
    if (this.#body === undefined && available >= this.#length) {
      const end = start + this.#length;
      this.#deliver(this.#reusesChunks ? copyOf(chunk, start, end) : chunk.subarray(start, end));
      return end;
    }
    // A stranger's is small, and memory that is not written to is not there yet.
    this.#body ??= bufferPool.take(this.#length);
    const count = Math.min(this.#length - this.#bodyBytes, available);
    chunk.copy(this.#body, this.#bodyBytes, start, start + count);
    this.received(count);
    return start + count;
  }

  #deliver(payload: Buffer): void {
    const type = this.#type;
    this.#headerBytes = 0;
    this.#body = undefined;
    this.#bodyBytes = 0;
    if (type === NetbiosType.SESSION_REQUEST) this.#events.sessionRequest();
    else if (type === NetbiosType.SESSION_MESSAGE && payload.length > 0) {
      this.#events.message(payload);
    }
  }

  #break(problem: string): void {
    this.#ended = true;
    this.#events.broken(problem);
  }

  /** Nothing that still arrives is looked at. */
  end(): void {
    this.#ended = true;
    if (this.#body !== undefined) bufferPool.give(this.#body);
    this.#body = undefined;
    this.#held = [];
  }
}
