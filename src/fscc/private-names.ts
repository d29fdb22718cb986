/**
 * Names on disk and names to clients. What POSIX allows and SMB does not (MS-FSCC 2.1.5.2: control
 * characters and `" * : < > ? \ |`; a space or dot at the end) is told to clients in the private range
 * that macOS and Linux (mapposix) know, and taken back the same way, so that each file has a name that
 * can be sent. Names that hold such private characters on disk are found under them as well. A name of
 * dots alone stays as it is in both forms, so that none becomes `.` or `..`.
 */

const PRIVATE = 0xf000;
const LAST_CONTROL = 0x1f;
const TRAILING_SPACE = 0xf028;
const TRAILING_DOT = 0xf029;

const MARKS = [
  ['"', 0xf020],
  ['*', 0xf021],
  [':', 0xf022],
  ['<', 0xf023],
  ['>', 0xf024],
  ['?', 0xf025],
  ['\\', 0xf026],
  ['|', 0xf027],
] as const;

const toClient = new Map<string, string>();
for (let code = 1; code <= LAST_CONTROL; code++) {
  toClient.set(String.fromCharCode(code), String.fromCharCode(PRIVATE + code));
}
for (const [mark, code] of MARKS) toClient.set(mark, String.fromCharCode(code));

const toDisk = new Map([...toClient].map(([disk, client]) => [client, disk]));

/** A lone space or dot is a last one as well. */
const lastToClient = new Map([
  [' ', String.fromCharCode(TRAILING_SPACE)],
  ['.', String.fromCharCode(TRAILING_DOT)],
]);
const lastToDisk = new Map([...lastToClient].map(([disk, client]) => [client, disk]));

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const NEEDS_CLIENT_FORM = /[\x01-\x1f"*:<>?\\|]|[ .]$/;
const NEEDS_DISK_FORM = /[\uf001-\uf027]|[\uf028\uf029]$/;

function convert(name: string, all: Map<string, string>, last: Map<string, string>): string {
  let result = '';
  for (let i = 0; i < name.length; i++) {
    const letter = name[i]!;
    const mapped = i === name.length - 1 ? (last.get(letter) ?? all.get(letter)) : all.get(letter);
    result += mapped ?? letter;
  }
  return result;
}

const ONLY_DOTS = /^\.*$/;

/** The name that clients see for a name on disk. */
export const clientName = (name: string): string =>
  NEEDS_CLIENT_FORM.test(name) && !ONLY_DOTS.test(name)
    ? convert(name, toClient, lastToClient)
    : name;

/** The name on disk for a client's. */
export function diskName(name: string): string {
  if (!NEEDS_DISK_FORM.test(name)) return name;
  const converted = convert(name, toDisk, lastToDisk);
  return ONLY_DOTS.test(converted) ? name : converted;
}

/**
 * The same for a stream's, of which no client can send a colon or a backslash (MS-FSCC 2.1.5.3): Samba with
 * `fruit:encoding = native` stores them as they are.
 */
export const clientStreamName = (name: string): string =>
  name.includes(':') || name.includes('\\')
    ? name.replaceAll(':', toClient.get(':')!).replaceAll('\\', toClient.get('\\')!)
    : name;
