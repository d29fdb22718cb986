import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decryptSecret, encryptSecret } from './lsa-secrets.ts';

/** MS-LSAD 5.1.4; its text has 20 octets in the table and 22 in its length, which are those of the output. */
const KEY = Buffer.from('4e98c910b2a988d792fb5aa33e8ef786', 'hex');
const CLEAR = Buffer.from('500061007300730077006f0072006400310032003300', 'hex');
const ENCRYPTED = Buffer.from(
  'af784403fba092278c95fc7e88564ccd7cd0c241da6f14415626cda581e9223d',
  'hex',
);

test('MS-LSAD 5.1.4: the example, both ways', () => {
  assert.deepEqual(encryptSecret(CLEAR, KEY), ENCRYPTED);
  assert.deepEqual(decryptSecret(ENCRYPTED, KEY), CLEAR);
});

test('whatever is encrypted is decrypted again, and another key shows', () => {
  const bytes = fc.uint8Array({ maxLength: 100 }).map((one) => Buffer.from(one));
  fc.assert(
    fc.property(bytes, (secret) => {
      assert.deepEqual(decryptSecret(encryptSecret(secret, KEY), KEY), secret);
    }),
  );
  assert.equal(decryptSecret(ENCRYPTED, Buffer.from(KEY).reverse()), undefined);
});

test('what is no secret is none', () => {
  for (let length = 0; length < ENCRYPTED.length; length++) {
    assert.equal(decryptSecret(ENCRYPTED.subarray(0, length), KEY), undefined);
  }
});
