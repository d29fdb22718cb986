/**
 * Message encryption, MS-SMB2 3.1.4.3 and 3.3.5.2.1.1: AES in CCM or GCM mode between
 * SMB2 TRANSFORM_HEADERs (2.2.41). A session has one key a direction whatever its channels, so it has
 * one MessageCipher, which owns the nonces of its sending direction.
 */
import { randomBytes } from 'node:crypto';
import { belongsInPool } from '../native/crypto-pool.ts';
import { writeId64 } from '../wire/struct.ts';
import { type Aead, createAeadOpener, createAeadSealer } from './aead.ts';

/** SMB2_ENCRYPTION_CAPABILITIES, 2.2.3.1.2. */
export const CipherId = {
  AES_128_CCM: 1,
  AES_128_GCM: 2,
  AES_256_CCM: 3,
  AES_256_GCM: 4,
} as const;
export type CipherId = (typeof CipherId)[keyof typeof CipherId];

type Mode = Aead & { readonly keyBytes: 16 | 32 };

const MODES: Readonly<Record<CipherId, Mode>> = {
  [CipherId.AES_128_CCM]: { ccm: true, name: 'aes-128-ccm', keyBytes: 16 },
  [CipherId.AES_128_GCM]: { ccm: false, name: 'aes-128-gcm', keyBytes: 16 },
  [CipherId.AES_256_CCM]: { ccm: true, name: 'aes-256-ccm', keyBytes: 32 },
  [CipherId.AES_256_GCM]: { ccm: false, name: 'aes-256-gcm', keyBytes: 32 },
};

const nonceBytesOf = ({ ccm }: Mode): number => (ccm ? CCM_NONCE_BYTES : GCM_NONCE_BYTES);

export const keyBytesOf = (cipher: CipherId): 16 | 32 => MODES[cipher].keyBytes;

/** SMB2 TRANSFORM_HEADER, 2.2.41. What the tag covers beside the message begins at the nonce. */
export const TRANSFORM_HEADER_BYTES = 52;
const PROTOCOL_ID = 0x424d53fd;
const SIGNATURE_AT = 4;
const NONCE_AT = 20;
const ORIGINAL_MESSAGE_SIZE_AT = 36;
const FLAGS_AT = 42;
const SESSION_ID_AT = 44;
const CCM_NONCE_BYTES = 11;
const GCM_NONCE_BYTES = 12;
const TAG_BYTES = 16;
const NO_AAD = Buffer.alloc(0);
const ENCRYPTED = 0x0001;

/** Messages that one key may seal: the nonce's counter has 48 bits. Beyond, seal() throws. */
const MAXIMUM_SEALED = 2 ** 48;
const COUNTER_BYTES = 6;

/** 2.2.43.1: data that travel apart from their message, with what stands in it. */
export interface SealedData {
  readonly data: Buffer;
  readonly nonce: Buffer;
  readonly tag: Buffer;
}

export interface Sealer {
  /**
   * The message that `parts` make up, encrypted: the TRANSFORM_HEADER, then the ciphertext. The parts
   * are only read.
   */
  seal(sessionId: number, parts: readonly Buffer[]): Buffer[];
  /** As seal, but the parts are its own from now on: they may become the ciphertext. */
  sealInPlace(sessionId: number, parts: readonly Buffer[]): Buffer[];
  /** Without any header; the data may become the ciphertext. The nonces are of the same row. */
  sealData(data: Buffer): SealedData;
  /**
   * The same on another thread (native/crypto-pool.ts); undefined where it is better done here. Only of ciphers
   * that are slow.
   */
  readonly sealInPool?: (
    sessionId: number,
    parts: readonly Buffer[],
  ) => Promise<Buffer[]> | undefined;
}

export interface Opener {
  /**
   * The decrypted message. Undefined when the tag is wrong, and when the header is cut short, is no
   * TRANSFORM_HEADER, has Flags other than 1, or an OriginalMessageSize other than what follows it.
   * `message` may be overwritten by what was in it.
   */
  open(message: Buffer): Buffer | undefined;
  /** Undefined when tag or nonce have another length, too, and for no data. They may be overwritten. */
  openData(sealed: SealedData): Buffer | undefined;
  /** The same on another thread, as above. */
  readonly openInPool?: (message: Buffer) => Promise<Buffer | undefined> | undefined;
}

export interface MessageCipher extends Sealer, Opener {}

/** "Nonce MUST NOT be reused for all encrypted messages within a session": a counter from a random start. */
function nonceSource(nonceBytes: number, limit: number): (into: Buffer, at: number) => void {
  const start = randomBytes(nonceBytes);
  let counter = start.readUIntLE(0, COUNTER_BYTES);
  let left = limit;
  return (into, at) => {
    if (left === 0) throw new RangeError('this key has sealed all the messages that it may');
    left--;
    counter = (counter + 1) % MAXIMUM_SEALED;
    start.copy(into, at);
    into.writeUIntLE(counter, at, COUNTER_BYTES);
  };
}

