/** `usmbd user list`: the accounts of a user database, and which logins have failed. `usmbd user unlock` forgets those. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { defaultStatePath } from '../base/state-directory.ts';
import { defaultUserDatabasePath } from '../config/paths.ts';
import { readUserDatabase } from '../config/user-db.ts';
import type { LoginFailure } from '../ipc/administration.ts';
import { ControlError, connectControl } from '../ipc/control-client.ts';
import { readSystemAccounts } from '../mountd/system-accounts.ts';
import { CommandError } from './command-error.ts';
import { print, printJson } from './output.ts';
import { withServer } from './running-server.ts';

interface UserFlags {
  readonly pwddb?: string;
  readonly state?: string;
  readonly json?: true;
}

interface UnlockFlags {
  readonly address?: string;
  readonly all?: true;
  readonly state?: string;
  readonly json?: true;
}

const NOTES = `
"usmbd adduser" adds, changes and removes accounts. Failed logins are those that a running server has seen since the
last good one of the same user from the same address. The answer to each is held for up to 5 seconds, and from the tenth
on that user waits for a turn there, whatever the password; who tries many names waits with all of them, but for users
who have logged in from there before. Everybody else is let in at once, and a minute without a failure ends it. An account
is locked out, for everybody, only where an administrator has set a threshold; unlock ends that, too.

Examples:
  usmbd user list --json | jq -r '.failures[] | select(.failures > 9) | .address'
  usmbd user unlock ann               ann waits nowhere any more
  usmbd user unlock --address 192.0.2.7`;

export function userCommand(): Command {
  const user = new Command('user').description(
    'list accounts and the logins that failed, and have those forgotten',
  );
  user
    .command('list')
    .description('list them')
    .option(
      '-P, --pwddb <file>',
      "user database; that of the running server, or the state folder's",
    )
    .option('--state <folder>', "the server's state folder, as given to usmbd serve")
    .option('--json', 'print them as JSON')
    .action(list);
  user
    .command('unlock')
    .description('forget failed logins of a running server, so that they delay and lock out nobody')
    .argument('[user]', 'whose')
    .option('--address <address>', 'only those from this address')
    .option('--all', "everybody's")
    .option('--state <folder>', "the server's state folder, as given to usmbd serve")
    .option('--json', 'print how many there were as JSON')
    .action(unlock);
  return user.addHelpText('after', NOTES);
}

async function list(flags: UserFlags): Promise<void> {
  const statePath = resolve(flags.state ?? defaultStatePath());
  const { failures, userDatabase } = await askServer(statePath);
  const file = flags.pwddb ?? userDatabase ?? defaultUserDatabasePath(statePath);
  if (!existsSync(file)) {
    throw new CommandError(`there is no user database ${file}; "usmbd adduser -a NAME" makes one`);
  }
  const { names } = readUserDatabase(file);
  const system = readSystemAccounts();
  const users = names.map((name) => ({ name, uid: system.uidByName(name) ?? null }));
  const told = failures.map(({ lastMs, ...rest }) => ({
    ...rest,
    last: new Date(lastMs).toISOString(),
  }));
  if (flags.json) return printJson({ userDatabase: file, users, failures: told });
  const widest = Math.max(4, ...names.map((name) => name.length));
  const lines = users.map(
    ({ name, uid }) => `${name.padEnd(widest)}  ${uid === null ? 'no system user' : `uid ${uid}`}`,
  );
  if (told.length > 0) lines.push('', 'Failed logins:');
  for (const { user, address, failures: count, last, waitMs, lockedOut } of told) {
    const waits = waitMs === 0 ? '' : `; the next one waits ${Math.ceil(waitMs / 1000)} s`;
    const locked = lockedOut ? '; locked out' : '';
    lines.push(
      `${JSON.stringify(user)} from ${address}: ${count}, the last at ${last}${waits}${locked}`,
    );
  }
  return print(`${lines.join('\n')}\n`);
}

async function unlock(user: string | undefined, flags: UnlockFlags): Promise<void> {
  const { address, all } = flags;
  if ((user === undefined && address === undefined) !== (all === true)) {
    throw new CommandError('name a user, an address with --address, or --all');
  }
  const statePath = resolve(flags.state ?? defaultStatePath());
  const forgotten = await withServer(statePath, ({ administration }) =>
    administration.forgetLoginFailures({ user, address }),
  );
  if (flags.json) return printJson({ forgotten });
  return print(`failed logins forgotten: ${forgotten}\n`);
}

/** Without a server nothing has failed. */
async function askServer(
  statePath: string,
): Promise<{ failures: readonly LoginFailure[]; userDatabase?: string | undefined }> {
  try {
    const server = await connectControl(statePath);
    try {
      const { userDatabase } = await server.administration.about();
      return { failures: await server.administration.loginFailures(), userDatabase };
    } finally {
      server.close();
    }
  } catch (error) {
    if (error instanceof ControlError) return { failures: [] };
    throw error;
  }
}
