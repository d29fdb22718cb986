/**
 * MS-CIFS 3.3.5.43 and MS-SMB 3.3.5.3: SESSION_SETUP_ANDX and LOGOFF_ANDX. The tokens are those of SMB2's
 * SESSION_SETUP, for the same control plane. The first login of a user begins signing, for the connection and for good.
 */

import { encodeAuthenticate, NTLMSSP_NEGOTIATE_UNICODE } from '../auth/ntlm-messages.ts';
import { MAX_SESSIONS_PER_CONNECTION } from '../base/limits.ts';
import { countEstablished, REFUSALS, renewalOf } from '../commands/session-setup.ts';
import { Smb1Signing } from '../crypto/smb1-signing.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_LOGON_FAILURE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_TOO_MANY_SESSIONS,
  STATUS_USER_SESSION_DELETED,
} from '../dtyp/ntstatus.ts';
import type { LoginDone } from '../ipc/control-plane.ts';
import { unusedSessionId } from '../objects/ids.ts';
import { LoginExchange } from '../objects/login-exchange.ts';
import { Session } from '../objects/session.ts';
import { endLogin, endSession } from '../objects/teardown.ts';
import { STATUS_SMB_BAD_UID } from '../smb1/dos-errors.ts';
import {
  SMB_FLAGS2_SECURITY_SIGNATURE,
  SMB_FLAGS2_SECURITY_SIGNATURE_REQUIRED,
} from '../smb1/header.ts';
import {
  CAP_DYNAMIC_REAUTH,
  decodeSmb1SessionSetup,
  encodeExtendedSetup,
  encodePlainSetup,
  SMB_SETUP_GUEST,
  type Smb1SessionSetup,
} from '../smb1/negotiate.ts';
import { type Call, emptyAndX, type SessionCall, type Smb1Outcome } from './call.ts';
import type { Link, Numbering } from './link.ts';
import { domainOf } from './negotiate.ts';

export async function sessionSetup(call: Call): Promise<Smb1Outcome> {
  const { link } = call;
  const setup = decodeSmb1SessionSetup(call.block, call.unicode);
  link.learn(setup);
  if (link.server.options.encryption === 'required') return STATUS_ACCESS_DENIED;
  if (setup.kind === 'plain') return plainSetup(call, setup);
  if (!link.extendedSecurity) return STATUS_LOGON_FAILURE;
  const numbered = findSession(call);
  if (typeof numbered === 'number') return numbered;
  const exchange = exchangeOf(numbered.thing, link);
  if (exchange.busy) return STATUS_REQUEST_NOT_ACCEPTED;
  exchange.busy = true;
  try {
    return await authenticate(call, setup, numbered, exchange);
  } catch (error) {
    await refuse(link, numbered);
    throw error;
  } finally {
    exchange.busy = false;
  }
}

/** The session that the UID names, or a new one. */
function findSession(call: Call): Numbering<Session> | NtStatus {
  const { link, header } = call;
  if (header.uid !== 0) {
    const known = link.uids.get(header.uid);
    if (known === undefined || known.thing.state === 'gone') return STATUS_SMB_BAD_UID;
    if (known.thing.state === 'expired') known.thing.state = 'inProgress';
    return known;
  }
  return newSession(call);
}

function newSession({ link }: Call): Numbering<Session> | NtStatus {
  const { server, connection } = link;
  if (connection.sessionCount >= MAX_SESSIONS_PER_CONNECTION) return STATUS_TOO_MANY_SESSIONS;
  const session = new Session(unusedSessionId(server.sessions), connection, Date.now());
  const numbered = link.uids.add((id) => ({ id, thing: session }));
  if (numbered === undefined) return STATUS_TOO_MANY_SESSIONS;
  server.sessions.set(session.sessionId, session);
  return numbered;
}

function exchangeOf(session: Session, { connection, server }: Link): LoginExchange {
  const known = connection.logins.get(session.sessionId);
  if (known !== undefined) return known;
  const login = server.controlPlane.beginLogin({ address: connection.transport.remoteAddress });
  const exchange = new LoginExchange(session, login, { binding: false, preauth: undefined });
  connection.logins.set(session.sessionId, exchange);
  return exchange;
}

async function refuse({ server, connection, uids }: Link, { id, thing }: Numbering<Session>) {
  endLogin(connection, thing.sessionId);
  uids.delete(id);
  await endSession(server, thing, 'refused');
}

