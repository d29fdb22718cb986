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
import type { MessageSecurity } from '../../rpc/message-security.ts';
import {
  type BindPdu,
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
  PFC_SUPPORT_HEADER_SIGN,
  PIPE_FRAGMENT_BYTES,
  PTYPE,
  REJECT_REASON,
  type RequestPdu,
  readVerifier,
  supportsVersion,
} from '../../rpc/pdu.ts';
import { protect, protectionBytes, withFlags, withToken } from '../../rpc/pdu-security.ts';
import { NDR32 } from '../../rpc/syntax-id.ts';
import { agreesWithTrailer } from '../../rpc/verification-trailer.ts';
import { WireError } from '../../wire/wire-error.ts';
import {
  AssociationSecurity,
  type AuthenticationOutcome,
  type RpcProvider,
  type SecurityContext,
} from './association-security.ts';
import { PRESENTATION_CONTEXTS_MAXIMUM, PresentationContexts } from './presentation-contexts.ts';
import { RpcFault } from './rpc-fault.ts';
import type { RpcService } from './rpc-service.ts';

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

/** `address`: the secondary address of a BIND_ACK, `\PIPE\name` or a port. */
export function createRpcEndpoint(address: string, provider: RpcProvider): PipeEndpoint {
  return new RpcEndpoint(address, provider);
}

/** A call, and who makes it. */
interface Caller {
  readonly context: SecurityContext | undefined;
}
type CalledPdu = RequestPdu & Caller;
/** By what an answer is protected. */
interface Sender {
  readonly context: SecurityContext;
  readonly session: MessageSecurity;
  readonly callId: number;
}
/** A fragment in the clear. */
type Opened = Caller & { readonly clear: Buffer };

class RpcEndpoint implements PipeEndpoint {
  readonly #address: string;
  /** Of who has opened the pipe. */
  readonly #services: readonly RpcService[];
  readonly #security: AssociationSecurity;
  #state: 'unbound' | 'bound' | 'broken' = 'unbound';
  readonly #contexts: PresentationContexts;
  /** Fragments we send and take; what the BIND agrees on. */
  #transmitBytes = PIPE_FRAGMENT_BYTES;
  #receiveBytes = FRAGMENT_BYTES_MAXIMUM;
  /** While a fragment waits for somebody: for its result, or for who has the keys. Never rejects but for a bug. */
  #calling: Promise<boolean> | undefined;
  /** The beginning of a fragment whose end has not come. */
  #partial: Buffer = Buffer.alloc(0);
  readonly #request = new Reassembly<CalledPdu>(REQUEST_STUB_BYTES_MAXIMUM);
  #answers: Buffer[] = [];
  #answerBytes = 0;

