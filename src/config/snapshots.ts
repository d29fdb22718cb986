/** Where previous versions of a share's files are: the parameters of Samba's shadow_copy2. */
import { compileNumberFormat, compileTimeFormat, type TimeFormat } from '../base/time-format.ts';
import { parameter, type Table, unsupported } from './parameter.ts';
import { bool, choice, optional, text, type ValueType } from './value-types.ts';

export const SNAPSHOTS_MODULE = 'shadow_copy2';

/** Undefined for what neither reading of the parameter could be. */
export const snapshotFormat = (
  format: string,
  isNumber: boolean,
  isLocal: boolean,
): TimeFormat | undefined =>
  isNumber ? compileNumberFormat(format) : compileTimeFormat(format, isLocal);

const format: ValueType<string> = {
  expects: 'a name with %Y, %m, %d, %H, %M, %S, %y, %F, %T, %R, %D, or with "shadow:sscanf" %lu',
  parse(raw) {
    const given = text().parse(raw);
    if (given === undefined || given.includes('/')) return undefined;
    const compiles = [true, false].some((isNumber) => snapshotFormat(given, isNumber, false));
    return compiles ? given : undefined;
  },
  print: (value) => value,
};

/** POSIX' basic regular expressions, as GNU has them: what is special with a backslash here is so without there, and the other way. */
export function basicExpression(source: string): RegExp | undefined {
  const bracketsApart = /\[\^?\]?[^\]]*\]|\\?[\s\S]/gu;
  const modern = source.replace(bracketsApart, (part) => {
    if (part.length > 2 || part[0] === '[') return part.replaceAll('\\', '\\\\');
    if (/^\\[(){}+?|]$/.test(part)) return part[1]!;
    return /^[(){}+?|]$/.test(part) ? `\\${part}` : part;
  });
  try {
    return new RegExp(modern);
  } catch {
    return undefined;
  }
}

const prefix: ValueType<string> = {
  expects: 'a basic regular expression',
  parse(raw) {
    const given = text().parse(raw);
    return !given || basicExpression(given) === undefined ? undefined : given;
  },
  print: (value) => value,
};

const order = choice<'desc' | 'asc' | 'none'>([
  ['desc', 'desc'],
  ['asc', 'asc'],
  ['none', 'none'],
]);

/** A folder, absolute or beneath what the parameter's description says. */
const folder = text({ minimumBytes: 1, form: /^[^\0]+$/ });
const noFolder = undefined as string | undefined;

export const snapshotParameters = {
  /** The folder of snapshots; a relative one is beneath the mount point. */
  snapshotFolder: parameter('shadow:snapdir', folder, '.snapshots'),
  /** What a snapshot is of; undefined: the whole file system. */
  snapshotBase: parameter('shadow:basedir', optional(folder), noFolder),
  /** Where the share is in a snapshot; undefined: where it is in its base. */
  snapshotSharePath: parameter('shadow:snapsharepath', optional(folder), noFolder),
  /** Of the file system of the share; undefined: found out. */
  snapshotMountPoint: parameter('shadow:mountpoint', optional(folder), noFolder),
  snapshotFormat: parameter('shadow:format', format, '@GMT-%Y.%m.%d-%H.%M.%S'),
  /** Names hold a number of seconds. */
  snapshotNumbers: parameter('shadow:sscanf', bool, false),
  snapshotLocalTime: parameter('shadow:localtime', bool, false),
  snapshotOrder: parameter('shadow:sort', order, 'desc'),
  snapshotPrefix: parameter('shadow:snapprefix', optional(prefix), noFolder),
  snapshotDelimiter: parameter('shadow:delimiter', text({ minimumBytes: 1 }), '_GMT'),
  /** Files of a snapshot are always told apart from those of today. */
  snapshotFixInodes: unsupported(
    'shadow:fixinodes',
    bool,
    true,
    'files of snapshots are always told apart',
  ),
  snapshotsEverywhere: unsupported(
    'shadow:snapdirseverywhere',
    bool,
    false,
    'there is one folder of snapshots',
  ),
  snapshotsCrossMounts: unsupported(
    'shadow:crossmountpoints',
    bool,
    false,
    'snapshots are looked for on one file system',
  ),
} satisfies Table;
