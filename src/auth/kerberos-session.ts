/**
 * Session security after a login by Kerberos, for RPC: messages signed by MIC tokens and sealed by wrap tokens (RFC 4121
 * 4.2.6, MS-RPCE 3.3.1.5.2.2). The keys are another process's, so each message is waited for.
 */
import type { SignatureSizes } from '../base/message-parts.ts';
import type { KerberosMessages } from './kerberos.ts';

const NOTHING = Buffer.alloc(0);

export class KerberosSession {
  readonly canSign = true;
  readonly canSeal = true;
  readonly #messages: KerberosMessages;
  readonly #sizes: SignatureSizes;
  readonly #signsHeaders: boolean;

  /** `signsHeaders`: both sides said PFC_SUPPORT_HEADER_SIGN; else the data alone are signed (MS-RPCE 2.2.2.3). */
  constructor(messages: KerberosMessages, sizes: SignatureSizes, signsHeaders: boolean) {
    this.#messages = messages;
    this.#sizes = sizes;
    this.#signsHeaders = signsHeaders;
  }

  signatureBytes(seals: boolean): number {
    return seals ? this.#sizes.sealed : this.#sizes.signed;
  }

  sign(message: Buffer, body: Buffer): Promise<Buffer | undefined> {
    return this.#messages.sign(this.#signsHeaders ? message : body);
  }

  verify(message: Buffer, body: Buffer, signature: Buffer): Promise<boolean> {
    return this.#messages.isNext(this.#signsHeaders ? message : body, signature);
  }

  async seal(message: Buffer, body: Buffer): Promise<Buffer | undefined> {
    const sealed = await this.#messages.seal(this.#parts(message, body));
    if (sealed?.data.length !== body.length) return undefined;
    sealed.data.copy(body);
    return sealed.token;
  }

  async unseal(message: Buffer, body: Buffer, signature: Buffer): Promise<boolean> {
    const clear = await this.#messages.unseal(this.#parts(message, body), signature);
    if (clear?.length !== body.length) return false;
    clear.copy(body);
    return true;
  }

  #parts(message: Buffer, data: Buffer) {
    if (!this.#signsHeaders) return { before: NOTHING, data, behind: NOTHING };
    const from = data.byteOffset - message.byteOffset;
    return {
      before: message.subarray(0, from),
      data,
      behind: message.subarray(from + data.length),
    };
  }
}
