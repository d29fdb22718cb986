/**
 * Time that passes only when it is told to. It stands in for the process's timers and clocks, so that
 * nothing in the server can measure any other: a run of 35 s breaks takes no time and is the same twice.
 */
import { performance } from 'node:perf_hooks';

interface Timer {
  dueMs: number;
  readonly everyMs: number | undefined;
  readonly turn: number;
  readonly action: () => void;
}

/** What the process's own functions give back: code that calls `unref()` or `close()` finds them. */
class Handle {
  readonly timer: Timer;
  readonly #time: FakeTime;

  constructor(time: FakeTime, timer: Timer) {
    this.#time = time;
    this.timer = timer;
  }

  unref(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  hasRef(): boolean {
    return false;
  }

  close(): void {
    this.#time.clear(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** An arbitrary moment of 2026 in which every run begins. */
const START_MS = 1_780_000_000_000;

export class FakeTime {
  nowMs = 0;
  #timers = new Set<Timer>();
  #turn = 0;

  /** Of timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }

  reset(): void {
    this.nowMs = 0;
    this.#timers = new Set();
    this.#turn = 0;
  }

  /** When the next timer is due. */
  get nextDueMs(): number | undefined {
    return this.#next()?.dueMs;
  }

  /** Lets time pass up to the next timer, and those go off that are due then. */
  fireNext(): void {
    const next = this.nextDueMs;
    if (next === undefined) return;
    this.nowMs = Math.max(this.nowMs, next);
    const set = this.#turn;
    for (;;) {
      const timer = this.#next();
      // What is set meanwhile has its own time, be it the same.
      if (timer === undefined || timer.dueMs > this.nowMs || timer.turn >= set) return;
      if (timer.everyMs === undefined) this.#timers.delete(timer);
      else timer.dueMs = this.nowMs + timer.everyMs;
      timer.action();
    }
  }

  set(action: () => void, delayMs: number, everyMs?: number): Handle {
    const timer: Timer = {
      dueMs: this.nowMs + Math.max(0, delayMs),
      everyMs,
      turn: this.#turn++,
      action,
    };
    this.#timers.add(timer);
    return new Handle(this, timer);
  }

  clear(handle: unknown): void {
    if (handle instanceof Handle) this.#timers.delete(handle.timer);
  }

  /** Takes the place of the process's time; gives it back when called. */
  install(): () => void {
    const real = {
      setTimeout: globalThis.setTimeout,
      clearTimeout: globalThis.clearTimeout,
      setInterval: globalThis.setInterval,
      clearInterval: globalThis.clearInterval,
    };
    const { now } = Date;
    const perform = performance.now;
    const fake = {
      setTimeout: (action: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
        this.set(() => action(...args), ms),
      clearTimeout: (handle: unknown) => this.clear(handle),
      setInterval: (action: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
        this.set(() => action(...args), ms, ms),
      clearInterval: (handle: unknown) => this.clear(handle),
    };
    Object.assign(globalThis, fake);
    Date.now = () => START_MS + this.nowMs;
    performance.now = () => this.nowMs;
    return () => {
      Object.assign(globalThis, real);
      Date.now = now;
      performance.now = perform;
    };
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (next === undefined || timer.dueMs < next.dueMs) next = timer;
      else if (timer.dueMs === next.dueMs && timer.turn < next.turn) next = timer;
    }
    return next;
  }
}
