/**
 * `usmbd addshare`, with ksmbd.addshare's options, and `usmbd share`: shares of a configuration are listed, added,
 * changed and removed. Unlike the original they keep comments, order and form of the rest, refuse what no server
 * could load, and have the server that runs by this file take it at once.
 */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { defaultStatePath } from '../base/state-directory.ts';
import { settingsOf } from '../config/configuration.ts';
import { addShare, EditError, removeShare, type Setting, updateShare } from '../config/edit.ts';
import { type LoadedConfiguration, loadConfiguration } from '../config/load.ts';
import { defaultConfigurationPath } from '../config/paths.ts';
import { problemText } from '../config/problem.ts';
import { normalizeName } from '../config/smb-conf.ts';
import { ControlError, connectControl } from '../ipc/control-client.ts';
import { CommandError } from './command-error.ts';
import { print, printJson } from './output.ts';

interface GivenFlags {
  readonly config?: string;
  readonly state?: string;
  readonly json?: true;
  readonly option?: readonly string[];
}

/** With the configuration that is meant. */
interface ShareFlags extends GivenFlags {
  readonly config: string;
}

interface AddShareFlags extends GivenFlags {
  readonly add?: true;
  readonly update?: true;
  readonly delete?: true;
}

const OPTION_NOTES = `
An option is a parameter of smb.conf with its value; one without a value ("comment =") is taken out, so that its
default counts again. A server that runs by this configuration takes the change at once.`;

const ADD_NOTES = `${OPTION_NOTES}

Examples:
  usmbd addshare -a -o "path = /srv/photos" -o "read only = no" photos
  usmbd addshare -u -o "valid users = ann" photos
  usmbd addshare -u -o "server string = ours" global
  usmbd addshare -d photos

With none of -a, -u and -d the share is added or, where it is there, updated.`;

const SHARE_NOTES = `${OPTION_NOTES}

Examples:
  usmbd share list
  usmbd share show photos
  usmbd share add photos -o "path = /srv/photos" -o "read only = no"
  usmbd share set photos -o "valid users = ann"
  usmbd share remove photos`;

const collect = (one: string, before: readonly string[] = []): string[] => [...before, one];
const optionOption = (): Option =>
  new Option('-o, --option <setting>', '"NAME = VALUE"; may be given again').argParser(collect);

function common(command: Command): Command {
  return command
    .option(
      '-C, --config <file>',
      `configuration; that of the running server, or ${defaultConfigurationPath()}`,
    )
    .option('--state <folder>', 'state folder of the server to tell, as given to usmbd serve')
    .option('--json', 'print what the share comes to as JSON');
}

export function addShareCommand(name: string): Command {
  const command = new Command(name)
    .description('add, update or delete a share of a configuration')
    .argument('<share>', 'its name, or with -u "global"')
    .addOption(new Option('-a, --add', 'add the share').conflicts(['update', 'delete']))
    .addOption(new Option('-u, --update', 'update its parameters').conflicts('delete'))
    .option('-d, --delete', 'delete the share')
    .addOption(optionOption());
  return common(command)
    .option('-P, --pwddb <file>', 'for the sake of ksmbd.addshare: no account is looked at')
    .option('-v, --verbose', 'for the sake of ksmbd.addshare: nothing more is said')
    .addHelpText('after', ADD_NOTES)
    .action(async (share: string, given: AddShareFlags) => {
      const flags = { ...given, config: await configurationOf(given) };
      if (flags.delete) {
        if (flags.option !== undefined) throw new CommandError('-d takes no -o');
        return edit(flags, share, () => removeShare(flags.config, share), true);
      }
      const settings = settingsFrom(flags);
      if (flags.add) return edit(flags, share, () => addShare(flags.config, share, settings));
      if (flags.update) return edit(flags, share, () => updateShare(flags.config, share, settings));
      return edit(flags, share, () => addOrUpdate(flags.config, share, settings));
    });
}

export function shareCommand(): Command {
  const share = new Command('share').description('list and change the shares of a configuration');
  const sub = (usage: string, description: string): Command =>
    common(share.command(usage).description(description));
  sub('list', 'list them').action(async (flags: GivenFlags) => list(await meant(flags)));
  sub('show <share>', 'show one with all its parameters').action(
    async (name: string, given: GivenFlags) => {
      const flags = await meant(given);
      return show(flags, name, loadConfiguration(flags.config));
    },
  );
  sub('add <share>', 'add one')
    .addOption(optionOption())
    .action(async (name: string, given: GivenFlags) => {
      const flags = await meant(given);
      return edit(flags, name, () => addShare(flags.config, name, settingsFrom(flags)));
    });
  sub('set <share>', 'change parameters of one, or of "global"')
    .alias('update')
    .addOption(optionOption())
    .action(async (name: string, given: GivenFlags) => {
      const flags = await meant(given);
      return edit(flags, name, () => updateShare(flags.config, name, settingsFrom(flags)));
    });
  sub('remove <share>', 'remove one; its folder stays')
    .alias('delete')
    .action(async (name: string, given: GivenFlags) => {
      const flags = await meant(given);
      return edit(flags, name, () => removeShare(flags.config, name), true);
    });
  return share.addHelpText('after', SHARE_NOTES);
}

