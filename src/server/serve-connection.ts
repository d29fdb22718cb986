/** MS-SMB2 3.3.5.1: a new connection, from the transport's side. */
import { bufferPool } from '../base/buffer-pool.ts';
import { AUTHENTICATION_TIMEOUT_MS, IDLE_CHECK_MS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { Connection, type Transport } from '../objects/connection.ts';
import { MessageWindow } from '../objects/message-window.ts';
import type { ServerState } from '../objects/server-state.ts';
import { endConnection } from '../objects/teardown.ts';
import { maxMessageBytes, receive } from './receive.ts';

/** What a transport calls. */
export interface ConnectionHandler {
  readonly connection: Connection;
  /** Bytes that a message may have now; the transport ends the connection at a longer one. */
  maxMessageBytes(): number;
  /** So much of what it asked for waits that it is to ask for no more. */
  isBehind(): boolean;
  /** One whole message, without its framing; the handler may keep the buffer. */
  receive(message: Buffer): void;
  /** The connection is gone; settles when all it held is closed. */
  closed(): Promise<void>;
}

export function serveConnection(
  server: ServerState,
  transport: Transport,
  id: number,
  log: Logger,
  window = new MessageWindow(server.options.maxCredits),
): ConnectionHandler {
  const connection = new Connection(id, transport, window, log);
  server.connections.add(connection);
  server.owner?.opened(connection);
  const deadline = setTimeout(() => {
    if (!connection.authenticated) transport.close('no session in time');
  }, AUTHENTICATION_TIMEOUT_MS).unref();
  watchIdleness(connection, server.options.deadtimeMs);
  return {
    connection,
    maxMessageBytes: () => maxMessageBytes(server, connection),
    isBehind: () =>
      connection.waitingBytes > bufferPool.sharedBytes || server.owner?.isBehind() === true,
    receive: (message) => receive(server, connection, message),
    closed: () => {
      clearTimeout(deadline);
      watchIdleness(connection, 0);
      server.owner?.gone(connection);
      return endConnection(server, connection);
    },
  };
}

/** ksmbd's `deadtime`, 0 for none: what holds no file open and asks for nothing is ended. Clients connect anew. */
export function watchIdleness(connection: Connection, deadtimeMs: number): void {
  clearInterval(connection.idleCheck);
  connection.idleCheck = undefined;
  if (deadtimeMs === 0) return;
  const check = (): void => {
    const idleMs = performance.now() - connection.idleSinceMs;
    if (idleMs >= deadtimeMs && connection.idle) connection.transport.close('idle too long');
  };
  connection.idleCheck = setInterval(check, Math.min(deadtimeMs, IDLE_CHECK_MS)).unref();
}
