/**
 * Which logins failed, of whom and from where, since that user's last good one from there: what an administrator
 * looks at who asks why somebody is kept waiting. The delays themselves are login-throttle.ts's.
 */

import type { LoginFailure } from '../ipc/administration.ts';
import { MAX_TOLD_FAILURES } from '../ipc/administration.ts';

/** A name is the client's own text. */
const MAX_NAME_CHARACTERS = 100;

export type CountedFailures = Omit<LoginFailure, 'waitMs' | 'lockedOut'>;

export class LoginFailures {
  /** In the order of their last failures. */
  readonly #failures = new Map<string, CountedFailures>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  failed(name: string, address: string): void {
    const user = name.slice(0, MAX_NAME_CHARACTERS);
    const key = keyOf(user, address);
    const failures = (this.#failures.get(key)?.failures ?? 0) + 1;
    this.#failures.delete(key);
    this.#failures.set(key, { user, address, failures, lastMs: this.#now() });
    if (this.#failures.size > MAX_TOLD_FAILURES) {
      this.#failures.delete(this.#failures.keys().next().value!);
    }
  }

  succeeded(name: string, address: string): void {
    if (this.#failures.size > 0) this.#failures.delete(keyOf(name, address));
  }

  /** Those of `name` and from `address`, where they are given. How many there were. */
  forget(name: string | undefined, address: string | undefined): number {
    const before = this.#failures.size;
    for (const [key, { user, address: from }] of this.#failures) {
      const isOf = name === undefined || user.toLowerCase() === name.toLowerCase();
      if (isOf && (address === undefined || from === address)) this.#failures.delete(key);
    }
    return before - this.#failures.size;
  }

  /** The last one first. */
  get all(): readonly CountedFailures[] {
    return [...this.#failures.values()].reverse();
  }
}

const keyOf = (user: string, address: string): string => `${user.toLowerCase()}\0${address}`;
