/**
 * OpenSSL's calls on a cipher's context (docs.openssl.org, EVP_EncryptInit), for those who keep one a key.
 * Memory is given by address.
 */
import { addressForGood, bind, bindInPool } from './library.ts';

export const evpCipher = {
  newContext: bind<() => number>('EVP_CIPHER_CTX_new', 'int64', []),
  free: bind<(context: number) => number>('EVP_CIPHER_CTX_free', 'int', ['uint64']),
  init: bind<
    (
      context: number,
      cipher: number,
      engine: number,
      key: number,
      nonce: number,
      encrypt: number,
    ) => number
  >('EVP_CipherInit_ex', 'int', ['uint64', 'uint64', 'uint64', 'uint64', 'uint64', 'int']),
  update: bind<
    (context: number, out: number, outLength: Buffer, at: number, length: number) => number
  >('EVP_CipherUpdate', 'int', ['uint64', 'uint64', 'void *', 'uint64', 'int']),
  updateInPool: bindInPool('EVP_CipherUpdate', 'int', [
    ...['uint64', 'uint64', 'uint64', 'uint64', 'int'],
  ]),
  final: bind<(context: number, out: number, outLength: Buffer) => number>(
    'EVP_CipherFinal_ex',
    'int',
    ['uint64', 'uint64', 'void *'],
  ),
  control: bind<(context: number, command: number, argument: number, at: number) => number>(
    'EVP_CIPHER_CTX_ctrl',
    'int',
    ['uint64', 'int', 'int', 'uint64'],
  ),
};

export const EVP_CTRL_AEAD_SET_IVLEN = 0x9;
export const EVP_CTRL_AEAD_GET_TAG = 0x10;
export const EVP_CTRL_AEAD_SET_TAG = 0x11;
export const AEAD_TAG_BYTES = 16;
/** EVP_CipherInit_ex: leaves the direction as it is. */
export const SAME_DIRECTION = -1;

/** Where OpenSSL tells how much it wrote, which is as much as it was given. */
export const outLength = Buffer.alloc(4);
/** The same of calls in the pool, which nobody reads either. */
export const outLengthInPoolAt = addressForGood(Buffer.alloc(4));

/** Throws where OpenSSL refused; its functions answer 1 for success. */
export function succeeded(result: number, what: string): void {
  if (result !== 1) throw new Error(`OpenSSL: ${what} failed`);
}
