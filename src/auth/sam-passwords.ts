/**
 * MS-SAMR 2.2.6.21, 2.2.6.22, 2.2.11: passwords encrypted by RC4 under a hash or a session key, and hashes
 * encrypted by DES under one another.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { rc4 } from '../crypto/rc4.ts';
import { desKey } from './ntlm-v1.ts';

/** SAMPR_ENCRYPTED_USER_PASSWORD: SAMPR_USER_PASSWORD's 512 bytes of characters and their count. */
export const ENCRYPTED_PASSWORD_BYTES = 516;
/** SAMPR_ENCRYPTED_USER_PASSWORD_NEW: with a salt behind it, in the clear. */
export const ENCRYPTED_PASSWORD_NEW_BYTES = 532;
const CHARACTER_BYTES = 512;
export const HASH_BYTES = 16;

/** Undefined where the key was another one, as its length shows. */
export function decryptPassword(encrypted: Buffer, key: Buffer): string | undefined {
  const clear = rc4(key, encrypted);
  const length = clear.readUInt32LE(CHARACTER_BYTES);
  if (length > CHARACTER_BYTES || length % 2 !== 0) return undefined;
  return clear.toString('utf16le', CHARACTER_BYTES - length, CHARACTER_BYTES);
}

/** 2.2.6.22: the key is made of the salt and the session key. */
export const decryptPasswordNew = (encrypted: Buffer, sessionKey: Buffer): string | undefined =>
  decryptPassword(
    encrypted.subarray(0, ENCRYPTED_PASSWORD_BYTES),
    saltedKey(encrypted.subarray(ENCRYPTED_PASSWORD_BYTES), sessionKey),
  );

const saltedKey = (salt: Buffer, sessionKey: Buffer): Buffer =>
  createHash('md5').update(salt).update(sessionKey).digest();

export function encryptPassword(password: string, key: Buffer): Buffer {
  const characters = Buffer.from(password, 'utf16le');
  const clear = randomBytes(ENCRYPTED_PASSWORD_BYTES);
  characters.copy(clear, CHARACTER_BYTES - characters.length);
  clear.writeUInt32LE(characters.length, CHARACTER_BYTES);
  return rc4(key, clear);
}

export function encryptPasswordNew(password: string, sessionKey: Buffer): Buffer {
  const salt = randomBytes(ENCRYPTED_PASSWORD_NEW_BYTES - ENCRYPTED_PASSWORD_BYTES);
  return Buffer.concat([encryptPassword(password, saltedKey(salt, sessionKey)), salt]);
}

/** 2.2.11.1.1: each half of a hash under seven bytes of the other. */
function halves(hash: Buffer, key: Buffer, make: typeof createCipheriv | typeof createDecipheriv) {
  return Buffer.concat(
    [0, 1].map((half) => {
      const part = desKey(key.subarray(7 * half, 7 * half + 7));
      const cipher = make('des-ede3-ecb', Buffer.concat([part, part, part]), null);
      cipher.setAutoPadding(false);
      return Buffer.concat([cipher.update(hash.subarray(8 * half, 8 * half + 8)), cipher.final()]);
    }),
  );
}

export const encryptHash = (hash: Buffer, key: Buffer): Buffer => halves(hash, key, createCipheriv);
export const decryptHash = (hash: Buffer, key: Buffer): Buffer =>
  halves(hash, key, createDecipheriv);
