import assert from 'node:assert/strict';
import { type CipherGCMTypes, createCipheriv } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CipherId,
  createMessageCipher,
  createOpener,
  createSealer,
  keyBytesOf,
  type MessageCipher,
  type SealedData,
  TRANSFORM_HEADER_BYTES,
} from './cipher.ts';
import { deriveSessionKeys } from './session-keys.ts';
import { ccmExample, type EncryptedExample, gcmExample } from './windows-exchange.vectors.test.ts';

const CIPHERS = Object.entries(CipherId);

/** Both ends of one session. */
function ends(cipher: CipherId): { client: MessageCipher; server: MessageCipher } {
  const c2s = Buffer.alloc(keyBytesOf(cipher), 1);
  const s2c = Buffer.alloc(keyBytesOf(cipher), 2);
  return {
    client: createMessageCipher({ cipher, encryptionKey: c2s, decryptionKey: s2c }),
    server: createMessageCipher({ cipher, encryptionKey: s2c, decryptionKey: c2s }),
  };
}

function checkExample(example: EncryptedExample, cipher: CipherId): void {
  const { encryptionKey, decryptionKey } = deriveSessionKeys({ ...example, cipher });
  assert.deepEqual(
    createOpener(cipher, decryptionKey!).open(example.request),
    example.plainRequest,
  );
  assert.deepEqual(
    createOpener(cipher, encryptionKey!).open(example.response),
    example.plainResponse,
  );
}

test('AES-128-CCM: what Windows encrypted, both ways', () => {
  checkExample(ccmExample, CipherId.AES_128_CCM);
});

test('AES-128-GCM: what Windows encrypted, both ways', () => {
  checkExample(gcmExample, CipherId.AES_128_GCM);
});

test('the TRANSFORM_HEADER, field by field', () => {
  const { client } = ends(CipherId.AES_128_CCM);
  const [header, ...sealed] = client.seal(0x1_0000_0025, [Buffer.alloc(70), Buffer.alloc(30)]);
  assert.equal(header!.length, TRANSFORM_HEADER_BYTES);
  assert.equal(header!.toString('hex', 0, 4), 'fd534d42');
  assert.equal(header!.toString('hex', 31, 36), '0000000000');
  assert.equal(header!.toString('hex', 36, 52), `64000000${'0000'}0100${'2500000001000000'}`);
  assert.equal(Buffer.concat(sealed).length, 100);
});

for (const [name, cipher] of CIPHERS) {
  test(`${name}: what one end seals the other opens, unless any bit was turned`, () => {
    const { client, server } = ends(cipher);
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.integer({ min: 0, max: 7 }),
        (arrays, where, bit) => {
          const parts = arrays.map((array) => Buffer.from(array));
          const plain = Buffer.concat(parts);
          const message = Buffer.concat(client.seal(9, parts));
          assert.deepEqual(server.open(message), plain);
          assert.equal(client.open(message), undefined);
          const turned = Buffer.from(message);
          const at = where % turned.length;
          turned[at]! ^= 1 << bit;
          assert.equal(server.open(turned), undefined);
          assert.deepEqual(Buffer.concat(parts), plain);
        },
      ),
      { numRuns: 50 },
    );
  });

  test(`${name}: every truncation and any other bytes are no message`, () => {
    const { client, server } = ends(cipher);
    const message = Buffer.concat(client.seal(9, [Buffer.from('a message')]));
    for (let n = 0; n < message.length; n++) {
      assert.equal(server.open(message.subarray(0, n)), undefined);
    }
    assert.equal(server.open(Buffer.concat([message, Buffer.alloc(1)])), undefined);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        assert.equal(server.open(Buffer.from(bytes)), undefined);
      }),
    );
  });

  test(`${name}: no nonce twice, and another start for another sealer`, () => {
    const key = Buffer.alloc(keyBytesOf(cipher), 7);
    const nonces = new Set<string>();
    const fixed = new Set<string>();
    for (const sealer of [createSealer(cipher, key), createSealer(cipher, key)]) {
      for (let i = 0; i < 500; i++) {
        const header = sealer.seal(1, [Buffer.alloc(1)])[0]!;
        nonces.add(header.toString('hex', 20, 36));
        fixed.add(header.toString('hex', 26, 36));
      }
    }
    assert.equal(nonces.size, 1000);
    assert.equal(fixed.size, 2);
  });
}

