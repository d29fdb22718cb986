/**
 * Session security after an NTLM login: messages signed and sealed, MS-NLMP 3.4.2 to 3.4.9, on a connection
 * that keeps their order.
 *
 * With extended session security each way has keys and a count of its own, and the whole message is signed.
 * Without, one key stream and one count serve both, and only the data are signed, by a checksum.
 */
import { crc32 } from 'node:zlib';
import { createRc4, type Rc4 } from '../crypto/rc4.ts';
import { equalSecrets, hmacMd5, type Sender, sealKey, signKey } from './ntlm-crypto.ts';
import {
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY,
  NTLMSSP_NEGOTIATE_KEY_EXCH,
  NTLMSSP_NEGOTIATE_SEAL,
  NTLMSSP_NEGOTIATE_SIGN,
} from './ntlm-messages.ts';

const SIGNATURE_BYTES = 16;
const VERSION = 1;

/** One way, or both where they share a key. */
interface Way {
  /** Undefined without extended session security. */
  readonly signingKey: Buffer | undefined;
  readonly stream: Rc4;
  sequenceNumber: number;
}

const wayOf = (flags: number, key: Buffer, sender: Sender, sequenceNumber: number): Way => ({
  signingKey: signKey(key, sender),
  stream: createRc4(sealKey(flags, key, sender)),
  sequenceNumber,
});

export class NtlmSession {
  readonly #flags: number;
  readonly #sending: Way;
  readonly #receiving: Way;

  /**
   * `flags` are those that both sides ended with. A mechListMIC has counted as a message, and left the key
   * streams as they were (MS-SPNG 3.2.5.1): then the first sequence number is 1.
   */
  constructor(flags: number, exportedSessionKey: Buffer, role: Sender, first: 0 | 1 = 0) {
    this.#flags = flags;
    const peer = role === 'client' ? 'server' : 'client';
    if ((flags & NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY) !== 0) {
      this.#sending = wayOf(flags, exportedSessionKey, role, first);
      this.#receiving = wayOf(flags, exportedSessionKey, peer, first);
    } else {
      // 3.4.5.3: LM_KEY is never agreed on here, so the key is not weakened.
      const stream = createRc4(exportedSessionKey);
      this.#sending = { signingKey: undefined, stream, sequenceNumber: first };
      this.#receiving = this.#sending;
    }
  }

  /** Where neither was agreed on, a signature says nothing (3.4.4.3). */
  get canSign(): boolean {
    return (this.#flags & (NTLMSSP_NEGOTIATE_SIGN | NTLMSSP_NEGOTIATE_SEAL)) !== 0;
  }

  get canSeal(): boolean {
    return (this.#flags & NTLMSSP_NEGOTIATE_SEAL) !== 0;
  }

  signatureBytes(): number {
    return SIGNATURE_BYTES;
  }

  sign(message: Buffer, body: Buffer): Buffer {
    return this.#signature(this.#sending, message, body);
  }

  verify(message: Buffer, body: Buffer, signature: Buffer): boolean {
    return this.#isSignature(message, body, signature);
  }

  seal(message: Buffer, body: Buffer): Buffer {
    const way = this.#sending;
    const plain = Buffer.from(message);
    const data = Buffer.from(body);
    way.stream.update(body).copy(body);
    return this.#signature(way, plain, data);
  }

  /** Decrypts `body` also where the answer is false. */
  unseal(message: Buffer, body: Buffer, signature: Buffer): boolean {
    this.#receiving.stream.update(body).copy(body);
    return this.#isSignature(message, body, signature);
  }

  #isSignature(message: Buffer, body: Buffer, signature: Buffer): boolean {
    const way = this.#receiving;
    const right = this.#signature(way, message, body);
    // Some send the random pad as it is; nothing depends on it.
    const from = way.signingKey === undefined ? 8 : 0;
    return equalSecrets(right.subarray(from), signature.subarray(from));
  }

  /** MAC(), 3.4.4.1 and 3.4.4.2. */
  #signature(way: Way, message: Buffer, body: Buffer): Buffer {
    const signature = Buffer.alloc(SIGNATURE_BYTES);
    signature.writeUInt32LE(VERSION, 0);
    const sequenceNumber = Buffer.alloc(4);
    sequenceNumber.writeUInt32LE(way.sequenceNumber);
    way.sequenceNumber = (way.sequenceNumber + 1) >>> 0;
    if (way.signingKey === undefined) {
      const fields = Buffer.alloc(12);
      fields.writeUInt32LE(crc32(body), 4);
      sequenceNumber.copy(fields, 8);
      // The first four bytes are a random pad, whose place is sent as zeros.
      way.stream.update(fields).copy(signature, 8, 4);
      return signature;
    }
    const checksum = hmacMd5(way.signingKey, sequenceNumber, message).subarray(0, 8);
    const exchanged = (this.#flags & NTLMSSP_NEGOTIATE_KEY_EXCH) !== 0;
    (exchanged ? way.stream.update(checksum) : checksum).copy(signature, 4);
    sequenceNumber.copy(signature, 12);
    return signature;
  }
}
