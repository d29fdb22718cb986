/**
 * The key derivation function of MS-SMB2 3.1.4.2: SP800-108 5.1 in counter mode, r = 32,
 * PRF HMAC-SHA256. One iteration yields 256 bits, which is all that SMB asks for.
 */
import { createHmac } from 'node:crypto';

export type KeyBits = 128 | 256;

/** `label` and `context` carry their terminating NUL where MS-SMB2 counts one. */
export function deriveKey(key: Buffer, label: Buffer, context: Buffer, bits: KeyBits): Buffer {
  const input = Buffer.alloc(4 + label.length + 1 + context.length + 4);
  input.writeUInt32BE(1, 0);
  label.copy(input, 4);
  context.copy(input, 4 + label.length + 1);
  input.writeUInt32BE(bits, input.length - 4);
  return createHmac('sha256', key)
    .update(input)
    .digest()
    .subarray(0, bits / 8);
}
