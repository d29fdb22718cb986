/** `usmbd status`: what a running server serves to whom, as smbstatus and ksmbd.control tell it. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { defaultStatePath } from '../base/state-directory.ts';
import { type Collected, collect, statusOf } from '../ipc/status.ts';
import { print } from './output.ts';
import { withServer } from './running-server.ts';
import { statusText } from './status-text.ts';

interface StatusFlags {
  readonly json?: true;
  readonly user?: string;
  readonly share?: string;
  readonly ranges?: true;
  readonly connections?: true;
  readonly state?: string;
}

const NOTES = `
Access and sharing are R (read), W (write), D (delete or rename). Caching is an oplock (II,
exclusive, batch), or a lease (of R, W, H for the handle, with its epoch); an arrow
points to what a break leaves that its client has not acknowledged yet.

Examples:
  usmbd status                       sessions, shares and open files
  usmbd status --user ann --ranges   what ann has open, with the bytes that she locks
  usmbd status --json | jq -r '.opens[] | select(.locks > 0) | .path'
  sudo usmbd status                  of a server that root started

Exit status: 0; 3 where no server is running with the state folder; 1 otherwise.`;

export function statusCommand(): Command {
  return new Command('status')
    .description('show who is connected to a running server, and what they have open')
    .option('--json', 'print everything as JSON (docs/status.md describes it)')
    .option('--user <name>', 'only what this user has')
    .option('--share <name>', 'only what is in use of this share')
    .option('--ranges', 'list the byte ranges that are locked, too')
    .option('--connections', 'list connections, too, also those without a session')
    .option('--state <folder>', "the server's state folder, as given to usmbd serve")
    .addHelpText('after', NOTES)
    .action(async (flags: StatusFlags) => {
      const statePath = resolve(flags.state ?? defaultStatePath());
      const collected = await ask(statePath, flags);
      const text =
        flags.json === true
          ? `${JSON.stringify(statusOf(collected), undefined, 2)}\n`
          : statusText(collected, { connections: flags.connections === true, now: Date.now() });
      await print(text);
    });
}

function ask(statePath: string, flags: StatusFlags): Promise<Collected> {
  const { user, share } = flags;
  return withServer(statePath, (server) =>
    collect(server, {
      ranges: flags.ranges === true,
      ...(user !== undefined && { user }),
      ...(share !== undefined && { share }),
    }),
  );
}
