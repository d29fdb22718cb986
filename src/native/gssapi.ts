/**
 * The acceptor's side of MIT Kerberos by its GSS-API (RFC 2743, RFC 2744, RFC 4121 and MIT's extensions):
 * libgssapi_krb5. Calls may read the keytab and write the replay cache, so they block; and what they parse comes
 * from strangers. They are for a process of their own.
 */
import { Arena, copyFrom } from './arena.ts';
import { koffiModule, missing } from './library.ts';

export const GSS_LIBRARY = 'libgssapi_krb5.so.2';

/** Contents of OIDs. */
const KRB5 = '2a864886f712010202';
const NT_HOSTBASED_SERVICE = '2a864886f71201020104';
const NT_KRB5_PRINCIPAL = '2a864886f71201020201';
/** GSS_C_INQ_SSPI_SESSION_KEY */
const SESSION_KEY = '2a864886f7120102020505';
/** GSS_KRB5_EXPORT_LUCID_SEC_CONTEXT_OID, version 1 */
const LUCID_CONTEXT = '2a864886f712010202050601';

const GSS_C_ACCEPT = 2;
const GSS_C_INDEFINITE = 0xffff_ffff;
const GSS_C_GSS_CODE = 1;
const GSS_C_MECH_CODE = 2;
const GSS_S_CONTINUE_NEEDED = 1;
const isError = (major: number): boolean => major >>> 16 !== 0;

/** What a login needs of memory: a token of 64 KiB twice, and structures. */
const ARENA_BYTES = 256 * 1024;
/** Texts of an error; each is a line. */
const MAXIMUM_MESSAGES = 8;
const BUFFER_BYTES = 16;
const POINTER_BYTES = 8;

/** Errors of krb5 (krb5.h) that callers tell apart. */
const ERROR_BASE = -1765328384;
const REASONS: ReadonlyMap<number, GssErrorReason> = new Map([
  [ERROR_BASE + 32, 'expired'],
  [ERROR_BASE + 34, 'replay'],
  [ERROR_BASE + 37, 'clock-skew'],
]);

export type GssErrorReason = 'expired' | 'replay' | 'clock-skew' | 'other';

export class GssError extends Error {
  override readonly name = 'GssError';
  readonly reason: GssErrorReason;

  constructor(message: string, reason: GssErrorReason = 'other') {
    super(message);
    this.reason = reason;
  }
}

/** Where the server's keys are, and which of them count. */
export interface GssKeys {
  /** Undefined: the library's own choice, /etc/krb5.keytab. */
  readonly keytab: string | undefined;
  /** `cifs` or `cifs/host.example.com[@REALM]`; undefined for whatever the keytab holds. */
  readonly service: string | undefined;
}

export interface GssAccepted {
  /** For the client; empty when there is nothing to say. */
  readonly token: Buffer;
  /** Undefined: the client has to send another token. */
  readonly peer: GssPeer | undefined;
}

/** Who has proved to be there. */
export interface GssPeer {
  /** name@REALM */
  readonly principal: string;
  /** What auth_to_local of krb5.conf makes of it. */
  readonly localName: string | undefined;
  readonly sessionKey: Buffer;
  /** When the ticket ends, in seconds since 1970. */
  readonly endsAtSeconds: number;
  /** MS-PAC, whose server signature has been verified. */
  readonly pac: Buffer | undefined;
}

type Address = number;
type Call = (...args: readonly number[]) => number;

/** Argument types by C's letters: p a pointer, u an unsigned 32-bit number, i an int. */
const TYPES: Readonly<Record<string, string>> = { p: 'int64', u: 'uint32', i: 'int' };

