/**
 * MS-SMB2 3.3.5.5: SESSION_SETUP with SMB2_SESSION_FLAG_BINDING, which makes a connection one more channel
 * of a session. The pipeline has verified the signature with Session.SigningKey (3.3.5.2.4). Whatever
 * becomes of it, the session is as it was.
 *
 * Windows looks at the signing algorithms first, at the cipher too, and at no ClientGuid
 * (smb2.session.bind_negative_*, also for the statuses that the section does not name).
 */
import { MAX_CHANNELS_PER_SESSION } from '../base/limits.ts';
import { deriveChannelSigningKey } from '../crypto/session-keys.ts';
import { createSigner, SigningAlgorithm } from '../crypto/signing.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_NETWORK_SESSION_EXPIRED,
  STATUS_NOT_SUPPORTED,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_REQUEST_OUT_OF_SEQUENCE,
  STATUS_USER_SESSION_DELETED,
} from '../dtyp/ntstatus.ts';
import { type LoginDone, sameUser } from '../ipc/control-plane.ts';
import type { Connection } from '../objects/connection.ts';
import type { LoginExchange } from '../objects/login-exchange.ts';
import type { Request } from '../objects/request.ts';
import type { ChannelTerms, Session } from '../objects/session.ts';
import { isSigned } from '../smb2/header.ts';
import { encodeSessionSetupResponse } from '../smb2/session-setup.ts';
import type { Outcome } from './command.ts';

/** The session that the header names, whose channels are other connections; `offered` where another worker has them. */
export function namedElsewhere({ server, connection, header }: Request): Session | undefined {
  const known = server.sessions.get(header.sessionId);
  if (known !== undefined) return known;
  const { offered } = connection;
  return offered?.sessionId === header.sessionId ? offered : undefined;
}

/** The session that this request may bind to its connection. */
export function sessionToBind(request: Request): Session | NtStatus {
  const { server, connection, header } = request;
  // A new session has nothing to bind to, whatever 3.3.5.5 says about SessionId 0.
  if (header.sessionId === 0) return STATUS_INVALID_PARAMETER;
  const session = namedElsewhere(request);
  if (session === undefined) return STATUS_USER_SESSION_DELETED;
  const { terms } = session;
  return (
    refuseAlgorithm(terms.signingAlgorithm, connection.signingAlgorithm) ??
    (connection.dialect!.smb3 && server.options.multiChannel
      ? undefined
      : STATUS_REQUEST_NOT_ACCEPTED) ??
    refuseConnection(request, terms) ??
    refuseSession(session, connection) ??
    session
  );
}

/** Only AES-GMAC has to be on both sides. */
function refuseAlgorithm(ofSession: number, ofConnection: number): NtStatus | undefined {
  if (ofSession === ofConnection) return undefined;
  if (ofSession === SigningAlgorithm.AES_GMAC) return STATUS_REQUEST_OUT_OF_SEQUENCE;
  return ofConnection === SigningAlgorithm.AES_GMAC ? STATUS_NOT_SUPPORTED : undefined;
}

function refuseConnection(
  { connection, header }: Request,
  terms: ChannelTerms,
): NtStatus | undefined {
  if (connection.dialect!.revision !== terms.revision) return STATUS_INVALID_PARAMETER;
  if (!isSigned(header)) return STATUS_INVALID_PARAMETER;
  // The session's keys are for one cipher.
  return connection.cipherId === terms.cipherId ? undefined : STATUS_INVALID_PARAMETER;
}

function refuseSession(session: Session, connection: Connection): NtStatus | undefined {
  switch (session.state) {
    case 'inProgress':
      return STATUS_REQUEST_NOT_ACCEPTED;
    case 'expired':
      return STATUS_NETWORK_SESSION_EXPIRED;
    case 'gone':
      return STATUS_USER_SESSION_DELETED;
    case 'valid':
  }
  if (!session.isUser) return STATUS_NOT_SUPPORTED;
  if (session.channels.has(connection)) return STATUS_REQUEST_NOT_ACCEPTED;
  if (session.channels.size >= MAX_CHANNELS_PER_SESSION) return STATUS_INSUFFICIENT_RESOURCES;
  return undefined;
}

/** 3.3.5.5.3: the user has proved who it is on this connection, too. */
export function bind(request: Request, exchange: LoginExchange, done: LoginDone): Outcome {
  const { connection } = request;
  // The session may have changed while the user logged in.
  const session = sessionToBind(request);
  if (typeof session === 'number') return session;
  // The section has NOT_SUPPORTED for another user; Windows and Samba deny it (bind_different_user).
  if (!sameUser(session.account!, done.account)) return STATUS_ACCESS_DENIED;
  if (done.sessionKey === undefined) return STATUS_NOT_SUPPORTED;
  const signingKey = deriveChannelSigningKey({
    dialect: connection.dialect!.revision,
    sessionKey: done.sessionKey,
    preauthHash: exchange.preauth,
  });
  const signer = createSigner(connection.signingAlgorithm as SigningAlgorithm, signingKey);
  session.addChannel(connection, signer);
  request.server.sessions.set(session.sessionId, session);
  request.session = session;
  connection.log.debug('auth', 'session bound', { user: session.account!.name });
  return {
    body: encodeSessionSetupResponse({ sessionFlags: 0, securityBuffer: done.token }),
    signWith: signer,
  };
}

/** The owner has not taken in the channel that `bind` has made. */
export function unbind({ server, connection, session }: Request): void {
  const { sessionId, channels } = session!;
  connection.sessions.delete(sessionId);
  channels.delete(connection);
  if (channels.size === 0 && server.sessions.get(sessionId) === session) {
    server.sessions.delete(sessionId);
  }
}
