/** What listens for connections and serves them: by net.Socket (tcp.ts) or by the kernel (native-tcp.ts). */
import type { Transport } from '../objects/connection.ts';
import type { ServerState } from '../objects/server-state.ts';
import type { ConnectionHandler } from '../server/serve-connection.ts';

export interface ListenAddress {
  /** 0 lets the system choose. */
  readonly port: number;
  /** Undefined: all addresses. */
  readonly address: string | undefined;
}

/** Or a socket that listens already, which is the listener's from now on. */
export type ListenPlace = ListenAddress | { readonly fd: number };

/** A connection that is accepted, whose descriptor is the receiver's from now on. */
export type HandOver = (fd: number, address: string, port: number) => void;

/** What a transport calls, whoever serves the connection. */
export type MessageHandler = Omit<ConnectionHandler, 'connection'>;

/** A connection by RDMA, whose messages others serve. */
export type HandDirect = (transport: Transport) => MessageHandler;

export interface Listener {
  /** The port that is listened on, chosen by the system when 0 was asked for. */
  readonly port: number;
  readonly address: string;
  /** Takes up the connections that came, and all that will; `hand` gets them instead, where descriptors are at hand. */
  serve(server: ServerState, hand?: HandOver): void;
  /** Takes no more connections and ends those that are there; settles when all of them are closed. */
  close(): Promise<void>;
}
