/**
 * MS-SMB2 3.3.1.10: durable and resilient opens that outlive the process which owns them (docs/adr/0008-workers.md). Of each
 * another process, the keeper, has a descriptor that names its file and a record of what it holds, told before the client
 * is; the next owner makes it again, as if its connection were lost just now:
 *
 *     CREATE ── told ──▶ kept ── LOCK, break, rename, disposition ──▶ told anew
 *       │ the process ends, by whatever way        │ CLOSE, timeout, administrator
 *       ▼                                          ▼
 *     made again (restore-opens.ts)              forgotten
 *
 * What the keeper cannot take, the open is not granted less for: it does not outlive the process, as without a keeper.
 */
import { MAX_KEPT_OPENS } from '../base/limits.ts';
import type { Identity, VfsHandle } from '../vfs/vfs.ts';
import type { Open } from './open.ts';
import type { Holder } from './oplocks.ts';
import { keptRecordOf } from './persistent-record.ts';
import type { ServerState } from './server-state.ts';
import type { SharedFile } from './shared-file.ts';

/** What a process has left. */
export interface Inherited {
  readonly key: number;
  readonly value: Buffer;
  /** Whoever takes it gives it to a tree's `adopt`, or back. */
  readonly descriptor: number | undefined;
}

/** Another process that lives on when this one ends. */
export interface Keeper {
  /** How many descriptors it takes. */
  readonly maxDescriptors: number;
  /** What the process before this one has left; once. */
  inherit(): readonly Inherited[];
  giveBack(descriptor: number): void;
  /** True: it has it from now on, with a duplicate of the descriptor, or the one that it had by this key. */
  put(key: number, value: Buffer, descriptor?: number): boolean;
  delete(key: number): void;
  /** After a time without: it has nothing of what it was told, and takes it again. */
  onEmpty: () => void;
}

interface Kept {
  /** Whom the handle acts as. */
  readonly identity: Identity | undefined;
  /** Whose descriptor the keeper has; undefined: it has none. */
  readonly handle: VfsHandle | undefined;
}

export class KeptOpens {
  readonly #keeper: Keeper;
  readonly #server: ServerState;
  readonly #kept = new Map<Open, Kept>();
  #descriptors = 0;

  constructor(server: ServerState, keeper: Keeper) {
    this.#server = server;
    this.#keeper = keeper;
    const { onChanged } = server.oplocks;
    server.oplocks.onChanged = (holder) => {
      onChanged?.(holder);
      this.#cachingChanged(holder);
    };
    keeper.onEmpty = () => this.#tellAll();
  }

  get size(): number {
    return this.#kept.size;
  }

  /** The keeper knows all of the open that there is to know now, if it outlives its connection. */
  changed(open: Open): void {
    if (open.closed) return;
    const before = this.#kept.get(open);
    if (!outlives(open)) {
      if (before !== undefined) this.forget(open);
      return;
    }
    if (before === undefined && this.#kept.size >= MAX_KEPT_OPENS) return;
    const identity = before === undefined ? open.tree?.identity : before.identity;
    const value = keptRecordOf(open, this.#server.oplocks.heldBy(open), identity);
    if (value === undefined) {
      this.forget(open);
      return;
    }
    const handle = this.#put(open, value, before?.handle);
    if (handle === 'refused') this.forget(open);
    else this.#note(open, { identity, handle });
  }

  /** All of a file whose name has changed, or what is to become of it. */
  fileChanged({ opens }: Pick<SharedFile, 'opens'>): void {
    for (const open of opens) if (this.#kept.has(open)) this.changed(open);
  }

  /** An open that was made again; the keeper has it as it was. */
  restored(open: Open, identity: Identity | undefined, hasDescriptor: boolean): void {
    this.#note(open, { identity, handle: hasDescriptor ? open.handle : undefined });
  }

  /** Nobody reclaims it any more. */
  forget(open: Open): void {
    const kept = this.#kept.get(open);
    if (kept === undefined) return;
    this.#kept.delete(open);
    if (kept.handle !== undefined) this.#descriptors -= 1;
    this.#keeper.delete(open.persistentId);
  }

  /** The keeper has got it: the handle whose descriptor it has. */
  #put(open: Open, value: Buffer, sent: VfsHandle | undefined): VfsHandle | undefined | 'refused' {
    const { persistentId: key, home } = open;
    const handle = open.handle!;
    const hasRoom = sent !== undefined || this.#descriptors < this.#keeper.maxDescriptors;
    if (sent !== handle && hasRoom) {
      const put = home.vfs?.lend?.(handle, (fd) => this.#keeper.put(key, value, fd));
      if (put === true) return handle;
    }
    if (sent !== undefined && sent !== handle) return 'refused';
    return this.#keeper.put(key, value) ? sent : 'refused';
  }

  #note(open: Open, kept: Kept): void {
    const before = this.#kept.get(open)?.handle;
    this.#descriptors += (kept.handle === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    this.#kept.set(open, kept);
  }

  #cachingChanged(holder: Holder): void {
    if (this.#kept.size === 0) return;
    const opens = 'opens' in holder ? holder.opens : [holder];
    for (const open of opens) if (this.#kept.has(open)) this.changed(open);
  }

  #tellAll(): void {
    const before = new Map(this.#kept);
    this.#kept.clear();
    this.#descriptors = 0;
    for (const open of this.#server.opens.values()) {
      const identity = before.get(open)?.identity;
      if (before.has(open)) this.#kept.set(open, { identity, handle: undefined });
      // What is disconnected has no tree any more that tells whom it acts as.
      if (before.has(open) || open.tree !== undefined) this.changed(open);
    }
  }
}

/** Persistent opens have a record on disk. */
const outlives = ({ durability, handle }: Open): boolean =>
  durability !== undefined &&
  (durability.isDurable || durability.isResilient) &&
  durability.persistent === undefined &&
  handle?.kind === 'file';
