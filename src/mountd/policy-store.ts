/**
 * The policy of this machine (MS-LSAD 3.1.1): which accounts have which privileges, and secrets that administrators
 * keep here. In `policy.json` of the state directory.
 */
import type { Logger } from '../base/log.ts';
import {
  ALL_FILE_PRIVILEGES,
  SE_BACKUP_PRIVILEGE,
  SE_RESTORE_PRIVILEGE,
  SE_SECURITY_PRIVILEGE,
  SE_TAKE_OWNERSHIP_PRIVILEGE,
} from '../dtyp/access-check.ts';
import { BUILTIN_ADMINISTRATORS, parseSid, type Sid } from '../dtyp/sid.ts';
import { KeptRecord } from './kept-record.ts';

export interface Privilege {
  readonly name: string;
  /** 3.1.1.2.1; those of Samba's own are above them. */
  readonly luid: number;
  readonly display: string;
  /** What it is to files: a bit of dtyp/access-check.ts. */
  readonly ofFiles?: number;
}

export const SE_DISK_OPERATOR = 'SeDiskOperatorPrivilege';

export const PRIVILEGES: readonly Privilege[] = [
  { name: 'SeMachineAccountPrivilege', luid: 6, display: 'Add machines to domain' },
  {
    name: 'SeSecurityPrivilege',
    luid: 8,
    display: 'Manage auditing and security log',
    ofFiles: SE_SECURITY_PRIVILEGE,
  },
  {
    name: 'SeTakeOwnershipPrivilege',
    luid: 9,
    display: 'Take ownership of files or other objects',
    ofFiles: SE_TAKE_OWNERSHIP_PRIVILEGE,
  },
  {
    name: 'SeBackupPrivilege',
    luid: 17,
    display: 'Back up files and directories',
    ofFiles: SE_BACKUP_PRIVILEGE,
  },
  {
    name: 'SeRestorePrivilege',
    luid: 18,
    display: 'Restore files and directories',
    ofFiles: SE_RESTORE_PRIVILEGE,
  },
  { name: 'SeRemoteShutdownPrivilege', luid: 24, display: 'Force shutdown from a remote system' },
  { name: SE_DISK_OPERATOR, luid: 0x1003, display: 'Manage disk shares' },
];

export const privilegeByName = (name: string | null): Privilege | undefined =>
  PRIVILEGES.find((one) => one.name.toLowerCase() === name?.toLowerCase());
export const privilegeByLuid = (low: number, high: number): Privilege | undefined =>
  high === 0 ? PRIVILEGES.find(({ luid }) => luid === low) : undefined;

/** Until somebody says something else. */
const OF_ADMINISTRATORS = PRIVILEGES.map(({ name }) => name);

/** "Accounts" of the policy; a server that gives rights to more gives them to groups. */
const MAX_ACCOUNTS = 1000;
/** Windows keeps 4,096; nobody but programs of administration makes them. */
const MAX_SECRETS = 256;
/** MS-LSAD 2.2.6.1 allows 128 KiB of ciphertext; Windows refuses more than 64 KiB of text. */
const MAX_SECRET_BYTES = 64 << 10;

export interface SecretValue {
  readonly value: Buffer | undefined;
  /** When it was set, in milliseconds since 1970. */
  readonly timeMs: number;
}

export interface Secret {
  readonly current: SecretValue;
  readonly old: SecretValue;
}

export type PolicyChange = 'done' | 'exists' | 'missing' | 'too-many' | 'too-large' | 'unwritable';

interface KeptValue {
  readonly value: string | null;
  readonly timeMs: number;
}
interface Kept {
  readonly accounts: Readonly<Record<Sid, readonly string[]>>;
  readonly secrets: Readonly<
    Record<string, { readonly current: KeptValue; readonly old: KeptValue }>
  >;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isKeptValue = (value: unknown): boolean =>
  isObject(value) &&
  typeof value.timeMs === 'number' &&
  (value.value === null || typeof value.value === 'string');

function parseKept(value: unknown): Kept | undefined {
  if (!isObject(value) || !isObject(value.accounts) || !isObject(value.secrets)) return undefined;
  const rightsOk = Object.entries(value.accounts).every(
    ([sid, rights]) =>
      parseSid(sid) !== undefined &&
      Array.isArray(rights) &&
      rights.every((one) => typeof one === 'string'),
  );
  const secretsOk = Object.values(value.secrets).every(
    (one) => isObject(one) && isKeptValue(one.current) && isKeptValue(one.old),
  );
  return rightsOk && secretsOk ? (value as unknown as Kept) : undefined;
}

const opened = ({ value, timeMs }: KeptValue): SecretValue => ({
  value: value === null ? undefined : Buffer.from(value, 'base64'),
  timeMs,
});

export class PolicyStore {
  readonly #kept: KeptRecord<Kept>;
  readonly #log: Logger;

