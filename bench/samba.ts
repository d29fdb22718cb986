/** Debian's Samba as it comes, on a loopback port, with everything it writes in a folder of ours. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { end, findProgram, start, tail } from '../test/support/process.ts';
import { accepts, freePort } from '../test/support/target.ts';
import { ACCOUNT, LOG_LINES, type Server, START_LIMIT_MS, shareFolder } from './server.ts';

/**
 * What keeps it on its port, in its folder and free of other services is set, and that it stores security
 * descriptors and named streams, as usmbd does unasked: a file that comes and goes costs a server more that
 * has such. All else that could make it faster or slower is at its default. A name that is new costs Samba a scan of the whole folder, so
 * the files are made by a share that takes names as they are written.
 */
const configuration = (
  folder: string,
  state: string,
  port: number,
  settings: readonly string[],
): string => `[global]
${settings.map((line) => `\t${line}\n`).join('')}	server role = standalone server
	smb ports = ${port}
	interfaces = 127.0.0.1/8
	bind interfaces only = yes
	disable netbios = yes
	multicast dns register = no
	server signing = auto
	passdb backend = tdbsam:${state}/private/passdb.tdb
	private dir = ${state}/private
	lock directory = ${state}/lock
	state directory = ${state}/state
	cache directory = ${state}/cache
	pid directory = ${state}/pid
	ncalrpc dir = ${state}/ncalrpc
	log file = ${state}/log
	log level = 0
	usershare max shares = 0
	load printers = no
	printing = bsd
	printcap name = /dev/null
	disable spoolss = yes
	vfs objects = acl_xattr streams_xattr

[share]
	path = ${folder}
	read only = no

[preparation]
	path = ${folder}
	read only = no
	case sensitive = yes
`;

export class SambaMissing extends Error {
  override readonly name = 'SambaMissing';
}

/** How the programs of a Samba are started. */
interface Programs {
  readonly smbd: readonly string[];
  readonly smbpasswd: readonly string[];
}

function installed(): Programs {
  const smbd = findProgram('smbd');
  const smbpasswd = findProgram('smbpasswd');
  if (smbd === undefined || smbpasswd === undefined) {
    throw new SambaMissing(
      'The bench compares with Samba, which is not installed: "apt-get install samba" ' +
        '(Debian, Ubuntu) or "dnf install samba" (Fedora). Its service need not run.',
    );
  }
  return { smbd: [smbd], smbpasswd: [smbpasswd] };
}

/** `command smbd …` runs it, wherever it is. */
function elsewhere(command: string): Programs {
  const words = command.split(' ').filter((word) => word !== '');
  return { smbd: [...words, 'smbd'], smbpasswd: [...words, 'smbpasswd'] };
}

function call([program, ...first]: readonly string[], args: readonly string[], input = ''): string {
  try {
    return execFileSync(program!, [...first, ...args], { input, encoding: 'utf8' });
  } catch (error) {
    throw new SambaMissing(`${[program, ...first].join(' ')} does not run: ${String(error)}`);
  }
}

/** The installed one; or the one that the programs of `command` are of. */
export async function startSamba(
  scratch: string,
  command?: string,
  settings: readonly string[] = [],
): Promise<Server> {
  const { smbd, smbpasswd } = command === undefined ? installed() : elsewhere(command);
  const column = command === undefined ? 'samba' : 'newer';
  if (process.getuid?.() !== 0) {
    throw new SambaMissing('Samba serves as root only: start the bench with sudo.');
  }
  const state = join(scratch, column);
  for (const folder of ['', 'private', 'lock', 'state', 'cache', 'pid', 'ncalrpc']) {
    mkdirSync(join(state, folder), { mode: folder === 'private' ? 0o700 : 0o755 });
  }
  const port = await freePort();
  const config = join(state, 'smb.conf');
  const folder = shareFolder(scratch, `${column}-share`);
  writeFileSync(config, configuration(folder, state, port, settings));
  const { user, password } = ACCOUNT;
  call(smbpasswd, ['-c', config, '-s', '-a', user], `${password}\n${password}\n`);
  const version = call(smbd, ['--version'])
    .trim()
    .replace(/^Version /, '');
  const output = join(state, 'output');
  const outputFile = openSync(output, 'w');
  // In the foreground it ends with its input, that is with the bench; without --daemon it would take
  // this input, which is a socket, for a client of inetd's.
  const flags = ['--daemon', '--foreground', '--no-process-group', `--configfile=${config}`];
  const [program, ...first] = smbd;
  const child = start(program!, [...first, ...flags], { stdio: outputFile, stdin: 'pipe' });
  closeSync(outputFile);
  const assertAlive = (): void => {
    if (child.exitCode === null && child.signalCode === null) return;
    throw new Error(`smbd has ended; it said\n${tail(readFileSync(output, 'utf8'), LOG_LINES)}`);
  };
  try {
    await accepts('127.0.0.1', port, child, START_LIMIT_MS);
  } catch (error) {
    assertAlive();
    await end(child);
    throw error;
  }
  return {
    column,
    name: column === 'samba' ? 'Samba' : `Samba ${version}`,
    version,
    port,
    share: 'share',
    preparationShare: 'preparation',
    folder,
    bare: false,
    pid: child.pid!,
    assertAlive,
    stop: () => end(child),
  };
}
