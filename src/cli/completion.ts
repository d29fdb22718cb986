/**
 * `usmbd completion SHELL`: commands, options and their values for bash, zsh and fish, as they are in this version. Names of
 * shares, users, sessions and the like are asked for when they are wanted (completion-values.ts).
 */
import { Argument, Command, type Option } from 'commander';
import { VALUES_COMMAND, type ValueKind } from './completion-values.ts';
import { print } from './output.ts';

type Shell = 'bash' | 'zsh' | 'fish';

const NOTES = `
Examples:
  usmbd completion bash > /etc/bash_completion.d/usmbd
  usmbd completion zsh > "\${fpath[1]}/_usmbd"
  usmbd completion fish > ~/.config/fish/completions/usmbd.fish`;

export const completionCommand = (all: () => Command): Command =>
  new Command('completion')
    .description('print what completes commands, options and names in a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', NOTES)
    .action((shell: Shell) => print(SCRIPTS[shell](pathsOf(all()))));

/** Words that are known, names that are asked for, or files, which the shell itself knows. */
type Values =
  | { readonly words: readonly string[] }
  | { readonly kind: ValueKind }
  | 'files'
  | 'anything';

interface OptionValues {
  /** `--user`, and its short form. */
  readonly flags: readonly string[];
  readonly values: Values;
}

interface Path {
  /** Without "usmbd". */
  readonly words: readonly string[];
  /** The same with aliases in place of the last word. */
  readonly others: readonly (readonly string[])[];
  /** What may stand next, with what it does. */
  readonly next: readonly (readonly [word: string, description: string])[];
  /** Of its arguments. */
  readonly values: Values | undefined;
  readonly options: readonly OptionValues[];
}

const ARGUMENTS: Readonly<Record<string, ValueKind>> = {
  share: 'shares',
  user: 'users',
  session: 'sessions',
  open: 'opens',
};
const OPTIONS: Readonly<Record<string, ValueKind>> = {
  '--share': 'shares',
  '--user': 'users',
  '--address': 'addresses',
  '--explain': 'parameters',
};
/** Where the name is one that there is not yet. */
const NEW_NAMES = ['share add', 'serve'];

function pathsOf(command: Command, words: readonly string[] = []): Path[] {
  const shown = command.commands.filter((one) => one.name() !== VALUES_COMMAND);
  const commands = shown.map((one) => [one.name(), one.description()] as const);
  const options = command.options.filter(({ hidden }) => !hidden);
  const long = options.map((one) => [flagsOf(one)[0] ?? '', one.description] as const);
  const next = [...commands, ...long, ['--help', 'show help'] as const];
  const below = shown.flatMap((one) => pathsOf(one, [...words, one.name()]));
  const isNew = NEW_NAMES.includes(words.join(' '));
  const [argument] = command.registeredArguments;
  const own: Path = {
    ...{ words, next },
    others: command.aliases().map((alias) => [...words.slice(0, -1), alias]),
    values: argument && valuesOf(argument, isNew ? undefined : ARGUMENTS[argument.name()]),
    options: options
      .filter(({ required, optional }) => required || optional)
      .map((one) => ({
        flags: flagsOf(one),
        values: valuesOf(one, isNew ? undefined : OPTIONS[one.long ?? '']),
      })),
  };
  return [own, ...below];
}

const flagsOf = ({ long, short }: Option): string[] =>
  [long, short].filter((one) => one !== undefined && one !== null);

