/** Messages that RPC signs and seals (MS-RPCE 3.3.1.5.2), as who has the keys and who asks for it both know them. */

/** One message: what is sealed of it, and what is signed alone. */
export interface MessageParts {
  readonly before: Buffer;
  readonly data: Buffer;
  readonly behind: Buffer;
}

export interface SealedMessage {
  readonly data: Buffer;
  readonly token: Buffer;
}

/** Of a message that is sealed, and of one that is signed. */
export interface SignatureSizes {
  readonly sealed: number;
  readonly signed: number;
}
