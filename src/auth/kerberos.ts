/**
 * What a Kerberos acceptor needs of the mechanism (RFC 4121, MS-KILE): its per-connection exchange behind an
 * interface, for the library that implements it lives in another process.
 */
import type { MessageParts, SealedMessage, SignatureSizes } from '../base/message-parts.ts';
import type { RefusalReason } from './ntlm-acceptor.ts';
import { Mechanism } from './spnego.ts';

/** Who has proved to hold a ticket for this server. */
export interface KerberosPeer {
  /** name@REALM */
  readonly principal: string;
  /** What the rules of krb5.conf make of it (auth_to_local); undefined: nobody here. */
  readonly localName: string | undefined;
  /** The acceptor's subkey; 16 bytes or 32 as a rule. */
  readonly sessionKey: Buffer;
  /** The ticket's end, as Date.now() counts. */
  readonly expiresAtMs: number;
  /** MS-PAC 2.3; its server signature is verified. */
  readonly pac: Buffer | undefined;
}

export type KerberosStep =
  | { readonly kind: 'continue'; readonly token: Buffer }
  | { readonly kind: 'done'; readonly token: Buffer; readonly peer: KerberosPeer }
  | { readonly kind: 'refused'; readonly reason: RefusalReason };

/** Messages under the keys of a login that is done. They never reject; undefined and false: the context is lost, too. */
export interface KerberosMessages {
  sizes(): Promise<SignatureSizes | undefined>;
  sign(message: Buffer): Promise<Buffer | undefined>;
  /** Whether `mic` is the client's of what it was to send next. */
  isNext(message: Buffer, mic: Buffer): Promise<boolean>;
  seal(parts: MessageParts): Promise<SealedMessage | undefined>;
  /** The data in the clear. */
  unseal(parts: MessageParts, token: Buffer): Promise<Buffer | undefined>;
}

/** Never rejects, whatever becomes of the other process: what fails is refused. */
export interface KerberosExchange extends KerberosMessages {
  /** Takes a GSS token as it came, with its wrapper. */
  step(token: Buffer): Promise<KerberosStep>;
  /** After 'done': whether it is the client's, in any order. */
  verify(message: Buffer, mic: Buffer): Promise<boolean>;
  close(): void;
}

export interface Kerberos {
  /** False: nobody is offered it, and whoever asks for it all the same is refused. */
  readonly available: boolean;
  begin(): KerberosExchange;
}

/** Both names of the one mechanism; Windows offers the first before the second. */
export const KERBEROS_MECHANISMS: readonly string[] = [Mechanism.MS_KRB5, Mechanism.KRB5];

export const isKerberos = (mechanism: string): boolean => KERBEROS_MECHANISMS.includes(mechanism);
