/**
 * What a Kerberos acceptor needs of the mechanism (RFC 4121, MS-KILE): its per-connection exchange behind an
 * interface, for the library that implements it lives in another process.
 */
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

/** Never rejects, whatever becomes of the other process: what fails is refused. */
export interface KerberosExchange {
  /** Takes a GSS token as it came, with its wrapper. */
  step(token: Buffer): Promise<KerberosStep>;
  /** After 'done'. Undefined: the context is lost. */
  sign(message: Buffer): Promise<Buffer | undefined>;
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
