/**
 * The command line of a runner. `--help` prints what stands on top of the runner's file, which says what it does,
 * needs and is called like, and its options with what they are when they are left out; an option that it does not
 * have is an error of one line. Either ends the process, with 0 and with 2.
 */
import { readFileSync } from 'node:fs';
import { type ParseArgsConfig, parseArgs } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;

const HELP = { help: { type: 'boolean', short: 'h', default: false } } as const satisfies Options;

/** The first comment of a source file, without its stars. */
export function headOf(source: string): string {
  const comment = /\/\*\*([\s\S]*?)\*\//.exec(source)?.[1] ?? '';
  return comment.replace(/^[ \t]*\* ?/gm, '').trim();
}

/** A line for each option: its name, what follows it, its default. */
export function optionLines(options: Options): string[] {
  const rows = Object.entries(options).map(([name, option]) => {
    const value = option.type === 'string' ? ` ${name.split('-').at(-1)?.toUpperCase()}` : '';
    const given = [option.default ?? []].flat().join(' ');
    const notes = [
      given !== '' && given !== 'false' ? `(${given})` : '',
      option.multiple === true ? 'may be repeated' : '',
    ];
    return { name: `--${name}${value}`, notes: notes.filter((note) => note !== '').join(' ') };
  });
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows.map(({ name, notes }) => `  ${name.padEnd(width)}  ${notes}`.trimEnd());
}

/** As `parseArgs` of node:util, for the program that runs. */
export function commandLine<const T extends ParseArgsConfig>(
  config: T,
): ReturnType<typeof parseArgs<T>> {
  const options: Options = { ...config.options, ...HELP };
  const [, program = ''] = process.argv;
  try {
    const parsed = parseArgs({ ...config, options });
    const { help } = parsed.values as { help?: boolean };
    if (help !== true) return parsed as ReturnType<typeof parseArgs<T>>;
  } catch (error) {
    const [reason] = (error as Error).message.split('. To specify');
    console.error(`${reason}; --help lists the options`);
    process.exit(2);
  }
  const head = headOf(readFileSync(program, 'utf8'));
  console.log([head, '', 'Options:', ...optionLines(options)].join('\n'));
  process.exit(0);
}
