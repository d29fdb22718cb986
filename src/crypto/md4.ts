/**
 * MD4, RFC 1320. NTLM's password hash (MS-NLMP 3.3.1) is MD4, which OpenSSL 3 has in its legacy
 * provider only. Broken as a hash: src/auth alone may import this file.
 */

const BLOCK_BYTES = 64;

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

/** RFC 1320 3.4, one round a row: the constant added, the shifts, the order of the words. */
const ROUNDS = [
  {
    constant: 0,
    shifts: [3, 7, 11, 19],
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    mix: (x: number, y: number, z: number) => (x & y) | (~x & z),
  },
  {
    constant: 0x5a827999,
    shifts: [3, 5, 9, 13],
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
    mix: (x: number, y: number, z: number) => (x & y) | (x & z) | (y & z),
  },
  {
    constant: 0x6ed9eba1,
    shifts: [3, 9, 11, 15],
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
    mix: (x: number, y: number, z: number) => x ^ y ^ z,
  },
] as const;

/** RFC 1320 3.1 and 3.2: a one bit, zeros, the length in bits. */
function padded(message: Uint8Array): Buffer {
  const size = Math.ceil((message.length + 9) / BLOCK_BYTES) * BLOCK_BYTES;
  const b = Buffer.alloc(size);
  b.set(message);
  b[message.length] = 0x80;
  b.writeBigUInt64LE(BigInt(message.length) * 8n, size - 8);
  return b;
}

export function md4(message: Uint8Array): Buffer {
  const b = padded(message);
  const state = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
  for (let at = 0; at < b.length; at += BLOCK_BYTES) {
    let [a, x, y, z] = state as [number, number, number, number];
    for (const { constant, shifts, order, mix } of ROUNDS) {
      for (let i = 0; i < 16; i++) {
        const word = b.readInt32LE(at + order[i]! * 4);
        const sum = (a + mix(x, y, z) + word + constant) | 0;
        [a, x, y, z] = [z, rotate(sum, shifts[i % 4]!), x, y];
      }
    }
    state[0] = (state[0]! + a) | 0;
    state[1] = (state[1]! + x) | 0;
    state[2] = (state[2]! + y) | 0;
    state[3] = (state[3]! + z) | 0;
  }
  const digest = Buffer.alloc(16);
  state.forEach((word, i) => {
    digest.writeInt32LE(word, i * 4);
  });
  return digest;
}