function valuesOf(
  { argChoices, description }: Pick<Option, 'argChoices' | 'description'>,
  kind: ValueKind | undefined,
): Values {
  if (argChoices !== undefined) return { words: argChoices };
  if (kind !== undefined) return { kind };
  return /\b(file|folder|accounts|configuration|database|share)\b/.test(description)
    ? 'files'
    : 'anything';
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const cases = (lines: readonly (readonly [patterns: readonly string[], does: string])[]): string =>
  lines.map(([patterns, does]) => `    ${patterns.map(quote).join('|')}) ${does} ;;\n`).join('');

/** Branches that take a word where it is a command after those before it. */
const steps = (paths: readonly Path[]): string =>
  cases(
    paths
      .filter(({ words }) => words.length > 0)
      .map(({ words, others }) => [
        [words, ...others].map((one) => one.join(' ')),
        `at=${quote(words.join(' '))}`,
      ]),
  );

/** `at` and the option before the cursor: sets `kind`, or `next` and `kind` to nothing. */
const optionCases = (paths: readonly Path[]): string =>
  cases(
    paths.flatMap(({ words, options }) =>
      options.map(
        ({ flags, values }) =>
          [flags.map((flag) => [...words, flag].join(' ')), `${assign(values)}; asked=1`] as const,
      ),
    ),
  );

const pathCases = (paths: readonly Path[]): string =>
  cases(
    paths.map(({ words, next, values }) => {
      const list = next.map(([word]) => word);
      const more = typeof values === 'object' && 'words' in values ? values.words : [];
      const kind = typeof values === 'object' && 'kind' in values ? values.kind : '';
      return [
        [words.join(' ')],
        `next=${quote([...list, ...more].join(' '))}; kind=${quote(kind)}`,
      ];
    }),
  );

function assign(values: Values): string {
  if (typeof values !== 'object') return `kind=''`;
  return 'words' in values ? `next=${quote(values.words.join(' '))}` : `kind=${values.kind}`;
}

/** What finds out where the cursor stands; bash and zsh both read it, in which arrays begin with 0 and with 1. */
const standing = (paths: readonly Path[], first: string): string => `
  local at='' word next='' kind='' asked='' before=''
  local -a where
  where=()
  for word in ${first}; do
    case "$before" in
      --state|-C|--config|-P|--pwddb) where+=("$before" "$word") ;;
    esac
    before=$word
    case "\${at:+$at }$word" in
${steps(paths)}    esac
  done
  case "\${at:+$at }$before" in
${optionCases(paths)}  esac
  if [[ -z $asked ]]; then
  case "$at" in
${pathCases(paths)}  esac
  fi`;

const SCRIPTS: Readonly<Record<Shell, (paths: readonly Path[]) => string>> = {
  bash: (paths) => `# usmbd completion bash
_usmbd() {${standing(paths, `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`)}
  local IFS=$'\\n'
  next=\${next// /$'\\n'}
  if [[ -n $kind && \${COMP_WORDS[COMP_CWORD]} != -* ]]; then
    next+=$'\\n'$("\${COMP_WORDS[0]}" ${VALUES_COMMAND} "$kind" "\${where[@]}" 2>/dev/null)
  fi
  COMPREPLY=($(compgen -W '$next' -- "\${COMP_WORDS[COMP_CWORD]}"))
  for word in "\${!COMPREPLY[@]}"; do printf -v "COMPREPLY[word]" %q "\${COMPREPLY[word]}"; done
}
complete -o default -F _usmbd usmbd
`,
  zsh: (paths) => `#compdef usmbd
_usmbd() {${standing(paths, `"\${(@)words[2,CURRENT-1]}"`)}
  local -a found
  found=(\${(s: :)next})
  if [[ -n $kind && \${words[CURRENT]} != -* ]]; then
    found+=(\${(f)"$("\${words[1]}" ${VALUES_COMMAND} "$kind" "\${where[@]}" 2>/dev/null)"})
  fi
  compadd -a found || _files
}
if [[ \${funcstack[1]} == _usmbd ]]; then _usmbd "$@"; else compdef _usmbd usmbd; fi
`,
  fish: (paths) => `# usmbd completion fish
function __usmbd_complete
  set -l at ''
  set -l before ''
  set -l asked ''
  set -l kind ''
  set -l next
  set -l where
  set -l words (commandline -opc)
  for word in $words[2..]
    switch $before
      case --state -C --config -P --pwddb
        set -a where $before $word
    end
    set before $word
    switch (string trim -- "$at $word")
${fishSteps(paths)}    end
  end
  switch (string trim -- "$at $before")
${fishOptionCases(paths)}  end
  if test -z "$asked"
    switch $at
${fishPathCases(paths)}    end
  end
  printf '%s\\n' $next
  switch $kind
    case ''
    case files
      __fish_complete_path (commandline -ct)
    case '*'
      if not string match -q -- '-*' (commandline -ct)
        $words[1] ${VALUES_COMMAND} $kind $where 2>/dev/null
      end
  end
end
complete -c usmbd -f -a '(__usmbd_complete)'
`,
};

const fishCases = (
  lines: readonly (readonly [patterns: readonly string[], does: string])[],
): string =>
  lines
    .map(([patterns, does]) => `      case ${patterns.map(fishQuote).join(' ')}\n        ${does}\n`)
    .join('');

const fishQuote = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const fishSteps = (paths: readonly Path[]): string =>
  fishCases(
    paths
      .filter(({ words }) => words.length > 0)
      .map(({ words, others }) => [
        [words, ...others].map((one) => one.join(' ')),
        `set at ${fishQuote(words.join(' '))}`,
      ]),
  );

const fishOptionCases = (paths: readonly Path[]): string =>
  fishCases(
    paths.flatMap(({ words, options }) =>
      options.map(
        ({ flags, values }) =>
          [
            flags.map((flag) => [...words, flag].join(' ')),
            ['set asked 1', fishValues(values)].join('; '),
          ] as const,
      ),
    ),
  );

const fishPathCases = (paths: readonly Path[]): string =>
  fishCases(
    paths.map(({ words, next, values }) => {
      const list = next.map(([word, text]) => fishQuote(`${word}\t${text}`)).join(' ');
      const more = values === undefined ? '' : `; ${fishValues(values)}`;
      return [[words.join(' ')], `set next ${list}${more}`];
    }),
  );

function fishValues(values: Values): string {
  if (values === 'anything') return "set kind ''";
  if (values === 'files') return 'set kind files';
  return 'words' in values
    ? `set -a next ${values.words.map(fishQuote).join(' ')}`
    : `set kind ${values.kind}`;
}
