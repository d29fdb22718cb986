/** `usmbd serve`: one command, and a folder is shared. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { replaceFile } from '../base/atomic-file.ts';
import {
  createLogger,
  DEBUG_COMPONENTS,
  type DebugComponent,
  FORKER_PART,
  type Logger,
} from '../base/log.ts';
import { version } from '../base/version.ts';
import { type SortedSockets, sortSockets } from '../handed-sockets.ts';
import type { Listening, ServedSocket, Server, ServerOptions } from '../index.ts';
import type { Administration } from '../ipc/administration.ts';
import type { KeeperLink } from '../keeper/keeper-link.ts';
import { KEPT, shedCapabilities } from '../native/capabilities.ts';
import type { RemotePlane } from '../server-interface.ts';
import { CommandError, errorCode } from './command-error.ts';
import { becomeKeeper, keeperOfThisProcess, needsKeeper } from './keeper-start.ts';
import { handedSockets, takeHandedSockets } from './listen-fds.ts';
import { type MountdFlags, type RunningMountd, startMountd } from './mountd-start.ts';
import { connectHints, reachableHost } from './serve-hints.ts';
import {
  planServe,
  type ServeFlags,
  type ServePlan,
  SMB_PORT,
  UNPRIVILEGED_PORT,
} from './serve-plan.ts';
import { ServiceManager } from './service-manager.ts';
import { Steering } from './steering.ts';
import { untilEnded } from './until-ended.ts';

export type CreateServer = (
  options: ServerOptions,
  remote?: RemotePlane,
  administration?: Administration,
  keeper?: KeeperLink,
) => Server;

/** How long clients get to see the server off after the first signal. */
const CLOSE_LIMIT_MS = 10_000;

const EXAMPLES = `
Examples:
  usmbd serve ~/files                     share a folder read-write under a made-up password
  usmbd serve --read-only --name pub /srv/pub
  USMBD_PASSWORD=secret usmbd serve --user ann --port 4450 ~/files
  sudo usmbd serve ~/files                on port 445; files are made as you, not as root
  usmbd serve --as-root /root/files       as root: clients do what root may
  usmbd serve --config usmbd.conf --pwddb users.db

Started as root, clients act as whoever called sudo, else as the folder's owner, else,
where that is root, as nobody, who may write only where everybody may.

Sockets that systemd listens on and hands over (packaging/usmbd.socket) are taken in place of ports.

A password that was made up is shown on a terminal, and otherwise written to a
file that only you can read. USMBD_PASSWORD and --password-file keep yours out of the
list of processes.`;

export function serveCommand(): Command {
  return new Command('serve')
    .description('share a folder, or what a configuration names')
    .argument('[folder]', 'what to share; the current folder otherwise')
    .option(
      '--port <number>',
      `port to listen on (${SMB_PORT} if allowed, else ${UNPRIVILEGED_PORT})`,
      portNumber,
    )
    .option('--address <address>', 'address to listen on; all otherwise')
    .option('--name <share>', "name of the share; the folder's otherwise")
    .option('--user <name>', 'name of the account; yours otherwise')
    .option('--password <password>', 'its password (others may see it; see below)')
    .option('--password-file <file>', 'file whose first line is its password')
    .option('--read-only', 'let clients change nothing')
    .option('--config <file>', 'serve what this configuration names, not a folder')
    .option('--pwddb <file>', 'accounts, as "usmbd adduser" writes them')
    .option('--state <folder>', "server's identity and accounts, kept over restarts")
    .option('--as-root', 'started as root: let clients act as root in the folder')
    .addOption(
      new Option(
        '--debug <components>',
        `log more, comma-separated: all, ${DEBUG_COMPONENTS.join(', ')}`,
      ).argParser(debugComponents),
    )
    .addHelpText('after', EXAMPLES)
    .action(serveFlags);
}

/** What the command does. */
export async function serveFlags(
  folder: string | undefined,
  flags: ServeFlags & { readonly debug?: readonly DebugComponent[] },
): Promise<void> {
  const handed = handedSockets(process.env).map(({ fd }) => fd);
  const unshed = process.platform === 'linux' ? shedCapabilities(KEPT, handed) : undefined;
  const given = takeHandedSockets(process.env);
  process.title = FORKER_PART;
  const format = process.stderr.isTTY ? 'text' : 'json';
  const debug = new Set(flags.debug);
  const log = createLogger({ debug, format });
  if (unshed !== undefined) {
    log.warn('only some threads dropped the capabilities that a server does not need', {
      reason: unshed,
    });
  }
  const keeper = await keeperOfThisProcess(log);
  const plan = planServe(folder, flags);
  if (keeper === undefined && needsKeeper(plan.configuration)) await becomeKeeper(log, given);
  const sockets = sortSockets(plan.configuration.global, keeper?.sockets ?? given);
  // Only now: "usmbd adduser" has no use for the whole server.
  const { createServer } = await import('../create-server.ts');
  const mountd = { version: version(), format, debug } as const;
  const { stdout: output } = process;
  const isHanded = sockets.served.some(({ use }) => use === 'smb');
  if (isHanded && (flags.port !== undefined || flags.address !== undefined)) {
    log.warn('--port and --address count for nothing here: sockets that listen were handed over');
  }
  await serve(plan, { createServer, log, debug, mountd, keeper, sockets, output });
}

export function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError('Expected a number from 1 to 65535.');
}

function debugComponents(text: string): DebugComponent[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('all')) return [...DEBUG_COMPONENTS];
  const known = names.flatMap((name) => DEBUG_COMPONENTS.filter((component) => component === name));
  if (known.length === names.length) return known;
  throw new InvalidArgumentError(`Expected all, ${DEBUG_COMPONENTS.join(', ')}.`);
}

