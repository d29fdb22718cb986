import assert from 'node:assert/strict';
import { createCipheriv, createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSigner, SigningAlgorithm } from './signing.ts';
import * as windows from './windows-exchange.vectors.test.ts';

const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
const ALGORITHMS = Object.entries(SigningAlgorithm);

/** GMAC from NIST SP 800-38D in BigInt over single AES blocks: nothing in common with what it checks. */
function slowGmac(key: Buffer, nonce: Buffer, message: Buffer): Buffer {
  const aes = (block: Buffer): Buffer =>
    createCipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(block);
  const big = (b: Buffer): bigint => BigInt(`0x${b.toString('hex') || '0'}`);
  const h = big(aes(Buffer.alloc(16)));
  const multiply = (x: bigint, y: bigint): bigint => {
    let z = 0n;
    let v = y;
    for (let bit = 127n; bit >= 0n; bit--) {
      if ((x >> bit) & 1n) z ^= v;
      v = v & 1n ? (v >> 1n) ^ (0xe1n << 120n) : v >> 1n;
    }
    return z;
  };
  const lengths = Buffer.alloc(16);
  lengths.writeBigUInt64BE(BigInt(message.length) * 8n, 0);
  const padding = Buffer.alloc((16 - (message.length % 16)) % 16);
  const blocks = Buffer.concat([message, padding, lengths]);
  let y = 0n;
  for (let at = 0; at < blocks.length; at += 16) {
    y = multiply(y ^ big(blocks.subarray(at, at + 16)), h);
  }
  const counter = Buffer.concat([nonce, Buffer.from([0, 0, 0, 1])]);
  const tag = y ^ big(aes(counter));
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex');
}

function header(options: { command: number; flags: number; messageId: bigint }): Buffer {
  const b = Buffer.alloc(64);
  b.writeUInt32LE(0x424d53fe, 0);
  b.writeUInt16LE(options.command, 12);
  b.writeUInt32LE(options.flags, 16);
  b.writeBigUInt64LE(options.messageId, 24);
  b.fill(0xee, 48, 64);
  return b;
}

test('AES-CMAC: the signature that Windows put on its last SESSION_SETUP response', () => {
  const signer = createSigner(SigningAlgorithm.AES_CMAC, windows.signingKey);
  const message = Buffer.from(windows.setupResponse2);
  assert.ok(signer.verify(message));
  message.fill(0x55, 48, 64);
  assert.ok(!signer.verify(message));
  signer.sign([message.subarray(0, 64), message.subarray(64)]);
  assert.deepEqual(message, windows.setupResponse2);
});

test('HMAC-SHA256: the first 16 bytes over the message with a zero signature', () => {
  const head = header({ command: 5, flags: 8, messageId: 7n });
  const body = Buffer.from('a CREATE request');
  createSigner(SigningAlgorithm.HMAC_SHA256, KEY).sign([head, body]);
  const zeroed = Buffer.concat([head.subarray(0, 48), Buffer.alloc(16), body]);
  const expected = createHmac('sha256', KEY).update(zeroed).digest('hex').slice(0, 32);
  assert.equal(head.toString('hex', 48), expected);
});

/** Command, flags, and the low byte of the nonce's second field that 3.1.4.1 asks for. */
const GMAC_CASES = [
  ['a request', 9, 0x08, 0],
  ['a response', 9, 0x09, 1],
  ['a CANCEL', 12, 0x08, 2],
  ['what answers one, were there such', 12, 0x09, 1],
] as const;

for (const [what, command, flags, low] of GMAC_CASES) {
  test(`AES-GMAC: the nonce of ${what}`, () => {
    const messageId = 0x1122334455667788n;
    const head = header({ command, flags, messageId });
    const body = Buffer.alloc(49, 0x5a);
    createSigner(SigningAlgorithm.AES_GMAC, KEY).sign([
      head,
      body.subarray(0, 20),
      body.subarray(20),
    ]);
    const nonce = Buffer.alloc(12);
    nonce.writeBigUInt64LE(messageId, 0);
    nonce[8] = low;
    const zeroed = Buffer.concat([head.subarray(0, 48), Buffer.alloc(16), body]);
    assert.deepEqual(head.subarray(48), slowGmac(KEY, nonce, zeroed));
  });
}

