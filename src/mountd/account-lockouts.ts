/**
 * Who has given too many wrong passwords (MS-SAMR 3.1.5.14.5, 3.1.5.14.6): by the threshold, window and duration that the
 * domain's policy has now, for logins and for changes of a password alike. Beside login-throttle.ts, which slows an address
 * down and shuts nobody out; with a threshold of 0, as at first, nobody is locked out. Counts end with the process.
 *
 * A name that has no account is counted and locked like one that has: the answers tell nobody which there are.
 */
import { type DomainPolicy, deltaMs } from './domain-policy.ts';

/** Names without an account that are remembered; a guesser who tries more of them forgets the first ones. */
const MAX_STRANGERS = 4096;
/** A name is the client's own text. */
const MAX_NAME_CHARACTERS = 100;

interface Count {
  count: number;
  /** Of the last wrong one. */
  atMs: number;
  lockedAtMs: number | undefined;
}

export interface AccountLockoutFacts {
  policy(): DomainPolicy;
  hasAccount(name: string): boolean;
  /** Milliseconds since 1970. */
  now?(): number;
}

export class AccountLockouts {
  readonly #accounts = new Map<string, Count>();
  readonly #strangers = new Map<string, Count>();
  readonly #facts: AccountLockoutFacts;
  readonly #now: () => number;

  constructor(facts: AccountLockoutFacts) {
    this.#facts = facts;
    this.#now = facts.now ?? Date.now;
  }

  isLocked(name: string): boolean {
    const found = this.#find(name);
    if (found?.lockedAtMs === undefined || this.#facts.policy().lockoutThreshold === 0)
      return false;
    const duration = deltaMs(this.#facts.policy().lockoutDuration);
    if (duration === undefined || this.#now() - found.lockedAtMs < duration) return true;
    this.succeeded(name);
    return false;
  }

  /** Wrong passwords in the window that counts. */
  badPasswordCount(name: string): number {
    const found = this.#find(name);
    return found === undefined || this.#isOver(found) ? 0 : found.count;
  }

  /** True: this one was too many. */
  failed(name: string): boolean {
    if (this.isLocked(name)) return false;
    const key = keyOf(name);
    const { lockoutThreshold } = this.#facts.policy();
    const counts = this.#countsOf(name);
    const before = counts.get(key);
    const count = before === undefined || this.#isOver(before) ? 1 : before.count + 1;
    const isLocked = lockoutThreshold > 0 && count >= lockoutThreshold;
    const atMs = this.#now();
    counts.delete(key);
    counts.set(key, { count, atMs, lockedAtMs: isLocked ? atMs : undefined });
    if (counts === this.#strangers && counts.size > MAX_STRANGERS) {
      counts.delete(counts.keys().next().value!);
    }
    return isLocked;
  }

  /** Proved a password, or has got another one, or was unlocked. */
  succeeded(name: string): void {
    this.#accounts.delete(keyOf(name));
    this.#strangers.delete(keyOf(name));
  }

  /** By an administrator; undefined: everybody. */
  forget(name: string | undefined): void {
    if (name !== undefined) {
      this.succeeded(name);
    } else {
      this.#accounts.clear();
      this.#strangers.clear();
    }
  }

  #find(name: string): Count | undefined {
    return this.#countsOf(name).get(keyOf(name));
  }

  #countsOf(name: string): Map<string, Count> {
    return this.#facts.hasAccount(name) ? this.#accounts : this.#strangers;
  }

  #isOver({ atMs }: Count): boolean {
    const window = deltaMs(this.#facts.policy().lockoutObservationWindow);
    return window !== undefined && this.#now() - atMs > window;
  }
}

const keyOf = (name: string): string => name.slice(0, MAX_NAME_CHARACTERS).toLowerCase();
