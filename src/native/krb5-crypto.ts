/**
 * Tries the cryptography of libkrb5. Some distributions build it on an OpenSSL that is not the one in Node.js; where the
 * two do not get along, this call ends the process rather than a user's login.
 */
import { Arena } from './arena.ts';
import { GssError } from './gss-calls.ts';
import { koffiModule, missing } from './library.ts';

const LIBRARY = 'libkrb5.so.3';
/** RFC 3962: aes256-cts-hmac-sha1-96 */
const ENCTYPE = 18;
const KEY_BYTES = 32;
/** krb5_data and krb5_keyblock: magic, (enctype,) length, contents */
const STRUCTURE_BYTES = 24;

/** Throws GssError where the library is not there or gives no key. */
export function tryCrypto(): void {
  if (koffiModule === undefined) throw new GssError(missing ?? 'no native calls');
  let call: ReturnType<ReturnType<typeof koffiModule.load>['func']>[];
  try {
    const library = koffiModule.load(LIBRARY, { deep: true });
    call = [
      library.func('krb5_init_context', 'int', ['int64']),
      library.func('krb5_c_string_to_key', 'int', ['int64', 'int', 'int64', 'int64', 'int64']),
      library.func('krb5_free_keyblock_contents', 'void', ['int64', 'int64']),
      library.func('krb5_free_context', 'void', ['int64']),
    ];
  } catch (error) {
    throw new GssError(
      `${LIBRARY} cannot be loaded: ${error instanceof Error ? error.message : error}`,
    );
  }
  const [initialize, stringToKey, freeKey, freeContext] = call;
  const arena = new Arena(4096);
  const context = arena.zeros(8);
  const failed = initialize!(context);
  if (failed !== 0)
    throw new GssError(`krb5_init_context fails with ${failed}: is krb5.conf right?`);
  const data = (text: string): number => {
    const at = arena.zeros(STRUCTURE_BYTES);
    arena.setU32(at + 4, text.length);
    arena.setPointer(at + 8, arena.text(text));
    return at;
  };
  const key = arena.zeros(STRUCTURE_BYTES);
  const handle = arena.pointer(context);
  const code = stringToKey!(handle, ENCTYPE, data('password'), data('ATHENA.MIT.EDUraeburn'), key);
  const length = arena.u32(key + 8);
  if (code === 0) freeKey!(handle, key);
  freeContext!(handle);
  if (code !== 0 || length !== KEY_BYTES) throw new GssError(`krb5_c_string_to_key gives ${code}`);
}
