/**
 * A client as real ones are: it believes in what it may cache, keeps what it has read and written there,
 * writes back before it gives that up, and acknowledges breaks: at once, late, with less than it may, with
 * what it may not, or never.
 */
import { FILE_WRITE_DATA } from '../../src/dtyp/access-mask.ts';
import { STATUS_REQUEST_NOT_ACCEPTED, STATUS_SUCCESS } from '../../src/dtyp/ntstatus.ts';
import { FILE_OVERWRITTEN, FILE_SUPERSEDED } from '../../src/smb2/create-options.ts';
import type { OplockBreakNotification } from '../../src/smb2/oplock-break.ts';
import {
  CACHING_OF_LEVEL,
  type Cache,
  CELL_BYTES,
  type ClientOpen,
  type LostOpen,
  lose,
  purge,
  R,
  touch,
  W,
} from './cache.ts';
import { type Random, weighted } from './chance.ts';
import type { Answer, Ask, AskOf, CreateWish, LockRange, Opened, Wish } from './history.ts';
import type { Stage } from './stage.ts';
import { Wire } from './wire.ts';

export interface Identity {
  readonly number: number;
  readonly user: string;
  readonly dialect: number;
}

/** More than any break leaves. */
const ALL = 7;

export class Client {
  readonly number: number;
  readonly name: string;
  readonly #who: Identity;
  readonly #guid: Buffer;
  readonly stage: Stage;
  wire: Wire | undefined;
  opens: ClientOpen[] = [];
  readonly leases = new Map<string, Cache>();
  /** Acknowledgments that it puts off. */
  late: (() => void)[] = [];
  lost: LostOpen[] = [];
  #nextKey = 1;
  #nextValue = 1;
  #connections = 0;

  constructor(stage: Stage, who: Identity) {
    this.stage = stage;
    this.#who = who;
    this.number = who.number;
    this.name = `client ${who.number}`;
    this.#guid = Buffer.alloc(16, who.number + 1);
  }

  get version(): 1 | 2 {
    return this.#who.dialect >= 0x300 ? 2 : 1;
  }

