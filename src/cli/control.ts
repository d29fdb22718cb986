/** `usmbd control`: ksmbd.control's options, on a running server; `usmbd reload` is the one of them that is used most. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { DEBUG_COMPONENTS, type DebugComponent } from '../base/log.ts';
import { defaultStatePath, serverProcess } from '../base/state-directory.ts';
import { configurationText } from '../config/configuration.ts';
import { loadConfiguration } from '../config/load.ts';
import { readUserDatabase } from '../config/user-db.ts';
import type { About, ReloadReport } from '../ipc/administration.ts';
import type { ControlClient } from '../ipc/control-client.ts';
import { collect, statusOf } from '../ipc/status.ts';
import { CommandError } from './command-error.ts';
import { print, printJson } from './output.ts';
import { withServer } from './running-server.ts';
import { statusText } from './status-text.ts';

interface ControlFlags {
  readonly shutdown?: true;
  readonly reload?: true;
  readonly list?: true;
  readonly debug?: string | true;
  readonly ksmbdVersion?: true;
  readonly json?: true;
  readonly state?: string;
}

const NOTES = `
-r reads the configuration again. What it allows as before goes on undisturbed; what it does not allow any more
ends: connections, tree connects, files that are open for writing in a share that is read-only now. Of each
parameter that differs it is said whether it counts now, for new connections, or after a restart. A file with an
error changes nothing. SIGHUP does the same; its report stands in the log.

-d COMPONENT switches its debug output on, or off again, in all processes of the server; without a component
the list is shown, those that are on in brackets. A line each:

  smb     an answer: its status, user, share and file, and requests that are malformed
  auth    a login, and why one is refused
  vfs     an open with its rights, a rename, a deletion, a change of security
  oplock  an oplock or a lease: granted, broken, acknowledged
  ipc     a question of the data plane to mountd, and how long the answer took
  conn    a connection that comes, and why one goes
  rdma    what SMB Direct has agreed on

Examples:
  usmbd control -r                  take what has changed in the configuration and say what becomes of it
  usmbd control -d smb              log every request; once more ends it
  usmbd control -s                  end the server

Exit status: 0; 3 where no server is running with the state folder; 1 otherwise.`;

const STATE_OPTION = [
  '--state <folder>',
  "the server's state folder, as given to usmbd serve",
] as const;

export function controlCommand(name: string): Command {
  return new Command(name)
    .description('end or reload a running server, or switch its debug output')
    .option('-s, --shutdown', 'end the server, its clients in order')
    .option('-r, --reload', 'read the configuration again, for those who are connected, too')
    .option('-l, --list', 'show its configuration, accounts and sessions')
    .addOption(
      new Option(
        '-d, --debug [component]',
        `switch debug output: all, ${DEBUG_COMPONENTS.join(', ')}`,
      ).choices(['all', ...DEBUG_COMPONENTS]),
    )
    .option('-c, --ksmbd-version', 'show the version of the running server')
    .option('-v, --verbose', 'for the sake of ksmbd.control: nothing more is said')
    .option('--json', 'print the answer as JSON')
    .option(...STATE_OPTION)
    .addHelpText('after', NOTES)
    .action(control);
}

export function reloadCommand(): Command {
  return new Command('reload')
    .description('have a running server read its configuration again')
    .option('--json', 'print the report as JSON')
    .option(...STATE_OPTION)
    .addHelpText('after', '\nAs "usmbd control --reload", whose help tells more.')
    .action((flags: ControlFlags) => control({ ...flags, reload: true }));
}

async function control(flags: ControlFlags): Promise<void> {
  const statePath = resolve(flags.state ?? defaultStatePath());
  const asked = [flags.shutdown, flags.reload, flags.list, flags.debug, flags.ksmbdVersion];
  if (asked.filter((one) => one !== undefined).length !== 1) {
    throw new CommandError('say one of -s, -r, -l, -d and -c; "usmbd help control" tells more');
  }
  const tell: Tell = (text, value) => (flags.json ? printJson(value) : print(text));
  if (flags.shutdown) return shutDown(statePath, tell);
  if (flags.reload) {
    const report = await withServer(statePath, (server) => server.administration.reload());
    await tell(reportText(report), report);
    if (!report.done) throw new CommandError(flags.json ? 'nothing has changed' : whyNot(report));
    return;
  }
  await withServer(statePath, async (server) => {
    if (flags.list) return list(server, tell);
    const about = await server.administration.about();
    if (flags.ksmbdVersion) return tell(`usmbd ${about.version}\n`, about);
    const debug = toggled(about.debug, flags.debug);
    if (typeof flags.debug === 'string') await server.administration.setDebug(debug);
    await tell(`${componentsText(debug)}\n`, { debug });
  });
}

type Tell = (text: string, value: object) => Promise<void>;

/** How long a server may take to see its clients off. */
const END_LIMIT_MS = 15_000;
const LOOK_AGAIN_MS = 50;

async function shutDown(statePath: string, tell: Tell): Promise<void> {
  const pid = await withServer(statePath, async ({ administration }) => {
    const { processId } = await administration.about();
    await administration.shutDown();
    return processId;
  });
  const until = performance.now() + END_LIMIT_MS;
  while (serverProcess(statePath) === pid) {
    if (performance.now() > until) {
      throw new CommandError(`the server, process ${pid}, has not ended yet; its log says why`);
    }
    await sleep(LOOK_AGAIN_MS);
  }
  await tell(`the server, process ${pid}, has ended\n`, { ended: pid });
}

function reportText({ done, changes, warnings }: ReloadReport): string {
  if (!done) return '';
  const lines = [...warnings, ...changes, ...(changes.length === 0 ? ['nothing has changed'] : [])];
  return `${lines.join('\n')}\n`;
}

const whyNot = ({ problems }: ReloadReport): string =>
  `the server goes on as before, since its configuration cannot be used:\n${problems.join('\n')}`;

/** ksmbd's: `all` switches all on, and all off where they are on. */
function toggled(on: About['debug'], which: string | true | undefined): DebugComponent[] {
  if (which === 'all') return on.length === DEBUG_COMPONENTS.length ? [] : [...DEBUG_COMPONENTS];
  return DEBUG_COMPONENTS.filter((component) => on.includes(component) !== (component === which));
}

/** As the original shows them. */
const componentsText = (on: readonly DebugComponent[]): string =>
  DEBUG_COMPONENTS.map((name) => (on.includes(name) ? `[${name}]` : name)).join(' ');

async function list(server: ControlClient, tell: Tell): Promise<void> {
  const about = await server.administration.about();
  const { configurationFile, userDatabase } = about;
  const collected = await collect(server, {});
  const accounts = userDatabase === undefined ? [] : readUserDatabase(userDatabase).names;
  const text = [
    `# ${configurationFile ?? 'a folder, without a configuration'}`,
    ...(configurationFile === undefined
      ? []
      : [configurationText(loadConfiguration(configurationFile).configuration)]),
    `# accounts of ${userDatabase ?? 'the command line'}`,
    ...accounts,
    '',
    statusText(collected, { connections: true, now: Date.now() }),
  ];
  const value = {
    ...about,
    ...(configurationFile !== undefined && {
      configuration: readFileSync(configurationFile, 'utf8'),
    }),
    accounts,
    status: statusOf(collected),
  };
  await tell(text.join('\n'), value);
}
