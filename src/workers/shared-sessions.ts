/**
 * MS-SMB2 3.3.5.5: sessions whose channels are at several workers. The owner keeps the keys of every session; a worker gets
 * them that shows a login which the session's client has signed with its key, and so has sent there itself.
 */
import { type CipherId, createMessageCipher } from '../crypto/cipher.ts';
import type { SessionKeys } from '../crypto/session-keys.ts';
import { createSigner, type SigningAlgorithm } from '../crypto/signing.ts';
import { type NtStatus, STATUS_ACCESS_DENIED } from '../dtyp/ntstatus.ts';
import { Session } from '../objects/session.ts';
import { type Header, isSigned } from '../smb2/header.ts';
import type { SharedSession } from './protocol.ts';

/** At the owner. */
const keysOfSession = new WeakMap<Session, SessionKeys>();

export function keepKeys(session: Session, keys: SessionKeys): void {
  keysOfSession.set(session, keys);
}

/**
 * The session as another worker is to have it, for this login that names it. STATUS_ACCESS_DENIED where it is signed with
 * another key; undefined where it is not signed, or where there are no keys.
 */
export function shared(
  session: Session,
  header: Header,
  message: Buffer,
): SharedSession | NtStatus | undefined {
  const { sessionId, account, state, expiresAtMs, terms } = session;
  const keys = keysOfSession.get(session);
  if (keys === undefined || account === undefined || state === 'gone') return undefined;
  if (!isSigned(header)) return undefined;
  const signer = createSigner(terms.signingAlgorithm as SigningAlgorithm, keys.signingKey);
  if (!signer.verify(message)) return STATUS_ACCESS_DENIED;
  return {
    sessionId,
    ...terms,
    name: account.name,
    account: account.kind,
    state,
    expiresAtMs: expiresAtMs === Infinity ? undefined : expiresAtMs,
    signingRequired: session.signingRequired,
    encryptData: session.encryptData,
    canEncrypt: session.canEncrypt,
    keys,
  };
}

/**
 * The worker's copy, without a channel. Its nonces do not meet those of the others: each cipher counts from a start of its
 * own, at random among 2^88 or 2^96 (crypto/cipher.ts).
 */
export function copyOf(told: SharedSession): Session {
  const { revision, cipherId, signingAlgorithm, keys } = told;
  const session = new Session(told.sessionId, { revision, cipherId, signingAlgorithm }, Date.now());
  session.account = { name: told.name, kind: told.account, identity: undefined };
  session.state = told.state;
  session.expiresAtMs = told.expiresAtMs ?? Infinity;
  session.signingRequired = told.signingRequired;
  session.encryptData = told.encryptData;
  session.canEncrypt = told.canEncrypt;
  session.signer = createSigner(signingAlgorithm as SigningAlgorithm, keys.signingKey);
  session.applicationKey = keys.applicationKey;
  const { encryptionKey, decryptionKey } = keys;
  if (told.canEncrypt && encryptionKey !== undefined && decryptionKey !== undefined) {
    session.cipher = createMessageCipher({
      cipher: cipherId as CipherId,
      encryptionKey,
      decryptionKey,
    });
  }
  return session;
}
