/**
 * AES-CMAC, RFC 4493. node:crypto has no CMAC, but the MAC is the last block of AES-CBC with a zero
 * IV over the message whose last block was XORed with a subkey, so the work stays in OpenSSL.
 */
import { createCipheriv, createSecretKey, type KeyObject } from 'node:crypto';

const BLOCK = 16;
const ZERO_IV = Buffer.alloc(BLOCK);

export interface Cmac {
  /** The 16-byte MAC of the parts as one message. The parts are only read. */
  compute(parts: readonly Buffer[]): Buffer;
}

/** RFC 4493 2.3: doubling in GF(2^128). */
function double(block: Buffer): Buffer {
  const result = Buffer.alloc(BLOCK);
  for (let i = 0; i < BLOCK; i++) result[i] = (block[i]! << 1) | ((block[i + 1] ?? 0) >> 7);
  if (block[0]! & 0x80) result[BLOCK - 1]! ^= 0x87;
  return result;
}

function cbc(key: KeyObject) {
  return createCipheriv('aes-128-cbc', key, ZERO_IV).setAutoPadding(false);
}

export function createCmac(keyBytes: Buffer): Cmac {
  const key = createSecretKey(keyBytes);
  const wholeLast = double(cbc(key).update(ZERO_IV));
  const paddedLast = double(wholeLast);
  return {
    compute(parts) {
      let total = 0;
      for (const part of parts) total += part.length;
      const lastBytes = total === 0 ? 0 : ((total - 1) % BLOCK) + 1;
      const cipher = cbc(key);
      const last = Buffer.alloc(BLOCK);
      let ahead = total - lastBytes;
      let held = 0;
      for (const part of parts) {
        const direct = Math.min(part.length, ahead);
        ahead -= direct;
        if (direct > 0) cipher.update(direct === part.length ? part : part.subarray(0, direct));
        held += part.copy(last, held, direct);
      }
      const subkey = lastBytes === BLOCK ? wholeLast : paddedLast;
      if (lastBytes < BLOCK) last[lastBytes] = 0x80;
      for (let i = 0; i < BLOCK; i++) last[i]! ^= subkey[i]!;
      return cipher.update(last).subarray(-BLOCK);
    },
  };
}
