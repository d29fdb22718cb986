/**
 * MS-SMBD 3.1: SMB over an RDMA connection: negotiation, then messages without any framing of their own, and bulk
 * data by RDMA Writes and Reads of memory that the client describes.
 */
import { bufferPool } from '../base/buffer-pool.ts';
import {
  MAX_REMOTE_FETCHES,
  SEND_HIGH_WATER_BYTES,
  SEND_TIMEOUT_MS,
  SMB_DIRECT_NEGOTIATION_TIMEOUT_MS,
} from '../base/limits.ts';
import { connectionPart, type Logger } from '../base/log.ts';
import type { RemoteMemory, Transport } from '../objects/connection.ts';
import type { ServerState } from '../objects/server-state.ts';
import type { RdmaConnection, RdmaEvents } from '../rdma/rdma.ts';
import { SmbDirectChannel } from '../rdma/smb-direct/channel.ts';
import { decodeNegotiateRequest, encodeNegotiateResponse } from '../rdma/smb-direct/messages.ts';
import { answerNegotiate } from '../rdma/smb-direct/negotiation.ts';
import { serveConnection } from '../server/serve-connection.ts';
import type { BufferDescriptor } from '../smb2/buffer-descriptor.ts';
import { WireError } from '../wire/wire-error.ts';
import { plainAddress } from './admission.ts';
import type { HandDirect, MessageHandler } from './listener.ts';

export interface SmbDirectOptions {
  /** smb.conf's `smbd max io size`: bytes that one READ or WRITE moves by RDMA. */
  readonly maxReadWriteSize: number;
}

export class SmbDirectConnection implements Transport, RdmaEvents {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly remoteMemory: RemoteMemory;
  readonly #rdma: RdmaConnection;
  readonly #options: SmbDirectOptions;
  readonly #handler: MessageHandler;
  readonly log: Logger;
  #negotiationTimer: NodeJS.Timeout | undefined;
  #channel: SmbDirectChannel | undefined;
  #sendTimer: NodeJS.Timeout | undefined;
  #fetches = 0;
  #writtenBytes = 0;
  #readBytes = 0;
  readonly #waitingFetches: (() => void)[] = [];
  #ended = false;
  #finished: (() => void) | undefined;
  readonly finished = new Promise<void>((resolve) => {
    this.#finished = resolve;
  });

  /** `hand`: others serve its messages. */
  constructor(
    server: ServerState,
    rdma: RdmaConnection,
    options: SmbDirectOptions,
    hand?: HandDirect,
  ) {
    const id = server.newConnectionId();
    this.#rdma = rdma;
    this.#options = options;
    this.remoteAddress = plainAddress(rdma.remoteAddress);
    this.remotePort = rdma.remotePort;
    this.localAddress = plainAddress(rdma.localAddress);
    this.log = server.log.part(connectionPart(id, rdma.remotePort));
    this.remoteMemory = {
      write: (buffers, data) => this.#place(buffers, data),
      read: (buffers, length) => this.#fetch(buffers, length),
      counts: () => this.#counts(),
    };
    this.#handler = hand?.(this) ?? serveConnection(server, this, id, this.log);
  }

