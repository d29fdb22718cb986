/**
 * Whether what the loop asks of a device comes back soon. What the kernel has in memory takes microseconds; a call
 * that takes much longer has waited for the device, and everybody with it, or for a processor that others had, which is no
 * fault of the device's: who slept in a call has waited for what it asked. A device that is slow is asked by its threads,
 * until those have had quick answers for a while.
 *
 *     in the loop ── a call over the budget, and within 10 s one that slept ──▶ by threads ── 64 in a row within it ──▶ in the loop
 */
import { voluntarySwitches } from '../../../native/usage.ts';

/** As long as one disk seek or a flush of its cache takes; whoever waits for the loop is not to wait longer. */
const BUDGET_MS = 20;
/** How long calls are looked at closely after one that was late. */
const SUSPICION_MS = 10_000;
const QUICK_JOBS = 64;
/** One call of so many is timed: looking at the clock costs as much as a hundredth of a call. */
const TIMED_ONE_OF = 8;

export class Pace {
  /** To be asked by threads. */
  isSlow = false;
  readonly #budgetMs: number;
  readonly #sleeps: () => number;
  #calls = 0;
  #suspectUntilMs = 0;
  #sleepsBefore = 0;
  #quick = 0;

  /** `sleeps`: how often the thread has gone to sleep. */
  constructor(budgetMs: number = BUDGET_MS, sleeps: () => number = voluntarySwitches) {
    this.#budgetMs = budgetMs;
    this.#sleeps = sleeps;
  }

  /** Before a call of the loop's; its result is for `end`. */
  begin(): number {
    this.#calls = (this.#calls + 1) % TIMED_ONE_OF;
    return this.#calls === 0 ? this.#beginTimed(performance.now()) : 0;
  }

  #beginTimed(nowMs: number): number {
    if (nowMs < this.#suspectUntilMs) this.#sleepsBefore = this.#sleeps();
    return nowMs;
  }

  end(begun: number): void {
    if (begun !== 0) this.#took(begun, performance.now());
  }

  #took(begun: number, nowMs: number): void {
    if (nowMs - begun <= this.#budgetMs) return;
    const wasSuspect = begun < this.#suspectUntilMs;
    this.#suspectUntilMs = nowMs + SUSPICION_MS;
    if (!wasSuspect || this.#sleeps() === this.#sleepsBefore) return;
    this.isSlow = true;
    this.#quick = 0;
  }

  /** A thread has waited so long for the device. */
  threadWaited(ms: number): void {
    if (!this.isSlow) return;
    this.#quick = ms <= this.#budgetMs ? this.#quick + 1 : 0;
    if (this.#quick >= QUICK_JOBS) this.isSlow = false;
  }
}

/** Of a thread, which waits for nobody but the device. */
export const unhurried = (): Pace => new Pace(Infinity);
