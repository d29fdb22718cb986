/**
 * Accounts changed by clients (MS-SAMR 3.1.5.4.4, 3.1.5.6.4, 3.1.5.7.3, 3.1.5.10): made and removed by
 * administrators, and passwords. They are in the file that "usmbd adduser" edits, under the same lock.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { equalSecrets, ntHash } from '../auth/ntlm-crypto.ts';
import type { Logger } from '../base/log.ts';
import type { PasswordHistory } from '../config/password-history.ts';
import { ProblemsError } from '../config/problem.ts';
import {
  editUserDatabase,
  isUserName,
  MAXIMUM_PASSWORD_BYTES,
  NT_HASH_BYTES,
  type PasswordSet,
  type UserDatabase,
} from '../config/user-db.ts';
import type { AccountGuard } from './account-guard.ts';
import {
  type CleartextFault,
  cleartextFault,
  DOMAIN_PASSWORD_NO_CLEAR_CHANGE,
} from './domain-policy.ts';
import { LONGEST_DELAY_MS, type LoginThrottle } from './login-throttle.ts';

export type AccountChange =
  | 'done'
  /** Those accounts are not in the file: they are given when the server is started. */
  | 'read-only'
  | 'no-such-user'
  | 'user-exists'
  | 'bad-name'
  | 'bad-password'
  | 'wrong-password'
  | 'locked-out'
  /** Against the domain's policy. */
  | CleartextFault
  | 'in-history'
  | 'too-recent'
  | 'no-changes';

interface NewPassword {
  readonly password: string;
}

/** Of a password change: what the client sent, opened by the hash that is stored. Undefined: it does not open. */
export type ProvenChange = (
  oldHash: Buffer,
) => NewPassword | undefined | Promise<NewPassword | undefined>;

export interface AccountStore {
  create(name: string): AccountChange;
  remove(name: string): AccountChange;
  /**
   * By an administrator: neither age nor history counts, which are of who changes a password (MS-SAMR 3.1.1.7.1). The
   * account is unlocked.
   */
  setPassword(name: string, password: string, how?: PasswordSet): AccountChange;
  /** The same; what cannot be read is held to no rules. */
  setHash(name: string, hash: Buffer, how?: PasswordSet): AccountChange;
  /** By an administrator: the user has to choose another one before anything else. */
  expire(name: string): AccountChange;
  /** By an administrator: wrong passwords are forgotten. */
  unlock(name: string): AccountChange;
  /** By who knows the old one; a wrong one is slowed down, and counted, as a failed login is. */
  changePassword(name: string, change: ProvenChange): Promise<AccountChange>;
}

export interface AccountStoreFacts {
  /** Absent: nothing can be changed. */
  readonly file: string | undefined;
  /** As stored. */
  find(name: string): { readonly name: string; readonly ntHash: Buffer } | undefined;
  isInFile(name: string): boolean;
  /** Whether somebody of this name can act on the system. */
  mayExist(name: string): boolean;
  changed(): void;
  readonly throttle: LoginThrottle;
  readonly guard: AccountGuard;
  readonly address: string;
  /** Who asks. */
  readonly by: string;
  readonly log: Logger;
}

/** What an unknown account's change is held against, so that it takes as long as a wrong password. */
const NO_ACCOUNT = randomBytes(NT_HASH_BYTES);

export const isPassword = (password: string): boolean =>
  password !== '' && Buffer.byteLength(password) <= MAXIMUM_PASSWORD_BYTES;

type Edit = (database: UserDatabase, history: PasswordHistory) => AccountChange;