for (const [name, algorithm] of ALGORITHMS) {
  test(`${name}: what was signed in parts verifies as one, and is left as it was`, () => {
    const signer = createSigner(algorithm, KEY);
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
        fc.nat(),
        fc.integer({ min: 0, max: 7 }),
        (head, bodies, where, bit) => {
          const parts = [head, ...bodies].map((part) => Buffer.from(part));
          signer.sign(parts);
          const message = Buffer.concat(parts);
          const before = Buffer.from(message);
          assert.ok(signer.verify(message));
          message[where % message.length]! ^= 1 << bit;
          assert.ok(!signer.verify(message));
          message[where % message.length]! ^= 1 << bit;
          assert.deepEqual(message, before);
        },
      ),
      { numRuns: 50 },
    );
  });

  test(`${name}: another key, a zero signature and a cut message are refused`, () => {
    const message = Buffer.concat([
      header({ command: 3, flags: 8, messageId: 1n }),
      Buffer.alloc(9),
    ]);
    createSigner(algorithm, KEY).sign([message]);
    assert.ok(!createSigner(algorithm, Buffer.alloc(16)).verify(message));
    const signer = createSigner(algorithm, KEY);
    for (let n = 0; n < message.length; n++) assert.ok(!signer.verify(message.subarray(0, n)));
    message.fill(0, 48, 64);
    assert.ok(!signer.verify(message));
  });
}

// Data that travel apart from their message, 2.2.43.1.

test('AES-CMAC of data: RFC 4493, example 4', () => {
  const signer = createSigner(
    SigningAlgorithm.AES_CMAC,
    Buffer.from('2b7e151628aed2a6abf7158809cf4f3c', 'hex'),
  );
  const data = Buffer.from(
    `6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51
     30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710`.replaceAll(/\s/g, ''),
    'hex',
  );
  const { signature, nonce } = signer.signData(data);
  assert.equal(signature.toString('hex'), '51f0bebf7e3b9d92fc49741779363cfe');
  assert.equal(nonce.length, 0);
});

test('AES-GMAC of data: over the nonce that goes with them, another each time', () => {
  const signer = createSigner(SigningAlgorithm.AES_GMAC, KEY);
  const data = Buffer.from('what a READ by RDMA moves');
  const [a, b] = [signer.signData(data), signer.signData(data)];
  assert.equal(a.nonce.length, 12);
  assert.notDeepEqual(a.nonce, b.nonce);
  assert.deepEqual(a.signature, slowGmac(KEY, a.nonce, data));
});

test('HMAC-SHA256 of data: its first 16 bytes', () => {
  const { signature } = createSigner(SigningAlgorithm.HMAC_SHA256, KEY).signData(Buffer.from('x'));
  assert.deepEqual(signature, createHmac('sha256', KEY).update('x').digest().subarray(0, 16));
});

for (const [name, algorithm] of ALGORITHMS) {
  test(`${name} of data: verified by the other end, and by nobody where anything was turned or cut`, () => {
    const [signer, verifier] = [createSigner(algorithm, KEY), createSigner(algorithm, KEY)];
    const data = Buffer.alloc(1000, 7);
    const given = signer.signData(data);
    assert.ok(verifier.verifyData(data, given));
    data[500]! ^= 1;
    assert.ok(!verifier.verifyData(data, given));
    data[500]! ^= 1;
    for (const length of [0, 1, 15]) {
      const signature = given.signature.subarray(0, length);
      assert.ok(!verifier.verifyData(data, { ...given, signature }), `${length} bytes`);
    }
    const longer = Buffer.concat([given.signature, Buffer.alloc(1)]);
    assert.ok(!verifier.verifyData(data, { ...given, signature: longer }));
    if (algorithm !== SigningAlgorithm.AES_GMAC) return;
    for (const length of [0, 11, 13]) {
      const nonce = Buffer.concat([given.nonce, Buffer.alloc(1)]).subarray(0, length);
      assert.ok(!verifier.verifyData(data, { ...given, nonce }), `a nonce of ${length} bytes`);
    }
  });
}
