/** A connection as the owner has it: its socket, its credits and its keys are at a worker. */
import { close } from '../native/files.ts';
import { localAddress } from '../native/listen-socket.ts';
import { unacknowledgedSegments } from '../native/socket.ts';
import type { RemoteMemory, Transport } from '../objects/connection.ts';
import { MessageWindow } from '../objects/message-window.ts';
import type { WorkerEnd } from '../objects/owner.ts';
import type { Session } from '../objects/session.ts';
import { plainAddress } from '../transport/admission.ts';
import type { Channel } from './channel.ts';
import { answerHead, encodeEvent, type ToWorker, toWorker } from './protocol.ts';

/** Where a client is, and where it has come to. */
export interface Remote {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  /** Where its first message tells it. */
  readonly clientGuid: Buffer | undefined;
  /** See Transport. */
  unacknowledged(): boolean;
  /** Its worker has the descriptor. */
  handed?(): void;
  /** Nothing more is asked of it. */
  end(): void;
  /** What the connection held is closed. */
  gone?(): void;
  /** Where it is one by RDMA: it stayed here, with the client's memory. */
  readonly direct?: Transport;
}

type KeptOf = Pick<Remote, 'address' | 'port' | 'clientGuid'>;

/**
 * The owner keeps a descriptor of the socket beside the worker's: the system is asked about it, and a client whose worker
 * has been killed hears of that when what was open is closed.
 */
export class KeptSocket implements Remote {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly clientGuid: Buffer | undefined;
  #fd: number;

  /** The descriptor is this one's from now on. */
  constructor(fd: number, { address, port, clientGuid }: KeptOf) {
    this.#fd = fd;
    this.address = address;
    this.port = port;
    this.clientGuid = clientGuid;
    this.localAddress = plainAddress(localAddress(fd)?.address);
  }

  unacknowledged(): boolean {
    return this.#fd >= 0 && unacknowledgedSegments(this.#fd) > 0;
  }

  end(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }
}

/** Credits are granted at the worker; here is what it last said of them. */
export class ToldWindow extends MessageWindow {
  told = 0;

  override get available(): number {
    return this.told;
  }

  override grant(wanted: number): number {
    return wanted;
  }
}

export class RelayedTransport implements Transport, WorkerEnd {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly worker: WorkerEnd = this;
  readonly #id: number;
  readonly #remote: Remote;
  readonly #channel: Channel;
  readonly remoteMemory?: RemoteMemory;

  constructor(id: number, remote: Remote, channel: Channel) {
    this.#id = id;
    const memory = remote.direct?.remoteMemory;
    if (memory !== undefined) this.remoteMemory = memory;
    this.#remote = remote;
    this.remoteAddress = remote.address;
    this.remotePort = remote.port;
    this.localAddress = remote.localAddress;
    this.#channel = channel;
  }

  send(parts: readonly Buffer[], invalidate: readonly number[] = []): void {
    // Here, behind what was written there: the answer comes round by the worker, perhaps encrypted.
    if (invalidate.length > 0) this.#remote.direct?.send([], invalidate);
    this.#channel.send([answerHead(this.#id), ...parts]);
  }

  close(reason: string): void {
    this.#tell({ kind: 'close', connectionId: this.#id, reason: reason.slice(0, 256) });
  }

  notify(sessionId: number, encrypts: boolean, message: Buffer): void {
    this.#tell({ kind: 'notify', connectionId: this.#id, sessionId, encrypts, message });
  }

  sessionEnded(sessionId: number): void {
    this.#tell({ kind: 'sessionEnded', sessionId });
  }

  sessionRenewed({ sessionId, expiresAtMs, signingRequired }: Session): void {
    const until = expiresAtMs === Infinity ? undefined : expiresAtMs;
    this.#tell({ kind: 'sessionRenewed', sessionId, expiresAtMs: until, signingRequired });
  }

  unacknowledged(): boolean {
    return this.#remote.unacknowledged();
  }

  #tell(event: ToWorker): void {
    this.#channel.send([encodeEvent(toWorker, event)]);
  }
}
