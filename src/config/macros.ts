/**
 * Samba's macros in values of smb.conf, as far as they are the same for every client: %h the host's name, %L the server's
 * NetBIOS name, %v usmbd, %S the share's name, %% a percent sign. Of the others (%U, %m, %I …) a folder or a list of users
 * would be another one for each client, so they are no values here.
 */
import { hostname } from 'node:os';

/** Fields whose values have macros; in others a percent sign is one. */
const FIELDS: ReadonlySet<string> = new Set([
  ...['path', 'comment', 'serverString', 'rootDirectory', 'usernameMap', 'auditLog'],
  ...['validUsers', 'invalidUsers', 'readList', 'writeList', 'adminUsers'],
  ...['guestAccount', 'forceUser', 'forceGroup', 'msdfsProxy', 'kerberosKeytab'],
]);

export interface Macros {
  /** Undefined where it is not known yet. */
  readonly netbiosName?: string | undefined;
  readonly share?: string | undefined;
}

/** Undefined for a macro that has no value here; the text itself where the field has no macros. */
export function expandMacros(field: string, text: string, macros: Macros): string | undefined {
  if (!FIELDS.has(field) || !text.includes('%')) return text;
  let known = true;
  const expanded = text.replace(/%(.?)/gs, (_, letter: string) => {
    const value = macroValue(letter, macros);
    if (value === undefined) known = false;
    return value ?? '';
  });
  return known ? expanded : undefined;
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