  /** 3.1.7.2. One receive is what the peer may count on before it was told of others. */
  established(): void {
    this.#rdma.post(1);
    // A server that was stopped meanwhile finds the message in the socket: it reads first, and judges then.
    const expired = (): NodeJS.Immediate => setImmediate(() => this.#isNegotiated());
    this.#negotiationTimer = setTimeout(expired, SMB_DIRECT_NEGOTIATION_TIMEOUT_MS).unref();
  }

  received(message: Buffer): void {
    if (this.#ended) return;
    if (this.#channel === undefined) this.#negotiate(message);
    else this.#channel.receive(message);
  }

  drained(): void {
    if (this.#sendTimer === undefined) return;
    clearTimeout(this.#sendTimer);
    this.#sendTimer = undefined;
    this.#rdma.resume();
  }

  closed(): void {
    if (this.#finished === undefined) return;
    const finished = this.#finished;
    this.#finished = undefined;
    this.#ended = true;
    clearTimeout(this.#negotiationTimer);
    clearTimeout(this.#sendTimer);
    this.#channel?.end();
    for (const start of this.#waitingFetches.splice(0)) start();
    bufferPool.look();
    this.#handler
      .closed()
      .catch((error: unknown) => this.log.error('a connection did not end well', { error }))
      .finally(finished);
  }

  send(parts: readonly Buffer[], invalidate: readonly number[] = []): void {
    if (this.#ended) return;
    this.#channel?.send(parts, invalidate);
    this.#watchSending();
  }

  close(reason: string): void {
    if (this.#ended) return;
    this.log.debug('rdma', 'closing', { reason });
    this.#ended = true;
    this.#rdma.close(reason);
  }

  #isNegotiated(): void {
    if (this.#channel === undefined) this.close('no SMB Direct negotiation in time');
  }

  #negotiate(message: Buffer): void {
    clearTimeout(this.#negotiationTimer);
    try {
      const request = decodeNegotiateRequest(message);
      const answer = answerNegotiate(request, this.#options.maxReadWriteSize);
      if (answer.response !== undefined) {
        if (answer.settings !== undefined) this.#rdma.post(answer.settings.receiveCredits);
        this.#rdma.send([encodeNegotiateResponse(answer.response)]);
      }
      if (answer.settings === undefined) {
        this.close(answer.problem);
        return;
      }
      this.log.debug('rdma', 'negotiated', { ...answer.settings });
      this.#channel = new SmbDirectChannel(this.#rdma, answer.settings, {
        message: (payload) => this.#handler.receive(payload),
        maxMessageBytes: () => this.#handler.maxMessageBytes(),
        isBehind: () => bufferPool.isFull || this.#handler.isBehind(),
      });
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.close(error.message);
    }
  }

  /** 3.1.4.5: the buffers are filled one after the other. */
  #place(buffers: readonly BufferDescriptor[], data: Buffer): void {
    let at = 0;
    this.#writtenBytes += data.length;
    for (const { token, offset, length } of buffers) {
      const piece = data.subarray(at, at + length);
      if (piece.length === 0) continue;
      at += piece.length;
      const released = at === data.length ? () => bufferPool.give(data) : undefined;
      this.#rdma.write({ token, offset }, [piece], released);
    }
    this.#watchSending();
  }

  /** 3.1.4.6. The buffer is taken when its turn comes: a few bytes of request stand for megabytes. */
  async #fetch(buffers: readonly BufferDescriptor[], length: number): Promise<Buffer | undefined> {
    if (this.#fetches >= MAX_REMOTE_FETCHES) {
      await new Promise<void>((resolve) => this.#waitingFetches.push(resolve));
    }
    if (bufferPool.isFull) await this.#room();
    if (this.#ended) return undefined;
    this.#fetches += 1;
    const into = bufferPool.take(length);
    const reading: Promise<boolean>[] = [];
    let at = 0;
    for (const buffer of buffers) {
      const piece = into.subarray(at, at + buffer.length);
      at += piece.length;
      const { token, offset } = buffer;
      if (piece.length > 0) reading.push(this.#rdma.read({ token, offset }, piece));
    }
    const done = await Promise.all(reading);
    this.#fetches -= 1;
    this.#waitingFetches.shift()?.();
    this.#readBytes += length;
    if (done.every((one) => one)) return into;
    bufferPool.give(into);
    return undefined;
  }

  #counts(): ReturnType<RemoteMemory['counts']> {
    const channel = this.#channel;
    return {
      sends: channel?.sends ?? 0,
      receives: channel?.receives ?? 0,
      writtenBytes: this.#writtenBytes,
      readBytes: this.#readBytes,
      fetches: this.#fetches + this.#waitingFetches.length,
      sendCredits: channel?.sendCredits ?? 0,
      receiveCredits: channel?.receiveCredits ?? 0,
      queuedBytes: channel?.queuedBytes ?? 0,
    };
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      bufferPool.whenRoom(() => this.#ended || !bufferPool.isFull, resolve);
    });
  }

  /** A peer that does not take what it asked for is not read from until it does. */
  #watchSending(): void {
    if (this.#sendTimer !== undefined || this.#rdma.unsentBytes <= SEND_HIGH_WATER_BYTES) return;
    this.#rdma.pause();
    this.#sendTimer = setTimeout(
      () => this.close('the peer does not read its answers'),
      SEND_TIMEOUT_MS,
    ).unref();
  }
}