/** `limit` is for tests: how many messages may be sealed. */
export function createSealer(
  cipher: CipherId,
  encryptionKey: Buffer,
  limit: number = MAXIMUM_SEALED,
): Sealer {
  const mode = MODES[cipher];
  const nonceBytes = nonceBytesOf(mode);
  const aead = createAeadSealer(mode, encryptionKey, nonceBytes);
  const nextNonce = nonceSource(nonceBytes, limit);
  const headerFor = (sessionId: number, parts: readonly Buffer[]): Buffer => {
    const header = Buffer.alloc(TRANSFORM_HEADER_BYTES);
    header.writeUInt32LE(PROTOCOL_ID, 0);
    nextNonce(header, NONCE_AT);
    header.writeUInt32LE(bytesOf(parts), ORIGINAL_MESSAGE_SIZE_AT);
    header.writeUInt16LE(ENCRYPTED, FLAGS_AT);
    writeId64(header, sessionId, SESSION_ID_AT);
    return header;
  };
  const nonceIn = (header: Buffer): Buffer => header.subarray(NONCE_AT, NONCE_AT + nonceBytes);
  const sealInPlace = (sessionId: number, parts: readonly Buffer[]): Buffer[] => {
    const header = headerFor(sessionId, parts);
    const tag = header.subarray(SIGNATURE_AT, NONCE_AT);
    return [header, ...aead.seal(nonceIn(header), header.subarray(NONCE_AT), parts, tag)];
  };
  const slowly = aead.sealInPool;
  return {
    seal: (sessionId, parts) => sealInPlace(sessionId, [Buffer.concat(parts)]),
    sealInPlace,
    sealData(data) {
      const nonce = Buffer.alloc(nonceBytes);
      nextNonce(nonce, 0);
      const tag = Buffer.alloc(TAG_BYTES);
      return { data: aead.seal(nonce, NO_AAD, [data], tag)[0]!, nonce, tag };
    },
    ...(slowly && {
      sealInPool(sessionId: number, parts: readonly Buffer[]) {
        if (!belongsInPool(bytesOf(parts))) return undefined;
        const header = headerFor(sessionId, parts);
        const tag = header.subarray(SIGNATURE_AT, NONCE_AT);
        const sealing = slowly(nonceIn(header), header.subarray(NONCE_AT), parts, tag);
        return sealing.then((sealed) => [header, ...sealed]);
      },
    }),
  };
}

function bytesOf(parts: readonly Buffer[]): number {
  let size = 0;
  for (const part of parts) size += part.length;
  return size;
}

/** Whether `message` is a TRANSFORM_HEADER and what it says follows it. */
function isTransform(message: Buffer): boolean {
  const size = message.length - TRANSFORM_HEADER_BYTES;
  return (
    size > 0 &&
    message.readUInt32LE(0) === PROTOCOL_ID &&
    message.readUInt16LE(FLAGS_AT) === ENCRYPTED &&
    message.readUInt32LE(ORIGINAL_MESSAGE_SIZE_AT) === size
  );
}

export function createOpener(cipher: CipherId, decryptionKey: Buffer): Opener {
  const mode = MODES[cipher];
  const nonceBytes = nonceBytesOf(mode);
  const aead = createAeadOpener(mode, decryptionKey, nonceBytes);
  const slowly = aead.openInPool;
  /** Nonce, what is authenticated, ciphertext and tag. */
  const piecesOf = (message: Buffer) =>
    [
      message.subarray(NONCE_AT, NONCE_AT + nonceBytes),
      message.subarray(NONCE_AT, TRANSFORM_HEADER_BYTES),
      message.subarray(TRANSFORM_HEADER_BYTES),
      message.subarray(SIGNATURE_AT, NONCE_AT),
    ] as const;
  return {
    open: (message) => (isTransform(message) ? aead.open(...piecesOf(message)) : undefined),
    ...(slowly && {
      openInPool: (message: Buffer) =>
        belongsInPool(message.length) && isTransform(message)
          ? slowly(...piecesOf(message))
          : undefined,
    }),
    openData({ data, nonce, tag }) {
      // Of nothing CCM would not look at the tag.
      if (data.length === 0 || nonce.length !== nonceBytes || tag.length !== TAG_BYTES) {
        return undefined;
      }
      return aead.open(nonce, NO_AAD, data, tag);
    },
  };
}

/** Keys as the caller's side names them: `encryptionKey` for what it sends. */
export function createMessageCipher(options: {
  readonly cipher: CipherId;
  readonly encryptionKey: Buffer;
  readonly decryptionKey: Buffer;
}): MessageCipher {
  return {
    ...createSealer(options.cipher, options.encryptionKey),
    ...createOpener(options.cipher, options.decryptionKey),
  };
}
