/** A listening socket by the kernel's own calls, whose connections wait until `serve`. */
import { lookup } from 'node:dns/promises';
import { getSystemErrorMap } from 'node:util';
import { ACCEPT_PAUSE_MS } from '../base/limits.ts';
import { close } from '../native/files.ts';
import {
  accept,
  acceptedFrom,
  addressBytes,
  adoptListening,
  listenSocket,
  localAddress,
} from '../native/listen-socket.ts';
import { SocketPoll } from '../native/poll-socket.ts';
import { EMFILE, ENFILE } from '../native/socket.ts';
import type { ServerState } from '../objects/server-state.ts';
import { plainAddress, refuse } from './admission.ts';
import type { HandOver, Listener, ListenPlace } from './listener.ts';
import { NativeConnection } from './native-tcp.ts';

/** Connections taken in one go, so that those that are there are served between. */
const ACCEPTED_AT_ONCE = 64;
const ANY_IPV6 = new Uint8Array(16);
const ANY_IPV4 = new Uint8Array(4);

/** A port that is bound, and whose connections wait until `serve`: privileges can be given up in between. */
export async function listenNative(where: ListenPlace): Promise<Listener> {
  const fd = 'fd' in where ? adopted(where.fd) : await bound(where.port, where.address);
  const name = localAddress(fd);
  if (name === undefined) throw new Error(`descriptor ${fd} is no socket`);
  return new NativeListener(fd, name.address, name.port);
}

function adopted(fd: number): number {
  const result = adoptListening(fd);
  if (result < 0) throw systemError(result, 'fcntl', `descriptor ${fd}`);
  return fd;
}

async function bound(port: number, address: string | undefined): Promise<number> {
  if (address === undefined) {
    const dual = listenSocket(ANY_IPV6, port, true);
    if (dual >= 0) return dual;
    // Without IPv6 on this machine.
    const plain = listenSocket(ANY_IPV4, port, false);
    if (plain < 0) throw systemError(plain, 'listen', '0.0.0.0', port);
    return plain;
  }
  const bytes = addressBytes(address) ?? addressBytes((await lookup(address)).address);
  if (bytes === undefined) throw new Error(`not an address to listen on: ${address}`);
  const fd = listenSocket(bytes, port, false);
  if (fd < 0) throw systemError(fd, 'listen', address, port);
  return fd;
}

/** As Node.js has it, with a code such as EADDRINUSE. */
function systemError(errno: number, syscall: string, address = '', port = 0): Error {
  const [code, text] = getSystemErrorMap().get(errno) ?? [`errno ${-errno}`, 'unknown error'];
  const error = new Error(`${syscall} ${code}: ${text} ${address}:${port}`);
  return Object.assign(error, { code, errno, syscall, address, port });
}

class NativeListener implements Listener {
  readonly port: number;
  readonly address: string;
  readonly #fd: number;
  readonly #open = new Set<NativeConnection>();
  #poll: SocketPoll | undefined;
  #pause: NodeJS.Timeout | undefined;
  #hand: HandOver | undefined;
  #closed = false;

  constructor(fd: number, address: string, port: number) {
    this.#fd = fd;
    this.address = address;
    this.port = port;
  }

  /** Those who came early are in the kernel's queue. */
  serve(server: ServerState, hand?: HandOver): void {
    this.#hand = hand;
    this.#poll = new SocketPoll(this.#fd, {
      readable: () => this.#acceptAll(server),
      writable: () => undefined,
      failed: (error) => server.log.error('accepting failed', { error: String(error) }),
    });
    this.#poll.wait(true, false);
  }

  #acceptAll(server: ServerState): void {
    for (let i = 0; i < ACCEPTED_AT_ONCE && !this.#closed; i++) {
      const fd = accept(this.#fd);
      if (fd >= 0) this.#take(server, fd);
      else {
        if (fd === EMFILE || fd === ENFILE) this.#rest(server, fd);
        return;
      }
    }
  }

  /** The kernel would say without end that somebody waits. */
  #rest(server: ServerState, errno: number): void {
    server.log.warn('accept', { error: getSystemErrorMap().get(errno)?.[1] });
    this.#poll?.wait(false, false);
    this.#pause = setTimeout(() => this.#poll?.wait(true, false), ACCEPT_PAUSE_MS).unref();
  }

  #take(server: ServerState, fd: number): void {
    const peer = acceptedFrom();
    const address = plainAddress(peer.address);
    const refused = refuse(server, address);
    if (refused !== undefined) {
      server.log.warn('connection refused', { address, reason: refused });
      close(fd);
      return;
    }
    if (this.#hand !== undefined) {
      this.#hand(fd, address, peer.port);
      return;
    }
    const connection = new NativeConnection(server, fd, address, peer.port);
    this.#open.add(connection);
    void connection.finished.then(() => this.#open.delete(connection));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pause);
    this.#poll?.close();
    close(this.#fd);
    const ending = [...this.#open].map((connection) => {
      connection.close('the server stops');
      return connection.finished;
    });
    await Promise.all(ending);
  }
}
