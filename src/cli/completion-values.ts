/** Names that the completion of a shell asks for (completion.ts): one a line, none where nobody can tell. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Argument, Command } from 'commander';
import { defaultStatePath } from '../base/state-directory.ts';
import { loadConfiguration } from '../config/load.ts';
import { globalParameters, shareParameters } from '../config/parameters.ts';
import { defaultConfigurationPath, defaultUserDatabasePath } from '../config/paths.ts';
import { readUserDatabase } from '../config/user-db.ts';
import type { About } from '../ipc/administration.ts';
import { type ControlClient, connectControl } from '../ipc/control-client.ts';
import { type Collected, collect, openIdText, sessionIdText } from '../ipc/status.ts';
import { print } from './output.ts';

export const VALUES_COMMAND = '__values';
export const VALUE_KINDS = [
  'shares',
  'users',
  'sessions',
  'opens',
  'addresses',
  'parameters',
] as const;
export type ValueKind = (typeof VALUE_KINDS)[number];

interface Where {
  readonly state?: string;
  readonly config?: string;
  readonly pwddb?: string;
}

export const valuesCommand = (): Command =>
  new Command(VALUES_COMMAND)
    .addArgument(new Argument('<kind>').choices(VALUE_KINDS))
    .option('--state <folder>')
    .option('-C, --config <file>')
    .option('-P, --pwddb <file>')
    .action(async (kind: ValueKind, where: Where) => {
      const names = await SOURCES[kind](where).catch(() => []);
      await print([...new Set(names)].map((name) => `${name}\n`).join(''));
    });

const SOURCES: Readonly<Record<ValueKind, (where: Where) => Promise<readonly string[]>>> = {
  async shares(where) {
    const file =
      where.config ?? (await about(where))?.configurationFile ?? defaultConfigurationPath();
    return loadConfiguration(file).configuration.shares.map(({ name }) => name);
  },
  async users(where) {
    const file =
      where.pwddb ?? (await about(where))?.userDatabase ?? defaultUserDatabasePath(stateOf(where));
    return existsSync(file) ? readUserDatabase(file).names : [];
  },
  sessions: async (where) =>
    (await collected(where)).sessions.map(({ sessionId }) => sessionIdText(sessionId)),
  opens: async (where) => (await collected(where)).opens.map(({ openId }) => openIdText(openId)),
  addresses: async (where) => (await collected(where)).connections.map(({ address }) => address),
  parameters: async () =>
    [globalParameters, shareParameters].flatMap((parameters) =>
      Object.values(parameters).map(({ name }) => name),
    ),
};

const stateOf = ({ state }: Where): string => resolve(state ?? defaultStatePath());

async function asked<T>(where: Where, work: (server: ControlClient) => Promise<T>): Promise<T> {
  const server = await connectControl(stateOf(where));
  try {
    return await work(server);
  } finally {
    server.close();
  }
}

const collected = (where: Where): Promise<Collected> =>
  asked(where, (server) => collect(server, {}));

const about = (where: Where): Promise<About | undefined> =>
  asked(where, ({ administration }) => Promise.resolve(administration.about())).catch(
    () => undefined,
  );
