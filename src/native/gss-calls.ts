/**
 * Calls of MIT Kerberos' GSS-API (RFC 2744 and MIT's extensions): libgssapi_krb5, its structures in memory, its errors
 * in words. What is done with them is in gssapi.ts and gss-messages.ts.
 */
import { Arena, copyFrom } from './arena.ts';
import { koffiModule, missing } from './library.ts';

export const GSS_LIBRARY = 'libgssapi_krb5.so.2';

/** Contents of OIDs. */
export const KRB5 = '2a864886f712010202';

const GSS_C_GSS_CODE = 1;
const GSS_C_MECH_CODE = 2;
export const isError = (major: number): boolean => major >>> 16 !== 0;

/** What a login needs of memory: a token of 64 KiB twice, and structures. */
const ARENA_BYTES = 256 * 1024;
/** Texts of an error; each is a line. */
const MAXIMUM_MESSAGES = 8;
export const BUFFER_BYTES = 16;
export const POINTER_BYTES = 8;

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

export type Address = number;
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
  gss_wrap_iov: 'ppiuppi',
  gss_wrap_iov_length: 'ppiuppi',
  gss_unwrap_iov: 'pppppi',
  gss_get_mic_iov_length: 'ppupi',
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

/** The library, and the memory of the call that is being made. */
export class GssCalls {
  readonly c: Functions;
  readonly arena = new Arena(ARENA_BYTES);
  minor: Address = 0;

  constructor(library: string) {
    this.c = load(library);
  }

  /** Gives up what the last call had in memory. */
  begin(): void {
    this.arena.reset();
    this.minor = this.arena.zeros(4);
  }

  error(call: string, major: number): GssError {
    const minor = this.arena.i32(this.minor);
    const texts = [
      ...this.#messages(major, GSS_C_GSS_CODE),
      ...(minor === 0 ? [] : this.#messages(minor >>> 0, GSS_C_MECH_CODE)),
    ];
    return new GssError(`${call}: ${texts.join('; ')}`, REASONS.get(minor) ?? 'other');
  }

  #messages(code: number, type: number): string[] {
    const arena = this.arena;
    const [minor, position, output] = [arena.zeros(4), arena.zeros(4), arena.zeros(BUFFER_BYTES)];
    const mechanism = type === GSS_C_MECH_CODE ? this.oid(KRB5) : 0;
    const texts: string[] = [];
    do {
      const major = this.c.gss_display_status(minor, code, type, mechanism, position, output);
      if (isError(major)) break;
      texts.push(this.take(output).toString());
    } while (arena.u32(position) !== 0 && texts.length < MAXIMUM_MESSAGES);
    return texts;
  }

  /** gss_buffer_desc */
  buffer(bytes: Buffer): Address {
    const buffer = this.arena.zeros(BUFFER_BYTES);
    this.arena.setPointer(buffer, bytes.length);
    this.arena.setPointer(buffer + 8, this.arena.put(bytes));
    return buffer;
  }

  /** gss_OID_desc */
  oid(hex: string): Address {
    const oid = this.arena.zeros(BUFFER_BYTES);
    this.arena.setU32(oid, hex.length / 2);
    this.arena.setPointer(oid + 8, this.arena.put(Buffer.from(hex, 'hex')));
    return oid;
  }

  /** gss_OID_set_desc of one */
  oidSet(hex: string): Address {
    const set = this.arena.zeros(BUFFER_BYTES);
    this.arena.setPointer(set, 1);
    this.arena.setPointer(set + 8, this.oid(hex));
    return set;
  }

  /** What the library wrote into a buffer of its own, which it gets back. */
  take(buffer: Address): Buffer {
    const length = this.arena.pointer(buffer);
    const bytes = copyFrom(this.arena.pointer(buffer + 8), length);
    this.c.gss_release_buffer(this.minor, buffer);
    return bytes;
  }

  release(
    call: 'gss_release_cred' | 'gss_release_name' | 'gss_release_buffer_set',
    pointer: Address,
  ): void {
    if (this.arena.pointer(pointer) !== 0) this.c[call](this.minor, pointer);
  }
}
