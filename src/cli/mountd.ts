/** `usmbd mountd`: ksmbd.mountd's options. The server in the foreground or background, or its control plane alone. */
import { spawn } from 'node:child_process';
import { Command, Option } from 'commander';
import { DEBUG_COMPONENTS } from '../base/log.ts';
import { version } from '../base/version.ts';
import { defaultConfigurationPath, defaultUserDatabasePath } from '../config/paths.ts';
import { runMountd } from '../mountd/mountd-process.ts';
import { KEPT_BY_MOUNTD, KEPT_BY_RPC, shedCapabilities } from '../native/capabilities.ts';
import { CommandError } from './command-error.ts';
import { handedSockets } from './listen-fds.ts';
import { FIRST_SOCKET_FD } from './mountd-start.ts';
import { portNumber, serveFlags } from './serve.ts';

interface MountdCommandFlags {
  readonly port?: number;
  readonly nodetach?: true;
  readonly verbose?: true;
  readonly config: string;
  readonly pwddb: string;
  readonly state?: string;
  readonly controlPlane?: true;
  readonly lowPorts?: true;
  readonly sockets?: string;
}

const NOTES = `
As ksmbd.mountd: serves what a configuration names, from the background unless -n says otherwise. It is
"usmbd serve --config FILE --pwddb FILE" under the names and paths of ksmbd.

"usmbd serve" starts the control plane (the process "usmbd.mountd": accounts, logins, access to shares,
management interfaces) by itself, and another one when it ends or hangs; open files are read
and written meanwhile, and logins wait. To bring in a new version of it, end it: kill $(pgrep usmbd.mountd)`;

export function mountdCommand(name = 'mountd'): Command {
  return new Command(name)
    .description('serve as ksmbd.mountd does, with its options')
    .option('-p, --port <number>', 'port to listen on, before "tcp port"', portNumber)
    .option('-n, --nodetach', 'stay in the foreground')
    .option('-C, --config <file>', 'configuration', defaultConfigurationPath())
    .option('-P, --pwddb <file>', 'user database', defaultUserDatabasePath())
    .option('--state <folder>', "server's identity, kept over restarts")
    .option('-v, --verbose', 'log more, as "usmbd serve --debug all"')
    .addOption(new Option('--control-plane', 'for "usmbd serve" alone').hideHelp())
    .addOption(new Option('--low-ports', 'for "usmbd serve" alone').hideHelp())
    .addOption(new Option('--sockets <number>', 'for "usmbd serve" alone').hideHelp())
    .addHelpText('after', NOTES)
    .action(async (flags: MountdCommandFlags) => {
      if (flags.controlPlane) {
        const kept = flags.lowPorts ? KEPT_BY_RPC : KEPT_BY_MOUNTD;
        const sockets = Array.from(
          { length: Number(flags.sockets ?? 0) },
          (_, i) => FIRST_SOCKET_FD + i,
        );
        const unshed = process.platform === 'linux' ? shedCapabilities(kept, sockets) : undefined;
        await runMountd(version(), unshed);
      } else if (flags.nodetach) {
        const debug = flags.verbose ? DEBUG_COMPONENTS : undefined;
        await serveFlags(undefined, debug ? { ...flags, debug } : flags);
      } else await detach();
    });
}

/** How long the server may take to say that it serves, or why not. */
const START_LIMIT_MS = 60_000;

/** Starts the same in the foreground of a session of its own, and leaves when it serves. */
async function detach(): Promise<void> {
  if (handedSockets(process.env).length > 0) {
    throw new CommandError(
      'systemd hands its sockets to a server in the foreground: add --nodetach, with Type=notify in the unit',
    );
  }
  const args = [...process.execArgv, ...process.argv.slice(1), '--nodetach'];
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const outcome = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(
      () => resolve(`it does not serve after ${START_LIMIT_MS / 1000} seconds`),
      START_LIMIT_MS,
    );
    const end = (text: string | undefined): void => {
      clearTimeout(timer);
      resolve(text);
    };
    child.stdout?.once('data', () => end(undefined));
    child.once('error', (error) => end(error.message));
    child.once('exit', () => end('it has ended; its message says why'));
  });
  if (outcome !== undefined) {
    throw new CommandError(`the server does not start in the background: ${outcome}`);
  }
  process.stdout.write(`usmbd serves in the background, process ${child.pid}\n`);
  child.stdout?.destroy();
  child.unref();
}
