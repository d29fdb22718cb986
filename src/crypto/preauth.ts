/**
 * The preauthentication integrity hash of MS-SMB2 3.1.1, as 3.3.5.4 and 3.3.5.5 extend it message by
 * message: hash = SHA-512(hash ‖ message). Values, not an object: a connection's value after
 * NEGOTIATE is where each of its sessions starts.
 */
import { createHash } from 'node:crypto';

export const PREAUTH_HASH_BYTES = 64;

/** PREAUTH_HASH_BYTES bytes; never changed in place. */
export type PreauthHash = Buffer;

/** Connection.PreauthIntegrityHashValue before NEGOTIATE. */
export const initialPreauthHash = (): PreauthHash => Buffer.alloc(PREAUTH_HASH_BYTES);

/** `parts` are one message from its SMB2 header to its last byte, as received or sent. */
export function extendPreauthHash(hash: PreauthHash, ...parts: readonly Buffer[]): PreauthHash {
  const sha = createHash('sha512').update(hash);
  for (const part of parts) sha.update(part);
  return sha.digest();
}
