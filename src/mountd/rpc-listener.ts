/**
 * RPC over TCP (MS-RPCE 2.1.1.1): the endpoint mapper on its port, and all interfaces on one of the dynamic ports. It runs
 * in the control plane's process alone.
 *
 * Strangers come here without a session of SMB's before them. Each connection takes one message at a time, is not read
 * from while an answer waits to be sent, and is closed when it says nothing for too long.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '../base/log.ts';
import { SetupError } from '../base/setup-error.ts';
import type { PortRange } from '../config/rpc-parameters.ts';
import type { PipeEndpoint } from '../ipc/control-plane.ts';

/** Programs that administer a server have one or two. */
const MAX_CONNECTIONS = 128;
const MAX_CONNECTIONS_OF_ADDRESS = 16;
/** Until a client has logged in; the endpoint mapper's, for whom none is needed, have as long for each question. */
const STRANGER_LIMIT_MS = 15_000;
/** As Windows keeps connections that nobody uses. */
const IDLE_LIMIT_MS = 15 * 60_000;
/** A port that somebody else has is passed over; so many are tried. */
const MAX_PORTS_TRIED = 256;

export interface RpcCaller {
  readonly address: string;
  /** The server's, as the client reached it. */
  readonly localAddress: string;
  /** It has shown who it is. */
  readonly onLogin: () => void;
}

export type OpenRpc = (what: 'mapper' | 'services', caller: RpcCaller) => PipeEndpoint | undefined;

export interface RpcListenerOptions {
  /** Undefined: all. */
  readonly addresses: readonly (string | undefined)[];
  readonly mapperPort: number;
  /** 0: one of the range. */
  readonly port: number;
  readonly range: PortRange;
  /** Descriptors that listen already: instead of either port on all addresses. */
  readonly sockets?: { readonly mapper: readonly number[]; readonly rpc: readonly number[] };
  readonly open: OpenRpc;
  /** A seam for tests. */
  readonly strangerLimitMs?: number;
  readonly log: Logger;
}

export interface RpcListener {
  /** Of the interfaces. */
  readonly port: number;
  readonly mapperPort: number;
  close(): Promise<void>;
}

/** Rejects with SetupError where a port cannot be had. */
export async function listenRpc(options: RpcListenerOptions): Promise<RpcListener> {
  const door = new Door(options);
  try {
    const { sockets = { mapper: [], rpc: [] } } = options;
    const mapperPort =
      (await door.adopt('mapper', sockets.mapper)) ??
      (await door.listen('mapper', options.mapperPort));
    const port =
      (await door.adopt('services', sockets.rpc)) ??
      (options.port === 0
        ? await door.listenIn(options.range)
        : await door.listen('services', options.port));
    options.log.info('RPC over TCP is served', { port, mapperPort });
    return { port, mapperPort, close: () => door.close() };
  } catch (error) {
    await door.close();
    throw error;
  }
}

class Door {
  readonly #options: RpcListenerOptions;
  readonly #servers: Server[] = [];
  readonly #callers = new Set<Caller>();
  readonly #ofAddress = new Map<string, number>();

  constructor(options: RpcListenerOptions) {
    this.#options = options;
  }

