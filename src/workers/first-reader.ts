/**
 * Reads the first message of connections that are accepted, to see which worker each is for: as many bytes as a NEGOTIATE
 * may have and as long as it may take, and nothing of what follows. What is no message of SMB2 is a worker's to refuse.
 */
import {
  FIRST_MESSAGE_TIMEOUT_MS,
  MAX_UNAUTHENTICATED_CONNECTIONS,
  MAX_UNAUTHENTICATED_MESSAGE_BYTES,
} from '../base/limits.ts';
import { close } from '../native/files.ts';
import { addressOf } from '../native/library.ts';
import { SocketPoll } from '../native/poll-socket.ts';
import { EAGAIN, EINTR, recv } from '../native/socket.ts';
import { FRAME_HEADER_SIZE, NetbiosType, readFrameHeader } from '../smb2/framing.ts';

const MAX_BYTES = FRAME_HEADER_SIZE + MAX_UNAUTHENTICATED_MESSAGE_BYTES;
const buffer = Buffer.allocUnsafeSlow(MAX_BYTES);
const bufferAt = addressOf(buffer);

interface Reading {
  readonly fd: number;
  readonly poll: SocketPoll;
  readonly timer: NodeJS.Timeout;
  bytes: Buffer;
}

/** `early` is what was read, framing included. */
export type FirstRead = (fd: number, early: Buffer) => void;

export class FirstReader {
  readonly #under = new Set<Reading>();

  /** The descriptor is this one's, until `done` gets it. */
  read(fd: number, done: FirstRead): void {
    // As elsewhere, the oldest who says nothing gives way.
    const [oldest] = this.#under;
    if (this.#under.size >= MAX_UNAUTHENTICATED_CONNECTIONS) this.#drop(oldest!);
    const reading: Reading = {
      fd,
      poll: new SocketPoll(fd, {
        readable: () => this.#receive(reading, done),
        writable: () => undefined,
        failed: () => this.#drop(reading),
      }),
      timer: setTimeout(() => this.#drop(reading), FIRST_MESSAGE_TIMEOUT_MS).unref(),
      bytes: Buffer.alloc(0),
    };
    this.#under.add(reading);
    reading.poll.wait(true, false);
  }

  get size(): number {
    return this.#under.size;
  }

  close(): void {
    for (const reading of this.#under) this.#drop(reading);
  }

  #receive(reading: Reading, done: FirstRead): void {
    for (;;) {
      const wanted = wantedOf(reading.bytes);
      if (wanted === 0) {
        this.#end(reading);
        done(reading.fd, reading.bytes);
        return;
      }
      const count = recv(reading.fd, bufferAt, wanted, 0);
      if (count === EINTR) continue;
      if (count === EAGAIN) return;
      if (count <= 0) {
        this.#drop(reading);
        return;
      }
      reading.bytes = Buffer.concat([reading.bytes, buffer.subarray(0, count)]);
    }
  }

  #end(reading: Reading): void {
    this.#under.delete(reading);
    clearTimeout(reading.timer);
    reading.poll.close();
  }

  #drop(reading: Reading): void {
    this.#end(reading);
    close(reading.fd);
  }
}

/** Bytes that belong to the first message and have not come; 0 as well where they are not worth waiting for. */
function wantedOf(bytes: Buffer): number {
  if (bytes.length < FRAME_HEADER_SIZE) return FRAME_HEADER_SIZE - bytes.length;
  const { type, length } = readFrameHeader(bytes);
  if (type !== NetbiosType.SESSION_MESSAGE || length > MAX_UNAUTHENTICATED_MESSAGE_BYTES) return 0;
  return FRAME_HEADER_SIZE + length - bytes.length;
}
