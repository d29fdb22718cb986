/**
 * One open named pipe as a DCE/RPC association (C706 9.3, 12.6; MS-RPCE 3.3.3).
 *
 *     unbound ──BIND accepted or not──▶ bound ──REQUEST, ALTER_CONTEXT──▶ bound
 *        └──────────── protocol error, from either ────────────▶ broken
 *
 * While unbound, only BIND is legal. While broken, what is queued can still be read (it ends in a
 * FAULT or BIND_NAK), and nothing more can be written. Fragments may come split over several writes
 * or several in one. Each answering fragment is one message of the pipe, as on Windows: a reader with
 * a smaller buffer gets the rest of the fragment by reading on (STATUS_BUFFER_OVERFLOW).
 */
import type { MaybePromise, PipeEndpoint } from '../../ipc/control-plane.ts';
import { encodeFragments, REQUEST_STUB_BYTES_MAXIMUM, Reassembly } from '../../rpc/fragments.ts';
import {
  type BindPdu,
  CONTEXT_RESULT,
  type ContextResult,
  decodeHeader,
  decodePdu,
  encodePdu,
  FAULT_STATUS,
  FRAGMENT_BYTES_MAXIMUM,
  FRAGMENT_BYTES_MINIMUM,
  HEADER_BYTES,
  type Pdu,
  type PduHeader,
  PFC_DID_NOT_EXECUTE,
  PFC_FIRST_FRAG,
  PFC_LAST_FRAG,
  PIPE_FRAGMENT_BYTES,
  PROVIDER_REASON,
  type PresentationContext,
  PTYPE,
  REJECT_REASON,
  type RequestPdu,
  supportsVersion,
} from '../../rpc/pdu.ts';
import {
  bindTimeFeatures,
  KEEP_CONNECTION_ON_ORPHAN,
  NDR32,
  NO_SYNTAX,
  sameSyntax,
  serves,
} from '../../rpc/syntax-id.ts';
import { WireError } from '../../wire/wire-error.ts';
import { RpcFault } from './rpc-fault.ts';
import type { RpcService } from './rpc-service.ts';

/**
 * Presentation contexts of one association. A client has one for each interface of the pipe and
 * transfer syntax; MS-RPCE 3.3.3.5.5 lets a server allow 4,000 for each interface.
 */
export const PRESENTATION_CONTEXTS_MAXIMUM = 32;

/**
 * Answers that wait for a reader. Past it no further request is taken, so that small requests for
 * large answers that nobody reads cost bounded memory, and one write bounded time. A client waits for
 * each answer before it asks again, so one answer may be longer.
 */
export const QUEUED_ANSWER_BYTES_MAXIMUM = 256 << 10;

/**
 * Names the association for context handles that several connections share. No interface here has
 * context handles, so one number serves all.
 */
const ASSOCIATION_GROUP = 0x53f0;

/** `pipeName` without a backslash, as opened: the secondary address of a BIND_ACK. */
export function createRpcEndpoint(pipeName: string, services: readonly RpcService[]): PipeEndpoint {
  return new RpcEndpoint(pipeName, services);
}

class RpcEndpoint implements PipeEndpoint {
  readonly #pipeName: string;
  readonly #services: readonly RpcService[];
  #state: 'unbound' | 'bound' | 'broken' = 'unbound';
  readonly #contexts = new Map<number, RpcService>();
  /** Fragments we send and take; what the BIND agrees on. */
  #transmitBytes = PIPE_FRAGMENT_BYTES;
  #receiveBytes = FRAGMENT_BYTES_MAXIMUM;
  /** While a call waits for its result; never rejects but for a bug. */
  #calling: Promise<void> | undefined;
  /** The beginning of a fragment whose end has not come. */
  #partial: Buffer = Buffer.alloc(0);
  readonly #request = new Reassembly<RequestPdu>(REQUEST_STUB_BYTES_MAXIMUM);
  #answers: Buffer[] = [];
  #answerBytes = 0;

  constructor(pipeName: string, services: readonly RpcService[]) {
    this.#pipeName = pipeName;
    this.#services = services;
  }

  /** A promise where a call has to ask somebody; what is written meanwhile waits for it. */
  write(message: Buffer): MaybePromise<boolean> {
    const calling = this.#calling;
    if (calling !== undefined) {
      // A copy: the message's memory belongs to the caller.
      const waiting = Buffer.from(message);
      return calling.then(() => this.write(waiting));
    }
    if (this.#state === 'broken') return false;
    return this.#take(
      this.#partial.length === 0 ? message : Buffer.concat([this.#partial, message]),
    );
  }

