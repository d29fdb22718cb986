/** The initiator's side of Kerberos by MIT's GSS-API, for tests of acceptors: tokens with a ticket out of a cache. */
import koffi from 'koffi';

const KRB5 = Buffer.from('2a864886f712010202', 'hex');
const NT_HOSTBASED_SERVICE = Buffer.from('2a864886f71201020104', 'hex');
/** GSS_C_INQ_SSPI_SESSION_KEY */
const SESSION_KEY = Buffer.from('2a864886f7120102020505', 'hex');
const GSS_C_MUTUAL_FLAG = 2;
const GSS_C_INTEG_FLAG = 32;

const library = koffi.load('libgssapi_krb5.so.2', { deep: true });
const BUFFER = koffi.struct('gss_buffer_desc', { length: 'size_t', value: 'void *' });
koffi.struct('gss_OID_desc', { length: 'uint32', elements: 'void *' });
const SET = koffi.struct('gss_buffer_set_desc', { count: 'size_t', elements: 'gss_buffer_desc *' });
const c = {
  importName: library.func(
    'uint32 gss_import_name(_Out_ uint32 *minor, gss_buffer_desc *b, gss_OID_desc *t, _Out_ void **n)',
  ),
  init: library.func(
    'uint32 gss_init_sec_context(_Out_ uint32 *minor, void *cred, _Inout_ void **ctx, void *name, gss_OID_desc *mech, uint32 flags, uint32 time, void *cb, gss_buffer_desc *in, void *actual, _Out_ gss_buffer_desc *out, void *ret, void *rec)',
  ),
  inquire: library.func(
    'uint32 gss_inquire_sec_context_by_oid(_Out_ uint32 *minor, void *ctx, gss_OID_desc *oid, _Out_ void **set)',
  ),
  getMic: library.func(
    'uint32 gss_get_mic(_Out_ uint32 *minor, void *ctx, int qop, gss_buffer_desc *msg, _Out_ gss_buffer_desc *out)',
  ),
  verifyMic: library.func(
    'uint32 gss_verify_mic(_Out_ uint32 *minor, void *ctx, gss_buffer_desc *msg, gss_buffer_desc *mic, void *qop)',
  ),
};

const failed = (major: number): boolean => major >>> 16 !== 0;
const buffer = (bytes: Buffer) => ({ length: bytes.length, value: bytes });
const oid = (bytes: Buffer) => ({ length: bytes.length, elements: bytes });
const bytesOf = (one: { length: number; value: unknown }): Buffer =>
  one.length === 0
    ? Buffer.alloc(0)
    : Buffer.from(koffi.decode(one.value, koffi.array('uint8', one.length, 'Typed')));

/** One exchange with `cifs@host`; KRB5CCNAME and KRB5_CONFIG are those of this process. */
export class GssInitiator {
  readonly #context: [unknown] = [null];
  readonly #name: [unknown] = [null];

  constructor(service: string) {
    const minor = [0];
    const text = buffer(Buffer.from(service));
    const major = c.importName(minor, text, oid(NT_HOSTBASED_SERVICE), this.#name);
    if (failed(major)) throw new Error(`gss_import_name: ${major.toString(16)}`);
  }

  step(token?: Buffer): Buffer {
    const minor = [0];
    const output = [{ length: 0, value: null }];
    const major = c.init(
      ...[minor, null, this.#context, this.#name[0], oid(KRB5)],
      ...[
        GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG,
        0,
        null,
        token === undefined ? null : buffer(token),
      ],
      ...[null, output, null, null],
    );
    if (failed(major)) throw new Error(`gss_init_sec_context: ${major.toString(16)} ${minor[0]}`);
    return bytesOf(output[0]!);
  }

  get sessionKey(): Buffer {
    const set = [null];
    const major = c.inquire([0], this.#context[0], oid(SESSION_KEY), set);
    if (failed(major)) throw new Error(`gss_inquire_sec_context_by_oid: ${major.toString(16)}`);
    const { elements } = koffi.decode(set[0], SET);
    return bytesOf(koffi.decode(elements, BUFFER));
  }

  sign(message: Buffer): Buffer {
    const output = [{ length: 0, value: null }];
    const major = c.getMic([0], this.#context[0], 0, buffer(message), output);
    if (failed(major)) throw new Error(`gss_get_mic: ${major.toString(16)}`);
    return bytesOf(output[0]!);
  }

  verify(message: Buffer, mic: Buffer): boolean {
    return !failed(c.verifyMic([0], this.#context[0], buffer(message), buffer(mic), null));
  }
}
