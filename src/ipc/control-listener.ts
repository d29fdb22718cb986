/**
 * The server's end of the control socket: answers the questions of data-plane.ts to this machine's root
 * and to the user that the server runs as. One question of a client at a time; the next is read when
 * the answer has gone.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import {
  CONTROL_TIMEOUT_MS,
  MAX_CONTROL_CLIENTS,
  MAX_CONTROL_LISTINGS,
  MAX_CONTROL_REQUEST_BYTES,
} from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { peerCredentials } from '../native/peer.ts';
import { WireError } from '../wire/wire-error.ts';
import { prepareSocketFolder, removeSocketFolder, socketAddress } from './control-socket.ts';
import type { DataPlane, Listing } from './data-plane.ts';
import {
  CONTROL_VERSION,
  type ControlEvent,
  EVENTS,
  encodeFrame,
  FAILURE,
  type FailureReason,
  type Frame,
  FrameBuffer,
  failure,
  type PageRequest,
  type PageResponse,
} from './events.ts';
import { decode } from './fields.ts';

export interface ControlListener {
  close(): Promise<void>;
}

export interface ControlListenerOptions {
  readonly statePath: string;
  /** Undefined while the server starts. */
  readonly dataPlane: () => DataPlane | undefined;
  readonly log: Logger;
}

/** Rejects with the system's error. The state folder's lock must be held. */
export async function listenControl(options: ControlListenerOptions): Promise<ControlListener> {
  const { statePath, log } = options;
  prepareSocketFolder(statePath);
  const address = socketAddress(statePath);
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    const refused = refuse(socket, clients.size);
    if (refused !== undefined) {
      log.warn('control: a client is refused', { reason: refused });
      socket.destroy();
      return;
    }
    clients.add(socket);
    socket.on('close', () => clients.delete(socket));
    new ControlClient(socket, options);
  });
  await listen(server, address.path);
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of clients) socket.destroy();
      await closed;
      address.release();
      removeSocketFolder(statePath);
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject);
      server.on('error', () => {});
      // A program that forgets to close its server ends all the same.
      server.unref();
      resolve();
    });
  });
}

function refuse(socket: Socket, clients: number): string | undefined {
  if (clients >= MAX_CONTROL_CLIENTS) return 'too many at once';
  const fd = descriptorOf(socket);
  const peer = fd === undefined ? -1 : peerCredentials(fd);
  // Without native calls the folder's mode alone keeps others out.
  if (typeof peer === 'number') return undefined;
  const welcome = peer.uid === 0 || peer.uid === process.geteuid?.();
  return welcome ? undefined : `user ${peer.uid}, process ${peer.pid}`;
}

/** Node has no other name for it. */
function descriptorOf(socket: Socket): number | undefined {
  const { _handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } };
  return _handle?.fd;
}

interface OpenListing {
  readonly event: number;
  readonly listing: Listing<unknown>;
}

class ControlClient {
  readonly #socket: Socket;
  readonly #options: ControlListenerOptions;
  readonly #frames = new FrameBuffer(MAX_CONTROL_REQUEST_BYTES);
  readonly #listings = new Map<number, OpenListing>();
  #nextCursor = 1;

  constructor(socket: Socket, options: ControlListenerOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.setTimeout(CONTROL_TIMEOUT_MS, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      socket.pause();
      void this.#receive(chunk).then((goesOn) => {
        if (goesOn) socket.resume();
        else socket.destroy();
      });
    });
  }

  async #receive(chunk: Buffer): Promise<boolean> {
    try {
      for (const frame of this.#frames.push(chunk)) {
        const answer = await this.#answer(frame);
        if (this.#socket.destroyed) return false;
        if (!this.#socket.write(answer)) await this.#drained();
      }
      return true;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#options.log.warn('control: a client is not understood', { problem: error.message });
      return false;
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once('drain', resolve);
      this.#socket.once('close', resolve);
    });
  }

  async #answer(frame: Frame): Promise<Buffer> {
    try {
      return await this.#serve(frame);
    } catch (error) {
      if (error instanceof WireError) return refusal(frame, 'malformed');
      const { log } = this.#options;
      log.error('control: a question failed', {
        error: error instanceof Error ? error.stack : String(error),
      });
      return refusal(frame, 'internal-error');
    }
  }

  async #serve(frame: Frame): Promise<Buffer> {
    if (frame.version !== CONTROL_VERSION) return refusal(frame, 'version');
    const dataPlane = this.#options.dataPlane();
    if (dataPlane === undefined) return refusal(frame, 'not-ready');
    switch (frame.event) {
      case EVENTS.summary.number:
        decode(EVENTS.summary.request, frame.body, 'summary request');
        return reply(frame, EVENTS.summary, await dataPlane.summary());
      case EVENTS.connections.number:
        return this.#page(frame, EVENTS.connections, () => dataPlane.connections());
      case EVENTS.sessions.number:
        return this.#page(frame, EVENTS.sessions, (query) => dataPlane.sessions(query));
      case EVENTS.opens.number:
        return this.#page(frame, EVENTS.opens, (query) => dataPlane.opens(query));
      case EVENTS.closeOpen.number: {
        const { openId } = decode(EVENTS.closeOpen.request, frame.body, 'close request');
        const found = await dataPlane.closeOpen(openId);
        this.#options.log.info('control: an open is closed', { openId, found });
        return reply(frame, EVENTS.closeOpen, { found });
      }
      case EVENTS.closeSession.number: {
        const { sessionId } = decode(EVENTS.closeSession.request, frame.body, 'close request');
        const found = await dataPlane.closeSession(sessionId);
        this.#options.log.info('control: a session is ended', { sessionId, found });
        return reply(frame, EVENTS.closeSession, { found });
      }
      default:
        return refusal(frame, 'unknown-event');
    }
  }

  async #page<Query, T>(
    frame: Frame,
    event: ControlEvent<PageRequest<Query>, PageResponse<T>>,
    begin: (query: Query) => Listing<T>,
  ): Promise<Buffer> {
    const { cursor: asked, query } = decode(event.request, frame.body, 'page request');
    const cursor = asked === 0 ? this.#begin(event.number, begin(query)) : asked;
    const found = this.#listings.get(cursor);
    if (found?.event !== event.number) return refusal(frame, 'cursor');
    const records = (await found.listing.next()) as readonly T[] | undefined;
    if (records !== undefined) return reply(frame, event, { cursor, records });
    this.#listings.delete(cursor);
    return reply(frame, event, { cursor: 0, records: [] });
  }

  #begin(event: number, listing: Listing<unknown>): number {
    if (this.#listings.size >= MAX_CONTROL_LISTINGS) {
      const [oldest] = this.#listings.keys();
      this.#listings.delete(oldest!);
    }
    const cursor = this.#nextCursor++;
    this.#listings.set(cursor, { event, listing });
    return cursor;
  }
}

const reply = <T>(frame: Frame, event: ControlEvent<unknown, T>, value: T): Buffer =>
  encodeFrame(event.number, frame.sequence, event.response, value);

const refusal = (frame: Frame, reason: FailureReason): Buffer =>
  encodeFrame(FAILURE, frame.sequence, failure, { reason });
