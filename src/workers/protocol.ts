/**
 * What the owner and a worker tell each other (objects/owner.ts says who does what). A message begins with its kind:
 *
 *     0  an event: one of the records below
 *     1  worker → owner, requests of a client:
 *        kind: u8 │ encrypted: u8 │ connection: u48 │ credits: u32 │ members: u32 │ a verdict for each: u32 │ SMB2 message
 *     2  owner → worker, answers to them:  kind: u8 │ 0: u8 │ connection: u48 │ SMB2 message
 *
 * Both read whatever comes within bounds or throw WireError, which ends the channel. A worker is to be believed about
 * its own connections and nothing else. Version 3 is this file: any change of a field makes another.
 */
import { MAX_COMPOUND_MESSAGES, MAX_UNAUTHENTICATED_MESSAGE_BYTES } from '../base/limits.ts';
import { DEBUG_COMPONENTS } from '../base/log.ts';
import {
  blob,
  bytes,
  decode,
  encode,
  type Field,
  flag,
  list,
  maybe,
  oneOf,
  record,
  text,
  u16,
  u32,
  type Value,
  variant,
  whole,
} from '../ipc/fields.ts';
import { WireError } from '../wire/wire-error.ts';

export const WORKERS_VERSION = 3;

const EVENT = 0;
const REQUEST = 1;
const ANSWER = 2;
const HEAD_BYTES = 8;
const REQUEST_HEAD_BYTES = 16;

const MAX_TOKEN_BYTES = MAX_UNAUTHENTICATED_MESSAGE_BYTES;
/** MS-SMB2 knows five; a client may offer what nobody knows. */
const MAX_DIALECTS = 64;
/** MS-SMB2 2.2.3.1.3: those that are agreed upon, of which there are five. */
const MAX_COMPRESSION_IDS = 8;
const MAX_NAME_BYTES = 1024;
const MAX_REASON_BYTES = 1024;
/** OPLOCK_BREAK, the larger of the two: 2.2.23. */
const MAX_NOTIFICATION_BYTES = 256;
const MAX_SETTINGS_BYTES = 1024 * 1024;

/** MS-SMB2 3.3.1.7: what a connection has negotiated. */
export const negotiated = record({
  connectionId: whole,
  dialect: u16,
  clientGuid: bytes(16),
  clientCapabilities: u32,
  clientSecurityMode: u16,
  clientDialects: list(u16, MAX_DIALECTS),
  serverCapabilities: u32,
  serverSecurityMode: u16,
  shouldSign: flag,
  cipherId: u16,
  signingAlgorithm: u16,
  posixExtensions: flag,
  /** Connection.CompressionIds; without one: nothing is compressed. */
  compression: maybe(record({ algorithms: list(u16, MAX_COMPRESSION_IDS), chained: flag })),
});
export type Negotiated = Value<typeof negotiated>;

/** ipc/control-plane.ts, LoginStep. */
const loginStep = variant({
  continue: record({ token: blob(MAX_TOKEN_BYTES) }),
  done: record({
    token: blob(MAX_TOKEN_BYTES),
    name: text(MAX_NAME_BYTES),
    account: oneOf('user', 'guest', 'anonymous'),
    sessionKey: maybe(blob(256)),
    expiresAtMs: maybe(whole),
  }),
  refused: record({
    reason: oneOf(
      'logon-failure',
      'malformed',
      'account-disabled',
      'unsupported',
      'clock-skew',
      'account-locked-out',
      'password-expired',
      'password-must-change',
      'unavailable',
    ),
  }),
  /** The login is not there, or failed by a bug. */
  failed: record({}),
});
export type ToldStep = Value<typeof loginStep>;

const keys = record({
  signingKey: blob(256),
  applicationKey: blob(256),
  encryptionKey: maybe(blob(256)),
  decryptionKey: maybe(blob(256)),
});

/** A session that other workers have: objects/session.ts. */
export const sharedSession = record({
  sessionId: whole,
  revision: u16,
  cipherId: u16,
  signingAlgorithm: u16,
  name: text(MAX_NAME_BYTES),
  account: oneOf('user', 'guest', 'anonymous'),
  state: oneOf('inProgress', 'valid', 'expired'),
  /** Without one: none. */
  expiresAtMs: maybe(whole),
  signingRequired: flag,
  encryptData: flag,
  canEncrypt: flag,
  keys,
});
export type SharedSession = Value<typeof sharedSession>;

export const toOwner = variant({
  ready: record({ version: u16 }),
  negotiated,
  /** The first of a loginId begins one. */
  loginStep: record({ loginId: u32, address: text(64), token: blob(MAX_TOKEN_BYTES) }),
  loginClosed: record({ loginId: u32 }),
  admit: record({
    question: u32,
    connectionId: whole,
    sessionId: whole,
    loginId: u32,
    previousSessionId: whole,
    binding: flag,
  }),
  /** A SESSION_SETUP that names a session which the worker does not know. */
  find: record({ question: u32, connectionId: whole, message: blob(MAX_TOKEN_BYTES) }),
  secured: record({
    sessionId: whole,
    signingRequired: flag,
    encryptData: flag,
    canEncrypt: flag,
    keys: maybe(keys),
  }),
  refused: record({ question: u32, sessionId: whole }),
  closed: record({ connectionId: whole }),
});
export type ToOwner = Value<typeof toOwner>;

