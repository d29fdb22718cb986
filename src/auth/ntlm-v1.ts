/**
 * MS-NLMP 3.3.1: NTLMv1, for clients that know nothing newer and where it is permitted. Three weak DES
 * encryptions of the challenge: whoever hears one can find the password. LM responses are never looked at.
 */
import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { md4 } from '../crypto/md4.ts';

/** NTLM_RESPONSE, 2.2.2.6. */
export const NTLM_V1_RESPONSE_BYTES = 24;

/** Seven bytes become the eight of a DES key, whose lowest bits are parity. */
export function desKey(seven: Buffer): Buffer {
  const bits = BigInt(`0x${seven.toString('hex')}`);
  return Buffer.from(
    Array.from({ length: 8 }, (_, i) => Number((bits >> BigInt(49 - 7 * i)) & 0x7fn) << 1),
  );
}

/** DES is triple DES with one key three times, which is the form that OpenSSL still has. */
function des(seven: Buffer, block: Buffer): Buffer {
  const key = desKey(seven);
  const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([key, key, key]), null);
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(block), cipher.final()]);
}

/** DESL(K, D): by the key's three parts, the last of which is mostly zero. */
export function ntlmV1Response(hash: Buffer, serverChallenge: Buffer): Buffer {
  const key = Buffer.concat([hash, Buffer.alloc(5)]);
  return Buffer.concat([0, 7, 14].map((at) => des(key.subarray(at, at + 7), serverChallenge)));
}

export const ntlmV1SessionKey = (hash: Buffer): Buffer => md4(hash);

/**
 * 3.3.1 and 3.4.5.1 with NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY: the client's challenge, the first eight bytes of
 * its LM response, is part of what is encrypted, and of the key.
 */
export const ntlm2SessionChallenge = (serverChallenge: Buffer, lmResponse: Buffer): Buffer =>
  createHash('md5')
    .update(serverChallenge)
    .update(lmResponse.subarray(0, 8))
    .digest()
    .subarray(0, 8);

export const ntlm2SessionKey = (
  hash: Buffer,
  serverChallenge: Buffer,
  lmResponse: Buffer,
): Buffer =>
  createHmac('md5', ntlmV1SessionKey(hash))
    .update(serverChallenge)
    .update(lmResponse.subarray(0, 8))
    .digest();
