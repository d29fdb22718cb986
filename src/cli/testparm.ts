/** `usmbd testparm`: what a configuration says, and what is wrong with it, by file and line. */
import { Command } from 'commander';
import { configurationText } from '../config/configuration.ts';
import { loadConfiguration } from '../config/load.ts';
import { defaultConfigurationPath } from '../config/paths.ts';
import { problemText } from '../config/problem.ts';

interface TestparmFlags {
  readonly all?: true;
  readonly json?: true;
}

const NOTES = `
Problems go to standard error, each with its line. Of a file without errors the effective configuration is
printed, which is a configuration itself; shares that are not available are left out.

Exit status: 0; 1 where the file cannot be used.

Examples:
  usmbd testparm usmbd.conf
  usmbd testparm --all --json | jq -r '.shares[] | .name'`;

export function testparmCommand(): Command {
  return new Command('testparm')
    .description('check a configuration, and print what it comes to')
    .argument('[file]', 'configuration', defaultConfigurationPath())
    .option('--all', 'print defaults, too')
    .option('--json', 'print every parameter as JSON, problems among them')
    .addHelpText('after', NOTES)
    .action((file: string, flags: TestparmFlags) => {
      const { configuration, warnings } = loadConfiguration(file);
      if (flags.json) {
        const all = { ...configuration, problems: warnings };
        process.stdout.write(`${JSON.stringify(all, undefined, 2)}\n`);
        return;
      }
      for (const warning of warnings) process.stderr.write(`${problemText(warning)}\n`);
      process.stdout.write(configurationText(configuration, flags.all === true));
    });
}
