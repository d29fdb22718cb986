/** What a client may be told about its connection. */
import type { CipherId } from '../crypto/cipher.ts';
import type { SigningAlgorithm } from '../crypto/signing.ts';
import type { CompressionTerms } from '../smb2/compression.ts';
import type { Dialect } from '../smb2/dialect.ts';
import type { NegotiateRequest } from '../smb2/negotiate.ts';
import type { ClientConnection } from './connection.ts';
import type { FrameSocketOptions, MessageSocket } from './frame-socket.ts';

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** Of this machine, to come from; the system's choice if absent. */
  readonly localAddress?: string | undefined;
  /** In the order in which they are offered. */
  readonly dialects: readonly Dialect[];
  /** Offered at 3.1.1, the most wanted first; none: no encryption there. */
  readonly ciphers: readonly CipherId[];
  /** Offered at 3.1.1, the most wanted first; none: the context is left out, as macOS 13 does. */
  readonly signingAlgorithms: readonly SigningAlgorithm[];
  /** Offered at 3.1.1 for data that move by RDMA, see SMB2_RDMA_TRANSFORM_SIGNING; none: the context is left out. */
  readonly rdmaTransforms: readonly number[];
  /** Offered at 3.1.1, the most wanted first; undefined: the context is left out. What is agreed upon is used where a request says so. */
  readonly compression: CompressionTerms | undefined;
  /** Starts with an SMB1 NEGOTIATE that offers SMB2, as Windows does. */
  readonly multiProtocol: boolean;
  /** SMB2_NEGOTIATE_SIGNING_ENABLED and _REQUIRED. */
  readonly securityMode: number;
  readonly capabilities: number;
  readonly clientGuid: Buffer;
  /** In the NETNAME context; none is sent for an empty one. */
  readonly serverName: string;
  /** Credits that the client tries to hold. */
  readonly creditTarget: number;
  /** CreditRequest of NEGOTIATE, which is 0 from Windows and macOS; undefined: as of other requests. */
  readonly negotiateCredits: number | undefined;
  /**
   * Takes interim responses as Samba sends them, unsigned and with a CreditCharge of 0. 3.2.5.1.3 has clients
   * not verify them, but some Windows versions do.
   */
  readonly lenientInterim: boolean;
  /** For an answer, and for the connection to come up. */
  readonly timeoutMs: number;
  /** Changes the NEGOTIATE request. */
  readonly craftNegotiate: (request: NegotiateRequest) => NegotiateRequest;
  /** What carries its messages: TCP, or SMB Direct (RdmaSocket.open). */
  readonly open: (options: FrameSocketOptions) => Promise<MessageSocket>;
  /** Called before anything is said; a recorder listens from here on. */
  readonly onOpen?: ((connection: ClientConnection) => void) | undefined;
}
