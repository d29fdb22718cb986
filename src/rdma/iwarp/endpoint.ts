/**
 * RFC 5040 and RFC 5041: one end of an RDMAP stream, apart from sockets. Bytes go in by `receive`, FPDUs come
 * out by `output`. Each byte sequence gives messages, or a Terminate and the end.
 *
 * A server registers no memory, so its peer can write to none and read from none; both are there for the
 * initiator that the tests use. The empty Write, Read or Send that RFC 6581 begins with is taken.
 */
import { WireError } from '../../wire/wire-error.ts';
import { ByteParts } from '../byte-parts.ts';
import type { RemoteRange } from '../rdma.ts';
import {
  decodeControl,
  decodeReadRequest,
  decodeTagged,
  decodeUntagged,
  encodeReadRequest,
  Opcode,
  Queue,
  TAGGED_HEADER_BYTES,
  type TaggedSegment,
  UNTAGGED_HEADER_BYTES,
  type UntaggedSegment,
  writeTaggedHeader,
  writeUntaggedHeader,
} from './ddp.ts';
import { FpduReader, FpduWriter } from './fpdu.ts';
import { Memory } from './memory.ts';
import type { ReadyToReceive } from './mpa-negotiation.ts';
import {
  decodeTerminate,
  describeTerminate,
  encodeTerminate,
  Terminate,
  type TerminateReason,
} from './terminate.ts';

const VERSION = 1;
const TWO_TO_32 = 0x1_0000_0000;

export interface EndpointOptions {
  readonly crc: boolean;
  /** ORD: Read Requests under way at a time; others wait. */
  readonly maxReads: number;
  /** Bytes of a DDP segment with its header. */
  readonly maxUlpduBytes: number;
  /** Of one Send that is received. */
  readonly maxMessageBytes: number;
  /** What the peer begins with, where it is not a message. */
  readonly readyToReceive: ReadyToReceive;
}

export interface EndpointEvents {
  output(parts: readonly Buffer[]): void;
  /** A whole Send: a view that stays until the call is back. */
  received(message: Buffer): void;
  /** Nothing more is received or sent; a Terminate is on its way if one is due. */
  ended(reason: string): void;
}

interface Read {
  readonly from: RemoteRange;
  readonly into: Buffer;
  readonly sinkStag: number;
  received: number;
  readonly settle: (done: boolean) => void;
}

/** Ends the stream with a Terminate. */
class Violation extends Error {
  readonly terminate: TerminateReason;
  constructor(terminate: TerminateReason, problem: string) {
    super(problem);
    this.terminate = terminate;
  }
}

export class Endpoint {
  /** What the peer may write to and read from. */
  readonly memory = new Memory();
  readonly #options: EndpointOptions;
  readonly #events: EndpointEvents;
  readonly #reader: FpduReader;
  #ended = false;
  #posted = 0;
  /** MSNs, RFC 5041 5: of the next message on each queue, either way. */
  #sendMsn = 1;
  #readMsn = 1;
  #nextSendMsn = 1;
  #nextReadMsn = 1;
  /** A Send of several segments. */
  #assembly: Buffer | undefined;
  #assembled = 0;
  #awaitsReady: boolean;
  #nextSinkStag = 0x100;
  /** Asked for, the oldest first, and those that wait for their turn. */
  readonly #reads: Read[] = [];
  readonly #waitingReads: Read[] = [];

