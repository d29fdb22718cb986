/**
 * MS-SMB2 3.3.5.2: the request pipeline, on one screen.
 *
 *     unwrap (3.3.5.2.1) → state (.2) → sequence (.3) → size (3.3.5.2)
 *       → signature (.4) → session (.9) → tree (.11) → credit charge (.5) → open → command → respond
 *
 * The second line is Chain's, per request; the first is done for a whole message before anything
 * of it is acted upon.
 */
import { bufferPool, MIN_POOLED_BYTES } from '../base/buffer-pool.ts';
import {
  MAX_SMALL_MESSAGE_BYTES,
  MAX_UNAUTHENTICATED_MESSAGE_BYTES,
  MESSAGE_OVERHEAD_BYTES,
} from '../base/limits.ts';
import { Disconnect } from '../commands/command.ts';
import { multiProtocolNegotiate } from '../commands/negotiate.ts';
import { rowOf } from '../commands/table.ts';
import type { Connection } from '../objects/connection.ts';
import { Request } from '../objects/request.ts';
import type { ServerState } from '../objects/server-state.ts';
import {
  Command,
  encodeHeader,
  type Header,
  isCommand,
  isRelated,
  isResponse,
  readHeader,
} from '../smb2/header.ts';
import { WireError } from '../wire/wire-error.ts';
import { Chain } from './chain.ts';
import { bindOfOthers, isOfOthers, isRelayed, relay } from './relay.ts';
import { answer, send } from './respond.ts';
import { type Member, type Received, type Unwrapped, unwrap, unwrapInPool } from './unwrap.ts';

/** Bytes of a transport message that this connection may send now; longer ones end it unread. */
export function maxMessageBytes(server: ServerState, connection: Connection): number {
  if (!connection.authenticated) return MAX_UNAUTHENTICATED_MESSAGE_BYTES;
  const { maxWriteSize, maxTransactSize } = connection.dialect ?? server.options;
  return Math.max(maxWriteSize, maxTransactSize) + MESSAGE_OVERHEAD_BYTES + 52;
}

/** Takes one transport message. Whatever it holds, this returns; the connection may have ended. */
export function receive(server: ServerState, connection: Connection, payload: Buffer): void {
  if (connection.state === 'closed') return;
  try {
    const problem = process(server, connection, payload);
    if (problem !== undefined) connection.transport.close(problem.reason);
  } catch (error) {
    fail(connection, error);
  }
}

function fail(connection: Connection, error: unknown): void {
  if (!(error instanceof WireError)) {
    connection.log.error('a message failed', {
      error: error instanceof Error ? error.stack : String(error),
    });
  }
  connection.transport.close(error instanceof WireError ? error.message : 'internal error');
}

function process(
  server: ServerState,
  connection: Connection,
  payload: Buffer,
): Disconnect | undefined {
  const maxBytes = maxMessageBytes(server, connection);
  const unwrapped =
    unwrapInPool(connection, payload, maxBytes) ?? unwrap(connection, payload, maxBytes);
  if (unwrapped instanceof Promise) {
    holdUntil(server, connection, payload.length, unwrapped);
    return undefined;
  }
  if (unwrapped instanceof Disconnect) return unwrapped;
  if (unwrapped === 'smb1') return receiveSmb1(server, connection, payload);
  const problem = admitAll(connection, unwrapped);
  if (problem !== undefined) return problem;
  if (connection.held.length === 0) begin(server, connection, unwrapped);
  else connection.held.push({ begin: () => begin(server, connection, unwrapped) });
  return undefined;
}

