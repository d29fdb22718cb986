/** `usmbd manual PAGE`: its man pages, made of its own commands and of the tables of parameters. */
import { Argument, Command } from 'commander';
import { version } from '../base/version.ts';
import { globalDescriptions, shareDescriptions } from '../config/descriptions.ts';
import { type Effect, globalEffects, shareEffects } from '../config/effects.ts';
import { namesOf, type Parameter, type Table } from '../config/parameter.ts';
import { globalParameters, shareParameters } from '../config/parameters.ts';
import { normalizeKey } from '../config/smb-conf.ts';
import { VALUES_COMMAND } from './completion-values.ts';
import { print } from './output.ts';

const NOTES = `
Examples:
  usmbd manual usmbd.8 | man -l -
  usmbd manual usmbd.conf.5 > /usr/local/share/man/man5/usmbd.conf.5`;

export const manualCommand = (all: () => Command): Command =>
  new Command('manual')
    .description('print a man page')
    .addArgument(new Argument('<page>', 'which one').choices(['usmbd.8', 'usmbd.conf.5']))
    .addHelpText('after', NOTES)
    .action((page: string) =>
      print(page === 'usmbd.8' ? commandsPage(all()) : configurationPage()),
    );

/** roff(7): no line of text begins a request, and a backslash is one. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');

const heading = (name: string, section: number): string =>
  `.TH ${name.toUpperCase()} ${section} "" "usmbd ${version()}"\n`;

function commandsPage(usmbd: Command): string {
  const commands = usmbd.commands.filter((one) => !['help', VALUES_COMMAND].includes(one.name()));
  const below = (one: Command, path: string): string =>
    one.commands.map((each) => commandText(each, `${path} ${one.name()}`)).join('');
  return `${heading('usmbd', 8)}.SH NAME
usmbd \\- ${roff(usmbd.description())}
.SH SYNOPSIS
.B usmbd
.I command
[options]
.SH DESCRIPTION
Serves folders to clients of SMB 2 and 3. Every command has a help of its own: usmbd help
.IR command .
.SH COMMANDS
${commands.map((one) => commandText(one, 'usmbd') + below(one, 'usmbd')).join('')}.SH SIGNALS
SIGHUP reads the configuration again, SIGTERM and SIGINT end the server, its clients in order; a second one at once.
.SH SOCKETS OF SYSTEMD
usmbd serve, and usmbd mountd in the foreground, take TCP sockets that a .socket unit listens on (sd_listen_fds(3)), in place of their
own. What each is for its FileDescriptorName says: smb, smb\\-direct, epmap, rpc or metrics; under any other name, its port:
"smb direct port", "metrics port", "rpc endpoint mapper port" or "rpc server port" where those are switched on, else SMB. Those for SMB stand
for tcp port, smb ports, interfaces, and the options for port and address.
.SH FILES
/etc/usmbd/usmbd.conf, /var/lib/usmbd
.SH SEE ALSO
.BR usmbd.conf (5)
`;
}

function commandText(command: Command, path: string): string {
  const options = command.options
    .filter(({ hidden }) => !hidden)
    .map(({ flags, description }) => `.TP\n.B ${roff(flags)}\n${roff(description)}\n`);
  return `.SS ${roff(`${path} ${command.name()} ${command.usage()}`)}
${roff(command.description())}
${options.join('')}`;
}

const MACROS = `.SH HOMES
A section [homes] is a share for each user, under the user's name. Without a path it is the user's home folder. Without
"valid users" only the user gets in. It is listed to its own user alone, whatever "browseable" says, and is there under the
name "homes", too.
.SH MACROS
The same for every client, in paths, comments, lists of users and the names of accounts, groups and the server: %h the
host's name, %L the server's NetBIOS name, %v usmbd, %S the share's name (of a home the user's), %% a percent sign.
.PP
Of the client that connects, in path, comment, valid users, invalid users, read list, write list and admin users:
%u the user, %U the name that the user has logged in by (in small letters, before "username map"), %g and %G their primary groups,
%H the home folder, a component of its own, %D the domain, of accounts here the server's name, %m the client's name for
itself, or its address where it has none, %M and %I the client's address, %J the same with _ for dots and colons, %i and %j likewise the
server's address that it has connected to, %R the dialect (SMB3_11), %w a backslash. In comments also %P the path, %d the process, %T and
%t the time. In force user and force group those that a client says itself (%U, %G, %m) are not allowed.
.PP
A value never is more than one component of a path: a tree connect whose macro has no value, or one with a slash, or ".." or
a control character in it, is refused, and the log says why. Below the first component with a macro no symbolic link is
followed that neither root nor the server's own user has made. What %m says is only what a client claims.
`;

function configurationPage(): string {
  return `${heading('usmbd.conf', 5)}.SH NAME
usmbd.conf \\- configuration of usmbd
.SH DESCRIPTION
Sections in brackets, and in them lines of "name = value", as in smb.conf and ksmbd.conf. [global] is the server's, each other
section a share. Comments begin with ; or #. "include = FILE" stands for the lines of another file, "copy = SHARE" for
those of another section. Parameters of a share that stand in [global] are defaults of all shares. usmbd testparm checks a file.
.SH PARAMETERS OF THE SERVER
${parametersText(GLOBAL)}.SH PARAMETERS OF A SHARE
${parametersText(SHARE)}${MACROS}.SH SEE ALSO
.BR usmbd (8)
`;
}

const TOLD: Readonly<Record<Effect, string>> = {
  now: 'a reload makes it count at once',
  'new connections': 'after a reload it counts for new connections',
  'share anew': 'a reload has clients connect to the share anew',
  restart: 'a change needs a restart',
  none: 'read, but not supported',
};

interface Told {
  readonly section: string;
  readonly table: Table;
  readonly effects: Readonly<Record<string, Effect>>;
  readonly descriptions: Readonly<Record<string, string>>;
}

const GLOBAL: Told = {
  section: '[global]',
  table: globalParameters,
  effects: globalEffects,
  descriptions: globalDescriptions,
};
const SHARE: Told = {
  section: 'a share, or in [global] for all of them',
  table: shareParameters,
  effects: shareEffects,
  descriptions: shareDescriptions,
};

function facts({ aliases, inverses, type, fallback }: Parameter<unknown>, effect: Effect): string {
  const others = [...aliases, ...inverses.map((one) => `${one} (the opposite)`)];
  const also = others.length === 0 ? '' : ` Also: ${others.join(', ')}.`;
  return `Value: ${type.expects}. Default: ${type.print(fallback) || 'none'}; ${TOLD[effect]}.${also}`;
}

function parametersText({ table, effects, descriptions }: Told): string {
  const rows = Object.entries(table).sort(([, a], [, b]) => a.name.localeCompare(b.name));
  return rows
    .map(([field, row]) => {
      const text = `${roff(descriptions[field]!)}\n.br\n${roff(facts(row, effects[field]!))}`;
      return `.TP\n.B ${roff(row.name)}\n${text}\n`;
    })
    .join('');
}

/** What `usmbd testparm --explain` prints; empty: there is no such parameter. */
export function explain(name: string): string {
  const key = normalizeKey(name);
  return [GLOBAL, SHARE]
    .flatMap(({ section, table, effects, descriptions }) =>
      Object.entries(table)
        .filter(([, row]) => namesOf(row).some((one) => normalizeKey(one) === key))
        .map(
          ([field, row]) =>
            `${row.name} (in ${section})\n  ${descriptions[field]!}\n  ${facts(row, effects[field]!)}\n`,
        ),
    )
    .join('\n');
}
