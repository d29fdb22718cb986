/** What NEGOTIATE settled (MS-SMB2 3.2.1.2). */
import type { CipherId } from '../crypto/cipher.ts';
import type { PreauthHash } from '../crypto/preauth.ts';
import type { SigningAlgorithm } from '../crypto/signing.ts';
import type { CompressionTerms } from '../smb2/compression.ts';
import type { Dialect } from '../smb2/dialect.ts';
import type { NegotiateRequest, NegotiateResponse } from '../smb2/negotiate.ts';

export interface Negotiated {
  readonly dialect: Dialect;
  /** As sent and received; VALIDATE_NEGOTIATE_INFO compares with them. */
  readonly request: NegotiateRequest;
  readonly response: NegotiateResponse;
  /** Undefined: nothing can be encrypted. */
  readonly cipher: CipherId | undefined;
  readonly signingAlgorithm: SigningAlgorithm;
  /** Connection.RDMATransformIds. */
  readonly rdmaTransforms: readonly number[];
  /** Connection.CompressionIds and Connection.SupportsChainedCompression; undefined: none. */
  readonly compression: CompressionTerms | undefined;
  /** The server refuses unsigned requests. */
  readonly signingRequired: boolean;
  /** Requests of more than 64 KiB. */
  readonly multiCredit: boolean;
  readonly maxTransactSize: number;
  readonly maxReadSize: number;
  readonly maxWriteSize: number;
  /** Connection.PreauthIntegrityHashValue; 3.1.1 only. */
  readonly preauthHash: PreauthHash | undefined;
}