const meant = async (flags: GivenFlags): Promise<ShareFlags> => ({
  ...flags,
  config: await configurationOf(flags),
});

/** The one that is named, else the running server's, which may not be asked by everybody. */
async function configurationOf({ config, state }: GivenFlags): Promise<string> {
  if (config !== undefined) return config;
  try {
    const server = await connectControl(resolve(state ?? defaultStatePath()));
    try {
      const { configurationFile } = await server.administration.about();
      return configurationFile ?? defaultConfigurationPath();
    } finally {
      server.close();
    }
  } catch (error) {
    if (error instanceof ControlError) return defaultConfigurationPath();
    throw error;
  }
}

function addOrUpdate(file: string, share: string, settings: readonly Setting[]) {
  try {
    return updateShare(file, share, settings);
  } catch (error) {
    if (error instanceof EditError && error.problem === 'no-such-share') {
      return addShare(file, share, settings);
    }
    throw error;
  }
}

function settingsFrom({ option = [] }: GivenFlags): Setting[] {
  return option.map((text) => {
    const equals = text.indexOf('=');
    if (equals < 1) throw new CommandError(`bad option "${text}"; expected "NAME = VALUE"`);
    const value = text.slice(equals + 1).trim();
    return { key: text.slice(0, equals).trim(), value: value === '' ? undefined : value };
  });
}

async function edit(
  flags: ShareFlags,
  share: string,
  change: () => LoadedConfiguration,
  removed = false,
): Promise<void> {
  let loaded: LoadedConfiguration;
  try {
    loaded = change();
  } catch (error) {
    if (error instanceof EditError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
  for (const warning of loaded.warnings) process.stderr.write(`${problemText(warning)}\n`);
  await tellServer(flags);
  if (!flags.json) return;
  await (removed ? printJson({ removed: share }) : show(flags, share, loaded));
}

/** The one that runs by this file, if there is one; what it makes of the change is said. */
async function tellServer({ config, state }: ShareFlags): Promise<void> {
  const statePath = resolve(state ?? defaultStatePath());
  try {
    const server = await connectControl(statePath);
    try {
      const { configurationFile } = await server.administration.about();
      const isIts =
        configurationFile !== undefined && realpathSync(configurationFile) === realpathSync(config);
      if (!isIts) return;
      const { done, changes, problems } = await server.administration.reload();
      if (!done) throw new CommandError(`written, but not taken: ${problems.join('\n')}`);
      for (const change of changes) process.stderr.write(`${change}\n`);
    } finally {
      server.close();
    }
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    const asked = state !== undefined || !['no-server', 'forbidden'].includes(error.problem);
    if (asked) process.stderr.write(`no server was told (${error.problem}): usmbd reload\n`);
  }
}

function list(flags: ShareFlags): Promise<void> {
  const { configuration, warnings } = loadConfiguration(flags.config);
  const { shares } = configuration;
  if (flags.json) {
    const told = shares.map(({ name, path, readOnly, guestOk, comment, browseable }) => ({
      ...{ name, path, readOnly, guestOk, browseable, comment },
    }));
    return printJson({ configurationFile: flags.config, shares: told });
  }
  for (const warning of warnings) process.stderr.write(`${problemText(warning)}\n`);
  const widest = Math.max(5, ...shares.map(({ name }) => name.length));
  const lines = shares.map(({ name, path, readOnly, guestOk }) => {
    const access = `${readOnly ? 'read-only ' : 'read-write'}${guestOk ? ' guests' : ''}`;
    return `${name.padEnd(widest)}  ${access.padEnd(17)}  ${path}\n`;
  });
  return print(lines.join('') || 'no shares\n');
}

function show(
  flags: ShareFlags,
  wanted: string,
  { configuration }: LoadedConfiguration,
): Promise<void> {
  const key = normalizeName(wanted);
  const found = settingsOf(configuration).find(({ name }) => normalizeName(name) === key);
  const section =
    key === 'global'
      ? configuration.global
      : configuration.shares.find(({ name }) => normalizeName(name) === key);
  if (found === undefined || section === undefined) {
    throw new CommandError(`${flags.config} has no share [${wanted}]`);
  }
  if (flags.json) return printJson(section);
  const lines = found.parameters.map(([name, value]) => `    ${name} = ${value}\n`);
  return print(`[${found.name}]\n${lines.join('')}`);
}
