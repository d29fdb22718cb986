/**
 * The measured loop: keeps `depth` operations in flight on one connection (MS-SMB2 3.2.4.1), with
 * blocking calls and next to nothing allocated for an operation. Requests are copied into an arena,
 * patched and protected there, and leave together.
 */
import { STATUS_PENDING, STATUS_SUCCESS, statusName } from '../../src/dtyp/ntstatus.ts';
import { addressOf } from '../../src/native/library.ts';
import { FRAME_HEADER_SIZE, writeFrameHeader } from '../../src/smb2/framing.ts';
import { commandName, HEADER_SIZE } from '../../src/smb2/header.ts';
import { Histogram } from './histogram.ts';
import { LoadError } from './load-error.ts';
import { type Protection, protectionOf } from './protection.ts';
import { type Reply, ReplyStream } from './reply-stream.ts';
import type { Request } from './request.ts';
import { SendQueue } from './send-queue.ts';
import type { Session } from './session.ts';

/** One of the operations in flight. */
export interface Slot {
  readonly index: number;
  /** The one that was sent last, or waits for credits. */
  request: Request | undefined;
  messageId: number;
  startedMs: number;
  isPending: boolean;
}

/** What an operation is made of. */
export interface Script {
  begin(slot: Slot): Request;
  /** Checks a final reply and gives the operation's next request; undefined when it was the last. */
  next(slot: Slot, reply: Reply, status: number): Request | undefined;
  /** Where replies are taken whole: throws when the content is wrong. */
  verify?(slot: Slot, reply: Reply, status: number): void;
}

export interface PipelineOptions {
  readonly depth: number;
  /** Payload of a request. */
  readonly payloadBytes: number;
  /** The largest reply, header to last byte. */
  readonly replyBytes: number;
  /** Replies are taken whole and checked: a test of both sides, not a measurement. */
  readonly verify: boolean;
}

/** When to begin no more operations. */
export type Limit = { readonly seconds: number } | { readonly operations: number };

export interface Outcome {
  readonly operations: number;
  /** From the first request to the last reply. */
  readonly seconds: number;
  readonly p50Us: number;
  /** Requests that had to wait for credits: the depth was less than it should be. */
  readonly starved: number;
}

/** Of a request: frame header, TRANSFORM_HEADER, SMB2 header and a body with a name. */
const REQUEST_BYTES = 1024;
/** Message ids in flight lie closer together than that. */
const IDS = 8192;

const COMMAND_AT = 12;
const STATUS_AT = 8;
const CREDITS_AT = 14;
const MESSAGE_ID_AT = 24;

export class Pipeline {
  readonly #session: Session;
  readonly #verify: boolean;
  readonly #arena: Buffer;
  readonly #arenaAt: number;
  readonly #queue: SendQueue;
  readonly #protection: Protection;
  readonly #replies: ReplyStream;
  readonly #slots: readonly Slot[];
  readonly #slotOf: (Slot | undefined)[] = new Array(IDS).fill(undefined);
  /** Slots whose requests wait for credits. */
  readonly #waiting: Slot[] = [];

  #script: Script | undefined;
  #used = 0;
  #inFlight = 0;
  #active = 0;
  #startMs = 0;
  #nowMs = 0;
  #untilMs = 0;
  #left = 0;
  #operations = 0;
  #starved = 0;
  #histogram = new Histogram();

