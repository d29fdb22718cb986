/**
 * MS-SMB2 3.3.5.5: SESSION_SETUP.
 *
 * A login is one exchange of GSS tokens in several requests. Its keys come from the first login of the
 * session; a reauthentication (3.3.5.5.2) keeps them and must be by the same user.
 */
import { MAX_SESSIONS_PER_CONNECTION } from '../base/limits.ts';
import { type CipherId, createMessageCipher } from '../crypto/cipher.ts';
import { extendPreauthHash, type PreauthHash } from '../crypto/preauth.ts';
import { deriveSessionKeys, type SessionKeys } from '../crypto/session-keys.ts';
import { createSigner, type SigningAlgorithm } from '../crypto/signing.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_ACCOUNT_DISABLED,
  STATUS_ACCOUNT_LOCKED_OUT,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_LOGON_FAILURE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_NO_LOGON_SERVERS,
  STATUS_NOT_SUPPORTED,
  STATUS_PASSWORD_EXPIRED,
  STATUS_PASSWORD_MUST_CHANGE,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_TIME_DIFFERENCE_AT_DC,
  STATUS_USER_SESSION_DELETED,
} from '../dtyp/ntstatus.ts';
import { type Account, type LoginDone, type LoginRefusal, sameUser } from '../ipc/control-plane.ts';
import { unusedSessionId } from '../objects/ids.ts';
import { LoginExchange } from '../objects/login-exchange.ts';
import type { Admission } from '../objects/owner.ts';
import type { Request } from '../objects/request.ts';
import type { ServerState } from '../objects/server-state.ts';
import { Session } from '../objects/session.ts';
import { endLogin, endSession } from '../objects/teardown.ts';
import {
  SMB2_GLOBAL_CAP_ENCRYPTION,
  SMB2_NEGOTIATE_SIGNING_REQUIRED,
} from '../smb2/capabilities.ts';
import {
  encodeSessionSetupResponse,
  type SessionSetupRequest,
  SMB2_SESSION_FLAG_BINDING,
  SMB2_SESSION_FLAG_ENCRYPT_DATA,
  SMB2_SESSION_FLAG_IS_GUEST,
  SMB2_SESSION_FLAG_IS_NULL,
} from '../smb2/session-setup.ts';
import type { Outcome, Reply } from './command.ts';
import { bind, sessionToBind, unbind } from './session-binding.ts';

export const REFUSALS: Readonly<Record<LoginRefusal, NtStatus>> = {
  'logon-failure': STATUS_LOGON_FAILURE,
  malformed: STATUS_INVALID_PARAMETER,
  'account-disabled': STATUS_ACCOUNT_DISABLED,
  unsupported: STATUS_NOT_SUPPORTED,
  'clock-skew': STATUS_TIME_DIFFERENCE_AT_DC,
  'account-locked-out': STATUS_ACCOUNT_LOCKED_OUT,
  'password-expired': STATUS_PASSWORD_EXPIRED,
  'password-must-change': STATUS_PASSWORD_MUST_CHANGE,
  unavailable: STATUS_NO_LOGON_SERVERS,
};

export async function sessionSetup(body: SessionSetupRequest, request: Request): Promise<Outcome> {
  const binding = (body.flags & SMB2_SESSION_FLAG_BINDING) !== 0;
  const session = findSession(binding, request);
  if (typeof session === 'number') return session;
  // A session that is not bound yet is nobody's on this connection.
  if (!binding) request.session = session;
  const exchange = exchangeOf(session, binding, request);
  // Each step answers to the one before; a client that does not wait for it has no login to go on with.
  if (exchange.busy) return STATUS_REQUEST_NOT_ACCEPTED;
  exchange.busy = true;
  try {
    return await authenticate(body, request, exchange);
  } catch (error) {
    await endExchange(request, exchange);
    throw error;
  } finally {
    exchange.busy = false;
  }
}

