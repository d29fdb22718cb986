/**
 * MS-FSA 2.1.4.12, 2.1.4.12.2, 2.1.4.13, 2.1.5.18 and 2.1.5.19, step by step as they stand there: the oplock of one
 * stream. The naive model that caching.ts is compared with; nothing of it is taken from there. No tests of its own.
 *
 * Where the text says two things: 2.1.5.18.2 first refuses every breaking state, then lists some as
 * allowed; the list counts. Opens for attributes alone count in the OpenList only while they have an oplock: they
 * keep nobody from an exclusive one (smb2.oplock.statopen1, smb2.lease.statopen).
 */
type Flag =
  | 'NO_OPLOCK'
  | 'LEVEL_TWO_OPLOCK'
  | 'LEVEL_ONE_OPLOCK'
  | 'BATCH_OPLOCK'
  | 'READ_CACHING'
  | 'WRITE_CACHING'
  | 'HANDLE_CACHING'
  | 'EXCLUSIVE'
  | 'MIXED_R_AND_RH'
  | 'BREAK_TO_TWO'
  | 'BREAK_TO_NONE'
  | 'BREAK_TO_TWO_TO_NONE'
  | 'BREAK_TO_READ_CACHING'
  | 'BREAK_TO_WRITE_CACHING'
  | 'BREAK_TO_HANDLE_CACHING'
  | 'BREAK_TO_NO_CACHING';

export type Granular = '' | 'R' | 'RH' | 'RW' | 'RWH';
export type Level = 'LEVEL_NONE' | 'LEVEL_TWO' | 'LEVEL_ONE' | 'LEVEL_BATCH' | Granular;

/** What is asked for with an open, and what is acknowledged: its state. */
const FLAGS: Record<Level, readonly Flag[]> = {
  LEVEL_NONE: [],
  LEVEL_TWO: ['LEVEL_TWO_OPLOCK'],
  LEVEL_ONE: ['LEVEL_ONE_OPLOCK'],
  LEVEL_BATCH: ['BATCH_OPLOCK'],
  '': [],
  R: ['READ_CACHING'],
  RH: ['READ_CACHING', 'HANDLE_CACHING'],
  RW: ['READ_CACHING', 'WRITE_CACHING'],
  RWH: ['READ_CACHING', 'WRITE_CACHING', 'HANDLE_CACHING'],
};

const BREAKS: readonly Flag[] = [
  'BREAK_TO_TWO',
  'BREAK_TO_NONE',
  'BREAK_TO_TWO_TO_NONE',
  'BREAK_TO_READ_CACHING',
  'BREAK_TO_WRITE_CACHING',
  'BREAK_TO_HANDLE_CACHING',
  'BREAK_TO_NO_CACHING',
];
const GRANULAR: readonly Flag[] = ['READ_CACHING', 'WRITE_CACHING', 'HANDLE_CACHING'];

const isGranular = (level: Level): level is 'RW' | 'RWH' => level === 'RW' || level === 'RWH';

export interface FsaOpen {
  readonly name: string;
  /** TargetOplockKey; an open without a lease has one of its own. */
  readonly key: string;
  readonly parentKey?: string | undefined;
}

export type FsaOperation =
  | { readonly code: 'OPEN'; readonly attributesOnly: boolean; readonly overwrites: boolean }
  | { readonly code: 'OPEN_BREAK_H' | 'WRITE' | 'LOCK_CONTROL' | 'PARENT_OBJECT' }
  | {
      readonly code: 'SET_INFORMATION';
      readonly what: 'FileEndOfFile' | 'FileRename' | 'FileDisposition';
    };

export interface FsaBreak {
  readonly open: FsaOpen;
  readonly newLevel: Level;
  readonly acknowledgeRequired: boolean;
}

interface RHOpContext {
  readonly open: FsaOpen;
  breakingToRead: boolean;
}