  #take(from: Buffer): MaybePromise<boolean> {
    let input = from;
    while (input.length >= HEADER_BYTES) {
      const header = this.#header(input);
      if (header === undefined) return this.#break('in silence');
      if (input.length < header.fragmentBytes) break;
      if (this.#answerBytes > QUEUED_ANSWER_BYTES_MAXIMUM) return this.#break('in silence');
      const taken = this.#fragment(header, input);
      if (!taken) return this.#break('answered');
      input = input.subarray(header.fragmentBytes);
      const calling = this.#calling;
      if (calling !== undefined) {
        const rest = Buffer.from(input);
        return calling.then(() => (this.#state === 'broken' ? false : this.#take(rest)));
      }
    }
    // A copy: the message's memory belongs to the caller.
    this.#partial = Buffer.from(input);
    return true;
  }

  read(limit: number): { readonly bytes: Buffer; readonly more: boolean } | undefined {
    const head = this.#answers[0];
    if (head === undefined) return undefined;
    const bytes = head.subarray(0, limit);
    const more = bytes.length < head.length;
    if (more) this.#answers[0] = head.subarray(limit);
    else this.#answers.shift();
    this.#answerBytes -= bytes.length;
    return { bytes, more };
  }

  close(): void {
    this.#break('in silence');
    this.#answers = [];
    this.#answerBytes = 0;
  }

  /** Forgets what was coming in. True when the peer's write was taken and the queue says why. */
  #break(how: 'answered' | 'in silence'): boolean {
    this.#state = 'broken';
    this.#partial = Buffer.alloc(0);
    this.#request.abandon();
    this.#contexts.clear();
    return how === 'answered';
  }

  #header(input: Buffer): PduHeader | undefined {
    try {
      const header = decodeHeader(input);
      return header.fragmentBytes <= this.#receiveBytes ? header : undefined;
    } catch (error) {
      if (error instanceof WireError) return undefined;
      throw error;
    }
  }

  /** One whole fragment at the beginning of `input`. False: the association is over. */
  #fragment(header: PduHeader, input: Buffer): boolean {
    if (!supportsVersion(header)) return this.#refuse(header);
    let pdu: Pdu;
    try {
      pdu = decodePdu(input);
    } catch (error) {
      if (error instanceof WireError) return this.#refuse(header);
      throw error;
    }
    switch (pdu.kind) {
      case 'bind':
        return this.#bind(pdu);
      case 'alter-context':
        return this.#alterContext(pdu, header);
      case 'request':
        return this.#requestFragment(pdu, header);
      case 'orphaned':
        if (this.#request.callId === pdu.callId) this.#request.abandon();
        return true;
      case 'cancel':
      case 'auth3':
        return true;
      case 'bind-ack':
      case 'alter-context-response':
      case 'bind-nak':
      case 'response':
      case 'fault':
      case 'shutdown':
        return this.#refuse(header);
    }
  }

