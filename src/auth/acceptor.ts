/**
 * The GSS acceptor behind SESSION_SETUP (MS-SMB2 3.3.5.5.3): SPNEGO (RFC 4178, MS-SPNG) around NTLMSSP or Kerberos,
 * or one of them bare, as the client's first token has it. Of what the client lists the first that is
 * spoken here is taken; what then becomes of Kerberos is in kerberos-acceptor.ts.
 *
 *   start ──raw NEGOTIATE──▶ raw ──AUTHENTICATE──▶ finished
 *     ├──NegTokenInit──▶ spnego ──NegTokenResp(AUTHENTICATE)──▶ finished
 *     │                    └── … without the mechListMIC that is due ──▶ awaitingMic ──▶ finished
 *     └──NegTokenInit, or an AP-REQ──▶ kerberos ──▶ finished
 *
 * The mechListMIC is due when NTLMSSP was not the client's first choice, so that nobody in between
 * can have pushed it there (RFC 4178 5). One that is sent though it is not due is checked and answered, too:
 * smbclient and Windows send it always and check the answer. No way through has more than four steps.
 */
import { WireError } from '../wire/wire-error.ts';
import {
  isKerberos,
  KERBEROS_MECHANISMS,
  type Kerberos,
  type KerberosExchange,
  type KerberosMessages,
  type KerberosPeer,
} from './kerberos.ts';
import { KerberosNegotiation, stepBare } from './kerberos-acceptor.ts';
import {
  createNtlmAcceptor,
  type IdentityName,
  type MaybePromise,
  type NtlmAccepted,
  type NtlmAcceptor,
  type NtlmAcceptorOptions,
  type NtlmAcceptorStep,
  type Refusal,
  type RefusalReason,
} from './ntlm-acceptor.ts';
import { equalSecrets, firstSignature } from './ntlm-crypto.ts';
import { isNtlm } from './ntlm-messages.ts';
import {
  decodeSpnego,
  encodeNegTokenInit2,
  encodeNegTokenResp,
  Mechanism,
  NegState,
  type NegTokenInit,
  type NegTokenResp,
} from './spnego.ts';

export interface AcceptorOptions extends NtlmAcceptorOptions {
  readonly kerberos?: Kerberos | undefined;
  /** Tokens are Kerberos's own, without SPNEGO and, in DCE style, without a frame of GSS's (MS-KILE 3.4.5.1). */
  readonly onlyKerberos?: boolean | undefined;
  /** Messages go on under the keys of Kerberos: its exchange is ended by close() alone. */
  readonly goesOn?: boolean | undefined;
}

export type AcceptorStep =
  /** Send the token; the client answers with another. */
  | {
      readonly kind: 'continue';
      readonly token: Buffer;
      /** Who has shown the right password with it already; what is due is a MIC. */
      readonly identityName?: IdentityName;
    }
  | {
      readonly kind: 'done';
      /** For the final response; empty when the exchange was bare NTLMSSP. */
      readonly token: Buffer;
      readonly identityName: IdentityName;
      /** 16 bytes; undefined for a guest. That of an anonymous login is no secret. */
      readonly sessionKey: Buffer | undefined;
      /** NTLM's (0 of Kerberos), that both sides ended with: what signs and seals after the login goes by them. */
      readonly flags: number;
      /** Each way's first message has this sequence number: a mechListMIC has counted (MS-SPNG 3.2.5.1). */
      readonly firstSequenceNumber: 0 | 1;
      /** Of a login by Kerberos. */
      readonly peer?: KerberosPeer;
      /** Where they go on. */
      readonly messages?: KerberosMessages | undefined;
    }
  | Refusal;

export interface Acceptor {
  /** One step at a time; after 'done' and 'refused' every further one is refused. */
  step(token: Buffer): MaybePromise<AcceptorStep>;
  close(): void;
}

/** A first token may carry a Kerberos ticket: Windows makes 48,000 bytes at most. */
export const MAXIMUM_TOKEN_BYTES = 65535;

/** The security buffer of a NEGOTIATE response: NegTokenInit2 with what is offered. */
export const negotiateToken = (kerberos = false): Buffer =>
  encodeNegTokenInit2([...(kerberos ? KERBEROS_MECHANISMS : []), Mechanism.NTLMSSP]);

const refused = (reason: RefusalReason): Refusal => ({ kind: 'refused', reason });

const done = (accepted: NtlmAccepted, token: Buffer, firstSequenceNumber: 0 | 1): AcceptorStep => {
  const { identityName, exportedSessionKey: sessionKey, flags } = accepted;
  return { kind: 'done', token, identityName, sessionKey, flags, firstSequenceNumber };
};

