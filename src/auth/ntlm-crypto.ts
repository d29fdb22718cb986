/**
 * NTLMv2's computations, MS-NLMP 3.3.2, 3.4.4.2 and 3.4.5. NTLMv1 and LM are not here.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { md4 } from '../crypto/md4.ts';
import { rc4 } from '../crypto/rc4.ts';
import { utf16Bytes } from '../wire/tail.ts';
import {
  MIC_AT,
  MIC_BYTES,
  NTLMSSP_NEGOTIATE_56,
  NTLMSSP_NEGOTIATE_128,
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY,
  NTLMSSP_NEGOTIATE_KEY_EXCH,
  NTLMSSP_NEGOTIATE_SEAL,
  NTLMSSP_NEGOTIATE_SIGN,
} from './ntlm-messages.ts';

export function hmacMd5(key: Buffer, ...parts: readonly Buffer[]): Buffer {
  const hmac = createHmac('md5', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

const md5 = (...parts: readonly Buffer[]): Buffer => {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** NTOWFv1, which accounts store: MD4 of the UTF-16LE password. */
export const ntHash = (password: string): Buffer => md4(utf16Bytes(password));

/** Georgian letters, which have had capitals since Unicode 11 and have none in Windows' table. */
const isMkhedruli = (unit: string): boolean => unit >= '\u10d0' && unit <= '\u10ff';

/**
 * Windows upcases one UTF-16 unit at a time, to one unit, and leaves a character alone whose capital
 * has another small letter (ı, µ, ſ), unlike toUpperCase() on the string; ς alone shares its capital.
 */
function upcaseUnit(unit: string): string {
  const upper = unit.toUpperCase();
  if (upper.length !== 1 || isMkhedruli(unit)) return unit;
  return upper.toLowerCase() === unit || unit === 'ς' ? upper : unit;
}

export function upcase(name: string): string {
  let result = '';
  for (let i = 0; i < name.length; i++) result += upcaseUnit(name.charAt(i));
  return result;
}

/** ResponseKeyNT and ResponseKeyLM of NTLMv2. The user is upcased, the domain is as sent. */
export const ntowfV2 = (hash: Buffer, user: string, domain: string): Buffer =>
  hmacMd5(hash, utf16Bytes(upcase(user) + domain));

/** NTProofStr over `temp`, the encoded NTLMv2_CLIENT_CHALLENGE. */
export const ntProof = (responseKey: Buffer, serverChallenge: Buffer, temp: Buffer): Buffer =>
  hmacMd5(responseKey, serverChallenge, temp);

/** SessionBaseKey, which with NTLMv2 is the KeyExchangeKey, too. */
export const sessionBaseKey = (responseKey: Buffer, proof: Buffer): Buffer =>
  hmacMd5(responseKey, proof);

export const lmV2Response = (
  responseKey: Buffer,
  serverChallenge: Buffer,
  clientChallenge: Buffer,
): Buffer =>
  Buffer.concat([hmacMd5(responseKey, serverChallenge, clientChallenge), clientChallenge]);

/** RC4K both ways: ExportedSessionKey to EncryptedRandomSessionKey and back. */
export const exchangeKey = (keyExchangeKey: Buffer, key: Buffer): Buffer =>
  rc4(keyExchangeKey, key);

/** AUTHENTICATE_MESSAGE.MIC over the three messages, with the field itself as zeros. */
export function messageMic(
  exportedSessionKey: Buffer,
  negotiate: Buffer,
  challenge: Buffer,
  authenticate: Buffer,
): Buffer {
  return hmacMd5(
    exportedSessionKey,
    negotiate,
    challenge,
    authenticate.subarray(0, MIC_AT),
    Buffer.alloc(MIC_BYTES),
    authenticate.subarray(MIC_AT + MIC_BYTES),
  );
}

export type Sender = 'client' | 'server';

const magic = (sender: Sender, use: 'signing' | 'sealing'): Buffer => {
  const way = sender === 'client' ? 'client-to-server' : 'server-to-client';
  return Buffer.from(`session key to ${way} ${use} key magic constant\0`, 'latin1');
};

/** SIGNKEY, 3.4.5.2, with extended session security. */
export const signKey = (exportedSessionKey: Buffer, sender: Sender): Buffer =>
  md5(exportedSessionKey, magic(sender, 'signing'));

/** SEALKEY, 3.4.5.3, with extended session security. */
export function sealKey(flags: number, exportedSessionKey: Buffer, sender: Sender): Buffer {
  const bytes = flags & NTLMSSP_NEGOTIATE_128 ? 16 : flags & NTLMSSP_NEGOTIATE_56 ? 7 : 5;
  return md5(exportedSessionKey.subarray(0, bytes), magic(sender, 'sealing'));
}

const SIGNATURE_VERSION = 1;

/**
 * The NTLMSSP_MESSAGE_SIGNATURE (2.2.2.9.2) of a first message: sequence number 0 and a fresh RC4
 * state, which is how a mechListMIC is computed (MS-SPNG 3.2.5.1). Without SIGN and SEAL it is the
 * version and zeros (3.4.4.3). Undefined without extended session security: there are no keys then.
 */
export function firstSignature(
  flags: number,
  exportedSessionKey: Buffer,
  sender: Sender,
  message: Buffer,
): Buffer | undefined {
  if ((flags & NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY) === 0) return undefined;
  const signature = Buffer.alloc(16);
  signature.writeUInt32LE(SIGNATURE_VERSION, 0);
  if ((flags & (NTLMSSP_NEGOTIATE_SIGN | NTLMSSP_NEGOTIATE_SEAL)) === 0) return signature;
  const sequenceNumber = Buffer.alloc(4);
  const checksum = hmacMd5(signKey(exportedSessionKey, sender), sequenceNumber, message);
  const first8 = checksum.subarray(0, 8);
  const exchanged = (flags & NTLMSSP_NEGOTIATE_KEY_EXCH) !== 0;
  const field = exchanged ? rc4(sealKey(flags, exportedSessionKey, sender), first8) : first8;
  field.copy(signature, 4);
  return signature;
}

/** Equality in constant time; buffers of other lengths differ. */
export const equalSecrets = (a: Buffer, b: Buffer): boolean =>
  a.length === b.length && timingSafeEqual(a, b);
