/**
 * Message authentication codes of the OpenSSL that Node carries, by EVP_MAC (docs.openssl.org, EVP_MAC): a
 * context is made once for a key and begins each message anew.
 */
import { addressOf, bind, bindInPool } from './library.ts';

const c = {
  fetch: bind<(library: null, name: string, properties: null) => number>('EVP_MAC_fetch', 'int64', [
    'void *',
    'str',
    'void *',
  ]),
  newContext: bind<(mac: number) => number>('EVP_MAC_CTX_new', 'int64', ['uint64']),
  copy: bind<(context: number) => number>('EVP_MAC_CTX_dup', 'int64', ['uint64']),
  free: bind<(context: number) => number>('EVP_MAC_CTX_free', 'int', ['uint64']),
  init: bind<(context: number, key: number, length: number, parameters: number) => number>(
    'EVP_MAC_init',
    'int',
    ['uint64', 'uint64', 'size_t', 'uint64'],
  ),
  update: bind<(context: number, at: number, length: number) => number>('EVP_MAC_update', 'int', [
    'uint64',
    'uint64',
    'size_t',
  ]),
  updateInPool: bindInPool('EVP_MAC_update', 'int', ['uint64', 'uint64', 'size_t']),
  final: bind<(context: number, out: number, outLength: Buffer, outSize: number) => number>(
    'EVP_MAC_final',
    'int',
    ['uint64', 'uint64', 'void *', 'size_t'],
  ),
};

const MACS = {
  'aes-128-cmac': { mac: 'CMAC', parameter: 'cipher', value: 'AES-128-CBC', bytes: 16 },
  'hmac-sha256': { mac: 'HMAC', parameter: 'digest', value: 'SHA256', bytes: 32 },
} as const;
export type EvpMacName = keyof typeof MACS;

const OSSL_PARAM_UTF8_STRING = 4;
const OSSL_PARAM_BYTES = 40;
/** OSSL_PARAM_UNMODIFIED, (size_t)-1 */
const UNMODIFIED = 0xffff_ffff_ffff_ffffn;

const outLength = Buffer.alloc(8);
const contexts = new FinalizationRegistry<number>((context) => void c.free(context));

/** What a thread reads. */
const inUse = new Set<Uint8Array>();

function check(result: number, what: string): void {
  if (result !== 1) throw new Error(`OpenSSL: ${what} failed`);
}

export class EvpMac {
  readonly #context: number;
  /** Copies of it, for messages in the pool. */
  readonly #spare: number[] = [];
  readonly #out: Buffer;
  readonly #outAt: number;

  /** Throws when OpenSSL cannot be reached. */
  constructor(name: EvpMacName, key: Buffer) {
    const { mac, parameter, value, bytes } = MACS[name];
    const method = c.fetch(null, mac, null);
    const context = method > 0 ? c.newContext(method) : 0;
    if (context <= 0) throw new Error('OpenSSL of this process cannot be reached');
    this.#context = context;
    contexts.register(this, context);
    this.#out = Buffer.allocUnsafeSlow(bytes);
    this.#outAt = addressOf(this.#out);
    const words = Buffer.from(`${parameter}\0${value}\0`);
    // One OSSL_PARAM and the end of the list.
    const parameters = Buffer.alloc(2 * OSSL_PARAM_BYTES);
    parameters.writeBigUInt64LE(BigInt(addressOf(words)), 0);
    parameters.writeUInt32LE(OSSL_PARAM_UTF8_STRING, 8);
    parameters.writeBigUInt64LE(BigInt(addressOf(words) + parameter.length + 1), 16);
    parameters.writeBigUInt64LE(BigInt(value.length), 24);
    parameters.writeBigUInt64LE(UNMODIFIED, 32);
    check(c.init(context, addressOf(key), key.length, addressOf(parameters)), 'EVP_MAC_init');
  }

  /** The MAC of the parts as one message, in a buffer that the next call overwrites. */
  compute(parts: readonly Uint8Array[]): Buffer {
    const context = this.#context;
    check(c.init(context, 0, 0, 0), 'EVP_MAC_init');
    for (const part of parts) {
      if (part.length === 0) continue;
      check(c.update(context, addressOf(part), part.length), 'EVP_MAC_update');
    }
    check(c.final(context, this.#outAt, outLength, this.#out.length), 'EVP_MAC_final');
    return this.#out;
  }

  /**
   * The same, in a buffer of its own, with the last part on a thread of libuv's pool: nobody may change it until then.
   * Several messages may be under way.
   */
  async computeInPool(parts: readonly Uint8Array[]): Promise<Buffer> {
    const context = this.#spare.pop() ?? this.#copy();
    check(c.init(context, 0, 0, 0), 'EVP_MAC_init');
    const last = parts.length - 1;
    for (let i = 0; i < last; i++) {
      const part = parts[i]!;
      if (part.length > 0) check(c.update(context, addressOf(part), part.length), 'EVP_MAC_update');
    }
    const long = parts[last]!;
    inUse.add(long);
    const result = await c.updateInPool(context, addressOf(long), long.length);
    inUse.delete(long);
    check(result, 'EVP_MAC_update');
    check(c.final(context, this.#outAt, outLength, this.#out.length), 'EVP_MAC_final');
    this.#spare.push(context);
    return Buffer.from(this.#out);
  }

  #copy(): number {
    const context = c.copy(this.#context);
    if (context <= 0) throw new Error('OpenSSL: EVP_MAC_CTX_dup failed');
    contexts.register(this, context);
    return context;
  }
}
