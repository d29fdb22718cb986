/**
 * A worker's half of the pipeline, MS-SMB2 3.3.5.2: it verifies what came and hands it on to the owner (objects/owner.ts),
 * and what the owner answers gets its credits, its signature and its encryption here, 3.3.4.1. The owner's half is
 * relayed.ts. NEGOTIATE and SESSION_SETUP are a worker's own.
 */
import { bufferPool } from '../base/buffer-pool.ts';
import { rowOf } from '../commands/table.ts';
import { type NtStatus, STATUS_PENDING } from '../dtyp/ntstatus.ts';
import type { Connection } from '../objects/connection.ts';
import type { Owner } from '../objects/owner.ts';
import { Request } from '../objects/request.ts';
import type { ServerState } from '../objects/server-state.ts';
import type { Session } from '../objects/session.ts';
import { endSession } from '../objects/teardown.ts';
import { splitCompound } from '../smb2/compound.ts';
import {
  addFlags,
  Command,
  HEADER_SIZE,
  isAsync,
  isRelated,
  isSigned,
  readHeader,
  SMB2_FLAGS_SIGNED,
  setCredits,
} from '../smb2/header.ts';
import { SMB2_SESSION_FLAG_BINDING } from '../smb2/session-setup.ts';
import { WireError } from '../wire/wire-error.ts';
import { Chain, namesSession } from './chain.ts';
import { compressesReply } from './compression.ts';
import { verifySession, verifySignature } from './preconditions.ts';
import { grantCredits, sendCompressed, sendWhenReady, signerFor } from './respond.ts';
import type { Member, Received, Unwrapped } from './unwrap.ts';

/** Of SESSION_SETUP, 2.2.5. */
const SETUP_FLAGS_AT = HEADER_SIZE + 2;
const OWN: readonly number[] = [Command.NEGOTIATE, Command.SESSION_SETUP];

/** Before somebody has logged in there is nothing that the owner could say. */
export const isRelayed = (connection: Connection, { members }: Unwrapped): boolean =>
  connection.authenticated && !members.some(({ header }) => OWN.includes(header.command));

export function relay(
  server: ServerState,
  owner: Owner,
  connection: Connection,
  { members, encryptedBy, payload }: Received,
): void {
  const verdicts: number[] = [];
  let before: Session | undefined;
  for (const [i, member] of members.entries()) {
    const request = new Request(
      server,
      connection,
      member.header,
      member.message,
      encryptedBy !== undefined,
    );
    const named =
      i > 0 && isRelated(member.header) ? before : connection.sessions.get(member.header.sessionId);
    const refused = verify(request, member, named);
    before = request.session;
    verdicts.push(refused ?? 0);
    // A CANCEL has no answer, and bears the MessageId of another request.
    if (member.header.command !== Command.CANCEL) {
      connection.requests.set(member.header.messageId, request);
      connection.waitingBytes += request.message.length;
    } else if (refused !== undefined) return;
  }
  owner.relay(connection, payload, encryptedBy !== undefined, verdicts);
}

/** A login that names a session which no connection of this worker's has: where it is to bind it, others may have it. */
export function isOfOthers(server: ServerState, { members, encryptedBy }: Unwrapped): boolean {
  const { header, message } = members[0]!;
  if (header.command !== Command.SESSION_SETUP || members.length > 1) return false;
  if (encryptedBy !== undefined || header.sessionId === 0) return false;
  if (server.sessions.has(header.sessionId)) return false;
  return isSigned(header) || (message[SETUP_FLAGS_AT]! & SMB2_SESSION_FLAG_BINDING) !== 0;
}

