/** What a session gives its requests: an id, and keys once somebody is logged in (MS-SMB2 3.2.1.3). */
import type { MessageCipher } from '../crypto/cipher.ts';
import type { Signer } from '../crypto/signing.ts';

export interface SecurityContext {
  /** 0 until the server has given one. */
  readonly sessionId: number;
  /** Absent for guest and anonymous, and while the first login goes on. */
  readonly signer: Signer | undefined;
  readonly cipher: MessageCipher | undefined;
  /** Requests are signed; otherwise only those that must be. */
  readonly signs: boolean;
  /** All requests but SESSION_SETUP are encrypted. */
  readonly encrypts: boolean;
  /** Of a binding: `signer` is the session's, and the last response is signed with the new channel's key. */
  readonly binds?: boolean;
}
