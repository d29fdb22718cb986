/** MS-SMB2 2.1: a TCP connection that sends and receives framed messages, and raw bytes on demand. */
import { connect, type Socket } from 'node:net';
import {
  encodeFrameHeader,
  FRAME_HEADER_SIZE,
  NetbiosType,
  readFrameHeader,
} from '../smb2/framing.ts';
import { ConnectionEnded } from './client-error.ts';

export interface FrameSocketOptions {
  readonly host: string;
  readonly port: number;
  /** Of this machine, to come from; the system's choice if absent. */
  readonly localAddress?: string | undefined;
  /** For the connection to come up. */
  readonly timeoutMs: number;
}

/** What a client's connection needs of whatever carries its messages. */
export type MessageSocket = Pick<FrameSocket, keyof FrameSocket>;

export class FrameSocket {
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];
  #buffered = 0;
  #ended = false;
  /** One message, without its framing. */
  onFrame: ((message: Buffer) => void) | undefined;
  /** Called once, however the connection ends. */
  onEnd: ((error: Error) => void) | undefined;
  /** Settles when the connection is gone. */
  readonly ended: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.ended = new Promise((resolve) => {
      let problem = 'the server closed the connection';
      socket.on('error', (error) => {
        problem = error.message;
      });
      socket.on('close', () => {
        this.#ended = true;
        this.onEnd?.(new ConnectionEnded(problem));
        resolve();
      });
    });
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
  }

  static open(options: FrameSocketOptions): Promise<FrameSocket> {
    return new Promise((resolve, reject) => {
      const { host, port, localAddress, timeoutMs } = options;
      const socket = connect({ host, port, ...(localAddress !== undefined && { localAddress }) });
      const timer = setTimeout(
        () => socket.destroy(new Error('connecting took too long')),
        timeoutMs,
      );
      const failed = (error: Error): void => {
        clearTimeout(timer);
        reject(new ConnectionEnded(error.message));
      };
      socket.once('error', failed);
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.removeListener('error', failed);
        resolve(new FrameSocket(socket));
      });
    });
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  send(parts: readonly Buffer[]): void {
    let length = 0;
    for (const part of parts) length += part.length;
    this.sendBytes(Buffer.concat([encodeFrameHeader(length), ...parts]));
  }

  /** As they are, without a frame of ours. */
  sendBytes(bytes: Buffer): void {
    if (!this.#ended) this.#socket.write(bytes);
  }

  /** Stops reading, as a client that hangs; `false` goes on. */
  pause(paused = true): void {
    if (paused) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Sends FIN behind what is under way. */
  end(): void {
    this.#socket.end();
  }

  /** Nothing more is read or sent; with `reset`, by RST. */
  destroy(reset = false): void {
    if (reset) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    for (;;) {
      if (this.#buffered < FRAME_HEADER_SIZE) return;
      const head = this.#peek(FRAME_HEADER_SIZE);
      const { type, length } = readFrameHeader(head);
      if (this.#buffered < FRAME_HEADER_SIZE + length) return;
      const frame = this.#take(FRAME_HEADER_SIZE + length).subarray(FRAME_HEADER_SIZE);
      if (type === NetbiosType.SESSION_MESSAGE) this.onFrame?.(frame);
    }
  }

  #peek(count: number): Buffer {
    if (this.#chunks[0]!.length < count)
      this.#chunks.splice(0, Infinity, Buffer.concat(this.#chunks));
    return this.#chunks[0]!.subarray(0, count);
  }

  /** A buffer of the message's own, since signatures are verified in place. */
  #take(count: number): Buffer {
    const whole = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks.length = 0;
    this.#buffered -= count;
    if (whole.length > count) this.#chunks.push(whole.subarray(count));
    return whole.subarray(0, count);
  }
}
