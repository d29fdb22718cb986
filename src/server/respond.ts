/**
 * MS-SMB2 3.3.4.1: answers on their way out. The one place where credits are granted, messages are
 * signed, compressed and encrypted, and bytes are handed to the transport.
 */

import { bufferPool, MIN_POOLED_BYTES } from '../base/buffer-pool.ts';
import { MAX_UNAUTHENTICATED_CREDITS, MIN_COMPRESSED_BYTES } from '../base/limits.ts';
import {
  type Disconnect,
  type Outcome,
  type Reply,
  SMALL_PAYLOAD_BYTES,
} from '../commands/command.ts';
import { tellAnswer } from '../commands/tell-answer.ts';
import type { Signer } from '../crypto/signing.ts';
import { STATUS_PENDING, STATUS_SUCCESS, STATUS_USER_SESSION_DELETED } from '../dtyp/ntstatus.ts';
import type { Connection } from '../objects/connection.ts';
import type { Request } from '../objects/request.ts';
import type { Session } from '../objects/session.ts';
import { tokenToInvalidate } from '../smb2/channel.ts';
import { encodeErrorResponse } from '../smb2/error.ts';
import {
  addFlags,
  HEADER_SIZE,
  type HeaderFields,
  isRelated,
  isSigned,
  SMB2_FLAGS_ASYNC_COMMAND,
  SMB2_FLAGS_RELATED_OPERATIONS,
  SMB2_FLAGS_SERVER_TO_REDIR,
  SMB2_FLAGS_SIGNED,
  setNextCommand,
  writeHeader,
} from '../smb2/header.ts';
import { align8 } from '../wire/tail.ts';
import { compressesReply, compressReply } from './compression.ts';

export interface Answer {
  /** Header and body, then the payload if there is one. */
  readonly parts: Buffer[];
  readonly signer: Signer | undefined;
  readonly request: Request;
  readonly onEncoded: Reply['onEncoded'];
  readonly onSent: Reply['onSent'];
}

/** Of the SMB2 header, 2.2.1. */
const STATUS_AT = 8;
const SIGNATURE_AT = 48;

const emptyError = encodeErrorResponse({});

/** 3.3.4.3, 3.3.4.4: header and body of one answer, not yet signed. */
export function answer(request: Request, outcome: Exclude<Outcome, Disconnect>): Answer {
  const reply: Reply =
    typeof outcome === 'number' ? { status: outcome, body: emptyError } : outcome;
  return build(request, reply, reply.status ?? STATUS_SUCCESS);
}

/** 3.3.4.2: "request received", with the credits that the answer will no longer carry. */
export const interimAnswer = (request: Request): Answer =>
  build(request, { body: emptyError }, STATUS_PENDING);

function build(request: Request, reply: Reply, status: number): Answer {
  const { connection } = request;
  const { body, payload } = reply;
  const copied = payload !== undefined && payload.length <= SMALL_PAYLOAD_BYTES;
  const bodyEnd = HEADER_SIZE + body.length;
  const message = Buffer.allocUnsafe(bodyEnd + (copied ? payload.length : 0));
  writeHeader(message, headerOf(request, status));
  noted(request, status, body);
  message.set(body, HEADER_SIZE);
  if (copied) {
    message.set(payload, bodyEnd);
    giveBack(payload);
  }
  if (status === STATUS_USER_SESSION_DELETED) echoSignature(request, message);
  return {
    parts: payload === undefined || copied ? [message] : [message, payload],
    signer: reply.signWith ?? signerFor(request, connection),
    request,
    onEncoded: reply.onEncoded,
    onSent: reply.onSent,
  };
}

function noted(request: Request, status: number, body: Buffer): void {
  request.server.traffic.note(request, status, body);
  tellAnswer(request, status);
}

function headerOf(request: Request, status: number): HeaderFields {
  const { header } = request;
  const pended = request.asyncId !== 0;
  return {
    creditCharge: header.creditCharge,
    status,
    command: header.command,
    creditRequest: pended && status !== STATUS_PENDING ? 0 : grantCredits(request),
    flags:
      SMB2_FLAGS_SERVER_TO_REDIR |
      (header.flags & SMB2_FLAGS_RELATED_OPERATIONS) |
      (pended ? SMB2_FLAGS_ASYNC_COMMAND : 0),
    nextCommand: 0,
    messageId: header.messageId,
    processId: header.processId,
    treeId: request.tree?.treeId ?? header.treeId,
    asyncId: request.asyncId,
    sessionId: request.session?.sessionId ?? header.sessionId,
  };
}

