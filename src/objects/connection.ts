/**
 * MS-SMB2 3.3.1.7: a transport connection.
 *
 *     fresh ── SMB1 NEGOTIATE ──▶ wildcard (0x02FF) ── NEGOTIATE ──▶ negotiated ──▶ closed
 *       └──────────────── NEGOTIATE ───────────────────────▲
 *
 * A second NEGOTIATE in state negotiated closes the connection.
 */
import type { Logger } from '../base/log.ts';
import type { PreauthHash } from '../crypto/preauth.ts';
import type { RdmaRecord } from '../ipc/data-plane.ts';
import type { BufferDescriptor } from '../smb2/buffer-descriptor.ts';
import type { CompressionTerms } from '../smb2/compression.ts';
import { Lifetime } from './lifetime.ts';
import type { LoginExchange } from './login-exchange.ts';
import type { MessageWindow } from './message-window.ts';
import type { Open } from './open.ts';
import type { WorkerEnd } from './owner.ts';
import type { Session } from './session.ts';

/** The constants of the negotiated dialect, chosen once; handlers look here and never at numbers. */
export interface DialectTraits {
  readonly revision: number;
  readonly name: string;
  /** Connection.SupportsMultiCredit. */
  readonly multiCredit: boolean;
  /** "belongs to the SMB 3.x dialect family". */
  readonly smb3: boolean;
  /** 3.1.1: preauthentication integrity, negotiate contexts, error contexts. */
  readonly preauthIntegrity: boolean;
  /** Where encryption is decided: by capability bit (3.0, 3.0.2) or by context (3.1.1). */
  readonly encryption: 'none' | 'capability' | 'context';
  /** Leases are granted: they came with 2.1. */
  readonly leasing: boolean;
  /** Leases on directories are: they came with 3.0. */
  readonly directoryLeasing: boolean;
  /** LOCK requests bear a LockSequence. */
  readonly lockSequence: boolean;
  /** SMB2_CHANNEL_RDMA_V1_INVALIDATE is taken. */
  readonly remoteInvalidation: boolean;
  /** FileNormalizedNameInformation is served. */
  readonly normalizedNames: boolean;
  readonly maxTransactSize: number;
  readonly maxReadSize: number;
  readonly maxWriteSize: number;
}

/** MS-SMBD 3.1.4.5 and .6: memory of the client's, where the transport reaches it. */
export interface RemoteMemory {
  /** The data stand there before the client sees any answer that follows; they are the transport's from now on. */
  write(buffers: readonly BufferDescriptor[], data: Buffer): void;
  /** `length` bytes, in a buffer of the pool's; undefined where the connection ended meanwhile. */
  read(buffers: readonly BufferDescriptor[], length: number): Promise<Buffer | undefined>;
  /** For `usmbd status`. */
  counts(): RdmaRecord;
}

/** What the transport does for a connection. */
export interface Transport {
  /** Of RDMA transports alone. */
  readonly remoteMemory?: RemoteMemory;
  readonly remoteAddress: string;
  /** Absent where the transport has no ports. */
  readonly remotePort?: number;
  /** The server's end; of a link-local address with its interface, `fe80::1%eth0`. */
  readonly localAddress: string;
  /**
   * Sends one framed message made of these buffers; they are the transport's from now on. With it the client's memory
   * behind these tokens is released (MS-SMBD 3.1.4.2); only where there is `remoteMemory`.
   */
  send(parts: readonly Buffer[], invalidate?: readonly number[]): void;
  /** Where `place` finds room. */
  readonly outbox?: Buffer;
  /**
   * Room in `outbox` for a small message that is ready: where it begins, to be written at once and whole; it
   * leaves with the others of this event. -1 where `send` has to take it.
   */
  place?(length: number): number;
  /** Whether bytes are under way whose receipt the peer's system has not confirmed; where that is known. */
  unacknowledged?(): boolean;
  /** Ends the connection; answers already handed over may be lost. */
  close(reason: string): void;
  /** Where a worker process serves the connection, and this one owns the files. */
  readonly worker?: WorkerEnd;
}

