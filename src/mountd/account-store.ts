/**
 * Accounts changed by clients (MS-SAMR 3.1.5.4.4, 3.1.5.6.4, 3.1.5.7.3, 3.1.5.10): made and removed by
 * administrators, and passwords. They are in the file that "usmbd adduser" edits, under the same lock.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { equalSecrets, ntHash } from '../auth/ntlm-crypto.ts';
import type { Logger } from '../base/log.ts';
import { ProblemsError } from '../config/problem.ts';
import {
  editUserDatabase,
  isUserName,
  MAXIMUM_PASSWORD_BYTES,
  NT_HASH_BYTES,
  type UserDatabase,
} from '../config/user-db.ts';
import type { LoginThrottle } from './login-throttle.ts';

export type AccountChange =
  | 'done'
  /** Those accounts are not in the file: they are given when the server is started. */
  | 'read-only'
  | 'no-such-user'
  | 'user-exists'
  | 'bad-name'
  | 'bad-password'
  | 'wrong-password';

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
  setPassword(name: string, password: string): AccountChange;
  setHash(name: string, hash: Buffer): AccountChange;
  /** By who knows the old one; a wrong one is slowed down as a failed login is. */
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
  readonly address: string;
  /** Who asks. */
  readonly by: string;
  readonly log: Logger;
}

/** What an unknown account's change is held against, so that it takes as long as a wrong password. */
const NO_ACCOUNT = randomBytes(NT_HASH_BYTES);

export const isPassword = (password: string): boolean =>
  password !== '' && Buffer.byteLength(password) <= MAXIMUM_PASSWORD_BYTES;

export function createAccountStore(facts: AccountStoreFacts): AccountStore {
  const { file, log, throttle, address, by } = facts;
  const edit = (what: string, user: string, change: (database: UserDatabase) => void) => {
    if (file === undefined) return 'read-only';
    try {
      editUserDatabase(file, change);
    } catch (error) {
      if (!(error instanceof ProblemsError)) throw error;
      log.error('the user database cannot be changed', { problem: error.message });
      return 'read-only';
    }
    facts.changed();
    log.info(`account ${what}`, { user, by, address });
    return 'done';
  };
  const existing = (name: string): string | 'no-such-user' | 'read-only' | undefined =>
    facts.find(name)?.name;
  const setHash = (name: string, hash: Buffer): AccountChange => {
    const stored = existing(name);
    if (stored === undefined) return 'no-such-user';
    if (!facts.isInFile(stored)) return 'read-only';
    return edit('has a new password', stored, (database) => database.set(stored, hash));
  };
  const setPassword = (name: string, password: string): AccountChange =>
    isPassword(password) ? setHash(name, ntHash(password)) : 'bad-password';
  const changeSlowly = async (name: string, change: ProvenChange): Promise<AccountChange> => {
    const wait = throttle.waitBefore(address);
    if (wait > 0) await sleep(wait);
    const found = facts.find(name);
    const proven = await change(found?.ntHash ?? NO_ACCOUNT);
    if (found === undefined || proven === undefined) {
      const heldMs = throttle.failed(address);
      log.warn('password change failed', { user: name, address, heldMs });
      await sleep(heldMs);
      return 'wrong-password';
    }
    return setPassword(found.name, proven.password);
  };
  return {
    create(name) {
      if (!isUserName(name)) return 'bad-name';
      if (existing(name) !== undefined) return 'user-exists';
      if (!facts.mayExist(name)) return 'no-such-user';
      // Nobody knows a password for it until one is set.
      const hash = randomBytes(NT_HASH_BYTES);
      return edit('made', name, (database) => database.set(name, hash));
    },
    remove(name) {
      const stored = existing(name);
      if (stored === undefined) return 'no-such-user';
      if (!facts.isInFile(stored)) return 'read-only';
      return edit('removed', stored, (database) => database.delete(stored));
    },
    setPassword,
    setHash,
    changePassword: changeSlowly,
  };
}

/** Whether a hash that came beside a new password is that of the old one. */
export const provesHash = (sent: Buffer, stored: Buffer): boolean => equalSecrets(sent, stored);
