/** Samba beside usmbd: smbd on a port of its own, over a folder that usmbd shares as well. Needs root. */
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { end, findProgram, run, start, tail } from './process.ts';
import { type Account, accepts, freePort } from './target.ts';

export interface SambaOptions {
  /** What its one share, `disk`, is. */
  readonly folder: string;
  /** Users of the system, with the SIDs that they are to have. */
  readonly accounts: readonly (Account & { readonly sid: string })[];
  readonly machineSid: string;
  /** Lines for the section of its share; acl_xattr and streams_xattr unless told. */
  readonly lines?: readonly string[];
}

export interface Samba {
  readonly host: string;
  readonly port: number;
  readonly share: string;
  stop(): Promise<void>;
}

/** Undefined where it can be started; else what is missing. */
export function cannotStartSamba(): string | undefined {
  if (process.getuid?.() !== 0) return 'Samba acts as its users only when root starts it';
  const programs = ['smbd', 'smbpasswd', 'pdbedit', 'net'];
  const missing = programs.filter((name) => findProgram(name) === undefined);
  return missing.length === 0 ? undefined : `no ${missing.join(', ')}: install samba`;
}

const CALL_LIMIT_MS = 20_000;
const START_LIMIT_MS = 20_000;

export async function startSamba(options: SambaOptions): Promise<Samba> {
  const scratch = mkdtempSync(join(tmpdir(), 'usmbd-samba-'));
  const port = await freePort();
  const config = join(scratch, 'smb.conf');
  writeFileSync(config, configText(scratch, port, options));
  const call = async (command: string, args: readonly string[], input?: string): Promise<void> => {
    const shell = input === undefined ? [] : ['-c', `printf '${input}' | "$0" "$@"`];
    const [program, all] =
      input === undefined ? [command, args] : ['sh', [...shell, command, ...args]];
    const { code, stdout, stderr } = await run(program, all, { timeoutMs: CALL_LIMIT_MS });
    if (code !== 0) throw new Error(`${command}: exit ${code}\n${tail(stdout + stderr, 10)}`);
  };
  await call('net', ['-s', config, 'setlocalsid', options.machineSid]);
  for (const { user, password, sid } of options.accounts) {
    const twice = `${password}\\n${password}\\n`;
    await call('smbpasswd', ['-c', config, '-s', '-a', user], twice);
    await call('pdbedit', ['-s', config, '-r', '-u', user, '-U', sid]);
  }
  const log = openSync(join(scratch, 'log'), 'a');
  const smbd = findProgram('smbd')!;
  const args = ['--foreground', '--no-process-group', `--configfile=${config}`];
  const server = start(smbd, args, { stdio: log });
  await accepts('127.0.0.1', port, server, START_LIMIT_MS);
  return {
    host: '127.0.0.1',
    port,
    share: 'disk',
    async stop() {
      await end(server);
      if (process.env.USMBD_TEST_KEEP === undefined) rmSync(scratch, { recursive: true });
      else console.log(`kept: ${scratch}`);
    },
  };
}

function configText(scratch: string, port: number, options: SambaOptions): string {
  const { folder, lines: ofShare = ['vfs objects = acl_xattr streams_xattr'] } = options;
  const folderOf = (name: string): string => {
    mkdirSync(join(scratch, name), { mode: 0o755 });
    return join(scratch, name);
  };
  const folders = ['private dir', 'lock directory', 'state directory', 'cache directory'];
  const lines = [
    '[global]',
    'workgroup = WORKGROUP',
    'netbios name = SAMBA',
    'server role = standalone server',
    `smb ports = ${port}`,
    'interfaces = 127.0.0.1/8',
    'bind interfaces only = yes',
    'disable netbios = yes',
    'load printers = no',
    'disable spoolss = yes',
    'printcap name = /dev/null',
    'usershare max shares = 0',
    `log file = ${join(scratch, 'smbd.log')}`,
    ...[...folders, 'pid directory', 'ncalrpc dir'].map((name) => `${name} = ${folderOf(name)}`),
    // Attributes where usmbd has them, not in the mode.
    'store dos attributes = yes',
    'map archive = no',
    'map hidden = no',
    'map system = no',
    'map readonly = no',
    'ea support = yes',
    '[disk]',
    `path = ${folder}`,
    'read only = no',
    ...ofShare,
  ];
  return `${lines.join('\n')}\n`;
}
