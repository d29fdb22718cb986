/**
 * Message signatures, MS-SMB2 3.1.4.1 and 3.3.5.2.4. One signer a key: by OpenSSL's own contexts, or by
 * node:crypto where those cannot be reached. Both give the same bytes.
 */
import {
  createCipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { belongsInPool, inPool } from '../native/crypto-pool.ts';
import { EvpGmac, isEvpReachable } from '../native/evp-aead.ts';
import { EvpMac } from '../native/evp-mac.ts';
import { createCmac } from './cmac.ts';

/** SMB2_SIGNING_CAPABILITIES, 2.2.3.1.7. */
export const SigningAlgorithm = { HMAC_SHA256: 0, AES_CMAC: 1, AES_GMAC: 2 } as const;
export type SigningAlgorithm = (typeof SigningAlgorithm)[keyof typeof SigningAlgorithm];

export interface Signer {
  /**
   * Signs one message in place. `parts[0]` begins with the whole SMB2 header, in which the caller has
   * set every field, SMB2_FLAGS_SIGNED too; its Signature field is overwritten.
   */
  sign(parts: readonly Buffer[]): void;
  /**
   * The same on another thread (native/crypto-pool.ts), until when the parts must stay as they are; undefined where it
   * is better done here. Only of algorithms that are slow.
   */
  readonly signInPool?: (parts: readonly Buffer[]) => Promise<void> | undefined;
  /**
   * Whether the message, header to last byte, carries its right signature. The Signature field is
   * zeroed while computing and is afterwards as it was; nothing is copied.
   */
  verify(message: Buffer): boolean;
  /** 2.2.43.1: of data that travel apart from their message. The nonce is empty where the algorithm takes none. */
  signData(data: Buffer): DataSignature;
  verifyData(data: Buffer, given: DataSignature): boolean;
  /** The same on another thread, as above; the message stays as it is. */
  readonly verifyInPool?: (message: Buffer) => Promise<boolean> | undefined;
}

export interface DataSignature {
  readonly signature: Buffer;
  readonly nonce: Buffer;
}

/** Fields of the SMB2 header, 2.2.1. */
const HEADER_BYTES = 64;
const COMMAND_AT = 12;
const FLAGS_AT = 16;
const MESSAGE_ID_AT = 24;
const SIGNATURE_AT = 48;
const SIGNATURE_BYTES = 16;
const GMAC_NONCE_BYTES = 12;
const SMB2_CANCEL = 0x000c;
const SMB2_FLAGS_SERVER_TO_REDIR = 0x01;

/**
 * Computes 16 bytes or more over the parts; the signature is the first 16. Good until the next call. Without a nonce that
 * of GMAC is the header's, which the first part begins with.
 */
export type Mac = (parts: readonly Buffer[], nonce?: Buffer) => Buffer;

interface Macs {
  readonly mac: Mac;
  /** Of its own. */
  readonly macInPool?: (parts: readonly Buffer[]) => Promise<Buffer>;
}

function hmacSha256(key: KeyObject): Mac {
  return (parts) => {
    const hmac = createHmac('sha256', key);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  };
}

/** "First 8 bytes are set to MessageId", then bit 0: from the server, bit 1: SMB2 CANCEL request. */
function gmacNonce(header: Buffer): Buffer {
  const nonce = Buffer.alloc(GMAC_NONCE_BYTES);
  header.copy(nonce, 0, MESSAGE_ID_AT, MESSAGE_ID_AT + 8);
  const fromServer = (header[FLAGS_AT]! & SMB2_FLAGS_SERVER_TO_REDIR) !== 0;
  const cancel = header.readUInt16LE(COMMAND_AT) === SMB2_CANCEL && !fromServer;
  nonce[8] = (fromServer ? 1 : 0) | (cancel ? 2 : 0);
  return nonce;
}

/** RFC 4543: AES-GCM with an empty plaintext. */
function gmac(key: KeyObject): Mac {
  return (parts, nonce = gmacNonce(parts[0]!)) => {
    const cipher = createCipheriv('aes-128-gcm', key, nonce);
    for (const part of parts) if (part.length > 0) cipher.setAAD(part);
    cipher.final();
    return cipher.getAuthTag();
  };
}

function nativeMacs(algorithm: SigningAlgorithm, key: Buffer): Macs {
  if (algorithm === SigningAlgorithm.AES_GMAC) {
    const gmac = new EvpGmac(key, GMAC_NONCE_BYTES);
    const tag = Buffer.allocUnsafeSlow(SIGNATURE_BYTES);
    const mac: Mac = (parts, nonce = gmacNonce(parts[0]!)) => {
      gmac.authenticate(nonce, parts, tag);
      return tag;
    };
    return { mac };
  }
  const isCmac = algorithm === SigningAlgorithm.AES_CMAC;
  const mac = new EvpMac(isCmac ? 'aes-128-cmac' : 'hmac-sha256', key);
  return {
    mac: (parts) => mac.compute(parts),
    macInPool: (parts) => inPool(() => mac.computeInPool(parts)),
  };
}

export function portableMac(algorithm: SigningAlgorithm, key: Buffer): Mac {
  switch (algorithm) {
    case SigningAlgorithm.HMAC_SHA256:
      return hmacSha256(createSecretKey(key));
    case SigningAlgorithm.AES_CMAC: {
      const cmac = createCmac(key);
      return (parts) => cmac.compute(parts);
    }
    case SigningAlgorithm.AES_GMAC:
      return gmac(createSecretKey(key));
  }
}

/** `key` is the 16-byte Session.SigningKey or Channel.SigningKey. */
export function createSigner(algorithm: SigningAlgorithm, key: Buffer): Signer {
  const { mac, macInPool }: Macs = isEvpReachable()
    ? nativeMacs(algorithm, key)
    : { mac: portableMac(algorithm, key) };
  const received = Buffer.alloc(SIGNATURE_BYTES);
  const dataNonceBytes = algorithm === SigningAlgorithm.AES_GMAC ? GMAC_NONCE_BYTES : 0;
  return {
    sign(parts) {
      const header = parts[0]!;
      header.fill(0, SIGNATURE_AT, SIGNATURE_AT + SIGNATURE_BYTES);
      mac(parts).copy(header, SIGNATURE_AT, 0, SIGNATURE_BYTES);
    },
    verify(message) {
      if (message.length < HEADER_BYTES) return false;
      message.copy(received, 0, SIGNATURE_AT);
      message.fill(0, SIGNATURE_AT, SIGNATURE_AT + SIGNATURE_BYTES);
      const expected = mac([message]).subarray(0, SIGNATURE_BYTES);
      received.copy(message, SIGNATURE_AT);
      return timingSafeEqual(received, expected);
    },
    signData(data) {
      // At random: messages have theirs of their ids, and the other end, which has the same key, its own.
      const nonce = randomBytes(dataNonceBytes);
      return { signature: Buffer.from(mac([data], nonce).subarray(0, SIGNATURE_BYTES)), nonce };
    },
    verifyData(data, { signature, nonce }) {
      if (signature.length !== SIGNATURE_BYTES) return false;
      if (dataNonceBytes > 0 && nonce.length !== dataNonceBytes) return false;
      return timingSafeEqual(signature, mac([data], nonce).subarray(0, SIGNATURE_BYTES));
    },
    ...(macInPool && inPoolBy(macInPool)),
  };
}

function inPoolBy(
  macInPool: NonNullable<Macs['macInPool']>,
): Pick<Signer, 'signInPool' | 'verifyInPool'> {
  return {
    signInPool(parts) {
      if (!belongsInPool(parts.at(-1)!.length)) return undefined;
      const header = parts[0]!;
      header.fill(0, SIGNATURE_AT, SIGNATURE_AT + SIGNATURE_BYTES);
      return macInPool(parts).then((mac) => {
        mac.copy(header, SIGNATURE_AT, 0, SIGNATURE_BYTES);
      });
    },
    verifyInPool(message) {
      if (!belongsInPool(message.length)) return undefined;
      const header = Buffer.from(message.subarray(0, HEADER_BYTES));
      const received = message.subarray(SIGNATURE_AT, SIGNATURE_AT + SIGNATURE_BYTES);
      header.fill(0, SIGNATURE_AT, SIGNATURE_AT + SIGNATURE_BYTES);
      return macInPool([header, message.subarray(HEADER_BYTES)]).then((mac) =>
        timingSafeEqual(received, mac.subarray(0, SIGNATURE_BYTES)),
      );
    },
  };
}
