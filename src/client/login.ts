/** MS-SMB2 3.2.4.2.3 and 3.2.5.3: SESSION_SETUP, and what must be right about the end of a login. */
import { createInitiator, type Initiator, type InitiatorOptions } from '../auth/initiator.ts';
import { createMessageCipher } from '../crypto/cipher.ts';
import { extendPreauthHash } from '../crypto/preauth.ts';
import { deriveChannelSigningKey, deriveSessionKeys } from '../crypto/session-keys.ts';
import { createSigner } from '../crypto/signing.ts';
import { STATUS_MORE_PROCESSING_REQUIRED } from '../dtyp/ntstatus.ts';
import { SMB2_NEGOTIATE_SIGNING_REQUIRED } from '../smb2/capabilities.ts';
import { Dialect } from '../smb2/dialect.ts';
import { Command } from '../smb2/header.ts';
import {
  decodeSessionSetupResponse,
  encodeSessionSetupRequest,
  SMB2_SESSION_FLAG_BINDING,
  SMB2_SESSION_FLAG_ENCRYPT_DATA,
  SMB2_SESSION_FLAG_IS_GUEST,
  SMB2_SESSION_FLAG_IS_NULL,
} from '../smb2/session-setup.ts';
import { ProtocolViolation } from './client-error.ts';
import type { ClientConnection } from './connection.ts';
import { type Answer, type Exchange, succeed } from './exchange.ts';
import type { Negotiated } from './negotiated.ts';
import type { SecurityContext } from './security-context.ts';
import { ClientSession, type Identity, type SessionKeysInUse } from './session.ts';

export interface LoginOptions {
  /** Nobody, where it is absent: an anonymous session. */
  readonly user?: string;
  readonly domain?: string;
  /** The password, or the NT hash in its place. */
  readonly secret?: string | Buffer;
  /** Accepts being taken for a guest, which Windows refuses unless told. */
  readonly guest?: 'refuse' | 'accept';
  /** NTLMSSP without SPNEGO. */
  readonly raw?: boolean;
  readonly previousSessionId?: number;
  /** False: signs only what must be. */
  readonly sign?: boolean;
  /** Encrypts everything, as soon as there is a key. */
  readonly encrypt?: boolean;
  /** False leaves FSCTL_VALIDATE_NEGOTIATE_INFO out. */
  readonly validateNegotiate?: boolean;
  /** SecurityMode of SESSION_SETUP; that of NEGOTIATE if absent. */
  readonly securityMode?: number;
  /** For tests of servers: see auth/initiator.ts. */
  readonly initiator?: Partial<InitiatorOptions>;
  /** For tests of servers: another mechanism's in its place. */
  readonly otherInitiator?: () => Initiator;
  /** For tests of servers: changes a token before it is sent. */
  readonly craftToken?: (token: Buffer, step: number) => Buffer;
}

/** NEGOTIATE, AUTHENTICATE, a mechListMIC that comes late; no exchange takes more. */
const MAX_STEPS = 5;

const fail = (problem: string): never => {
  throw new ProtocolViolation(`SESSION_SETUP: ${problem}`);
};

export function createLoginInitiator(host: string, options: LoginOptions): Initiator {
  const { user, domain, secret = '', otherInitiator } = options;
  if (otherInitiator !== undefined) return otherInitiator();
  return createInitiator({
    credentials: user === undefined ? 'anonymous' : { user, domain, secret },
    raw: options.raw,
    targetName: `cifs/${host}`,
    ...options.initiator,
  });
}

/** What a login has come to. */
interface Progress {
  security: SecurityContext;
  preauthHash: Buffer | undefined;
  /** 3.2.4.2.3.3: the session that becomes the connection's, too. */
  readonly bound: ClientSession | undefined;
}

/** With `existing`, that session is authenticated anew; with `bound`, it gets this connection as a channel. */
export async function login(
  connection: ClientConnection,
  options: LoginOptions,
  existing?: ClientSession,
  bound?: ClientSession,
): Promise<ClientSession> {
  const negotiated = connection.negotiated!;
  const initiator = createLoginInitiator(connection.options.host, options);
  const progress: Progress = {
    security: existing ?? (bound === undefined ? stranger(0) : binding(bound)),
    preauthHash: negotiated.preauthHash,
    bound,
  };
  let token = initiator.start();
  for (let step = 0; step < MAX_STEPS; step++) {
    const sent = options.craftToken?.(token, step) ?? token;
    const answer = await setup(connection, options, progress, sent);
    const { securityBuffer, sessionFlags } = decodeSessionSetupResponse(answer.message);
    if (answer.status !== STATUS_MORE_PROCESSING_REQUIRED) {
      const identity = identityOf(sessionFlags, options);
      // A guest has proved nothing, and so the server proves nothing either.
      if (identity === 'user') conclude(initiator, securityBuffer);
      if (existing !== undefined) return existing;
      return established(connection, options, progress, initiator, answer, identity, sessionFlags);
    }
    if (answer.header.sessionId === 0) fail('a continuation without SessionId');
    if (bound === undefined) progress.security = existing ?? stranger(answer.header.sessionId);
    const next = initiator.step(securityBuffer);
    if (next.kind !== 'continue') return fail(`the server's token: ${refusal(next)}`);
    token = next.token;
  }
  return fail('no end to it');
}

const stranger = (sessionId: number): SecurityContext => ({
  sessionId,
  signer: undefined,
  cipher: undefined,
  signs: false,
  encrypts: false,
});

