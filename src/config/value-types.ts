/** The kinds of values in smb.conf and ksmbd.conf: how they are read, strictly, and written. */
import { isIP } from 'node:net';

export interface ValueType<T> {
  /** What a good value is, to stand after "expected". */
  readonly expects: string;
  /** Undefined for anything but a good value. */
  parse(text: string): T | undefined;
  print(value: T): string;
}

/** One pair of double quotes about the whole is no part of a text. */
const unquote = (text: string): string => /^"([^"]*)"$/.exec(text)?.[1] ?? text;

export const bool: ValueType<boolean> = {
  expects: 'yes or no',
  parse(text) {
    const word = text.toLowerCase();
    if (['yes', 'true', 'on', '1', 'enable', 'enabled'].includes(word)) return true;
    if (['no', 'false', 'off', '0', 'disable', 'disabled'].includes(word)) return false;
    return undefined;
  },
  print: (value) => (value ? 'yes' : 'no'),
};

/** `words` maps every accepted spelling; the first of a value is the one that is printed. */
export function choice<T extends string | number>(
  words: readonly (readonly [string, T])[],
): ValueType<T> {
  const byWord = new Map(
    words.map(([word, value]) => [word.replace(/\s/g, '').toLowerCase(), value]),
  );
  const byValue = new Map([...words].reverse().map(([word, value]) => [value, word]));
  const main = [...new Set(words.map(([, value]) => byValue.get(value)!))];
  return {
    expects: main.length === 1 ? main[0]! : `${main.slice(0, -1).join(', ')} or ${main.at(-1)}`,
    parse: (text) => byWord.get(unquote(text).toLowerCase().replace(/\s/g, '')),
    print: (value) => byValue.get(value)!,
  };
}

export interface TextLimits {
  readonly maximumBytes?: number;
  readonly minimumBytes?: number;
  readonly form?: RegExp;
  readonly expects?: string;
}

export function text(limits: TextLimits = {}): ValueType<string> {
  const { minimumBytes = 0, maximumBytes = 4096, form } = limits;
  return {
    expects:
      limits.expects ??
      (minimumBytes > 0
        ? `a text of ${minimumBytes} to ${maximumBytes} bytes`
        : `a text of at most ${maximumBytes} bytes`),
    parse(raw) {
      const value = unquote(raw);
      const length = Buffer.byteLength(value);
      const fits = length >= minimumBytes && length <= maximumBytes;
      return fits && !/\p{Cc}/u.test(value) && (form?.test(value) ?? true) ? value : undefined;
    },
    print: (value) => value,
  };
}

export const ipAddress: ValueType<string> = {
  expects: 'an address, 127.0.0.1 or ::1 for instance',
  parse: (raw) => (isIP(unquote(raw)) === 0 ? undefined : unquote(raw)),
  print: (value) => value,
};

/** A value that may be absent, which is how it is written too: `key =`. */
export function optional<T>(type: ValueType<T>): ValueType<T | undefined> {
  return {
    expects: type.expects,
    parse: (raw) => type.parse(raw),
    print: (value) => (value === undefined ? '' : type.print(value)),
  };
}

export interface Range {
  readonly minimum: number;
  readonly maximum: number;
  /** What 0 stands for (ksmbd: "no limit", which is its own greatest value). */
  readonly zero?: number;
}

export function integer({ minimum, maximum, zero }: Range): ValueType<number> {
  return {
    expects: `a number from ${minimum} to ${maximum}${zero === undefined ? '' : ', or 0 for no limit'}`,
    parse(raw) {
      if (!/^\d{1,10}$/.test(raw)) return undefined;
      const value = Number(raw);
      if (value === 0 && zero !== undefined) return zero;
      return value >= minimum && value <= maximum ? value : undefined;
    },
    print: (value) => String(value),
  };
}

const UNITS = ['', 'K', 'M', 'G', 'T', 'P'] as const;

/** Bytes, with a suffix of powers of 1024; a B after it changes nothing (ksmbd's memparse). */
export function size({ minimum, maximum }: Range): ValueType<number> {
  return {
    expects: `a size from ${printSize(minimum)} to ${printSize(maximum)}`,
    parse(raw) {
      const match = /^(\d{1,16})\s*([KMGTP]?)B?$/i.exec(raw);
      if (match === null) return undefined;
      const value = Number(match[1]) * 1024 ** UNITS.indexOf(match[2]!.toUpperCase() as 'K');
      return value >= minimum && value <= maximum ? value : undefined;
    },
    print: printSize,
  };
}

function printSize(value: number): string {
  let power = 0;
  while (value !== 0 && value % 1024 === 0 && power < UNITS.length - 1) {
    value /= 1024;
    power++;
  }
  return `${value}${UNITS[power]}`;
}

/** POSIX mode bits, in octal. */
export const mode: ValueType<number> = {
  expects: 'an octal mode from 0000 to 7777',
  parse: (raw) => (/^0?[0-7]{1,4}$/.test(raw) ? Number.parseInt(raw, 8) : undefined),
  print: (value) => value.toString(8).padStart(4, '0'),
};

