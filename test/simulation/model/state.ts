/**
 * What the model knows: the server as the specifications have it, in the plainest words. A request takes
 * effect at some moment between its arrival and its answer, so that much is sure only outside of that
 * time: an open is surely there from the answer of its CREATE to the arrival of its CLOSE, and perhaps
 * from the arrival of the CREATE to the answer of the CLOSE. The rules judge what is sure.
 */
import type { Ask, AskOf, LockRange, Opened } from '../history.ts';
import type { Wire } from '../wire.ts';

/** MS-FSA 2.1.1.6, as the model sees it. */
export interface OpenModel {
  readonly opened: Opened;
  readonly ask: AskOf<'create'>;
  /** Another one after it was reclaimed. */
  wire: Wire;
  /** Its client was told that it outlives its connection. */
  readonly isDurable: boolean;
  /** Since when it has no connection and is kept for its client. */
  lost: { readonly at: number; readonly atMs: number; readonly isKept: boolean } | undefined;
  /** Oplock key: whose caches its operations spare. */
  readonly key: string;
  readonly access: number;
  readonly share: number;
  readonly file: FileModel;
  readonly deletesOnClose: boolean;
  readonly sureAt: number;
  /** From when on it may be gone. */
  closingAt: number | undefined;
  /** When it surely was. */
  closedAt: number | undefined;
  /** MS-FSA 2.1.1.9: the watch of a directory. */
  watch: Watch | undefined;
}

export interface Watch {
  readonly filter: number;
  readonly tree: boolean;
  /** Bytes that are kept. */
  readonly capacity: number;
  /** The request that made it. */
  readonly by: AskOf<'notify'>;
  isOverflowed: boolean;
  /** What is to be told and has not been. */
  untold: Untold[];
}

export interface Untold {
  readonly action: number;
  readonly name: string;
  /** Its request was under way when the watch began: it may count as a change before that. */
  readonly isEarly: boolean;
}

export interface LockModel {
  readonly open: OpenModel;
  readonly range: LockRange;
  readonly exclusive: boolean;
  readonly ask: AskOf<'lock'>;
  /** When it was answered. */
  sureAt: number | undefined;
  endingAt: number | undefined;
  endedAt: number | undefined;
}

/** Who may cache: a lease, or an open with an oplock. */
export interface Holder {
  readonly key: string;
  readonly kind: 'lease' | 'oplock';
  readonly version: 1 | 2;
  readonly file: FileModel;
  readonly opens: Set<OpenModel>;
  /** What its client was told last that it may cache. */
  state: number;
  /** Since when it may cache the handle. */
  handleSince: number | undefined;
  /** What it had until it was raised last. */
  before: { readonly state: number; readonly epoch: number; readonly until: number } | undefined;
  breakingTo: number | undefined;
  deadlineMs: number;
  epoch: number;
  /** The data have changed while it was being broken: it is told of that when it has acknowledged. */
  owes: boolean;
  /** An acknowledgment of it is on its way through the server. */
  acknowledging: Ask | undefined;
}

export interface Snapshot {
  readonly since: number;
  readonly content: Buffer;
}

export interface FileModel {
  readonly id: bigint;
  exists: boolean;
  isDirectory: boolean;
  readonly opens: Set<OpenModel>;
  readonly holders: Set<Holder>;
  readonly locks: Set<LockModel>;
  /** What it held, oldest first. */
  readonly snapshots: Snapshot[];
  /** Other clients' last doings with it. */
  readonly touched: Map<string, number>;
  doom: 'no' | 'yes' | 'perhaps';
  /** Requests under way that change `doom`. */
  readonly dooming: Set<unknown>;
  /** The last moment when it was perhaps marked for deletion. */
  doomedAt: number;
}

export const isSure = (open: OpenModel): boolean => open.closingAt === undefined;

/** Perhaps there at some moment since `at`. */
export const wasPerhapsOpen = (open: OpenModel, at: number): boolean =>
  open.closedAt === undefined || open.closedAt >= at;

export const doomOf = (file: FileModel): FileModel['doom'] =>
  file.dooming.size > 0 ? 'perhaps' : file.doom;
