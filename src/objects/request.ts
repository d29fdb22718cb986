/**
 * MS-SMB2 3.3.1.12: one request while it is worked on. The pipeline fills in what the command needs;
 * handlers read it through RequestContext.
 */
import { MAX_ASYNC_REQUESTS } from '../base/limits.ts';
import type { Signer } from '../crypto/signing.ts';
import type { Header } from '../smb2/header.ts';
import type { Admitted, ChannelSequence } from './channel-sequence.ts';
import type { Connection, PendingRequest } from './connection.ts';
import type { Open } from './open.ts';
import type { PosixProcess, ProcessLocks } from './process-locks.ts';
import type { ServerState } from './server-state.ts';
import type { Session } from './session.ts';
import type { TreeConnect } from './tree-connect.ts';

export class Request implements PendingRequest {
  readonly server: ServerState;
  readonly connection: Connection;
  readonly header: Header;
  /** The whole message, header first, as it was signed. */
  readonly message: Buffer;
  /** Request.IsEncrypted. */
  readonly encrypted: boolean;
  session: Session | undefined;
  tree: TreeConnect | undefined;
  open: Open | undefined;
  /** Verified the request and signs its answers, where that is not the connection's channel. */
  signer: Signer | undefined;
  /** MS-CIFS 3.3.5.3: the process whose locks count as its own, at SMB1; else they are its open's. */
  lockOwner: ProcessLocks | PosixProcess | undefined;
  /** Nonzero once an interim response went out. */
  asyncId = 0;
  cancelled = false;
  /** What the worker says that has verified it (3.3.5.2.4): 0, or the status to refuse it with. */
  verdict: number | undefined;
  outlivesConnection = false;
  /** It waits, and is among the requests of its connection; set by the pipeline. */
  isListed = false;
  /** 3.3.5.2.10: what counts it while it is under way. */
  countedBy: ChannelSequence | undefined;
  admitted: Admitted = 0;
  /** No interim response, however long it takes; set by the pipeline. */
  neverPends = false;
  /** A related request behind it in its compound waits for it; set by the pipeline. */
  holdsOthers = false;
  /** Sends the interim response; set by the pipeline. */
  onPend: (() => void) | undefined;
  #controller: AbortController | undefined;

  constructor(
    server: ServerState,
    connection: Connection,
    header: Header,
    message: Buffer,
    encrypted: boolean,
  ) {
    this.server = server;
    this.connection = connection;
    this.header = header;
    this.message = message;
    this.encrypted = encrypted;
  }

  get messageId(): number {
    return this.header.messageId;
  }

  /** The header of a related request names no session. */
  get sessionId(): number {
    return this.session?.sessionId ?? this.header.sessionId;
  }

  /** Aborted by CANCEL, LOGOFF and the loss of the connection. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.cancelled) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** Whether one more request of this connection may wait: its interim gives the credits back. */
  get mayPend(): boolean {
    if (this.asyncId !== 0 || this.neverPends) return true;
    return this.connection.asyncRequests.size < MAX_ASYNC_REQUESTS;
  }

  /**
   * 3.3.4.2: tells the client that this will take a while. A handler that is about to wait for another
   * client, or for something that may never come, calls it before it waits.
   */
  pend(): AbortSignal {
    if (this.asyncId === 0 && !this.neverPends) {
      this.asyncId = this.connection.newAsyncId();
      this.connection.asyncRequests.set(this.asyncId, this);
      this.onPend?.();
    }
    return this.signal;
  }

  cancel(): void {
    this.cancelled = true;
    this.#controller?.abort();
  }
}
