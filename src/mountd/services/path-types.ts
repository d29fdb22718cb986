/** MS-SRVS 2.2.2.9, 3.1.1.9: what kind of a path a text is, and its canonical form. */

/** 3.1.4.29. */
const PATH_UNITS_MAXIMUM = 260;
const WILDCARD = 1;

export const ITYPE = {
  UNC_COMPNAME: 4144,
  UNC_WC: 4145,
  UNC: 4096,
  PATH_ABSND: 8194,
  PATH_ABSD: 8198,
  PATH_RELND: 8192,
  PATH_RELD: 8196,
  DEVICE_DISK: 16384,
  DEVICE_LPT: 16400,
  DEVICE_COM: 16416,
  DEVICE_CON: 16448,
  DEVICE_NUL: 16464,
} as const;

/** Of what the first directory says: on a server, and on this machine with a path behind it or without. */
const SYSTEM: Readonly<
  Record<string, readonly [unc: number | undefined, path: number, m: number]>
> = {
  sem: [6400, 10498, 43266],
  sharemem: [6656, 10754, 43522],
  mailslot: [6144, 10242, 43010],
  pipe: [6912, 11010, 43778],
  comm: [undefined, 11266, 44034],
  print: [undefined, 11522, 44290],
  queues: [7680, 11778, 44546],
};

const DEVICES: readonly (readonly [RegExp, number])[] = [
  [/^[a-z]:$/i, ITYPE.DEVICE_DISK],
  [/^(\\dev\\lpt[1-9]|lpt[1-9]:?)$/i, ITYPE.DEVICE_LPT],
  [/^(\\dev\\com[1-9]|com[1-9]:?)$/i, ITYPE.DEVICE_COM],
  [/^(\\dev\\)?con:?$/i, ITYPE.DEVICE_CON],
  [/^(\\dev\\)?nul:?$/i, ITYPE.DEVICE_NUL],
];

const wildcards = (path: string): number => (/[?*]/.test(path) ? WILDCARD : 0);
/** Of a component; a colon stands behind a drive alone. */
const BAD_CHARACTERS = /["<>|:\p{Cc}]/u;

/** Undefined: ERROR_INVALID_NAME. */
export function pathTypeOf(text: string): number | undefined {
  if (text === '' || text.length > PATH_UNITS_MAXIMUM) return undefined;
  const path = text.replaceAll('/', '\\');
  const device = DEVICES.find(([form]) => form.test(path));
  if (device !== undefined) return device[1];
  if (path.startsWith('\\\\')) return uncTypeOf(path.slice(2));
  const { drive, rest } = /^(?<drive>[a-z]:)?(?<rest>.*)$/is.exec(path)!.groups as {
    drive?: string;
    rest: string;
  };
  if (BAD_CHARACTERS.test(rest)) return undefined;
  const [first, ...more] = rest.replace(/^\\/, '').split('\\');
  const system = drive === undefined && rest.startsWith('\\') && SYSTEM[first!.toLowerCase()];
  if (system) return more.length === 0 ? system[2] : system[1];
  const type = rest.startsWith('\\')
    ? drive === undefined
      ? ITYPE.PATH_ABSND
      : ITYPE.PATH_ABSD
    : drive === undefined
      ? ITYPE.PATH_RELND
      : ITYPE.PATH_RELD;
  return type + wildcards(rest);
}

function uncTypeOf(path: string): number | undefined {
  const [computer = '', ...rest] = path.split('\\');
  if (computer === '*' && rest.length === 0) return ITYPE.UNC_WC;
  if (computer === '' || /[?*]/.test(computer) || BAD_CHARACTERS.test(path)) return undefined;
  if (rest.length === 0) return ITYPE.UNC_COMPNAME;
  if (rest.includes('')) return undefined;
  const system = rest.length > 1 ? SYSTEM[rest[0]!.toLowerCase()]?.[0] : undefined;
  return system ?? ITYPE.UNC + wildcards(path);
}

/** Without `.`, `..` and empty parts, and with backslashes. Undefined: ERROR_INVALID_NAME. */
export function canonicalPath(prefix: string, text: string): string | undefined {
  if (prefix !== '' && pathTypeOf(prefix) === undefined) return undefined;
  const joined = prefix === '' || text === '' ? prefix + text : `${prefix}\\${text}`;
  const path = joined.replaceAll('/', '\\');
  const root = /^(\\\\[^\\]+|[a-z]:\\?|\\(?!\\))?/i.exec(path)![0];
  const parts: string[] = [];
  for (const part of path.slice(root.length).split('\\')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part.replace(/[. ]+$/, ''));
    else if (parts.pop() === undefined) return undefined;
  }
  const below = parts.join('\\');
  const slash = below !== '' && root.startsWith('\\\\') ? '\\' : '';
  return root + slash + below;
}
