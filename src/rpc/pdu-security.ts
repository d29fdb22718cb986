/**
 * Verifiers (MS-RPCE 2.2.2.11, 2.2.2.12) behind encoded PDUs, and the protection of calls and their answers
 * by a security context (3.3.1.5.2.2).
 */
import { after } from '../base/after.ts';
import type { MessageSecurity, OwnMessageSecurity } from './message-security.ts';
import {
  type AuthVerifier,
  decodeHeader,
  type PduHeader,
  PFC_OBJECT_UUID,
  PTYPE,
  SEC_TRAILER_BYTES,
} from './pdu.ts';

/** MS-RPCE 2.2.1.1.7. */
export const AUTHENTICATION_TYPE = {
  GSS_NEGOTIATE: 9,
  WINNT: 10,
  GSS_KERBEROS: 16,
} as const;

/** MS-RPCE 2.2.1.1.8. */
export const AUTHENTICATION_LEVEL = {
  CONNECT: 2,
  CALL: 3,
  PKT: 4,
  PKT_INTEGRITY: 5,
  PKT_PRIVACY: 6,
} as const;

export type Protection = Pick<AuthVerifier, 'type' | 'level' | 'contextId'>;

/** Where the data of a request or response begin, without an object UUID. */
const STUB_AT = 24;
const OBJECT_UUID_BYTES = 16;
/** "The sec_trailer structure MUST be 16-byte aligned with respect to the beginning of the PDU Body". */
const CALL_ALIGNMENT = 16;
/** Of the others, which have no stub: as every field in them. */
const BIND_ALIGNMENT = 4;

/** What a protected fragment has beside its data, padding included. */
export const protectionBytes = ({ level }: Protection, security: MessageSecurity): number =>
  CALL_ALIGNMENT - 1 + SEC_TRAILER_BYTES + security.signatureBytes(isSealed(level));

/** A BIND or an answer to one, with a token of the login. */
export function withToken(pdu: Buffer, protection: Protection, token: Buffer): Buffer {
  const room = trailed(pdu, protection, token.length, (BIND_ALIGNMENT - (pdu.length % 4)) % 4);
  token.copy(room, room.length - token.length);
  return room;
}

/** From this level on messages are signed. The lower ones protect nothing but the login. */
const isSigned = (level: number): boolean => level >= AUTHENTICATION_LEVEL.CALL;

const isSealed = (level: number): boolean => level === AUTHENTICATION_LEVEL.PKT_PRIVACY;

/** Windows and Samba sign each packet from CALL on, as if it was integrity that was asked for. */
export const needsSignature = isSigned;

/** A fragment of a call or its answer, as encodePdu makes it. Undefined: the context is lost. */
export function protect(pdu: Buffer, protection: Protection, security: OwnMessageSecurity): Buffer;
export function protect(
  pdu: Buffer,
  protection: Protection,
  security: MessageSecurity,
): Buffer | undefined | Promise<Buffer | undefined>;
export function protect(
  pdu: Buffer,
  protection: Protection,
  security: MessageSecurity,
): Buffer | undefined | Promise<Buffer | undefined> {
  if (!isSigned(protection.level)) return pdu;
  const over = (pdu.length - STUB_AT) % CALL_ALIGNMENT;
  const padding = over === 0 ? 0 : CALL_ALIGNMENT - over;
  const seals = isSealed(protection.level);
  const signatureBytes = security.signatureBytes(seals);
  const whole = trailed(pdu, protection, signatureBytes, padding);
  const message = whole.subarray(0, whole.length - signatureBytes);
  const body = message.subarray(STUB_AT, message.length - SEC_TRAILER_BYTES);
  const made: Buffer | Promise<Buffer | undefined> = seals
    ? security.seal(message, body)
    : security.sign(message, body);
  return after<Buffer | undefined, Buffer | undefined>(made, (signature) => {
    // Its length is in what it signs.
    if (signature?.length !== signatureBytes) return undefined;
    signature.copy(whole, message.length);
    return whole;
  });
}

/** The fragment with its data in the clear, in memory of its own; undefined when it is not from the peer. */
export function unprotect(
  fragment: Buffer,
  header: PduHeader,
  protection: Protection,
  security: OwnMessageSecurity,
): Buffer | undefined;
export function unprotect(
  fragment: Buffer,
  header: PduHeader,
  protection: Protection,
  security: MessageSecurity,
): Buffer | undefined | Promise<Buffer | undefined>;
export function unprotect(
  fragment: Buffer,
  { fragmentBytes, authBytes, flags, type }: PduHeader,
  { level }: Protection,
  security: MessageSecurity,
): Buffer | undefined | Promise<Buffer | undefined> {
  const whole = Buffer.from(fragment.subarray(0, fragmentBytes));
  if (!isSigned(level)) return whole;
  const hasObject = type === PTYPE.REQUEST && (flags & PFC_OBJECT_UUID) !== 0;
  const message = whole.subarray(0, fragmentBytes - authBytes);
  const from = STUB_AT + (hasObject ? OBJECT_UUID_BYTES : 0);
  const to = message.length - SEC_TRAILER_BYTES;
  if (from > to) return undefined;
  const body = message.subarray(from, to);
  const signature = whole.subarray(message.length);
  const right = isSealed(level)
    ? security.unseal(message, body, signature)
    : security.verify(message, body, signature);
  return after(right, (isRight) => (isRight ? whole : undefined));
}

function trailed(
  pdu: Buffer,
  { type, level, contextId }: Protection,
  authBytes: number,
  padding: number,
): Buffer {
  const trailerAt = pdu.length + padding;
  const whole = Buffer.alloc(trailerAt + SEC_TRAILER_BYTES + authBytes);
  pdu.copy(whole);
  whole.writeUInt16LE(whole.length, 8);
  whole.writeUInt16LE(authBytes, 10);
  whole[trailerAt] = type;
  whole[trailerAt + 1] = level;
  whole[trailerAt + 2] = padding;
  whole.writeUInt32LE(contextId, trailerAt + 4);
  return whole;
}

/** Sets flags of a PDU that is encoded already. */
export function withFlags(pdu: Buffer, flags: number): Buffer {
  pdu[3] = decodeHeader(pdu).flags | flags;
  return pdu;
}
