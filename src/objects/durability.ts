/**
 * MS-SMB2 3.3.1.10 as far as it says whether an open outlives its connection, 3.3.7.1: pure. What keeps
 * such opens is durable-opens.ts.
 *
 *     connected ── connection lost, LOGOFF, PreviousSessionId: where it is preserved ──▶ disconnected
 *       │   ▲                                                                            │    │
 *       │   └────────────── CREATE of its owner with DHnC or DH2C ───────────────────────┘    │
 *       │                                       timeout, conflicting open, bound, server's end │
 *       ▼ CLOSE, TREE_DISCONNECT, or not preserved                                            ▼
 *     closed ◀────────────────────────────────────────────────────────────────────────────────┘
 */
import type { Identity } from '../vfs/vfs.ts';
import { type Caching, H, W } from './caching.ts';

export type OpenState = 'connected' | 'disconnected' | 'closed';
/** `lost`: its session ends without its client having asked for the open's end. */
export type OpenEvent = 'lost' | 'reclaimed' | 'ended';

export function nextState(state: OpenState, event: OpenEvent, preserved: boolean): OpenState {
  switch (event) {
    case 'ended':
      return 'closed';
    case 'lost':
      if (state !== 'connected') return state;
      return preserved ? 'disconnected' : 'closed';
    case 'reclaimed':
      return state === 'disconnected' ? 'connected' : state;
  }
}

/** What an open has beyond others whose record is on stable storage. */
export interface Persistence {
  /** Whom its handle acts as. */
  readonly identity: Identity | undefined;
  /** Open.DesiredAccess, as it was asked for. */
  readonly desiredAccess: number;
  /** Of the file when it was opened: another file of its name and number has another. */
  readonly creationTime: bigint;
}

/** What an open has beyond others that was made to be reclaimed or replayed. */
export interface Durability {
  /** Open.IsDurable and Open.IsResilient: never both. */
  isDurable: boolean;
  isResilient: boolean;
  /** Open.IsPersistent: nobody but its client and its timeout ends it, whatever it caches. */
  persistent?: Persistence | undefined;
  /** Open.DurableOwner: the user's name. */
  readonly owner: string;
  readonly clientGuid: Buffer;
  /** Of the request: DHnQ or DH2Q. */
  readonly version: 1 | 2;
  /** All zero in version 1. */
  readonly createGuid: Buffer;
  /** Open.FileName, as the client wrote it. */
  readonly fileName: string;
  /** What its CREATE was answered with, which is told again where the CREATE comes again. */
  readonly createAction: number;
  /** Open.DurableOpenTimeout or Open.ResiliencyTimeout. */
  timeoutMs: number;
  /** Of a disconnected open: performance.now() when it is closed. */
  deadlineMs: number;
}

/** What the open caches, and locks, as its session ends. */
export interface Holding {
  /** Of its lease or its oplock. */
  readonly state: Caching;
  /** Open.OplockState is Breaking. */
  readonly breaking: boolean;
  readonly locks: number;
}

/** 3.3.7.1: "the Open is to be preserved for reconnect". A batch oplock caches the handle as a lease may. */
export function isPreserved(durability: Durability | undefined, holding: Holding): boolean {
  if (durability === undefined) return false;
  if (durability.isResilient || durability.persistent !== undefined) return true;
  if (!durability.isDurable || holding.breaking || (holding.state & H) === 0) return false;
  // Windows keeps no byte-range locks for a client that does not cache writes (smbtorture, lock-noW-lease).
  return holding.locks === 0 || (holding.state & W) !== 0;
}

/** Whether somebody else's wish for the file ends it, once its client is not there. */
export const yields = ({ isDurable, persistent }: Durability): boolean =>
  isDurable && persistent === undefined;