export function createAccountStore(facts: AccountStoreFacts): AccountStore {
  const { file, log, throttle, guard, address, by } = facts;
  const edit = (what: string, user: string, change: Edit): AccountChange => {
    if (file === undefined) return 'read-only';
    const historyLength = guard.policy.passwordHistoryLength;
    let outcome: AccountChange = 'done';
    try {
      editUserDatabase(
        file,
        (database, history) => {
          outcome = change(database, history);
          if (outcome !== 'done') throw new Unchanged();
        },
        { historyLength },
      );
    } catch (error) {
      if (error instanceof Unchanged) return outcome;
      if (!(error instanceof ProblemsError)) throw error;
      log.error('the user database cannot be changed', { problem: error.message });
      return 'read-only';
    }
    facts.changed();
    log.info(`account ${what}`, { user, by, address });
    return 'done';
  };
  const existing = (name: string): string | undefined => facts.find(name)?.name;
  const changing = (name: string, change: (stored: string) => Edit): AccountChange => {
    const stored = existing(name);
    if (stored === undefined) return 'no-such-user';
    if (!facts.isInFile(stored)) return 'read-only';
    const outcome = edit('has a new password', stored, change(stored));
    if (outcome === 'done') guard.lockouts.succeeded(stored);
    return outcome;
  };
  const setHash = (name: string, hash: Buffer, how?: PasswordSet): AccountChange =>
    changing(name, (stored) => (database) => {
      database.set(stored, hash, how);
      return 'done';
    });
  const setPassword = (name: string, password: string, how?: PasswordSet): AccountChange => {
    if (!isPassword(password)) return 'bad-password';
    const fault = cleartextFault(guard.policy, existing(name) ?? name, password);
    return fault ?? setHash(name, ntHash(password), how);
  };
  /** In the order in which clients know the reasons: age, length, complexity, history. */
  const changeOwn = (name: string, oldHash: Buffer, password: string): AccountChange => {
    const { policy } = guard;
    if ((policy.passwordProperties & DOMAIN_PASSWORD_NO_CLEAR_CHANGE) !== 0) return 'no-changes';
    if (guard.isTooRecent(name)) return 'too-recent';
    if (!isPassword(password)) return 'bad-password';
    const fault = cleartextFault(policy, name, password);
    if (fault !== undefined) return fault;
    const hash = ntHash(password);
    return changing(name, (stored) => (database, history) => {
      const before = database.hashOf(stored);
      // Somebody else was faster: what was proved counts no more.
      if (before === undefined || !equalSecrets(before, oldHash)) return 'wrong-password';
      if (history.has(stored, hash, before, policy.passwordHistoryLength)) return 'in-history';
      database.set(stored, hash);
      return 'done';
    });
  };
  const changeSlowly = async (name: string, change: ProvenChange): Promise<AccountChange> => {
    const wait = throttle.turnOf(address, name);
    if (wait !== 0) await sleep(wait ?? LONGEST_DELAY_MS);
    if (wait === undefined) return 'wrong-password';
    const found = facts.find(name);
    const proven = await change(found?.ntHash ?? NO_ACCOUNT);
    const isWrong = found === undefined || proven === undefined;
    // 3.1.5.14.5: whoever is locked out changes nothing, by whatever password.
    if (guard.lockouts.isLocked(found?.name ?? name)) {
      if (isWrong) await sleep(throttle.failed(address, name));
      return 'locked-out';
    }
    if (isWrong) {
      const heldMs = throttle.failed(address, name);
      guard.lockouts.failed(found?.name ?? name);
      log.warn('password change failed', { user: name, address, heldMs });
      await sleep(heldMs);
      return 'wrong-password';
    }
    return changeOwn(found.name, found.ntHash, proven.password);
  };
  return {
    create(name) {
      if (!isUserName(name)) return 'bad-name';
      if (existing(name) !== undefined) return 'user-exists';
      if (!facts.mayExist(name)) return 'no-such-user';
      // Nobody knows a password for it until one is set.
      const hash = randomBytes(NT_HASH_BYTES);
      return edit('made', name, (database) => {
        database.set(name, hash);
        return 'done';
      });
    },
    remove(name) {
      const stored = existing(name);
      if (stored === undefined) return 'no-such-user';
      if (!facts.isInFile(stored)) return 'read-only';
      return edit('removed', stored, (database) => {
        database.delete(stored);
        return 'done';
      });
    },
    setPassword,
    setHash,
    expire: (name) =>
      changing(name, (stored) => (database) => {
        const hash = database.hashOf(stored);
        if (hash === undefined) return 'no-such-user';
        database.set(stored, hash, { mustChange: true });
        return 'done';
      }),
    unlock(name) {
      const stored = existing(name);
      if (stored === undefined) return 'no-such-user';
      guard.lockouts.succeeded(stored);
      log.info('account unlocked', { user: stored, by, address });
      return 'done';
    },
    changePassword: changeSlowly,
  };
}

/** Ends an edit that is to change nothing. */
class Unchanged extends Error {}

/** Whether a hash that came beside a new password is that of the old one. */
export const provesHash = (sent: Buffer, stored: Buffer): boolean => equalSecrets(sent, stored);
