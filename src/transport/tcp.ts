/**
 * The portable transport: net.Socket. It frames messages, bounds what a peer can hold up, and stops
 * reading from a peer that does not read its answers.
 */
import { createServer, type Server, type Socket } from 'node:net';
import {
  MAX_CONNECTIONS_PER_ADDRESS,
  MAX_UNAUTHENTICATED_CONNECTIONS,
  MESSAGE_TIMEOUT_MS,
  SEND_HIGH_WATER_BYTES,
  SEND_TIMEOUT_MS,
} from '../base/limits.ts';
import { connectionPart } from '../base/log.ts';
import type { ServerState } from '../objects/server-state.ts';
import { type ConnectionHandler, serveConnection } from '../server/serve-connection.ts';
import { encodeFrameHeader, positiveSessionResponse } from '../smb2/framing.ts';
import { FrameReader } from './frame-reader.ts';

export interface Listener {
  /** The port that is listened on, chosen by the system when 0 was asked for. */
  readonly port: number;
  readonly address: string;
  /** Takes no more connections and ends those that are there; settles when all of them are closed. */
  close(): Promise<void>;
}

class TcpConnection {
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #handler: ConnectionHandler;
  readonly #log: ServerState['log'];
  #messageTimer: NodeJS.Timeout | undefined;
  #sendTimer: NodeJS.Timeout | undefined;
  #ended = false;
  #finished: (() => void) | undefined;
  readonly finished = new Promise<void>((resolve) => {
    this.#finished = resolve;
  });

  constructor(server: ServerState, socket: Socket, id: number) {
    this.#socket = socket;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.#log = server.log.part(connectionPart(id, socket.remotePort ?? 0));
    this.#handler = serveConnection(server, this, id, this.#log);
    this.#reader = new FrameReader({
      maxMessageBytes: () => this.#handler.maxMessageBytes(),
      congested: () => this.#sendTimer !== undefined,
      message: (payload) => this.#handler.receive(payload),
      sessionRequest: () => void socket.write(positiveSessionResponse()),
      broken: (problem) => this.close(problem),
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('drain', () => this.#drained());
    socket.on('error', (error) => this.#log.debug('conn', 'socket', { error: error.message }));
    // A peer that closes its sending half is gone, as far as SMB goes.
    socket.on('end', () => this.close('the peer closed the connection'));
    socket.on('close', () => this.#closed());
  }

  #receive(chunk: Buffer): void {
    // One write for all the answers to what came together.
    this.#socket.cork();
    this.#reader.push(chunk);
    this.#socket.uncork();
    clearTimeout(this.#messageTimer);
    this.#messageTimer = undefined;
    if (this.#reader.inMessage && !this.#ended) {
      this.#messageTimer = setTimeout(
        () => this.close('a message that does not go on'),
        MESSAGE_TIMEOUT_MS,
      ).unref();
    }
  }

  send(parts: readonly Buffer[]): void {
    if (this.#ended) return;
    let length = 0;
    for (const part of parts) length += part.length;
    const socket = this.#socket;
    socket.cork();
    socket.write(encodeFrameHeader(length));
    for (const part of parts) socket.write(part);
    // Uncorked in the next tick, so that answers which are ready together leave together.
    process.nextTick(uncork, socket);
    if (socket.writableLength > SEND_HIGH_WATER_BYTES && this.#sendTimer === undefined) {
      socket.pause();
      this.#sendTimer = setTimeout(
        () => this.close('the peer does not read its answers'),
        SEND_TIMEOUT_MS,
      ).unref();
    }
  }

  #drained(): void {
    if (this.#sendTimer === undefined) return;
    clearTimeout(this.#sendTimer);
    this.#sendTimer = undefined;
    if (this.#ended) return;
    this.#socket.cork();
    this.#reader.resume();
    this.#socket.uncork();
    // Unless the answers to what was held have filled the queue again.
    if (this.#sendTimer === undefined) this.#socket.resume();
  }

  close(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#log.debug('conn', 'closing', { reason });
    this.#reader.end();
    this.#socket.destroySoon();
    // A peer that does not take the rest gets no second chance.
    setTimeout(() => this.#socket.destroy(), 1_000).unref();
  }

  #closed(): void {
    this.#ended = true;
    clearTimeout(this.#messageTimer);
    clearTimeout(this.#sendTimer);
    this.#reader.end();
    this.#handler
      .closed()
      .catch((error: unknown) => this.#log.error('a connection did not end well', { error }))
      .finally(() => this.#finished!());
  }
}

const uncork = (socket: Socket): void => socket.uncork();

export async function listenTcp(
  server: ServerState,
  options: { readonly port: number; readonly address: string | undefined },
): Promise<Listener> {
  const open = new Set<TcpConnection>();
  let nextId = 1;
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const refused = refuse(server, socket, open);
    if (refused !== undefined) {
      server.log.warn('connection refused', { address: socket.remoteAddress, reason: refused });
      socket.destroy();
      return;
    }
    const connection = new TcpConnection(server, socket, nextId++);
    open.add(connection);
    void connection.finished.then(() => open.delete(connection));
  });
  await listening(listener, options);
  const bound = listener.address();
  if (bound === null || typeof bound === 'string') throw new Error('not a TCP listener');
  return {
    port: bound.port,
    address: bound.address,
    async close() {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      const ending = [...open].map((connection) => {
        connection.close('the server stops');
        return connection.finished;
      });
      await Promise.all([closed, ...ending]);
    },
  };
}

function refuse(
  server: ServerState,
  socket: Socket,
  open: ReadonlySet<TcpConnection>,
): string | undefined {
  if (open.size >= server.options.maxConnections) return 'too many connections';
  let fromThere = 0;
  for (const one of open) if (one.remoteAddress === socket.remoteAddress) fromThere += 1;
  if (fromThere >= MAX_CONNECTIONS_PER_ADDRESS) return 'too many connections from one address';
  let strangers = 0;
  for (const one of server.connections) if (!one.authenticated) strangers += 1;
  if (strangers >= MAX_UNAUTHENTICATED_CONNECTIONS) return 'too many connections without a session';
  return undefined;
}

function listening(
  listener: Server,
  options: { readonly port: number; readonly address: string | undefined },
): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.once('error', reject);
    listener.listen({ port: options.port, host: options.address, exclusive: true }, () => {
      listener.removeListener('error', reject);
      resolve();
    });
  });
}