  constructor(address: string, provider: RpcProvider) {
    this.#address = address;
    this.#services = provider.services() ?? [];
    this.#contexts = new PresentationContexts(this.#services);
    this.#security = new AssociationSecurity(provider);
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
      input = input.subarray(header.fragmentBytes);
      if (taken instanceof Promise) return this.#takeAfter(taken, Buffer.from(input));
      if (!taken) return this.#break('answered');
    }
    // A copy: the message's memory belongs to the caller.
    this.#partial = Buffer.from(input);
    return true;
  }

  /** What is written meanwhile waits behind `rest`. */
  #takeAfter(taken: Promise<boolean>, rest: Buffer): Promise<boolean> {
    const calling = taken.finally(() => {
      this.#calling = undefined;
    });
    this.#calling = calling;
    return calling.then((goesOn) => {
      if (this.#state === 'broken') return false;
      return goesOn ? this.#take(rest) : this.#break('answered');
    });
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
    this.#security.close();
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
  #fragment(header: PduHeader, input: Buffer): MaybePromise<boolean> {
    if (!supportsVersion(header)) return this.#refuse(header);
    const malformed = (error: unknown): boolean => {
      if (error instanceof WireError) return this.#refuse(header);
      throw error;
    };
    try {
      const taken =
        header.type === PTYPE.REQUEST
          ? this.#requestFragment(header, input)
          : this.#otherFragment(decodePdu(input), header);
      return taken instanceof Promise ? taken.catch(malformed) : taken;
    } catch (error) {
      return malformed(error);
    }
  }

  #otherFragment(pdu: Pdu, header: PduHeader): MaybePromise<boolean> {
    switch (pdu.kind) {
      case 'bind':
        return this.#bind(pdu, header);
      case 'alter-context':
        return this.#alterContext(pdu, header);
      case 'auth3':
        // "The server MUST NOT respond": a refusal shows at the first request.
        return this.#withLogin(pdu, header, () => true);
      case 'orphaned':
        if (this.#request.callId === pdu.callId) this.#request.abandon();
        return true;
      case 'cancel':
        return true;
      case 'request':
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

  #bind(pdu: Pdu & BindPdu, header: PduHeader): MaybePromise<boolean> {
    const { callId } = pdu;
    if (this.#state !== 'unbound') return this.#nak(callId, REJECT_REASON.REASON_NOT_SPECIFIED);
    if (pdu.contexts.length === 0) {
      return this.#nak(callId, REJECT_REASON.PROTOCOL_VERSION_NOT_SPECIFIED);
    }
    if (pdu.contexts.length > PRESENTATION_CONTEXTS_MAXIMUM) {
      return this.#nak(callId, REJECT_REASON.LOCAL_LIMIT_EXCEEDED);
    }
    this.#transmitBytes = agreedFragmentBytes(pdu.maxReceiveBytes);
    this.#receiveBytes = agreedFragmentBytes(pdu.maxTransmitBytes);
    this.#state = 'bound';
    return this.#withLogin(pdu, header, (outcome) => {
      if (outcome?.kind === 'refused') {
        const { AUTHENTICATION_TYPE_NOT_RECOGNIZED, REASON_NOT_SPECIFIED } = REJECT_REASON;
        const { unknownType } = outcome;
        return this.#nak(
          callId,
          unknownType ? AUTHENTICATION_TYPE_NOT_RECOGNIZED : REASON_NOT_SPECIFIED,
        );
      }
      this.#acknowledge('bind-ack', pdu, outcome?.token, this.#address);
      return true;
    });
  }

  /** With what becomes of the PDU's token, if it has one; at once, where nobody has to be asked. */
  #withLogin(
    { auth }: Pdu,
    header: PduHeader,
    then: (outcome: AuthenticationOutcome | undefined) => boolean,
  ): MaybePromise<boolean> {
    const outcome = auth && this.#security.authenticate(auth, header);
    return this.#unlessBroken(outcome, then);
  }

  /** An association that is over meanwhile does nothing more. */
  #unlessBroken<T>(
    value: MaybePromise<T>,
    then: (value: T) => MaybePromise<boolean>,
  ): MaybePromise<boolean> {
    if (!(value instanceof Promise)) return then(value);
    return value.then((each) => this.#state !== 'broken' && then(each));
  }

  #alterContext(pdu: Pdu & BindPdu, header: PduHeader): MaybePromise<boolean> {
    if (this.#state !== 'bound' || pdu.contexts.length === 0) return this.#refuse(header);
    // As Windows and Samba have it: no context is turned into another's.
    if (pdu.contexts.some((context) => this.#contexts.isOther(context))) {
      return this.#refuse(header);
    }
    return this.#withLogin(pdu, header, (outcome) => {
      if (outcome?.kind === 'refused') {
        return this.#refuse(header, FAULT_STATUS.ERROR_ACCESS_DENIED);
      }
      this.#acknowledge('alter-context-response', pdu, outcome?.token, '');
      return true;
    });
  }

  #acknowledge(
    kind: 'bind-ack' | 'alter-context-response',
    { callId, associationGroup, contexts, auth }: Pdu & BindPdu,
    token: Buffer | undefined,
    secondaryAddress: string,
  ): void {
    const pdu = encodePdu({
      kind,
      callId,
      maxTransmitBytes: this.#transmitBytes,
      maxReceiveBytes: this.#receiveBytes,
      associationGroup: associationGroup || ASSOCIATION_GROUP,
      secondaryAddress,
      results: contexts.map((context) => this.#contexts.negotiate(context)),
    });
    if (this.#security.headerSigning) withFlags(pdu, PFC_SUPPORT_HEADER_SIGN);
    const says = auth !== undefined && token !== undefined && token.length > 0;
    this.#queue(says ? withToken(pdu, auth, token) : pdu);
  }

  #requestFragment(header: PduHeader, input: Buffer): MaybePromise<boolean> {
    if (this.#state !== 'bound') return this.#refuse(header);
    return this.#unlessBroken(this.#opened(header, input), (opened) =>
      opened === undefined
        ? this.#refuse(header, FAULT_STATUS.ERROR_ACCESS_DENIED)
        : this.#openedFragment(header, opened),
    );
  }

  #openedFragment(header: PduHeader, { clear, context }: Opened): MaybePromise<boolean> {
    const pdu = decodePdu(clear);
    if (pdu.kind !== 'request') return this.#refuse(header);
    const { first } = this.#request;
    if (first !== undefined && first.context !== context) {
      return this.#refuse(header, FAULT_STATUS.ERROR_ACCESS_DENIED);
    }
    const assembled = this.#request.add({ ...pdu, context });
    switch (assembled.kind) {
      case 'partial':
        return true;
      case 'out-of-order':
        return this.#refuse(header);
      case 'too-long':
        // MS-RPCE 3.3.3.5.4 names this status.
        return this.#refuse(header, FAULT_STATUS.ERROR_ACCESS_DENIED);
      case 'whole':
        return this.#call(assembled.pdu);
    }
  }

  /** The fragment in the clear, and whose it is; undefined where its verifier is wrong, or missing. */
  #opened(header: PduHeader, input: Buffer): MaybePromise<Opened | undefined> {
    const { auth } = readVerifier(input, header);
    if (auth !== undefined) return this.#security.verified(input, header, auth);
    const context = this.#security.unverified();
    if (context === 'denied') return undefined;
    return { clear: input, context: context === 'none' ? undefined : context };
  }

  /** Faults of a call leave the association as it was. */
  #call(pdu: CalledPdu): MaybePromise<boolean> {
    const { callId, contextId, opnum, stub, bigEndian, context } = pdu;
    const index = this.#contexts.indexOf(contextId);
    const service = index === undefined ? undefined : (context?.services ?? this.#services)[index];
    if (service === undefined) {
      return this.#fault(callId, 0, FAULT_STATUS.nca_s_unk_if, PFC_DID_NOT_EXECUTE);
    }
    const understood = {
      ...{ callId, contextId, opnum, transferSyntax: NDR32 },
      abstractSyntax: service.syntax,
      headerSigning: this.#security.headerSigning,
    };
    if (context !== undefined && !agreesWithTrailer(stub, understood)) {
      const status = FAULT_STATUS.ERROR_ACCESS_DENIED;
      return this.#fault(callId, contextId, status, PFC_DID_NOT_EXECUTE);
    }
    const failed = (error: unknown): MaybePromise<boolean> => {
      const isFault = error instanceof RpcFault;
      if (!isFault && !(error instanceof WireError)) throw error;
      if (this.#state === 'broken') return false;
      const status = isFault ? error.status : FAULT_STATUS.RPC_X_BAD_STUB_DATA;
      return this.#fault(callId, contextId, status);
    };
    try {
      const result = service.call(opnum, stub, bigEndian);
      if (result === undefined) {
        const status = FAULT_STATUS.nca_s_op_rng_error;
        return this.#fault(callId, contextId, status, PFC_DID_NOT_EXECUTE);
      }
      if (!(result instanceof Promise)) return this.#answer(pdu, result);
      return result.then((each) => this.#state !== 'broken' && this.#answer(pdu, each), failed);
    } catch (error) {
      return failed(error);
    }
  }

  #answer({ callId, contextId, context }: CalledPdu, result: Buffer): MaybePromise<boolean> {
    const target = { kind: 'response', callId, contextId } as const;
    const session = context?.session;
    if (context === undefined || session === undefined) {
      for (const pdu of encodeFragments(target, result, this.#transmitBytes)) this.#queue(pdu);
      return true;
    }
    const room = this.#transmitBytes - protectionBytes(context, session);
    const pdus = encodeFragments(target, result, room);
    return this.#protected(pdus, 0, { context, session, callId });
  }

  /** One after the other: their signatures count them. */
  #protected(pdus: readonly Buffer[], from: number, sender: Sender): MaybePromise<boolean> {
    for (let index = from; index < pdus.length; index++) {
      const whole = protect(pdus[index]!, sender.context, sender.session);
      if (whole instanceof Promise) {
        return whole.then(
          (each) =>
            this.#state !== 'broken' &&
            this.#queued(each, sender) &&
            this.#protected(pdus, index + 1, sender),
        );
      }
      if (!this.#queued(whole, sender)) return false;
    }
    return true;
  }

  #queued(whole: Buffer | undefined, { callId }: Sender): boolean {
    if (whole !== undefined) this.#queue(whole);
    // Who has the keys is gone: nothing more can be said in this context.
    else this.#fault(callId, 0, FAULT_STATUS.ERROR_ACCESS_DENIED);
    return whole !== undefined;
  }

  /** Always true: it leaves the association as it was. */
  #fault(callId: number, contextId: number, status: number, moreFlags = 0): true {
    const flags = PFC_FIRST_FRAG | PFC_LAST_FRAG | moreFlags;
    this.#queue(encodePdu({ kind: 'fault', callId, contextId, status, flags }));
    return true;
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
