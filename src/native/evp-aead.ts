/**
 * AES-GCM and AES-CCM of the OpenSSL that Node carries, in place: contexts are made once for a key and take
 * a new nonce for each message (docs.openssl.org, EVP_EncryptInit, "AEAD Interface").
 */
import {
  AEAD_TAG_BYTES,
  evpCipher as c,
  EVP_CTRL_AEAD_GET_TAG,
  EVP_CTRL_AEAD_SET_IVLEN,
  EVP_CTRL_AEAD_SET_TAG,
  outLength,
  outLengthInPoolAt,
  SAME_DIRECTION,
  succeeded,
} from './evp-cipher.ts';
import { addressForGood, addressOf, bind } from './library.ts';

const CIPHERS = {
  'aes-128-gcm': { name: 'EVP_aes_128_gcm', ccm: false },
  'aes-256-gcm': { name: 'EVP_aes_256_gcm', ccm: false },
  'aes-128-ccm': { name: 'EVP_aes_128_ccm', ccm: true },
  'aes-256-ccm': { name: 'EVP_aes_256_ccm', ccm: true },
} as const;
export type EvpAeadName = keyof typeof CIPHERS;

/** Where a last block would go; these modes have none. */
const restAt = addressForGood(Buffer.alloc(32));
const contexts = new FinalizationRegistry<number>((context) => void c.free(context));

/** What a thread works on. */
const inUse = new Set<Uint8Array>();

let reachable: boolean | undefined;

/** Whether this process has an OpenSSL whose functions can be called. */
export function isEvpReachable(): boolean {
  if (reachable === undefined) {
    const context = c.newContext();
    reachable = context > 0;
    if (reachable) c.free(context);
  }
  return reachable;
}

/** One key in one direction. Its context lives as long as the object. */
class Keyed {
  readonly context: number;
  readonly ccm: boolean;

  /** Throws when OpenSSL cannot be reached. */
  constructor(name: EvpAeadName, key: Buffer, nonceBytes: number, encrypt: 0 | 1) {
    const cipher = CIPHERS[name];
    const method = bind<() => number>(cipher.name, 'int64', [])();
    const context = c.newContext();
    if (method <= 0 || context <= 0) throw new Error('OpenSSL of this process cannot be reached');
    this.context = context;
    this.ccm = cipher.ccm;
    contexts.register(this, context);
    succeeded(c.init(context, method, 0, 0, 0, encrypt), 'EVP_CipherInit_ex');
    succeeded(
      c.control(context, EVP_CTRL_AEAD_SET_IVLEN, nonceBytes, 0),
      'the length of the nonce',
    );
    if (this.ccm)
      succeeded(c.control(context, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, 0), 'the tag length');
    succeeded(c.init(context, 0, 0, addressOf(key), 0, SAME_DIRECTION), 'the key');
  }

  begin(nonce: Buffer, messageBytes: number): void {
    succeeded(c.init(this.context, 0, 0, 0, addressOf(nonce), SAME_DIRECTION), 'a nonce');
    if (!this.ccm) return;
    succeeded(c.update(this.context, 0, outLength, 0, messageBytes), 'the length of the message');
  }

  authenticate(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const at = addressOf(bytes);
    succeeded(c.update(this.context, 0, outLength, at, bytes.length), 'EVP_CipherUpdate');
  }

  /** In place; false where CCM finds the tag wrong. */
  update(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true;
    const at = addressOf(bytes);
    return c.update(this.context, at, outLength, at, bytes.length) === 1;
  }

  /** The same on a thread of libuv's pool. */
  async updateInPool(bytes: Uint8Array): Promise<boolean> {
    const at = addressOf(bytes);
    inUse.add(bytes);
    const result = await c.updateInPool(this.context, at, outLengthInPoolAt, at, bytes.length);
    inUse.delete(bytes);
    return result === 1;
  }

  expect(tag: Buffer): void {
    succeeded(
      c.control(this.context, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, addressOf(tag)),
      'the tag',
    );
  }