  /** `path` undefined: nothing outlives the process. */
  constructor(path: string | undefined, log: Logger) {
    this.#log = log;
    this.#kept = new KeptRecord<Kept>({
      path,
      initial: { accounts: {}, secrets: {} },
      parse: parseKept,
      log,
    });
  }

  /** In an order that stays while nothing changes. */
  accounts(): Sid[] {
    const others = Object.keys(this.#kept.value.accounts) as Sid[];
    return [BUILTIN_ADMINISTRATORS, ...others.filter((sid) => sid !== BUILTIN_ADMINISTRATORS)];
  }

  hasAccount(sid: Sid): boolean {
    return sid === BUILTIN_ADMINISTRATORS || Object.hasOwn(this.#kept.value.accounts, sid);
  }

  privilegesOf(sid: Sid): readonly string[] {
    const { accounts } = this.#kept.value;
    if (Object.hasOwn(accounts, sid)) return accounts[sid]!;
    return sid === BUILTIN_ADMINISTRATORS ? OF_ADMINISTRATORS : [];
  }

  /** Of whoever is all of these. */
  holds(sids: readonly Sid[], privilege: string): boolean {
    return sids.some((sid) => this.privilegesOf(sid).includes(privilege));
  }

  /** Bits of dtyp/access-check.ts. */
  filePrivilegesOf(sids: readonly Sid[]): number {
    let bits = 0;
    for (const sid of sids) {
      for (const name of this.privilegesOf(sid)) bits |= privilegeByName(name)?.ofFiles ?? 0;
    }
    return bits & ALL_FILE_PRIVILEGES;
  }

  createAccount(sid: Sid, by: string): PolicyChange {
    if (this.hasAccount(sid)) return 'exists';
    return this.#setRights(sid, [], by);
  }

  removeAccount(sid: Sid, by: string): PolicyChange {
    const { accounts, secrets } = this.#kept.value;
    if (sid === BUILTIN_ADMINISTRATORS) return this.#setRights(sid, [], by);
    if (!Object.hasOwn(accounts, sid)) return 'missing';
    const rest = Object.fromEntries(Object.entries(accounts).filter(([other]) => other !== sid));
    const change = this.#replace({ accounts: rest, secrets });
    if (change === 'done') this.#log.info('an account has no rights any more', { sid, by });
    return change;
  }

  /** Makes the account where there is none. */
  addPrivileges(sid: Sid, names: readonly string[], by: string): PolicyChange {
    return this.#setRights(sid, [...new Set([...this.privilegesOf(sid), ...names])], by);
  }

  removePrivileges(sid: Sid, names: readonly string[], by: string): PolicyChange {
    if (!this.hasAccount(sid)) return 'missing';
    return this.#setRights(
      sid,
      this.privilegesOf(sid).filter((name) => !names.includes(name)),
      by,
    );
  }

  #setRights(sid: Sid, rights: readonly string[], by: string): PolicyChange {
    const { accounts, secrets } = this.#kept.value;
    const isNew = !Object.hasOwn(accounts, sid);
    if (isNew && Object.keys(accounts).length >= MAX_ACCOUNTS) return 'too-many';
    const change = this.#replace({ accounts: { ...accounts, [sid]: rights }, secrets });
    if (change === 'done') this.#log.info('an account has other rights', { sid, rights, by });
    return change;
  }

  secret(name: string): Secret | undefined {
    const { secrets } = this.#kept.value;
    if (!Object.hasOwn(secrets, name)) return undefined;
    const { current, old } = secrets[name]!;
    return { current: opened(current), old: opened(old) };
  }

  createSecret(name: string, nowMs: number): PolicyChange {
    if (this.secret(name) !== undefined) return 'exists';
    const { secrets } = this.#kept.value;
    if (Object.keys(secrets).length >= MAX_SECRETS) return 'too-many';
    const nothing = { value: null, timeMs: nowMs };
    return this.#setSecret(name, { current: nothing, old: nothing });
  }

  /** MS-LSAD 3.1.4.6.3: without an old value the current one becomes it. */
  setSecret(
    name: string,
    { current, old }: { readonly current: Buffer | undefined; readonly old: Buffer | undefined },
    nowMs: number,
  ): PolicyChange {
    const { secrets } = this.#kept.value;
    if (!Object.hasOwn(secrets, name)) return 'missing';
    if ([current, old].some((one) => (one?.length ?? 0) > MAX_SECRET_BYTES)) return 'too-large';
    const kept = (value: Buffer | undefined) => ({
      value: value?.toString('base64') ?? null,
      timeMs: nowMs,
    });
    return this.#setSecret(name, {
      current: kept(current),
      old: old === undefined ? secrets[name]!.current : kept(old),
    });
  }

  removeSecret(name: string): PolicyChange {
    const { accounts, secrets } = this.#kept.value;
    if (!Object.hasOwn(secrets, name)) return 'missing';
    const rest = Object.fromEntries(Object.entries(secrets).filter(([other]) => other !== name));
    return this.#replace({ accounts, secrets: rest });
  }

  #setSecret(name: string, secret: Kept['secrets'][string]): PolicyChange {
    const { accounts, secrets } = this.#kept.value;
    return this.#replace({ accounts, secrets: { ...secrets, [name]: secret } });
  }

  #replace(kept: Kept): PolicyChange {
    return this.#kept.replace(kept) ? 'done' : 'unwritable';
  }
}
