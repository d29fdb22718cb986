/**
 * What signing (MS-SMB2 3.1.4.1) and encryption (3.1.4.3) do to a request on its way out. AES-GMAC and
 * AES-GCM run on OpenSSL's own contexts and in place, since a client that costs as much as a server
 * measures itself; the other algorithms, whose servers are slow as well, by src/crypto.
 */
import { randomBytes } from 'node:crypto';
import { CipherId, createSealer, TRANSFORM_HEADER_BYTES } from '../../src/crypto/cipher.ts';
import { createSigner, SigningAlgorithm } from '../../src/crypto/signing.ts';
import { evpContext } from '../../src/native/evp.ts';
import { addressOf } from '../../src/native/library.ts';
import { SMB2_TRANSFORM_FLAG_ENCRYPTED, writeTransformHeader } from '../../src/smb2/transform.ts';
import type { Payload } from './request.ts';
import type { Secured } from './session.ts';

export interface Protection {
  /** Bytes that it needs before the SMB2 header. */
  readonly headroom: number;
  /** The payload goes into the arena, behind the message; otherwise it is sent from where it lies. */
  readonly takesPayload: boolean;
  /** Does its work on the message of `length` bytes at `at` of the arena, and its payload. */
  protect(at: number, length: number, payload: Payload | undefined): void;
  free(): void;
}

const MESSAGE_ID_AT = 24;
const SIGNATURE_AT = 48;
const TAG_AT = 4;
const NONCE_AT = 20;
const ORIGINAL_MESSAGE_SIZE_AT = 36;
const GCM_NONCE_BYTES = 12;

const PLAIN: Protection = {
  headroom: 0,
  takesPayload: false,
  protect: () => undefined,
  free: () => undefined,
};

export function protectionOf(session: Secured, arena: Buffer): Protection {
  if (session.mode === 'plain') return PLAIN;
  if (session.mode === 'signed') {
    const gmac = session.signingAlgorithm === SigningAlgorithm.AES_GMAC;
    return gmac ? signByGmac(session, arena) : signByAny(session, arena);
  }
  const { cipher } = session;
  const gcm = cipher === CipherId.AES_128_GCM || cipher === CipherId.AES_256_GCM;
  return gcm ? sealByGcm(session, arena, cipher) : sealByAny(session, arena);
}

/** The signature field is zero, as the request was built; the tag is written into it. */
function signByGmac(session: Secured, arena: Buffer): Protection {
  const context = evpContext('aes-128-gcm', session.keys!.signingKey, 'encrypt');
  const nonce = Buffer.alloc(GCM_NONCE_BYTES);
  const nonceAt = addressOf(nonce);
  const arenaAt = addressOf(arena);
  return {
    headroom: 0,
    takesPayload: false,
    protect(at, length, payload) {
      for (let i = 0; i < 8; i++) nonce[i] = arena[at + MESSAGE_ID_AT + i]!;
      context.start(nonceAt);
      context.authenticate(arenaAt + at, length);
      if (payload !== undefined) context.authenticate(payload.address, payload.bytes.length);
      context.finish(arenaAt + at + SIGNATURE_AT);
    },
    free: () => context.free(),
  };
}

function signByAny(session: Secured, arena: Buffer): Protection {
  const signer = createSigner(session.signingAlgorithm, session.keys!.signingKey);
  return {
    headroom: 0,
    takesPayload: false,
    protect(at, length, payload) {
      const message = arena.subarray(at, at + length);
      signer.sign(payload === undefined ? [message] : [message, payload.bytes]);
    },
    free: () => undefined,
  };
}

/** A TRANSFORM_HEADER as it stays, but for nonce, size and tag. */
function transformTemplate(session: Secured): Buffer {
  const header = Buffer.alloc(TRANSFORM_HEADER_BYTES);
  writeTransformHeader(header, {
    signature: Buffer.alloc(16),
    nonce: Buffer.alloc(16),
    originalMessageSize: 0,
    flags: SMB2_TRANSFORM_FLAG_ENCRYPTED,
    sessionId: session.sessionId,
  });
  randomBytes(GCM_NONCE_BYTES).copy(header, NONCE_AT);
  return header;
}

function sealByGcm(session: Secured, arena: Buffer, cipher: CipherId): Protection {
  const name = cipher === CipherId.AES_128_GCM ? 'aes-128-gcm' : 'aes-256-gcm';
  // The keys are named from the server's side: what it decrypts with.
  const context = evpContext(name, session.keys!.decryptionKey!, 'encrypt');
  const template = transformTemplate(session);
  const arenaAt = addressOf(arena);
  let counter = template.readUInt32LE(NONCE_AT);
  return {
    headroom: TRANSFORM_HEADER_BYTES,
    takesPayload: true,
    protect(at, length, payload) {
      const start = at - TRANSFORM_HEADER_BYTES;
      const payloadBytes = payload?.bytes.length ?? 0;
      counter = (counter + 1) >>> 0;
      arena.set(template, start);
      arena.writeUInt32LE(counter, start + NONCE_AT);
      arena.writeUInt32LE(length + payloadBytes, start + ORIGINAL_MESSAGE_SIZE_AT);
      const headerAt = arenaAt + start;
      const messageAt = arenaAt + at;
      context.start(headerAt + NONCE_AT);
      context.authenticate(headerAt + NONCE_AT, TRANSFORM_HEADER_BYTES - NONCE_AT);
      context.update(messageAt, messageAt, length);
      if (payload !== undefined) {
        context.update(messageAt + length, payload.address, payloadBytes);
      }
      context.finish(headerAt + TAG_AT);
    },
    free: () => context.free(),
  };
}

function sealByAny(session: Secured, arena: Buffer): Protection {
  const { seal } = createSealer(session.cipher!, session.keys!.decryptionKey!);
  return {
    headroom: TRANSFORM_HEADER_BYTES,
    takesPayload: true,
    protect(at, length, payload) {
      const message = arena.subarray(at, at + length);
      const parts = payload === undefined ? [message] : [message, payload.bytes];
      let to = at - TRANSFORM_HEADER_BYTES;
      for (const part of seal(session.sessionId, parts)) {
        arena.set(part, to);
        to += part.length;
      }
    },
    free: () => undefined,
  };
}
