/** MS-SMB2 3.3.1.12 and 3.3.1.11: leases, by the client's GUID and its key. */
import type { Caching } from './caching.ts';
import { Few } from './few.ts';
import type { Open } from './open.ts';
import type { SharedFile } from './shared-file.ts';

export class Lease {
  /** Table key: see leaseId. */
  readonly id: string;
  readonly clientGuid: Buffer;
  readonly version: 1 | 2;
  readonly file: SharedFile;
  readonly directory: boolean;
  /** The opens that share it; the lease ends with the last. */
  readonly opens: Few<Open>;
  /** Version 2: counts the changes of its state. */
  epoch: number;
  readonly #parentKey: string | undefined;

  constructor(
    wanted: {
      readonly clientGuid: Buffer;
      readonly leaseKey: Buffer;
      readonly version: 1 | 2;
      readonly parentLeaseKey: Buffer | undefined;
    },
    open: Open,
    file: SharedFile,
    epoch: number,
  ) {
    // The text that the open has already, where it has one.
    this.id = open.leaseId ?? leaseId(wanted.clientGuid, wanted.leaseKey);
    this.clientGuid = wanted.clientGuid;
    this.version = wanted.version;
    this.file = file;
    this.directory = open.handle?.kind === 'directory';
    this.opens = new Few(open);
    this.epoch = epoch;
    this.#parentKey = keyText(wanted.parentLeaseKey);
  }

  get leaseKey(): Buffer {
    return Buffer.from(this.id.slice(2 * GUID_BYTES), 'hex');
  }

  get parentLeaseKey(): Buffer | undefined {
    return keyOfText(this.#parentKey);
  }
}

const GUID_BYTES = 16;
const scratch = Buffer.alloc(2 * GUID_BYTES);

/** ClientGuid and LeaseKey in hexadecimal: in one piece, which two texts put together would not be. */
export function leaseId(clientGuid: Buffer, leaseKey: Buffer): string {
  clientGuid.copy(scratch, 0);
  leaseKey.copy(scratch, GUID_BYTES);
  return scratch.toString('hex');
}

/** Keys are kept as text: 48 bytes in place of the 200 of a Buffer, and of what it may be a view of. */
export const keyText = (key: Buffer | undefined): string | undefined => key?.toString('hex');
export const keyOfText = (text: string | undefined): Buffer | undefined =>
  text === undefined ? undefined : Buffer.from(text, 'hex');

/** Lease and caching state of an open, as its CREATE response tells it. */
export interface GrantedLease {
  readonly lease: Lease;
  readonly state: Caching;
  readonly breaking: boolean;
}