  final(): boolean {
    return c.final(this.context, restAt, outLength) === 1;
  }

  takeTag(tag: Buffer): void {
    if (!this.final()) throw new Error('OpenSSL: EVP_CipherFinal_ex failed');
    succeeded(
      c.control(this.context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, addressOf(tag)),
      'the tag',
    );
  }
}

/** AES-128-GMAC, RFC 4543. */
export class EvpGmac {
  readonly #keyed: Keyed;

  constructor(key: Buffer, nonceBytes: number) {
    this.#keyed = new Keyed('aes-128-gcm', key, nonceBytes, 1);
  }

  /** Writes the tag of the parts as one message. */
  authenticate(nonce: Buffer, parts: readonly Uint8Array[], tag: Buffer): void {
    this.#keyed.begin(nonce, 0);
    for (const part of parts) this.#keyed.authenticate(part);
    this.#keyed.takeTag(tag);
  }
}

export class EvpSealer {
  readonly #another: () => Keyed;
  readonly #keyed: Keyed;
  /** For messages in the pool. */
  readonly #spare: Keyed[] = [];

  constructor(name: EvpAeadName, key: Buffer, nonceBytes: number) {
    this.#another = () => new Keyed(name, key, nonceBytes, 1);
    this.#keyed = this.#another();
  }

  /** Encrypts the parts in place, as one message, and writes its 16-byte tag. CCM takes one part only. */
  seal(nonce: Buffer, aad: Buffer, parts: readonly Buffer[], tag: Buffer): void {
    const keyed = this.#keyed;
    if (keyed.ccm && parts.length !== 1) throw new Error('CCM takes its message in one piece');
    keyed.begin(nonce, parts[0]!.length);
    keyed.authenticate(aad);
    for (const part of parts) {
      if (!keyed.update(part)) throw new Error('OpenSSL: EVP_CipherUpdate failed');
    }
    keyed.takeTag(tag);
  }

  /** A message in one piece, on a thread of libuv's pool; several may be under way. */
  async sealInPool(nonce: Buffer, aad: Buffer, message: Buffer, tag: Buffer): Promise<void> {
    const keyed = this.#spare.pop() ?? this.#another();
    keyed.begin(nonce, message.length);
    keyed.authenticate(aad);
    if (!(await keyed.updateInPool(message))) throw new Error('OpenSSL: EVP_CipherUpdate failed');
    keyed.takeTag(tag);
    this.#spare.push(keyed);
  }
}

export class EvpOpener {
  readonly #another: () => Keyed;
  readonly #keyed: Keyed;
  /** For messages in the pool. */
  readonly #spare: Keyed[] = [];

  constructor(name: EvpAeadName, key: Buffer, nonceBytes: number) {
    this.#another = () => new Keyed(name, key, nonceBytes, 0);
    this.#keyed = this.#another();
  }

  /** Decrypts in place. False where the tag is wrong: what lies there then means nothing. */
  open(nonce: Buffer, aad: Buffer, sealed: Buffer, tag: Buffer): boolean {
    const keyed = this.#keyed;
    // CCM looks at the tag while it decrypts, GCM at the end.
    if (keyed.ccm) keyed.expect(tag);
    keyed.begin(nonce, sealed.length);
    keyed.authenticate(aad);
    const decrypted = keyed.update(sealed);
    if (keyed.ccm || !decrypted) return decrypted;
    keyed.expect(tag);
    return keyed.final();
  }
  /** The same of CCM on a thread of libuv's pool; several messages may be under way. */
  async openInPool(nonce: Buffer, aad: Buffer, sealed: Buffer, tag: Buffer): Promise<boolean> {
    const keyed = this.#spare.pop() ?? this.#another();
    keyed.expect(tag);
    keyed.begin(nonce, sealed.length);
    keyed.authenticate(aad);
    const isRight = await keyed.updateInPool(sealed);
    this.#spare.push(keyed);
    return isRight;
  }
}