/** What speaks SMB1 on a connection, where the server has that (src/smb1-commands). */
export interface Smb1Peer {
  /** One whole message from the client. */
  receive(message: Buffer): void;
  /** MS-CIFS 2.2.4.53.1, CAP_LEVEL_II_OPLOCKS: it is granted an oplock that it shares with others. */
  readonly knowsLevelII: boolean;
  /** MS-CIFS 3.3.4.2: tells the client that its oplock is to be no more than this; false where it cannot be told. */
  breakOplock(open: Open, oplockLevel: number): boolean;
}

/** A request that was answered with STATUS_PENDING or may still be cancelled. */
export interface PendingRequest {
  readonly messageId: number;
  readonly asyncId: number;
  readonly sessionId: number;
  /** It is not cancelled with its connection, where its session has another. */
  readonly outlivesConnection: boolean;
  cancel(): void;
}

export class Connection {
  readonly id: number;
  readonly transport: Transport;
  readonly log: Logger;
  readonly window: MessageWindow;
  /** Of messages whose requests wait for something. */
  waitingBytes = 0;
  /** Of those, what messages have that are not begun. */
  heldBytes = 0;
  /** Messages that came behind one which a thread still verifies, and that one: what begins them once it may. */
  readonly held: { begin: (() => void) | undefined }[] = [];
  state: 'fresh' | 'wildcard' | 'negotiated' | 'closed' = 'fresh';
  dialect: DialectTraits | undefined;
  clientGuid: Buffer = Buffer.alloc(16);
  clientCapabilities = 0;
  clientSecurityMode = 0;
  clientDialects: readonly number[] = [];
  serverCapabilities = 0;
  serverSecurityMode = 0;
  /** Connection.ShouldSign: the client demands signing. */
  shouldSign = false;
  /** 0 where encryption was not negotiated. */
  cipherId = 0;
  /** See SigningAlgorithm. */
  signingAlgorithm = 0;
  /** Connection.RDMATransformIds, 3.1.1: how data that move by RDMA may be protected. */
  rdmaTransforms: readonly number[] = [];
  /** 3.1.1: Connection.CompressionIds and Connection.SupportsChainedCompression; undefined where nothing is compressed. */
  compression: CompressionTerms | undefined;
  /** 3.1.1: the SMB3 POSIX extensions are spoken. */
  posixExtensions = false;
  /** 3.1.1: Connection.PreauthIntegrityHashValue. */
  preauth: PreauthHash | undefined;
  /** There from the NEGOTIATE of SMB1 on. */
  smb1: Smb1Peer | undefined;
  /** Connection.SessionTable. */
  readonly sessions = new Map<number, Session>();
  /** A copy of a session that other workers have, for a login here that is to bind it: see Owner.find. */
  offered: Session | undefined;
  /** Logins under way, by SessionId. */
  readonly logins = new Map<number, LoginExchange>();
  /** Connection.RequestList, as far as CANCEL needs it: by MessageId, and by AsyncId. */
  readonly requests = new Map<number, PendingRequest>();
  readonly asyncRequests = new Map<number, PendingRequest>();
  /** 3.3.5.2.8, Session.IdleTime of the session that was last used: performance.now() of its request. */
  idleSinceMs = performance.now();
  /** Looks after it from time to time, where idle connections end. */
  idleCheck: NodeJS.Timeout | undefined;
  /** Held by requests under way. */
  readonly lifetime = new Lifetime();
  #nextAsyncId = 1;

  constructor(id: number, transport: Transport, window: MessageWindow, log: Logger) {
    this.id = id;
    this.transport = transport;
    this.window = window;
    this.log = log;
  }

  newAsyncId(): number {
    return this.#nextAsyncId++;
  }

  /** Nothing is open and nothing is asked. */
  get idle(): boolean {
    if (this.requests.size > 0) return false;
    for (const session of this.sessions.values()) if (session.opens.size > 0) return false;
    return true;
  }

  /** Sessions, those under way and those being bound included. */
  get sessionCount(): number {
    let count = this.sessions.size;
    for (const { binding } of this.logins.values()) if (binding) count += 1;
    return count;
  }

  /** The opposite of Connection.ConstrainedConnection: somebody has a session who is not anonymous. */
  get hasUser(): boolean {
    for (const { isUser } of this.sessions.values()) if (isUser) return true;
    return false;
  }

  /** Somebody has logged in; who has to do so anew has not heard of it yet. */
  get authenticated(): boolean {
    for (const { account } of this.sessions.values()) if (account !== undefined) return true;
    return false;
  }
}
