/**
 * SPNEGO around Kerberos on the acceptor's side (RFC 4178 4.2 and 5, MS-SPNG 3.2.5), once that mechanism is chosen.
 *
 *   chosen ──AP-REQ──▶ finished
 *     └── … the client's first choice was another: its mechListMIC is due ──▶ awaitingMic ──▶ finished
 *
 * The mechanism may want several tokens (DCE style); each is one step of `chosen`.
 */
import { WireError } from '../wire/wire-error.ts';
import type { AcceptorStep } from './acceptor.ts';
import type { KerberosExchange, KerberosPeer } from './kerberos.ts';
import type { Refusal, RefusalReason } from './ntlm-acceptor.ts';
import { decodeSpnego, encodeNegTokenResp, NegState, type NegTokenResp } from './spnego.ts';

/** Tokens of one login; a client that needs more is not one. */
const MAXIMUM_TOKENS = 4;

export interface KerberosChoice {
  /** By the name that the client offered it under. */
  readonly mechanism: string;
  /** A copy: the MIC over it is computed when the client's message is gone. */
  readonly mechTypeList: Buffer;
  /** It was not the client's first choice. */
  readonly micDue: boolean;
}

const refused = (reason: RefusalReason): Refusal => ({ kind: 'refused', reason });

export function kerberosDone(peer: KerberosPeer, token: Buffer): AcceptorStep {
  const at = peer.principal.lastIndexOf('@');
  return {
    kind: 'done',
    token,
    identityName: {
      user: at < 0 ? peer.principal : peer.principal.slice(0, at),
      domain: at < 0 ? '' : peer.principal.slice(at + 1),
      anonymous: false,
      guest: false,
    },
    sessionKey: peer.sessionKey,
    flags: 0,
    firstSequenceNumber: 0,
    peer,
  };
}

/** Without SPNEGO: the mechanism's tokens as they are. */
export async function stepBare(exchange: KerberosExchange, token: Buffer): Promise<AcceptorStep> {
  const step = await exchange.step(token);
  return step.kind === 'done' ? kerberosDone(step.peer, step.token) : step;
}

export class KerberosNegotiation {
  readonly #exchange: KerberosExchange;
  readonly #choice: KerberosChoice;
  /** Nothing was answered yet: the first answer names the mechanism. */
  #first = true;
  #tokens = 0;
  #awaitingMic: KerberosPeer | undefined;

  constructor(exchange: KerberosExchange, choice: KerberosChoice) {
    this.#exchange = exchange;
    this.#choice = choice;
  }

  /** The first token, or the answer that asks for it. */
  async start(token: Buffer | undefined): Promise<AcceptorStep> {
    if (token !== undefined) return this.#step(token, undefined);
    const negState = this.#choice.micDue ? NegState.REQUEST_MIC : NegState.ACCEPT_INCOMPLETE;
    return { kind: 'continue', token: this.#answer(negState) };
  }

  async step(token: Buffer): Promise<AcceptorStep> {
    const resp = responseOf(token);
    if (resp === undefined) return refused('malformed');
    if (this.#awaitingMic !== undefined) return this.#finish(this.#awaitingMic, resp);
    const { responseToken, mechListMic } = resp;
    if (responseToken === undefined) return refused('malformed');
    return this.#step(responseToken, mechListMic);
  }

  async #step(token: Buffer, clientMic: Buffer | undefined): Promise<AcceptorStep> {
    if (++this.#tokens > MAXIMUM_TOKENS) return refused('malformed');
    const step = await this.#exchange.step(token);
    if (step.kind === 'refused') return step;
    if (step.kind === 'continue') {
      return { kind: 'continue', token: this.#answer(NegState.ACCEPT_INCOMPLETE, step.token) };
    }
    const { peer } = step;
    if (clientMic === undefined && !this.#choice.micDue) {
      return kerberosDone(peer, this.#answer(NegState.ACCEPT_COMPLETED, step.token));
    }
    if (clientMic !== undefined && !(await this.#isRight(clientMic)))
      return refused('logon-failure');
    const ours = await this.#exchange.sign(this.#choice.mechTypeList);
    if (ours === undefined) return refused('logon-failure');
    if (clientMic !== undefined) {
      return kerberosDone(peer, this.#answer(NegState.ACCEPT_COMPLETED, step.token, ours));
    }
    this.#awaitingMic = peer;
    return { kind: 'continue', token: this.#answer(NegState.ACCEPT_INCOMPLETE, step.token, ours) };
  }

  async #finish(peer: KerberosPeer, { mechListMic }: NegTokenResp): Promise<AcceptorStep> {
    if (mechListMic === undefined) return refused('malformed');
    if (!(await this.#isRight(mechListMic))) return refused('logon-failure');
    return kerberosDone(peer, this.#answer(NegState.ACCEPT_COMPLETED));
  }

  #isRight(mic: Buffer): Promise<boolean> {
    return this.#exchange.verify(this.#choice.mechTypeList, mic);
  }

  #answer(negState: NegState, token?: Buffer, mechListMic?: Buffer): Buffer {
    const supportedMech = this.#first ? this.#choice.mechanism : undefined;
    this.#first = false;
    const responseToken = token?.length === 0 ? undefined : token;
    return encodeNegTokenResp({ negState, supportedMech, responseToken, mechListMic });
  }
}

function responseOf(token: Buffer): NegTokenResp | undefined {
  try {
    const decoded = decodeSpnego(token);
    return decoded.kind === 'resp' && decoded.negState !== NegState.REJECT ? decoded : undefined;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
