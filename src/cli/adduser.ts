/** `usmbd adduser`: ksmbd.adduser's options and behaviour on its user database. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { ntHash } from '../auth/ntlm-crypto.ts';
import { SILENT_LOGGER } from '../base/log.ts';
import { defaultStatePath } from '../base/state-directory.ts';
import type { Configuration } from '../config/configuration.ts';
import { loadConfiguration } from '../config/load.ts';
import { defaultConfigurationPath, defaultUserDatabasePath } from '../config/paths.ts';
import { problemText } from '../config/problem.ts';
import {
  editUserDatabase,
  isUserName,
  readUserDatabase,
  USER_NAME_EXPECTED,
  UserDatabase,
} from '../config/user-db.ts';
import {
  cleartextFault,
  DOMAIN_POLICY_FILE,
  type DomainPolicy,
  DomainPolicyStore,
} from '../mountd/domain-policy.ts';
import { readSystemAccounts } from '../mountd/system-accounts.ts';
import { CommandError } from './command-error.ts';
import { checkPassword } from './password.ts';
import { promptNewPassword } from './prompt.ts';

interface AddUserFlags {
  readonly add?: true;
  readonly update?: true;
  readonly delete?: true;
  readonly password?: string;
  readonly config?: string;
  readonly pwddb?: string;
  readonly state?: string;
  readonly verbose?: true;
}

const EXAMPLES = `
Examples:
  usmbd adduser -a ann               add ann; asks for the password
  usmbd adduser -u ann               give ann another password
  usmbd adduser -d ann               remove ann
  printf 'secret\\nsecret\\n' | usmbd adduser -a ann
                                     take the password from a pipe, twice as from a terminal

With none of -a, -u and -d the account is added or, where it is there, updated.
A running server takes changes at the next login; who is logged in stays so.
What administrators ask of passwords there (their length, for one) counts here, too.`;

export function addUserCommand(name: string): Command {
  return new Command(name)
    .description('add, update or delete an account in the user database')
    .argument('<user>', 'name of the account')
    .addOption(new Option('-a, --add', 'add the account').conflicts(['update', 'delete']))
    .addOption(new Option('-u, --update', 'update its password').conflicts('delete'))
    .option('-d, --delete', 'delete the account')
    .option(
      '-p, --password <password>',
      'the password (others may see it; without, it is asked for)',
    )
    .option(
      '-C, --config <file>',
      'configuration that may need the account',
      defaultConfigurationPath(),
    )
    .option('-P, --pwddb <file>', 'user database', defaultUserDatabasePath())
    .option('--state <folder>', "the server's state folder, which has the rules of passwords")
    .option('-v, --verbose', 'say what is done')
    .addHelpText('after', EXAMPLES)
    .action((user: string, flags: AddUserFlags, command: Command) =>
      addUser(user, flags, command.getOptionValueSource('config') === 'cli'),
    );
}

async function addUser(user: string, flags: AddUserFlags, configNamed: boolean): Promise<void> {
  if (!isUserName(user)) throw new CommandError(`bad user name; expected ${USER_NAME_EXPECTED}`);
  const { config, pwddb } = flags as Required<AddUserFlags>;
  // Only a deletion can break what a configuration names.
  const needed = configNamed || (flags.delete && existsSync(config));
  const configuration = needed ? loadConfiguration(config) : undefined;
  for (const warning of configuration?.warnings ?? []) say(flags, problemText(warning));
  if (flags.delete) {
    deleteUser(user, pwddb, configuration?.configuration);
    say(flags, `deleted ${user} from ${pwddb}`);
    return;
  }
  // What is wrong is said before a password is asked for, and looked at again under the lock.
  checkPresence(
    user,
    pwddb,
    existsSync(pwddb) ? readUserDatabase(pwddb) : new UserDatabase(),
    flags,
  );
  const policy = policyIn(resolve(flags.state ?? defaultStatePath()));
  const password = checkPassword(flags.password ?? (await promptNewPassword(user)));
  checkRules(user, password, policy);
  mkdirSync(dirname(pwddb), { recursive: true, mode: 0o700 });
  editUserDatabase(
    pwddb,
    (database) => {
      checkPresence(user, pwddb, database, flags);
      database.set(user, ntHash(password));
    },
    { historyLength: policy.passwordHistoryLength },
  );
  say(flags, `wrote ${user} to ${pwddb}`);
  if (process.getuid?.() === 0 && readSystemAccounts().userByName(user) === undefined) {
    say(
      { verbose: true },
      `note: the system has no user ${user}; only shares with "force user" will let it in`,
    );
  }
}

/** What administrators have set at the server: a new password has to keep to it, whoever sets it. */
function policyIn(statePath: string): DomainPolicy {
  const file = join(statePath, DOMAIN_POLICY_FILE);
  const store = new DomainPolicyStore(file, SILENT_LOGGER);
  const { policy } = store;
  if (!store.isDamaged) return policy;
  throw new CommandError(
    `${file}, which has the rules of passwords, cannot be read; restore it, or remove it to have none`,
  );
}

/** As MS-SAMR 3.1.1.7 has it of an administrator: length and complexity count, age and history do not. */
function checkRules(user: string, password: string, policy: DomainPolicy): void {
  switch (cleartextFault(policy, user, password)) {
    case 'too-short':
      throw new CommandError(
        `a password has at least ${policy.minPasswordLength} characters: so administrators have set it at this server`,
      );
    case 'not-complex':
      throw new CommandError(
        `a password has three of capitals, small letters, digits, letters of other alphabets and signs, and not ${user}'s name in it: so administrators have set it at this server`,
      );
    case undefined:
  }
}

function checkPresence(
  user: string,
  file: string,
  database: UserDatabase,
  { add, update }: AddUserFlags,
): void {
  const found = database.find(user)?.name;
  if (update && !database.has(user)) {
    throw new CommandError(`${file} has no ${user}; -a adds an account`);
  }
  // Clients do not tell names apart by case, so two such accounts would shut each other out.
  if (found !== undefined && (add || found !== user)) {
    throw new CommandError(`${file} has ${found} already; -u updates an account`);
  }
}

function deleteUser(user: string, file: string, configuration: Configuration | undefined): void {
  const needed = configuration === undefined ? undefined : whatNeeds(user, configuration);
  if (needed !== undefined) {
    throw new CommandError(`${user} is ${needed}; take it from there first`);
  }
  if (!existsSync(file)) throw new CommandError(`${file} has no ${user}`);
  editUserDatabase(file, (database) => {
    if (!database.delete(user)) throw new CommandError(`${file} has no ${user}`);
  });
}

function whatNeeds(user: string, { global, shares }: Configuration): string | undefined {
  if (global.mapToGuest !== 'never' && global.guestAccount === user) return 'the guest account';
  for (const share of shares) {
    const lists = [
      ['valid users', share.validUsers],
      ['read list', share.readList],
      ['write list', share.writeList],
      ['invalid users', share.invalidUsers],
      ['admin users', share.adminUsers],
    ] as const;
    for (const [name, list] of lists) {
      const named = list.some((principal) => principal.kind === 'user' && principal.name === user);
      if (named) return `in "${name}" of share [${share.name}]`;
    }
    if (share.guestAccount === user) return `the guest account of share [${share.name}]`;
  }
  return undefined;
}

function say(flags: AddUserFlags, text: string): void {
  if (flags.verbose) process.stderr.write(`usmbd adduser: ${text}\n`);
}
