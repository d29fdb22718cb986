/** Where the files are that no option names. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { defaultStatePath } from '../base/state-directory.ts';

export function defaultConfigurationPath(
  environment: NodeJS.ProcessEnv = process.env,
  uid: number | undefined = process.getuid?.(),
): string {
  if (uid === 0) return '/etc/usmbd/usmbd.conf';
  const base = environment.XDG_CONFIG_HOME;
  const folder = base?.startsWith('/') ? base : join(homedir(), '.config');
  return join(folder, 'usmbd', 'usmbd.conf');
}

export const defaultUserDatabasePath = (statePath = defaultStatePath()): string =>
  join(statePath, 'usmbdpwd.db');