export const absolutePath: ValueType<string> = {
  expects: 'an absolute path',
  parse(raw) {
    const value = unquote(raw);
    if (!value.startsWith('/') || value.includes('\0')) return undefined;
    return value.replace(/\/+$/, '') || '/';
  },
  print: (value) => value,
};

/** Items between blanks and commas; double quotes keep blanks and commas inside one. */
export const words: ValueType<readonly string[]> = {
  expects: 'a list, with blanks or commas between its items',
  parse(raw) {
    const items: string[] = [];
    for (const [, quoted, bare] of raw.matchAll(/"([^"]*)"|([^\s,"]+)|"/g)) {
      if (quoted === undefined && bare === undefined) return undefined;
      items.push((quoted ?? bare!).trim());
    }
    return items.every((item) => item !== '') ? items : undefined;
  },
  print: (value) => value.map((item) => (/[\s,]/.test(item) ? `"${item}"` : item)).join(', '),
};

/** One of "valid users" and the like. */
export interface Principal {
  readonly kind: 'user' | 'group';
  readonly name: string;
}

/** `@group` is a Unix group, as `+group` is in Samba; `&` (netgroups) is refused. */
export const principals: ValueType<readonly Principal[]> = {
  expects: 'a list of users and @groups',
  parse(raw) {
    const result: Principal[] = [];
    for (const item of words.parse(raw) ?? ['&']) {
      const kind = /^[@+]/.test(item) ? 'group' : 'user';
      const name = kind === 'group' ? item.slice(1) : item;
      if (name === '' || /^[@+&]/.test(name)) return undefined;
      result.push({ kind, name });
    }
    return result;
  },
  print: (value) =>
    words.print(value.map(({ kind, name }) => (kind === 'group' ? `@${name}` : name))),
};

/** Hosts as Samba's "hosts allow" has them, without host names, which whoever runs their DNS could forge. */
export interface HostRule {
  readonly address: string;
  /** Bits of the address that count. */
  readonly prefix: number;
}

export interface HostList {
  readonly rules: readonly HostRule[];
  /** Samba: EXCEPT. */
  readonly except: readonly HostRule[];
}

export const hosts: ValueType<HostList> = {
  expects: 'a list of addresses, networks (10.0.0.0/8, 192.168., fe80::/10), ALL, EXCEPT',
  parse(raw) {
    const items = words.parse(raw);
    if (items === undefined) return undefined;
    const cut = items.findIndex((item) => item.toUpperCase() === 'EXCEPT');
    const lists = cut === -1 ? [items, []] : [items.slice(0, cut), items.slice(cut + 1)];
    const [rules, except] = lists.map((list) => list.map(hostRules));
    if ([...rules!, ...except!].includes(undefined)) return undefined;
    const flat = (list: typeof rules): HostRule[] => list!.flatMap((rule) => rule ?? []);
    return { rules: flat(rules), except: flat(except) };
  },
  print({ rules, except }) {
    const texts = (list: readonly HostRule[]) => list.map((r) => `${r.address}/${r.prefix}`);
    return words.print([
      ...texts(rules),
      ...(except.length > 0 ? ['EXCEPT'] : []),
      ...texts(except),
    ]);
  },
};

function hostRules(item: string): HostRule[] | undefined {
  if (item.toUpperCase() === 'ALL') {
    return [
      { address: '0.0.0.0', prefix: 0 },
      { address: '::', prefix: 0 },
    ];
  }
  // "192.168." is 192.168.0.0/16.
  if (/^(\d{1,3}\.){1,3}$/.test(item)) {
    const parts = item.split('.').slice(0, -1);
    const address = [...parts, '0', '0', '0'].slice(0, 4).join('.');
    return isIP(address) === 4 ? [{ address, prefix: parts.length * 8 }] : undefined;
  }
  const [address, suffix, ...rest] = item.split('/');
  const family = isIP(address!);
  if (family === 0 || rest.length > 0 || address!.includes('%')) return undefined;
  const bits = family === 4 ? 32 : 128;
  const prefix = suffix === undefined ? bits : prefixLength(suffix, bits);
  return prefix === undefined ? undefined : [{ address: address!, prefix }];
}

/** `/24` or `/255.255.255.0`. */
export function prefixLength(suffix: string, bits: number): number | undefined {
  if (/^\d{1,3}$/.test(suffix)) return Number(suffix) <= bits ? Number(suffix) : undefined;
  if (bits !== 32 || isIP(suffix) !== 4) return undefined;
  const mask = suffix
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('');
  return /^1*0*$/.test(mask) ? mask.lastIndexOf('1') + 1 : undefined;
}

/** Patterns with `*` and `?`, with a slash before and between them; many leave the last one out (Samba). */
export const patterns: ValueType<readonly string[]> = {
  expects: 'patterns between slashes, as in /*.tmp/~*/',
  parse(raw) {
    const value = unquote(raw);
    if (value === '') return [];
    if (!value.startsWith('/') || /^\/+$/.test(value)) return undefined;
    return value.split('/').filter((pattern) => pattern !== '');
  },
  print: (value) => (value.length === 0 ? '' : `/${value.join('/')}/`),
};
