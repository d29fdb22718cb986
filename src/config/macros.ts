/**
 * Macros in values of smb.conf, as smb.conf(5) of Samba has them. Those that are the same for every client (%h, %L, %S, %v,
 * %%) are replaced when the file is read. The others of a share's values are replaced for each tree connect, by
 * mountd/client-macros.ts; until then such a value is a template, in which %% is still two percent signs.
 */
import { hostname } from 'node:os';

/** Fields whose values have macros; in others a percent sign is one. */
const FIELDS: ReadonlySet<string> = new Set([
  ...['path', 'comment', 'serverString', 'rootDirectory', 'usernameMap', 'auditLog'],
  ...['validUsers', 'invalidUsers', 'readList', 'writeList', 'adminUsers'],
  ...['guestAccount', 'forceUser', 'forceGroup', 'msdfsProxy', 'kerberosKeytab'],
]);

/** Of a share: those that may be another for each client. */
export const CLIENT_FIELDS = [
  ...(['path', 'comment', 'forceUser', 'forceGroup'] as const),
  ...(['validUsers', 'invalidUsers', 'readList', 'writeList', 'adminUsers'] as const),
] as const;
export type ClientField = (typeof CLIENT_FIELDS)[number];
const isClientField = (field: string): field is ClientField =>
  (CLIENT_FIELDS as readonly string[]).includes(field);

/** What a client is known by: its user, its group, its home, its domain, its machine, addresses, the protocol. */
const CLIENT_LETTERS = 'UuGgHDwmMIJijR';
/** These beside them where nobody is let in by them and nothing is found: in comments. */
const COMMENT_LETTERS = 'PdTt';

/** What a client says itself makes nobody of it. */
const SAID_LETTERS = 'UGm';
const isIdentity = (field: string): boolean => field === 'forceUser' || field === 'forceGroup';

/** As they would be misunderstood: for the message. */
const REFUSED: Readonly<Record<string, string>> = {
  a: 'clients of SMB 2 and 3 do not say what they are',
  N: 'NIS is not asked',
  p: 'NIS is not asked',
  $: 'the environment is no part of the configuration',
};

export interface Macros {
  /** Undefined where it is not known yet. */
  readonly netbiosName?: string | undefined;
  readonly share?: string | undefined;
  /** Whether the section is a share's, or is about all of them: then values may differ by client. */
  readonly ofShares?: boolean | undefined;
}

export type Expanded =
  | {
      readonly text: string;
      /** Names a client's macros. */
      readonly isTemplate: boolean;
    }
  /** Why not. */
  | { readonly problem: string };

export function expandMacros(field: string, text: string, macros: Macros): Expanded {
  if (!FIELDS.has(field) || !text.includes('%')) return { text, isTemplate: false };
  const letters = [...text.matchAll(/%(.?)/gsu)].map(([, letter]) => letter!);
  const forClients = letters.filter((letter) => isForClients(field, letter, macros));
  const unknown = letters.find(
    (letter) => !forClients.includes(letter) && macroValue(letter, macros) === undefined,
  );
  if (unknown !== undefined) return { problem: problemOf(field, unknown) };
  const isTemplate = forClients.length > 0;
  const expanded = text.replace(/%(.?)/gsu, (whole, letter: string) => {
    if (forClients.includes(letter)) return whole;
    const value = macroValue(letter, macros)!;
    return isTemplate ? escapePercent(value) : value;
  });
  return { text: expanded, isTemplate };
}

/** So that it means itself where macros are looked for. */
export const escapePercent = (value: string): string => value.replaceAll('%', '%%');

/** As a file would have it, of a value that is no template. */
export const escapedIn = (field: string, value: string): string =>
  FIELDS.has(field) ? escapePercent(value) : value;

/** `%H` is a path that begins with a slash; as a component it stands for all of them. */
export const withHome = (field: string, text: string, isTemplate: boolean): string =>
  field === 'path' && isTemplate ? text.replace(/^("?)%H(?=["/]|$)/, '$1/%H') : text;

/** As people write it. */
export const withPlainHome = (field: string, template: string): string =>
  field === 'path' ? template.replace(/^\/%H(?=\/|$)/, '%H') : template;

function isForClients(field: string, letter: string, { ofShares, share }: Macros): boolean {
  if (ofShares !== true || !isClientField(field) || letter === '') return false;
  if (letter === 'S') return share === undefined;
  if (field === 'comment' && COMMENT_LETTERS.includes(letter)) return true;
  if (isIdentity(field) && SAID_LETTERS.includes(letter)) return false;
  return CLIENT_LETTERS.includes(letter);
}

function problemOf(field: string, letter: string): string {
  const known = Object.hasOwn(REFUSED, letter) ? REFUSED[letter] : undefined;
  if (known !== undefined) return `has %${letter}, which has no value here: ${known}`;
  const named = letter === '' ? 'a percent sign alone' : `%${letter}`;
  if (isIdentity(field) && SAID_LETTERS.includes(letter) && letter !== '') {
    return `has ${named}, by which a client would say whom it acts as; %u is who it is`;
  }
  const all = `${CLIENT_LETTERS}${COMMENT_LETTERS}`;
  if (isClientField(field) && all.includes(letter) && letter !== '') {
    return `has ${named}, which has a value only ${COMMENT_LETTERS.includes(letter) ? 'in a comment' : 'in a share'}`;
  }
  if (letter !== '' && all.includes(letter)) {
    return `has ${named}, whose value differs by client, which this one cannot`;
  }
  return `has ${named}, which is no macro`;
}

function macroValue(letter: string, { netbiosName, share }: Macros): string | undefined {
  switch (letter) {
    case '%':
      return '%';
    case 'h':
      return hostname();
    case 'L':
      return netbiosName;
    case 'v':
      return 'usmbd';
    case 'S':
      return share;
    default:
      return undefined;
  }
}
