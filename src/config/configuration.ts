/** What a server is configured to do: every parameter with its effective value. */
import { hostname } from 'node:os';
import { type IdmapDomain, idmapText } from './idmap.ts';
import { type ClientField, escapedIn, withPlainHome } from './macros.ts';
import type { Table, Values } from './parameter.ts';
import {
  type GlobalValues,
  globalParameters,
  type ShareValues,
  shareParameters,
} from './parameters.ts';
import type { Principal } from './value-types.ts';

export interface GlobalConfiguration
  extends Omit<GlobalValues, 'netbiosName' | 'restrictAnonymous'> {
  readonly netbiosName: string;
  /** 0: anonymous logins may list shares; 1 and 2: they, and guests, see guest shares alone. */
  readonly restrictAnonymous: number;
}

export interface ShareConfiguration extends ShareValues {
  readonly name: string;
  /** Whose values have macros that differ by client (macros.ts); absent: none. */
  readonly templates?: readonly ClientField[];
  /** [homes]: a share for each user, by the user's name. */
  readonly homes?: true;
}

/** Whether where it is depends on who comes. */
export const hasPlaces = ({ templates, homes }: ShareConfiguration): boolean =>
  homes === true || templates?.includes('path') === true;

export interface Configuration {
  readonly global: GlobalConfiguration;
  /** Without IPC$, which every server has. */
  readonly shares: readonly ShareConfiguration[];
  /** "admin users" of [global]: beside root they administer the server by its management interfaces. */
  readonly administrators?: readonly Principal[];
  /** "idmap config": uids and gids of domains; absent: domains have none here. */
  readonly idmap?: readonly IdmapDomain[];
}

/** What a program says of its server; the rest are defaults. */
export interface ConfigurationInput {
  readonly global?: Partial<GlobalConfiguration>;
  readonly shares?: readonly (Partial<ShareValues> & {
    readonly name: string;
    readonly path: string;
  })[];
}

export function configure({ global = {}, shares = [] }: ConfigurationInput): Configuration {
  return {
    global: effectiveGlobal({ ...fallbacks(globalParameters), ...global }),
    shares: shares.map((share) => ({ ...fallbacks(shareParameters), ...share })),
  };
}

/** Fills in the defaults that depend on other things. */
export function effectiveGlobal(values: GlobalValues): GlobalConfiguration {
  return {
    ...values,
    // 0: something older than SMB1 was asked for.
    minProtocol: values.minProtocol === 0 ? 0x0202 : values.minProtocol,
    netbiosName: values.netbiosName ?? defaultNetbiosName(hostname()),
    // Anonymous logins are there where they are asked for, one way or the other.
    restrictAnonymous: values.restrictAnonymous ?? (values.mapToGuest === 'never' ? 2 : 0),
  };
}

/** A NetBIOS name has 15 characters (MS-NBTE); the host's own name without its domain gives one. */
export function defaultNetbiosName(host: string): string {
  const name = host
    .split('.')[0]!
    .toUpperCase()
    .replace(/[^A-Z0-9-]/g, '')
    .slice(0, 15);
  return name === '' ? 'USMBD' : name;
}

function fallbacks<T extends Table>(table: T): Values<T> {
  const fields = Object.entries(table).map(([field, { fallback }]) => [field, fallback]);
  return Object.fromEntries(fields) as Values<T>;
}

/** Every section with every parameter, as smb.conf has them. */
export const settingsOf = (configuration: Configuration) =>
  [
    { name: 'global', table: globalParameters as Table, values: configuration.global as object },
    ...configuration.shares.map((share) => ({
      name: share.name,
      table: shareParameters as Table,
      values: share as object,
    })),
  ].map(({ name, table, values }) => {
    const byField = new Map<string, unknown>(Object.entries(values));
    const parameters = Object.entries(table).map(
      ([field, row]) => [row.name, printed(field, row, byField)] as const,
    );
    return { name, parameters };
  });

function printed(
  field: string,
  { type }: Table[string],
  values: ReadonlyMap<string, unknown>,
): string {
  const templates = (values.get('templates') ?? []) as readonly string[];
  const text = type.print(values.get(field));
  return templates.includes(field) ? withPlainHome(field, text) : escapedIn(field, text);
}

/** As smb.conf has it. Without `all` only what is not the default. */
export function configurationText(configuration: Configuration, all = false): string {
  const sections = configuration.shares.map(
    (share) => `\n[${share.name}]\n${linesOf(shareParameters, share, all)}`,
  );
  const global = linesOf(globalParameters, configuration.global, all);
  return `[global]\n${global}${idmapText(configuration.idmap ?? [])}${sections.join('')}`;
}

function linesOf(table: Table, values: object, all: boolean): string {
  const byField = new Map<string, unknown>(Object.entries(values));
  let lines = '';
  for (const [field, row] of Object.entries(table)) {
    const text = printed(field, row, byField);
    if (all || text !== row.type.print(row.fallback)) lines += `    ${row.name} = ${text}\n`;
  }
  return lines;
}