test('an empty message is not opened: a TRANSFORM_HEADER must have something behind it', () => {
  const { client, server } = ends(CipherId.AES_128_GCM);
  assert.equal(server.open(Buffer.concat(client.seal(1, []))), undefined);
});

test('a sealer stops at its bound, before a nonce could come again', () => {
  const sealer = createSealer(CipherId.AES_128_GCM, Buffer.alloc(16), 2);
  sealer.seal(1, [Buffer.alloc(1)]);
  sealer.seal(1, [Buffer.alloc(1)]);
  assert.throws(() => sealer.seal(1, [Buffer.alloc(1)]), RangeError);
});

test('Flags other than 1 are refused under a right tag, too', () => {
  const key = Buffer.alloc(16, 1);
  const sealed = (flags: number): Buffer => {
    const header = Buffer.alloc(TRANSFORM_HEADER_BYTES);
    header.writeUInt32LE(0x424d53fd, 0);
    header.writeUInt32LE(1, 36);
    header.writeUInt16LE(flags, 42);
    const cipher = createCipheriv('aes-128-gcm', key, header.subarray(20, 32));
    cipher.setAAD(header.subarray(20));
    const body = cipher.update(Buffer.from('x'));
    cipher.final();
    cipher.getAuthTag().copy(header, 4);
    return Buffer.concat([header, body]);
  };
  const opener = createOpener(CipherId.AES_128_GCM, key);
  assert.equal(opener.open(sealed(1))?.toString(), 'x');
  for (const flags of [0, 2, 3]) assert.equal(opener.open(sealed(flags)), undefined);
});

test('data apart from their message: the example of GCM that everybody has (McGrew and Viega, test case 3)', () => {
  const key = Buffer.from('feffe9928665731c6d6a8f9467308308', 'hex');
  const nonce = Buffer.from('cafebabefacedbaddecaf888', 'hex');
  const tag = Buffer.from('4d5c2af327cd64a62cf35abd2ba6fab4', 'hex');
  const plain =
    `d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525
    b16aedf5aa0de657ba637b391aafd255`.replaceAll(/\s/g, '');
  const sealed =
    `42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05
    1ba30b396a0aac973d58e091473f5985`.replaceAll(/\s/g, '');
  const opener = createOpener(CipherId.AES_128_GCM, key);
  const data = Buffer.from(sealed, 'hex');
  assert.equal(opener.openData({ data, nonce, tag })?.toString('hex'), plain);
});

for (const [name, cipher] of CIPHERS) {
  test(`${name}: data apart from their message are sealed as node:crypto has it, without anything beside`, () => {
    const { client, server } = ends(cipher);
    const key = Buffer.alloc(keyBytesOf(cipher), 1);
    const plain = Buffer.from('what a WRITE by RDMA moves');
    const { data, nonce, tag } = client.sealData(Buffer.from(plain));
    assert.equal(nonce.length, name.endsWith('CCM') ? 11 : 12);
    const mode = name.toLowerCase().replaceAll('_', '-') as CipherGCMTypes;
    const theirs = createCipheriv(mode, key, nonce, { authTagLength: 16 });
    assert.deepEqual(theirs.update(plain), data);
    theirs.final();
    assert.deepEqual(theirs.getAuthTag(), tag);
    const sealed = () => ({ data: Buffer.from(data), nonce, tag });
    assert.deepEqual(server.openData(sealed()), plain);
    for (const part of ['data', 'nonce', 'tag'] as const) {
      const turned = sealed();
      turned[part] = Buffer.from(turned[part]);
      turned[part][3]! ^= 1;
      assert.equal(server.openData(turned), undefined, part);
      for (const length of [0, 4, 10]) {
        const cut: SealedData = { ...sealed(), [part]: turned[part].subarray(0, length) };
        assert.equal(server.openData(cut), undefined, `${part} of ${length} bytes`);
      }
    }
  });
}

test('data and messages of a key have their nonces of one row', () => {
  const sealer = createSealer(CipherId.AES_128_GCM, Buffer.alloc(16));
  const nonces = new Set<string>();
  for (let i = 0; i < 100; i++) {
    nonces.add(sealer.seal(1, [Buffer.alloc(1)])[0]!.toString('hex', 20, 32));
    nonces.add(sealer.sealData(Buffer.alloc(1)).nonce.toString('hex'));
  }
  assert.equal(nonces.size, 200);
});
