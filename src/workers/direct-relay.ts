/**
 * A connection by RDMA where there are workers (docs/adr/0008-workers.md): it stays in the owner, which has the files that
 * it writes into the client's memory. Its messages go to a worker, by a socket that looks to it like any other client's; there
 * it meets its session, and the keys.
 */
import { Socket } from 'node:net';
import { bufferPool } from '../base/buffer-pool.ts';
import {
  CHANNEL_HIGH_WATER_BYTES,
  FIRST_MESSAGE_TIMEOUT_MS,
  MAX_UNAUTHENTICATED_MESSAGE_BYTES,
} from '../base/limits.ts';
import { socketPair } from '../native/descriptors.ts';
import { close } from '../native/files.ts';
import type { Transport } from '../objects/connection.ts';
import { encodeFrameHeader, MAX_FRAME_LENGTH } from '../smb2/framing.ts';
import { FrameReader } from '../transport/frame-reader.ts';
import type { Remote } from './relayed-connection.ts';

/** Whoever has the workers: gives a client's end of a socket, with what it has said, to one of them. */
export interface DirectDoor {
  /** False where no worker is there; the descriptor is its own. `ended`: what the connection held is closed. */
  admit(fd: number, early: Buffer, transport: Transport, ended: () => void): boolean;
  /** Of those that have said nothing yet. */
  readonly strangers: Set<DirectRelay>;
}

/** For the transport what `ConnectionHandler` is where there are no workers. */
export class DirectRelay {
  readonly #door: DirectDoor;
  readonly #transport: Transport;
  readonly #timer: NodeJS.Timeout;
  readonly #reader: FrameReader;
  #socket: Socket | undefined;
  #ended: Promise<void> | undefined;
  #isClosed = false;

  constructor(door: DirectDoor, transport: Transport) {
    this.#door = door;
    this.#transport = transport;
    this.#timer = setTimeout(
      () => transport.close('no message in time'),
      FIRST_MESSAGE_TIMEOUT_MS,
    ).unref();
    door.strangers.add(this);
    this.#reader = new FrameReader({
      maxMessageBytes: () => MAX_FRAME_LENGTH,
      congested: () => false,
      hasRoom: () => true,
      message: (payload) => transport.send([payload]),
      sessionRequest: () => transport.close('a worker spoke NetBIOS'),
      broken: (problem) => transport.close(problem),
    });
  }

  maxMessageBytes(): number {
    // Behind the first message the worker's limits hold.
    return this.#socket === undefined ? MAX_UNAUTHENTICATED_MESSAGE_BYTES : MAX_FRAME_LENGTH;
  }

  isBehind(): boolean {
    return (this.#socket?.writableLength ?? 0) > CHANNEL_HIGH_WATER_BYTES;
  }

  receive(message: Buffer): void {
    const header = encodeFrameHeader(message.length);
    if (this.#socket === undefined) this.#begin(Buffer.concat([header, message]));
    else {
      this.#socket.write(header);
      this.#socket.write(message, () => bufferPool.give(message));
    }
  }

  /** Settles when the worker has let go of it, and the owner of all that it held. */
  closed(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#door.strangers.delete(this);
    this.#socket?.destroy();
    return this.#ended ?? Promise.resolve();
  }

  /** Others want to connect. */
  giveWay(): void {
    this.#transport.close('a newer connection takes the place of one that has said nothing');
  }

  #begin(early: Buffer): void {
    clearTimeout(this.#timer);
    this.#door.strangers.delete(this);
    const pair = socketPair('stream');
    if (typeof pair === 'number') {
      this.#transport.close(`socketpair: errno ${-pair}`);
      return;
    }
    const [own, workers] = pair;
    let end = (): void => {};
    this.#ended = new Promise((resolve) => {
      end = resolve;
    });
    if (!this.#door.admit(workers, early, this.#transport, end)) {
      close(own);
      end();
      this.#transport.close('no worker is there');
      return;
    }
    const socket = new Socket({ fd: own, readable: true, writable: true });
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.#isClosed) this.#reader.push(chunk);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (!this.#isClosed) this.#transport.close('the worker closed it');
    });
  }
}

interface Directly {
  readonly direct: Transport;
  readonly clientGuid: Buffer | undefined;
  readonly ended: () => void;
}

/** What the owner knows of it: the descriptor is the worker's alone, so that either end hears of the other's. */
export class DirectRemote implements Remote {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly clientGuid: Buffer | undefined;
  readonly direct: Transport;
  readonly gone: () => void;
  #fd: number;

  constructor(fd: number, { direct, clientGuid, ended }: Directly) {
    this.#fd = fd;
    this.address = direct.remoteAddress;
    this.port = direct.remotePort ?? 0;
    this.localAddress = direct.localAddress;
    this.clientGuid = clientGuid;
    this.direct = direct;
    this.gone = ended;
  }

  handed(): void {
    this.end();
  }

  end(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }

  unacknowledged(): boolean {
    return false;
  }
}
