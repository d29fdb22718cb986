/**
 * Oplocks and leases, MS-FSA 2.1.4.12, 2.1.5.18 and MS-SMB2 3.3.4.6, 3.3.4.7, 3.3.5.9.8, 3.3.5.22: who may cache
 * what, by what its client was told. Nobody reads or writes behind the back of one who caches writes,
 * nobody changes what another caches without telling, and each change that is told has the next epoch.
 */
import {
  STATUS_INVALID_OPLOCK_PROTOCOL,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '../../../src/dtyp/ntstatus.ts';
import type { OplockBreakNotification } from '../../../src/smb2/oplock-break.ts';
import { caching } from '../describe.ts';
import type { Answer, Ask, AskOf, GrantedCaching } from '../history.ts';
import type { Wire } from '../wire.ts';
import type { Model } from './model.ts';
import { type FileModel, type Holder, isSure, type OpenModel } from './state.ts';

export const R = 1;
export const H = 2;
export const W = 4;

/** MS-SMB2 3.3.2.1 and 3.3.2.5: what Windows waits for an acknowledgment. */
const BREAK_TIMEOUT_MS = 35_000;
/** MS-FSA 2.1.4.12, OPEN: access that breaks nothing; READ_CONTROL is not asked for here. */
const ATTRIBUTES_ONLY = 0x0010_0180;

const CACHING_OF_LEVEL: ReadonlyMap<number, number> = new Map([
  [0, 0],
  [1, R],
  [8, R | W],
  [9, R | W | H],
]);

export const looksOnly = (access: number): boolean => (access & ~ATTRIBUTES_ONLY) === 0;

const describe = (holder: Holder): string =>
  `${holder.kind} ${holder.key.slice(-32, -28)} ${caching(holder.state)} of #${holder.file.id}`;

export class CachingModel {
  readonly #model: Model;
  readonly #leases = new Map<string, Holder>();
  readonly #oplocks = new Map<OpenModel, Holder>();
  /** Expected status of acknowledgments. */
  readonly #expected = new Map<Ask, number>();

  constructor(model: Model) {
    this.#model = model;
  }

  /** MS-FSA's TargetOplockKey. */
  keyOf({ wish, wire, number }: AskOf<'create'>): string {
    const { lease } = wish;
    return lease === undefined ? `open ${number}` : this.#leaseId(wire, lease.key);
  }

  #leaseId = (wire: Wire, key: string): string => `${wire.clientGuid.toString('hex')}${key}`;

  /** A break that was not answered in time is over, and so is what was cached. */
  #current(holder: Holder): Holder {
    if (holder.breakingTo !== undefined && this.#model.nowMs >= holder.deadlineMs) {
      this.#settle(holder, 0);
    }
    return holder;
  }

  #failUntold(holder: Holder): void {
    this.#model.fail('who caches reads is told of changes', describe(holder));
  }

  #settle(holder: Holder, state: number): void {
    holder.state = state;
    if ((state & R) === 0) holder.owes = false;
    holder.breakingTo = undefined;
    if ((state & H) === 0) holder.handleSince = undefined;
  }

  /** Those of the file that surely still hold something, and have another key. */
  *#others(file: FileModel, keys: readonly string[]): Iterable<Holder> {
    for (const holder of file.holders) {
      if (keys.includes(holder.key) || ![...holder.opens].some(isSure)) continue;
      if (this.#current(holder).state !== 0) yield holder;
    }
  }

  opened(open: OpenModel, answer: Answer): void {
    if (!looksOnly(open.access)) {
      for (const holder of this.#others(open.file, [open.key])) {
        if ((holder.state & W) === 0) continue;
        const text = `open ${open.opened.number} beside ${describe(holder)}`;
        this.#model.fail('nobody opens beside cached writes', text);
      }
    }
    const { caching: granted } = answer;
    if (granted === undefined) return;
    if (granted.lease !== undefined) this.#leased(open, granted.lease);
    else if (granted.level !== 0) this.#oplocked(open, granted.level);
  }

  #oplocked(open: OpenModel, level: number): void {
    const state = CACHING_OF_LEVEL.get(level)!;
    if (level > open.ask.wish.oplock) {
      this.#model.fail('no more is granted than was asked for', `open ${open.opened.number}`);
    }
    const holder = this.#newHolder(open, 'oplock', 1, state);
    this.#oplocks.set(open, holder);
    this.#judgeGrant(open, state);
  }

  #newHolder(open: OpenModel, kind: Holder['kind'], version: 1 | 2, state: number): Holder {
    const holder: Holder = {
      ...{ key: open.key, kind, version, file: open.file, opens: new Set([open]), state },
      handleSince: (state & H) === 0 ? undefined : this.#model.moment,
      before: undefined,
      breakingTo: undefined,
      deadlineMs: 0,
      epoch: 0,
      owes: false,
      acknowledging: undefined,
    };
    open.file.holders.add(holder);
    return holder;
  }

  /** 2.1.5.18: what was granted agrees with the others. */
  #judgeGrant(open: OpenModel, state: number): void {
    if (state === 0) return;
    for (const other of this.#others(open.file, [open.key])) {
      if ((state & W) !== 0 || (other.state & W) !== 0) {
        const text = `${caching(state)} for open ${open.opened.number} beside ${describe(other)}`;
        this.#model.fail('who caches writes is alone', text);
      }
    }
    if ((state & W) === 0) return;
    for (const other of open.file.opens) {
      if (!isSure(other) || other.key === open.key || looksOnly(other.access)) continue;
      const text = `${caching(state)} for ${open.opened.number} beside open ${other.opened.number}`;
      this.#model.fail('who caches writes is alone', text);
    }
  }

  #leased(open: OpenModel, granted: NonNullable<GrantedCaching['lease']>): void {
    const wish = open.ask.wish.lease;
    if (wish === undefined || wish.key !== granted.key) {
      this.#model.fail('a lease is granted to who asked for it', `open ${open.opened.number}`);
      return;
    }
    const known = this.#leases.get(open.key);
    const isAlive = known !== undefined && known.file === open.file && known.opens.size > 0;
    const next = (wish.epoch + 1) & 0xffff;
    // Where nothing is granted nothing may have changed.
    const isFirst = granted.epoch === next || (granted.state === 0 && granted.epoch === wish.epoch);
    const isNew = isFirst || wish.version === 1;
    // Where its last opens are being closed it may be this lease or a new one.
    const isLoose = isAlive && ![...known.opens].some(isSure);
    if (isAlive && !(isLoose && isNew && !granted.breaking)) {
      known.opens.add(open);
      this.#joined(known, open, granted, isLoose);
      return;
    }
    const holder = this.#newHolder(open, 'lease', wish.version, granted.state);
    holder.epoch = granted.epoch;
    this.#leases.set(open.key, holder);
    if (wish.version === 2 && !isNew) this.#failEpoch(open, granted.epoch, next);
    if ((granted.state & ~wish.state) !== 0) {
      this.#model.fail('no more is granted than was asked for', `open ${open.opened.number}`);
    }
    this.#judgeGrant(open, granted.state);
  }

  #failEpoch(open: OpenModel, epoch: number, expected: number): void {
    const text = `open ${open.opened.number} is told ${epoch} instead of ${expected}`;
    this.#model.fail('each change of a lease has the next epoch', text);
  }

  /** 3.3.5.9.8: an open of a lease that is there; it may be raised, and is never lowered. */
  #joined(
    holder: Holder,
    open: OpenModel,
    granted: NonNullable<GrantedCaching['lease']>,
    isLoose: boolean,
  ): void {
    this.#current(holder);
    if (isNewsOfBefore(holder, open, granted)) return;
    const isBreaking = holder.breakingTo !== undefined;
    const isSame = granted.state === holder.state;
    const wanted = open.ask.wish.lease!.state;
    const isMore = (holder.state & ~granted.state) === 0 && (granted.state & ~wanted) === 0;
    // From nothing as a new lease is granted.
    const isRaised = isMore && (granted.state === wanted || holder.state === 0);
    if (!isLoose && isBreaking !== granted.breaking) {
      const text = `open ${open.opened.number}: ${describe(holder)}`;
      this.#model.fail('a lease that breaks is told to', text);
    }
    if (!isSame && (!isRaised || isBreaking)) {
      const text = `open ${open.opened.number} gets ${caching(granted.state)}, has ${describe(holder)}`;
      this.#model.fail('a lease is raised to what was asked for, or stays', text);
    }
    const expected = isSame ? holder.epoch : (holder.epoch + 1) & 0xffff;
    if (holder.version === 2 && granted.epoch !== expected && !isLoose) {
      this.#failEpoch(open, granted.epoch, expected);
    }
    if (!isSame) {
      holder.before = { state: holder.state, epoch: holder.epoch, until: this.#model.moment };
    }
    holder.epoch = granted.epoch;
    holder.state = granted.state;
    if ((granted.state & H) !== 0) holder.handleSince ??= this.#model.moment;
    this.#judgeGrant(open, isSame ? 0 : granted.state);
  }

  /** What the open caches, by its own oplock or its lease. */
  heldBy(open: OpenModel): { state: number; isBreaking: boolean } {
    const holder = this.#leases.get(open.key) ?? this.#oplocks.get(open);
    if (holder === undefined || !holder.opens.has(open)) return { state: 0, isBreaking: false };
    const { state, breakingTo } = this.#current(holder);
    return { state, isBreaking: breakingTo !== undefined };
  }

  /** 3.3.5.9.7, 3.3.5.9.12: it has what it had, or less. */
  reclaimed(open: OpenModel, granted: GrantedCaching): void {
    const holder = this.#leases.get(open.key) ?? this.#oplocks.get(open);
    const state = granted.lease?.state ?? CACHING_OF_LEVEL.get(granted.level) ?? 0;
    if (holder === undefined || !holder.opens.has(open) || (state & ~holder.state) !== 0) {
      const text = `open ${open.opened.number} has ${caching(state)}`;
      this.#model.fail('a reclaimed open caches no more than before', text);
      return;
    }
    holder.state = state;
    holder.epoch = granted.lease?.epoch ?? 0;
    this.#judgeGrant(open, state);
  }

  told(wire: Wire, n: OplockBreakNotification): void {
    if (n.kind === 'oplock') {
      this.#toldOplock(wire, n);
      return;
    }
    const holder = this.#leases.get(this.#leaseId(wire, n.leaseKey.toString('hex')));
    if (holder === undefined || holder.opens.size === 0) {
      this.#model.fail('a break is of what was told', `${wire.name}: an unknown lease`);
      return;
    }
    this.#current(holder);
    // 3.3.4.7: on another channel, as the one that it went by is lost.
    const isAgain = wire.hasLostChannel && n.newLeaseState === holder.breakingTo;
    if (isAgain && n.newEpoch === holder.epoch) return;
    if (n.currentLeaseState !== holder.state) {
      const text = `${describe(holder)} is told that it has ${caching(n.currentLeaseState)}`;
      this.#model.fail('a break is of what was told', text);
    }
    if (holder.breakingTo !== undefined) {
      this.#model.fail('one break at a time', describe(holder));
    }
    this.#judgeLoss(holder, n.newLeaseState);
    const isAcknowledged = (n.flags & 1) !== 0;
    if (isAcknowledged !== (holder.state !== R)) {
      this.#model.fail('all but R is acknowledged', describe(holder));
    }
    this.#judgeEpoch(holder, n.newEpoch);
    this.#begin(holder, n.newLeaseState, isAcknowledged);
  }

  /** 3.3.4.7 and its note 248: a further step after an acknowledgment does not count. */
  #judgeEpoch(holder: Holder, epoch: number): void {
    const step = holder.acknowledging === undefined ? 1 : 0;
    const expected = holder.version === 2 ? (holder.epoch + step) & 0xffff : 0;
    if (epoch !== expected) {
      const text = `${describe(holder)} is told ${epoch} instead of ${expected}`;
      this.#model.fail('each change of a lease has the next epoch', text);
    }
    if (holder.version === 2) holder.epoch = epoch;
  }

  #judgeLoss(holder: Holder, to: number): void {
    if (to !== holder.state && (to & ~holder.state) === 0) return;
    this.#model.fail('a break takes something away', `${describe(holder)} to ${caching(to)}`);
  }

  #begin(holder: Holder, to: number, isAcknowledged: boolean): void {
    if (!isAcknowledged) {
      this.#settle(holder, to);
      return;
    }
    holder.breakingTo = to;
    if ((to & R) === 0) holder.owes = false;
    holder.deadlineMs = this.#model.nowMs + BREAK_TIMEOUT_MS;
  }

  #toldOplock(wire: Wire, n: Extract<OplockBreakNotification, { kind: 'oplock' }>): void {
    const holder = [...this.#oplocks.values()].find((one) =>
      [...one.opens].some(
        ({ opened, wire: own }) => own === wire && opened.persistentId === n.persistentId,
      ),
    );
    if (holder === undefined) {
      this.#model.fail('a break is of what was told', `${wire.name}: an unknown oplock`);
      return;
    }
    this.#current(holder);
    const isAgain = CACHING_OF_LEVEL.get(n.oplockLevel) === holder.breakingTo;
    if (isAgain && wire.hasLostChannel) return;
    if (holder.breakingTo !== undefined) this.#model.fail('one break at a time', describe(holder));
    const to = CACHING_OF_LEVEL.get(n.oplockLevel)!;
    this.#judgeLoss(holder, to);
    this.#begin(holder, to, (holder.state & W) !== 0);
  }

  /** 3.3.5.22: an acknowledgment is acted upon when it arrives. */
  acknowledgingLease(ask: AskOf<'acknowledgeLease'>): void {
    const holder = this.#leases.get(this.#leaseId(ask.wire, ask.wish.key));
    if (holder === undefined || ![...holder.opens].some(isSure)) {
      if (holder === undefined || holder.opens.size === 0) {
        this.#expected.set(ask, STATUS_OBJECT_NAME_NOT_FOUND);
      }
      return;
    }
    this.#current(holder);
    if (holder.breakingTo === undefined) this.#expected.set(ask, STATUS_UNSUCCESSFUL);
    else if ((ask.wish.state & ~holder.breakingTo) !== 0) {
      this.#expected.set(ask, STATUS_REQUEST_NOT_ACCEPTED);
    } else {
      this.#expected.set(ask, STATUS_SUCCESS);
      holder.acknowledging = ask;
      this.#settle(holder, ask.wish.state);
    }
  }

  acknowledgingOplock(ask: AskOf<'acknowledgeOplock'>): void {
    const open = this.#model.openOf(ask.wish.on);
    const holder = open === undefined ? undefined : this.#oplocks.get(open);
    if (open === undefined || !isSure(open)) return;
    const { level } = ask.wish;
    const breakingTo = holder === undefined ? undefined : this.#current(holder).breakingTo;
    if (breakingTo === undefined || level > 1) {
      this.#expected.set(ask, STATUS_INVALID_OPLOCK_PROTOCOL);
      if (holder !== undefined) this.#settle(holder, 0);
      return;
    }
    this.#expected.set(ask, STATUS_SUCCESS);
    this.#settle(holder!, level === 1 ? R & breakingTo : 0);
  }

  acknowledged(ask: Ask, status: number): void {
    for (const holder of this.#leases.values()) {
      if (holder.acknowledging !== ask) continue;
      holder.acknowledging = undefined;
      if (holder.owes && holder.breakingTo === undefined) this.#failUntold(holder);
    }
    const expected = this.#expected.get(ask);
    this.#expected.delete(ask);
    if (expected === undefined || expected === status || this.#model.isEnding(ask.wire)) return;
    const text = `${ask.number}: ${status.toString(16)} instead of ${expected.toString(16)}`;
    this.#model.fail('acknowledgments are answered as the section says', text);
  }

  /** Its last open is gone, and with it what it might cache. */
  closed(open: OpenModel): void {
    for (const holder of open.file.holders) {
      if (!holder.opens.delete(open) || holder.opens.size > 0) continue;
      open.file.holders.delete(holder);
      if (this.#leases.get(holder.key) === holder) this.#leases.delete(holder.key);
      this.#oplocks.delete(open);
    }
  }

  /** The data of a file have changed; `actors`: who may have done it. */
  changed(file: FileModel, actors: readonly string[]): void {
    for (const holder of this.#others(file, actors)) {
      if ((holder.state & W) !== 0) {
        this.#model.fail('nobody changes what another caches writes of', describe(holder));
      }
      // MS-FSA 2.1.4.12: who is being asked for something else already is told when it has answered.
      if (holder.breakingTo !== undefined) holder.owes ||= (holder.breakingTo & R) !== 0;
      else if ((holder.state & R) !== 0) this.#failUntold(holder);
    }
  }

  /** 2.1.4.12, SET_INFORMATION: a rename waits until handles are given up. */
  renamed(file: FileModel): void {
    const asks = this.#model.pendingOf('rename');
    const own = asks.filter(({ wish }) => this.#model.openOf(wish.on)!.file === file);
    const since = Math.min(...own.map(({ at }) => at));
    this.#judgeHandles(
      file,
      own.map(({ wish }) => this.#model.openOf(wish.on)!.key),
      since,
      true,
    );
  }

  /** The same for a deletion, which oplocks do not mind. */
  marked(ask: AskOf<'dispose'>, file: FileModel): void {
    this.#judgeHandles(file, [this.#model.openOf(ask.wish.on)!.key], ask.at, false);
  }

  #judgeHandles(
    file: FileModel,
    keys: readonly string[],
    since: number,
    alsoOplocks: boolean,
  ): void {
    for (const holder of this.#others(file, keys)) {
      if (holder.handleSince === undefined || holder.handleSince >= since) continue;
      if (holder.kind === 'oplock' && !alsoOplocks) continue;
      this.#model.fail(
        'handles are given up before a file is renamed or deleted',
        describe(holder),
      );
    }
  }

  /** The open may be one that its client keeps only for its lease's sake, and nobody asked for it. */
  keptHandle(open: OpenModel, since: number, key: string): boolean {
    if (open.key === key || !isSure(open)) return false;
    const holder = this.#leases.get(open.key);
    if (holder === undefined) return false;
    const { handleSince } = this.#current(holder);
    return handleSince !== undefined && handleSince < since && holder.breakingTo === undefined;
  }

  /** Somebody has been told to give something up and has not done it. */
  isBreaking(file: FileModel, except?: string): boolean {
    return [...file.holders].some(
      (holder) => holder.key !== except && this.#current(holder).breakingTo !== undefined,
    );
  }
}

/**
 * Of CREATEs that were under way together one may be answered behind another that raised the lease, with what
 * it had before: the epoch tells the client which is newer (3.2.5.7.3).
 */
function isNewsOfBefore(
  { before, version }: Holder,
  { ask }: OpenModel,
  { state, epoch }: NonNullable<GrantedCaching['lease']>,
): boolean {
  if (version !== 2 || before === undefined || ask.at >= before.until) return false;
  return state === before.state && epoch === before.epoch;
}
