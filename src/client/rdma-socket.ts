/** MS-SMBD: a client's messages over SMB Direct on iWARP, and memory of its own that the server may reach. */
import { connectIwarp } from '../rdma/iwarp/initiator.ts';
import type { RdmaConnection } from '../rdma/rdma.ts';
import { SmbDirectChannel } from '../rdma/smb-direct/channel.ts';
import { decodeNegotiateResponse, encodeNegotiateRequest } from '../rdma/smb-direct/messages.ts';
import {
  acceptNegotiated,
  MAX_RECEIVE_SIZE,
  proposeNegotiate,
} from '../rdma/smb-direct/negotiation.ts';
import { ConnectionEnded } from './client-error.ts';
import type { FrameSocketOptions, MessageSocket } from './frame-socket.ts';

/** RDMA memory of an initiator. */
interface Memory {
  register(buffer: Buffer): number;
  release(token: number): boolean;
  has(token: number): boolean;
}

/** Of one message, as our own server sends them. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
const MAX_ULPDU_BYTES = 1440;

export interface RdmaSocketOptions extends FrameSocketOptions {
  /** iWARP's checksums. */
  readonly crc?: boolean;
  readonly maxUlpduBytes?: number;
}

export class RdmaSocket implements MessageSocket {
  readonly #rdma: RdmaConnection;
  readonly memory: Memory;
  #channel: SmbDirectChannel | undefined;
  #ended = false;
  #gone: (() => void) | undefined;
  onFrame: ((message: Buffer) => void) | undefined;
  onEnd: ((error: Error) => void) | undefined;
  readonly ended = new Promise<void>((resolve) => {
    this.#gone = resolve;
  });

  private constructor(rdma: RdmaConnection, memory: Memory) {
    this.#rdma = rdma;
    this.memory = memory;
  }

  static async open(options: RdmaSocketOptions): Promise<RdmaSocket> {
    const { host, port, crc = false, maxUlpduBytes = MAX_ULPDU_BYTES } = options;
    let socket: RdmaSocket | undefined;
    let receive = (_message: Buffer): void => {};
    let settle: ((response: Buffer | undefined) => void) | undefined;
    const negotiated = new Promise<Buffer | undefined>((resolve) => {
      settle = resolve;
    });
    const dialled = { host, port, crc, maxUlpduBytes, maxMessageBytes: MAX_RECEIVE_SIZE };
    const { connection } = await connectIwarp(dialled, {
      established: () => {},
      received: (message) => receive(message),
      drained: () => {},
      closed: () => {
        settle!(undefined);
        if (socket !== undefined) socket.#closed();
      },
    });
    receive = (message) => {
      settle!(Buffer.from(message));
      receive = (next) => socket!.#channel!.receive(next);
    };
    connection.post(1);
    connection.send([encodeNegotiateRequest(proposeNegotiate())]);
    const response = await negotiated;
    if (response === undefined) throw new ConnectionEnded('the server closed the connection');
    const settings = acceptNegotiated(decodeNegotiateResponse(response));
    if (settings === undefined) throw new ConnectionEnded('SMB Direct was refused');
    socket = new RdmaSocket(connection, connection.memory);
    const opened = socket;
    socket.#channel = new SmbDirectChannel(connection, settings, {
      message: (message) => opened.onFrame?.(message),
      maxMessageBytes: () => MAX_MESSAGE_BYTES,
      isBehind: () => false,
    });
    return opened;
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  get localPort(): number {
    return 0;
  }

  send(parts: readonly Buffer[]): void {
    if (!this.#ended) this.#channel!.send(parts);
  }

  /** A message of any content; there are no frames. */
  sendBytes(bytes: Buffer): void {
    this.send([bytes]);
  }

  pause(paused = true): void {
    if (paused) this.#rdma.pause();
    else this.#rdma.resume();
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    this.#rdma.close('the client is done');
  }

  #closed(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#channel?.end();
    this.onEnd?.(new ConnectionEnded('the server closed the connection'));
    this.#gone!();
  }
}
