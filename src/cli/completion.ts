/** `usmbd completion SHELL`: commands and options for bash, zsh and fish, as they are in this version. */
import { Argument, Command } from 'commander';
import { print } from './output.ts';

type Shell = 'bash' | 'zsh' | 'fish';

const NOTES = `
Examples:
  usmbd completion bash > /etc/bash_completion.d/usmbd
  usmbd completion zsh > "\${fpath[1]}/_usmbd"
  usmbd completion fish > ~/.config/fish/completions/usmbd.fish`;

export const completionCommand = (all: () => Command): Command =>
  new Command('completion')
    .description('print what completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', NOTES)
    .action((shell: Shell) => print(SCRIPTS[shell](pathsOf(all()))));

interface Path {
  /** Without "usmbd". */
  readonly words: readonly string[];
  /** What may stand next, with what it does. */
  readonly next: readonly (readonly [word: string, description: string])[];
}

function pathsOf(command: Command, words: readonly string[] = []): Path[] {
  const commands = command.commands.map((one) => [one.name(), one.description()] as const);
  const options = command.options
    .filter(({ hidden }) => !hidden)
    .map(({ long, short, description }) => [long ?? short ?? '', description] as const);
  const next = [...commands, ...options, ['--help', 'show help'] as const];
  const below = command.commands.flatMap((one) => pathsOf(one, [...words, one.name()]));
  return [{ words, next }, ...below];
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const wordsOf = ({ next }: Path): string => next.map(([word]) => word).join(' ');

function caseOf(paths: readonly Path[], say: (path: Path) => string): string {
  const lines = paths.map((path) => `    ${quote(path.words.join(' '))}) ${say(path)} ;;\n`);
  return lines.join('');
}

/** Branches that take a word where it is a command after those before it. */
function steps(paths: readonly Path[], variable: string): string {
  const below = paths.filter(({ words }) => words.length > 0);
  const step = `${variable}="\${${variable}:+$${variable} }$word"`;
  return below.map(({ words }) => `      ${quote(words.join(' '))}) ${step} ;;\n`).join('');
}

const SCRIPTS: Readonly<Record<Shell, (paths: readonly Path[]) => string>> = {
  bash: (paths) => `# usmbd completion bash
_usmbd() {
  local path='' word next
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
${steps(paths, 'path')}    esac
  done
  case "$path" in
${caseOf(paths, (path) => `next=${quote(wordsOf(path))}`)}  esac
  COMPREPLY=($(compgen -W "$next" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _usmbd usmbd
`,
  zsh: (paths) => `#compdef usmbd
_usmbd() {
  local path_='' word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${path_:+$path_ }$word" in
${steps(paths, 'path_')}    esac
  done
  local -a next
  case "$path_" in
${caseOf(paths, ({ next }) => `next=(${next.map(([word, text]) => quote(`${word}:${text}`)).join(' ')})`)}  esac
  _describe usmbd next || _files
}
_usmbd "$@"
`,
  fish: (paths) =>
    `# usmbd completion fish\n${paths
      .flatMap(({ words, next }) =>
        next.map(([word, text]) => {
          const seen = words.map((one) => `__fish_seen_subcommand_from ${one}`).join('; and ');
          const condition = seen === '' ? '__fish_use_subcommand' : seen;
          const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word} -f`;
          return `complete -c usmbd -n ${quote(condition)} ${what} -d ${quote(text)}\n`;
        }),
      )
      .join('')}`,
};
