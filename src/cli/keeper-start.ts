/** `usmbd serve` with workers is two: the keeper, which the shell or systemd has started, and what it starts to serve. */
import { FORKER_PART, type Logger } from '../base/log.ts';
import type { Configuration } from '../config/configuration.ts';
import type { HandedSocket } from '../handed-sockets.ts';
import { keep } from '../keeper/keep.ts';
import { KeeperLink } from '../keeper/keeper-link.ts';
import { KEPT_VARIABLE } from '../keeper/served-process.ts';
import { missing } from '../native/library.ts';
import { ServiceManager } from './service-manager.ts';

/** Undefined: this process has been started by no keeper. */
export async function keeperOfThisProcess(log: Logger): Promise<KeeperLink | undefined> {
  const { [KEPT_VARIABLE]: text } = process.env;
  // Children are none of the keeper's.
  delete process.env[KEPT_VARIABLE];
  if (text === undefined || !/^\d{1,4}$/.test(text)) return undefined;
  return KeeperLink.connect(Number(text), log);
}

/** Whether the process that serves is to be one that can be started again. */
export const needsKeeper = ({ global }: Configuration): boolean =>
  global.workers >= 2 && missing === undefined && process.platform === 'linux';

/** Starts the same command again, to serve, and ends with it. */
export async function becomeKeeper(log: Logger, sockets: readonly HandedSocket[]): Promise<never> {
  process.title = `${FORKER_PART}: keeper`;
  const command = [...process.execArgv, ...process.argv.slice(1)];
  const manager = new ServiceManager(process.env, log);
  const status = await keep({ command: [process.execPath, ...command], manager, sockets, log });
  process.exit(status);
}
