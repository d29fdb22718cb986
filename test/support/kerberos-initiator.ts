/** SPNEGO around the tokens of MIT's library, for our own client: a login with a ticket out of a cache. */
import type { Initiator, InitiatorStep } from '../../src/auth/initiator.ts';
import {
  decodeSpnego,
  encodeMechTypeList,
  encodeNegTokenInit,
  encodeNegTokenResp,
  Mechanism,
} from '../../src/auth/spnego.ts';
import { GssInitiator } from './gss-initiator.ts';

/** `service`: `cifs@host`. The library reads KRB5_CONFIG and KRB5CCNAME of this process when it is used first. */
export const kerberosInitiator = (
  service: string,
  mechTypes?: readonly string[],
): KerberosInitiator => new KerberosInitiator(new GssInitiator(service), mechTypes);

/** Ours, with tokens of the library's. */
export class KerberosInitiator implements Initiator {
  readonly #gss: GssInitiator;
  readonly #first: Buffer;
  readonly #mechTypes: readonly string[];
  #waits: boolean;
  readonly tokens: Buffer[] = [];

  constructor(gss: GssInitiator, mechTypes: readonly string[] = [Mechanism.KRB5]) {
    this.#gss = gss;
    this.#first = gss.step();
    this.#mechTypes = mechTypes;
    this.#waits = mechTypes[0] !== Mechanism.KRB5;
  }

  get sessionKey(): Buffer {
    return this.#gss.sessionKey;
  }

  start(): Buffer {
    const mechToken = this.#waits ? undefined : this.#first;
    return encodeNegTokenInit({ mechTypes: this.#mechTypes, mechToken });
  }

  step(token: Buffer): InitiatorStep {
    const resp = decodeSpnego(token);
    if (resp.kind !== 'resp') return { kind: 'refused', reason: 'malformed' };
    if (this.#waits) {
      this.#waits = false;
      return { kind: 'continue', token: encodeNegTokenResp({ responseToken: this.#first }) };
    }
    if (resp.responseToken !== undefined) this.#gss.step(resp.responseToken);
    if (resp.mechListMic === undefined) return { kind: 'done', sessionKey: this.sessionKey };
    const list = encodeMechTypeList(this.#mechTypes);
    if (!this.#gss.verify(list, resp.mechListMic)) return { kind: 'refused', reason: 'wrong-mic' };
    const mechListMic = this.#gss.sign(list);
    return { kind: 'continue', token: encodeNegTokenResp({ mechListMic }) };
  }
}