export interface ServeContext {
  readonly createServer: CreateServer;
  readonly log: Logger;
  /** Whose switches these are. */
  readonly debug: Set<DebugComponent>;
  /** Absent: the control plane stays in this process. */
  readonly mountd?: MountdFlags;
  /** Starts this process again when it ends unasked. */
  readonly keeper?: KeeperLink | undefined;
  /** That somebody listens on already, in place of the plan's ports. */
  readonly sockets?: SortedSockets;
  /** Standard output: the password is told to a terminal only. */
  readonly output: { readonly isTTY?: boolean; write(text: string): unknown };
}

/** Serves until a signal ends it. */
export async function serve(plan: ServePlan, context: ServeContext): Promise<void> {
  const { log, mountd: flags, sockets } = context;
  for (const warning of plan.warnings) log.warn(warning);
  const mountd = flags && (await startMountd(plan, flags, log, sockets));
  try {
    await serveWith(mountd, plan, context);
  } finally {
    await mountd?.close();
  }
}

async function serveWith(
  mountd: RunningMountd | undefined,
  plan: ServePlan,
  { createServer, log, debug, keeper, sockets, output }: ServeContext,
): Promise<void> {
  const { configuration, users, userDatabase, statePath } = plan;
  const options = { configuration, stateDirectory: statePath, dropPrivileges: true, log };
  const steering = new Steering({ plan, version: version(), debug, log, mountd });
  const accounts = { users, ...(userDatabase !== undefined && { userDatabase }) };
  const server =
    mountd === undefined
      ? createServer({ ...options, ...accounts }, undefined, steering)
      : createServer(options, mountd.remote, steering, keeper);
  mountd?.steerBy(steering);
  steering.server = server;
  const listening = await listen(server, plan, sockets?.served ?? []);
  const written = plan.made !== undefined && !output.isTTY;
  const passwordFile = written ? writePassword(plan.made.password, statePath) : undefined;
  if (keeper?.isAgain !== true) output.write(greeting(plan, listening, passwordFile));
  const manager = keeper ?? new ServiceManager(process.env, log);
  steering.onReload = (phase) => manager.tell(phase === 'begins' ? 'reloading' : 'ready');
  const ended = untilEnded(steering, log);
  manager.tell('ready', `serves ${plan.source} on port ${listening.port}`);
  try {
    const why = await ended;
    manager.tell('stopping');
    await closeInOrder(server, why, log);
  } finally {
    manager.close();
    if (passwordFile !== undefined) rmSync(passwordFile, { force: true });
  }
}

async function listen(
  server: Server,
  { ports, address }: ServePlan,
  sockets: readonly ServedSocket[],
): Promise<Listening> {
  const where = { sockets, ...(address !== undefined && { address }) };
  for (const [index, port] of ports.entries()) {
    try {
      return await server.listen({ port, ...where });
    } catch (error) {
      const next = index + 1 < ports.length;
      if (next && ['EACCES', 'EPERM', 'EADDRINUSE'].includes(errorCode(error) ?? '')) continue;
      await server.close();
      throw listenError(error, port, address);
    }
  }
  throw new RangeError('no port to try');
}

function listenError(error: unknown, port: number, address: string | undefined): unknown {
  const advice: Record<string, string> = {
    EADDRINUSE: `port ${port} is in use, perhaps by another SMB server; end that, or take another with --port`,
    EACCES: `port ${port} is not for this user; take one above 1023 with --port, or start as root`,
    EADDRNOTAVAIL: `this machine has no address ${address}; "ip address" lists those it has`,
    ENOTFOUND: `"${address}" is no address of this machine`,
    EINVAL: `"${address}" is no address of this machine`,
  };
  const code = errorCode(error) ?? '';
  const text = advice[code === 'EPERM' ? 'EACCES' : code];
  return text === undefined ? error : new CommandError(`cannot listen: ${text}`, { cause: error });
}

function writePassword(password: string, statePath: string): string {
  const file = join(statePath, 'password');
  replaceFile(file, `${password}\n`, { mode: 0o600 });
  return file;
}

function greeting(
  plan: ServePlan,
  { port, addresses }: Listening,
  passwordFile: string | undefined,
): string {
  const { shares } = plan.configuration;
  const names = shares.map(({ name, readOnly }) => `"${name}"${readOnly ? ' (read-only)' : ''}`);
  const lines = [`usmbd serves ${plan.source} as ${names.join(', ')} on port ${port}`, ''];
  const [first, ...others] = plan.userNames;
  const user = first !== undefined && others.length === 0 ? first : 'USER';
  if (plan.made !== undefined) {
    const shown = passwordFile === undefined ? plan.made.password : `in ${passwordFile}`;
    lines.push(`  user       ${user}`, `  password   ${shown}`, '');
  }
  const reach = { host: reachableHost(addresses), port, share: shares[0]!.name, user };
  lines.push(...connectHints(reach).map((hint) => `  ${hint}`));
  return `${[...lines, '', 'Ctrl-C ends it.'].join('\n')}\n`;
}

/** The first signal lets clients go in order, the second ends the process at once. */
async function closeInOrder(server: Server, why: string, log: Logger): Promise<void> {
  log.info(`${why}: ending; once more ends it at once`);
  const limit = setTimeout(() => {
    log.error(`clients held the server for ${CLOSE_LIMIT_MS / 1000} seconds; ending without them`);
    process.exit(1);
  }, CLOSE_LIMIT_MS);
  await server.close();
  // A thread that storage holds would keep the process for ever; where there is none it ends by itself.
  limit.unref();
}
