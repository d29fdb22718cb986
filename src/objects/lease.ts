/** MS-SMB2 3.3.1.12 and 3.3.1.11: leases, by the client's GUID and its key. */
import type { Caching } from './caching.ts';
import type { Open } from './open.ts';
import type { SharedFile } from './shared-file.ts';

export interface Lease {
  /** Table key: ClientGuid and LeaseKey in hexadecimal. */
  readonly id: string;
  readonly clientGuid: Buffer;
  readonly leaseKey: Buffer;
  readonly version: 1 | 2;
  readonly file: SharedFile;
  readonly directory: boolean;
  /** The opens that share it; the lease ends with the last. */
  readonly opens: Set<Open>;
  /** Version 2: counts the changes of its state. */
  epoch: number;
  parentLeaseKey: Buffer | undefined;
}

export const leaseId = (clientGuid: Buffer, leaseKey: Buffer): string =>
  `${clientGuid.toString('hex')}${leaseKey.toString('hex')}`;

/** Lease and caching state of an open, as its CREATE response tells it. */
export interface GrantedLease {
  readonly lease: Lease;
  readonly state: Caching;
  readonly breaking: boolean;
}
