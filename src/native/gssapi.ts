/**
 * The acceptor's side of MIT Kerberos by its GSS-API (RFC 2743, RFC 2744, RFC 4121 and MIT's extensions):
 * libgssapi_krb5. Calls may read the keytab and write the replay cache, so they block; and what they parse comes
 * from strangers. They are for a process of their own.
 */
import type { MessageParts, SealedMessage, SignatureSizes } from '../base/message-parts.ts';
import { copyFrom } from './arena.ts';
import {
  type Address,
  BUFFER_BYTES,
  GSS_LIBRARY,
  GssCalls,
  GssError,
  isError,
  KRB5,
  POINTER_BYTES,
} from './gss-calls.ts';
import { isNextMessage, sealMessage, signatureSizes, unsealMessage } from './gss-messages.ts';

/** Contents of OIDs. */
const NT_HOSTBASED_SERVICE = '2a864886f71201020104';
const NT_KRB5_PRINCIPAL = '2a864886f71201020201';
/** GSS_C_INQ_SSPI_SESSION_KEY */
const SESSION_KEY = '2a864886f7120102020505';
/** GSS_KRB5_EXPORT_LUCID_SEC_CONTEXT_OID, version 1 */
const LUCID_CONTEXT = '2a864886f712010202050601';

const GSS_C_ACCEPT = 2;
const GSS_C_INDEFINITE = 0xffff_ffff;
const GSS_S_CONTINUE_NEEDED = 1;
/** Logins that are not over, and associations of RPC that go on under theirs; each takes some KiB. */
const MAXIMUM_CONTEXTS = 4096;

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

/** Contexts are told by number: each is one login that may need more than one token. */
export class GssLibrary {
  readonly #calls: GssCalls;
  readonly #contexts = new Map<number, Address>();

  constructor(library = GSS_LIBRARY) {
    this.#calls = new GssCalls(library);
  }

  /** Throws GssError where the keys cannot be used. */
  check(keys: GssKeys): void {
    this.#calls.begin();
    this.#calls.release('gss_release_cred', this.#acquire(keys));
  }

