/** OpenSSL's own contexts against node:crypto, which is the same OpenSSL by another way: the same bytes. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { isEvpReachable } from '../native/evp-aead.ts';
import {
  type Aead,
  createAeadOpener,
  createAeadSealer,
  portableOpener,
  portableSealer,
} from './aead.ts';
import { createSigner, portableMac, SigningAlgorithm } from './signing.ts';

const skip = !isEvpReachable();

const LENGTHS = [1, 15, 16, 17, 100, 4096, 70_001];

const AEADS: readonly (readonly [aead: Aead, keyBytes: number, nonceBytes: number])[] = [
  [{ ccm: false, name: 'aes-128-gcm' }, 16, 12],
  [{ ccm: false, name: 'aes-256-gcm' }, 32, 12],
  [{ ccm: true, name: 'aes-128-ccm' }, 16, 11],
  [{ ccm: true, name: 'aes-256-ccm' }, 32, 11],
];

for (const [aead, keyBytes, nonceBytes] of AEADS) {
  test(`${aead.name}: many messages on one context, whole and in parts`, { skip }, () => {
    const key = randomBytes(keyBytes);
    const native = createAeadSealer(aead, key, nonceBytes);
    const portable = portableSealer(aead, key);
    const openers = [createAeadOpener(aead, key, nonceBytes), portableOpener(aead, key)];
    for (const length of LENGTHS) {
      const nonce = randomBytes(nonceBytes);
      const aad = randomBytes(32);
      const plain = randomBytes(length);
      const tags = [Buffer.alloc(16), Buffer.alloc(16)] as const;
      const parts = [Buffer.from(plain.subarray(0, 3)), Buffer.from(plain.subarray(3))];
      const sealed = Buffer.concat(native.seal(nonce, aad, parts, tags[0]));
      assert.deepEqual(sealed, Buffer.concat(portable.seal(nonce, aad, [plain], tags[1])));
      assert.deepEqual(tags[0], tags[1]);
      for (const { open } of openers) {
        const wrong = Buffer.from(tags[0]);
        wrong[length % 16]! ^= 0x10;
        assert.equal(open(nonce, aad, Buffer.from(sealed), wrong), undefined);
        assert.equal(open(nonce, randomBytes(32), Buffer.from(sealed), tags[0]), undefined);
        assert.deepEqual(open(nonce, aad, Buffer.from(sealed), tags[0]), plain);
      }
    }
  });
}

for (const [name, algorithm] of Object.entries(SigningAlgorithm)) {
  test(`${name}: many messages on one context, whole and in parts`, { skip }, () => {
    const key = randomBytes(16);
    const native = createSigner(algorithm, key);
    const portable = portableMac(algorithm, key);
    for (const length of LENGTHS) {
      const message = Buffer.concat([randomBytes(64), randomBytes(length)]);
      const parts = [message.subarray(0, 64), message.subarray(64)];
      native.sign(parts);
      assert.ok(native.verify(message));
      const signature = Buffer.from(message.subarray(48, 64));
      message.fill(0, 48, 64);
      assert.deepEqual(signature, Buffer.from(portable([message]).subarray(0, 16)));
    }
  });
}