async function authenticate(
  call: Call,
  setup: Extract<Smb1SessionSetup, { kind: 'extended' }>,
  numbered: Numbering<Session>,
  exchange: LoginExchange,
): Promise<Smb1Outcome> {
  const { link } = call;
  const step = await exchange.login.step(setup.securityBlob);
  if (exchange.closed) return STATUS_USER_SESSION_DELETED;
  if (step.kind === 'continue') {
    const answer = encodeExtendedSetup(0, step.token, names(link), call.unicode);
    return { status: STATUS_MORE_PROCESSING_REQUIRED, ...answer, uid: numbered.id };
  }
  if (step.kind === 'refused') {
    await refuse(link, numbered);
    return REFUSALS[step.reason];
  }
  endLogin(link.connection, numbered.thing.sessionId);
  const before = link.signing;
  // MS-SMB 3.3.5.3; others would not know what to do when it has run out.
  const knows = (setup.capabilities & CAP_DYNAMIC_REAUTH) !== 0;
  const refused = await admit(call, numbered, step, knows ? step.expiresAtMs : undefined);
  if (refused !== undefined) return refused;
  const action = step.account.kind === 'guest' ? SMB_SETUP_GUEST : 0;
  const answer = encodeExtendedSetup(action, step.token, names(link), call.unicode);
  return { ...answer, uid: numbered.id, beginsSigning: before !== link.signing };
}

/** MS-CIFS 3.3.5.43: one message with the responses to the challenge of NEGOTIATE; always a new session. */
async function plainSetup(
  call: Call,
  setup: Extract<Smb1SessionSetup, { kind: 'plain' }>,
): Promise<Smb1Outcome> {
  const { link } = call;
  const { server, connection } = link;
  const numbered = newSession(call);
  if (typeof numbered === 'number') return numbered;
  const client = { address: connection.transport.remoteAddress };
  const login = server.controlPlane.beginLogin(client, link.challenge);
  const session = numbered.thing;
  const exchange = new LoginExchange(session, login, { binding: false, preauth: undefined });
  connection.logins.set(session.sessionId, exchange);
  const ntResponse = Buffer.from(setup.ntResponse);
  const step = await login.step(authenticateMessage(setup));
  if (exchange.closed) return STATUS_USER_SESSION_DELETED;
  endLogin(connection, session.sessionId);
  if (step.kind !== 'done') {
    await refuse(link, numbered);
    return step.kind === 'refused' ? REFUSALS[step.reason] : STATUS_LOGON_FAILURE;
  }
  const before = link.signing;
  const refused = await admit(call, numbered, step, undefined, ntResponse);
  if (refused !== undefined) return refused;
  const action = step.account.kind === 'guest' ? SMB_SETUP_GUEST : 0;
  const answer = encodePlainSetup(action, names(link), call.unicode);
  return { ...answer, uid: numbered.id, beginsSigning: before !== link.signing };
}

/** LM responses are not looked at, but for being none: that is what makes a login anonymous. */
const authenticateMessage = (setup: Extract<Smb1SessionSetup, { kind: 'plain' }>): Buffer =>
  encodeAuthenticate({
    negotiateFlags: NTLMSSP_NEGOTIATE_UNICODE,
    lmChallengeResponse: setup.lmResponse,
    ntChallengeResponse: setup.ntResponse,
    domainName: setup.domain,
    userName: setup.account,
    workstation: '',
    encryptedRandomSessionKey: Buffer.alloc(0),
    mic: undefined,
  });

/** Makes the session its user's, or says why not. */
async function admit(
  { link, header }: Call,
  numbered: Numbering<Session>,
  { account, sessionKey }: LoginDone,
  expiresAtMs: number | undefined,
  challengeResponse: Buffer = Buffer.alloc(0),
): Promise<NtStatus | undefined> {
  const { server, connection } = link;
  const session = numbered.thing;
  const renewal = renewalOf(session, account);
  if (renewal === 'refused') {
    await refuse(link, numbered);
    return STATUS_LOGON_FAILURE;
  }
  if (session.account === undefined) {
    if (countEstablished(server) >= server.options.maxSessions) {
      connection.log.warn('login refused: too many sessions', { user: account.name });
      await refuse(link, numbered);
      return STATUS_REQUEST_NOT_ACCEPTED;
    }
    session.account = account;
    session.applicationKey = sessionKey;
  }
  if (renewal === 'renewed') {
    session.expiresAtMs = expiresAtMs ?? Infinity;
    session.state = 'valid';
  }
  connection.log.debug('auth', 'session set up', { user: account.name, kind: account.kind });
  const asked = SMB_FLAGS2_SECURITY_SIGNATURE | SMB_FLAGS2_SECURITY_SIGNATURE_REQUIRED;
  const signs = server.options.requireSigning || (header.flags2 & asked) !== 0;
  if (signs && account.kind === 'user' && sessionKey !== undefined && link.signing === undefined) {
    link.signing = new Smb1Signing(sessionKey, challengeResponse);
  }
  return undefined;
}

export const names = ({ server }: Link) => ({
  nativeOs: 'Unix',
  nativeLanMan: 'usmbd',
  primaryDomain: domainOf(server),
});

/** MS-CIFS 3.3.5.44 */
export async function logoff({ link, header, request }: SessionCall): Promise<Smb1Outcome> {
  const numbered = link.uids.get(header.uid);
  if (numbered !== undefined) link.uids.delete(header.uid);
  await endSession(link.server, request.session, 'loggedOff');
  return emptyAndX();
}
