/** Listening by net.Server, for whatever is spoken on its sockets. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { ServerState } from '../objects/server-state.ts';
import { plainAddress, refuse } from './admission.ts';
import type { Listener, ListenPlace } from './listener.ts';

export interface ServedConnection {
  close(reason: string): void;
  readonly finished: Promise<void>;
}

/** Serves an accepted socket of a peer that may connect. */
export type Serve = (server: ServerState, socket: Socket, address: string) => ServedConnection;

/** A port that is bound, and whose connections wait until `serve`. Rejects with the system's error. */
export async function listenNode(where: ListenPlace, serve: Serve): Promise<Listener> {
  const listener = new NodeListener(serve);
  await listener.listen(where);
  return listener;
}

class NodeListener implements Listener {
  readonly #net: Server;
  readonly #serve: Serve;
  readonly #open = new Set<ServedConnection>();
  /** Came before `serve`. */
  #early: Socket[] = [];
  #server: ServerState | undefined;
  port = 0;
  address = '';

  constructor(serve: Serve) {
    this.#serve = serve;
    this.#net = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      if (this.#server !== undefined) return this.#accept(this.#server, socket);
      socket.on('error', () => {});
      this.#early.push(socket);
    });
  }

  listen(where: ListenPlace): Promise<void> {
    const net = this.#net;
    return new Promise((resolve, reject) => {
      net.once('error', reject);
      const place = 'fd' in where ? where : { port: where.port, host: where.address };
      net.listen({ ...place, exclusive: true }, () => {
        net.removeListener('error', reject);
        // Accepting one connection failed: too few descriptors, or it was gone already.
        net.on('error', (error) => this.#server?.log.warn('accept', { error: error.message }));
        const bound = net.address() as AddressInfo;
        this.port = bound.port;
        this.address = bound.address;
        resolve();
      });
    });
  }

  serve(server: ServerState): void {
    this.#server = server;
    for (const socket of this.#early.splice(0)) this.#accept(server, socket);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#net.close(() => resolve()));
    for (const socket of this.#early.splice(0)) socket.destroy();
    const ending = [...this.#open].map((connection) => {
      connection.close('the server stops');
      return connection.finished;
    });
    await Promise.all([closed, ...ending]);
  }

  #accept(server: ServerState, socket: Socket): void {
    const address = plainAddress(socket.remoteAddress);
    const refused = refuse(server, address);
    if (refused !== undefined) {
      server.log.warn('connection refused', { address, reason: refused });
      socket.destroy();
      return;
    }
    const connection = this.#serve(server, socket, address);
    this.#open.add(connection);
    void connection.finished.then(() => this.#open.delete(connection));
  }
}
