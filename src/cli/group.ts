/** `usmbd group list`: the groups of the server's own, and who is in them and in the built-in ones. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { defaultStatePath } from '../base/state-directory.ts';
import { groupsIn } from '../mountd/group-list.ts';
import { print, printJson } from './output.ts';

interface GroupFlags {
  readonly state?: string;
  readonly json?: true;
}

const NOTES = `
Administrators make, fill and remove them at a running server, from any machine:
  net rpc group add music -L -S SERVER -U ann
  net rpc group addmem music bob -S SERVER -U ann
Administrators are root, "admin users" of [global], and the members of Administrators. A share's lists name such a group
as they name one of the system: "valid users = @music".

Example:
  usmbd group list --json | jq -r '.groups[] | select(.name == "Administrators") | .members[]'`;

export function groupCommand(): Command {
  const group = new Command('group').description("list the server's own groups and their members");
  group
    .command('list')
    .description('list them, and built-in ones that somebody was put into')
    .option('--state <folder>', "the server's state folder, as given to usmbd serve")
    .option('--json', 'print them as JSON')
    .action(list);
  return group.addHelpText('after', NOTES);
}

function list(flags: GroupFlags): Promise<void> {
  const groups = groupsIn(resolve(flags.state ?? defaultStatePath()));
  if (flags.json) return printJson({ groups });
  if (groups.length === 0) {
    return print('there are no groups but those of the system; "usmbd group --help" tells more\n');
  }
  const widest = Math.max(...groups.map(({ name }) => name.length));
  const lines = groups.map(
    ({ name, members }) => `${name.padEnd(widest)}  ${members.join(', ') || 'nobody'}`,
  );
  return print(`${lines.join('\n')}\n`);
}