async function authenticate(
  body: SessionSetupRequest,
  request: Request,
  exchange: LoginExchange,
): Promise<Outcome> {
  const { session, login, binding } = exchange;
  extendHash(exchange, request.message);
  const step = await login.step(body.securityBuffer);
  // Session or connection may have ended while the step was computed.
  if (exchange.closed) return STATUS_USER_SESSION_DELETED;
  if (step.kind === 'continue') return moreProcessing(exchange, step.token);
  if (step.kind === 'refused') {
    await endExchange(request, exchange);
    return REFUSALS[step.reason];
  }
  endLogin(request.connection, session.sessionId);
  if (!binding) return finish(request, body, exchange, step);
  const outcome = bind(request, exchange, step);
  if (request.session === undefined) return outcome;
  const admission = await enter(request, exchange, step.account, body.previousSessionId);
  if (admission === 'admitted') return outcome;
  unbind(request);
  return admission === 'full' ? STATUS_INSUFFICIENT_RESOURCES : STATUS_USER_SESSION_DELETED;
}

/** 3.3.5.5.3: a login that fails ends its session, whether new or not; one that was to be bound lives on. */
async function endExchange({ server, connection }: Request, { session, binding }: LoginExchange) {
  endLogin(connection, session.sessionId);
  if (!binding) await endSession(server, session, 'refused');
}

function extendHash(exchange: LoginExchange, ...parts: readonly Buffer[]): void {
  if (exchange.preauth === undefined) return;
  exchange.preauth = extendPreauthHash(exchange.preauth, ...parts);
}

/** The session this request is about: a new one, or the one it names. */
function findSession(binding: boolean, request: Request): Session | NtStatus {
  const { server, connection, header } = request;
  const dialect = connection.dialect!;
  const demanded = server.options.encryption === 'required';
  if (demanded && (!dialect.smb3 || connection.cipherId === 0)) return STATUS_ACCESS_DENIED;
  const full = connection.sessionCount >= MAX_SESSIONS_PER_CONNECTION;
  if (binding) {
    const found = sessionToBind(request);
    const begun = connection.logins.get(header.sessionId);
    if (typeof found !== 'number') {
      return full && begun === undefined ? STATUS_INSUFFICIENT_RESOURCES : found;
    }
    if (begun?.binding) endLogin(connection, header.sessionId);
    return found;
  }
  if (header.sessionId !== 0) {
    const session = connection.sessions.get(header.sessionId);
    if (session === undefined) return STATUS_USER_SESSION_DELETED;
    if (session.state === 'expired') session.state = 'inProgress';
    return session;
  }
  if (full) return STATUS_INSUFFICIENT_RESOURCES;
  const id = unusedSessionId(server.sessions, server.owner?.worker);
  const session = new Session(id, connection, Date.now());
  server.sessions.set(session.sessionId, session);
  return session;
}

/** The login of the session that this connection goes on with, or begins. */
function exchangeOf(
  session: Session,
  binding: boolean,
  { connection, server }: Request,
): LoginExchange {
  const { sessionId } = session;
  const known = connection.logins.get(sessionId);
  if (known !== undefined) return known;
  const login = server.controlPlane.beginLogin({ address: connection.transport.remoteAddress });
  // A reauthentication makes no keys.
  const makesKeys = binding || session.account === undefined;
  const preauth = makesKeys ? connection.preauth : undefined;
  const exchange = new LoginExchange(session, login, { binding, preauth });
  connection.logins.set(sessionId, exchange);
  return exchange;
}

function moreProcessing(exchange: LoginExchange, token: Buffer): Reply {
  return {
    status: STATUS_MORE_PROCESSING_REQUIRED,
    body: encodeSessionSetupResponse({ sessionFlags: 0, securityBuffer: token }),
    onEncoded: (parts) => extendHash(exchange, ...parts),
  };
}

async function finish(
  request: Request,
  body: SessionSetupRequest,
  exchange: LoginExchange,
  step: LoginDone,
): Promise<Outcome> {
  const { server, connection } = request;
  const { session, preauth } = exchange;
  const { account } = step;
  const renewal = renewalOf(session, account);
  if (renewal === 'refused') {
    await endSession(server, session, 'refused');
    return STATUS_LOGON_FAILURE;
  }
  // First, so that who comes back finds room in the place of the session that was lost.
  const admission = await enter(request, exchange, account, body.previousSessionId);
  if (session.state === 'gone' || admission === 'gone') return STATUS_USER_SESSION_DELETED;
  let keys: SessionKeys | undefined;
  if (session.account === undefined) {
    if (account.kind !== 'user' && server.options.encryption === 'required') {
      await endSession(server, session, 'refused');
      return STATUS_ACCESS_DENIED;
    }
    if (admission === 'full' || countEstablished(server) >= server.options.maxSessions) {
      connection.log.warn('login refused: too many sessions', { user: account.name });
      await endSession(server, session, 'refused');
      return STATUS_REQUEST_NOT_ACCEPTED;
    }
    keys = establish(request, session, step, preauth);
  }
  if ((body.securityMode & SMB2_NEGOTIATE_SIGNING_REQUIRED) !== 0 && session.isUser) {
    session.signingRequired = true;
  }
  if (renewal === 'renewed') {
    session.expiresAtMs = step.expiresAtMs ?? Infinity;
    session.state = 'valid';
  }
  server.owner?.secured(session, keys);
  connection.log.debug('auth', 'session set up', { user: account.name, kind: account.kind });
  const signer = session.isUser ? session.signerOn(connection) : undefined;
  return {
    body: encodeSessionSetupResponse({
      sessionFlags: sessionFlags(session),
      securityBuffer: step.token,
    }),
    // "the server MUST sign the final session setup response", not for guest and anonymous.
    ...(signer !== undefined && { signWith: signer }),
  };
}

