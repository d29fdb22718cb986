/** OpenSSL's own contexts against node:crypto, which is the same OpenSSL by another way: the same bytes. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
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

/** Long enough for the pool. */
const LONG_BYTES = 300_001;

for (const algorithm of [SigningAlgorithm.HMAC_SHA256, SigningAlgorithm.AES_CMAC]) {
  test(`signing ${algorithm} in the pool: several at once, the same bytes`, { skip }, async () => {
    const key = randomBytes(16);
    const { sign, signInPool, verifyInPool } = createSigner(algorithm, key);
    const messages = [0, 1, 2, 3].map(() => [randomBytes(64), randomBytes(LONG_BYTES)]);
    const expected = messages.map((parts) => {
      const copy = parts.map((part) => Buffer.from(part));
      sign(copy);
      return Buffer.concat(copy);
    });
    const signing = messages.map((parts) => signInPool!(parts));
    if (signing.includes(undefined)) return assert.equal(availableParallelism(), 1);
    await Promise.all(signing);
    assert.deepEqual(
      messages.map((parts) => Buffer.concat(parts)),
      expected,
    );
    const wrong = Buffer.from(expected[0]!);
    wrong[LONG_BYTES]! ^= 1;
    const verdicts = [...expected, wrong].map((message) => verifyInPool!(message));
    assert.deepEqual(await Promise.all(verdicts), [true, true, true, true, false]);
    assert.equal(signInPool!([randomBytes(64), randomBytes(1000)]), undefined, 'not worth it');
  });
}

for (const keyBytes of [16, 32] as const) {
  test(`CCM, ${keyBytes} bytes of key, in the pool: several at once`, { skip }, async () => {
    const aead = { ccm: true, name: keyBytes === 16 ? 'aes-128-ccm' : 'aes-256-ccm' } as const;
    const key = randomBytes(keyBytes);
    const sealer = createAeadSealer(aead, key, 11);
    const opener = createAeadOpener(aead, key, 11);
    const all = await Promise.all(
      [1, 2, 3].map(async (byte) => {
        const [nonce, aad, tag] = [randomBytes(11), randomBytes(32), Buffer.alloc(16)];
        const plain = Buffer.alloc(LONG_BYTES, byte);
        const parts = [plain.subarray(0, 64), plain.subarray(64)];
        const [sealed] = await sealer.sealInPool!(nonce, aad, parts, tag);
        return { nonce, aad, tag, plain, sealed: sealed! };
      }),
    );
    for (const { nonce, aad, tag, plain, sealed } of all) {
      const portable = portableOpener(aead, key);
      assert.ok(portable.open(nonce, aad, Buffer.from(sealed), tag)?.equals(plain));
      const wrong = Buffer.from(tag);
      wrong[0]! ^= 1;
      assert.equal(await opener.openInPool!(nonce, aad, Buffer.from(sealed), wrong), undefined);
      assert.ok((await opener.openInPool!(nonce, aad, sealed, tag))?.equals(plain));
    }
  });
}
