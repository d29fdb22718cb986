/**
 * A connection by the kernel's own calls, in libuv's loop. What comes is received into one buffer that all
 * connections share, a large message straight into the buffer that it will be written from; all the answers
 * to what came together leave in one call, and so do those that become ready together later.
 *
 *     open ── more is unsent than may be ──▶ open, congested (reads nothing) ── sent ──▶ open
 *       │ close
 *       ▼
 *     closing ── the rest is sent, or not in time ──▶ ended
 *
 * What breaks the connection ends it at once.
 */
import { getSystemErrorName } from 'node:util';
import { bufferPool } from '../base/buffer-pool.ts';
import {
  CLOSE_TIMEOUT_MS,
  KEEPALIVE_SECONDS,
  MAX_RECEIVED_AT_ONCE_BYTES,
  MESSAGE_TIMEOUT_MS,
  SEND_HIGH_WATER_BYTES,
  SEND_TIMEOUT_MS,
} from '../base/limits.ts';
import { connectionPart } from '../base/log.ts';
import { close } from '../native/files.ts';
import { addressOf } from '../native/library.ts';
import { localAddress, prepareConnection, shutdownSending } from '../native/listen-socket.ts';
import { SocketPoll } from '../native/poll-socket.ts';
import { EAGAIN, EINTR, recv, unacknowledgedSegments } from '../native/socket.ts';
import type { ServerState } from '../objects/server-state.ts';
import { type ConnectionHandler, serveConnection } from '../server/serve-connection.ts';
import { positiveSessionResponse } from '../smb2/framing.ts';
import { plainAddress } from './admission.ts';
import { FrameReader } from './frame-reader.ts';
import { arena, arenaMark, SendQueue } from './send-queue.ts';

const RECEIVE_BYTES = 256 * 1024;
/** After a large message another is likely: its beginning is received by itself, the rest where it belongs. */
const BEGINNING_BYTES = 1024;
/** Unsent bytes at which answers no longer wait for others to leave with. */
const FLUSH_BYTES = 256 * 1024;

const received = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
const receivedAt = addressOf(received);

/**
 * Answers of all connections that were ready outside an event of theirs, in their order: they leave before any
 * later one, on whatever connection, so that no client hears of a change before the break that it made.
 */
let waitingParts: (readonly Buffer[])[] = [];
let waitingConnections: NativeConnection[] = [];

function sendWaiting(): void {
  if (waitingParts.length === 0) return;
  const all = waitingParts;
  const connections = waitingConnections;
  waitingParts = [];
  waitingConnections = [];
  for (let i = 0; i < all.length; ) {
    const connection = connections[i]!;
    let end = i + 1;
    while (connections[end] === connection) end += 1;
    connection.sendAll(all, i, end);
    i = end;
  }
}

/** A connection that somebody else has accepted. */
export interface Adopted {
  readonly id: number;
  /** What of it was read already. */
  readonly early: Buffer;
}

export class NativeConnection {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly outbox = arena;
  readonly finished: Promise<void>;
  readonly #fd: number;
  readonly #poll: SocketPoll;
  readonly #reader: FrameReader;
  readonly #queue = new SendQueue();
  readonly #handler: ConnectionHandler;
  readonly #log: ServerState['log'];
  #messageTimer: NodeJS.Timeout | undefined;
  #sendTimer: NodeJS.Timeout | undefined;
  /** Answers wait for the end of the event; where its arena began. */
  #corkedAt: number | undefined;
  /** The kernel takes nothing for now. */
  #blocked = false;
  #afterLarge = false;
  /** Waits for memory, or for requests of its own. */
  #paused = false;
  #state: 'open' | 'closing' | 'ended' = 'open';
  #closeTimer: NodeJS.Timeout | undefined;
  #finish: (() => void) | undefined;

