/** A connection as the owner has it: its socket, its credits and its keys are at a worker. */
import type { Transport } from '../objects/connection.ts';
import { MessageWindow } from '../objects/message-window.ts';
import type { WorkerEnd } from '../objects/owner.ts';
import type { Channel } from './channel.ts';
import { answerHead, encodeEvent, type ToWorker, toWorker } from './protocol.ts';

/** Where a client is, and where it has come to. */
export interface Remote {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
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
  readonly #channel: Channel;

  constructor(id: number, { address, port, localAddress }: Remote, channel: Channel) {
    this.#id = id;
    this.remoteAddress = address;
    this.remotePort = port;
    this.localAddress = localAddress;
    this.#channel = channel;
  }

  send(parts: readonly Buffer[]): void {
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

  #tell(event: ToWorker): void {
    this.#channel.send([encodeEvent(toWorker, event)]);
  }
}