  constructor(session: Session, options: PipelineOptions) {
    const { depth, payloadBytes, replyBytes, verify } = options;
    this.#session = session;
    this.#verify = verify;
    this.#arena = Buffer.allocUnsafeSlow(depth * (payloadBytes + REQUEST_BYTES));
    this.#arenaAt = addressOf(this.#arena);
    this.#queue = new SendQueue(2 * depth);
    this.#protection = protectionOf(session, this.#arena);
    this.#replies = new ReplyStream(session, { largest: replyBytes, verify });
    this.#slots = Array.from({ length: depth }, (_, index) => ({
      index,
      request: undefined,
      messageId: 0,
      startedMs: 0,
      isPending: false,
    }));
  }

  run(script: Script, limit: Limit): Outcome {
    this.start(script, limit);
    while (this.isActive) {
      this.flush();
      this.step();
    }
    return this.outcome();
  }

  /** Begins the operations; `flush` sends them. */
  start(script: Script, limit: Limit): void {
    this.#script = script;
    this.#histogram = new Histogram();
    this.#operations = 0;
    this.#starved = 0;
    this.#startMs = performance.now();
    this.#nowMs = this.#startMs;
    this.#untilMs =
      'seconds' in limit ? this.#startMs + limit.seconds * 1000 : Number.POSITIVE_INFINITY;
    this.#left = 'operations' in limit ? limit.operations : Number.POSITIVE_INFINITY;
    this.#active = this.#slots.length;
    for (const slot of this.#slots) this.#begin(slot);
  }

  get isActive(): boolean {
    return this.#active > 0;
  }

  flush(): void {
    this.#queue.flush(this.#session.wire.fd);
    this.#used = 0;
  }

  /** Receives once, which waits where nothing has come, and goes on with what that completed. */
  step(): void {
    this.#replies.receive();
    this.#nowMs = performance.now();
    for (let reply = this.#replies.take(); reply !== undefined; reply = this.#replies.take()) {
      this.#accept(reply);
    }
  }

  /** Of the operations since `start`; their times are also added to `others`. */
  outcome(others?: Histogram): Outcome {
    others?.addAll(this.#histogram);
    return {
      operations: this.#operations,
      seconds: (this.#nowMs - this.#startMs) / 1000,
      p50Us: this.#histogram.percentileUs(0.5),
      starved: this.#starved,
    };
  }

  free(): void {
    this.#protection.free();
    this.#replies.free();
  }

  #begin(slot: Slot): void {
    if (this.#left <= 0 || this.#nowMs >= this.#untilMs) {
      this.#active--;
      return;
    }
    this.#left--;
    slot.startedMs = this.#nowMs;
    this.#submit(slot, this.#script!.begin(slot));
  }

  /** Launches the request, or lets it wait until there are credits. */
  #submit(slot: Slot, request: Request): void {
    slot.request = request;
    if (this.#waiting.length === 0 && this.#session.credits >= request.charge) {
      this.#launch(slot, request);
      return;
    }
    this.#starved++;
    this.#waiting.push(slot);
    this.#launchWaiting();
  }

  #launchWaiting(): void {
    while (this.#waiting.length > 0) {
      const request = this.#waiting[0]!.request!;
      if (this.#session.credits < request.charge) break;
      this.#launch(this.#waiting.shift()!, request);
    }
    // Replies alone bring credits.
    if (this.#waiting.length > 0 && this.#inFlight === 0) {
      throw new LoadError(`${this.#session.credits} credits are too few for a request`);
    }
  }

  #launch(slot: Slot, { bytes, charge, payload }: Request): void {
    const session = this.#session;
    const protection = this.#protection;
    const start = this.#used;
    const at = start + FRAME_HEADER_SIZE + protection.headroom;
    slot.messageId = session.nextMessageId;
    slot.isPending = false;
    session.nextMessageId += charge;
    session.credits -= charge;
    this.#slotOf[slot.messageId % IDS] = slot;
    this.#inFlight++;

    this.#arena.set(bytes, at);
    // Its upper half is 0, as it was built: a run does not send 2^32 requests.
    this.#arena.writeUInt32LE(slot.messageId, at + MESSAGE_ID_AT);
    protection.protect(at, bytes.length, payload);
    const payloadBytes = payload === undefined ? 0 : payload.bytes.length;
    writeFrameHeader(this.#arena, protection.headroom + bytes.length + payloadBytes, start);
    this.#used = at + bytes.length + (protection.takesPayload ? payloadBytes : 0);
    this.#queue.add(this.#arenaAt + start, this.#used - start);
    if (payload !== undefined && !protection.takesPayload) {
      this.#queue.add(payload.address, payloadBytes);
    }
  }

  #accept(reply: Reply): void {
    const { view, at } = reply;
    const messageId = view.getUint32(at + MESSAGE_ID_AT, true);
    const slot = this.#slotOf[messageId % IDS];
    if (slot === undefined || slot.messageId !== messageId) {
      throw new LoadError(`a reply to no request (MessageId ${messageId})`);
    }
    const { command } = slot.request!;
    if (view.getUint16(at + COMMAND_AT, true) !== command) {
      throw new LoadError(`a reply of another command than ${commandName(command)}`);
    }
    this.#session.credits += view.getUint16(at + CREDITS_AT, true);
    const status = view.getUint32(at + STATUS_AT, true);
    if (status === STATUS_PENDING && !slot.isPending) {
      slot.isPending = true;
    } else {
      this.#inFlight--;
      this.#slotOf[messageId % IDS] = undefined;
      this.#advance(slot, reply, status);
    }
    if (this.#waiting.length > 0) this.#launchWaiting();
  }

  #advance(slot: Slot, reply: Reply, status: number): void {
    const script = this.#script!;
    if (this.#verify) script.verify?.(slot, reply, status);
    const request = script.next(slot, reply, status);
    if (request !== undefined) {
      this.#submit(slot, request);
      return;
    }
    this.#operations++;
    this.#histogram.add(this.#nowMs - slot.startedMs);
    this.#begin(slot);
  }
}

/** For scripts: throws unless the reply succeeded and has so much of a body. */
export function expectSuccess(slot: Slot, reply: Reply, status: number, bodyBytes: number): void {
  if (status !== STATUS_SUCCESS) {
    throw new LoadError(`${commandName(slot.request!.command)}: ${statusName(status)}`);
  }
  if (reply.length < HEADER_SIZE + bodyBytes) {
    throw new LoadError(`${commandName(slot.request!.command)}: a short reply`);
  }
}
