/**
 * The portable transport: net.Socket. It frames messages, bounds what a peer can hold up, and stops
 * reading from a peer that does not read its answers.
 */
import type { Socket } from 'node:net';
import { bufferPool, MIN_POOLED_BYTES } from '../base/buffer-pool.ts';
import { MESSAGE_TIMEOUT_MS, SEND_HIGH_WATER_BYTES, SEND_TIMEOUT_MS } from '../base/limits.ts';
import { connectionPart } from '../base/log.ts';
import { unacknowledgedSegments } from '../native/socket.ts';
import type { ServerState } from '../objects/server-state.ts';
import { type ConnectionHandler, serveConnection } from '../server/serve-connection.ts';
import { encodeFrameHeader, positiveSessionResponse } from '../smb2/framing.ts';
import { plainAddress } from './admission.ts';
import { FrameReader } from './frame-reader.ts';
import type { Listener, ListenPlace } from './listener.ts';
import { listenNode } from './node-listener.ts';

class TcpConnection {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #handler: ConnectionHandler;
  readonly #log: ServerState['log'];
  #messageTimer: NodeJS.Timeout | undefined;
  #sendTimer: NodeJS.Timeout | undefined;
  #ended = false;
  /** Waits for memory, or for requests of its own. */
  #paused = false;
  #finished: (() => void) | undefined;
  readonly finished = new Promise<void>((resolve) => {
    this.#finished = resolve;
  });

  constructor(server: ServerState, socket: Socket, remoteAddress: string) {
    const id = server.newConnectionId();
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    this.localAddress = plainAddress(socket.localAddress);
    this.remotePort = socket.remotePort ?? 0;
    this.#log = server.log.part(connectionPart(id, this.remotePort));
    this.#handler = serveConnection(server, this, id, this.#log);
    this.#reader = new FrameReader({
      maxMessageBytes: () => this.#handler.maxMessageBytes(),
      congested: () => this.#sendTimer !== undefined || this.#handler.isBehind(),
      hasRoom: () => !bufferPool.isFull,
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
    this.#pauseIfHeld();
    clearTimeout(this.#messageTimer);
    this.#messageTimer = undefined;
    if (this.#reader.inMessage && !this.#reader.holds && !this.#ended) {
      this.#messageTimer = setTimeout(
        () => this.close('a message that does not go on'),
        MESSAGE_TIMEOUT_MS,
      ).unref();
    }
  }

  /** What came is more than there is memory for now, or than the connection may have waiting. */
  #pauseIfHeld(): void {
    if (!this.#reader.holds || this.#sendTimer !== undefined || this.#ended || this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
    const mayGoOn = (): boolean => this.#ended || (!bufferPool.isFull && !this.#handler.isBehind());
    bufferPool.whenRoom(mayGoOn, () => {
      this.#paused = false;
      if (!this.#ended && this.#sendTimer === undefined) this.#takeHeld();
    });
  }

  /** Goes on with what the reader has, then with what comes. */
  #takeHeld(): void {
    this.#socket.cork();
    this.#reader.resume();
    this.#socket.uncork();
    this.#pauseIfHeld();
    // Unless the answers to what was held have filled the queue again.
    if (this.#sendTimer === undefined && !this.#paused) this.#socket.resume();
  }

  send(parts: readonly Buffer[]): void {
    if (this.#ended) return;
    let length = 0;
    for (const part of parts) length += part.length;
    const socket = this.#socket;
    socket.cork();
    socket.write(encodeFrameHeader(length));
    for (const part of parts) {
      if (part.buffer.byteLength < MIN_POOLED_BYTES) socket.write(part);
      else socket.write(part, () => bufferPool.give(part));
    }
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

  /** Node tells no one the descriptor, but has it at hand; without it, and without native calls, nothing is known. */
  unacknowledged(): boolean {
    const { _handle: handle } = this.#socket as unknown as { _handle?: { fd?: number } | null };
    const fd = handle?.fd ?? -1;
    return this.#socket.writableLength > 0 || (fd >= 0 && unacknowledgedSegments(fd) > 0);
  }

  #drained(): void {
    if (this.#sendTimer === undefined) return;
    clearTimeout(this.#sendTimer);
    this.#sendTimer = undefined;
    if (!this.#ended && !this.#paused) this.#takeHeld();
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

/** A port that is bound, and whose connections wait until `serve`: privileges can be given up in between. */
export const listenTcp = (where: ListenPlace): Promise<Listener> =>
  listenNode(where, (server, socket, address) => new TcpConnection(server, socket, address));
