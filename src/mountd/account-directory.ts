/**
 * The accounts of this server, those that a program gave before those in the file, and which system user each acts as
 * (ksmbd: ksmbdpwd.db and getpwnam).
 */
import { ntHash } from '../auth/ntlm-crypto.ts';
import type { Logger } from '../base/log.ts';
import { UserDatabase } from '../config/user-db.ts';
import { AccountFile } from './account-file.ts';
import { type Acting, actingAs, type Identity, type IdentityRules, NOBODY } from './identities.ts';
import type { AccountPrincipal } from './principals.ts';
import type { SystemAccounts } from './system-accounts.ts';

export interface UserInput {
  readonly name: string;
  /** One of the two. */
  readonly password?: string;
  readonly ntHash?: Buffer;
  /** Absent: the system user of this name where the server runs as root, else the server's own. */
  readonly identity?: Identity;
}

export interface UserDatabaseInput {
  readonly file: string;
  /** Of all its accounts; absent: as for a user. */
  readonly identity?: Identity;
}

export interface AccountDirectoryOptions {
  readonly users: readonly UserInput[];
  readonly userDatabase: UserDatabaseInput | undefined;
  /** Whether the process acts as its users. */
  readonly switches: boolean;
  readonly systemAccounts: () => SystemAccounts;
  readonly log: Logger;
}

export class AccountDirectory {
  readonly switches: boolean;
  readonly systemAccounts: () => SystemAccounts;
  readonly #users: UserDatabase;
  readonly #file: AccountFile | undefined;
  readonly #chosen: ReadonlyMap<string, Identity>;
  /** Of the accounts in the file. */
  readonly #chosenInFile: Identity | undefined;

  constructor({ users, userDatabase, switches, systemAccounts, log }: AccountDirectoryOptions) {
    this.switches = switches;
    this.systemAccounts = systemAccounts;
    this.#users = databaseOf(users);
    this.#file = userDatabase && new AccountFile(userDatabase.file, log);
    this.#chosenInFile = userDatabase?.identity;
    this.#chosen = new Map(
      users.flatMap(({ name, identity }) => (identity ? [[name, identity]] : [])),
    );
  }

  /** Where accounts can be changed. */
  get filePath(): string | undefined {
    return this.#file?.path;
  }

  isInFile(name: string): boolean {
    return !this.#users.has(name);
  }

  /** Root has to be among the accounts: no KDC makes somebody root who is not meant to be. */
  systemUser(name: string): string | undefined {
    const accounts = this.systemAccounts();
    const user = accounts.userByName(name) ?? accounts.userByName(name.toLowerCase());
    return user === undefined || user.identity.uid === 0 ? undefined : user.name;
  }

  /** By the name that the client gave. */
  find(user: string) {
    return this.#users.find(user) ?? this.#file?.accounts.find(user);
  }

  /** Of the file's accounts, as stored; undefined: nobody knows. */
  passwordSetAtMs(name: string): number | undefined {
    return this.isInFile(name) ? this.#file?.passwordSetAtMs(name) : undefined;
  }

  has(name: string): boolean {
    return this.#users.has(name) || this.#file?.accounts.has(name) === true;
  }

  /** What the account may be known by before a share decides: without a system user, nobody. */
  harmless(name: string): Identity | undefined {
    const acting = this.actingAs(name);
    return acting === 'none' ? NOBODY : acting.identity;
  }

  all(system: SystemAccounts): AccountPrincipal[] {
    const inFile = this.#file?.accounts.names ?? [];
    const rules = {
      switches: this.switches,
      chosen: (name: string) =>
        this.#chosen.get(name) ?? (this.#users.has(name) ? undefined : this.#chosenInFile),
      systemAccounts: () => system,
    };
    return [...this.#users.names, ...inFile].flatMap((name) => {
      const acting = actingAs(rules, name);
      if (acting === 'none') return [];
      const { uid, gid } = acting.identity ?? ownIdentity();
      return [{ name, uid, gid }];
    });
  }

  get rules(): IdentityRules {
    return {
      switches: this.switches,
      chosen: (name: string) =>
        this.#chosen.get(name) ??
        (this.#file?.accounts.has(name) === true ? this.#chosenInFile : undefined),
      systemAccounts: this.systemAccounts,
    };
  }

  actingAs(name: string): Acting {
    return actingAs(this.rules, name);
  }
}

/** Whom the process acts as; nobody on a system that has no users. */
export const ownIdentity = (): Identity => ({
  uid: process.geteuid?.() ?? NOBODY.uid,
  gid: process.getegid?.() ?? NOBODY.gid,
  groups: process.getgroups?.() ?? [],
});

function databaseOf(users: readonly UserInput[]): UserDatabase {
  const database = new UserDatabase();
  for (const { name, password, ntHash: hash } of users) {
    if ((password === undefined) === (hash === undefined)) {
      throw new TypeError(`user "${name}" needs either a password or an NT hash`);
    }
    if (database.has(name)) throw new TypeError(`user "${name}" is given twice`);
    database.set(name, hash ?? ntHash(password!));
  }
  return database;
}
