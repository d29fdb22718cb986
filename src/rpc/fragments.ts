/**
 * Calls and answers across fragments (C706 12.6.2; MS-RPCE 2.2.2.6).
 */
import {
  encodePdu,
  PFC_FIRST_FRAG,
  PFC_LAST_FRAG,
  type RequestPdu,
  type ResponsePdu,
} from './pdu.ts';

/** Header of a request or response without an object UUID. */
const CALL_HEADER_BYTES = 24;
/** C706 12.6.4: the stub data of every fragment but the last is a multiple of this. */
const STUB_MULTIPLE = 8;

/**
 * The longest stub taken from a peer, over all fragments. MS-RPCE 3.3.3.5.4 allows a server 4 MiB;
 * the largest argument of these interfaces is a security descriptor of 64 KiB.
 */
export const REQUEST_STUB_BYTES_MAXIMUM = 1 << 20;

export type CallTarget =
  | { readonly kind: 'request'; callId: number; contextId: number; opnum: number }
  | { readonly kind: 'response'; callId: number; contextId: number };

/** The PDUs that carry `stub`, each at most `fragmentBytes` long. */
export function encodeFragments(target: CallTarget, stub: Buffer, fragmentBytes: number): Buffer[] {
  const room = fragmentBytes - CALL_HEADER_BYTES;
  const step = room - (room % STUB_MULTIPLE);
  const pdus: Buffer[] = [];
  let offset = 0;
  do {
    const rest = stub.length - offset;
    const last = rest <= room;
    const part = stub.subarray(offset, offset + (last ? rest : step));
    const first = offset === 0 ? PFC_FIRST_FRAG : 0;
    const flags = first | (last ? PFC_LAST_FRAG : 0);
    pdus.push(encodePdu({ ...target, flags, allocHint: rest, bigEndian: false, stub: part }));
    offset += part.length;
  } while (offset < stub.length);
  return pdus;
}

export type Assembled<P> =
  /** `pdu` is the first fragment, with the stub of all. */
  | { readonly kind: 'whole'; readonly pdu: P }
  | { readonly kind: 'partial' }
  | { readonly kind: 'out-of-order' }
  | { readonly kind: 'too-long' };

/** Puts one call's fragments together. Copies what it keeps, so inputs may be reused. */
export class Reassembly<P extends RequestPdu | ResponsePdu> {
  readonly #limit: number;
  #first: P | undefined;
  #parts: Buffer[] = [];
  #charged = 0;

  constructor(stubBytesMaximum: number) {
    this.#limit = stubBytesMaximum;
  }

  /** The first fragment of the call that is being collected, without its stub. */
  get first(): P | undefined {
    return this.#first;
  }

  /** The call whose fragments are being collected. */
  get callId(): number | undefined {
    return this.#first?.callId;
  }

  add(pdu: P): Assembled<P> {
    const isFirst = (pdu.flags & PFC_FIRST_FRAG) !== 0;
    const isLast = (pdu.flags & PFC_LAST_FRAG) !== 0;
    const first = this.#first;
    if (isFirst ? first !== undefined : first === undefined || !continues(first, pdu)) {
      return { kind: 'out-of-order' };
    }
    if (isFirst && isLast) return { kind: 'whole', pdu };
    // Headers are charged too, or fragments with hardly any stub would cost more than they count.
    this.#charged += CALL_HEADER_BYTES + pdu.stub.length;
    if (this.#charged > this.#limit) return { kind: 'too-long' };
    this.#first ??= { ...pdu, stub: pdu.stub.subarray(0, 0) };
    this.#parts.push(Buffer.from(pdu.stub));
    if (!isLast) return { kind: 'partial' };
    const whole = { ...this.#first, stub: Buffer.concat(this.#parts) };
    this.abandon();
    return { kind: 'whole', pdu: whole };
  }

  /** Forgets the call, as after an ORPHANED. */
  abandon(): void {
    this.#first = undefined;
    this.#parts = [];
    this.#charged = 0;
  }
}

function continues<P extends RequestPdu | ResponsePdu>(first: P, pdu: P): boolean {
  if (first.callId !== pdu.callId || first.contextId !== pdu.contextId) return false;
  if (first.bigEndian !== pdu.bigEndian) return false;
  return first.kind !== 'request' || pdu.kind !== 'request' || first.opnum === pdu.opnum;
}