/** What SPNEGO remembers between tokens. */
interface Negotiation {
  readonly mechTypeList: Buffer;
  /** NTLMSSP was not the first choice. */
  readonly micDue: boolean;
  /** Nothing was answered yet: the first answer names the mechanism. */
  first: boolean;
}

type State =
  | { readonly kind: 'start' | 'raw' | 'finished' }
  | { readonly kind: 'spnego'; readonly negotiation: Negotiation }
  | { readonly kind: 'kerberos'; readonly step: (token: Buffer) => Promise<AcceptorStep> }
  | {
      readonly kind: 'awaitingMic';
      readonly negotiation: Negotiation;
      readonly accepted: NtlmAccepted;
    };

const FINISHED: State = { kind: 'finished' };

function mic(
  accepted: NtlmAccepted,
  sender: 'client' | 'server',
  negotiation: Negotiation,
): Buffer | undefined {
  const key = accepted.exportedSessionKey;
  if (key === undefined) return undefined;
  return firstSignature(accepted.flags, key, sender, negotiation.mechTypeList);
}

/** Whether what the client sent is its mechListMIC. Where no key exists there is nothing to compare. */
function rightMic(accepted: NtlmAccepted, negotiation: Negotiation, sent: Buffer): boolean {
  const expected = mic(accepted, 'client', negotiation);
  return expected === undefined || equalSecrets(expected, sent);
}

function answerChallenge(negotiation: Negotiation, responseToken: Buffer | undefined): Buffer {
  const { first, micDue } = negotiation;
  negotiation.first = false;
  return encodeNegTokenResp({
    negState: first && micDue ? NegState.REQUEST_MIC : NegState.ACCEPT_INCOMPLETE,
    supportedMech: first ? Mechanism.NTLMSSP : undefined,
    responseToken,
  });
}

class GssAcceptor implements Acceptor {
  readonly #ntlm: NtlmAcceptor;
  readonly #kerberos: Kerberos | undefined;
  readonly #onlyKerberos: boolean;
  readonly #goesOn: boolean;
  #exchange: KerberosExchange | undefined;
  #state: State = { kind: 'start' };

  constructor(options: AcceptorOptions) {
    this.#ntlm = createNtlmAcceptor(options);
    this.#kerberos = options.kerberos;
    this.#onlyKerberos = options.onlyKerberos === true;
    this.#goesOn = options.goesOn === true;
  }

  close(): void {
    this.#state = FINISHED;
    this.#exchange?.close();
  }

  step(token: Buffer): MaybePromise<AcceptorStep> {
    const state = this.#state;
    // Whoever goes on says so; while a lookup waits, nothing else is accepted.
    this.#state = FINISHED;
    if (token.length > MAXIMUM_TOKEN_BYTES) return refused('malformed');
    try {
      switch (state.kind) {
        case 'start':
          return this.#start(token);
        case 'raw':
          return this.#stepNtlm(token, (step) => this.#answerRaw(step));
        case 'spnego':
          return this.#continueSpnego(token, state.negotiation);
        case 'kerberos':
          return this.#stepKerberos(state.step, state.step(token));
        case 'awaitingMic':
          return this.#finishMic(token, state.negotiation, state.accepted);
        case 'finished':
          return refused('malformed');
      }
    } catch (error) {
      if (error instanceof WireError) return refused('malformed');
      throw error;
    }
  }

  #start(token: Buffer): MaybePromise<AcceptorStep> {
    if (this.#onlyKerberos) return this.#startBareKerberos(Mechanism.KRB5, token);
    if (isNtlm(token)) return this.#stepNtlm(token, (step) => this.#answerRaw(step));
    const decoded = decodeSpnego(token);
    switch (decoded.kind) {
      case 'init':
        return this.#startSpnego(decoded);
      case 'other':
        return this.#startBareKerberos(decoded.mechanism, token);
      case 'resp':
        return refused('malformed');
    }
  }

  #startSpnego(init: NegTokenInit): MaybePromise<AcceptorStep> {
    const rank = init.mechTypes.findIndex((one) => this.#speaks(one));
    if (rank < 0) return refused('unsupported');
    // A copy: the MIC over it is computed when the caller's buffer is long reused.
    const mechTypeList = Buffer.from(init.mechTypeList);
    const mechanism = init.mechTypes[rank]!;
    if (isKerberos(mechanism)) {
      const exchange = this.#beginKerberos();
      const choice = { mechanism, mechTypeList, micDue: rank > 0 };
      const kerberos = new KerberosNegotiation(exchange, choice);
      const first = rank === 0 ? init.mechToken : undefined;
      return this.#stepKerberos((next) => kerberos.step(next), kerberos.start(first));
    }
    const negotiation: Negotiation = { mechTypeList, micDue: rank > 0, first: true };
    // The optimistic token is for the first choice only.
    const token = rank === 0 ? init.mechToken : undefined;
    if (token === undefined) {
      this.#state = { kind: 'spnego', negotiation };
      return { kind: 'continue', token: answerChallenge(negotiation, undefined) };
    }
    return this.#stepNtlm(token, (step) => this.#answerSpnego(step, negotiation, undefined));
  }

