/**
 * iWARP over a TCP socket: MPA's two frames, then the RDMAP stream of `endpoint.ts`. The responder says nothing
 * between its reply and the peer's first FPDU (RFC 5044 7.1.2).
 */
import type { Socket } from 'node:net';
import { CLOSE_TIMEOUT_MS, MPA_TIMEOUT_MS } from '../../base/limits.ts';
import { WireError } from '../../wire/wire-error.ts';
import type { AskedConnection, RdmaEvents, RemoteRange } from '../rdma.ts';
import { Endpoint } from './endpoint.ts';
import { CRC_BYTES, LENGTH_BYTES, MAX_ULPDU_BYTES } from './fpdu.ts';
import { decodeMpaFrame, MPA_HEADER_BYTES, type MpaFrame, mpaFrameBytes } from './mpa.ts';
import type { MpaSettings } from './mpa-negotiation.ts';

/** An Ethernet segment, where the system does not say. */
const USUAL_SEGMENT_BYTES = 1448;
/** Longer FPDUs make nothing faster, and each may be held in memory twice. */
const MAX_FPDU_BYTES = 32 * 1024;
const MIN_FPDU_BYTES = 512;

/** RFC 5044 4.1.2: an FPDU fits a TCP segment, so that the peer's card finds its beginning. */
export function ulpduBytes(segmentBytes: number): number {
  const segment = segmentBytes > 0 ? segmentBytes : USUAL_SEGMENT_BYTES;
  const fpdu = Math.max(MIN_FPDU_BYTES, Math.min(segment, MAX_FPDU_BYTES));
  // A multiple of 8 of segment, and padding to a multiple of 4.
  const room = fpdu - LENGTH_BYTES - CRC_BYTES - 3;
  return Math.min(room - (room % 8), MAX_ULPDU_BYTES);
}

export interface IwarpOptions {
  /** Bytes of one Send that is received. */
  readonly maxMessageBytes: number;
  readonly maxUlpduBytes: number;
}

/** Which of the two frames is awaited, and what follows from it: settings, or undefined where it ends here. */
export type MpaStep = (
  frame: MpaFrame,
  socket: Socket,
) => MpaSettings | { readonly refused: string };

export class IwarpConnection implements AskedConnection {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly #socket: Socket;
  readonly #options: IwarpOptions;
  readonly #step: MpaStep;
  #events: RdmaEvents | undefined;
  #starting: Buffer | undefined = Buffer.alloc(0);
  #endpoint: Endpoint | undefined;
  #ended = false;
  /** What the endpoint gives out during a call of ours. */
  #gathered: Buffer[] | undefined;
  #settle: ((settings: MpaSettings | undefined) => void) | undefined;
  /** Why it ended. */
  reason = '';

  constructor(socket: Socket, options: IwarpOptions, step: MpaStep) {
    this.#socket = socket;
    this.#options = options;
    this.#step = step;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.remotePort = socket.remotePort ?? 0;
    this.localAddress = socket.localAddress ?? '';
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => this.#events?.drained());
    socket.on('error', (error) => this.#end(error.message));
    socket.on('end', () => this.#end('the peer closed the connection'));
    socket.on('close', () => this.#end('closed'));
  }

  /** Settles when MPA has; undefined when it did not come to that. What comes later goes to `events`. */
  establish(events: RdmaEvents): Promise<MpaSettings | undefined> {
    this.#events = events;
    return new Promise((resolve) => {
      // What has come while this process was stopped is read before the peer is judged.
      const expired = (): NodeJS.Immediate => setImmediate(() => this.#isEstablished());
      const timer = setTimeout(expired, MPA_TIMEOUT_MS).unref();
      this.#settle = (settings) => {
        clearTimeout(timer);
        this.#settle = undefined;
        resolve(settings);
      };
      if (this.#ended) this.#settle(undefined);
    });
  }

  /** What the peer may reach; the initiator's alone. */
  get memory() {
    return this.#endpoint!.memory;
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  post(count: number): void {
    this.#endpoint?.post(count);
  }

  send(parts: readonly Buffer[], invalidate?: number): void {
    this.#endpoint?.send(parts, invalidate);
  }

  write(to: RemoteRange, parts: readonly Buffer[], released?: () => void): void {
    const gathered: Buffer[] = [];
    this.#gathered = gathered;
    this.#endpoint?.write(to, parts);
    this.#gathered = undefined;
    if (gathered.length > 0) this.#write(gathered, released);
    else released?.();
  }

  read(from: RemoteRange, into: Buffer): Promise<boolean> {
    return this.#endpoint?.read(from, into) ?? Promise.resolve(false);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#ended) this.#socket.resume();
  }

  close(reason: string): void {
    this.#end(reason);
  }

  /** `written`: the kernel has them, or never will. */
  #write(parts: readonly Buffer[], written?: () => void): void {
    const socket = this.#socket;
    const last = parts.length - 1;
    socket.cork();
    for (const [i, part] of parts.entries()) {
      if (i === last && written !== undefined) socket.write(part, written);
      else socket.write(part);
    }
    // Uncorked in the next tick, so that answers which are ready together leave together.
    process.nextTick(uncork, socket);
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return;
    if (this.#starting === undefined) this.#endpoint!.receive(chunk);
    else this.#start(Buffer.concat([this.#starting, chunk]));
  }

  /** MPA's frame; what lies behind it belongs to the stream. */
  #start(bytes: Buffer): void {
    this.#starting = bytes;
    if (bytes.length < MPA_HEADER_BYTES) return;
    try {
      const size = mpaFrameBytes(bytes);
      if (bytes.length < size) return;
      const settings = this.#step(decodeMpaFrame(bytes), this.#socket);
      if ('refused' in settings) this.#end(settings.refused);
      else {
        this.#establish(settings);
        this.#endpoint!.receive(bytes.subarray(size));
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#end(error.message);
    }
  }

  #establish(settings: MpaSettings): void {
    this.#starting = undefined;
    this.#endpoint = new Endpoint(
      { ...this.#options, ...settings },
      {
        output: (parts) => {
          if (this.#gathered === undefined) this.#write(parts);
          else this.#gathered.push(...parts);
        },
        received: (message) => this.#events!.received(message),
        ended: (reason) => this.#end(reason),
      },
    );
    this.#events!.established();
    this.#settle?.(settings);
  }

  #isEstablished(): void {
    if (this.#settle !== undefined) this.close('no MPA in time');
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.reason = reason;
    this.#endpoint?.end(reason);
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS).unref();
    this.#settle?.(undefined);
    this.#events?.closed();
  }
}

const uncork = (socket: Socket): void => socket.uncork();
