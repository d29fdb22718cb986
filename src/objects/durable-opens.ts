/**
 * MS-SMB2 3.3.2.2, 3.3.2.4, 3.3.6.2 and 3.3.6.4: the opens that clients have left behind by losing their
 * connection, each until its owner reclaims it, its time is over, or there are too many: one user's
 * beyond his bound, and of all users' the one's who has left most, the oldest first.
 *
 * One timer for all of them, which runs while there are any. It looks a little late rather than early:
 * the time that a client was told is the least that it has.
 */
import {
  DURABLE_SCAVENGER_MS,
  MAX_DISCONNECTED_OPENS,
  MAX_DISCONNECTED_OPENS_PER_USER,
} from '../base/limits.ts';
import { nextState, yields } from './durability.ts';
import { unusedId } from './ids.ts';
import type { Open } from './open.ts';
import type { Session } from './session.ts';
import { conflicts, type ShareMode } from './share-modes.ts';
import type { SharedFile } from './shared-file.ts';
import type { TreeConnect } from './tree-connect.ts';

type Close = (open: Open) => Promise<void> | undefined;

export interface DurableBounds {
  readonly ofUser: number;
  readonly ofServer: number;
}

const BOUNDS: DurableBounds = {
  ofUser: MAX_DISCONNECTED_OPENS_PER_USER,
  ofServer: MAX_DISCONNECTED_OPENS,
};

export class DurableOpens {
  readonly #close: Close;
  readonly #bounds: DurableBounds;
  /** Disconnected, by owner, in the order in which they came. */
  readonly #lost = new Map<string, Set<Open>>();
  #size = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  /** `close` ends an open as 3.3.4.17 says. */
  constructor(close: Close, bounds = BOUNDS) {
    this.#close = close;
    this.#bounds = bounds;
  }

  /** Opens that are disconnected. */
  get size(): number {
    return this.#size;
  }

  /** Takes an open that has just been disconnected; the promise is there where one is deleted with its close. */
  keep(open: Open, nowMs = performance.now()): Promise<void> | undefined {
    const durability = open.durability!;
    durability.deadlineMs = nowMs + durability.timeoutMs;
    let own = this.#lost.get(durability.owner);
    if (own === undefined) {
      own = new Set();
      this.#lost.set(durability.owner, own);
    }
    own.add(open);
    this.#size += 1;
    if (this.#ended) return this.#endOne(open);
    this.#wait();
    if (own.size > this.#bounds.ofUser) return this.#closeOldest(own);
    return this.#size > this.#bounds.ofServer ? this.makeRoom() : undefined;
  }

  /** 3.3.5.9.7 and 3.3.5.9.12: the open is its client's again, in another session. */
  reclaim(open: Open, session: Session, tree: TreeConnect): void {
    this.release(open);
    open.state = nextState(open.state, 'reclaimed', true);
    open.session = session;
    open.tree = tree;
    // A client knows its lease, and its epoch, before the answer; an oplock is named by the new FileId.
    open.answered = open.lease !== undefined;
    open.volatileId = unusedId(session.opens);
    session.opens.set(open.volatileId, open);
    tree.openCount += 1;
  }

  /** The open is reclaimed, or closed; nothing happens where it is not among the disconnected. */
  release(open: Open): void {
    const owner = open.durability?.owner;
    if (owner === undefined) return;
    const own = this.#lost.get(owner);
    if (own?.delete(open) !== true) return;
    this.#size -= 1;
    if (own.size === 0) this.#lost.delete(owner);
    if (this.#size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Closes the oldest of the user who has left most behind, for want of resources. */
  makeRoom(): Promise<void> | undefined {
    let most: Set<Open> | undefined;
    for (const own of this.#lost.values()) if (own.size > (most?.size ?? 0)) most = own;
    return most === undefined ? undefined : this.#closeOldest(most);
  }

  /**
   * Closes those that alone stand in the way of a new open of their file, as after a client that has come
   * back without them; others' are purged as their leases and oplocks break.
   */
  makeWay(file: SharedFile, wanted: ShareMode): Promise<unknown> | undefined {
    const inTheWay = [...file.opens].filter((open) => conflicts(wanted, open));
    if (!inTheWay.every((open) => open.state === 'disconnected' && yields(open.durability!))) {
      return undefined;
    }
    const deletions = inTheWay.map((open) => this.#close(open)).filter((one) => one !== undefined);
    return deletions.length === 0 ? undefined : Promise.all(deletions);
  }

  /** 3.3.6.2: closes those whose time is over. */
  scavenge(nowMs = performance.now()): Promise<unknown> {
    const closing: (Promise<void> | undefined)[] = [];
    for (const open of this.#all()) {
      if (open.durability!.deadlineMs <= nowMs) closing.push(this.#close(open));
    }
    return Promise.all(closing);
  }

  /** The server ends: closes all, and whatever is kept from now on. */
  end(): Promise<unknown> {
    this.#ended = true;
    return Promise.all(this.#all().map((open) => this.#endOne(open)));
  }

  /** What is persistent the next server deletes, if its client does not come back. */
  #endOne(open: Open): Promise<void> | undefined {
    if (open.durability!.persistent !== undefined) {
      open.deleteOnClose = false;
      open.file!.unmark(open);
    }
    return this.#close(open);
  }

  #all(): Open[] {
    return [...this.#lost.values()].flatMap((own) => [...own]);
  }

  #closeOldest(own: Set<Open>): Promise<void> | undefined {
    const [oldest] = own;
    return this.#close(oldest!);
  }

  #wait(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.scavenge();
      if (this.#size > 0) this.#wait();
    }, DURABLE_SCAVENGER_MS).unref();
  }
}