export const toWorker = variant({
  /** The first; WorkerSettings as node:v8 writes them. */
  settings: record({ version: u16, worker: u16, settings: blob(MAX_SETTINGS_BYTES) }),
  loginAnswer: record({ loginId: u32, step: loginStep }),
  admitted: record({ question: u32, admission: oneOf('admitted', 'full', 'gone') }),
  done: record({ question: u32 }),
  /** `refusal` is 0 where nothing is to be refused. */
  found: record({ question: u32, refusal: u32, session: maybe(sharedSession) }),
  notify: record({
    connectionId: whole,
    sessionId: whole,
    encrypts: flag,
    message: blob(MAX_NOTIFICATION_BYTES),
  }),
  close: record({ connectionId: whole, reason: text(MAX_REASON_BYTES) }),
  /** The configuration was read again, or debug output switched: what `settings` had, as it is now. */
  resettings: record({
    settings: blob(MAX_SETTINGS_BYTES),
    debug: list(oneOf(...DEBUG_COMPONENTS), DEBUG_COMPONENTS.length),
  }),
  sessionEnded: record({ sessionId: whole }),
  sessionRenewed: record({ sessionId: whole, expiresAtMs: maybe(whole), signingRequired: flag }),
  /** Ends all connections, then itself. */
  stop: record({}),
});
export type ToWorker = Value<typeof toWorker>;

/** Goes with the descriptor of a connection. */
export const handOver = record({
  connectionId: whole,
  address: text(64),
  port: u16,
  early: blob(MAX_UNAUTHENTICATED_MESSAGE_BYTES + 4),
});

export const MAX_HAND_OVER_BYTES = MAX_UNAUTHENTICATED_MESSAGE_BYTES + 256;

export interface RelayedRequest {
  readonly kind: 'request';
  readonly connectionId: number;
  readonly encrypted: boolean;
  /** That the client holds. */
  readonly credits: number;
  readonly verdicts: readonly number[];
  readonly message: Buffer;
}

export interface RelayedAnswer {
  readonly kind: 'answer';
  readonly connectionId: number;
  readonly message: Buffer;
}

export interface Told<T> {
  readonly kind: 'event';
  readonly event: T;
}

export function requestHead(request: Omit<RelayedRequest, 'kind' | 'message'>): Buffer {
  const { connectionId, encrypted, credits, verdicts } = request;
  const head = Buffer.allocUnsafe(REQUEST_HEAD_BYTES + 4 * verdicts.length);
  head[0] = REQUEST;
  head[1] = encrypted ? 1 : 0;
  head.writeUIntLE(connectionId, 2, 6);
  head.writeUInt32LE(credits, 8);
  head.writeUInt32LE(verdicts.length, 12);
  for (const [i, verdict] of verdicts.entries()) {
    head.writeUInt32LE(verdict, REQUEST_HEAD_BYTES + 4 * i);
  }
  return head;
}

export function answerHead(connectionId: number): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head[0] = ANSWER;
  head[1] = 0;
  head.writeUIntLE(connectionId, 2, 6);
  return head;
}

export function encodeEvent<T>(field: Field<T>, event: T): Buffer {
  return Buffer.concat([Buffer.of(EVENT), encode(field, event)]);
}

const NAME = 'message between workers';

/** From a worker. */
export function decodeToOwner(payload: Buffer): RelayedRequest | Told<ToOwner> {
  switch (payload[0]) {
    case EVENT:
      return { kind: 'event', event: decode(toOwner, payload.subarray(1), NAME) };
    case REQUEST:
      return decodeRequest(payload);
    default:
      throw new WireError(NAME, `kind ${payload[0]}`);
  }
}

function decodeRequest(payload: Buffer): RelayedRequest {
  if (payload.length < REQUEST_HEAD_BYTES) throw new WireError(NAME, `${payload.length} bytes`);
  const count = payload.readUInt32LE(12);
  const end = REQUEST_HEAD_BYTES + 4 * count;
  if (count > MAX_COMPOUND_MESSAGES || end > payload.length) {
    throw new WireError(NAME, `${count} verdicts in ${payload.length} bytes`);
  }
  const verdicts: number[] = [];
  for (let at = REQUEST_HEAD_BYTES; at < end; at += 4) verdicts.push(payload.readUInt32LE(at));
  return {
    kind: 'request',
    connectionId: payload.readUIntLE(2, 6),
    encrypted: payload[1] === 1,
    credits: payload.readUInt32LE(8),
    verdicts,
    message: payload.subarray(end),
  };
}

/** From the owner. */
export function decodeToWorker(payload: Buffer): RelayedAnswer | Told<ToWorker> {
  switch (payload[0]) {
    case EVENT:
      return { kind: 'event', event: decode(toWorker, payload.subarray(1), NAME) };
    case ANSWER:
      if (payload.length < HEAD_BYTES) throw new WireError(NAME, `${payload.length} bytes`);
      return {
        kind: 'answer',
        connectionId: payload.readUIntLE(2, 6),
        message: payload.subarray(HEAD_BYTES),
      };
    default:
      throw new WireError(NAME, `kind ${payload[0]}`);
  }
}
