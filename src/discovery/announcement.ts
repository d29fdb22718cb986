/** What the network is told of a server: made by the server, for the process that tells it. */
import type { DebugComponent } from '../base/log.ts';
import { formatGuid } from '../dtyp/guid.ts';
import type { WsdDevice } from './wsd-messages.ts';

/** By multicast DNS (RFC 6762) and DNS-SD (RFC 6763). */
export interface Services {
  /** Under which the Finder shows the server. */
  readonly instance: string;
  /** TCP, of SMB. */
  readonly port: number;
  /** Apple's name of a machine, for its picture. */
  readonly model: string;
  /** Shares for Time Machine. */
  readonly backupDisks: readonly string[];
}

export interface Announcement {
  /** On these of the machine's addresses; null: on all but the loopback's. */
  readonly addresses: readonly string[] | null;
  /** Null: WS-Discovery is off. */
  readonly device: WsdDevice | null;
  /** Null: multicast DNS is off. */
  readonly services: Services | null;
  readonly debug: readonly DebugComponent[];
}

/** Of a server, the same in every run: its ServerGuid. */
export const uuidOf = (serverGuid: Buffer): string => formatGuid(serverGuid);