  constructor(options: EndpointOptions, events: EndpointEvents) {
    this.#options = options;
    this.#events = events;
    this.#awaitsReady = options.readyToReceive === 'send';
    this.#reader = new FpduReader(
      {
        segment: (ulpdu) => this.#segment(ulpdu),
        corrupt: () => this.#terminate(Terminate.CRC, 'an FPDU with a wrong CRC'),
      },
      options.crc,
    );
  }

  receive(chunk: Buffer): void {
    if (!this.#ended) this.#reader.push(chunk);
  }

  post(count: number): void {
    this.#posted += count;
  }

  /** RFC 5040 5.1 to 5.4: Send, or Send with Invalidate. */
  send(parts: readonly Buffer[], invalidate?: number): void {
    const opcode = invalidate === undefined ? Opcode.SEND : Opcode.SEND_INVALIDATE;
    const msn = this.#sendMsn;
    this.#sendMsn = nextMsn(msn);
    this.#untagged(opcode, Queue.SEND, msn, parts, invalidate);
  }

  /** RFC 5040 5.5 */
  write({ token, offset }: RemoteRange, parts: readonly Buffer[]): void {
    this.#tagged(Opcode.WRITE, token, offset, parts);
  }

  /** RFC 5040 5.6. False when the stream ends before the data are there. */
  read(from: RemoteRange, into: Buffer): Promise<boolean> {
    if (this.#ended) return Promise.resolve(false);
    return new Promise((settle) => {
      const sinkStag = this.#nextSinkStag;
      this.#nextSinkStag = sinkStag >= 0xffff_ff00 ? 0x100 : sinkStag + 0x100;
      this.#waitingReads.push({ from, into, sinkStag, received: 0, settle });
      this.#askWaiting();
    });
  }

  /** The connection is gone. */
  end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reader.end();
    this.memory.clear();
    for (const read of [...this.#reads.splice(0), ...this.#waitingReads.splice(0)]) {
      read.settle(false);
    }
    this.#events.ended(reason);
  }

  #askWaiting(): void {
    while (this.#reads.length < this.#options.maxReads && this.#waitingReads.length > 0) {
      const read = this.#waitingReads.shift()!;
      this.#reads.push(read);
      const request = encodeReadRequest({
        sinkStag: read.sinkStag,
        sinkOffset: 0n,
        size: read.into.length,
        sourceStag: read.from.token,
        sourceOffset: read.from.offset,
      });
      const msn = this.#readMsn;
      this.#readMsn = nextMsn(msn);
      this.#untagged(Opcode.READ_REQUEST, Queue.READ_REQUEST, msn, [request]);
    }
  }

  #untagged(
    opcode: number,
    queue: number,
    msn: number,
    parts: readonly Buffer[],
    invalidate = 0,
  ): void {
    if (this.#ended) return;
    const { crc } = this.#options;
    const bytes = new ByteParts(parts);
    const room = this.#options.maxUlpduBytes - UNTAGGED_HEADER_BYTES;
    const fpdus = new FpduWriter(countOf(bytes.left, room), UNTAGGED_HEADER_BYTES, crc);
    let offset = 0;
    do {
      const length = Math.min(room, bytes.left);
      const payload = bytes.take(length);
      const header = { opcode, last: bytes.left === 0, invalidate, queue, msn, offset };
      fpdus.add(payload, (into, at) => writeUntaggedHeader(into, at, header));
      offset += length;
    } while (bytes.left > 0);
    this.#events.output(fpdus.end());
  }

  #tagged(opcode: number, stag: number, start: bigint, parts: readonly Buffer[]): void {
    if (this.#ended) return;
    const { crc } = this.#options;
    const bytes = new ByteParts(parts);
    const room = this.#options.maxUlpduBytes - TAGGED_HEADER_BYTES;
    const fpdus = new FpduWriter(countOf(bytes.left, room), TAGGED_HEADER_BYTES, crc);
    let offset = start;
    do {
      const length = Math.min(room, bytes.left);
      const payload = bytes.take(length);
      const header = { opcode, last: bytes.left === 0, stag, offset };
      fpdus.add(payload, (into, at) => writeTaggedHeader(into, at, header));
      offset += BigInt(length);
    } while (bytes.left > 0);
    this.#events.output(fpdus.end());
  }

  #segment(ulpdu: Buffer): boolean {
    try {
      const { tagged, ddpVersion, rdmapVersion } = decodeControl(ulpdu);
      if (ddpVersion !== VERSION) {
        const code = tagged ? Terminate.TAGGED_VERSION : Terminate.UNTAGGED_VERSION;
        throw new Violation(code, `DDP version ${ddpVersion}`);
      }
      if (rdmapVersion !== VERSION) {
        throw new Violation(Terminate.RDMAP_VERSION, `RDMAP version ${rdmapVersion}`);
      }
      if (tagged) this.#takeTagged(decodeTagged(ulpdu));
      else this.#takeUntagged(decodeUntagged(ulpdu));
    } catch (error) {
      if (error instanceof Violation) this.#terminate(error.terminate, error.message);
      else if (error instanceof WireError) {
        this.#terminate(Terminate.RDMAP_UNSPECIFIED, error.message);
      } else throw error;
    }
    return !this.#ended;
  }

  #takeTagged(segment: TaggedSegment): void {
    if (segment.opcode === Opcode.READ_RESPONSE) this.#takeReadResponse(segment);
    else if (segment.opcode === Opcode.WRITE) this.#takeWrite(segment);
    else throw new Violation(Terminate.UNEXPECTED_OPCODE, `tagged opcode ${segment.opcode}`);
  }

  #takeWrite({ stag, offset, payload }: TaggedSegment): void {
    // The empty one that says "ready": no buffer is named.
    if (payload.length === 0) return;
    const range = this.memory.range(stag, offset, payload.length);
    if (range === 'no memory') {
      throw new Violation(Terminate.TAGGED_INVALID_STAG, `a Write to STag ${stag}`);
    }
    if (range === 'beyond') throw new Violation(Terminate.TAGGED_BOUNDS, 'a Write beyond a buffer');
    range.set(payload);
  }

  #takeReadResponse({ stag, offset, payload, last }: TaggedSegment): void {
    const read = this.#reads[0];
    if (read === undefined || read.sinkStag !== stag) {
      throw new Violation(Terminate.TAGGED_INVALID_STAG, `a Read Response to STag ${stag}`);
    }
    const isNext = offset === BigInt(read.received);
    if (!isNext || read.received + payload.length > read.into.length) {
      throw new Violation(Terminate.TAGGED_BOUNDS, 'a Read Response that does not fit');
    }
    read.into.set(payload, read.received);
    read.received += payload.length;
    if (!last) return;
    if (read.received !== read.into.length) {
      throw new Violation(Terminate.TAGGED_BOUNDS, 'a Read Response that is too short');
    }
    this.#reads.shift();
    read.settle(true);
    this.#askWaiting();
  }

  #takeUntagged(segment: UntaggedSegment): void {
    const { opcode, queue } = segment;
    if (queue === Queue.SEND && isSend(opcode)) this.#takeSend(segment);
    else if (queue === Queue.READ_REQUEST && opcode === Opcode.READ_REQUEST) {
      this.#takeReadRequest(segment);
    } else if (queue === Queue.TERMINATE && opcode === Opcode.TERMINATE) {
      this.end(`the peer terminated: ${describeTerminate(decodeTerminate(segment.payload))}`);
    } else if (queue > Queue.TERMINATE) {
      throw new Violation(Terminate.INVALID_QUEUE, `queue ${queue}`);
    } else throw new Violation(Terminate.UNEXPECTED_OPCODE, `opcode ${opcode} on queue ${queue}`);
  }

  #takeSend({ opcode, last, msn, offset, payload, invalidate }: UntaggedSegment): void {
    if (msn !== this.#nextSendMsn) throw new Violation(Terminate.MSN_RANGE, `MSN ${msn}`);
    if (this.#awaitsReady && last && payload.length === 0) {
      this.#awaitsReady = false;
      this.#nextSendMsn = nextMsn(msn);
      return;
    }
    this.#awaitsReady = false;
    if (this.#posted === 0) throw new Violation(Terminate.NO_BUFFER, 'a Send without a buffer');
    if (offset !== this.#assembled) throw new Violation(Terminate.INVALID_OFFSET, `MO ${offset}`);
    const length = offset + payload.length;
    if (length > this.#options.maxMessageBytes) {
      throw new Violation(Terminate.TOO_LONG, `a Send of ${length} bytes`);
    }
    if (offset > 0 || !last) {
      this.#assembly ??= Buffer.allocUnsafe(this.#options.maxMessageBytes);
      this.#assembly.set(payload, offset);
      this.#assembled = length;
    }
    if (!last) return;
    this.#posted -= 1;
    this.#nextSendMsn = nextMsn(msn);
    this.#assembled = 0;
    if (isInvalidating(opcode) && !this.memory.release(invalidate)) {
      throw new Violation(Terminate.CANNOT_INVALIDATE, `STag ${invalidate}`);
    }
    this.#events.received(offset === 0 ? payload : this.#assembly!.subarray(0, length));
  }

  #takeReadRequest({ last, msn, offset, payload }: UntaggedSegment): void {
    if (msn !== this.#nextReadMsn) throw new Violation(Terminate.MSN_RANGE, `MSN ${msn}`);
    if (offset !== 0 || !last) throw new Violation(Terminate.INVALID_OFFSET, `MO ${offset}`);
    const request = decodeReadRequest(payload);
    this.#nextReadMsn = nextMsn(msn);
    const { sinkStag, sinkOffset, size, sourceStag, sourceOffset } = request;
    // Of no bytes: the one that says "ready".
    if (size === 0) {
      this.#tagged(Opcode.READ_RESPONSE, sinkStag, sinkOffset, []);
      return;
    }
    const range = this.memory.range(sourceStag, sourceOffset, size);
    if (typeof range === 'string') {
      throw new Violation(Terminate.INVALID_STAG, `a Read of STag ${sourceStag}`);
    }
    this.#tagged(Opcode.READ_RESPONSE, sinkStag, sinkOffset, [range]);
  }

  /** RFC 5040 4.8: one Terminate, MSN 1 of its queue, and nothing behind it. */
  #terminate(reason: TerminateReason, problem: string): void {
    this.#untagged(Opcode.TERMINATE, Queue.TERMINATE, 1, [encodeTerminate(reason)]);
    this.end(problem);
  }
}

/** Segments of a message: one of nothing, too. */
const countOf = (bytes: number, room: number): number => Math.max(1, Math.ceil(bytes / room));

/** RFC 5041 5: "the MSN … wraps". */
const nextMsn = (msn: number): number => (msn + 1) % TWO_TO_32;

const isSend = (opcode: number): boolean =>
  opcode >= Opcode.SEND && opcode <= Opcode.SEND_SOLICITED_INVALIDATE;

const isInvalidating = (opcode: number): boolean =>
  opcode === Opcode.SEND_INVALIDATE || opcode === Opcode.SEND_SOLICITED_INVALIDATE;
