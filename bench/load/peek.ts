/**
 * Decrypts the first bytes of an encrypted reply without its tag (MS-SMB2 2.2.41, 3.1.4.3): GCM and CCM
 * are both AES in counter mode, from counter 2 (SP 800-38D 7.1) and from counter 1 (RFC 3610 2.3).
 */
import { CipherId, TRANSFORM_HEADER_BYTES } from '../../src/crypto/cipher.ts';
import { evpContext } from '../../src/native/evp.ts';
import { addressOf } from '../../src/native/library.ts';
import type { Secured } from './session.ts';

/** As far as anything in a reply is looked at: up to the FileId of a CREATE. */
export const PEEK_BYTES = 64 + 88;

const NONCE_AT = 20;
const GCM_NONCE_BYTES = 12;
const CCM_NONCE_BYTES = 11;
const CCM_FLAGS = 15 - CCM_NONCE_BYTES - 1;

export interface Peek {
  /** PEEK_BYTES, as the last `open` left them. */
  readonly plain: Buffer;
  /** `at`: where in `received` a TRANSFORM_HEADER stands; `length` bytes behind it are opened. */
  open(at: number, length: number): void;
  free(): void;
}

export function peekInto(session: Secured, received: Buffer): Peek {
  const { cipher } = session;
  const key = session.keys!.encryptionKey!;
  const context = evpContext(key.length === 16 ? 'aes-128-ctr' : 'aes-256-ctr', key, 'decrypt');
  const gcm = cipher === CipherId.AES_128_GCM || cipher === CipherId.AES_256_GCM;
  const iv = Buffer.alloc(16);
  const nonceTo = gcm ? 0 : 1;
  const nonceBytes = gcm ? GCM_NONCE_BYTES : CCM_NONCE_BYTES;
  if (!gcm) iv[0] = CCM_FLAGS;
  iv[15] = gcm ? 2 : 1;
  const ivAt = addressOf(iv);
  const plain = Buffer.alloc(PEEK_BYTES);
  const plainAt = addressOf(plain);
  const receivedAt = addressOf(received);
  return {
    plain,
    open(at, length) {
      for (let i = 0; i < nonceBytes; i++) iv[nonceTo + i] = received[at + NONCE_AT + i]!;
      context.start(ivAt);
      context.update(plainAt, receivedAt + at + TRANSFORM_HEADER_BYTES, length);
    },
    free: () => context.free(),
  };
}
