/** `usmbd testparm`: what a configuration says, and what is wrong with it, by file and line. */
import { Command } from 'commander';
import { configurationText } from '../config/configuration.ts';
import { loadConfiguration, nearestKey } from '../config/load.ts';
import { defaultConfigurationPath } from '../config/paths.ts';
import { problemText } from '../config/problem.ts';
import { CommandError } from './command-error.ts';
import { explain } from './manual.ts';
import { print, printJson } from './output.ts';

interface TestparmFlags {
  readonly all?: true;
  readonly json?: true;
  readonly explain?: string;
}

const NOTES = `
Problems go to standard error, each with its line. Of a file without errors the effective configuration is
printed, which is a configuration itself; shares that are not available are left out.

Exit status: 0; 1 where the file cannot be used.

Examples:
  usmbd testparm usmbd.conf
  usmbd testparm --explain 'read only'
  usmbd testparm --all --json | jq -r '.shares[] | .name'`;

export function testparmCommand(): Command {
  return new Command('testparm')
    .description('check a configuration, and print what it comes to')
    .argument('[file]', 'configuration', defaultConfigurationPath())
    .option('--all', 'print defaults, too')
    .option('--explain <parameter>', 'say what a parameter does; no file is read')
    .option('--json', 'print every parameter as JSON, problems among them')
    .addHelpText('after', NOTES)
    .action(async (file: string, flags: TestparmFlags) => {
      if (flags.explain !== undefined) {
        await print(explained(flags.explain));
        return;
      }
      const { configuration, warnings } = loadConfiguration(file);
      if (flags.json) {
        await printJson({ ...configuration, problems: warnings });
        return;
      }
      for (const warning of warnings) process.stderr.write(`${problemText(warning)}\n`);
      await print(configurationText(configuration, flags.all === true));
    });
}

function explained(name: string): string {
  const text = explain(name);
  if (text !== '') return text;
  const near = nearestKey(name);
  const advice =
    near === undefined ? '"usmbd manual usmbd.conf.5" has them all' : `perhaps "${near}"`;
  throw new CommandError(`there is no parameter "${name}"; ${advice}`);
}
