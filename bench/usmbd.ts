/** This repository's server, as a user starts it, with the runtime that runs the bench. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { end, start, tail } from '../test/support/process.ts';
import { accepts, freePort, repository, usmbd } from '../test/support/target.ts';
import { ACCOUNT, LOG_LINES, type Server, START_LIMIT_MS, shareFolder } from './server.ts';

/**
 * Everything is at its default but signing, without which there could be no plain rows, and how many connections may
 * come from one address, where all of the idle ones come from.
 */
const configuration = (folder: string, settings: readonly string[]): string => `[global]
	server signing = auto
	max ip connections = 2000
${settings.map((line) => `\t${line}\n`).join('')}
[share]
	path = ${folder}
	read only = no
`;

/** `settings`: further lines of its section [global]; `alone`: everything is signed and encrypted in its loop. */
export async function startUsmbd(
  scratch: string,
  { settings = [], alone = false }: { settings?: readonly string[]; alone?: boolean } = {},
): Promise<Server> {
  const column = alone ? 'alone' : 'usmbd';
  const config = join(scratch, `${column}.conf`);
  const accounts = join(scratch, `${column}-accounts.db`);
  const log = join(scratch, `${column}.log`);
  const folder = shareFolder(scratch, `${column}-share`);
  writeFileSync(config, configuration(folder, settings));
  const command = (...args: string[]): string[] => [usmbd, ...args];
  execFileSync(
    process.execPath,
    command('adduser', '-a', '-p', ACCOUNT.password, '-C', config, '-P', accounts, ACCOUNT.user),
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const port = await freePort();
  const logFile = openSync(log, 'w');
  const child = start(
    process.execPath,
    command(
      ...['serve', '--config', config, '--pwddb', accounts, '--port', String(port)],
      ...['--address', '127.0.0.1', '--state', join(scratch, `${column}-state`)],
    ),
    { stdio: logFile, env: alone ? { ...process.env, USMBD_CRYPTO_POOL: '0' } : process.env },
  );
  closeSync(logFile);
  const logEnd = (): string => tail(readFileSync(log, 'utf8'), LOG_LINES);
  const assertAlive = (): void => {
    if (child.exitCode === null && child.signalCode === null) return;
    throw new Error(`usmbd has ended; its log ends\n${logEnd()}`);
  };
  try {
    await accepts('127.0.0.1', port, child, START_LIMIT_MS);
  } catch (error) {
    assertAlive();
    await end(child);
    throw error;
  }
  const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
  return {
    column,
    name: alone ? 'usmbd, all in its loop' : 'usmbd',
    version: `${version} on Node ${process.version}`,
    port,
    share: 'share',
    preparationShare: 'share',
    folder,
    bare: false,
    pid: child.pid!,
    assertAlive,
    stop: () => end(child),
  };
}
