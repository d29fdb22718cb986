/**
 * The GSS initiator of our own client: SPNEGO around NTLMSSP, or NTLMSSP bare (RFC 4178, MS-SPNG 3.3).
 * It sends a mechListMIC always and insists on the server's, as smbclient does.
 */
import { WireError } from '../wire/wire-error.ts';
import { equalSecrets, firstSignature } from './ntlm-crypto.ts';
import {
  createNtlmInitiator,
  type NtlmAuthenticate,
  type NtlmInitiator,
  type NtlmInitiatorOptions,
} from './ntlm-initiator.ts';
import {
  decodeSpnego,
  encodeMechTypeList,
  encodeNegTokenInit,
  encodeNegTokenResp,
  Mechanism,
  NegState,
  type NegTokenResp,
} from './spnego.ts';

export interface InitiatorOptions extends NtlmInitiatorOptions {
  /** Bare NTLMSSP, without SPNEGO. */
  readonly raw?: boolean | undefined;
  /** For tests of servers: what is offered, in this order. NTLMSSP must be among them. */
  readonly mechTypes?: readonly string[] | undefined;
  /** For tests of servers: what stands in the place of the mechListMIC; 'omit' for none. */
  readonly mechListMic?: 'omit' | Buffer | undefined;
}

export type InitiatorStep =
  | { readonly kind: 'continue'; readonly token: Buffer }
  | { readonly kind: 'done'; readonly sessionKey: Buffer | undefined }
  /** The server broke the protocol, chose another mechanism, or could not prove its key. */
  | { readonly kind: 'refused'; readonly reason: 'malformed' | 'unsupported' | 'wrong-mic' };

export interface Initiator {
  /** The first token, for the first SESSION_SETUP. */
  start(): Buffer;
  /**
   * Takes the server's token (empty when the final response has none). When the server says success,
   * the token of that response must still come through here: only then is the server's mechListMIC
   * checked.
   */
  step(token: Buffer): InitiatorStep;
  /** Known from the AUTHENTICATE on. Undefined before, and for anonymous. */
  readonly sessionKey: Buffer | undefined;
}

const refused = (reason: 'malformed' | 'unsupported' | 'wrong-mic'): InitiatorStep => ({
  kind: 'refused',
  reason,
});

class GssInitiator implements Initiator {
  readonly #options: InitiatorOptions;
  readonly #ntlm: NtlmInitiator;
  readonly #mechTypes: readonly string[];
  #phase: 'waiting' | 'authenticated' | 'finished' = 'waiting';
  /** Whether the NEGOTIATE was sent already. */
  #optimistic = true;
  #authenticate: NtlmAuthenticate | undefined;
  #sentMic = false;
  #askedForMic = false;

  constructor(options: InitiatorOptions) {
    this.#options = options;
    this.#ntlm = createNtlmInitiator(options);
    this.#mechTypes = options.mechTypes ?? [Mechanism.NTLMSSP];
  }

  get sessionKey(): Buffer | undefined {
    if (this.#options.credentials === 'anonymous') return undefined;
    return this.#authenticate?.exportedSessionKey;
  }

  start(): Buffer {
    if (this.#options.raw) return this.#ntlm.negotiate;
    this.#optimistic = this.#mechTypes[0] === Mechanism.NTLMSSP;
    return encodeNegTokenInit({
      mechTypes: this.#mechTypes,
      mechToken: this.#optimistic ? this.#ntlm.negotiate : undefined,
    });
  }

  step(token: Buffer): InitiatorStep {
    try {
      const step = this.#options.raw ? this.#stepRaw(token) : this.#stepSpnego(token);
      if (step.kind !== 'continue') this.#phase = 'finished';
      return step;
    } catch (error) {
      this.#phase = 'finished';
      if (error instanceof WireError) return refused('malformed');
      throw error;
    }
  }

  #stepRaw(token: Buffer): InitiatorStep {
    switch (this.#phase) {
      case 'waiting':
        return { kind: 'continue', token: this.#answer(token) };
      case 'authenticated':
        return token.length === 0 ? this.#done() : refused('malformed');
      case 'finished':
        return refused('malformed');
    }
  }

  #stepSpnego(token: Buffer): InitiatorStep {
    if (this.#phase === 'finished') return refused('malformed');
    if (this.#phase === 'authenticated' && token.length === 0) {
      return this.#sentMic ? refused('wrong-mic') : this.#done();
    }
    const resp = decodeSpnego(token);
    if (resp.kind !== 'resp' || resp.negState === NegState.REJECT) return refused('malformed');
    // "MUST ignore the new supportedMech field" of later tokens, MS-SPNG 3.3.5.
    const named = this.#phase === 'waiting' ? resp.supportedMech : undefined;
    if (named !== undefined && named !== Mechanism.NTLMSSP) return refused('unsupported');
    return this.#phase === 'waiting' ? this.#respond(resp) : this.#conclude(resp);
  }

  #respond(resp: NegTokenResp): InitiatorStep {
    if (!this.#optimistic) {
      this.#optimistic = true;
      const responseToken = this.#ntlm.negotiate;
      return { kind: 'continue', token: encodeNegTokenResp({ responseToken }) };
    }
    if (resp.responseToken === undefined) return refused('malformed');
    const responseToken = this.#answer(resp.responseToken);
    const chosen = this.#options.mechListMic;
    const mechListMic = chosen === 'omit' ? undefined : (chosen ?? this.#mic('client'));
    this.#sentMic = mechListMic !== undefined;
    return { kind: 'continue', token: encodeNegTokenResp({ responseToken, mechListMic }) };
  }

  #conclude(resp: NegTokenResp): InitiatorStep {
    const expected = this.#mic('server');
    const sent = resp.mechListMic;
    if (sent === undefined && this.#sentMic && expected !== undefined) return refused('wrong-mic');
    if (sent !== undefined && (expected === undefined || !equalSecrets(sent, expected))) {
      return refused('wrong-mic');
    }
    if (resp.negState === NegState.ACCEPT_COMPLETED) return this.#done();
    if (this.#sentMic) return refused('malformed');
    // The server wants the MIC that was left out: it comes alone, once. Its own has come already.
    if (this.#askedForMic || sent === undefined) return refused('malformed');
    this.#askedForMic = true;
    const mechListMic = this.#mic('client');
    return { kind: 'continue', token: encodeNegTokenResp({ mechListMic }) };
  }

  #answer(challenge: Buffer): Buffer {
    this.#authenticate = this.#ntlm.authenticate(challenge);
    this.#phase = 'authenticated';
    return this.#authenticate.token;
  }

  #mic(sender: 'client' | 'server'): Buffer | undefined {
    if (this.#authenticate === undefined) return undefined;
    const { flags, exportedSessionKey } = this.#authenticate;
    const list = encodeMechTypeList(this.#mechTypes);
    return firstSignature(flags, exportedSessionKey, sender, list);
  }

  #done(): InitiatorStep {
    return { kind: 'done', sessionKey: this.sessionKey };
  }
}

export const createInitiator = (options: InitiatorOptions): Initiator => new GssInitiator(options);