/**
 * The same as `answer` and `send` for a small answer to a message that was one request, without anything in
 * between: it is written where it is sent from. False where it is none of those; nothing has happened then.
 */
export function sendAtOnce(request: Request, outcome: Exclude<Outcome, Disconnect>): boolean {
  const { connection } = request;
  const { transport } = connection;
  if (transport.place === undefined || isRelated(request.header)) return false;
  const isStatus = typeof outcome === 'number';
  const status = isStatus ? outcome : (outcome.status ?? STATUS_SUCCESS);
  if (status === STATUS_USER_SESSION_DELETED || connection.state === 'closed') return false;
  const body = isStatus ? emptyError : outcome.body;
  const payload = isStatus ? undefined : outcome.payload;
  const bodyEnd = HEADER_SIZE + body.length;
  const length = bodyEnd + (payload?.length ?? 0);
  if (length > MAX_PLACED_BYTES || (!isStatus && outcome.onEncoded !== undefined)) return false;
  if (length >= MIN_COMPRESSED_BYTES && compressesReply(request)) return false;
  const at = transport.place(length);
  if (at < 0) return false;
  const outbox = transport.outbox!;
  writeHeader(outbox, headerOf(request, status), at);
  noted(request, status, body);
  outbox.set(body, at + HEADER_SIZE);
  if (payload !== undefined) {
    outbox.set(payload, at + bodyEnd);
    giveBack(payload);
  }
  const signer = isStatus ? undefined : outcome.signWith;
  const signs = signer ?? signerFor(request, connection);
  if (signs !== undefined) {
    const message = outbox.subarray(at, at + length);
    addFlags(message, SMB2_FLAGS_SIGNED);
    signs.sign([message]);
  }
  if (!isStatus) outcome.onSent?.();
  return true;
}

/** A payload that has been copied. Most are in no memory of the pool's, which their size tells sooner than the pool. */
function giveBack(payload: Buffer): void {
  if (payload.buffer.byteLength >= MIN_POOLED_BYTES) bufferPool.give(payload);
}

/** Above, a payload is sent from where it lies. */
const MAX_PLACED_BYTES = SMALL_PAYLOAD_BYTES + 1024;

/**
 * Of a session that is gone there is no key. Who demands signatures looks for the flag and takes this status
 * unverified; Windows and Samba give it the request's own signature back (smb2.session.bind_invalid_auth).
 */
function echoSignature({ header }: Request, message: Buffer): void {
  if (!isSigned(header)) return;
  addFlags(message, SMB2_FLAGS_SIGNED);
  header.signature.copy(message, SIGNATURE_AT);
}

/** "Sign every answer to a signed request": errors, interim and late ones too; clients drop others. */
export function signerFor(request: Request, connection: Connection): Signer | undefined {
  if (!isSigned(request.header)) return undefined;
  return request.signer ?? request.session?.signerOn(connection);
}

/**
 * 3.3.4.1.2: a request gives back its charge and what it asks for, up to the server's maximum; before
 * a session is there only a few.
 */
export function grantCredits({ header, connection }: Request): number {
  const charge = Math.max(1, header.creditCharge);
  const wanted = Math.max(charge, header.creditRequest);
  const cap = connection.authenticated ? undefined : MAX_UNAUTHENTICATED_CREDITS;
  const granted = connection.window.grant(wanted, cap);
  // A client without any credit could never speak again.
  return granted === 0 && connection.window.available === 0 ? connection.window.grant(1) : granted;
}

/**
 * 3.3.4.1.3, .1, .4: makes one transport message of the answers and sends it. Encrypted requests are
 * answered encrypted, with `sealer`'s key; a plain one in plain, also when it is refused for being
 * plain: the refusal must reach a client that has lost its keys.
 */
export function send(connection: Connection, answers: readonly Answer[], sealer?: Session): void {
  if (connection.state === 'closed') {
    settle(answers);
    return;
  }
  if (answers.length === 0) return;
  // Before they are encrypted.
  const isRdma = connection.transport.remoteMemory !== undefined;
  const tokens = isRdma ? tokensOf(answers) : undefined;
  const compresses = answers.some(({ request }) => compressesReply(request));
  const isPlain = !compresses && tokens === undefined;
  if (answers.length === 1 && isPlain && sendFromPool(answers[0]!, sealer)) return;
  const out: Buffer[] = [];
  for (const [i, one] of answers.entries()) {
    const head = one.parts[0]!;
    if (answers.length > 1) {
      const padded = pad(one.parts);
      if (i < answers.length - 1) setNextCommand(head, padded);
    }
    if (i === 0) clearRelated(head);
    // An encrypted message is not signed as well: 3.3.4.1.1.
    if (sealer === undefined && one.signer !== undefined) {
      addFlags(head, SMB2_FLAGS_SIGNED);
      one.signer.sign(one.parts);
    }
    one.onEncoded?.(one.parts);
    for (const part of one.parts) out.push(part);
  }
  if (compresses) {
    sendCompressed(connection, out, {
      isAlone: answers.length === 1,
      sealer,
      sent: () => settle(answers),
    });
    return;
  }
  const cipher = sealer?.cipher;
  const message = cipher === undefined ? out : cipher.sealInPlace(sealer!.sessionId, out);
  if (tokens === undefined) connection.transport.send(message);
  else connection.transport.send(message, tokens);
  settle(answers);
}

