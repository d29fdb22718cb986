/**
 * AES in CCM and GCM mode (NIST SP 800-38C and 800-38D) for message encryption: by OpenSSL's own contexts
 * and in place, or by node:crypto where those cannot be reached. Both give the same bytes.
 */
import {
  type CipherCCMTypes,
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
} from 'node:crypto';
import { bufferPool } from '../base/buffer-pool.ts';
import { inPool } from '../native/crypto-pool.ts';
import { EvpOpener, EvpSealer, isEvpReachable } from '../native/evp-aead.ts';

export type Aead =
  | { readonly ccm: true; readonly name: CipherCCMTypes & `aes-${'128' | '256'}-ccm` }
  | { readonly ccm: false; readonly name: CipherGCMTypes & `aes-${'128' | '256'}-gcm` };

export interface AeadSealer {
  /** The ciphertext of the parts as one message, for which they may be overwritten; writes the tag. */
  seal(nonce: Buffer, aad: Buffer, parts: readonly Buffer[], tag: Buffer): readonly Buffer[];
  /** The same on another thread (native/crypto-pool.ts); only of modes that are slow. */
  readonly sealInPool?: (
    nonce: Buffer,
    aad: Buffer,
    parts: readonly Buffer[],
    tag: Buffer,
  ) => Promise<readonly Buffer[]>;
}

export interface AeadOpener {
  /** The plaintext, for which `sealed` may be overwritten; undefined where the tag is wrong. */
  open(nonce: Buffer, aad: Buffer, sealed: Buffer, tag: Buffer): Buffer | undefined;
  /** The same on another thread, as above. */
  readonly openInPool?: (
    nonce: Buffer,
    aad: Buffer,
    sealed: Buffer,
    tag: Buffer,
  ) => Promise<Buffer | undefined>;
}

const TAG_BYTES = 16;

/** CCM takes its message in one piece; the parts may be given back. */
function inOnePiece(parts: readonly Buffer[]): Buffer {
  if (parts.length === 1) return parts[0]!;
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = bufferPool.take(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
    bufferPool.give(part);
  }
  return whole;
}

export function createAeadSealer(aead: Aead, key: Buffer, nonceBytes: number): AeadSealer {
  if (!isEvpReachable()) return portableSealer(aead, key);
  const sealer = new EvpSealer(aead.name, key, nonceBytes);
  return {
    seal(nonce, aad, parts, tag) {
      const pieces = aead.ccm ? [inOnePiece(parts)] : parts;
      sealer.seal(nonce, aad, pieces, tag);
      return pieces;
    },
    ...(aead.ccm && {
      async sealInPool(nonce: Buffer, aad: Buffer, parts: readonly Buffer[], tag: Buffer) {
        const message = inOnePiece(parts);
        await inPool(() => sealer.sealInPool(nonce, aad, message, tag));
        return [message];
      },
    }),
  };
}

export function createAeadOpener(aead: Aead, key: Buffer, nonceBytes: number): AeadOpener {
  if (!isEvpReachable()) return portableOpener(aead, key);
  const opener = new EvpOpener(aead.name, key, nonceBytes);
  return {
    open: (nonce, aad, sealed, tag) => (opener.open(nonce, aad, sealed, tag) ? sealed : undefined),
    ...(aead.ccm && {
      async openInPool(nonce: Buffer, aad: Buffer, sealed: Buffer, tag: Buffer) {
        const isRight = await inPool(() => opener.openInPool(nonce, aad, sealed, tag));
        return isRight ? sealed : undefined;
      },
    }),
  };
}

export function portableSealer(aead: Aead, keyBytes: Buffer): AeadSealer {
  const key = createSecretKey(keyBytes);
  return {
    seal(nonce, aad, parts, tag) {
      if (aead.ccm) {
        const plain = inOnePiece(parts);
        const cipher = createCipheriv(aead.name, key, nonce, { authTagLength: TAG_BYTES });
        cipher.setAAD(aad, { plaintextLength: plain.length });
        const sealed = cipher.update(plain);
        cipher.final();
        cipher.getAuthTag().copy(tag);
        return [sealed];
      }
      const cipher = createCipheriv(aead.name, key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(aad);
      const sealed = parts.map((part) => cipher.update(part));
      cipher.final();
      cipher.getAuthTag().copy(tag);
      return sealed;
    },
  };
}

export function portableOpener(aead: Aead, keyBytes: Buffer): AeadOpener {
  const key = createSecretKey(keyBytes);
  const decipher = (nonce: Buffer, aad: Buffer, sealed: Buffer, tag: Buffer): Buffer => {
    if (aead.ccm) {
      const opened = createDecipheriv(aead.name, key, nonce, { authTagLength: TAG_BYTES });
      opened.setAuthTag(tag).setAAD(aad, { plaintextLength: sealed.length });
      const plain = opened.update(sealed);
      opened.final();
      return plain;
    }
    const opened = createDecipheriv(aead.name, key, nonce, { authTagLength: TAG_BYTES });
    opened.setAuthTag(tag).setAAD(aad);
    const plain = opened.update(sealed);
    opened.final();
    return plain;
  };
  return {
    open(nonce, aad, sealed, tag) {
      try {
        return decipher(nonce, aad, sealed, tag);
      } catch {
        // How node:crypto says that the tag is wrong; nothing of the plaintext has left.
        return undefined;
      }
    },
  };
}
