/**
 * MS-SMB2 3.3.5.2 and 3.3.5.2.1: from what the transport delivered to plain SMB2 messages.
 */
import { Disconnect } from '../commands/command.ts';
import { STATUS_ACCESS_DENIED } from '../dtyp/ntstatus.ts';
import type { Connection } from '../objects/connection.ts';
import type { Session } from '../objects/session.ts';
import { isAlone, splitCompound } from '../smb2/compound.ts';
import { type Header, isRelated, isSigned, protocolOf, readHeader } from '../smb2/header.ts';
import { readId64 } from '../wire/struct.ts';

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

const TRANSFORM_SESSION_ID_AT = 44;
/** Of what is shorter nothing is asked. */
const LONG_BYTES = 64 * 1024;

export function unwrap(connection: Connection, payload: Buffer): Unwrapped | Disconnect | 'smb1' {
  switch (protocolOf(payload)) {
    case 'smb2':
      return members(payload, undefined);
    case 'transform':
      return decrypt(connection, payload);
    case 'smb1':
      return 'smb1';
    case 'compression':
      // 3.3.5.2.1.2: no compression was negotiated, so "the server MUST disconnect".
      return new Disconnect('a compressed message, but no compression was negotiated');
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
): Promise<Unwrapped | Disconnect> | undefined {
  if (payload.length < LONG_BYTES) return undefined;
  switch (protocolOf(payload)) {
    case 'smb2':
      return verifyInPool(connection, payload);
    case 'transform': {
      const session = sessionOf(connection, payload);
      if (session instanceof Disconnect) return undefined;
      return session.cipher!.openInPool?.(payload)?.then((plain) => opened(session, plain));
    }
    default:
      return undefined;
  }
}

function verifyInPool(connection: Connection, payload: Buffer): Promise<Unwrapped> | undefined {
  const header = readHeader(payload);
  if (!isSigned(header) || isRelated(header) || header.nextCommand !== 0) return undefined;
  const signer = connection.sessions.get(header.sessionId)?.signerOn(connection);
  return signer?.verifyInPool?.(payload)?.then((isRight) => ({
    members: [{ message: payload, header, verdict: isRight ? 0 : STATUS_ACCESS_DENIED }],
    encryptedBy: undefined,
  }));
}

/** 3.3.5.2.1.1 */
function decrypt(connection: Connection, payload: Buffer): Unwrapped | Disconnect {
  const session = sessionOf(connection, payload);
  return session instanceof Disconnect ? session : opened(session, session.cipher!.open(payload));
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

function opened(session: Session, plain: Buffer | undefined): Unwrapped | Disconnect {
  if (plain === undefined) return new Disconnect('an encrypted message does not decrypt');
  if (protocolOf(plain) !== 'smb2') return new Disconnect('an encrypted message holds no SMB2');
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

function members(payload: Buffer, encryptedBy: Session | undefined): Unwrapped {
  if (isAlone(payload)) {
    return { members: [{ message: payload, header: readHeader(payload) }], encryptedBy };
  }
  const found = splitCompound(payload).map((message) => ({ message, header: readHeader(message) }));
  return { members: found, encryptedBy };
}
