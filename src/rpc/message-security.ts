/**
 * What a security provider does for the messages of one association, once a client has authenticated
 * (MS-RPCE 3.3.1.5.2.2): the part of GSS_WrapEx and its kin that RPC needs.
 */
export interface MessageSecurity {
  readonly canSign: boolean;
  readonly canSeal: boolean;
  readonly signatureBytes: number;
  /** The signature of what is sent next: `message` with its header and trailer, `body` the part of it that is data. */
  sign(message: Buffer, body: Buffer): Buffer;
  /** Whether `signature` is that of what is received next. */
  verify(message: Buffer, body: Buffer, signature: Buffer): boolean;
  /** The same, and encrypts `body` in place; it is a view of `message`. */
  seal(message: Buffer, body: Buffer): Buffer;
  unseal(message: Buffer, body: Buffer, signature: Buffer): boolean;
}