  constructor(
    server: ServerState,
    fd: number,
    remoteAddress: string,
    remotePort: number,
    adopted?: Adopted,
  ) {
    const id = adopted?.id ?? server.newConnectionId();
    this.#fd = fd;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.localAddress = plainAddress(localAddress(fd)?.address);
    this.#log = server.log.part(connectionPart(id, remotePort));
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    prepareConnection(fd, KEEPALIVE_SECONDS);
    this.#poll = new SocketPoll(fd, {
      readable: () => this.#readable(),
      writable: () => this.#writable(),
      failed: (error) => this.#failed(error),
    });
    this.#handler = serveConnection(server, this, id, this.#log);
    this.#reader = new FrameReader(
      {
        maxMessageBytes: () => this.#handler.maxMessageBytes(),
        congested: () => this.#sendTimer !== undefined || this.#handler.isBehind(),
        hasRoom: () => !bufferPool.isFull,
        message: (payload) => this.#handler.receive(payload),
        sessionRequest: () => this.#sendRaw(positiveSessionResponse()),
        broken: (problem) => this.close(problem),
      },
      true,
    );
    this.#watch();
    if (adopted !== undefined) this.#take(adopted.early);
  }

  #take(early: Buffer): void {
    this.#cork();
    try {
      this.#reader.push(early);
    } finally {
      this.#uncork();
    }
    this.#expectMore();
  }

  unacknowledged(): boolean {
    return this.#state !== 'ended' && (this.#blocked || unacknowledgedSegments(this.#fd) > 0);
  }

  #watch(): void {
    const reads = this.#state === 'open' && this.#sendTimer === undefined && !this.#paused;
    if (this.#state !== 'ended') this.#poll.wait(reads, this.#blocked);
  }

  #readable(): void {
    this.#cork();
    try {
      this.#receive();
    } finally {
      this.#uncork();
    }
    this.#pauseIfHeld();
    this.#expectMore();
  }

  /** What came is more than there is memory for now, or than the connection may have waiting. */
  #pauseIfHeld(): void {
    const isHeld = this.#reader.holds && this.#sendTimer === undefined && this.#state === 'open';
    if (!isHeld || this.#paused) return;
    this.#paused = true;
    this.#watch();
    const mayGoOn = (): boolean =>
      this.#state !== 'open' || (!bufferPool.isFull && !this.#handler.isBehind());
    bufferPool.whenRoom(mayGoOn, () => {
      this.#paused = false;
      if (this.#state !== 'open' || this.#sendTimer !== undefined) return;
      this.#takeHeld();
    });
  }

  /** Goes on with what the reader has, then with what comes. */
  #takeHeld(): void {
    this.#cork();
    try {
      this.#reader.resume();
    } finally {
      this.#uncork();
    }
    this.#pauseIfHeld();
    this.#watch();
  }

  #receive(): void {
    for (let total = 0; total < MAX_RECEIVED_AT_ONCE_BYTES; ) {
      if (this.#state !== 'open' || this.#sendTimer !== undefined || this.#reader.holds) return;
      const missing = this.#reader.missing;
      const wanted = missing?.length ?? (this.#afterLarge ? BEGINNING_BYTES : RECEIVE_BYTES);
      const count = recv(this.#fd, missing ? addressOf(missing) : receivedAt, wanted, 0);
      if (count === EINTR) continue;
      if (count === EAGAIN) return;
      if (count <= 0) {
        this.#gone(count);
        return;
      }
      total += count;
      if (missing === undefined) this.#reader.push(received.subarray(0, count));
      else this.#reader.received(count);
      this.#afterLarge = missing !== undefined;
      // Less than was asked for: there is no more now.
      if (count < wanted) return;
    }
  }

  #gone(result: number): void {
    // A peer that closes its sending half is gone, as far as SMB goes.
    if (result === 0) {
      this.close('the peer closed the connection');
      return;
    }
    this.#log.debug('conn', 'socket', { error: getSystemErrorName(result) });
    this.#end();
  }

  #expectMore(): void {
    clearTimeout(this.#messageTimer);
    this.#messageTimer = undefined;
    if (!this.#reader.inMessage || this.#reader.holds || this.#state !== 'open') return;
    this.#messageTimer = setTimeout(
      () => this.close('a message that does not go on'),
      MESSAGE_TIMEOUT_MS,
    ).unref();
  }

  send(parts: readonly Buffer[]): void {
    if (this.#state !== 'open') return;
    if (this.#corkedAt !== undefined) {
      this.#queue.add(parts);
      if (this.#queue.bytes >= FLUSH_BYTES) this.#flush(this.#corkedAt);
      return;
    }
    waitingConnections.push(this);
    // Once nothing more is ready now.
    if (waitingParts.push(parts) === 1) process.nextTick(sendWaiting);
  }

  /** In an event of this connection's: what has gathered leaves first where it is much. */
  place(length: number): number {
    if (this.#state !== 'open' || this.#corkedAt === undefined) return -1;
    if (this.#queue.bytes >= FLUSH_BYTES) this.#flush(this.#corkedAt);
    return this.#state === 'open' ? this.#queue.place(length) : -1;
  }

  /** Some of what waited, in one call. */
  sendAll(all: readonly (readonly Buffer[])[], from: number, to: number): void {
    if (this.#state === 'ended') {
      for (let i = from; i < to; i++) for (const part of all[i]!) bufferPool.give(part);
      return;
    }
    const mark = this.#corkedAt ?? arenaMark();
    for (let i = from; i < to; i++) this.#queue.add(all[i]!);
    this.#flush(mark);
  }

  #sendRaw(frame: Buffer): void {
    const mark = this.#corkedAt ?? arenaMark();
    this.#queue.addRaw(frame);
    this.#flush(mark);
  }

  #cork(): void {
    this.#corkedAt = arenaMark();
  }

  #uncork(): void {
    const mark = this.#corkedAt!;
    this.#corkedAt = undefined;
    if (this.#state !== 'ended') this.#flush(mark);
    if (this.#state === 'closing') this.#endIfSent();
  }

  #flush(mark: number): void {
    sendWaiting();
    if (this.#blocked) this.#queue.hold(mark);
    else this.#flushed(this.#queue.flush(this.#fd, mark));
    const isFull = this.#queue.bytes > SEND_HIGH_WATER_BYTES;
    if (!isFull || this.#sendTimer !== undefined || this.#state !== 'open') return;
    this.#sendTimer = setTimeout(
      () => this.close('the peer does not read its answers'),
      SEND_TIMEOUT_MS,
    ).unref();
    this.#watch();
  }

  #flushed(result: number): void {
    if (result !== 0 && result !== EAGAIN) {
      this.#gone(result);
      return;
    }
    const blocked = result === EAGAIN;
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    this.#watch();
  }

  #writable(): void {
    this.#flushed(this.#queue.flush(this.#fd, arenaMark()));
    if (this.#state === 'closing') {
      this.#endIfSent();
      return;
    }
    if (this.#blocked || this.#state === 'ended' || this.#sendTimer === undefined) return;
    clearTimeout(this.#sendTimer);
    this.#sendTimer = undefined;
    if (this.#paused) this.#watch();
    else this.#takeHeld();
  }

  close(reason: string): void {
    if (this.#state !== 'open') return;
    sendWaiting();
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#log.debug('conn', 'closing', { reason });
    this.#reader.end();
    this.#watch();
    // A peer that does not take the rest gets no second chance.
    this.#closeTimer = setTimeout(() => this.#end(), CLOSE_TIMEOUT_MS).unref();
    // What is corked leaves first.
    if (this.#corkedAt === undefined) this.#endIfSent();
  }

  #endIfSent(): void {
    if (this.#queue.bytes > 0) return;
    shutdownSending(this.#fd);
    this.#end();
  }

  #failed(error: unknown): void {
    this.#log.error('a connection failed', {
      error: error instanceof Error ? error.stack : String(error),
    });
    this.#end();
  }

  #end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    clearTimeout(this.#closeTimer);
    clearTimeout(this.#messageTimer);
    clearTimeout(this.#sendTimer);
    this.#reader.end();
    this.#queue.clear();
    this.#poll.close();
    close(this.#fd);
    // Whoever ends it may be in the midst of a request.
    process.nextTick(() => {
      this.#handler
        .closed()
        .catch((error: unknown) => this.#log.error('a connection did not end well', { error }))
        .finally(() => this.#finish!());
    });
  }
}
