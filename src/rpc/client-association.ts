/**
 * The client's end of an association (C706 9.3, 12.6; MS-RPCE 3.3.2), without I/O: it makes the
 * messages to send and takes the fragments that come back.
 */
import { WireError } from '../wire/wire-error.ts';
import { encodeFragments, Reassembly } from './fragments.ts';
import {
  decodeParameters,
  encodeParameters,
  type InputOf,
  type Operation,
  type OutputOf,
  type RpcInterface,
} from './operation.ts';
import {
  CONTEXT_RESULT,
  decodePdu,
  encodePdu,
  FRAGMENT_BYTES_MINIMUM,
  PIPE_FRAGMENT_BYTES,
  type ResponsePdu,
} from './pdu.ts';
import { NDR32 } from './syntax-id.ts';

/** Longest answer taken: a list of 100,000 shares is shorter. */
const ANSWER_STUB_BYTES_MAXIMUM = 16 << 20;

const CONTEXT_ID = 0;

export type CallAnswer<O> =
  | { readonly kind: 'result'; readonly output: O }
  | { readonly kind: 'fault'; readonly status: number }
  /** Read on. */
  | { readonly kind: 'partial' };

export class ClientAssociation {
  readonly #interface: RpcInterface;
  readonly #response = new Reassembly<ResponsePdu>(ANSWER_STUB_BYTES_MAXIMUM);
  #fragmentBytes = FRAGMENT_BYTES_MINIMUM;
  #callId = 0;

  constructor(rpcInterface: RpcInterface) {
    this.#interface = rpcInterface;
  }

  bind(): Buffer {
    this.#callId += 1;
    return encodePdu({
      kind: 'bind',
      callId: this.#callId,
      maxTransmitBytes: PIPE_FRAGMENT_BYTES,
      maxReceiveBytes: PIPE_FRAGMENT_BYTES,
      associationGroup: 0,
      contexts: [
        { id: CONTEXT_ID, abstractSyntax: this.#interface.syntax, transferSyntaxes: [NDR32] },
      ],
    });
  }

  /** Takes the answer to `bind`. False: the server does not serve the interface. */
  bound(fragment: Buffer): boolean {
    const pdu = decodePdu(fragment);
    if (pdu.callId !== this.#callId) throw new WireError('bind_ack', `call ${pdu.callId}`);
    if (pdu.kind === 'bind-nak') return false;
    if (pdu.kind !== 'bind-ack') throw new WireError('bind_ack', `is a ${pdu.kind}`);
    const [result, ...more] = pdu.results;
    if (result === undefined || more.length > 0) {
      throw new WireError('bind_ack', `${pdu.results.length} results for 1 context`);
    }
    if (pdu.maxReceiveBytes < FRAGMENT_BYTES_MINIMUM) {
      throw new WireError('bind_ack', `max_recv_frag is ${pdu.maxReceiveBytes}`);
    }
    this.#fragmentBytes = Math.min(pdu.maxReceiveBytes, PIPE_FRAGMENT_BYTES);
    return result.result === CONTEXT_RESULT.ACCEPTANCE;
  }

  /** The fragments of a call. */
  request<O extends Operation>(operation: O, input: InputOf<O>): Buffer[] {
    this.#callId += 1;
    return encodeFragments(
      {
        kind: 'request',
        callId: this.#callId,
        contextId: CONTEXT_ID,
        opnum: operation.opnum,
      },
      encodeParameters(operation.input, input),
      this.#fragmentBytes,
    );
  }

  /** Takes one fragment of the answer to the last `request`. */
  answer<O extends Operation>(operation: O, fragment: Buffer): CallAnswer<OutputOf<O>> {
    const pdu = decodePdu(fragment);
    if (pdu.callId !== this.#callId) throw new WireError('response', `call ${pdu.callId}`);
    if (pdu.kind === 'fault') {
      this.#response.abandon();
      return { kind: 'fault', status: pdu.status };
    }
    if (pdu.kind !== 'response') throw new WireError('response', `is a ${pdu.kind}`);
    const assembled = this.#response.add(pdu);
    switch (assembled.kind) {
      case 'whole': {
        const { stub, bigEndian } = assembled.pdu;
        const output = decodeParameters(operation.output, stub, bigEndian) as OutputOf<O>;
        return { kind: 'result', output };
      }
      case 'partial':
        return { kind: 'partial' };
      case 'out-of-order':
      case 'too-long':
        throw new WireError('response', assembled.kind);
    }
  }
}