  async connect(): Promise<void> {
    const { user, dialect } = this.#who;
    const name = `${this.name}.${++this.#connections}`;
    const wire = await Wire.connect(this.stage, { name, clientGuid: this.#guid, user, dialect });
    wire.onAnswer = (ask, answer) => this.#answered(ask, answer);
    wire.onBreak = (notification) => this.#broken(notification);
    this.wire = wire;
  }

  /** One channel more, or one less. */
  async changeChannels(random: Random): Promise<void> {
    const { wire } = this;
    if (wire === undefined || wire.loggedOff || this.version === 1) return;
    if (wire.channels < 3 && random.chance(0.6)) await wire.bind(this.#who.dialect);
    else wire.cutChannel();
  }

  cut(): void {
    const busy = new Set<Opened>();
    for (const { wish } of this.wire?.asks.values() ?? []) if ('on' in wish) busy.add(wish.on);
    this.wire?.cut();
    this.wire = undefined;
    // What comes of requests that were under way nobody tells: such opens are given up.
    this.lost = this.opens.flatMap((open) => {
      const { opened, durable, closing, cache } = open;
      if (durable === undefined || closing || busy.has(opened) || cache?.isBreaking) return [];
      return [{ open, durable, ask: undefined }];
    });
    for (const { open } of this.lost) {
      open.cache?.opens.clear();
      open.cache?.flushing.clear();
    }
    this.forget();
  }

  /** MS-SMB2 3.2.4.4: asks for an open that it had before its connection was lost. */
  reclaim(lost: LostOpen): void {
    const { open, durable } = lost;
    const { opened, cache } = open;
    const { lease, path } = opened.ask.wish;
    const ask = this.ask({
      ...{ kind: 'reclaim' as const, of: opened, durable, path },
      lease: lease === undefined ? undefined : { ...lease, state: cache?.state ?? lease.state },
    });
    lost.ask = ask as Ask | undefined;
  }

  #reclaimed(ask: Ask, answer: Answer): void {
    const lost = this.lost.find((one) => one.ask === ask);
    if (lost === undefined) return;
    this.lost = this.lost.filter((one) => one !== lost);
    if (ask.opened === undefined) return;
    const { cache, locks, durable } = lost.open;
    const open: ClientOpen = {
      ...{ opened: ask.opened, cache, locks, durable, waiting: new Set<Ask>(), closing: false },
    };
    this.opens.push(open);
    if (cache === undefined) return;
    cache.opens.add(open);
    if (cache.key !== undefined) this.leases.set(cache.key, cache);
    const { lease, level } = answer.caching!;
    cache.state &= lease?.state ?? CACHING_OF_LEVEL[level] ?? 0;
    cache.epoch = lease?.epoch ?? 0;
    if ((cache.state & R) === 0) purge(cache);
  }

  /** Its opens are gone. */
  forget(): void {
    this.opens = [];
    this.leases.clear();
    this.late = [];
  }

  get usable(): ClientOpen[] {
    return this.opens.filter(({ closing }) => !closing);
  }

  ask<T extends Wish>(wish: T): Ask<T> | undefined {
    return this.wire?.mayAsk === true ? this.wire.ask(wish) : undefined;
  }

  newKey(): string {
    const key = Buffer.alloc(16, this.number + 1);
    key.writeUInt16BE((this.number << 12) | this.#nextKey++);
    return key.toString('hex');
  }

  /** Four bytes that nobody else writes. */
  #newValue(): Buffer {
    const value = Buffer.alloc(CELL_BYTES, 0xc0 + this.number);
    value.writeUInt16BE(this.#nextValue++, 1);
    return value;
  }

  create(wish: CreateWish): void {
    const ask = this.ask(wish);
    const cache = wish.lease === undefined ? undefined : this.leases.get(wish.lease.key);
    if (ask !== undefined && cache !== undefined && wish.disposition !== 1) purge(cache);
  }

  read(open: ClientOpen, cell: number): void {
    const { cache } = open;
    if (cache !== undefined && (cache.state & R) !== 0 && cache.cells.has(cell)) return;
    const ask = this.ask({
      ...{ kind: 'read' as const, on: open.opened },
      ...{ offset: cell * CELL_BYTES, length: CELL_BYTES },
    });
    if (ask !== undefined && cache !== undefined && (cache.state & R) !== 0) {
      this.#keeps.set(ask as unknown as Ask, { cache, cell, stamp: cache.stamp });
    }
  }

  readonly #keeps = new Map<Ask, { cache: Cache; cell: number; stamp: number }>();

  write(open: ClientOpen, cell: number): void {
    const { cache } = open;
    const value = this.#newValue();
    if (cache !== undefined && (cache.state & W) !== 0 && cache.flushing.size === 0) {
      cache.dirty.set(cell, value);
      cache.cells.set(cell, value);
      this.stage.trace(`${this.name} caches ${value.toString('hex')} of #${cache.file}`);
      return;
    }
    this.#send(open, cell, value);
  }

  #send(open: ClientOpen, cell: number, data: Buffer): Ask | undefined {
    if (open.cache !== undefined) touch(open.cache, cell);
    const ask = this.ask({
      ...{ kind: 'write' as const, on: open.opened, offset: cell * CELL_BYTES, data },
    });
    return ask as Ask | undefined;
  }

  resize(open: ClientOpen, size: number): void {
    const { cache } = open;
    if (cache !== undefined && cache.dirty.size > 0) return;
    if (cache !== undefined) purge(cache);
    this.ask({ kind: 'resize', on: open.opened, size });
  }

  /** Writes back what is cached, then does `action`. */
  flush(cache: Cache, action: () => void): void {
    const open = [...cache.opens].find(
      ({ opened, closing }) => !closing && (opened.ask.wish.access & FILE_WRITE_DATA) !== 0,
    );
    const dirty = [...cache.dirty];
    cache.dirty.clear();
    for (const [cell, value] of open === undefined ? [] : dirty) {
      const ask = this.#send(open!, cell, value);
      if (ask !== undefined) cache.flushing.add(ask);
    }
    if (open === undefined && dirty.length > 0) purge(cache);
    if (cache.flushing.size === 0) action();
    else cache.afterFlush.push(action);
  }

  close(open: ClientOpen): void {
    if (open.closing) return;
    open.closing = true;
    const { cache } = open;
    const isLast = cache !== undefined && [...cache.opens].every(({ closing }) => closing);
    if (!isLast || (cache.dirty.size === 0 && cache.flushing.size === 0)) {
      this.#sendClose(open);
      return;
    }
    open.closing = false;
    this.flush(cache, () => {
      open.closing = true;
      this.#sendClose(open);
    });
    open.closing = true;
  }

  #sendClose(open: ClientOpen): void {
    if (this.ask({ kind: 'close', on: open.opened }) !== undefined) {
      open.cache?.opens.delete(open);
      this.opens = this.opens.filter((other) => other !== open);
      const { cache } = open;
      if (cache?.key !== undefined && cache.opens.size === 0) this.leases.delete(cache.key);
    } else open.closing = false;
  }

  lock(open: ClientOpen, ranges: LockRange[], exclusive: boolean, waits: boolean): void {
    const ask = this.ask({ kind: 'lock', on: open.opened, ranges, exclusive, waits });
    if (ask !== undefined && waits) open.waiting.add(ask as unknown as Ask);
  }

  unlock(open: ClientOpen, range: LockRange): void {
    open.locks.splice(open.locks.indexOf(range), 1);
    this.ask({ kind: 'unlock', on: open.opened, range });
  }

  notify(open: ClientOpen, filter: number, tree: boolean, length: number): void {
    const ask = this.ask({ kind: 'notify', on: open.opened, filter, tree, length });
    if (ask !== undefined) open.waiting.add(ask as unknown as Ask);
  }

  #openOf(opened: Opened): ClientOpen | undefined {
    return this.opens.find((open) => open.opened === opened);
  }

