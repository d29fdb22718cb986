/** One login by Kerberos: auth/kerberos.ts by orders to the GSS process. */

import type { KerberosExchange, KerberosStep } from '../auth/kerberos.ts';
import type { Logger } from '../base/log.ts';
import type { MessageParts, SealedMessage, SignatureSizes } from '../base/message-parts.ts';
import type { GssAnswer, GssOrder } from './messages.ts';

/** Undefined: the process is not there, or ended meanwhile. */
export type GssAsk = (order: GssOrder) => Promise<GssAnswer | undefined>;

export class GssExchange implements KerberosExchange {
  readonly #context: number;
  readonly #ask: GssAsk;
  readonly #log: Logger;
  #known = false;
  #closed = false;

  constructor(context: number, ask: GssAsk, log: Logger) {
    this.#context = context;
    this.#ask = ask;
    this.#log = log;
  }

  async step(token: Buffer): Promise<KerberosStep> {
    this.#known = true;
    // A copy: the message it is a view of may be gone before the process is free.
    const answer = await this.#ask({
      kind: 'accept',
      context: this.#context,
      token: Buffer.from(token),
    });
    if (this.#closed) this.#release();
    switch (answer?.kind) {
      case 'accepted': {
        const { peer, token: reply } = answer;
        if (peer === undefined) return { kind: 'continue', token: reply };
        const { endsAtSeconds, ...rest } = peer;
        return {
          kind: 'done',
          token: reply,
          peer: { ...rest, expiresAtMs: endsAtSeconds * 1000 },
        };
      }
      case 'failed': {
        this.#known = false;
        const { reason, message } = answer;
        this.#log.warn('login by Kerberos refused', { reason, message });
        return { kind: 'refused', reason: reason === 'clock-skew' ? reason : 'logon-failure' };
      }
      default:
        return { kind: 'refused', reason: 'logon-failure' };
    }
  }

  async sign(message: Buffer): Promise<Buffer | undefined> {
    const answer = await this.#ask({ kind: 'sign', context: this.#context, message });
    return answer?.kind === 'signed' ? answer.mic : undefined;
  }

  async verify(message: Buffer, mic: Buffer): Promise<boolean> {
    const context = this.#context;
    const answer = await this.#ask({ kind: 'verify', context, message, mic: Buffer.from(mic) });
    return answer?.kind === 'verified' && answer.right;
  }

  async isNext(message: Buffer, mic: Buffer): Promise<boolean> {
    const answer = await this.#ask({ kind: 'verify', context: this.#context, message, mic });
    return answer?.kind === 'verified' && answer.right && answer.inOrder;
  }

  async sizes(): Promise<SignatureSizes | undefined> {
    const answer = await this.#ask({ kind: 'sizes', context: this.#context });
    return answer?.kind === 'sizes' ? answer : undefined;
  }

  async seal(parts: MessageParts): Promise<SealedMessage | undefined> {
    const answer = await this.#ask({ kind: 'seal', context: this.#context, ...parts });
    return answer?.kind === 'sealed' ? answer : undefined;
  }

  async unseal(parts: MessageParts, token: Buffer): Promise<Buffer | undefined> {
    const answer = await this.#ask({ kind: 'unseal', context: this.#context, ...parts, token });
    return answer?.kind === 'unsealed' ? answer.data : undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
  }

  #release(): void {
    if (!this.#known) return;
    this.#known = false;
    void this.#ask({ kind: 'release', context: this.#context });
  }
}
