/**
 * MS-SMB2 3.3.5.2 and 3.3.5.2.1: from what the transport delivered to plain SMB2 messages. Encryption is around compression.
 */
import { Disconnect } from '../commands/command.ts';
import { STATUS_ACCESS_DENIED } from '../dtyp/ntstatus.ts';
import type { Connection } from '../objects/connection.ts';
import type { Session } from '../objects/session.ts';
import { isAlone, splitCompound } from '../smb2/compound.ts';
import { type Header, isRelated, isSigned, protocolOf, readHeader } from '../smb2/header.ts';
import { readId64 } from '../wire/struct.ts';
import { decompress } from './compression.ts';

export interface Member {
  readonly header: Header;
  readonly message: Buffer;
  /** See Request.verdict. */
  readonly verdict?: number | undefined;
}

export interface Unwrapped {
  readonly members: readonly Member[];
  /** The session whose key opened the message; Request.TransformSessionId. */
  readonly encryptedBy: Session | undefined;
}

/** A whole message. */
export interface Received extends Unwrapped {
  /** Decrypted and decompressed: what the members are views of. */
  readonly payload: Buffer;
}

const TRANSFORM_SESSION_ID_AT = 44;
/** Of what is shorter nothing is asked. */
const LONG_BYTES = 64 * 1024;

/** What may be done at once, or later by somebody else. */
type Now<T> = T | Promise<T>;

/** `maxBytes`: of a message when it is no longer compressed. */
export function unwrap(
  connection: Connection,
  payload: Buffer,
  maxBytes: number,
): Now<Received | Disconnect> | 'smb1' {
  switch (protocolOf(payload)) {
    case 'smb2':
      return members(payload, undefined);
    case 'transform':
      return decrypt(connection, payload, maxBytes);
    case 'smb1':
      return 'smb1';
    case 'compression':
      return decompressed(connection, payload, maxBytes, undefined);
    default:
      return new Disconnect('not an SMB message');
  }
}

/**
 * The same by another thread, for a long message whose algorithm is a slow one (native/crypto-pool.ts): 3.3.5.2.1.1, or
 * 3.3.5.2.4 of a message that is one request. Undefined where it is better done here and now.
 */
export function unwrapInPool(
  connection: Connection,
  payload: Buffer,
  maxBytes: number,
): Promise<Received | Disconnect> | undefined {
  if (payload.length < LONG_BYTES) return undefined;
  switch (protocolOf(payload)) {
    case 'smb2':
      return verifyInPool(connection, payload);
    case 'transform': {
      const session = sessionOf(connection, payload);
      if (session instanceof Disconnect) return undefined;
      return session
        .cipher!.openInPool?.(payload)
        ?.then((plain) => opened(connection, session, plain, maxBytes));
    }
    default:
      return undefined;
  }
}

function verifyInPool(connection: Connection, payload: Buffer): Promise<Received> | undefined {
  const header = readHeader(payload);
  if (!isSigned(header) || isRelated(header) || header.nextCommand !== 0) return undefined;
  const signer = connection.sessions.get(header.sessionId)?.signerOn(connection);
  return signer?.verifyInPool?.(payload)?.then((isRight) => ({
    members: [{ message: payload, header, verdict: isRight ? 0 : STATUS_ACCESS_DENIED }],
    encryptedBy: undefined,
    payload,
  }));
}

/** 3.3.5.2.1.1 */
function decrypt(
  connection: Connection,
  payload: Buffer,
  maxBytes: number,
): Now<Received | Disconnect> {
  const session = sessionOf(connection, payload);
  if (session instanceof Disconnect) return session;
  return opened(connection, session, session.cipher!.open(payload), maxBytes);
}

/** 3.3.5.2.1.2. What is compressed or encrypted in it is refused: "if the ProtocolId … is not equal to 0x424D53FE". */
function decompressed(
  connection: Connection,
  payload: Buffer,
  maxBytes: number,
  encryptedBy: Session | undefined,
): Now<Received | Disconnect> {
  if (connection.compression === undefined) {
    return new Disconnect('a compressed message, but no compression was negotiated');
  }
  const plain = decompress(connection, payload, maxBytes);
  return plain instanceof Promise
    ? plain.then((message) => verified(connection, message, encryptedBy))
    : verified(connection, plain, encryptedBy);
}

/** The signature is that of the plain message. */
function verified(
  connection: Connection,
  plain: Buffer,
  encryptedBy: Session | undefined,
): Now<Received | Disconnect> {
  if (protocolOf(plain) !== 'smb2') return new Disconnect('a compressed message holds no SMB2');
  if (encryptedBy !== undefined) return ofSession(plain, encryptedBy);
  const later = plain.length < LONG_BYTES ? undefined : verifyInPool(connection, plain);
  return later ?? members(plain, undefined);
}

/** The session whose key a message is encrypted with. */
function sessionOf(connection: Connection, payload: Buffer): Session | Disconnect {
  if (payload.length < TRANSFORM_SESSION_ID_AT + 8) return new Disconnect('short transform header');
  const session = connection.sessions.get(readId64(payload, TRANSFORM_SESSION_ID_AT));
  if (session?.cipher === undefined) {
    return new Disconnect('an encrypted message for a session without keys');
  }
  // ConstrainedConnection: keys that everybody knows do not make a stranger's messages larger or dearer.
  if (!session.isUser && !connection.hasUser) {
    return new Disconnect('an encrypted message from a connection without a user');
  }
  return session;
}

function opened(
  connection: Connection,
  session: Session,
  plain: Buffer | undefined,
  maxBytes: number,
): Now<Received | Disconnect> {
  if (plain === undefined) return new Disconnect('an encrypted message does not decrypt');
  switch (protocolOf(plain)) {
    case 'smb2':
      return ofSession(plain, session);
    case 'compression':
      return decompressed(connection, plain, maxBytes, session);
    default:
      return new Disconnect('an encrypted message holds no SMB2');
  }
}

function ofSession(plain: Buffer, session: Session): Received | Disconnect {
  const unwrapped = members(plain, session);
  for (const [i, { header }] of unwrapped.members.entries()) {
    if (i === 0 && isRelated(header)) {
      return new Disconnect('the first request of an encrypted message is a related one');
    }
    if (!isRelated(header) && header.sessionId !== session.sessionId) {
      return new Disconnect('an encrypted request names another session');
    }
  }
  return unwrapped;
}

function members(payload: Buffer, encryptedBy: Session | undefined): Received {
  if (isAlone(payload)) {
    return { members: [{ message: payload, header: readHeader(payload) }], encryptedBy, payload };
  }
  const found = splitCompound(payload).map((message) => ({ message, header: readHeader(message) }));
  return { members: found, encryptedBy, payload };
}