const FUNCTIONS = {
  gss_acquire_cred_from: 'ppupipppp',
  gss_import_name: 'pppp',
  gss_accept_sec_context: 'ppppppppppp',
  gss_inquire_sec_context_by_oid: 'pppp',
  gss_release_buffer_set: 'pp',
  gss_release_buffer: 'pp',
  gss_release_name: 'pp',
  gss_release_cred: 'pp',
  gss_delete_sec_context: 'ppp',
  gss_display_name: 'pppp',
  gss_display_status: 'puippp',
  gss_get_name_attribute: 'pppppppp',
  gss_get_mic: 'ppipp',
  gss_verify_mic: 'ppppp',
  gss_localname: 'pppp',
  gss_krb5_free_lucid_sec_context: 'pp',
} as const;

type Functions = { readonly [K in keyof typeof FUNCTIONS]: Call };

/** Throws GssError where the library, or one of its functions, is not there. */
function load(library: string): Functions {
  if (koffiModule === undefined) throw new GssError(missing ?? 'no native calls');
  try {
    // Deep: the library's own OpenSSL, where it is linked to one, goes before that of Node.js.
    const loaded = koffiModule.load(library, { deep: true });
    const bound = Object.entries(FUNCTIONS).map(([name, letters]) => [
      name,
      loaded.func(
        name,
        'uint32',
        [...letters].map((letter) => TYPES[letter]!),
      ),
    ]);
    return Object.fromEntries(bound) as Functions;
  } catch (error) {
    throw new GssError(
      `${library} cannot be loaded: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** Contexts are told by number: each is one login that may need more than one token. */
export class GssLibrary {
  readonly #c: Functions;
  readonly #arena = new Arena(ARENA_BYTES);
  readonly #contexts = new Map<number, Address>();
  #minor: Address = 0;

  constructor(library = GSS_LIBRARY) {
    this.#c = load(library);
  }

  /** Throws GssError where the keys cannot be used. */
  check(keys: GssKeys): void {
    this.#begin();
    this.#release('gss_release_cred', this.#acquire(keys));
  }

  accept(id: number, keys: GssKeys, token: Buffer): GssAccepted {
    this.#begin();
    const arena = this.#arena;
    const credential = this.#acquire(keys);
    const context = arena.zeros(POINTER_BYTES);
    arena.setPointer(context, this.#contexts.get(id) ?? 0);
    this.#contexts.delete(id);
    const name = arena.zeros(POINTER_BYTES);
    const output = arena.zeros(BUFFER_BYTES);
    const major = this.#c.gss_accept_sec_context(
      ...[this.#minor, context, arena.pointer(credential), this.#buffer(token)],
      ...[0, name, 0, output, 0, 0, 0],
    );
    const failure = isError(major) ? this.#error('gss_accept_sec_context', major) : undefined;
    this.#release('gss_release_cred', credential);
    const answer = this.#take(output);
    try {
      if (failure !== undefined) throw failure;
      const more = (major & GSS_S_CONTINUE_NEEDED) !== 0;
      const peer = more ? undefined : this.#peer(arena.pointer(context), arena.pointer(name));
      this.#contexts.set(id, arena.pointer(context));
      return { token: answer, peer };
    } catch (error) {
      this.#c.gss_delete_sec_context(this.#minor, context, 0);
      throw error;
    } finally {
      this.#release('gss_release_name', name);
    }
  }

  /** RFC 4121 4.2.6.1: a MIC of the acceptor's. */
  sign(id: number, message: Buffer): Buffer {
    this.#begin();
    const output = this.#arena.zeros(BUFFER_BYTES);
    const input = this.#buffer(message);
    const major = this.#c.gss_get_mic(this.#minor, this.#context(id), 0, input, output);
    if (isError(major)) throw this.#error('gss_get_mic', major);
    return this.#take(output);
  }

  /** Whether `mic` is the initiator's of `message`. */
  verify(id: number, message: Buffer, mic: Buffer): boolean {
    this.#begin();
    const [input, token] = [this.#buffer(message), this.#buffer(mic)];
    return !isError(this.#c.gss_verify_mic(this.#minor, this.#context(id), input, token, 0));
  }

  release(id: number): void {
    const context = this.#contexts.get(id);
    if (context === undefined) return;
    this.#contexts.delete(id);
    this.#begin();
    const pointer = this.#arena.zeros(POINTER_BYTES);
    this.#arena.setPointer(pointer, context);
    this.#c.gss_delete_sec_context(this.#minor, pointer, 0);
  }

  #begin(): void {
    this.#arena.reset();
    this.#minor = this.#arena.zeros(4);
  }

  #context(id: number): Address {
    const context = this.#contexts.get(id);
    if (context === undefined) throw new GssError(`no context ${id}`);
    return context;
  }

  /** Where the credential's pointer is. */
  #acquire({ keytab, service }: GssKeys): Address {
    const arena = this.#arena;
    const name = service === undefined ? 0 : this.#importName(service);
    const credential = arena.zeros(POINTER_BYTES);
    const major = this.#c.gss_acquire_cred_from(
      ...[this.#minor, name === 0 ? 0 : arena.pointer(name), GSS_C_INDEFINITE],
      ...[this.#oidSet(KRB5), GSS_C_ACCEPT, keytab === undefined ? 0 : this.#store(keytab)],
      ...[credential, 0, 0],
    );
    const failure = isError(major) ? this.#error('gss_acquire_cred_from', major) : undefined;
    if (name !== 0) this.#release('gss_release_name', name);
    if (failure !== undefined) throw failure;
    return credential;
  }

  #importName(service: string): Address {
    const name = this.#arena.zeros(POINTER_BYTES);
    const kind = service.includes('/') ? NT_KRB5_PRINCIPAL : NT_HOSTBASED_SERVICE;
    const text = this.#buffer(Buffer.from(service));
    const major = this.#c.gss_import_name(this.#minor, text, this.#oid(kind), name);
    if (isError(major)) throw this.#error('gss_import_name', major);
    return name;
  }

  #peer(context: Address, name: Address): GssPeer {
    const pac = this.#attribute(name, 'urn:mspac:');
    return {
      principal: this.#displayName(name),
      localName: this.#localName(name),
      sessionKey: this.#inquire(context, SESSION_KEY, (first) => first),
      endsAtSeconds: this.#inquire(context, LUCID_CONTEXT, (first) => this.#endOf(first)),
      pac,
    };
  }

  /** gss_krb5_lucid_context_v1_t begins with version, initiate and endtime. */
  #endOf(pointer: Buffer): number {
    const lucid = Number(pointer.readBigUInt64LE(0));
    const end = copyFrom(lucid, 12).readUInt32LE(8);
    this.#c.gss_krb5_free_lucid_sec_context(this.#minor, lucid);
    return end;
  }

  /** `use` of the first buffer that the library knows under this OID. */
  #inquire<T>(context: Address, oid: string, use: (first: Buffer) => T): T {
    const set = this.#arena.zeros(POINTER_BYTES);
    const what = this.#oid(oid);
    const major = this.#c.gss_inquire_sec_context_by_oid(this.#minor, context, what, set);
    if (isError(major)) throw this.#error('gss_inquire_sec_context_by_oid', major);
    try {
      const head = copyFrom(this.#arena.pointer(set), BUFFER_BYTES);
      if (head.readBigUInt64LE(0) === 0n) throw new GssError(`nothing is known under ${oid}`);
      const first = copyFrom(Number(head.readBigUInt64LE(8)), BUFFER_BYTES);
      const length = Number(first.readBigUInt64LE(0));
      return use(copyFrom(Number(first.readBigUInt64LE(8)), length));
    } finally {
      this.#release('gss_release_buffer_set', set);
    }
  }

  #displayName(name: Address): string {
    const output = this.#arena.zeros(BUFFER_BYTES);
    const major = this.#c.gss_display_name(this.#minor, name, output, 0);
    if (isError(major)) throw this.#error('gss_display_name', major);
    return this.#take(output).toString();
  }

  #localName(name: Address): string | undefined {
    const output = this.#arena.zeros(BUFFER_BYTES);
    const major = this.#c.gss_localname(this.#minor, name, 0, output);
    return isError(major) ? undefined : this.#take(output).toString();
  }

  /** RFC 6680: an attribute that the library vouches for. */
  #attribute(name: Address, attribute: string): Buffer | undefined {
    const arena = this.#arena;
    const [authenticated, complete, more] = [arena.zeros(4), arena.zeros(4), arena.zeros(4)];
    const [value, display] = [arena.zeros(BUFFER_BYTES), arena.zeros(BUFFER_BYTES)];
    // From -1 on: the first value.
    arena.setU32(more, 0xffff_ffff);
    const wanted = this.#buffer(Buffer.from(attribute));
    const major = this.#c.gss_get_name_attribute(
      ...[this.#minor, name, wanted, authenticated, complete, value, display, more],
    );
    if (isError(major)) return undefined;
    this.#take(display);
    const bytes = this.#take(value);
    return arena.i32(authenticated) !== 0 ? bytes : undefined;
  }

  #error(call: string, major: number): GssError {
    const minor = this.#arena.i32(this.#minor);
    const texts = [
      ...this.#messages(major, GSS_C_GSS_CODE),
      ...(minor === 0 ? [] : this.#messages(minor >>> 0, GSS_C_MECH_CODE)),
    ];
    return new GssError(`${call}: ${texts.join('; ')}`, REASONS.get(minor) ?? 'other');
  }

  #messages(code: number, type: number): string[] {
    const arena = this.#arena;
    const [minor, position, output] = [arena.zeros(4), arena.zeros(4), arena.zeros(BUFFER_BYTES)];
    const mechanism = type === GSS_C_MECH_CODE ? this.#oid(KRB5) : 0;
    const texts: string[] = [];
    do {
      const major = this.#c.gss_display_status(minor, code, type, mechanism, position, output);
      if (isError(major)) break;
      texts.push(this.#take(output).toString());
    } while (arena.u32(position) !== 0 && texts.length < MAXIMUM_MESSAGES);
    return texts;
  }

  /** gss_buffer_desc */
  #buffer(bytes: Buffer): Address {
    const buffer = this.#arena.zeros(BUFFER_BYTES);
    this.#arena.setPointer(buffer, bytes.length);
    this.#arena.setPointer(buffer + 8, this.#arena.put(bytes));
    return buffer;
  }

  /** gss_OID_desc */
  #oid(hex: string): Address {
    const oid = this.#arena.zeros(BUFFER_BYTES);
    this.#arena.setU32(oid, hex.length / 2);
    this.#arena.setPointer(oid + 8, this.#arena.put(Buffer.from(hex, 'hex')));
    return oid;
  }

  /** gss_OID_set_desc of one */
  #oidSet(hex: string): Address {
    const set = this.#arena.zeros(BUFFER_BYTES);
    this.#arena.setPointer(set, 1);
    this.#arena.setPointer(set + 8, this.#oid(hex));
    return set;
  }

  /** gss_key_value_set_desc of one */
  #store(keytab: string): Address {
    const arena = this.#arena;
    const element = arena.zeros(2 * POINTER_BYTES);
    arena.setPointer(element, arena.text('keytab'));
    arena.setPointer(element + 8, arena.text(keytab));
    const set = arena.zeros(BUFFER_BYTES);
    arena.setU32(set, 1);
    arena.setPointer(set + 8, element);
    return set;
  }

  /** What the library wrote into a buffer of its own, which it gets back. */
  #take(buffer: Address): Buffer {
    const length = this.#arena.pointer(buffer);
    const bytes = copyFrom(this.#arena.pointer(buffer + 8), length);
    this.#c.gss_release_buffer(this.#minor, buffer);
    return bytes;
  }

  #release(
    call: 'gss_release_cred' | 'gss_release_name' | 'gss_release_buffer_set',
    pointer: Address,
  ): void {
    if (this.#arena.pointer(pointer) !== 0) this.#c[call](this.#minor, pointer);
  }
}
