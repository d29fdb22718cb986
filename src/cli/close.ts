/** `usmbd close` and `usmbd kick`: what an administrator ends of a running server (MS-SMB2 3.3.4.12, 3.3.4.17). */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { defaultStatePath } from '../base/state-directory.ts';
import type { DataPlane, SessionRecord } from '../ipc/data-plane.ts';
import { collect } from '../ipc/status.ts';
import { CommandError } from './command-error.ts';
import { print, printJson } from './output.ts';
import { withServer } from './running-server.ts';

interface StateFlag {
  readonly state?: string;
  readonly json?: true;
}

interface KickFlags extends StateFlag {
  readonly user?: string;
  readonly address?: string;
}

const STATE_OPTION = [
  '--state <folder>',
  "the server's state folder, as given to usmbd serve",
] as const;

const JSON_OPTION = ['--json', 'print what was closed, and what was not there, as JSON'] as const;

const CLOSE_NOTES = `
An open is named as "usmbd status" shows it. What its client has not written yet is lost; the client finds
the file closed at its next request, and may open it again.

Examples:
  usmbd close 1fb0dc706d2d
  usmbd status --json --share photos | jq -r '.opens[].openId' | xargs usmbd close`;

const KICK_NOTES = `
A session is named as "usmbd status" shows it. Its files are closed, and none of them is kept for its client;
most clients log on again at once, so change the account or the share first to keep somebody out.

Examples:
  usmbd kick 9f3a01bc
  usmbd kick --user ann
  usmbd kick --address 192.0.2.7`;

export function closeCommand(): Command {
  return new Command('close')
    .description('close open files of a running server')
    .argument('<open...>', 'as "usmbd status" shows it')
    .option(...STATE_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', CLOSE_NOTES)
    .action(async (texts: string[], flags: StateFlag) => {
      const ids = texts.map((text) => idOf(text, 'open'));
      await withServer(statePathOf(flags), (server) =>
        endAll({ ids, texts, what: 'open', ...flags }, (id) => server.closeOpen(id)),
      );
    });
}

export function kickCommand(): Command {
  return new Command('kick')
    .description('end sessions of a running server')
    .argument('[session...]', 'as "usmbd status" shows it')
    .option('--user <name>', 'all sessions of this user')
    .option('--address <address>', 'all sessions from this address')
    .option(...STATE_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', KICK_NOTES)
    .action(async (texts: string[], flags: KickFlags) => {
      const { user, address } = flags;
      const byName = user !== undefined || address !== undefined;
      if (byName === texts.length > 0) {
        throw new CommandError('name either sessions, or whose they are with --user or --address');
      }
      const ids = texts.map((text) => idOf(text, 'session'));
      await withServer(statePathOf(flags), async (server) => {
        const close = (id: number) => server.closeSession(id);
        if (!byName) return endAll({ ids, texts, what: 'session', ...flags }, close);
        const found = await sessionsOf(server, flags);
        if (found.length === 0) throw new CommandError(nobody(flags));
        return endAll({ ids: found, texts: found.map(hex), what: 'session', ...flags }, close);
      });
    });
}

const nobody = ({ user, address }: KickFlags): string =>
  `no session${user === undefined ? '' : ` of ${user}`}${address === undefined ? '' : ` from ${address}`}`;

const hex = (id: number): string => id.toString(16);
const statePathOf = ({ state }: StateFlag): string => resolve(state ?? defaultStatePath());

function idOf(text: string, what: string): number {
  const id = /^[0-9a-f]{1,13}$/i.test(text) ? Number.parseInt(text, 16) : Number.NaN;
  if (!Number.isSafeInteger(id)) {
    throw new CommandError(`"${text}" is no ${what}; "usmbd status" shows which there are`);
  }
  return id;
}

async function sessionsOf(server: DataPlane, { user, address }: KickFlags): Promise<number[]> {
  const { sessions } = await collect(server, user === undefined ? {} : { user });
  const isFrom = ({ channels }: SessionRecord): boolean =>
    address === undefined || channels.some((channel) => channel.address === address);
  return sessions.filter(isFrom).map(({ sessionId }) => sessionId);
}

interface Ending {
  readonly ids: readonly number[];
  readonly texts: readonly string[];
  readonly what: string;
  readonly json?: true;
}

/** Each is tried; those that are not there are told at the end. */
async function endAll(
  { ids, texts, what, json }: Ending,
  end: (id: number) => Promise<boolean>,
): Promise<void> {
  const closed: string[] = [];
  const missing: string[] = [];
  for (const [i, id] of ids.entries()) ((await end(id)) ? closed : missing).push(texts[i]!);
  if (json) await printJson({ closed, missing });
  else if (closed.length > 0)
    await print(`${closed.length} ${what}${closed.length === 1 ? '' : 's'} closed\n`);
  if (missing.length > 0) throw new CommandError(`no such ${what}: ${missing.join(', ')}`);
}
