/** The client's own signing, sealing and peeking, against the codecs that servers use. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { CipherId, createOpener, createSealer, keyBytesOf } from '../../src/crypto/cipher.ts';
import { createSigner, SigningAlgorithm } from '../../src/crypto/signing.ts';
import { missing } from '../../src/native/library.ts';
import { Command, encodeHeader } from '../../src/smb2/header.ts';
import { PEEK_BYTES, peekInto } from './peek.ts';
import { protectionOf } from './protection.ts';
import { payloadOf } from './request.ts';
import type { Mode, Secured } from './session.ts';

const onNative = { skip: missing ?? false };
const SESSION_ID = 0x1234_5678_9abc;

function secured(mode: Mode, part: Partial<Secured> = {}): Secured {
  const cipher = part.cipher ?? CipherId.AES_128_GCM;
  const keys = {
    signingKey: randomBytes(16),
    applicationKey: randomBytes(16),
    encryptionKey: randomBytes(keyBytesOf(cipher)),
    decryptionKey: randomBytes(keyBytesOf(cipher)),
  };
  const signingAlgorithm = SigningAlgorithm.AES_GMAC;
  return { mode, sessionId: SESSION_ID, signingAlgorithm, keys, ...part, cipher };
}

const message = (messageId: number): Buffer =>
  Buffer.concat([encodeHeader({ command: Command.WRITE, messageId }), randomBytes(48)]);

/** A payload and none: their messages are protected by different calls. */
const payloads = [undefined, payloadOf(randomBytes(5000))];

for (const [name, signingAlgorithm] of Object.entries(SigningAlgorithm)) {
  test(`${name}: signatures that a server takes`, onNative, () => {
    const session = secured('signed', { signingAlgorithm });
    const arena = Buffer.alloc(1000);
    const protection = protectionOf(session, arena);
    const server = createSigner(signingAlgorithm, session.keys!.signingKey);
    for (const payload of [...payloads, ...payloads]) {
      const text = message(payload === undefined ? 7 : 0x1_0000);
      arena.set(text, 100);
      protection.protect(100, text.length, payload);
      const sent = arena.subarray(100, 100 + text.length);
      const whole = payload === undefined ? [sent] : [sent, payload.bytes];
      assert.ok(server.verify(Buffer.concat(whole)));
    }
    protection.free();
  });
}

for (const [name, cipher] of Object.entries(CipherId)) {
  test(`${name}: messages that a server opens, each with a nonce of its own`, onNative, () => {
    const session = secured('encrypted', { cipher });
    const arena = Buffer.alloc(10_000);
    const protection = protectionOf(session, arena);
    const server = createOpener(cipher, session.keys!.decryptionKey!);
    const nonces = new Set<string>();
    for (const payload of [...payloads, ...payloads]) {
      const text = message(1);
      const at = 4 + protection.headroom;
      arena.set(text, at);
      protection.protect(at, text.length, payload);
      const plain = Buffer.concat(payload === undefined ? [text] : [text, payload.bytes]);
      const sealed = arena.subarray(4, at + plain.length);
      assert.deepEqual(server.open(sealed), plain);
      nonces.add(sealed.toString('hex', 20, 36));
    }
    assert.equal(nonces.size, 2 * payloads.length);
    protection.free();
  });

  test(`${name}: the beginning of what a server seals`, onNative, () => {
    const session = secured('encrypted', { cipher });
    const received = Buffer.alloc(2000);
    const peek = peekInto(session, received);
    const server = createSealer(cipher, session.keys!.encryptionKey!);
    for (const length of [80, PEEK_BYTES, 1000]) {
      const text = Buffer.concat([message(3), randomBytes(length)]).subarray(0, length);
      received.set(Buffer.concat(server.seal(SESSION_ID, [text])), 30);
      const opened = Math.min(length, PEEK_BYTES);
      peek.open(30, opened);
      assert.deepEqual(peek.plain.subarray(0, opened), text.subarray(0, opened));
    }
    peek.free();
  });
}

test('plain messages stay as they are', () => {
  const arena = randomBytes(200);
  const before = Buffer.from(arena);
  const protection = protectionOf(secured('plain'), arena);
  protection.protect(0, 112, undefined);
  assert.deepEqual(arena, before);
  assert.equal(protection.headroom, 0);
});