/**
 * What a login does to the session that it was for: only its own user renews it. An anonymous one on a user's session
 * proves nothing and changes nothing, and one that has expired it does not bring back.
 */
export function renewalOf(session: Session, account: Account): 'renewed' | 'unchanged' | 'refused' {
  if (session.account === undefined || sameUser(session.account, account)) return 'renewed';
  return account.kind === 'anonymous' && session.state === 'valid' ? 'unchanged' : 'refused';
}

/** Keys and requirements of a session that has just got its user. */
function establish(
  { server, connection }: Request,
  session: Session,
  { account, sessionKey }: LoginDone,
  preauthHash: PreauthHash | undefined,
): SessionKeys | undefined {
  const dialect = connection.dialect!;
  session.account = account;
  if (sessionKey === undefined) return undefined;
  const keys = deriveSessionKeys({
    dialect: dialect.revision,
    sessionKey,
    preauthHash,
    cipher: connection.cipherId === 0 ? undefined : (connection.cipherId as CipherId),
  });
  const signer = createSigner(connection.signingAlgorithm as SigningAlgorithm, keys.signingKey);
  session.signer = signer;
  session.applicationKey = keys.applicationKey;
  session.addChannel(connection, signer);
  session.signingRequired =
    session.isUser && (connection.shouldSign || server.options.requireSigning);
  const offered = (connection.serverCapabilities & SMB2_GLOBAL_CAP_ENCRYPTION) !== 0;
  if (offered && keys.encryptionKey !== undefined && keys.decryptionKey !== undefined) {
    session.canEncrypt = true;
    session.cipher = createMessageCipher({
      cipher: connection.cipherId as CipherId,
      encryptionKey: keys.encryptionKey,
      decryptionKey: keys.decryptionKey,
    });
    const { encryption } = server.options;
    if (session.isUser && (encryption === 'required' || encryption === 'desired')) {
      session.encryptData = true;
      session.signingRequired = false;
    }
  }
  return keys;
}

function sessionFlags(session: Session): number {
  switch (session.account?.kind) {
    case 'guest':
      return SMB2_SESSION_FLAG_IS_GUEST;
    case 'anonymous':
      return SMB2_SESSION_FLAG_IS_NULL;
    default:
      return session.encryptData ? SMB2_SESSION_FLAG_ENCRYPT_DATA : 0;
  }
}

/** The user is known: ends the session that this one takes the place of. Whether there is room for it, where another knows. */
async function enter(
  { server, connection }: Request,
  { session, login, binding }: LoginExchange,
  account: Account,
  previousSessionId: number,
): Promise<Admission> {
  if (server.owner !== undefined) {
    return server.owner.admit({ connection, session, login, previousSessionId, binding });
  }
  await endPreviousSession(server, session, account, previousSessionId);
  return 'admitted';
}

/** "if the authentications were for the same user, the server MUST remove the old session". */
export async function endPreviousSession(
  server: ServerState,
  session: Session,
  account: Account,
  previousSessionId: number,
): Promise<void> {
  if (previousSessionId === 0 || previousSessionId === session.sessionId) return;
  const previous = server.sessions.get(previousSessionId);
  if (previous?.account === undefined) return;
  if (sameUser(previous.account, account)) await endSession(server, previous, 'replaced');
}

export function countEstablished(server: ServerState): number {
  let count = 0;
  for (const session of server.sessions.values()) if (session.account !== undefined) count += 1;
  return count;
}
