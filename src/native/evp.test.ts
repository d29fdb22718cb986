/** Against node:crypto, which is the same OpenSSL by another way. */
import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { type EvpCipher, evpContext } from './evp.ts';
import { addressOf, missing } from './library.ts';

const skip = missing ?? false;

for (const [cipher, keyBytes] of [
  ['aes-128-gcm', 16],
  ['aes-256-gcm', 32],
] as const) {
  test(`${cipher}: several messages on one context, in place and in pieces`, { skip }, () => {
    const key = randomBytes(keyBytes);
    const context = evpContext(cipher, key, 'encrypt');
    for (const length of [0, 1, 16, 100, 4096, 70_001]) {
      const nonce = randomBytes(12);
      const aad = randomBytes(32);
      const text = randomBytes(length);
      const other = createCipheriv(cipher, key, nonce).setAAD(aad);
      const expected = Buffer.concat([other.update(text), other.final()]);
      const buffer = Buffer.concat([text, Buffer.alloc(16)]);
      const at = addressOf(buffer);
      const half = length >> 1;
      context.start(addressOf(nonce));
      context.authenticate(addressOf(aad), aad.length);
      context.update(at, at, half);
      context.update(at + half, at + half, length - half);
      context.finish(at + length);
      assert.deepEqual(buffer.subarray(0, length), expected);
      assert.deepEqual(buffer.subarray(length), other.getAuthTag());
    }
    context.free();
  });
}

for (const [cipher, keyBytes] of [
  ['aes-128-ctr', 16],
  ['aes-256-ctr', 32],
] as const satisfies readonly (readonly [EvpCipher, number])[]) {
  test(`${cipher}: decrypts the beginning of a message`, { skip }, () => {
    const key = randomBytes(keyBytes);
    const iv = randomBytes(16);
    const text = randomBytes(100);
    const sealed = createCipheriv(cipher, key, iv).update(text);
    const out = Buffer.alloc(40);
    const context = evpContext(cipher, key, 'decrypt');
    context.start(addressOf(iv));
    context.update(addressOf(out), addressOf(sealed), out.length);
    assert.deepEqual(out, text.subarray(0, out.length));
    context.free();
  });
}
