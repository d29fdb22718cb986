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
  MAX_CONTROL_REQUEST_BYTES,
} from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { WireError } from '../wire/wire-error.ts';
import { type Administration, serveAdministration } from './administration.ts';
import { prepareSocketFolder, removeSocketFolder, socketAddress } from './control-socket.ts';
import type { DataPlane } from './data-plane.ts';
import {
  CONTROL_VERSION,
  type ControlEvent,
  encodeFrame,
  FAILURE,
  type FailureReason,
  type Frame,
  FrameBuffer,
  failure,
} from './events.ts';
import { decode } from './fields.ts';
import { Refused, serveDataPlane } from './listings.ts';
import { strangerAt } from './peers.ts';

export interface ControlListener {
  close(): Promise<void>;
}

export interface ControlListenerOptions {
  readonly statePath: string;
  /** Undefined while the server starts. */
  readonly dataPlane: () => DataPlane | undefined;
  /** Undefined: nobody steers the server by its socket. */
  readonly administration?: () => Administration | undefined;
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

/** What it ends on somebody's behalf stands in the log. */
function logged({ dataPlane, log }: ControlListenerOptions): DataPlane | undefined {
  const plane = dataPlane();
  return (
    plane && {
      summary: () => plane.summary(),
      connections: () => plane.connections(),
      sessions: (filter) => plane.sessions(filter),
      opens: (query) => plane.opens(query),
      async closeOpen(openId) {
        const found = await plane.closeOpen(openId);
        log.info('control: an open is closed', { openId, found });
        return found;
      },
      async closeSession(sessionId) {
        const found = await plane.closeSession(sessionId);
        log.info('control: a session is ended', { sessionId, found });
        return found;
      },
    }
  );
}

const refuse = (socket: Socket, clients: number): string | undefined =>
  clients >= MAX_CONTROL_CLIENTS ? 'too many at once' : strangerAt(socket);

type Answer = (frame: Frame) => Promise<Buffer>;

class ControlClient {
  readonly #socket: Socket;
  readonly #options: ControlListenerOptions;
  readonly #frames = new FrameBuffer(MAX_CONTROL_REQUEST_BYTES);
  readonly #answers = new Map<number, Answer>();

  constructor(socket: Socket, options: ControlListenerOptions) {
    this.#socket = socket;
    this.#options = options;
    serveDataPlane(
      (event, answer) => this.#take(event, answer),
      () => logged(options),
    );
    serveAdministration(
      (event, answer) => this.#take(event, answer),
      () => options.administration?.(),
    );
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

  #take<Q, A>(event: ControlEvent<Q, A>, answer: (request: Q) => A | Promise<A>): void {
    this.#answers.set(event.number, async (frame) => {
      const request = decode(event.request, frame.body, 'request');
      const value = await answer(request);
      return encodeFrame(event.number, frame.sequence, event.response, value);
    });
  }

  async #answer(frame: Frame): Promise<Buffer> {
    if (frame.version !== CONTROL_VERSION) return refusal(frame, 'version');
    try {
      const answer = this.#answers.get(frame.event);
      if (answer !== undefined) return await answer(frame);
      return refusal(
        frame,
        this.#options.dataPlane() === undefined ? 'not-ready' : 'unknown-event',
      );
    } catch (error) {
      if (error instanceof WireError) return refusal(frame, 'malformed');
      if (error instanceof Refused) return refusal(frame, error.reason);
      const { log } = this.#options;
      log.error('control: a question failed', {
        error: error instanceof Error ? error.stack : String(error),
      });
      return refusal(frame, 'internal-error');
    }
  }
}

const refusal = (frame: Frame, reason: FailureReason): Buffer =>
  encodeFrame(FAILURE, frame.sequence, failure, { reason });
