/** MS-LSAD 5.1.2: secrets encrypted by DES, block by block, under parts of the session key. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { desKey } from './ntlm-v1.ts';

const BLOCK_BYTES = 8;
const KEY_BYTES = 7;
const VERSION = 1;

/** 5.1.2 AdvanceKey. */
function advanceKey(position: number, keyBytes: number): number {
  const next = position + KEY_BYTES;
  const overrun = next + KEY_BYTES - keyBytes;
  return overrun > 0 ? KEY_BYTES - overrun : next;
}

function blocks(
  input: Buffer,
  sessionKey: Buffer,
  make: typeof createCipheriv | typeof createDecipheriv,
): Buffer {
  const output: Buffer[] = [];
  let position = 0;
  for (let at = 0; at < input.length; at += BLOCK_BYTES) {
    const part = desKey(sessionKey.subarray(position, position + KEY_BYTES));
    const cipher = make('des-ede3-ecb', Buffer.concat([part, part, part]), null);
    cipher.setAutoPadding(false);
    output.push(cipher.update(input.subarray(at, at + BLOCK_BYTES)), cipher.final());
    position = advanceKey(position, sessionKey.length);
  }
  return Buffer.concat(output);
}

/** The key has 16 bytes. */
export function encryptSecret(secret: Buffer, sessionKey: Buffer): Buffer {
  const padded = BLOCK_BYTES * Math.ceil(secret.length / BLOCK_BYTES);
  const clear = Buffer.alloc(BLOCK_BYTES + padded);
  clear.writeUInt32LE(secret.length, 0);
  clear.writeUInt32LE(VERSION, 4);
  secret.copy(clear, BLOCK_BYTES);
  return blocks(clear, sessionKey, createCipheriv);
}

/** Undefined where it was another key, as its version and length show. */
export function decryptSecret(encrypted: Buffer, sessionKey: Buffer): Buffer | undefined {
  if (encrypted.length < BLOCK_BYTES || encrypted.length % BLOCK_BYTES !== 0) return undefined;
  const clear = blocks(encrypted, sessionKey, createDecipheriv);
  const length = clear.readUInt32LE(0);
  if (clear.readUInt32LE(4) !== VERSION || length > clear.length - BLOCK_BYTES) return undefined;
  return clear.subarray(BLOCK_BYTES, BLOCK_BYTES + length);
}