export class FsaStream {
  /** Those for more than attributes. */
  openList: FsaOpen[] = [];
  /** Whether 2.1.5.18 sees a byte-range lock below the AllocationSize. */
  locked = false;
  readonly isDirectory: boolean;
  /** Breaks that were indicated and not looked at yet. */
  told: FsaBreak[] = [];
  /** The level that each open was told last of those to acknowledge: it may keep no more (MS-SMB2 3.3.5.22.2). */
  readonly lastTold = new Map<FsaOpen, Level>();
  state = new Set<Flag>(['NO_OPLOCK']);
  exclusiveOpen: FsaOpen | undefined;
  iiOplocks: FsaOpen[] = [];
  rOplocks: FsaOpen[] = [];
  rhOplocks: FsaOpen[] = [];
  rhBreakQueue: RHOpContext[] = [];
  waitList: FsaOpen[] = [];

  constructor(isDirectory: boolean) {
    this.isDirectory = isDirectory;
  }

  #has(...flags: readonly Flag[]): boolean {
    return flags.some((flag) => this.state.has(flag));
  }

  #is(...flags: readonly Flag[]): boolean {
    return this.state.size === flags.length && flags.every((flag) => this.state.has(flag));
  }

  #set(...flags: readonly Flag[]): void {
    this.state = new Set(flags);
  }

  /** 2.1.5.18.3 */
  #indicate(open: FsaOpen, newLevel: Level, acknowledgeRequired: boolean): void {
    if (acknowledgeRequired) this.lastTold.set(open, newLevel);
    this.told.push({ open, newLevel, acknowledgeRequired });
  }

  /** 2.1.4.12.2 */
  #sameKey(operationOpen: FsaOpen, oplockOpen: FsaOpen, parentObject: boolean): boolean {
    if (operationOpen === oplockOpen) return true;
    if (parentObject) return operationOpen.parentKey === oplockOpen.key;
    return operationOpen.key === oplockOpen.key;
  }

  /** 2.1.4.13 */
  #recompute(): void {
    const queue = this.rhBreakQueue;
    const [ii, r, rh] = [this.iiOplocks, this.rOplocks, this.rhOplocks].map((l) => l.length > 0);
    if (!ii && !r && !rh && queue.length === 0) this.#set('NO_OPLOCK');
    else if (r && (rh || queue.length > 0)) {
      this.#set('READ_CACHING', 'HANDLE_CACHING', 'MIXED_R_AND_RH');
    } else if (!r && rh) this.#set('READ_CACHING', 'HANDLE_CACHING');
    else if (r && ii) this.#set('READ_CACHING', 'LEVEL_TWO_OPLOCK');
    else if (r) this.#set('READ_CACHING');
    else if (ii) this.#set('LEVEL_TWO_OPLOCK');
    else if (queue.every((context) => context.breakingToRead)) {
      this.#set('READ_CACHING', 'HANDLE_CACHING', 'BREAK_TO_READ_CACHING');
    } else if (queue.every((context) => !context.breakingToRead)) {
      this.#set('READ_CACHING', 'HANDLE_CACHING', 'BREAK_TO_NO_CACHING');
    } else this.#set('READ_CACHING', 'HANDLE_CACHING');
  }

  /** 2.1.4.12: whether the operation has to wait; then it is on the WaitList. */
  check(open: FsaOpen, operation: FsaOperation): boolean {
    if (this.#is('NO_OPLOCK')) return false;
    const plan = this.#plan(operation);
    if (plan === undefined) return false;
    if (this.#checkLevels(open, plan)) {
      this.waitList.push(open);
      return true;
    }
    if (plan.cache.length === 0 || !this.#has(...plan.cache)) return false;
    const parent = operation.code === 'PARENT_OBJECT';
    if (this.exclusiveOpen !== undefined && this.#sameKey(open, this.exclusiveOpen, parent)) {
      return false;
    }
    const waits =
      this.exclusiveOpen === undefined
        ? this.#breakShared(open, plan.cache, parent)
        : this.#breakExclusive(plan.cache);
    if (waits) this.waitList.push(open);
    return waits;
  }

  /** BreakToTwo, BreakToNone and BreakCacheState of each operation. */
  #plan(
    operation: FsaOperation,
  ): { to: 'two' | 'none' | undefined; cache: readonly Flag[] } | undefined {
    const all: readonly Flag[] = ['READ_CACHING', 'WRITE_CACHING'];
    switch (operation.code) {
      case 'PARENT_OBJECT':
        return { to: undefined, cache: all };
      case 'OPEN':
        if (operation.attributesOnly && !operation.overwrites) return undefined;
        return operation.overwrites
          ? { to: 'none', cache: all }
          : { to: 'two', cache: ['WRITE_CACHING'] };
      case 'OPEN_BREAK_H':
        return { to: undefined, cache: ['HANDLE_CACHING'] };
      case 'WRITE':
      case 'LOCK_CONTROL':
        return { to: 'none', cache: all };
      case 'SET_INFORMATION':
        if (operation.what === 'FileEndOfFile') return { to: 'none', cache: all };
        if (operation.what === 'FileRename' && this.#has('BATCH_OPLOCK')) {
          return { to: 'none', cache: ['HANDLE_CACHING'] };
        }
        return { to: undefined, cache: ['HANDLE_CACHING'] };
    }
  }

  /** The parts "If BreakToTwo is TRUE" and "Else If BreakToNone is TRUE": whether to wait. */
  #checkLevels(open: FsaOpen, { to }: { to: 'two' | 'none' | undefined }): boolean {
    const { exclusiveOpen } = this;
    const isOther = exclusiveOpen === undefined || exclusiveOpen.key !== open.key;
    if (to === 'two') {
      if (this.#is('LEVEL_TWO_OPLOCK') || !isOther) return false;
      if (!this.#has('EXCLUSIVE') || this.#has(...GRANULAR)) return false;
      if (!this.#has(...BREAKS)) {
        this.state.add('BREAK_TO_TWO');
        this.#indicate(exclusiveOpen!, 'LEVEL_TWO', true);
      }
      return true;
    }
    if (to !== 'none' || (!this.#is('LEVEL_TWO_OPLOCK') && !isOther)) return false;
    if (this.#is('NO_OPLOCK') || this.#has('WRITE_CACHING', 'HANDLE_CACHING')) return false;
    if (!this.#has('LEVEL_TWO_OPLOCK', ...BREAKS)) {
      if (this.#has('READ_CACHING')) return false;
      this.state.add('BREAK_TO_NONE');
      this.#indicate(exclusiveOpen!, 'LEVEL_NONE', true);
    } else if (this.#is('LEVEL_TWO_OPLOCK') || this.#is('LEVEL_TWO_OPLOCK', 'READ_CACHING')) {
      for (const one of this.iiOplocks.splice(0)) this.#indicate(one, 'LEVEL_NONE', false);
      this.#set(this.#has('READ_CACHING') ? 'READ_CACHING' : 'NO_OPLOCK');
      return false;
    } else if (this.state.delete('BREAK_TO_TWO')) this.state.add('BREAK_TO_TWO_TO_NONE');
    return true;
  }

  /** The cases of shared states behind LeaveBreakToNone. */
  #breakShared(open: FsaOpen, cache: readonly Flag[], parent: boolean): boolean {
    const [r, w, h] = GRANULAR.map((flag) => cache.includes(flag));
    const isBreakingOnly =
      this.#is('READ_CACHING', 'HANDLE_CACHING', 'BREAK_TO_READ_CACHING') ||
      this.#is('READ_CACHING', 'HANDLE_CACHING', 'BREAK_TO_NO_CACHING');
    let waits = false;
    if (r && !isBreakingOnly) {
      const others = this.rOplocks.filter((one) => !this.#sameKey(open, one, parent));
      this.rOplocks = this.rOplocks.filter((one) => !others.includes(one));
      for (const one of others) this.#indicate(one, '', false);
    }
    if (r && w) {
      for (const context of this.rhBreakQueue) {
        if (!this.#sameKey(open, context.open, parent)) context.breakingToRead = false;
      }
    }
    if (!isBreakingOnly) {
      const others = this.rhOplocks.filter((one) =>
        h ? one.key !== open.key : !this.#sameKey(open, one, parent),
      );
      this.rhOplocks = this.rhOplocks.filter((one) => !others.includes(one));
      for (const one of others) {
        this.#indicate(one, h ? 'R' : '', true);
        this.rhBreakQueue.push({ open: one, breakingToRead: h === true });
        waits ||= h === true;
      }
    }
    if (h) waits ||= this.rhBreakQueue.some((context) => context.open.key !== open.key);
    this.#recompute();
    return waits;
  }

  /** The cases of exclusive states. */
  #breakExclusive(cache: readonly Flag[]): boolean {
    const [r, w, h] = GRANULAR.map((flag) => cache.includes(flag));
    const owner = this.exclusiveOpen!;
    const RWX: readonly Flag[] = ['READ_CACHING', 'WRITE_CACHING', 'EXCLUSIVE'];
    const RWHX: readonly Flag[] = [...RWX, 'HANDLE_CACHING'];
    const none = (state: readonly Flag[]): true => {
      this.#set(...state, 'BREAK_TO_NO_CACHING');
      return true;
    };
    if (this.#is(...RWX)) {
      if (r && w) {
        this.#indicate(owner, '', true);
        return none(RWX);
      }
      if (!w) return false;
      this.#indicate(owner, 'R', true);
      this.#set(...RWX, 'BREAK_TO_READ_CACHING');
      return true;
    }
    if (this.#is(...RWHX)) {
      if (r && w) {
        this.#indicate(owner, '', true);
        return none(RWHX);
      }
      this.#indicate(owner, w ? 'RH' : 'RW', true);
      const kept: Flag = w ? 'BREAK_TO_HANDLE_CACHING' : 'BREAK_TO_WRITE_CACHING';
      this.#set(...RWHX, 'BREAK_TO_READ_CACHING', kept);
      return true;
    }
    if (this.#is(...RWX, 'BREAK_TO_READ_CACHING')) {
      if (r) none(RWX);
      return r || w === true;
    }
    if (this.#is(...RWX, 'BREAK_TO_NO_CACHING')) return r || w === true;
    if (this.#is(...RWHX, 'BREAK_TO_READ_CACHING', 'BREAK_TO_WRITE_CACHING')) {
      if (r && w) return none(RWHX);
      if (w && !h) this.#set(...RWHX, 'BREAK_TO_READ_CACHING');
      return true;
    }
    if (this.#is(...RWHX, 'BREAK_TO_READ_CACHING', 'BREAK_TO_HANDLE_CACHING')) {
      if (r) return none(RWHX);
      if (h && !w) this.#set(...RWHX, 'BREAK_TO_READ_CACHING');
      return true;
    }
    if (this.#is(...RWHX, 'BREAK_TO_READ_CACHING')) return r ? none(RWHX) : true;
    return this.#is(...RWHX, 'BREAK_TO_NO_CACHING');
  }

  /** 2.1.5.18: whether it is granted. */
  request(open: FsaOpen, level: Level): boolean {
    if (level === '' || level === 'LEVEL_NONE') return true;
    if (this.isDirectory && level !== 'R' && level !== 'RH') return false;
    if (level === 'LEVEL_ONE' || level === 'LEVEL_BATCH') {
      return this.#isShared(open) ? false : this.#requestExclusive(open, level);
    }
    if (level === 'RW' || level === 'RWH') return this.#requestExclusive(open, level);
    return this.locked ? false : this.#requestShared(open, level, false);
  }

  /** "Open.File.OpenList contains more than one Open" */
  #isShared(open: FsaOpen): boolean {
    const breaking = this.rhBreakQueue.map((context) => context.open);
    return [...this.openList, ...this.#shared(), ...breaking].some((one) => one !== open);
  }

  #shared(): FsaOpen[] {
    return [...this.iiOplocks, ...this.rOplocks, ...this.rhOplocks];
  }

  /** 2.1.5.18.1 */
  #requestExclusive(open: FsaOpen, level: 'LEVEL_ONE' | 'LEVEL_BATCH' | 'RW' | 'RWH'): boolean {
    if (this.#has('LEVEL_TWO_OPLOCK', 'NO_OPLOCK')) {
      if (this.#has('LEVEL_TWO_OPLOCK') && isGranular(level)) return false;
      if (this.#is('LEVEL_TWO_OPLOCK'))
        this.#indicate(this.iiOplocks.shift()!, 'LEVEL_NONE', false);
      if (this.#isShared(open) && this.#has('NO_OPLOCK')) return false;
    } else if (this.#has(...GRANULAR) && !this.#has(...BREAKS) && this.rhBreakQueue.length === 0) {
      if (!isGranular(level) || !this.#switchesTo(open, level)) return false;
    } else return false;
    this.exclusiveOpen = open;
    this.#set(...FLAGS[level], 'EXCLUSIVE');
    return true;
  }

  /** The granular oplock of the same key, which is not breaking, gives way to the new one. */
  #switchesTo(open: FsaOpen, level: 'RW' | 'RWH'): boolean {
    const isOther = (one: FsaOpen): boolean => one.key !== open.key;
    if (this.#is('READ_CACHING')) {
      if (this.rOplocks.some(isOther)) return false;
      this.rOplocks = [];
      return true;
    }
    if (this.#is('READ_CACHING', 'HANDLE_CACHING')) {
      if (level !== 'RWH' || this.rhOplocks.some(isOther)) return false;
      this.rhOplocks = [];
      return true;
    }
    const RWX: readonly Flag[] = ['READ_CACHING', 'WRITE_CACHING', 'EXCLUSIVE'];
    if (this.#is(...RWX, 'HANDLE_CACHING') && level !== 'RWH') return false;
    if (!this.#is(...RWX) && !this.#is(...RWX, 'HANDLE_CACHING')) return false;
    return !isOther(this.exclusiveOpen!);
  }

  /** 2.1.5.18.2 */
  #requestShared(open: FsaOpen, level: 'LEVEL_TWO' | 'R' | 'RH', inAck: boolean): boolean {
    if (!inAck && this.#has('EXCLUSIVE')) return false;
    if (!inAck && !this.#allowsShared(level)) return false;
    const isOwn = (one: FsaOpen): boolean => one.key === open.key;
    if (!inAck) {
      if (level === 'RH') this.rhOplocks = this.rhOplocks.filter((one) => !isOwn(one));
      else if (this.rhOplocks.some(isOwn)) return false;
      else if (this.rhBreakQueue.some((context) => isOwn(context.open))) return false;
      this.rOplocks = this.rOplocks.filter((one) => !isOwn(one));
    }
    const list = { LEVEL_TWO: this.iiOplocks, R: this.rOplocks, RH: this.rhOplocks }[level];
    list.push(open);
    this.#recompute();
    return true;
  }

  #allowsShared(level: 'LEVEL_TWO' | 'R' | 'RH'): boolean {
    const RH: readonly Flag[] = ['READ_CACHING', 'HANDLE_CACHING'];
    if (this.#is('NO_OPLOCK') || this.#is('READ_CACHING')) return true;
    const two = this.#is('LEVEL_TWO_OPLOCK') || this.#is('LEVEL_TWO_OPLOCK', 'READ_CACHING');
    if (level === 'LEVEL_TWO') return two;
    return (
      (two && level === 'R') ||
      this.#is(...RH) ||
      this.#is(...RH, 'MIXED_R_AND_RH') ||
      this.#is(...RH, 'BREAK_TO_READ_CACHING') ||
      this.#is(...RH, 'BREAK_TO_NO_CACHING')
    );
  }

  /** 2.1.5.19; the operations that may go on now: they check again, 2.1.4.12.1. */
  acknowledge(open: FsaOpen, level: Level): readonly FsaOpen[] {
    if (level === 'LEVEL_NONE' || level === 'LEVEL_TWO') return this.#acknowledgeLevel(open, level);
    if (level === 'LEVEL_ONE' || level === 'LEVEL_BATCH') throw new Error('not in 2.1.5.19');
    if (this.exclusiveOpen === open) return this.#acknowledgeExclusive(open, level);
    const context = this.rhBreakQueue.find((one) => one.open === open)!;
    if (this.waitList.length > 0) {
      if (!context.breakingToRead && level !== '') {
        this.#indicate(open, '', true);
        return [];
      }
      if (context.breakingToRead && level.includes('W')) {
        this.#indicate(open, 'R', true);
        return [];
      }
    }
    this.rhBreakQueue = this.rhBreakQueue.filter((one) => one !== context);
    const released = this.waitList.filter((waiting) =>
      this.rhBreakQueue.every((one) => one.open.key === waiting.key),
    );
    this.waitList = this.waitList.filter((waiting) => !released.includes(waiting));
    if (level === 'R' || level === 'RH') this.#requestShared(open, level, true);
    else this.#recompute();
    return released;
  }

  #acknowledgeLevel(open: FsaOpen, level: 'LEVEL_NONE' | 'LEVEL_TWO'): readonly FsaOpen[] {
    this.exclusiveOpen = undefined;
    if (level === 'LEVEL_TWO' && this.#has('BREAK_TO_TWO')) {
      this.#set('LEVEL_TWO_OPLOCK');
      this.iiOplocks.push(open);
    } else {
      if (this.#has('BREAK_TO_TWO_TO_NONE')) this.#indicate(open, 'LEVEL_NONE', false);
      this.#set('NO_OPLOCK');
    }
    return this.waitList.splice(0);
  }

  #acknowledgeExclusive(open: FsaOpen, level: Granular): readonly FsaOpen[] {
    const released = this.waitList.splice(0);
    this.exclusiveOpen = undefined;
    if (level === '') this.#set('NO_OPLOCK');
    else if (level === 'R' || level === 'RH') this.#requestShared(open, level, true);
    else {
      this.exclusiveOpen = open;
      this.#set(...FLAGS[level], 'EXCLUSIVE');
    }
    return released;
  }

  /** 2.1.4.12, case CLOSE; the operations that may go on now. */
  close(open: FsaOpen): readonly FsaOpen[] {
    const without = (list: FsaOpen[]): FsaOpen[] => list.filter((one) => one !== open);
    this.openList = without(this.openList);
    this.waitList = without(this.waitList);
    if (this.exclusiveOpen === open) {
      this.exclusiveOpen = undefined;
      this.#set('NO_OPLOCK');
      return this.waitList.splice(0);
    }
    if (this.exclusiveOpen !== undefined) return [];
    this.iiOplocks = without(this.iiOplocks);
    this.rOplocks = without(this.rOplocks);
    this.rhOplocks = without(this.rhOplocks);
    const isBreaking = this.rhBreakQueue.some((one) => one.open === open);
    this.rhBreakQueue = this.rhBreakQueue.filter((one) => one.open !== open);
    this.#recompute();
    if (!isBreaking) return [];
    const released = this.waitList.filter((waiting) =>
      this.rhBreakQueue.every((one) => one.open.key === waiting.key),
    );
    this.waitList = this.waitList.filter((waiting) => !released.includes(waiting));
    return released;
  }

  /** What this open may cache now, as it was last told and has acknowledged. */
  levelOf(open: FsaOpen): Level {
    if (this.exclusiveOpen === open) {
      if (this.#has('BATCH_OPLOCK')) return 'LEVEL_BATCH';
      if (this.#has('LEVEL_ONE_OPLOCK')) return 'LEVEL_ONE';
      return this.#has('HANDLE_CACHING') ? 'RWH' : 'RW';
    }
    if (this.rhOplocks.includes(open)) return 'RH';
    if (this.rhBreakQueue.some((one) => one.open === open)) return 'RH';
    if (this.rOplocks.includes(open)) return 'R';
    return this.iiOplocks.includes(open) ? 'LEVEL_TWO' : 'LEVEL_NONE';
  }

  isBreaking(open: FsaOpen): boolean {
    if (this.exclusiveOpen === open) return this.#has(...BREAKS);
    return this.rhBreakQueue.some((one) => one.open === open);
  }
}