/** What comes behind the message is begun behind it. */
function holdUntil(
  server: ServerState,
  connection: Connection,
  bytes: number,
  later: Promise<Received | Disconnect>,
): void {
  const held: Connection['held'][number] = { begin: undefined };
  connection.held.push(held);
  connection.waitingBytes += bytes;
  connection.heldBytes += bytes;
  connection.lifetime.hold();
  const go = (unwrapped: Received | Disconnect): Disconnect | undefined => {
    if (connection.state === 'closed') return undefined;
    if (unwrapped instanceof Disconnect) return unwrapped;
    const problem = admitAll(connection, unwrapped);
    if (problem !== undefined) return problem;
    held.begin = () => begin(server, connection, unwrapped);
    beginHeld(connection);
    return undefined;
  };
  later
    .then((unwrapped) => {
      const problem = go(unwrapped);
      if (problem !== undefined) connection.transport.close(problem.reason);
    })
    .catch((error: unknown) => fail(connection, error))
    .finally(() => {
      connection.waitingBytes -= bytes;
      connection.heldBytes -= bytes;
      bufferPool.look();
      connection.lifetime.release();
    });
}

function beginHeld(connection: Connection): void {
  const { held } = connection;
  while (connection.state !== 'closed' && held[0]?.begin !== undefined) held.shift()!.begin!();
}

function admitAll(connection: Connection, { members }: Unwrapped): Disconnect | undefined {
  for (const member of members) {
    const problem = admit(connection, member, members.length);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function begin(server: ServerState, connection: Connection, unwrapped: Received): void {
  const { owner } = server;
  if (owner !== undefined && isRelayed(connection, unwrapped)) {
    relay(server, owner, connection, unwrapped);
  } else if (owner !== undefined && isOfOthers(server, unwrapped)) {
    void bindOfOthers(server, owner, connection, unwrapped.members[0]!);
  } else new Chain(server, connection, unwrapped, reuse(unwrapped, unwrapped.payload)).run();
}

/** The buffer of a WRITE that came alone is free when it is answered: no handler keeps its data. */
export function reuse({ members }: Unwrapped, payload: Buffer): (() => void) | undefined {
  if (payload.length < MIN_POOLED_BYTES || members.length > 1) return undefined;
  const isWrite = members[0]!.header.command === Command.WRITE;
  return isWrite ? () => bufferPool.give(payload) : undefined;
}

/** 3.3.5.3: an SMB1 NEGOTIATE that offers SMB2 is answered as message 0 of SMB2. */
function receiveSmb1(
  server: ServerState,
  connection: Connection,
  payload: Buffer,
): Disconnect | undefined {
  if (server.smb1?.(connection, payload) === true) return undefined;
  if (!connection.window.take(0, 1)) return new Disconnect('SMB1 after SMB2');
  const header = readHeader(encodeHeader({ command: Command.NEGOTIATE }));
  const request = new Request(server, connection, header, payload, false);
  const outcome = multiProtocolNegotiate(payload, request);
  if (outcome instanceof Disconnect) return outcome;
  send(connection, [answer(request, outcome)]);
  return undefined;
}

/**
 * 3.3.5.2.6 ends a connection for an unknown command. One that follows others in a related chain is
 * refused with INVALID_PARAMETER, as by Samba: what is before it belongs to somebody who is known.
 */
const isFollower = (connection: Connection, header: Header, members: number): boolean =>
  members > 1 && isRelated(header) && connection.authenticated;

/** 3.3.5.2.2, .3, .6 and the sizes of 3.3.5.2: whether this request may be looked at. */
function admit(
  connection: Connection,
  { header, message }: Member,
  members: number,
): Disconnect | undefined {
  if (!isCommand(header.command) && !isFollower(connection, header, members)) {
    return new Disconnect(`unknown command ${header.command}`);
  }
  const row = rowOf(header.command);
  if (isResponse(header)) return new Disconnect('a request that says it is a response');
  if (header.command === Command.NEGOTIATE ? members > 1 : connection.state !== 'negotiated') {
    return new Disconnect('a request out of place: NEGOTIATE comes first, and alone');
  }
  if (header.command === Command.CANCEL) return undefined;
  const multiCredit = connection.dialect?.multiCredit === true;
  if (!(multiCredit && row.large) && message.length > MAX_SMALL_MESSAGE_BYTES) {
    return new Disconnect(`a ${row.name} request of ${message.length} bytes`);
  }
  const charge = multiCredit ? Math.max(1, header.creditCharge) : 1;
  if (!connection.window.take(header.messageId, charge)) {
    return new Disconnect(`MessageId ${header.messageId} is not available`);
  }
  return undefined;
}