  accept(id: number, keys: GssKeys, token: Buffer): GssAccepted {
    const known = this.#contexts.get(id);
    if (known === undefined && this.#contexts.size >= MAXIMUM_CONTEXTS)
      throw new GssError(`there are ${MAXIMUM_CONTEXTS} contexts already`);
    this.#calls.begin();
    const arena = this.#calls.arena;
    const credential = this.#acquire(keys);
    const context = arena.zeros(POINTER_BYTES);
    arena.setPointer(context, known ?? 0);
    this.#contexts.delete(id);
    const name = arena.zeros(POINTER_BYTES);
    const output = arena.zeros(BUFFER_BYTES);
    const major = this.#calls.c.gss_accept_sec_context(
      ...[this.#calls.minor, context, arena.pointer(credential), this.#calls.buffer(token)],
      ...[0, name, 0, output, 0, 0, 0],
    );
    const failure = isError(major) ? this.#calls.error('gss_accept_sec_context', major) : undefined;
    this.#calls.release('gss_release_cred', credential);
    const answer = this.#calls.take(output);
    try {
      if (failure !== undefined) throw failure;
      const more = (major & GSS_S_CONTINUE_NEEDED) !== 0;
      const peer = more ? undefined : this.#peer(arena.pointer(context), arena.pointer(name));
      this.#contexts.set(id, arena.pointer(context));
      return { token: answer, peer };
    } catch (error) {
      this.#calls.c.gss_delete_sec_context(this.#calls.minor, context, 0);
      throw error;
    } finally {
      this.#calls.release('gss_release_name', name);
    }
  }

  /** RFC 4121 4.2.6.1: a MIC of the acceptor's. */
  sign(id: number, message: Buffer): Buffer {
    this.#calls.begin();
    const output = this.#calls.arena.zeros(BUFFER_BYTES);
    const input = this.#calls.buffer(message);
    const major = this.#calls.c.gss_get_mic(this.#calls.minor, this.#context(id), 0, input, output);
    if (isError(major)) throw this.#calls.error('gss_get_mic', major);
    return this.#calls.take(output);
  }

  /** Whether `mic` is the initiator's of `message`, and of what it was to send next. */
  verify(id: number, message: Buffer, mic: Buffer): { right: boolean; inOrder: boolean } {
    this.#calls.begin();
    const [input, token] = [this.#calls.buffer(message), this.#calls.buffer(mic)];
    const context = this.#context(id);
    const major = this.#calls.c.gss_verify_mic(this.#calls.minor, context, input, token, 0);
    return { right: !isError(major), inOrder: isNextMessage(major) };
  }

  sizes(id: number): SignatureSizes {
    this.#calls.begin();
    return signatureSizes(this.#calls, this.#context(id));
  }

  seal(id: number, parts: MessageParts): SealedMessage {
    this.#calls.begin();
    return sealMessage(this.#calls, this.#context(id), parts);
  }

  unseal(id: number, parts: MessageParts, token: Buffer): Buffer | undefined {
    this.#calls.begin();
    return unsealMessage(this.#calls, this.#context(id), parts, token);
  }

  release(id: number): void {
    const context = this.#contexts.get(id);
    if (context === undefined) return;
    this.#contexts.delete(id);
    this.#calls.begin();
    const pointer = this.#calls.arena.zeros(POINTER_BYTES);
    this.#calls.arena.setPointer(pointer, context);
    this.#calls.c.gss_delete_sec_context(this.#calls.minor, pointer, 0);
  }

  #context(id: number): Address {
    const context = this.#contexts.get(id);
    if (context === undefined) throw new GssError(`no context ${id}`);
    return context;
  }

  /** Where the credential's pointer is. */
  #acquire({ keytab, service }: GssKeys): Address {
    const arena = this.#calls.arena;
    const name = service === undefined ? 0 : this.#importName(service);
    const credential = arena.zeros(POINTER_BYTES);
    const major = this.#calls.c.gss_acquire_cred_from(
      ...[this.#calls.minor, name === 0 ? 0 : arena.pointer(name), GSS_C_INDEFINITE],
      ...[this.#calls.oidSet(KRB5), GSS_C_ACCEPT, keytab === undefined ? 0 : this.#store(keytab)],
      ...[credential, 0, 0],
    );
    const failure = isError(major) ? this.#calls.error('gss_acquire_cred_from', major) : undefined;
    if (name !== 0) this.#calls.release('gss_release_name', name);
    if (failure !== undefined) throw failure;
    return credential;
  }

  #importName(service: string): Address {
    const name = this.#calls.arena.zeros(POINTER_BYTES);
    const kind = service.includes('/') ? NT_KRB5_PRINCIPAL : NT_HOSTBASED_SERVICE;
    const text = this.#calls.buffer(Buffer.from(service));
    const major = this.#calls.c.gss_import_name(
      this.#calls.minor,
      text,
      this.#calls.oid(kind),
      name,
    );
    if (isError(major)) throw this.#calls.error('gss_import_name', major);
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
    this.#calls.c.gss_krb5_free_lucid_sec_context(this.#calls.minor, lucid);
    return end;
  }

  /** `use` of the first buffer that the library knows under this OID. */
  #inquire<T>(context: Address, oid: string, use: (first: Buffer) => T): T {
    const set = this.#calls.arena.zeros(POINTER_BYTES);
    const what = this.#calls.oid(oid);
    const major = this.#calls.c.gss_inquire_sec_context_by_oid(
      this.#calls.minor,
      context,
      what,
      set,
    );
    if (isError(major)) throw this.#calls.error('gss_inquire_sec_context_by_oid', major);
    try {
      const head = copyFrom(this.#calls.arena.pointer(set), BUFFER_BYTES);
      if (head.readBigUInt64LE(0) === 0n) throw new GssError(`nothing is known under ${oid}`);
      const first = copyFrom(Number(head.readBigUInt64LE(8)), BUFFER_BYTES);
      const length = Number(first.readBigUInt64LE(0));
      return use(copyFrom(Number(first.readBigUInt64LE(8)), length));
    } finally {
      this.#calls.release('gss_release_buffer_set', set);
    }
  }

  #displayName(name: Address): string {
    const output = this.#calls.arena.zeros(BUFFER_BYTES);
    const major = this.#calls.c.gss_display_name(this.#calls.minor, name, output, 0);
    if (isError(major)) throw this.#calls.error('gss_display_name', major);
    return this.#calls.take(output).toString();
  }

  #localName(name: Address): string | undefined {
    const output = this.#calls.arena.zeros(BUFFER_BYTES);
    const major = this.#calls.c.gss_localname(this.#calls.minor, name, 0, output);
    return isError(major) ? undefined : this.#calls.take(output).toString();
  }

  /** RFC 6680: an attribute that the library vouches for. */
  #attribute(name: Address, attribute: string): Buffer | undefined {
    const arena = this.#calls.arena;
    const [authenticated, complete, more] = [arena.zeros(4), arena.zeros(4), arena.zeros(4)];
    const [value, display] = [arena.zeros(BUFFER_BYTES), arena.zeros(BUFFER_BYTES)];
    // From -1 on: the first value.
    arena.setU32(more, 0xffff_ffff);
    const wanted = this.#calls.buffer(Buffer.from(attribute));
    const major = this.#calls.c.gss_get_name_attribute(
      ...[this.#calls.minor, name, wanted, authenticated, complete, value, display, more],
    );
    if (isError(major)) return undefined;
    this.#calls.take(display);
    const bytes = this.#calls.take(value);
    return arena.i32(authenticated) !== 0 ? bytes : undefined;
  }

  /** gss_key_value_set_desc of one */
  #store(keytab: string): Address {
    const arena = this.#calls.arena;
    const element = arena.zeros(2 * POINTER_BYTES);
    arena.setPointer(element, arena.text('keytab'));
    arena.setPointer(element + 8, arena.text(keytab));
    const set = arena.zeros(BUFFER_BYTES);
    arena.setU32(set, 1);
    arena.setPointer(set + 8, element);
    return set;
  }
}
