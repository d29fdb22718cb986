/**
 * The keys of a session and of its channels, MS-SMB2 3.3.5.5.3 with 3.1.4.2, from the server's side:
 * a client encrypts with `decryptionKey` and decrypts with `encryptionKey`.
 */
import { CipherId, keyBytesOf } from './cipher.ts';
import { deriveKey, type KeyBits } from './kdf.ts';

const DIALECT_3_0 = 0x0300;
const DIALECT_3_1_1 = 0x0311;

/** MS-SMB2 3.3.1.8: Session.SessionKey is the first 16 bytes, padded with zeros on the right. */
const SESSION_KEY_BYTES = 16;

export interface SessionKeyInput {
  /** DialectRevision, 0x0202 to 0x0311. */
  readonly dialect: number;
  /** As the GSS mechanism gives it, of any length. */
  readonly sessionKey: Buffer;
  /** Session.FullSessionKey where it differs from `sessionKey`; only 256-bit ciphers use it. */
  readonly fullSessionKey?: Buffer | undefined;
  /** Session.PreauthIntegrityHashValue; required at 3.1.1. */
  readonly preauthHash?: Buffer | undefined;
  /** Connection.CipherId at 3.1.1; absent when none was negotiated. 3.0 and 3.0.2 imply AES-128-CCM. */
  readonly cipher?: CipherId | undefined;
}

export interface SessionKeys {
  readonly signingKey: Buffer;
  /** What FSCTLs and RPC see as the session key. */
  readonly applicationKey: Buffer;
  /** Server to client. Absent below 3.0 and at 3.1.1 without a cipher. */
  readonly encryptionKey: Buffer | undefined;
  /** Client to server. */
  readonly decryptionKey: Buffer | undefined;
}

const ascii = (text: string): Buffer => Buffer.from(`${text}\0`, 'latin1');

interface Purpose {
  readonly label: Buffer;
  readonly context: Buffer;
}

const PURPOSES_3_0 = {
  signing: { label: ascii('SMB2AESCMAC'), context: ascii('SmbSign') },
  application: { label: ascii('SMB2APP'), context: ascii('SmbRpc') },
  encryption: { label: ascii('SMB2AESCCM'), context: ascii('ServerOut') },
  // "note the blank space at the end", 3.3.5.5.3
  decryption: { label: ascii('SMB2AESCCM'), context: ascii('ServerIn ') },
} as const;

const LABELS_3_1_1 = {
  signing: ascii('SMBSigningKey'),
  application: ascii('SMBAppKey'),
  encryption: ascii('SMBS2CCipherKey'),
  decryption: ascii('SMBC2SCipherKey'),
} as const;

function purposeOf(use: keyof typeof LABELS_3_1_1, input: SessionKeyInput): Purpose {
  if (input.dialect < DIALECT_3_1_1) return PURPOSES_3_0[use];
  if (input.preauthHash === undefined) throw new TypeError('3.1.1 derives from the preauth hash');
  return { label: LABELS_3_1_1[use], context: input.preauthHash };
}

function sixteenBytes(key: Buffer): Buffer {
  const result = Buffer.alloc(SESSION_KEY_BYTES);
  key.copy(result);
  return result;
}

/**
 * Always 128 bits: MS-SMB2 3.3.1.8 makes Session.SigningKey 128 bits long, and Windows, Samba and
 * Linux derive it with L = 128 when the cipher is a 256-bit one, too.
 */
function deriveShort(use: 'signing' | 'application', input: SessionKeyInput): Buffer {
  const { label, context } = purposeOf(use, input);
  return deriveKey(sixteenBytes(input.sessionKey), label, context, 128);
}

export function deriveSessionKeys(input: SessionKeyInput): SessionKeys {
  if (input.dialect < DIALECT_3_0) {
    const key = sixteenBytes(input.sessionKey);
    return {
      signingKey: key,
      applicationKey: key,
      encryptionKey: undefined,
      decryptionKey: undefined,
    };
  }
  const cipher = input.dialect < DIALECT_3_1_1 ? CipherId.AES_128_CCM : input.cipher;
  const cipherKey = (use: 'encryption' | 'decryption'): Buffer | undefined => {
    if (cipher === undefined) return undefined;
    const bits = (keyBytesOf(cipher) * 8) as KeyBits;
    const from =
      bits === 256 ? (input.fullSessionKey ?? input.sessionKey) : sixteenBytes(input.sessionKey);
    const { label, context } = purposeOf(use, input);
    return deriveKey(from, label, context, bits);
  };
  return {
    signingKey: deriveShort('signing', input),
    applicationKey: deriveShort('application', input),
    encryptionKey: cipherKey('encryption'),
    decryptionKey: cipherKey('decryption'),
  };
}

/**
 * Channel.SigningKey of a binding SESSION_SETUP: from the session key of the new authentication and,
 * at 3.1.1, the PreauthSession's hash. All other keys stay those of the session.
 */
export function deriveChannelSigningKey(
  input: Pick<SessionKeyInput, 'dialect' | 'sessionKey' | 'preauthHash'>,
): Buffer {
  return input.dialect < DIALECT_3_0
    ? sixteenBytes(input.sessionKey)
    : deriveShort('signing', input);
}