/** Asks for the session first; then all is as if it were this worker's. */
export async function bindOfOthers(
  server: ServerState,
  owner: Owner,
  connection: Connection,
  member: Member,
): Promise<void> {
  connection.lifetime.hold();
  try {
    const found = await owner.find(connection, member.message);
    if (connection.state === 'closed') return;
    connection.offered = typeof found === 'object' ? found : undefined;
    const verdict = typeof found === 'number' ? found : undefined;
    new Chain(server, connection, {
      members: [{ ...member, verdict }],
      encryptedBy: undefined,
    }).run();
  } catch (error) {
    connection.log.error('a session was not found out about', { error: String(error) });
    connection.transport.close('internal error');
  } finally {
    connection.lifetime.release();
  }
}

/** As Chain does: 3.3.5.2.4 and 3.3.5.2.9. */
function verify(
  request: Request,
  { header, verdict }: Member,
  named: Session | undefined,
): NtStatus | undefined {
  if (named !== undefined) request.connection.idleSinceMs = performance.now();
  const refused = verdict === undefined ? verifySignature(request, named) : verdict || undefined;
  request.session = named;
  if (refused !== undefined) return refused;
  const row = rowOf(header.command);
  if (row.needs === 'nothing' && !namesSession(request, row)) return undefined;
  // A related one without a session is the owner's to refuse.
  if (named === undefined && isRelated(header)) return undefined;
  return verifySession(request, row, named);
}

/** What the owner answers to one message, or to a part of it, in plain. */
export function relayed(server: ServerState, connection: Connection, payload: Buffer): void {
  if (connection.state === 'closed') return;
  let first: Request | undefined;
  let loggedOff: Session | undefined;
  let ready: Promise<readonly Buffer[]> | undefined;
  let compresses = false;
  const messages = splitCompound(payload);
  for (const message of messages) {
    const header = readHeader(message);
    const request = connection.requests.get(header.messageId);
    if (!(request instanceof Request)) throw new WireError('2.2.1', 'an answer to no request');
    first ??= request;
    compresses ||= compressesReply(request);
    const isFinal = header.status !== STATUS_PENDING;
    setCredits(message, isFinal && isAsync(header) ? 0 : grantCredits(request));
    if (isFinal) {
      connection.requests.delete(header.messageId);
      connection.waitingBytes -= request.message.length;
      bufferPool.look();
      if (header.command === Command.LOGOFF && header.status === 0) loggedOff = request.session;
    }
    // An encrypted message is not signed as well, and one that echoes a signature is left as it is.
    if (request.encrypted || isSigned(header)) continue;
    const signer = signerFor(request, connection);
    if (signer === undefined) continue;
    addFlags(message, SMB2_FLAGS_SIGNED);
    if (messages.length === 1 && !compresses)
      ready = signer.signInPool?.([message])?.then(() => [message]);
    if (ready === undefined) signer.sign([message]);
  }
  const sealer = first!.encrypted ? first!.session : undefined;
  if (compresses) {
    sendCompressed(connection, [payload], { isAlone: messages.length === 1, sealer });
  } else if (sealer?.cipher !== undefined) {
    const { cipher, sessionId } = sealer;
    ready = cipher.sealInPool?.(sessionId, [payload]);
    if (ready === undefined) connection.transport.send(cipher.sealInPlace(sessionId, [payload]));
  } else if (ready === undefined) connection.transport.send([payload]);
  if (ready !== undefined) sendWhenReady(connection, ready);
  if (loggedOff !== undefined) {
    endSession(server, loggedOff, 'loggedOff').catch((error: unknown) =>
      connection.log.error('a session did not end well', { error: String(error) }),
    );
  }
}

/** 3.3.4.6, 3.3.4.7: what the owner tells a session's client unasked. */
export function relayedNotification(
  connection: Connection,
  { sessionId, encrypts, message }: { sessionId: number; encrypts: boolean; message: Buffer },
): void {
  const session = connection.sessions.get(sessionId);
  if (session === undefined || connection.state === 'closed') return;
  const { cipher } = session;
  const sealed = cipher !== undefined && (session.encryptData || encrypts);
  connection.transport.send(sealed ? cipher.seal(sessionId, [message]) : [message]);
}
