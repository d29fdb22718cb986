/** What listens for connections and serves them: by net.Socket (tcp.ts) or by the kernel (native-tcp.ts). */
import type { ServerState } from '../objects/server-state.ts';

export interface ListenAddress {
  /** 0 lets the system choose. */
  readonly port: number;
  /** Undefined: all addresses. */
  readonly address: string | undefined;
}

export interface Listener {
  /** The port that is listened on, chosen by the system when 0 was asked for. */
  readonly port: number;
  readonly address: string;
  /** Takes up the connections that came, and all that will. */
  serve(server: ServerState): void;
  /** Takes no more connections and ends those that are there; settles when all of them are closed. */
  close(): Promise<void>;
}
