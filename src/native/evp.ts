/**
 * The AES of the OpenSSL that Node carries, by its EVP interface (docs.openssl.org, EVP_EncryptInit),
 * on memory given by address: a context is made once for a key and takes a new nonce for each message,
 * and nothing is allocated between. node:crypto makes an object and an output for every message.
 */
import {
  AEAD_TAG_BYTES,
  evpCipher as c,
  EVP_CTRL_AEAD_GET_TAG,
  outLength,
  SAME_DIRECTION,
  succeeded,
} from './evp-cipher.ts';
import { addressOf, bind } from './library.ts';

const CIPHERS = {
  'aes-128-gcm': 'EVP_aes_128_gcm',
  'aes-256-gcm': 'EVP_aes_256_gcm',
  'aes-128-ctr': 'EVP_aes_128_ctr',
  'aes-256-ctr': 'EVP_aes_256_ctr',
} as const;
export type EvpCipher = keyof typeof CIPHERS;

export interface EvpContext {
  /** Begins a message; `nonce` is the address of 12 bytes for GCM, of 16 for CTR. */
  start(nonce: number): void;
  /** GCM: bytes that are authenticated only. To be called before `update`. */
  authenticate(at: number, length: number): void;
  /** Encrypts or decrypts to `out`, which may be `at`. */
  update(out: number, at: number, length: number): void;
  /** GCM, encrypting: ends the message and writes its 16-byte tag. */
  finish(tag: number): void;
  free(): void;
}

/** Where a last block would go; these modes have none. */
const rest = Buffer.alloc(32);

/** Throws when OpenSSL cannot be reached. */
export function evpContext(
  cipher: EvpCipher,
  key: Buffer,
  direction: 'encrypt' | 'decrypt',
): EvpContext {
  const method = bind<() => number>(CIPHERS[cipher], 'int64', [])();
  const context = c.newContext();
  if (method <= 0 || context <= 0) throw new Error('OpenSSL of this process cannot be reached');
  const restAt = addressOf(rest);
  const encrypt = direction === 'encrypt' ? 1 : 0;
  succeeded(c.init(context, method, 0, addressOf(key), 0, encrypt), 'EVP_CipherInit_ex');
  return {
    start: (nonce) => succeeded(c.init(context, 0, 0, 0, nonce, SAME_DIRECTION), 'a nonce'),
    authenticate: (at, length) =>
      succeeded(c.update(context, 0, outLength, at, length), 'EVP_CipherUpdate'),
    update: (out, at, length) =>
      succeeded(c.update(context, out, outLength, at, length), 'EVP_CipherUpdate'),
    finish: (tag) => {
      succeeded(c.final(context, restAt, outLength), 'EVP_CipherFinal_ex');
      succeeded(c.control(context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, tag), 'the tag');
    },
    free: () => void c.free(context),
  };
}
