/** From flags, environment and files to what `usmbd serve` will do, before it does anything. */
import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, resolve } from 'node:path';
import { defaultStatePath } from '../base/state-directory.ts';
import { type Configuration, configure, hasPlaces } from '../config/configuration.ts';
import { loadConfiguration } from '../config/load.ts';
import { defaultUserDatabasePath } from '../config/paths.ts';
import { problemText } from '../config/problem.ts';
import { isShareName, SHARE_NAME_EXPECTED, toShareName } from '../config/share-name.ts';
import { isUserName, readUserDatabase, USER_NAME_EXPECTED } from '../config/user-db.ts';
import type { Account } from '../ipc/control-plane.ts';
import type { UserDatabaseInput } from '../mountd/account-directory.ts';
import { NOBODY } from '../mountd/identities.ts';
import { readSystemAccounts, type SystemAccounts } from '../mountd/system-accounts.ts';
import { CommandError, errorCode } from './command-error.ts';
import { checkPassword, makePassword, readPasswordFile } from './password.ts';

export type Identity = NonNullable<Account['identity']>;

export interface ServeFlags {
  readonly port?: number;
  readonly address?: string;
  readonly name?: string;
  readonly user?: string;
  readonly password?: string;
  readonly passwordFile?: string;
  readonly readOnly?: true;
  readonly config?: string;
  readonly pwddb?: string;
  readonly state?: string;
  readonly asRoot?: true;
}

export interface ServedUser {
  readonly name: string;
  readonly password: string;
  readonly identity?: Identity;
}

export interface ServePlan {
  /** What is served, for people. */
  readonly source: string;
  readonly configuration: Configuration;
  /** Where it was read; undefined: it comes from the command line. */
  readonly configurationFile: string | undefined;
  readonly users: readonly ServedUser[];
  /** The accounts are those of a file, which may change. */
  readonly userDatabase: UserDatabaseInput | undefined;
  /** Of all accounts. */
  readonly userNames: readonly string[];
  /** The one account that was made for this run, if its password has to be told. */
  readonly made: { readonly user: string; readonly password: string } | undefined;
  /** To try in turn. */
  readonly ports: readonly number[];
  readonly address: string | undefined;
  readonly statePath: string;
  readonly warnings: readonly string[];
}

/** What the process is started with. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly uid: number | undefined;
  readonly accounts: SystemAccounts;
}

export const surroundings = (): Surroundings => ({
  environment: process.env,
  uid: process.getuid?.(),
  accounts: readSystemAccounts(),
});

/** MS-SMB2 2.1: the port of SMB over TCP, which only root may listen on almost everywhere. */
export const SMB_PORT = 445;
export const UNPRIVILEGED_PORT = 4450;

export function planServe(
  folder: string | undefined,
  flags: ServeFlags,
  around: Surroundings = surroundings(),
): ServePlan {
  const statePath = resolve(flags.state ?? defaultStatePath(around.environment, around.uid));
  const plan =
    flags.config === undefined
      ? planFolder(resolve(folder ?? '.'), flags, around)
      : planConfiguration(folder, flags.config, flags, statePath, around);
  const configured = flags.port ?? plan.configuration.global.tcpPort;
  const ports = configured === undefined ? [SMB_PORT, UNPRIVILEGED_PORT] : [configured];
  return { ...plan, statePath, ports, address: flags.address };
}

type PlannedContent = Omit<ServePlan, 'statePath' | 'ports' | 'address'>;

function planFolder(path: string, flags: ServeFlags, around: Surroundings): PlannedContent {
  const stats = checkFolder(path);
  const name = flags.name ?? toShareName(basename(path));
  if (!isShareName(name)) {
    throw new CommandError(`bad share name "${name}"; expected ${SHARE_NAME_EXPECTED}`);
  }
  const identity = around.uid === 0 ? identityForRoot(stats, flags, around) : undefined;
  const share = { name, path, readOnly: flags.readOnly ?? false };
  const accounts = accountsForFolder(flags, identity, around);
  const configuration = configure({ shares: [share] });
  const warnings = identity === NOBODY ? [nobodyWarning(path, stats)] : [];
  return { source: path, configuration, configurationFile: undefined, ...accounts, warnings };
}

type PlannedAccounts = Pick<ServePlan, 'users' | 'userDatabase' | 'userNames' | 'made'>;

function accountsForFolder(
  flags: ServeFlags,
  identity: Identity | undefined,
  around: Surroundings,
): PlannedAccounts {
  const actingAs = identity === undefined ? {} : { identity };
  if (flags.pwddb !== undefined) {
    forbid(
      flags,
      ['user', 'password', 'passwordFile'],
      'goes with no --pwddb: accounts come from there',
    );
    return accountsOf(flags.pwddb, actingAs);
  }
  const name = flags.user ?? defaultUserName(identity, around);
  if (!isUserName(name)) {
    throw new CommandError(`bad user name "${name}"; expected ${USER_NAME_EXPECTED}`);
  }
  const given = givenPassword(flags, around.environment);
  const password = given ?? makePassword();
  const made = given === undefined ? { user: name, password } : undefined;
  const users = [{ name, password, ...actingAs }];
  return { users, userDatabase: undefined, userNames: [name], made };
}

