import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CipherId } from './cipher.ts';
import { deriveKey } from './kdf.ts';
import { deriveChannelSigningKey, deriveSessionKeys } from './session-keys.ts';
import * as windows from './windows-exchange.vectors.test.ts';

test('3.1.1: the keys of a session between Windows machines', () => {
  const keys = deriveSessionKeys({
    dialect: 0x0311,
    sessionKey: windows.sessionKey,
    preauthHash: windows.sessionHash,
    cipher: CipherId.AES_128_GCM,
  });
  assert.deepEqual(keys, {
    signingKey: windows.signingKey,
    applicationKey: windows.applicationKey,
    encryptionKey: windows.encryptionKey,
    decryptionKey: windows.decryptionKey,
  });
});

test('3.1.1: the signing key of a channel bound to it', () => {
  const { sessionKey, hash, signingKey } = windows.channel;
  const input = { dialect: 0x0311, sessionKey, preauthHash: hash };
  assert.deepEqual(deriveChannelSigningKey(input), signingKey);
});

for (const dialect of [0x0300, 0x0302]) {
  test(`${dialect.toString(16)}: the keys of Microsoft's example`, () => {
    const { sessionKey, ...keys } = windows.smb30;
    assert.deepEqual(deriveSessionKeys({ dialect, sessionKey }), keys);
    assert.deepEqual(deriveChannelSigningKey({ dialect, sessionKey }), keys.signingKey);
  });
}

for (const dialect of [0x0202, 0x0210]) {
  test(`${dialect.toString(16)}: the session key itself signs, cut or padded to 16 bytes`, () => {
    const long = Buffer.from('000102030405060708090a0b0c0d0e0f1011', 'hex');
    const first16 = long.subarray(0, 16);
    assert.deepEqual(deriveSessionKeys({ dialect, sessionKey: long }), {
      signingKey: first16,
      applicationKey: first16,
      encryptionKey: undefined,
      decryptionKey: undefined,
    });
    const short = deriveSessionKeys({ dialect, sessionKey: Buffer.from('0102', 'hex') });
    assert.equal(short.signingKey.toString('hex'), `0102${'00'.repeat(14)}`);
  });
}

test('a 256-bit cipher has keys from the full session key, and a signing key of 128 bits', () => {
  const fullSessionKey = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
  const preauthHash = windows.sessionHash;
  const keys = deriveSessionKeys({
    dialect: 0x0311,
    sessionKey: fullSessionKey,
    preauthHash,
    cipher: CipherId.AES_256_GCM,
  });
  const label = Buffer.from('SMBS2CCipherKey\0');
  assert.deepEqual(keys.encryptionKey, deriveKey(fullSessionKey, label, preauthHash, 256));
  assert.equal(keys.decryptionKey?.length, 32);
  const first16 = { dialect: 0x0311, sessionKey: fullSessionKey.subarray(0, 16), preauthHash };
  assert.deepEqual(keys.signingKey, deriveSessionKeys(first16).signingKey);
  assert.equal(keys.signingKey.length, 16);
});

test('3.1.1 without a cipher has no keys for one; without a hash it is a mistake', () => {
  const input = { dialect: 0x0311, sessionKey: windows.sessionKey };
  const keys = deriveSessionKeys({ ...input, preauthHash: windows.sessionHash });
  assert.equal(keys.encryptionKey, undefined);
  assert.equal(keys.decryptionKey, undefined);
  assert.throws(() => deriveSessionKeys(input), TypeError);
});
