/**
 * A channel over one end of a Unix-domain socket pair, in the frames of MS-SMB2 2.1: what is sent in one turn of the loop
 * leaves in one call, large messages are received straight into a buffer of their own.
 */
import { CHANNEL_HIGH_WATER_BYTES } from '../base/limits.ts';
import { close } from '../native/files.ts';
import { addressOf } from '../native/library.ts';
import { SocketPoll } from '../native/poll-socket.ts';
import { EAGAIN, EINTR, recv } from '../native/socket.ts';
import { MAX_FRAME_LENGTH } from '../smb2/framing.ts';
import { FrameReader } from '../transport/frame-reader.ts';
import { arenaMark, SendQueue } from '../transport/send-queue.ts';
import type { Channel, ChannelEvents } from './channel.ts';

const RECEIVE_BYTES = 256 * 1024;
/** In one event, so that clients are served between. */
const MAX_RECEPTIONS = 16;

const received = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
const receivedAt = addressOf(received);

export class NativeChannel implements Channel {
  readonly #fd: number;
  readonly #poll: SocketPoll;
  readonly #queue = new SendQueue();
  readonly #reader: FrameReader;
  #events: ChannelEvents | undefined;
  #waiting: (readonly Buffer[])[] = [];
  #waitingBytes = 0;
  #blocked = false;
  #wasCongested = false;
  #closed = false;

  /** The descriptor is the channel's from now on. */
  constructor(fd: number) {
    this.#fd = fd;
    this.#reader = new FrameReader(
      {
        maxMessageBytes: () => MAX_FRAME_LENGTH,
        congested: () => false,
        hasRoom: () => true,
        message: (payload) => this.#events?.message(payload),
        sessionRequest: () => this.#end('a session request'),
        broken: (problem) => this.#end(problem),
      },
      true,
    );
    this.#poll = new SocketPoll(fd, {
      readable: () => this.#receive(),
      writable: () => this.#flush(),
      failed: (error) =>
        this.#end(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    });
  }

  listen(events: ChannelEvents): void {
    this.#events = events;
    this.#poll.wait(true, this.#blocked);
  }

  get congested(): boolean {
    const isFull = this.#queue.bytes + this.#waitingBytes > CHANNEL_HIGH_WATER_BYTES;
    this.#wasCongested ||= isFull;
    return isFull;
  }

  send(parts: readonly Buffer[]): void {
    if (this.#closed) return;
    for (const part of parts) this.#waitingBytes += part.length;
    // Once nothing more is ready now.
    if (this.#waiting.push(parts) === 1) process.nextTick(() => this.#flush());
  }

  #flush(): void {
    if (this.#closed) return;
    const mark = arenaMark();
    for (const parts of this.#waiting) this.#queue.add(parts);
    this.#waiting = [];
    this.#waitingBytes = 0;
    const result = this.#queue.flush(this.#fd, mark);
    if (result !== 0 && result !== EAGAIN) {
      this.#end(`sending fails with errno ${-result}`);
      return;
    }
    this.#blocked = result === EAGAIN;
    this.#poll.wait(this.#events !== undefined, this.#blocked);
    if (!this.#wasCongested || this.congested) return;
    this.#wasCongested = false;
    this.#events?.drained();
  }

  #receive(): void {
    for (let i = 0; i < MAX_RECEPTIONS && !this.#closed; i++) {
      const missing = this.#reader.missing;
      const wanted = missing?.length ?? RECEIVE_BYTES;
      const count = recv(this.#fd, missing ? addressOf(missing) : receivedAt, wanted, 0);
      if (count === EINTR) continue;
      if (count === EAGAIN) return;
      if (count <= 0) {
        this.#end(count === 0 ? 'the other end is closed' : `receiving fails with errno ${-count}`);
        return;
      }
      if (missing === undefined) this.#reader.push(received.subarray(0, count));
      else this.#reader.received(count);
      if (count < wanted) return;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    this.#reader.end();
    this.#queue.clear();
    this.#poll.close();
    close(this.#fd);
  }

  #end(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.end();
    this.#queue.clear();
    this.#poll.close();
    close(this.#fd);
    this.#events?.closed(reason);
  }
}
