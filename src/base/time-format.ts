/** Points in time in names, as strftime(3) writes and strptime(3) reads them: the part of it that names of snapshots have. */

export interface TimeFormat {
  /** Seconds since 1970-01-01 UTC. */
  format(seconds: number): string;
  /** Undefined for what `format` would not have written. */
  parse(text: string): number | undefined;
}

interface Fields {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

/** What stands for other directives. */
const SHORT: Readonly<Record<string, string>> = {
  '%F': '%Y-%m-%d',
  '%T': '%H:%M:%S',
  '%R': '%H:%M',
  '%D': '%m/%d/%y',
};

interface Directive {
  readonly pattern: string;
  write(fields: Fields): string;
  read(text: string, fields: Fields): void;
}

function number(field: keyof Fields, digits: number): Directive {
  return {
    pattern: `\\d{${digits}}`,
    write: (fields) => `${fields[field]}`.padStart(digits, '0'),
    read(text, fields) {
      fields[field] = Number(text);
    },
  };
}

const YEAR_OF_TWO_DIGITS: Directive = {
  pattern: '\\d{2}',
  write: ({ year }) => `${year % 100}`.padStart(2, '0'),
  read(text, fields) {
    // As POSIX has it: 69 to 99 were, 00 to 68 are to be.
    const digits = Number(text);
    fields.year = digits >= 69 ? 1900 + digits : 2000 + digits;
  },
};

const DIRECTIVES: Readonly<Record<string, Directive>> = {
  '%Y': number('year', 4),
  '%m': number('month', 2),
  '%d': number('day', 2),
  '%H': number('hour', 2),
  '%M': number('minute', 2),
  '%S': number('second', 2),
  '%y': YEAR_OF_TWO_DIGITS,
};

function fieldsOf(seconds: number, isLocal: boolean): Fields {
  const date = new Date(seconds * 1000);
  return isLocal
    ? {
        year: date.getFullYear(),
        month: date.getMonth() + 1,
        day: date.getDate(),
        hour: date.getHours(),
        minute: date.getMinutes(),
        second: date.getSeconds(),
      }
    : {
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
        hour: date.getUTCHours(),
        minute: date.getUTCMinutes(),
        second: date.getUTCSeconds(),
      };
}

function secondsOf(fields: Fields, isLocal: boolean): number {
  const { year, month, day, hour, minute, second } = fields;
  const ms = isLocal
    ? new Date(year, month - 1, day, hour, minute, second).getTime()
    : Date.UTC(year, month - 1, day, hour, minute, second);
  return Math.floor(ms / 1000);
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Undefined where the text has a directive that is not known here. */
export function compileTimeFormat(text: string, isLocal: boolean): TimeFormat | undefined {
  const whole = text.replace(/%[FTRD]/g, (short) => SHORT[short]!);
  const parts = whole.match(/%.?|[^%]+/gsu) ?? [];
  const known = parts.every((part) => part[0] !== '%' || part === '%%' || part in DIRECTIVES);
  if (!known) return undefined;
  const literal = (part: string): string => (part === '%%' ? '%' : part);
  const directives = parts.flatMap((part) => DIRECTIVES[part] ?? []);
  const pattern = parts.map((part) => {
    const directive = DIRECTIVES[part];
    return directive === undefined ? escaped(literal(part)) : `(${directive.pattern})`;
  });
  const matcher = new RegExp(`^${pattern.join('')}$`, 'u');
  const format = (seconds: number): string => {
    const fields = fieldsOf(seconds, isLocal);
    return parts.map((part) => DIRECTIVES[part]?.write(fields) ?? literal(part)).join('');
  };
  const parse = (name: string): number | undefined => {
    const found = matcher.exec(name);
    if (found === null) return undefined;
    const fields: Fields = { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
    for (const [i, directive] of directives.entries()) directive.read(found[i + 1]!, fields);
    const seconds = secondsOf(fields, isLocal);
    // There is no 31st of February.
    return format(seconds) === name ? seconds : undefined;
  };
  return { format, parse };
}

/** Names that hold the time as a number of seconds, `%lu` of printf(3). */
export function compileNumberFormat(text: string): TimeFormat | undefined {
  const parts = /^([^%]*)%l?l?[ud]([^%]*)$/u.exec(text);
  if (parts === null) return undefined;
  const [, before, after] = parts;
  const matcher = new RegExp(`^${escaped(before!)}(0|[1-9]\\d{0,11})${escaped(after!)}$`, 'u');
  return {
    format: (seconds) => `${before}${seconds}${after}`,
    parse(name) {
      const found = matcher.exec(name);
      return found === null ? undefined : Number(found[1]);
    },
  };
}
