/**
 * What SMB Direct needs of RDMA, whoever provides it: iWARP in this process (iwarp/), or one day a card by
 * libibverbs. Messages arrive in order; what is written stands at the peer before the Send behind it arrives.
 */

/** A range of the peer's memory: MS-SMBD 2.2.3.1, as the peer has described it. */
export interface RemoteRange {
  /** Token: the STag, or R_Key. */
  readonly token: number;
  readonly offset: bigint;
}

export interface RdmaConnection {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  /** Bytes that the peer has not taken yet. */
  readonly unsentBytes: number;
  /** As many more messages may be received; one beyond ends the connection. */
  post(count: number): void;
  /** One message; `invalidate` is a token that the peer's memory is no longer reached by. The parts stay as they are. */
  send(parts: readonly Buffer[], invalidate?: number): void;
  /** `released` is called when the parts may be used again, also where the connection ends. */
  write(to: RemoteRange, parts: readonly Buffer[], released?: () => void): void;
  /** False where the connection ended meanwhile; `into` is the provider's until then. */
  read(from: RemoteRange, into: Buffer): Promise<boolean>;
  /** Reads nothing from the peer until `resume`. */
  pause(): void;
  resume(): void;
  close(reason: string): void;
}

export interface RdmaEvents {
  /** Messages may be sent, and will be received as far as receives are posted. */
  established(): void;
  /** One message: a view that stays as it is until the call is back. */
  received(message: Buffer): void;
  /** `unsentBytes` has come down to 0. */
  drained(): void;
  /** Called once, whoever closed. */
  closed(): void;
}

/** One that a peer has asked for and that is not there yet. */
export interface AskedConnection extends RdmaConnection {
  /** Settles with what was agreed on, for the log; undefined where it did not come to that. */
  establish(events: RdmaEvents): Promise<object | undefined>;
  /** Why it ended. */
  readonly reason: string;
}

export interface RdmaOptions {
  /** Bytes of one message that is received. */
  readonly maxMessageBytes: number;
  /** Checksums also where the peer does not ask for them, and the provider has any. */
  readonly requiresCrc: boolean;
}

/**
 * Who provides RDMA. `Accepted` is what its listener accepts: iWARP's a TCP socket; a card's would be an event of
 * its connection manager's.
 */
export interface RdmaProvider<Accepted> {
  /** For the log. */
  readonly name: string;
  accept(accepted: Accepted, options: RdmaOptions): AskedConnection;
}
