/**
 * MS-SMB2 3.3.5.9.10 and 3.3.5.9.12: opens of continuously available shares whose record is on stable storage before
 * their client hears of them, and which the next server makes again before anybody else comes to the file:
 *
 *     CREATE ── recorded ──▶ persistent ── LOCK, break, rename, disposition ──▶ recorded anew
 *       │ the server ends, by whatever way                     │ CLOSE, timeout, administrator
 *       ▼                                                      ▼
 *     made again, as if its connection were lost just now    record gone
 *
 * What adds to what a client believes (an open, a lock, a lease) is on disk before it is told; what takes from it may
 * follow, so that a record says rather too much, and holds it against others for the time of its timeout.
 */

import type { Open } from './open.ts';
import type { Holder } from './oplocks.ts';
import { recordOf } from './persistent-record.ts';
import type { ServerState } from './server-state.ts';
import type { SharedFile } from './shared-file.ts';

/** Where the records are. */
export interface RecordStore {
  readonly entries: ReadonlyMap<number, Buffer>;
  /** Settles when it is on stable storage; rejects where it cannot be. */
  put(key: number, value: Buffer): Promise<void>;
  delete(key: number): void;
  /** What is there stays. */
  freeze(): void;
}

export class PersistentOpens {
  readonly #store: RecordStore;
  readonly #server: ServerState;
  readonly #byCreateGuid = new Map<string, Open>();

  constructor(server: ServerState, store: RecordStore) {
    this.#server = server;
    this.#store = store;
    const { onChanged } = server.oplocks;
    server.oplocks.onChanged = (holder) => {
      onChanged?.(holder);
      this.#cachingChanged(holder);
    };
  }

  get records(): ReadonlyMap<number, Buffer> {
    return this.#store.entries;
  }

  find(createGuid: Buffer): Open | undefined {
    return this.#byCreateGuid.get(guidKey(createGuid));
  }

  /** It is one of them from now on, which is to be told its client only after `changed`. */
  add(open: Open): void {
    this.#byCreateGuid.set(guidKey(open.durability!.createGuid), open);
  }

  /** Its record becomes what it is now: true when that is on stable storage. */
  async changed(open: Open): Promise<boolean> {
    const { oplocks, log } = this.#server;
    if (open.closed) return false;
    const value = recordOf(open, oplocks.heldBy(open));
    if (value === undefined) return false;
    try {
      await this.#store.put(open.persistentId, value);
      return true;
    } catch (error) {
      log.error('the record of a persistent open is not on disk: look at the state folder', {
        reason: error instanceof Error ? error.message : String(error),
      });
      return false;
    }
  }

  /** All of a file whose name has changed, or of a lease; undefined where there are none. */
  fileChanged({ opens }: Pick<SharedFile, 'opens'>): Promise<unknown> | undefined {
    const persistent = [...opens].filter(isPersistent);
    if (persistent.length === 0) return undefined;
    return Promise.all(persistent.map((open) => this.changed(open)));
  }

  /** Nobody reclaims it any more. */
  forget(open: Open): void {
    const { durability } = open;
    if (durability?.persistent === undefined) return;
    const key = guidKey(durability.createGuid);
    if (this.#byCreateGuid.get(key) === open) this.#byCreateGuid.delete(key);
    this.#store.delete(open.persistentId);
  }

  /** A record that nothing can be made of. */
  drop(persistentId: number): void {
    this.#store.delete(persistentId);
  }

  /** The server ends: what is recorded now is for the next one. */
  freeze(): void {
    this.#store.freeze();
  }

  #cachingChanged(holder: Holder): void {
    const opens = 'opens' in holder ? holder.opens : [holder];
    for (const open of opens) if (isPersistent(open)) void this.changed(open);
  }
}

const guidKey = (guid: Buffer): string => guid.toString('latin1');

export const isPersistent = ({ durability }: Open): boolean => durability?.persistent !== undefined;
