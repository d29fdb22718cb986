/**
 * What a security provider does for the messages of one association, once a client has authenticated
 * (MS-RPCE 3.3.1.5.2.2): the part of GSS_WrapEx and its kin that RPC needs.
 */

/** At once, where nobody else has to be asked. */
export interface MessageSecurity {
  readonly canSign: boolean;
  readonly canSeal: boolean;
  signatureBytes(seals: boolean): number;
  /**
   * The signature of what is sent next: `message` with its header and trailer, `body` the part of it that is data.
   * Undefined: the context is lost.
   */
  sign(message: Buffer, body: Buffer): Buffer | Promise<Buffer | undefined>;
  /** Whether `signature` is that of what is received next. */
  verify(message: Buffer, body: Buffer, signature: Buffer): boolean | Promise<boolean>;
  /** The same, and encrypts `body` in place; it is a view of `message`. */
  seal(message: Buffer, body: Buffer): Buffer | Promise<Buffer | undefined>;
  unseal(message: Buffer, body: Buffer, signature: Buffer): boolean | Promise<boolean>;
}

/** One whose keys are here. */
export interface OwnMessageSecurity extends MessageSecurity {
  sign(message: Buffer, body: Buffer): Buffer;
  verify(message: Buffer, body: Buffer, signature: Buffer): boolean;
  seal(message: Buffer, body: Buffer): Buffer;
  unseal(message: Buffer, body: Buffer, signature: Buffer): boolean;
}
