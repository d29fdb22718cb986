import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ntHash } from './ntlm-crypto.ts';
import {
  decryptHash,
  decryptPassword,
  decryptPasswordNew,
  encryptHash,
  encryptPassword,
  encryptPasswordNew,
} from './sam-passwords.ts';

test('the example of MS-SAMR 4.3: a hash under another', () => {
  const [old, next] = [ntHash('OLDPASSWORD'), ntHash('NEWPASSWORD')];
  const encrypted = Buffer.from('da39846427f5e6c9482c8fe9b33a1607', 'hex');
  assert.deepEqual(encryptHash(old, next), encrypted);
  assert.deepEqual(decryptHash(encrypted, next), old);
});

test('passwords come back under their key, and not under another', () => {
  const [key, other] = [ntHash('a'), ntHash('b')];
  for (const password of ['', 'x', 'Pässwört €', 'x'.repeat(256)]) {
    assert.equal(decryptPassword(encryptPassword(password, key), key), password);
    assert.equal(decryptPasswordNew(encryptPasswordNew(password, key), key), password);
    assert.equal(decryptPassword(encryptPassword(password, key), other), undefined);
  }
});
