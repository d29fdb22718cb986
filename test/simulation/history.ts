/**
 * What happens in a run, in the words that clients, server and model share: what was asked and answered at
 * the server's door, and what the file system did. Their order is that in which the server saw them.
 */
import type { NotifyInformation } from '../../src/fscc/notify-information.ts';
import type { FileId } from '../../src/smb2/file-id.ts';
import type { OplockBreakNotification } from '../../src/smb2/oplock-break.ts';
import type { Wire } from './wire.ts';

/** A lease that is asked for; the key in hexadecimal. */
export interface LeaseWish {
  readonly key: string;
  readonly state: number;
  readonly version: 1 | 2;
  readonly epoch: number;
}

export interface CreateWish {
  readonly kind: 'create';
  readonly path: string;
  readonly access: number;
  readonly share: number;
  readonly disposition: number;
  readonly options: number;
  readonly oplock: number;
  readonly lease: LeaseWish | undefined;
  readonly durable?: DurableWish | undefined;
}

/** An open that is to outlive its connection; the CreateGuid in hexadecimal, of version 2. */
export interface DurableWish {
  readonly version: 1 | 2;
  readonly createGuid: string;
}

export interface LockRange {
  readonly offset: number;
  readonly length: number;
}

/** What a request asks for. `on` is the open that it names. */
export type Wish =
  | CreateWish
  | {
      /** A CREATE with DHnC or DH2C. */
      readonly kind: 'reclaim';
      readonly of: Opened;
      readonly durable: DurableWish;
      readonly lease: LeaseWish | undefined;
      readonly path: string;
    }
  | { readonly kind: 'close'; readonly on: Opened }
  | { readonly kind: 'read'; readonly on: Opened; readonly offset: number; readonly length: number }
  | {
      readonly kind: 'write';
      readonly on: Opened;
      readonly offset: number;
      readonly data: Buffer;
    }
  | { readonly kind: 'flush'; readonly on: Opened }
  | { readonly kind: 'resize'; readonly on: Opened; readonly size: number }
  | {
      readonly kind: 'lock';
      readonly on: Opened;
      readonly ranges: readonly LockRange[];
      readonly exclusive: boolean;
      readonly waits: boolean;
    }
  | { readonly kind: 'unlock'; readonly on: Opened; readonly range: LockRange }
  | {
      readonly kind: 'rename';
      readonly on: Opened;
      readonly path: string;
      readonly replace: boolean;
    }
  | { readonly kind: 'dispose'; readonly on: Opened; readonly doomed: boolean }
  | {
      readonly kind: 'notify';
      readonly on: Opened;
      readonly filter: number;
      readonly tree: boolean;
      readonly length: number;
    }
  | { readonly kind: 'acknowledgeLease'; readonly key: string; readonly state: number }
  | { readonly kind: 'acknowledgeOplock'; readonly on: Opened; readonly level: number }
  | { readonly kind: 'treeDisconnect' }
  | { readonly kind: 'treeConnect' }
  | { readonly kind: 'logoff' };

export type WishOf<K extends Wish['kind']> = Extract<Wish, { kind: K }>;

/** One request, from its arrival at the server to its final answer. */
export interface Ask<W extends Wish = Wish> {
  readonly number: number;
  readonly wire: Wire;
  readonly wish: W;
  readonly messageId: number;
  /** The moment of its arrival; moments are counted. */
  readonly at: number;
  asyncId: number;
  interimAt: number | undefined;
  answeredAt: number | undefined;
  status: number | undefined;
  cancelled: boolean;
  /** What its answer made; of a CREATE, and of one that reclaims. */
  opened: Opened | undefined;
}

export type AskOf<K extends Wish['kind']> = Ask<WishOf<K>>;

/** An open as its CREATE response told it. */
export interface Opened extends FileId {
  readonly number: number;
  readonly ask: AskOf<'create'>;
  /** The file's identity on disk. */
  readonly file: bigint;
  readonly isDirectory: boolean;
}

export interface GrantedCaching {
  readonly level: number;
  readonly durable: boolean;
  readonly lease:
    | {
        readonly key: string;
        readonly state: number;
        readonly breaking: boolean;
        readonly epoch: number;
      }
    | undefined;
}

/** A final answer, decoded as far as somebody looks at it. */
export interface Answer {
  readonly status: number;
  readonly caching?: GrantedCaching;
  readonly action?: number;
  readonly data?: Buffer;
  readonly changes?: readonly NotifyInformation[];
}

/** What the file system has done. */
export type Commit =
  | {
      readonly kind: 'write';
      readonly file: bigint;
      readonly position: number;
      readonly data: Buffer;
    }
  | { readonly kind: 'truncate'; readonly file: bigint; readonly size: number }
  | {
      readonly kind: 'create' | 'remove';
      readonly file: bigint;
      readonly path: string;
      readonly isDirectory: boolean;
    }
  | {
      readonly kind: 'rename';
      readonly file: bigint;
      readonly path: string;
      readonly to: string;
      /** Another file that stood there. */
      readonly replaced: bigint | undefined;
      readonly isDirectory: boolean;
    };

/** Told of everything in its order. */
export interface Witness {
  asked(ask: Ask): void;
  /** A CANCEL for it has arrived. */
  cancelled(ask: Ask): void;
  interim(ask: Ask): void;
  answered(ask: Ask, answer: Answer): void;
  told(wire: Wire, notification: OplockBreakNotification): void;
  committed(commit: Commit): void;
  /** The connection is lost now; `over` when the server has settled that. */
  cut(wire: Wire): void;
  over(wire: Wire): void;
}