  async listenIn({ low, high }: PortRange): Promise<number> {
    const last = Math.min(high, low + MAX_PORTS_TRIED - 1);
    for (let port = low; port <= last; port++) {
      if (await this.#tried('services', port)) return port;
    }
    throw new SetupError(
      `no port from ${low} to ${last} is free: set "rpc server dynamic port range"`,
    );
  }

  async listen(what: 'mapper' | 'services', port: number): Promise<number> {
    if (await this.#tried(what, port)) return port;
    const parameter = what === 'mapper' ? 'rpc endpoint mapper port' : 'rpc server port';
    throw new SetupError(`port ${port} is in use: set "${parameter}", or "rpc over tcp = no"`);
  }

  /** The port of the first one; undefined where there is none. */
  async adopt(
    what: 'mapper' | 'services',
    sockets: readonly number[],
  ): Promise<number | undefined> {
    const ports: number[] = [];
    for (const fd of sockets) {
      const server = createServer((socket) => this.#meet(what, socket));
      server.listen({ fd });
      await once(server, 'listening');
      server.on('error', () => undefined);
      this.#servers.push(server);
      ports.push((server.address() as AddressInfo).port);
    }
    return ports[0];
  }

  /** On all addresses or on none. */
  async #tried(what: 'mapper' | 'services', port: number): Promise<boolean> {
    const made: Server[] = [];
    for (const host of this.#options.addresses) {
      const server = createServer((socket) => this.#meet(what, socket));
      server.listen({ port, exclusive: true, ...(host !== undefined && { host }) });
      try {
        await once(server, 'listening');
        made.push(server);
      } catch (error) {
        for (const each of made) each.close();
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EADDRINUSE') return false;
        const why = code === 'EACCES' ? 'root alone may listen on it' : String(error);
        throw new SetupError(`cannot listen on port ${port} for RPC: ${why}`);
      }
      server.on('error', () => undefined);
    }
    this.#servers.push(...made);
    return true;
  }

  #meet(what: 'mapper' | 'services', socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const already = this.#ofAddress.get(address) ?? 0;
    const isFull = this.#callers.size >= MAX_CONNECTIONS || already >= MAX_CONNECTIONS_OF_ADDRESS;
    const caller = isFull ? undefined : Caller.of(what, socket, this.#options);
    if (caller === undefined) {
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    this.#callers.add(caller);
    this.#ofAddress.set(address, already + 1);
    socket.once('close', () => {
      this.#callers.delete(caller);
      const left = (this.#ofAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#ofAddress.delete(address);
      else this.#ofAddress.set(address, left);
    });
  }

  async close(): Promise<void> {
    const closed = this.#servers.map((server) => once(server, 'close'));
    for (const server of this.#servers) server.close();
    for (const caller of this.#callers) caller.end();
    await Promise.all(closed);
  }
}

/** One connection: an association (MS-RPCE 3.3.1.1). */
class Caller {
  readonly #socket: Socket;
  readonly #endpoint: PipeEndpoint;
  readonly #log: Logger;
  #deadline: NodeJS.Timeout | undefined;
  #isKnown = false;

  /** Undefined: it is let in by nobody. */
  static of(
    what: 'mapper' | 'services',
    socket: Socket,
    { open, log, strangerLimitMs = STRANGER_LIMIT_MS }: RpcListenerOptions,
  ): Caller | undefined {
    let known = (): void => undefined;
    const endpoint = open(what, {
      address: socket.remoteAddress ?? '',
      localAddress: socket.localAddress ?? '',
      onLogin: () => known(),
    });
    if (endpoint === undefined) return undefined;
    const caller = new Caller(socket, endpoint, log);
    known = () => caller.#know();
    // Questions are what it has no name for: each puts the end off.
    caller.#limit(strangerLimitMs, what === 'mapper');
    return caller;
  }

  private constructor(socket: Socket, endpoint: PipeEndpoint, log: Logger) {
    this.#socket = socket;
    this.#endpoint = endpoint;
    this.#log = log;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearTimeout(this.#deadline);
      endpoint.close();
    });
    socket.on('data', (bytes: Buffer) => void this.#hear(bytes));
  }

  end(): void {
    this.#socket.destroy();
  }

  #isPutOff = false;

  #limit(ms: number, isPutOff: boolean): void {
    this.#isPutOff = isPutOff;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.end(), ms);
    this.#deadline.unref();
  }

  #know(): void {
    if (this.#isKnown) return;
    this.#isKnown = true;
    this.#limit(IDLE_LIMIT_MS, true);
  }

  async #hear(bytes: Buffer): Promise<void> {
    const socket = this.#socket;
    socket.pause();
    try {
      const goesOn = await this.#endpoint.write(bytes);
      await this.#answer();
      if (!goesOn) {
        socket.end();
        return;
      }
      if (this.#isPutOff) this.#deadline?.refresh();
      socket.resume();
    } catch (error) {
      this.#log.error('a call by RPC over TCP failed', {
        error: error instanceof Error ? error.stack : String(error),
      });
      this.end();
    }
  }

  /** What a client does not take it is not sent more of. */
  async #answer(): Promise<void> {
    const socket = this.#socket;
    for (;;) {
      const next = this.#endpoint.read(Number.MAX_SAFE_INTEGER);
      if (next === undefined || socket.destroyed) return;
      if (!socket.write(next.bytes)) {
        await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
      }
    }
  }
}
