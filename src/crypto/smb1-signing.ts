/**
 * MS-CIFS 3.1.4.1 and 3.1.5.1: signatures of SMB1. MD5 over the session key, the challenge response (none with
 * extended security) and the message with its sequence number in the place of the signature; 8 bytes of that.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

const SIGNATURE_AT = 14;
const SIGNATURE_BYTES = 8;

export class Smb1Signing {
  readonly #macKey: Buffer;
  readonly #received = Buffer.alloc(SIGNATURE_BYTES);
  #next = 2;

  constructor(sessionKey: Buffer, challengeResponse: Buffer) {
    this.#macKey = Buffer.concat([sessionKey, challengeResponse]);
  }

  /** The number of the request that has come; that of its answer is the one behind. */
  take(): number {
    const sequence = this.#next;
    this.#next += 2;
    return sequence;
  }

  /** "If there is no response": the request that came last uses one number only. */
  withoutResponse(): void {
    this.#next -= 1;
  }

  #signature(parts: readonly Buffer[]): Buffer {
    const hash = createHash('md5').update(this.#macKey);
    for (const part of parts) hash.update(part);
    return hash.digest();
  }

  sign(parts: readonly Buffer[], sequence: number): void {
    const header = parts[0]!;
    put(header, sequence);
    this.#signature(parts).copy(header, SIGNATURE_AT, 0, SIGNATURE_BYTES);
  }

  verify(message: Buffer, sequence: number): boolean {
    message.copy(this.#received, 0, SIGNATURE_AT, SIGNATURE_AT + SIGNATURE_BYTES);
    put(message, sequence);
    const expected = this.#signature([message]).subarray(0, SIGNATURE_BYTES);
    this.#received.copy(message, SIGNATURE_AT);
    return timingSafeEqual(this.#received, expected);
  }
}

function put(header: Buffer, sequence: number): void {
  header.writeUInt32LE(sequence >>> 0, SIGNATURE_AT);
  header.writeUInt32LE(0, SIGNATURE_AT + 4);
}