/**
 * 3.3.4.1.5: what is signed where it is to be is compressed, and then encrypted with `sealer`'s key. `sent`: it is, or never
 * will be.
 */
export function sendCompressed(
  connection: Connection,
  parts: readonly Buffer[],
  how: { isAlone: boolean; sealer: Session | undefined; sent?: () => void },
): void {
  const { sealer, sent } = how;
  const seal = (made: readonly Buffer[]): readonly Buffer[] | Promise<readonly Buffer[]> => {
    if (sealer?.cipher === undefined) return made;
    const { cipher, sessionId } = sealer;
    return cipher.sealInPool?.(sessionId, made) ?? cipher.sealInPlace(sessionId, [...made]);
  };
  const made = compressReply(connection, parts, how.isAlone);
  const ready = made instanceof Promise ? made.then(seal) : seal(made);
  if (ready instanceof Promise) {
    sendWhenReady(connection, ready, sent);
    return;
  }
  connection.transport.send(ready);
  sent?.();
}

/**
 * An answer whose payload is signed or encrypted by another thread (native/crypto-pool.ts): it leaves when that is done,
 * behind what became ready meanwhile. Clients tell answers by their MessageId, 3.2.5.1.
 */
function sendFromPool(one: Answer, sealer: Session | undefined): boolean {
  const { parts, request } = one;
  if (parts.length === 1 || one.onEncoded !== undefined) return false;
  const { connection } = request;
  clearRelated(parts[0]!);
  const ready = sealer === undefined ? signInPool(one) : sealInPool(sealer, parts);
  if (ready === undefined) return false;
  sendWhenReady(connection, ready, () => settle([one]));
  return true;
}

function signInPool({ parts, signer }: Answer): Promise<readonly Buffer[]> | undefined {
  if (signer?.signInPool === undefined) return undefined;
  addFlags(parts[0]!, SMB2_FLAGS_SIGNED);
  return signer.signInPool(parts)?.then(() => parts);
}

const sealInPool = (
  { cipher, sessionId }: Session,
  parts: readonly Buffer[],
): Promise<Buffer[]> | undefined => cipher?.sealInPool?.(sessionId, parts);

/** Sends what another thread makes; `sent`: it is, or never will be. */
export function sendWhenReady(
  connection: Connection,
  ready: Promise<readonly Buffer[]>,
  sent?: () => void,
): void {
  connection.lifetime.hold();
  ready
    .then((parts) => {
      if (connection.state !== 'closed') connection.transport.send(parts);
      sent?.();
    })
    .catch((error: unknown) => {
      connection.log.error('an answer was not signed or encrypted', { error: String(error) });
      connection.transport.close('internal error');
    })
    .finally(() => connection.lifetime.release());
}

/** 3.3.5.12, 3.3.5.13: what the final answers of READ and WRITE release, errors too. */
function tokensOf(answers: readonly Answer[]): number[] {
  const tokens: number[] = [];
  for (const { request, parts } of answers) {
    if (parts[0]!.readUInt32LE(STATUS_AT) === STATUS_PENDING) continue;
    const token = tokenToInvalidate(request.header.command, request.message);
    if (token !== undefined) tokens.push(token);
  }
  return tokens;
}

/** These answers are sent, or never will be. */
export function settle(answers: readonly Answer[]): void {
  for (const one of answers) one.onSent?.();
}

/** "The length of the last response … SHOULD be padded", too; one that is alone is not. */
function pad(parts: Buffer[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  const padded = align8(length);
  // Of its own: what is encrypted is so in place.
  if (padded > length) parts.push(Buffer.alloc(padded - length));
  return padded;
}

function clearRelated(head: Buffer): void {
  const flags = head.readUInt32LE(16);
  if ((flags & SMB2_FLAGS_RELATED_OPERATIONS) !== 0) {
    head.writeUInt32LE((flags & ~SMB2_FLAGS_RELATED_OPERATIONS) >>> 0, 16);
  }
}
