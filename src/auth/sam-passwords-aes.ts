/**
 * MS-SAMR 2.2.6.32, 3.2.2.4, 3.2.2.5: passwords encrypted by AEAD-AES-256-CBC-HMAC-SHA512 under a session key, or under
 * a key made of the old password's hash by PBKDF2.
 */
import { createCipheriv, createDecipheriv, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { equalSecrets } from './ntlm-crypto.ts';

/** SAMPR_ENCRYPTED_PASSWORD_AES. */
export interface AesPassword {
  readonly authData: Buffer;
  /** The cipher's initialization vector, and PBKDF2's salt. */
  readonly salt: Buffer;
  readonly cipher: Buffer | null;
  /** Where the key is not made by PBKDF2 it means nothing. */
  readonly iterations: bigint;
}

const SALT_BYTES = 16;
const KEY_BYTES = 16;

/** 2.2.1.18: each with its NUL. */
const ENCRYPTION_LABEL = 'Microsoft SAM encryption key AEAD-AES-256-CBC-HMAC-SHA512 16\0';
const MAC_LABEL = 'Microsoft SAM MAC key AEAD-AES-256-CBC-HMAC-SHA512 16\0';
const VERSION = Buffer.of(1);
const VERSION_LENGTH = Buffer.of(1);
const AES_KEY_BYTES = 32;

/** SAMPR_USER_PASSWORD_AES: the count of the octets, and SAM_MAX_PASSWORD_LENGTH characters. */
const LENGTH_BYTES = 2;
const CHARACTER_BYTES = 512;
const CLEAR_BYTES = LENGTH_BYTES + CHARACTER_BYTES;
/** With the padding of PKCS #7 to whole blocks. */
const CIPHER_BYTES = 528;

/** 3.2.2.5. */
const MIN_ITERATIONS = 5000n;
const MAX_ITERATIONS = 1_000_000n;

const hmac = (key: Buffer, ...parts: readonly (Buffer | string)[]): Buffer => {
  const mac = createHmac('sha512', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
};

const authDataOf = (key: Buffer, salt: Buffer, cipher: Buffer): Buffer =>
  hmac(hmac(key, MAC_LABEL), VERSION, salt, cipher, VERSION_LENGTH);

const aesKey = (key: Buffer): Buffer => hmac(key, ENCRYPTION_LABEL).subarray(0, AES_KEY_BYTES);

/** Undefined where the key was another one, or what was encrypted is no password. */
export function decryptPasswordAes(
  { authData, salt, cipher }: AesPassword,
  key: Buffer,
): string | undefined {
  if (cipher === null || cipher.length !== CIPHER_BYTES) return undefined;
  if (!equalSecrets(authData, authDataOf(key, salt, cipher))) return undefined;
  const decipher = createDecipheriv('aes-256-cbc', aesKey(key), salt);
  // Who knows the key has made the padding: nobody learns from it.
  decipher.setAutoPadding(false);
  const clear = Buffer.concat([decipher.update(cipher), decipher.final()]);
  const length = clear.readUInt16LE(0);
  if (length > CHARACTER_BYTES || length % 2 !== 0) return undefined;
  return clear.toString('utf16le', LENGTH_BYTES, LENGTH_BYTES + length);
}

export function encryptPasswordAes(
  password: string,
  key: Buffer,
  salt = randomBytes(SALT_BYTES),
  iterations = 0n,
): AesPassword {
  const characters = Buffer.from(password, 'utf16le');
  const clear = randomBytes(CLEAR_BYTES);
  clear.writeUInt16LE(characters.length, 0);
  characters.copy(clear, LENGTH_BYTES);
  const encipher = createCipheriv('aes-256-cbc', aesKey(key), salt);
  const cipher = Buffer.concat([encipher.update(clear), encipher.final()]);
  return { authData: authDataOf(key, salt, cipher), salt, cipher, iterations };
}

const derive = (secret: Buffer, salt: Buffer, iterations: number): Promise<Buffer> =>
  new Promise((resolve, reject) =>
    pbkdf2(secret, salt, iterations, KEY_BYTES, 'sha512', (error, key) =>
      error === null ? resolve(key) : reject(error),
    ),
  );

/** Half a second of a processor each: one at a time, so that logins have the other threads of the pool. */
let deriving: Promise<unknown> = Promise.resolve();

/** 3.2.2.5, on a thread of its own. Undefined where so many iterations may not be asked for. */
export function keyOfOldHash(
  oldHash: Buffer,
  { salt, iterations }: Pick<AesPassword, 'salt' | 'iterations'>,
): Promise<Buffer> | undefined {
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) return undefined;
  const key = deriving.then(() => derive(oldHash, salt, Number(iterations)));
  deriving = key.catch(() => undefined);
  return key;
}
