/**
 * Whether an account may log in by its password now, as the domain's policy has it (domain-policy.ts): it is not locked
 * out, and its password is neither too old nor one that has to be changed first. Kerberos asks its own KDC.
 */
import { MUST_CHANGE } from '../config/password-history.ts';
import { AccountLockouts } from './account-lockouts.ts';
import { type DomainPolicy, type DomainPolicyStore, deltaMs, maxAgeMs } from './domain-policy.ts';

export type AccountRefusal = 'account-locked-out' | 'password-expired' | 'password-must-change';

export interface AccountGuardFacts {
  readonly domainPolicy: DomainPolicyStore;
  /** The account that a client's name means; undefined: it means none. */
  nameOf(user: string): string | undefined;
  /** See PasswordHistory. */
  passwordSetAtMs(name: string): number | undefined;
  now?(): number;
}

/** What is told of a user (MS-SAMR 3.1.5.14.3, 3.1.5.14.4); times in milliseconds since 1970. */
export interface PasswordState {
  /** MUST_CHANGE: by the user, before anything else. Undefined: nobody knows. */
  readonly setAtMs: number | undefined;
  readonly canChangeMs: number | undefined;
  /** Undefined: never. */
  readonly mustChangeMs: number | undefined;
  readonly badPasswordCount: number;
  readonly isLockedOut: boolean;
}

export class AccountGuard {
  readonly lockouts: AccountLockouts;
  readonly domainPolicy: DomainPolicyStore;
  readonly #facts: AccountGuardFacts;
  readonly #now: () => number;

  constructor(facts: AccountGuardFacts) {
    this.#facts = facts;
    this.domainPolicy = facts.domainPolicy;
    this.#now = facts.now ?? Date.now;
    this.lockouts = new AccountLockouts({
      policy: () => facts.domainPolicy.policy,
      hasAccount: (name) => facts.nameOf(name) !== undefined,
      now: this.#now,
    });
  }

  get policy(): DomainPolicy {
    return this.domainPolicy.policy;
  }

  /** Of who has given a wrong password; it counts. */
  failed(user: string): AccountRefusal | undefined {
    const name = this.#facts.nameOf(user) ?? user;
    if (this.lockouts.isLocked(name)) return 'account-locked-out';
    this.lockouts.failed(name);
    return undefined;
  }

  /** Of who has proved the password. */
  proved(user: string): AccountRefusal | undefined {
    const name = this.#facts.nameOf(user) ?? user;
    if (this.lockouts.isLocked(name)) return 'account-locked-out';
    this.lockouts.succeeded(name);
    const { setAtMs, mustChangeMs } = this.stateOf(name);
    if (setAtMs === MUST_CHANGE) return 'password-must-change';
    return mustChangeMs !== undefined && this.#now() >= mustChangeMs
      ? 'password-expired'
      : undefined;
  }

  isLocked(user: string): boolean {
    return this.lockouts.isLocked(this.#facts.nameOf(user) ?? user);
  }

  /** By an administrator; undefined: everybody. */
  unlock(user: string | undefined): void {
    this.lockouts.forget(user && (this.#facts.nameOf(user) ?? user));
  }

  stateOf(name: string): PasswordState {
    const setAtMs = this.#facts.passwordSetAtMs(name);
    const { policy } = this;
    const oldest = maxAgeMs(policy);
    const later = (ms: number | undefined) =>
      setAtMs === undefined || ms === undefined ? undefined : setAtMs + ms;
    return {
      setAtMs,
      canChangeMs: setAtMs === MUST_CHANGE ? MUST_CHANGE : later(deltaMs(policy.minPasswordAge)),
      mustChangeMs: setAtMs === MUST_CHANGE ? MUST_CHANGE : later(oldest),
      badPasswordCount: this.lockouts.badPasswordCount(name),
      isLockedOut: this.lockouts.isLocked(name),
    };
  }

  /** Whether the user may choose another one yet (3.1.1.7.1); administrators may always. */
  isTooRecent(name: string): boolean {
    const { canChangeMs } = this.stateOf(name);
    return canChangeMs !== undefined && this.#now() < canChangeMs;
  }
}