function planConfiguration(
  folder: string | undefined,
  file: string,
  flags: ServeFlags,
  statePath: string,
  around: Surroundings,
): PlannedContent {
  if (folder !== undefined) {
    throw new CommandError('a folder or --config, not both: a configuration names its own folders');
  }
  const fault = 'goes with a folder, not with --config';
  forbid(flags, ['name', 'user', 'password', 'passwordFile', 'readOnly', 'asRoot'], fault);
  const configurationFile = resolve(file);
  const { configuration, warnings } = readServed(file, around.uid);
  if (configuration.shares.length === 0)
    throw new CommandError(`${file} has no share; add a section [NAME] with a path`);
  const accounts = accountsOf(flags.pwddb ?? defaultUserDatabasePath(statePath), {});
  return { source: file, configuration, configurationFile, ...accounts, warnings };
}

/** What a configuration says, its folders looked at; at the start, and again whenever it is reloaded. */
export function readServed(
  file: string,
  uid: number | undefined = process.getuid?.(),
): { readonly configuration: Configuration; readonly warnings: readonly string[] } {
  const { configuration, warnings } = loadConfiguration(file);
  const { shares } = configuration;
  for (const share of shares) {
    // Where it is for one client or another is seen when that one comes.
    if (!hasPlaces(share)) checkFolder(share.path, ` of share [${share.name}]`);
  }
  const texts = warnings.map(problemText);
  const forced = shares.filter(
    (share) => share.forceUser !== undefined || share.forceGroup !== undefined,
  );
  if (uid !== 0 && forced.length > 0) {
    const names = forced.map(({ name }) => `[${name}]`).join(', ');
    texts.push(`"force user" and "force group" of ${names} need root; files will be this user's`);
  }
  return { configuration, warnings: texts };
}

/** Looked at now, so that a server which nobody can log in to is not started. */
function accountsOf(file: string, actingAs: { readonly identity?: Identity }): PlannedAccounts {
  const { names } = readUserDatabase(file);
  if (names.length === 0) {
    throw new CommandError(`${file} has no account; "usmbd adduser -a NAME" adds one`);
  }
  const userDatabase = { file: resolve(file), ...actingAs };
  return { users: [], userDatabase, userNames: names, made: undefined };
}

function forbid(flags: ServeFlags, names: readonly (keyof ServeFlags)[], fault: string): void {
  const given = names.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  throw new CommandError(`--${given.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)} ${fault}`);
}

function checkFolder(path: string, of = ''): Stats {
  let stats: Stats;
  try {
    stats = statSync(path);
    if (stats.isDirectory()) accessSync(path, constants.R_OK | constants.X_OK);
  } catch (error) {
    const reasons: Record<string, string> = {
      ENOENT: 'does not exist; make it first',
      ENOTDIR: 'does not exist; make it first',
      EACCES: 'may not be read by this user; change its permissions, or serve as another user',
    };
    const reason = reasons[errorCode(error) ?? ''] ?? String(error);
    throw new CommandError(`the folder ${path}${of} ${reason}`, { cause: error });
  }
  if (!stats.isDirectory()) throw new CommandError(`${path}${of} is no folder`);
  return stats;
}

/** Whoever called sudo, else the folder's owner, else nobody; uid 0 only on request. */
function identityForRoot(
  stats: Stats,
  flags: ServeFlags,
  { environment, accounts }: Surroundings,
): Identity {
  if (flags.asRoot) return { uid: 0, gid: 0, groups: [] };
  const caller = Number(environment.SUDO_UID ?? 0);
  if (Number.isSafeInteger(caller) && caller > 0) {
    const gid = Number(environment.SUDO_GID ?? caller);
    return accounts.userById(caller)?.identity ?? { uid: caller, gid, groups: [] };
  }
  if (stats.uid === 0) return NOBODY;
  return accounts.userById(stats.uid)?.identity ?? { uid: stats.uid, gid: stats.gid, groups: [] };
}

function nobodyWarning(path: string, { mode }: Stats): string {
  const others =
    (mode & 0o002) !== 0 ? 'may write' : (mode & 0o005) === 0o005 ? 'may read' : 'may do nothing';
  return (
    `${path} belongs to root, so clients act as "nobody", who ${others} in it` +
    ' and can write only where everybody may; give it to a user (chown USER), or let clients act as root (--as-root)'
  );
}

function defaultUserName(identity: Identity | undefined, { accounts }: Surroundings): string {
  const name = identity === undefined ? ownName() : accounts.userById(identity.uid)?.name;
  const isPerson = name !== undefined && name !== 'root' && identity !== NOBODY;
  return isPerson && isUserName(name) ? name : 'usmbd';
}

/** The process may run under an id that nobody named. */
function ownName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

function givenPassword(flags: ServeFlags, environment: NodeJS.ProcessEnv): string | undefined {
  if (flags.password !== undefined && flags.passwordFile !== undefined) {
    throw new CommandError('--password or --password-file, not both');
  }
  if (flags.passwordFile !== undefined) return readPasswordFile(flags.passwordFile);
  const password = flags.password ?? environment.USMBD_PASSWORD;
  return password === undefined ? undefined : checkPassword(password);
}
