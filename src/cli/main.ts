/** The commands of bin/: each takes its arguments and answers with the exit status. */
import { Command, CommanderError } from 'commander';
import { LockedError } from '../base/file-lock.ts';
import { SetupError } from '../base/setup-error.ts';
import { StateError } from '../base/state-directory.ts';
import { version } from '../base/version.ts';
import { ProblemsError } from '../config/problem.ts';
import { addUserCommand } from './adduser.ts';
import { closeCommand, kickCommand } from './close.ts';
import { CommandError } from './command-error.ts';
import { completionCommand } from './completion.ts';
import { valuesCommand } from './completion-values.ts';
import { controlCommand, reloadCommand } from './control.ts';
import { groupCommand } from './group.ts';
import { manualCommand } from './manual.ts';
import { mountdCommand } from './mountd.ts';
import { serveCommand } from './serve.ts';
import { addShareCommand, shareCommand } from './share.ts';
import { statusCommand } from './status.ts';
import { testparmCommand } from './testparm.ts';
import { userCommand } from './user.ts';

const EXAMPLES = `
Examples:
  usmbd serve ~/files                    share a folder; prints how to reach it
  usmbd serve --config usmbd.conf        serve what a configuration names
  usmbd testparm usmbd.conf              check it, and print what it comes to
  usmbd adduser -a ann                   add an account for such a configuration
  usmbd share add pub -o "path = /srv"   add a share to it
  usmbd status                           who is connected, and what they have open
  usmbd kick --user ann                  end her sessions; "usmbd close" closes one file
  usmbd reload                           take what has changed in the configuration
  usmbd help serve                       all options of a command`;

function usmbdCommand(): Command {
  return new Command('usmbd')
    .description('SMB 2 and 3 file server')
    .version(version(), '-V, --version')
    .addCommand(serveCommand())
    .addCommand(testparmCommand())
    .addCommand(mountdCommand())
    .addCommand(addUserCommand('adduser'))
    .addCommand(userCommand())
    .addCommand(groupCommand())
    .addCommand(addShareCommand('addshare'))
    .addCommand(shareCommand())
    .addCommand(statusCommand())
    .addCommand(closeCommand())
    .addCommand(kickCommand())
    .addCommand(reloadCommand())
    .addCommand(controlCommand('control'))
    .addCommand(completionCommand(usmbdCommand))
    .addCommand(manualCommand(usmbdCommand))
    .addCommand(valuesCommand(), { hidden: true })
    .addHelpText('after', EXAMPLES);
}

export type CommandName = 'usmbd' | 'adduser' | 'addshare' | 'control' | 'mountd';

export const commands: Readonly<Record<CommandName, (argv: readonly string[]) => Promise<number>>> =
  {
    usmbd: (argv) => run(usmbdCommand(), argv),
    adduser: (argv) =>
      run(addUserCommand('usmbd.adduser').version(version(), '-V, --version'), argv),
    addshare: (argv) =>
      run(addShareCommand('usmbd.addshare').version(version(), '-V, --version'), argv),
    control: (argv) =>
      run(controlCommand('usmbd.control').version(version(), '-V, --version'), argv),
    mountd: (argv) => run(mountdCommand('usmbd.mountd').version(version(), '-V, --version'), argv),
  };

/** ksmbd's tools exit with 0 or 1; `status` has a 3 of its own. */
async function run(command: Command, argv: readonly string[]): Promise<number> {
  for (const each of withSubcommands(command)) {
    each.exitOverride().showHelpAfterError('("--help" tells more)');
  }
  try {
    await command.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    process.stderr.write(`${messageOf(command.name(), error)}\n`);
    return error instanceof CommandError ? error.exitStatus : 1;
  }
}

const withSubcommands = (command: Command): Command[] => [
  command,
  ...command.commands.flatMap(withSubcommands),
];

function messageOf(name: string, error: unknown): string {
  const mendable =
    error instanceof CommandError ||
    error instanceof ProblemsError ||
    error instanceof SetupError ||
    error instanceof StateError;
  const hint = mendable && error.cause instanceof LockedError ? ' (--state FOLDER)' : '';
  if (mendable) return `${name}: ${error.message}${hint}`;
  return `${name}: a bug: ${error instanceof Error ? error.stack : String(error)}`;
}
