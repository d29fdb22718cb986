/**
 * MS-SMB2 2.1: Direct TCP framing, from a stream of chunks to whole messages.
 *
 * A message that lies inside one chunk is handed on as a view of it. Otherwise its bytes are copied
 * once, into a buffer of the message's size, which is allocated when its length is known and allowed;
 * messages are never reassembled by concatenation.
 */
import { FRAME_HEADER_SIZE, NetbiosType, readFrameHeader } from '../smb2/framing.ts';

/** What a stranger may make the server allocate on the word of four bytes. */
const EAGER_BYTES = 256 * 1024;

export interface FrameEvents {
  maxMessageBytes(): number;
  /** No further message for now: the reader keeps what it has until resume(). */
  congested(): boolean;
  message(payload: Buffer): void;
  /** RFC 1002 4.3.2: a NetBIOS session request; NetBIOS clients want an answer before they speak. */
  sessionRequest(): void;
  /** The stream is no SMB; nothing more is read. */
  broken(problem: string): void;
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

  constructor(events: FrameEvents) {
    this.#events = events;
  }

  /** A message has begun and is not complete. */
  get inMessage(): boolean {
    return this.#headerBytes > 0;
  }

  /** Bytes wait for resume(). */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  push(chunk: Buffer): void {
    if (this.#held.length > 0) {
      this.#held.push(chunk);
      return;
    }
    let at = 0;
    while (at < chunk.length && !this.#ended) {
      // One chunk may hold hundreds of requests, each with an answer of megabytes.
      if (this.#headerBytes === 0 && this.#events.congested()) {
        this.#held.push(chunk.subarray(at));
        return;
      }
      at = this.#headerBytes < FRAME_HEADER_SIZE ? this.#takeHeader(chunk, at) : at;
      if (this.#ended || this.#headerBytes < FRAME_HEADER_SIZE) return;
      at = this.#takeBody(chunk, at);
    }
  }

  /** Goes on with what was held. */
  resume(): void {
    const held = this.#held;
    this.#held = [];
    for (const chunk of held) this.push(chunk);
  }

  #takeHeader(chunk: Buffer, start: number): number {
    const count = Math.min(FRAME_HEADER_SIZE - this.#headerBytes, chunk.length - start);
    chunk.copy(this.#header, this.#headerBytes, start, start + count);
    this.#headerBytes += count;
    if (this.#headerBytes === FRAME_HEADER_SIZE) {
      const { type, length } = readFrameHeader(this.#header);
      this.#type = type;
      this.#length = length;
      const problem = this.#refuse();
      if (problem !== undefined) this.#break(problem);
    }
    return start + count;
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
    if (this.#body === undefined && available >= this.#length) {
      this.#deliver(chunk.subarray(start, start + this.#length));
      return start + this.#length;
    }
    this.#body ??= Buffer.allocUnsafe(Math.min(this.#length, EAGER_BYTES));
    const count = Math.min(this.#length - this.#bodyBytes, available);
    this.#grow(this.#bodyBytes + count);
    chunk.copy(this.#body, this.#bodyBytes, start, start + count);
    this.#bodyBytes += count;
    if (this.#bodyBytes === this.#length) this.#deliver(this.#body);
    return start + count;
  }

  /** Makes room for a large message once its first part has come. */
  #grow(needed: number): void {
    const body = this.#body!;
    if (needed <= body.length) return;
    const whole = Buffer.allocUnsafe(this.#length);
    body.copy(whole, 0, 0, this.#bodyBytes);
    this.#body = whole;
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
    this.#body = undefined;
    this.#held = [];
  }
}
