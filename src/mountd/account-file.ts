/**
 * The user database as it is now: whoever adds, changes or removes an account with "usmbd adduser" need
 * not tell the server. Looked at once a login; read anew when the file is another one or has changed.
 */
import { statSync } from 'node:fs';
import type { Logger } from '../base/log.ts';
import { historyFileOf, PasswordHistory, readPasswordHistory } from '../config/password-history.ts';
import { readUserDatabase, UserDatabase } from '../config/user-db.ts';

export class AccountFile {
  readonly #file: string;
  readonly #log: Logger;
  #database: UserDatabase;
  /** Of the file that was read last, or what kept it from being read. */
  #version: string;
  #history = new PasswordHistory();
  #historyVersion: string | undefined;

  /** Throws ProblemsError. */
  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
    // Before it is read: a change in between is seen the next time.
    this.#version = versionOf(file);
    this.#database = readUserDatabase(file);
  }

  get path(): string {
    return this.#file;
  }

  /** A file that is gone has no accounts; of one that cannot be read or is bad the last good state counts. */
  get accounts(): UserDatabase {
    const version = versionOf(this.#file);
    if (version === this.#version) return this.#database;
    this.#version = version;
    if (version === 'ENOENT') {
      this.#log.warn('the user database is gone, and with it its accounts', { file: this.#file });
      this.#database = new UserDatabase();
      return this.#database;
    }
    try {
      this.#database = readUserDatabase(this.#file);
      this.#log.info('the user database has changed', { accounts: this.#database.names.length });
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#log.error('the user database cannot be used; its last good state counts', { problem });
    }
    return this.#database;
  }

  /** See PasswordHistory; of one that cannot be read nothing is known. */
  passwordSetAtMs(name: string): number | undefined {
    const ntHash = this.accounts.hashOf(name);
    return ntHash === undefined ? undefined : this.#currentHistory().setAtMs(name, ntHash);
  }

  #currentHistory(): PasswordHistory {
    const version = versionOf(historyFileOf(this.#file));
    if (version === this.#historyVersion) return this.#history;
    this.#historyVersion = version;
    try {
      this.#history = readPasswordHistory(this.#file);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#log.error('nobody knows how old passwords are', { problem });
      this.#history = new PasswordHistory();
    }
    return this.#history;
  }
}

/** adduser replaces the file, an editor may write to it: inode or times tell. */
function versionOf(file: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}
