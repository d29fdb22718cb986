/**
 * ksmbd's user database (ksmbdpwd.db): a line `name:hash` for each account, the hash being the NT hash
 * (MS-NLMP 3.3.1) in base64. It is as good as the password itself: the file belongs to its owner alone, and
 * no message here repeats what a line holds.
 */
import { existsSync } from 'node:fs';
import { replaceFile } from '../base/atomic-file.ts';
import { LockedError, lockFolder } from '../base/file-lock.ts';
import { readText } from './load-text.ts';
import {
  MUST_CHANGE,
  type PasswordHistory,
  readPasswordHistory,
  writePasswordHistory,
} from './password-history.ts';
import { type Problem, ProblemsError } from './problem.ts';

/** ksmbd: an account's name is in a field of 48 bytes, with its NUL. */
export const MAXIMUM_USER_BYTES = 47;
/** As in ksmbd. */
export const MAXIMUM_PASSWORD_BYTES = 128;
export const NT_HASH_BYTES = 16;
/** How long a command waits for another that edits the same file. */
const LOCK_WAIT_MS = 10_000;

export const USER_NAME_EXPECTED = `a name of 1 to ${MAXIMUM_USER_BYTES} bytes without ":" and control characters`;

export function isUserName(name: string): boolean {
  const bytes = Buffer.byteLength(name);
  const legal = !/[:\p{Cc}\p{Cs}]/u.test(name) && name === name.trim();
  return legal && bytes >= 1 && bytes <= MAXIMUM_USER_BYTES;
}

/** How a password was set. */
export interface PasswordSet {
  /** The user has to choose another one at once. */
  readonly mustChange: boolean;
}

export class UserDatabase {
  readonly #hashes = new Map<string, Buffer>();
  readonly #set = new Map<string, PasswordSet>();

  /** Whose password was set since it was read. */
  get passwordsSet(): ReadonlyMap<string, PasswordSet> {
    return this.#set;
  }

  /** In the order of the file. */
  get names(): string[] {
    return [...this.#hashes.keys()];
  }

  /**
   * The account as named, else the only one whose name differs in case alone: clients send names in whatever case
   * their users typed, and NTLM compares without (MS-NLMP 3.3.2).
   */
  find(name: string): { readonly name: string; readonly ntHash: Buffer } | undefined {
    const exact = this.#hashes.get(name);
    if (exact !== undefined) return { name, ntHash: exact };
    const wanted = name.toLowerCase();
    const near = this.names.filter((other) => other.toLowerCase() === wanted);
    return near.length === 1 ? { name: near[0]!, ntHash: this.#hashes.get(near[0]!)! } : undefined;
  }

  has(name: string): boolean {
    return this.#hashes.has(name);
  }

  /** Of the account that has exactly this name. */
  hashOf(name: string): Buffer | undefined {
    return this.#hashes.get(name);
  }

  set(name: string, ntHash: Buffer, how: PasswordSet = { mustChange: false }): void {
    this.load(name, ntHash);
    this.#set.set(name, how);
  }

  /** What the file has. */
  load(name: string, ntHash: Buffer): void {
    if (!isUserName(name))
      throw new TypeError(`bad name of an account; expected ${USER_NAME_EXPECTED}`);
    if (ntHash.length !== NT_HASH_BYTES) throw new TypeError('an NT hash has 16 bytes');
    this.#hashes.set(name, Buffer.from(ntHash));
  }

  delete(name: string): boolean {
    return this.#hashes.delete(name);
  }

  toString(): string {
    return [...this.#hashes].map(([name, hash]) => `${name}:${hash.toString('base64')}\n`).join('');
  }
}

/** Throws ProblemsError for the whole file where one line is bad, as ksmbd does. */
export function parseUserDatabase(text: string, file: string): UserDatabase {
  const database = new UserDatabase();
  const problems: Problem[] = [];
  const lines = new Map<string, number>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const fault = addLine(database, line);
    const name = line.slice(0, line.indexOf(':'));
    const earlier = lines.get(name);
    if (fault === undefined && earlier === undefined) lines.set(name, index + 1);
    else {
      const twice = { message: `"${name}" stands on line ${earlier} already` };
      problems.push({ severity: 'error', file, line: index + 1, ...(fault ?? twice) });
    }
  }
  if (problems.length > 0) throw new ProblemsError(problems);
  return database;
}

function addLine(
  database: UserDatabase,
  line: string,
): Pick<Problem, 'message' | 'expected'> | undefined {
  const colon = line.indexOf(':');
  if (colon === -1) return { message: 'a line without a colon', expected: '"user:hash"' };
  const name = line.slice(0, colon);
  if (!isUserName(name)) return { message: 'bad name of an account', expected: USER_NAME_EXPECTED };
  const encoded = line.slice(colon + 1);
  // 16 bytes are 22 characters and two of padding; the last one carries four bits that must be 0.
  if (!/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(encoded)) {
    return { message: `bad hash of "${name}"`, expected: '16 bytes in base64' };
  }
  database.load(name, Buffer.from(encoded, 'base64'));
  return undefined;
}

/** Throws ProblemsError, also where there is no file. */
export function readUserDatabase(file: string): UserDatabase {
  return parseUserDatabase(readText(file), file);
}

export interface UserDatabaseEdit {
  /** How many passwords of an account are remembered, the one that counts among them (PasswordHistoryLength). */
  readonly historyLength?: number;
  readonly nowMs?: number;
}

/**
 * Lets `edit` change the accounts of `file`, which is made where it is missing; the new file replaces the
 * old one at once and only its owner may read it. When passwords were set is noted beside it. One at a time: others
 * wait.
 */
export function editUserDatabase(
  file: string,
  edit: (database: UserDatabase, history: PasswordHistory) => void,
  { historyLength: length = 0, nowMs = Date.now() }: UserDatabaseEdit = {},
): void {
  const lock = lockFile(file);
  try {
    const database = existsSync(file) ? readUserDatabase(file) : new UserDatabase();
    const before = new Map(database.names.map((name) => [name, database.hashOf(name)]));
    const history = readPasswordHistory(file);
    edit(database, history);
    for (const [name, { mustChange }] of database.passwordsSet) {
      const ntHash = database.hashOf(name);
      if (ntHash === undefined) continue;
      const setAtMs = mustChange ? MUST_CHANGE : nowMs;
      history.note(name, { ntHash, before: before.get(name), setAtMs, length });
    }
    history.keepOnly(database.names);
    // First: a history that knows more than the database has does no harm.
    writePasswordHistory(file, history);
    replaceFile(file, database.toString(), { mode: 0o600 });
  } finally {
    lock.release();
  }
}

function lockFile(file: string) {
  try {
    return lockFolder(`${file}.lock`, LOCK_WAIT_MS);
  } catch (error) {
    if (!(error instanceof LockedError)) throw error;
    const message = `process ${error.pid} has been editing it for ${LOCK_WAIT_MS / 1000} seconds`;
    throw new ProblemsError([{ severity: 'error', file, line: 0, message }]);
  }
}