  /** The answer to a protocol error (MS-RPCE 3.3.3.5.7). Always false. */
  #refuse(header: PduHeader, status: number = FAULT_STATUS.nca_s_proto_error): false {
    const { callId, type } = header;
    if (type === PTYPE.BIND) this.#nak(callId, REJECT_REASON.PROTOCOL_VERSION_NOT_SPECIFIED);
    else this.#fault(callId, 0, status);
    return false;
  }

  #bind(pdu: Pdu & BindPdu): boolean {
    const { callId } = pdu;
    if (this.#state !== 'unbound') return this.#nak(callId, REJECT_REASON.REASON_NOT_SPECIFIED);
    // MS-RPCE 3.3.3.5.3; the client goes on without or gives up, and either is its own choice.
    if (pdu.auth !== undefined) {
      return this.#nak(callId, REJECT_REASON.AUTHENTICATION_TYPE_NOT_RECOGNIZED);
    }
    if (pdu.contexts.length === 0) {
      return this.#nak(callId, REJECT_REASON.PROTOCOL_VERSION_NOT_SPECIFIED);
    }
    if (pdu.contexts.length > PRESENTATION_CONTEXTS_MAXIMUM) {
      return this.#nak(callId, REJECT_REASON.LOCAL_LIMIT_EXCEEDED);
    }
    this.#transmitBytes = agreedFragmentBytes(pdu.maxReceiveBytes);
    this.#receiveBytes = agreedFragmentBytes(pdu.maxTransmitBytes);
    this.#state = 'bound';
    this.#acknowledge('bind-ack', pdu, `\\PIPE\\${this.#pipeName}`);
    return true;
  }

  #alterContext(pdu: Pdu & BindPdu, header: PduHeader): boolean {
    if (this.#state !== 'bound' || pdu.contexts.length === 0) return this.#refuse(header);
    if (pdu.auth !== undefined) return this.#refuse(header, FAULT_STATUS.ERROR_ACCESS_DENIED);
    this.#acknowledge('alter-context-response', pdu, '');
    return true;
  }

  #acknowledge(
    kind: 'bind-ack' | 'alter-context-response',
    { callId, associationGroup, contexts }: BindPdu,
    secondaryAddress: string,
  ): void {
    this.#queue(
      encodePdu({
        kind,
        callId,
        maxTransmitBytes: this.#transmitBytes,
        maxReceiveBytes: this.#receiveBytes,
        associationGroup: associationGroup || ASSOCIATION_GROUP,
        secondaryAddress,
        results: contexts.map((context) => this.#negotiate(context)),
      }),
    );
  }

  /** MS-RPCE 3.3.1.5.3 and 3.3.1.5.6: one result for each proposed context, in its order. */
  #negotiate({ id, abstractSyntax, transferSyntaxes }: PresentationContext): ContextResult {
    const features =
      transferSyntaxes.length === 1 ? bindTimeFeatures(transferSyntaxes[0]!) : undefined;
    if (features !== undefined) {
      return {
        result: CONTEXT_RESULT.NEGOTIATE_ACK,
        reason: features & KEEP_CONNECTION_ON_ORPHAN,
        transferSyntax: NO_SYNTAX,
      };
    }
    const service = this.#services.find(({ syntax }) => serves(syntax, abstractSyntax));
    if (service === undefined) return rejected(PROVIDER_REASON.ABSTRACT_SYNTAX_NOT_SUPPORTED);
    if (!transferSyntaxes.some((syntax) => sameSyntax(syntax, NDR32))) {
      return rejected(PROVIDER_REASON.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED);
    }
    const bound = this.#contexts.get(id);
    if (bound !== undefined && bound !== service) {
      return rejected(PROVIDER_REASON.REASON_NOT_SPECIFIED);
    }
    if (bound === undefined && this.#contexts.size >= PRESENTATION_CONTEXTS_MAXIMUM) {
      return rejected(PROVIDER_REASON.LOCAL_LIMIT_EXCEEDED);
    }
    this.#contexts.set(id, service);
    return { result: CONTEXT_RESULT.ACCEPTANCE, reason: 0, transferSyntax: NDR32 };
  }

  #requestFragment(pdu: Pdu & RequestPdu, header: PduHeader): boolean {
    if (this.#state !== 'bound') return this.#refuse(header);
    // No security context was agreed, so none can verify this.
    if (pdu.auth !== undefined) return this.#refuse(header, FAULT_STATUS.ERROR_ACCESS_DENIED);
    const assembled = this.#request.add(pdu);
    switch (assembled.kind) {
      case 'partial':
        return true;
      case 'out-of-order':
        return this.#refuse(header);
      case 'too-long':
        // MS-RPCE 3.3.3.5.4 names this status.
        return this.#refuse(header, FAULT_STATUS.ERROR_ACCESS_DENIED);
      case 'whole':
        this.#call(assembled.pdu);
        return true;
    }
  }

  /** Faults of a call leave the association as it was. */
  #call({ callId, contextId, opnum, stub, bigEndian }: RequestPdu): void {
    const service = this.#contexts.get(contextId);
    if (service === undefined) {
      this.#fault(callId, 0, FAULT_STATUS.nca_s_unk_if, PFC_DID_NOT_EXECUTE);
      return;
    }
    const answered = (result: Buffer): void => {
      if (this.#state === 'broken') return;
      const target = { kind: 'response', callId, contextId } as const;
      for (const pdu of encodeFragments(target, result, this.#transmitBytes)) this.#queue(pdu);
    };
    const failed = (error: unknown): void => {
      const isFault = error instanceof RpcFault;
      if (!isFault && !(error instanceof WireError)) throw error;
      if (this.#state === 'broken') return;
      const status = isFault ? error.status : FAULT_STATUS.RPC_X_BAD_STUB_DATA;
      this.#fault(callId, contextId, status);
    };
    try {
      const result = service.call(opnum, stub, bigEndian);
      if (result === undefined) {
        this.#fault(callId, contextId, FAULT_STATUS.nca_s_op_rng_error, PFC_DID_NOT_EXECUTE);
      } else if (result instanceof Promise) {
        this.#calling = result.then(answered, failed).finally(() => {
          this.#calling = undefined;
        });
      } else answered(result);
    } catch (error) {
      failed(error);
    }
  }

  #fault(callId: number, contextId: number, status: number, moreFlags = 0): void {
    const flags = PFC_FIRST_FRAG | PFC_LAST_FRAG | moreFlags;
    this.#queue(encodePdu({ kind: 'fault', callId, contextId, status, flags }));
  }

  #nak(callId: number, reason: number): false {
    this.#queue(encodePdu({ kind: 'bind-nak', callId, reason }));
    return false;
  }

  #queue(pdu: Buffer): void {
    this.#answers.push(pdu);
    this.#answerBytes += pdu.length;
  }
}

/** A peer that names too little must still take the minimum (C706 12.6.3.1). */
const agreedFragmentBytes = (proposed: number): number =>
  Math.min(Math.max(proposed, FRAGMENT_BYTES_MINIMUM), FRAGMENT_BYTES_MAXIMUM);

const rejected = (reason: number): ContextResult => ({
  result: CONTEXT_RESULT.PROVIDER_REJECTION,
  reason,
  transferSyntax: NO_SYNTAX,
});
