/**
 * Oplocks and leases at work, MS-SMB2 3.3.4.6, 3.3.4.7, 3.3.5.9.8 and 3.3.5.22: grants them to opens, breaks them
 * for operations, waits for acknowledgments. What is decided is decided in caching.ts.
 */
import {
  SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_EXCLUSIVE,
  SMB2_OPLOCK_LEVEL_II,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../smb2/oplock-levels.ts';
import { BreakDeliveries, type Send } from './break-delivery.ts';
import { isConnected, notifyClient, notifyOpen } from './break-notification.ts';
import {
  type Break,
  breakGrants,
  type Caching,
  type Company,
  type Grant,
  grantableLease,
  grantableOplock,
  H,
  type Operation,
  R,
  settle,
  stepFor,
  W,
} from './caching.ts';
import type { Connection } from './connection.ts';
import { yields } from './durability.ts';
import { type GrantedLease, Lease, leaseId } from './lease.ts';
import type { Open } from './open.ts';
import type { SharedFile } from './shared-file.ts';

export type Holder = Open | Lease;
export type FileGrant = Grant<Holder>;

/** In place of a directory's key, where it is not known which it was. */
export const ANY_DIRECTORY = '*';

const CACHING_OF_LEVEL: ReadonlyMap<number, Caching> = new Map([
  [SMB2_OPLOCK_LEVEL_II, R],
  [SMB2_OPLOCK_LEVEL_EXCLUSIVE, R | W],
  [SMB2_OPLOCK_LEVEL_BATCH, R | W | H],
]);

export function levelOf(state: Caching): number {
  if (state === (R | W | H)) return SMB2_OPLOCK_LEVEL_BATCH;
  if (state === (R | W)) return SMB2_OPLOCK_LEVEL_EXCLUSIVE;
  return state === R ? SMB2_OPLOCK_LEVEL_II : SMB2_OPLOCK_LEVEL_NONE;
}

/** Who acts: an open that is there, or one that is being made, by the id of its lease if it has one. */
export interface Actor {
  readonly open: Open | undefined;
  readonly leaseId: string | undefined;
  /** Where something in a directory changes. */
  readonly parentLeaseKey?: Buffer | undefined;
}

/** Of a lease, as the record of one of its opens has it. */
export interface RecordedLease {
  readonly clientGuid: Buffer;
  readonly leaseKey: Buffer;
  readonly version: 1 | 2;
  readonly epoch: number;
  readonly parentLeaseKey: Buffer | undefined;
}

const isLease = (holder: Holder): holder is Lease => holder instanceof Lease;

/**
 * MS-FSA 2.1.4.12.2; a level II oplock goes with its own holder's writes, too. Of a parent lease only the key
 * counts, as in Windows: a client that knows another's key may let it cache (smb2.dirlease.seteof).
 */
function isOwn(grant: FileGrant, actor: Actor, operation: Operation): boolean {
  const { owner } = grant;
  if (operation.kind === 'child') {
    return isLease(owner) && actor.parentLeaseKey?.equals(owner.leaseKey) === true;
  }
  if (isLease(owner)) return owner.id === actor.leaseId;
  if (owner !== actor.open) return false;
  return !(operation.kind === 'write' && grant.state === R);
}

export class Oplocks {
  readonly #connections: Iterable<Connection>;
  readonly #close: (open: Open) => Promise<void> | undefined;
  readonly #leases = new Map<string, Lease>();
  readonly deliveries = new BreakDeliveries();
  /** Directories that somebody caches. */
  readonly #directories = new Map<string, SharedFile>();
  /** Somebody begins to cache this directory, by this open among others; nobody does any more. */
  onCached: ((file: SharedFile, open: Open) => void) | undefined;
  onUncached: ((file: SharedFile) => void) | undefined;
  /** What this holder has is something else now; undefined: nobody keeps a record of it. */
  onChanged: ((holder: Holder) => void) | undefined;
  /** What ends the wait for an acknowledgment, or for a notification to be sent. */
  readonly #waits = new WeakMap<FileGrant, () => void>();
  /** Breaks of what the client has not been told yet that it holds. */
  readonly #early = new Map<Holder, (() => void)[]>();

  /** `connections`: the server's, oldest first; `close` ends an open as 3.3.4.17 says. */
  constructor(connections: Iterable<Connection>, close: (open: Open) => Promise<void> | undefined) {
    this.#connections = connections;
    this.#close = close;
  }

  /**
   * Breaks what the operation excludes. Undefined where it may go on; otherwise a promise that settles when
   * something about the file's grants has changed, and the operation has to look again.
   */
  before(file: SharedFile, operation: Operation, actor: Actor): Promise<void> | undefined {
    if (file.grants.length === 0) return undefined;
    const closing = this.#closeLost(file, operation, actor);
    if (closing !== undefined) return closing;
    const result = breakGrants(file.grants, operation, (grant) => isOwn(grant, actor, operation));
    const soon = operation.kind === 'child';
    for (const one of result.breaks) this.#tell(file, one, { first: true, soon });
    this.#tidy(file);
    return result.waits ? file.nextChange() : undefined;
  }

  /**
   * 3.3.4.6 and 3.3.4.7: what nobody can be told to give up, its opens being disconnected, goes with them.
   * A promise where one of them is deleted with its close.
   */
  #closeLost(file: SharedFile, operation: Operation, actor: Actor): Promise<void> | undefined {
    const closing: (Promise<void> | undefined)[] = [];
    for (const grant of file.grants) {
      if (isOwn(grant, actor, operation)) continue;
      const step = stepFor(grant.legacy, grant.state, operation);
      if (step !== undefined && !this.#isReachable(grant.owner, step.to)) {
        closing.push(...this.#closeDisconnected(grant.owner));
      }
    }
    const deletions = closing.filter((one) => one !== undefined);
    return deletions.length === 0 ? undefined : Promise.all(deletions).then(() => undefined);
  }

  /** Whether somebody may be told of a break to this state. */
  #isReachable(holder: Holder, to: Caching): boolean {
    for (const open of opensOf(holder)) if (open.state === 'connected') return true;
    if (!isLease(holder) || (to & H) === 0) return false;
    // A client that has come back by another connection keeps the handle.
    return isConnected(this.#connections, holder.clientGuid);
  }

  #closeDisconnected(holder: Holder): (Promise<void> | undefined)[] {
    return [...opensOf(holder)]
      .filter((open) => open.state === 'disconnected' && yields(open.durability!))
      .map((open) => this.#close(open));
  }

  get cachesDirectories(): boolean {
    return this.#directories.size > 0;
  }

  /**
   * MS-FSA 2.1.4.12, PARENT_OBJECT: something has changed in the directory of this key, or in ANY_DIRECTORY. All
   * leases on it are broken but that of `parentLeaseKey`. Nobody waits for that.
   */
  uncacheDirectory(directory: string, parentLeaseKey: Buffer | undefined): void {
    const named = this.#directories.get(directory);
    const all = directory === ANY_DIRECTORY ? [...this.#directories.values()] : [];
    const actor = { open: undefined, leaseId: undefined, parentLeaseKey };
    for (const file of named === undefined ? all : [named]) {
      this.before(file, { kind: 'child' }, actor);
    }
  }

  /** 3.3.5.9: the oplock of a new open of a file with so many bytes; the level that was granted. */
  grantOplock(
    file: SharedFile,
    open: Open,
    level: number,
    bytes: number,
    knowsLevelII = true,
  ): number {
    const wanted = CACHING_OF_LEVEL.get(level) ?? 0;
    if (wanted === 0) return SMB2_OPLOCK_LEVEL_NONE;
    const state = grantableOplock(
      wanted,
      company(file, bytes, (other) => other === open, open),
    );
    if (state === 0 || (state === R && !knowsLevelII)) return SMB2_OPLOCK_LEVEL_NONE;
    file.grant({ owner: open, legacy: true, ...held(state) });
    return levelOf(state);
  }

  /** The lease of this client's key, if it is for another file: 3.3.5.9.8 refuses that. */
  isElsewhere(id: string, file: SharedFile | undefined): boolean {
    const lease = this.#leases.get(id);
    return lease !== undefined && lease.file !== file;
  }

  /** 3.3.5.9.8 and 3.3.5.9.11: joins the open to its client's lease, made or raised as far as may be. */
  grantLease(
    file: SharedFile,
    open: Open,
    wanted: {
      readonly clientGuid: Buffer;
      readonly leaseKey: Buffer;
      readonly version: 1 | 2;
      readonly state: Caching;
      readonly epoch: number;
      /** Allocated to the file. */
      readonly bytes: number;
      readonly parentLeaseKey: Buffer | undefined;
    },
  ): GrantedLease | undefined {
    const id = leaseId(wanted.clientGuid, wanted.leaseKey);
    const known = this.#leases.get(id);
    const around = company(
      file,
      wanted.bytes,
      (other) => isLease(other) && other.id === id,
      open,
      id,
    );
    // Another CREATE of this client was faster, for another file.
    if (known !== undefined && known.file !== file) return undefined;
    if (known === undefined) {
      const state = grantableLease(wanted.state, around);
      // What was not granted has not changed anything (smb2.lease.lease-epoch).
      const epoch = state === 0 ? wanted.epoch : (wanted.epoch + 1) & 0xffff;
      const lease = new Lease(wanted, open, file, epoch);
      this.#leases.set(lease.id, lease);
      file.grant({ owner: lease, legacy: false, ...held(state) });
      open.lease = lease;
      this.#tidy(file);
      return { lease, state, breaking: false };
    }
    known.opens.add(open);
    open.lease = known;
    const asked = known.directory ? wanted.state & ~W : wanted.state;
    const granted = this.#raise(file, known, asked, around);
    this.#tidy(file);
    return granted;
  }

  #raise(file: SharedFile, lease: Lease, wanted: Caching, around: Company): GrantedLease {
    const grant = grantOf(file, lease)!;
    if (grant.breakingTo !== undefined) return { lease, state: grant.state, breaking: true };
    const may = grantableLease(wanted, around);
    // From nothing as a new lease; else raised to all that was asked for, or left (smb2.lease.upgrade3).
    const raised = (may & ~grant.state) !== 0 && (grant.state & ~may) === 0;
    if (raised && (grant.state === 0 || may === wanted)) {
      grant.state = may;
      lease.epoch = (lease.epoch + 1) & 0xffff;
      this.onChanged?.(lease);
    }
    return { lease, state: grant.state, breaking: false };
  }

  /** 3.3.5.9.12: what an open held that comes back with its record; it joins those of its lease. */
  restore(file: SharedFile, open: Open, state: Caching, lease: RecordedLease | undefined): void {
    if (lease === undefined) {
      if (state !== 0) file.grant({ owner: open, legacy: true, ...held(state) });
      return;
    }
    const known = this.#leases.get(leaseId(lease.clientGuid, lease.leaseKey));
    if (known === undefined) {
      const made = new Lease(lease, open, file, lease.epoch);
      this.#leases.set(made.id, made);
      file.grant({ owner: made, legacy: false, ...held(state) });
      open.lease = made;
    } else if (known.file === file) {
      known.opens.add(open);
      known.epoch = lease.epoch;
      grantOf(file, known)!.state = state;
      open.lease = known;
    }
  }

  /** What an open holds now, for its owner's eyes. */
  grantOfOpen(open: Open): FileGrant | undefined {
    return open.file === undefined ? undefined : grantOf(open.file, open);
  }

  /** The same of its lease, if it has one. */
  heldBy(open: Open): FileGrant | undefined {
    return open.file === undefined ? undefined : grantOf(open.file, open.lease ?? open);
  }

  lease(id: string): { lease: Lease; grant: FileGrant } | undefined {
    const lease = this.#leases.get(id);
    const grant = lease === undefined ? undefined : grantOf(lease.file, lease);
    return lease === undefined || grant === undefined ? undefined : { lease, grant };
  }

  /** 3.3.5.22: the holder says what it keeps; the caller has checked that it may. */
  acknowledge(file: SharedFile, grant: FileGrant, state: Caching): void {
    this.#waits.get(grant)?.();
    this.#early.delete(grant.owner);
    const follows = settle(grant, state);
    this.onChanged?.(grant.owner);
    if (follows !== undefined) this.#tell(file, follows, { first: false, soon: false });
    this.#tidy(file);
    // 3.3.5.9.12: without H nobody can reclaim what is disconnected.
    if ((grant.state & H) === 0) this.#closeDisconnected(grant.owner);
    // Who waits for this holder waits for its last word.
    if (grant.breakingTo === undefined) file.changed();
  }

  /** The open is closed: its oplock goes, its lease with the last of its opens. */
  closed(file: SharedFile, open: Open): void {
    const { lease } = open;
    if (lease !== undefined) {
      lease.opens.delete(open);
      if (lease.opens.size === 0) this.#leases.delete(lease.id);
    }
    const gone = lease?.opens.size === 0 ? lease : open;
    this.#early.delete(gone);
    if (lease !== undefined) this.#catchUp(lease);
    for (const grant of file.grants) if (grant.owner === gone) this.#waits.get(grant)?.();
    file.keepGrants((grant) => grant.owner !== gone);
    this.#tidy(file);
    // Whoever waits for a break or for the handle looks again.
    file.changed();
  }

  /** The CREATE of this open is answered: its client may hear now that it loses what it got. */
  answered(open: Open): void {
    open.answered = true;
    this.#catchUp(open.lease ?? open);
  }

  #catchUp(holder: Holder): void {
    const early = this.#early.get(holder);
    if (early === undefined || !isAnswered(holder)) return;
    this.#early.delete(holder);
    for (const tell of early) tell();
  }

  /**
   * `first`: not a further step of a break that the holder has heard of; it has its epoch already. `soon`:
   * behind the answer to whoever changed the directory, as Windows does it (smb2.dirlease.rename).
   */
  #tell(
    file: SharedFile,
    one: Break<Holder>,
    { first, soon }: { readonly first: boolean; readonly soon: boolean },
  ): void {
    const { owner } = one.grant;
    if (isLease(owner) && owner.version === 2 && first) owner.epoch = (owner.epoch + 1) & 0xffff;
    const epoch = isLease(owner) && owner.version === 2 ? owner.epoch : 0;
    this.onChanged?.(owner);
    const tell = () => this.#send(file, one, epoch);
    if (!isAnswered(owner)) {
      const early = this.#early.get(owner);
      if (early === undefined) this.#early.set(owner, [tell]);
      else early.push(tell);
    } else if (soon) {
      const immediate = setImmediate(tell);
      this.#waits.set(one.grant, () => clearImmediate(immediate));
    } else tell();
  }

  #send(file: SharedFile, one: Break<Holder>, epoch: number): void {
    const { grant, acknowledged } = one;
    const { owner } = grant;
    const send = isLease(owner) ? this.#leaseBreak(owner, one, epoch) : oplockBreak(owner, one.to);
    this.#waits.delete(grant);
    if (!acknowledged) return void send(() => true);
    const giveUp = () => this.acknowledge(file, grant, 0);
    this.#waits.set(grant, this.deliveries.deliver(send, giveUp));
  }

  #leaseBreak(lease: Lease, { from, to, acknowledged }: Break<Holder>, newEpoch: number): Send {
    const notification = {
      kind: 'lease',
      newEpoch,
      flags: acknowledged ? SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED : 0,
      leaseKey: lease.leaseKey,
      currentLeaseState: from,
      newLeaseState: to,
    } as const;
    return (untried) => notifyClient(this.#connections, lease.clientGuid, notification, untried);
  }

  /** Oplocks that are gone are forgotten; a lease stays while its opens do. */
  #tidy(file: SharedFile): void {
    if (file.grants.length === 0 && this.#directories.size === 0) return;
    file.keepGrants((grant) => grant.state !== 0 || !grant.legacy);
    const cached = file.grants.find(
      ({ owner, state }) => state !== 0 && isLease(owner) && owner.directory,
    );
    if (cached !== undefined) {
      if (this.#directories.has(file.key)) return;
      this.#directories.set(file.key, file);
      const [open] = (cached.owner as Lease).opens;
      this.onCached?.(file, open!);
    } else if (this.#directories.delete(file.key)) this.onUncached?.(file);
  }
}

const isAnswered = (holder: Holder): boolean => {
  if (!isLease(holder)) return holder.answered;
  for (const open of holder.opens) if (!open.answered) return false;
  return true;
};

const isDirectory = (open: Open): boolean => open.handle?.kind === 'directory';
const opensOf = (holder: Holder): Iterable<Open> => (isLease(holder) ? holder.opens : [holder]);

const held = (state: Caching) => ({ state, breakingTo: undefined, demanded: undefined });

const grantOf = (file: SharedFile, holder: Holder): FileGrant | undefined =>
  file.grants.find((grant) => grant.owner === holder);

/** Opens that only look at attributes keep nobody from caching. */
const STAT_ACCESS = 0x0010_0180;

function company(
  file: SharedFile,
  bytes: number,
  isSelf: (holder: Holder) => boolean,
  self: Open,
  id?: string,
): Company {
  const others = file.grants.filter((grant) => !isSelf(grant.owner) && grant.state !== 0);
  const opened = [...file.opens].some(
    (other) =>
      other !== self &&
      (id === undefined || other.leaseId !== id) &&
      (other.access & ~STAT_ACCESS) !== 0,
  );
  return {
    directory: isDirectory(self),
    // Who caches counts, even if its opens only look at attributes.
    opened: opened || others.length > 0,
    // What would be cached while the data change is old when the change is done.
    exclusive: file.changing > 0 || others.some(({ state }) => (state & W) !== 0),
    handleLease: others.some(({ legacy, state }) => !legacy && (state & H) !== 0),
    oplock: others.some(({ legacy }) => legacy),
    locked: file.locks.beginBefore(bytes),
  };
}

function oplockBreak(open: Open, to: Caching): Send {
  const { persistentId, volatileId } = open;
  const oplockLevel = levelOf(to);
  const notification = { kind: 'oplock', oplockLevel, persistentId, volatileId } as const;
  return (untried) => notifyOpen(open, notification, untried);
}