  #answered(ask: Ask, answer: Answer): void {
    const { wish } = ask;
    const open = 'on' in wish ? this.#openOf(wish.on) : undefined;
    open?.waiting.delete(ask);
    switch (wish.kind) {
      case 'create':
        if (ask.opened !== undefined) this.#opened(ask.opened, answer);
        break;
      case 'reclaim':
        this.#reclaimed(ask, answer);
        break;
      case 'read':
        this.#hasRead(ask, answer);
        break;
      case 'write':
        this.#hasWritten(ask as unknown as AskOf<'write'>, open);
        break;
      case 'lock':
        if (answer.status === STATUS_SUCCESS) open?.locks.push(...wish.ranges);
        break;
      case 'acknowledgeLease':
      case 'acknowledgeOplock': {
        const cache = wish.kind === 'acknowledgeLease' ? this.leases.get(wish.key) : open?.cache;
        const { status } = answer;
        // Too late: it has nothing any more.
        if (status !== STATUS_SUCCESS && status !== STATUS_REQUEST_NOT_ACCEPTED) lose(cache);
        break;
      }
      case 'rename':
        if (answer.status === STATUS_SUCCESS && open?.cache !== undefined) {
          open.cache.path = wish.path;
        }
        break;
      case 'logoff':
        this.cut();
        break;
      case 'treeDisconnect':
        this.forget();
        break;
    }
  }

  #hasRead(ask: Ask, answer: Answer): void {
    const keep = this.#keeps.get(ask);
    this.#keeps.delete(ask);
    if (keep === undefined) return;
    const { cache, cell, stamp } = keep;
    const isThere = answer.status === STATUS_SUCCESS || answer.status === 0xc0000011;
    if (!isThere || cache.stamp !== stamp || (cache.state & R) === 0) return;
    if (cache.dirty.has(cell)) return;
    const value = Buffer.alloc(CELL_BYTES);
    answer.data?.copy(value);
    cache.cells.set(cell, value);
  }

  #hasWritten(ask: AskOf<'write'>, open: ClientOpen | undefined): void {
    const cache = open?.cache ?? this.#flushed(ask);
    if (cache === undefined) return;
    touch(cache, ask.wish.offset / CELL_BYTES);
    if (!cache.flushing.delete(ask as unknown as Ask) || cache.flushing.size > 0) return;
    for (const action of cache.afterFlush.splice(0)) action();
  }

  #flushed(ask: AskOf<'write'>): Cache | undefined {
    return [...this.leases.values()].find(({ flushing }) => flushing.has(ask as unknown as Ask));
  }

  #opened(opened: Opened, answer: Answer): void {
    const cache = this.#granted(opened, answer);
    const isDurable = answer.caching?.durable === true;
    const open: ClientOpen = {
      ...{ opened, cache, locks: [], waiting: new Set<Ask>(), closing: false },
      durable: isDurable ? opened.ask.wish.durable : undefined,
    };
    cache?.opens.add(open);
    this.opens.push(open);
    const { action } = answer;
    const changed = action === FILE_OVERWRITTEN || action === FILE_SUPERSEDED;
    if (cache !== undefined && changed) purge(cache);
  }

  #granted(opened: Opened, { caching }: Answer): Cache | undefined {
    const { wish } = opened.ask;
    if (caching === undefined) return undefined;
    const { lease } = caching;
    const fresh = (key: string | undefined, state: number, epoch: number): Cache => ({
      ...{ key, version: wish.lease?.version ?? 1, file: opened.file, path: wish.path },
      ...{ state, epoch, opens: new Set<ClientOpen>(), cells: new Map(), dirty: new Map() },
      ...{ flushing: new Set<Ask>(), afterFlush: [], stamp: 0, isBreaking: false },
    });
    if (lease === undefined) {
      const state = CACHING_OF_LEVEL[caching.level] ?? 0;
      return state === 0 ? undefined : fresh(undefined, state, 0);
    }
    const known = this.leases.get(lease.key);
    if (known === undefined || known.file !== opened.file) {
      const cache = fresh(lease.key, lease.state, lease.epoch);
      this.leases.set(lease.key, cache);
      return cache;
    }
    this.#raise(known, lease.state, lease.epoch, lease.breaking);
    return known;
  }

  /** MS-SMB2 3.2.5.7.5. */
  #raise(cache: Cache, state: number, epoch: number, breaking: boolean): void {
    if (cache.version === 1) {
      if (!breaking) cache.state = state;
      return;
    }
    const delta = (epoch - cache.epoch) & 0xffff;
    if (delta === 0 || delta > 0x7fff) return;
    if (delta > 1) purge(cache);
    cache.epoch = epoch;
    if (!breaking) cache.state = state;
  }

  #broken(n: OplockBreakNotification): void {
    if (n.kind === 'oplock') {
      const open = this.opens.find(({ opened }) => opened.persistentId === n.persistentId);
      if (open?.cache === undefined) return;
      const { cache, opened } = open;
      const level = n.oplockLevel;
      const isAcknowledged = (cache.state & W) !== 0;
      this.#lose(cache, CACHING_OF_LEVEL[level]!, isAcknowledged, (state) =>
        this.ask({
          ...{ kind: 'acknowledgeOplock' as const, on: opened },
          level: (state & W) !== 0 ? 8 : state === 0 ? 0 : 1,
        }),
      );
      return;
    }
    const key = n.leaseKey.toString('hex');
    // What it has not got back yet it gives up.
    this.lost = this.lost.filter(({ open }) => open.cache?.key !== key);
    const cache = this.leases.get(key);
    if (cache === undefined) return;
    const delta = (n.newEpoch - cache.epoch) & 0xffff;
    // 3.2.5.19.2: an old one changes nothing, but is acknowledged as the others.
    if (cache.version === 2 && delta > 0x7fff) return;
    if (cache.version === 2) cache.epoch = n.newEpoch;
    this.#lose(cache, n.newLeaseState, (n.flags & 1) !== 0, (state) =>
      this.ask({ kind: 'acknowledgeLease', key, state }),
    );
  }

  #lose(
    cache: Cache,
    to: number,
    isAcknowledged: boolean,
    acknowledge: (state: number) => void,
  ): void {
    cache.state &= to;
    if ((cache.state & R) === 0) {
      cache.stamp += 1;
      for (const cell of [...cache.cells.keys()])
        if (!cache.dirty.has(cell)) cache.cells.delete(cell);
    }
    const manner = weighted(this.stage.random, [
      [70, 'prompt'],
      [10, 'late'],
      [6, 'never'],
      [5, 'less'],
      [3, 'wrong'],
      [6, 'close'],
    ] as const);
    if (!isAcknowledged) return;
    cache.isBreaking = true;
    if (manner === 'never') {
      this.flush(cache, () => {});
      return;
    }
    if (manner === 'close') {
      for (const open of [...cache.opens]) this.close(open);
      return;
    }
    const answer = () => {
      // All handles closed: that is the acknowledgment.
      if (cache.opens.size === 0) return;
      cache.isBreaking = false;
      if (manner === 'wrong') acknowledge(ALL);
      if (manner === 'less') {
        cache.state = 0;
        purge(cache);
      }
      acknowledge(cache.state);
    };
    this.flush(cache, () => {
      if (manner === 'late') this.late.push(answer);
      else answer();
    });
  }
}
