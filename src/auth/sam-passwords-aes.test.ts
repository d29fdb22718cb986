import assert from 'node:assert/strict';
import { createDecipheriv, createHmac, pbkdf2Sync } from 'node:crypto';
import { test } from 'node:test';
import { ntHash } from './ntlm-crypto.ts';
import { decryptPasswordAes, encryptPasswordAes, keyOfOldHash } from './sam-passwords-aes.ts';

const KEY = Buffer.alloc(16, 7);

test('passwords come back under their key, and not under another or when something is changed', () => {
  for (const password of ['', 'x', 'Pässwört €', 'x'.repeat(256)]) {
    const sent = encryptPasswordAes(password, KEY);
    assert.equal(decryptPasswordAes(sent, KEY), password);
    assert.equal(decryptPasswordAes(sent, Buffer.alloc(16, 8)), undefined);
  }
  const sent = encryptPasswordAes('one', KEY);
  const flipped = (octets: Buffer): Buffer => {
    const copy = Buffer.from(octets);
    copy[copy.length - 1]! ^= 1;
    return copy;
  };
  const { authData, salt, cipher } = sent;
  for (const changed of [
    { ...sent, authData: flipped(authData) },
    { ...sent, salt: flipped(salt) },
    { ...sent, cipher: flipped(cipher!) },
    { ...sent, cipher: cipher!.subarray(16) },
    { ...sent, cipher: Buffer.alloc(0) },
    { ...sent, cipher: null },
  ])
    assert.equal(decryptPasswordAes(changed, KEY), undefined);
});

test('it is what 3.2.2.4 writes down', () => {
  const { authData, salt, cipher } = encryptPasswordAes('Löwe', KEY);
  const keyed = (key: Buffer, octets: Buffer) => createHmac('sha512', key).update(octets).digest();
  const label = (what: string) =>
    Buffer.from(`Microsoft SAM ${what} key AEAD-AES-256-CBC-HMAC-SHA512 16\0`, 'latin1');
  // 2.2.1.18 counts them.
  assert.deepEqual([label('encryption').length, label('MAC').length], [61, 54]);
  const signed = Buffer.concat([Buffer.of(1), salt, cipher!, Buffer.of(1)]);
  assert.deepEqual(authData, keyed(keyed(KEY, label('MAC')), signed));
  const key = keyed(KEY, label('encryption')).subarray(0, 32);
  const decipher = createDecipheriv('aes-256-cbc', key, salt);
  const clear = Buffer.concat([decipher.update(cipher!), decipher.final()]);
  assert.equal(clear.length, 514);
  assert.equal(clear.readUInt16LE(0), 8);
  assert.equal(clear.toString('utf16le', 2, 10), 'Löwe');
});

test('the key of an old hash, for as many iterations as 3.2.2.5 allows', async () => {
  const [hash, salt] = [ntHash('tiger'), Buffer.alloc(16, 3)];
  const expected = pbkdf2Sync(hash, salt, 5000, 16, 'sha512');
  assert.deepEqual(await keyOfOldHash(hash, { salt, iterations: 5000n }), expected);
  for (const iterations of [0n, 4999n, 1_000_001n, 0xffff_ffff_ffff_ffffn])
    assert.equal(keyOfOldHash(hash, { salt, iterations }), undefined);
});
