/**
 * RC4 as RFC 6229 tests it. NTLM wraps its session key and its message signatures with it
 * (MS-NLMP 3.4); OpenSSL 3 has it in its legacy provider only. Broken as a cipher: src/auth alone may
 * import this file.
 */
export interface Rc4 {
  /** XORs the next bytes of the key stream into a copy of `input`. */
  update(input: Uint8Array): Buffer;
}

export function createRc4(key: Uint8Array): Rc4 {
  if (key.length === 0 || key.length > 256) throw new RangeError('an RC4 key has 1 to 256 bytes');
  const s = new Uint8Array(256);
  for (let i = 0; i < 256; i++) s[i] = i;
  for (let i = 0, j = 0; i < 256; i++) {
    const si = s[i]!;
    j = (j + si + key[i % key.length]!) & 0xff;
    s[i] = s[j]!;
    s[j] = si;
  }
  let i = 0;
  let j = 0;
  return {
    update(input) {
      const output = Buffer.alloc(input.length);
      for (let n = 0; n < input.length; n++) {
        i = (i + 1) & 0xff;
        const si = s[i]!;
        j = (j + si) & 0xff;
        const sj = s[j]!;
        s[i] = sj;
        s[j] = si;
        output[n] = input[n]! ^ s[(si + sj) & 0xff]!;
      }
      return output;
    },
  };
}

/** RC4K of MS-NLMP section 6: a key stream used once. */
export const rc4 = (key: Uint8Array, input: Uint8Array): Buffer => createRc4(key).update(input);