  #speaks(mechanism: string): boolean {
    if (mechanism === Mechanism.NTLMSSP) return true;
    return this.#kerberos?.available === true && isKerberos(mechanism);
  }

  /** Speaks it, as `speaks` said. */
  #beginKerberos(): KerberosExchange {
    this.#exchange = this.#kerberos!.begin();
    return this.#exchange;
  }

  #startBareKerberos(mechanism: string, token: Buffer): MaybePromise<AcceptorStep> {
    if (!this.#speaks(mechanism)) return refused('unsupported');
    const exchange = this.#beginKerberos();
    const step = (next: Buffer) => stepBare(exchange, next);
    return this.#stepKerberos(step, step(token));
  }

  async #stepKerberos(
    next: (token: Buffer) => Promise<AcceptorStep>,
    current: Promise<AcceptorStep>,
  ): Promise<AcceptorStep> {
    const step = await current;
    if (step.kind === 'continue') this.#state = { kind: 'kerberos', step: next };
    else if (step.kind === 'done' && this.#goesOn) return { ...step, messages: this.#exchange };
    else this.#exchange?.close();
    return step.kind === 'refused' ? { ...step, ticket: true } : step;
  }

  #continueSpnego(token: Buffer, negotiation: Negotiation): MaybePromise<AcceptorStep> {
    const resp = this.#response(token);
    if (resp?.responseToken === undefined) return refused('malformed');
    const { responseToken, mechListMic } = resp;
    return this.#stepNtlm(responseToken, (step) =>
      this.#answerSpnego(step, negotiation, mechListMic),
    );
  }

  #finishMic(token: Buffer, negotiation: Negotiation, accepted: NtlmAccepted): AcceptorStep {
    const sent = this.#response(token)?.mechListMic;
    if (sent === undefined) return refused('malformed');
    const { identityName } = accepted;
    if (!rightMic(accepted, negotiation, sent))
      return { ...refused('logon-failure'), identityName };
    return done(accepted, encodeNegTokenResp({ negState: NegState.ACCEPT_COMPLETED }), 1);
  }

  #response(token: Buffer): NegTokenResp | undefined {
    const decoded = decodeSpnego(token);
    return decoded.kind === 'resp' && decoded.negState !== NegState.REJECT ? decoded : undefined;
  }

  #stepNtlm(
    token: Buffer,
    answer: (step: NtlmAcceptorStep) => AcceptorStep,
  ): MaybePromise<AcceptorStep> {
    const step = this.#ntlm.step(token);
    return step instanceof Promise ? step.then(answer) : answer(step);
  }

  #answerRaw(step: NtlmAcceptorStep): AcceptorStep {
    switch (step.kind) {
      case 'challenge':
        this.#state = { kind: 'raw' };
        return { kind: 'continue', token: step.token };
      case 'done':
        return done(step, Buffer.alloc(0), 0);
      case 'refused':
        return step;
    }
  }

  #answerSpnego(
    step: NtlmAcceptorStep,
    negotiation: Negotiation,
    clientMic: Buffer | undefined,
  ): AcceptorStep {
    switch (step.kind) {
      case 'challenge':
        this.#state = { kind: 'spnego', negotiation };
        return { kind: 'continue', token: answerChallenge(negotiation, step.token) };
      case 'done':
        return this.#complete(step, negotiation, clientMic);
      case 'refused':
        return step;
    }
  }

  #complete(
    accepted: NtlmAccepted,
    negotiation: Negotiation,
    clientMic: Buffer | undefined,
  ): AcceptorStep {
    const ours = mic(accepted, 'server', negotiation);
    if (clientMic !== undefined) {
      if (!rightMic(accepted, negotiation, clientMic)) {
        return { ...refused('logon-failure'), identityName: accepted.identityName };
      }
      const negState = NegState.ACCEPT_COMPLETED;
      return done(accepted, encodeNegTokenResp({ negState, mechListMic: ours }), 1);
    }
    if (negotiation.micDue && ours !== undefined && !accepted.identityName.anonymous) {
      this.#state = { kind: 'awaitingMic', negotiation, accepted };
      const negState = NegState.ACCEPT_INCOMPLETE;
      const answer = encodeNegTokenResp({ negState, mechListMic: ours });
      return { kind: 'continue', token: answer, identityName: accepted.identityName };
    }
    return done(accepted, encodeNegTokenResp({ negState: NegState.ACCEPT_COMPLETED }), 0);
  }
}

export const createAcceptor = (options: AcceptorOptions): Acceptor => new GssAcceptor(options);