const binding = ({ sessionId, sessionSigner }: ClientSession): SecurityContext => ({
  ...stranger(sessionId),
  signer: sessionSigner,
  signs: true,
  binds: true,
});

const refusal = (step: ReturnType<Initiator['step']>): string =>
  step.kind === 'refused' ? step.reason : step.kind;

async function setup(
  connection: ClientConnection,
  options: LoginOptions,
  progress: Progress,
  token: Buffer,
): Promise<Answer> {
  const body = encodeSessionSetupRequest({
    flags: progress.bound === undefined ? 0 : SMB2_SESSION_FLAG_BINDING,
    securityMode: (options.securityMode ?? connection.options.securityMode) & 0xff,
    capabilities: connection.options.capabilities & 1,
    previousSessionId: options.previousSessionId ?? 0,
    securityBuffer: token,
  });
  const [exchange] = await connection.submit(
    [{ command: Command.SESSION_SETUP, body }],
    { security: progress.security },
    { encrypt: false },
  );
  const answer = await connection.answerOf(exchange!);
  if (answer.status !== STATUS_MORE_PROCESSING_REQUIRED) succeed(answer);
  if (progress.preauthHash !== undefined) extend(progress, exchange!, answer);
  return answer;
}

/** 3.2.5.3: the hash takes every request, and every response but the last. */
function extend(progress: Progress, exchange: Exchange, answer: Answer): void {
  progress.preauthHash = extendPreauthHash(progress.preauthHash!, exchange.sent);
  if (answer.status === STATUS_MORE_PROCESSING_REQUIRED) {
    progress.preauthHash = extendPreauthHash(progress.preauthHash, answer.message);
  }
}

/** 3.2.5.3.1; a guest is refused unless wished for ([MS-SMB2] note on RejectGuestAccess). */
function identityOf(sessionFlags: number, options: LoginOptions): Identity {
  if ((sessionFlags & SMB2_SESSION_FLAG_IS_GUEST) !== 0) {
    if (options.guest !== 'accept') fail('the server made a guest of the user');
    return 'guest';
  }
  const isNull = (sessionFlags & SMB2_SESSION_FLAG_IS_NULL) !== 0;
  if (options.user === undefined) return isNull ? 'anonymous' : fail('nobody became somebody');
  return isNull ? fail('the server made nobody of the user') : 'user';
}

function conclude(initiator: Initiator, token: Buffer): void {
  const last = initiator.step(token);
  if (last.kind !== 'done') fail(`the server's last token: ${refusal(last)}`);
}

function established(
  connection: ClientConnection,
  options: LoginOptions,
  progress: Progress,
  initiator: Initiator,
  answer: Answer,
  identity: Identity,
  sessionFlags: number,
): ClientSession {
  const negotiated = connection.negotiated!;
  const keys = identity === 'user' ? keysOf(negotiated, initiator, progress) : undefined;
  verifyEnd(connection, options, answer, keys);
  const demanded = (sessionFlags & SMB2_SESSION_FLAG_ENCRYPT_DATA) !== 0;
  const encrypts = demanded || (progress.bound?.encrypts ?? options.encrypt === true);
  if (encrypts && keys?.cipher === undefined) fail('encryption without a cipher');
  const { sessionId } = answer.header;
  return new ClientSession(
    connection,
    { sessionId, identity, sessionFlags, encrypts },
    keys ?? NO_KEYS,
    options,
  );
}

const NO_KEYS: SessionKeysInUse = {
  signer: undefined,
  sessionSigner: undefined,
  cipher: undefined,
  applicationKey: undefined,
};

function keysOf(
  { dialect, cipher, signingAlgorithm }: Negotiated,
  initiator: Initiator,
  { preauthHash, bound }: Progress,
): SessionKeysInUse {
  const { sessionKey } = initiator;
  if (sessionKey === undefined) return fail('no session key');
  if (bound !== undefined) {
    // The rest are the session's.
    const { cipher: sealer, applicationKey, sessionSigner } = bound;
    const key = deriveChannelSigningKey({ dialect, sessionKey, preauthHash });
    const signer = createSigner(signingAlgorithm, key);
    return { signer, sessionSigner, cipher: sealer, applicationKey };
  }
  const keys = deriveSessionKeys({ dialect, sessionKey, preauthHash, cipher });
  const { encryptionKey, decryptionKey } = keys;
  const signer = createSigner(signingAlgorithm, keys.signingKey);
  const hasCipher = cipher !== undefined && encryptionKey !== undefined;
  return {
    signer,
    sessionSigner: signer,
    cipher: hasCipher
      ? // The names are the server's.
        createMessageCipher({ cipher, encryptionKey: decryptionKey!, decryptionKey: encryptionKey })
      : undefined,
    applicationKey: keys.applicationKey,
  };
}

/** The last response proves that the server has the key: always at 3.1.1, else where signing is required. */
function verifyEnd(
  connection: ClientConnection,
  options: LoginOptions,
  answer: Answer,
  keys: SessionKeysInUse | undefined,
): void {
  if (keys?.signer === undefined) {
    if (answer.isSigned) fail('the last response of a session without keys is signed');
    return;
  }
  const { dialect, signingRequired } = connection.negotiated!;
  const mode = options.securityMode ?? connection.options.securityMode;
  const required = signingRequired || (mode & SMB2_NEGOTIATE_SIGNING_REQUIRED) !== 0;
  if (!answer.isSigned) {
    if (dialect === Dialect.SMB3_11 || required) fail('the last response is not signed');
    return;
  }
  if (!keys.signer.verify(answer.message)) fail('the last response has a wrong signature');
}
