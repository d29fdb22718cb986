/**
 * A share as one client finds it: the macros of smb.conf(5) that differ by client, replaced. Some of what they stand for
 * the client says itself (%m, %U): nothing of that may lead a path out of its place, or make somebody of its user
 * that it is not. What has no value, or one that does, fails the tree connect.
 */
import type { ShareConfiguration } from '../config/configuration.ts';
import type { ClientField } from '../config/macros.ts';
import type { Principal } from '../config/value-types.ts';
import { parseSid } from '../dtyp/sid.ts';
import type { Account, ShareClient } from '../ipc/control-plane.ts';
import type { SystemAccounts } from './system-accounts.ts';

/** What macros are taken from. */
export interface MacroSource {
  readonly account: Account;
  /** Of a stranger: the guest account's. */
  readonly userName: string;
  readonly client: ShareClient;
  readonly netbiosName: string;
  /** The share as it is called towards this client. */
  readonly share: string;
  readonly system: SystemAccounts;
  readonly now: () => Date;
}

/** Why a share cannot be had by a client: for the log. */
export class MacroProblem extends Error {}

/** NAME_MAX of Linux. */
const MAX_COMPONENT_BYTES = 255;
/** PATH_MAX of Linux. */
const MAX_PATH_BYTES = 4095;

/** Throws MacroProblem. The share itself where it is the same for all. */
export function resolveShare(share: ShareConfiguration, from: MacroSource): ShareConfiguration {
  const { templates = [] } = share;
  if (templates.length === 0) return share;
  const resolved: { -readonly [K in ClientField]?: ShareConfiguration[K] } = {};
  const plain = (field: string, text: string): string =>
    expand(text, (letter) => nameOf(letter, from, field));
  for (const field of templates) {
    switch (field) {
      case 'path':
        resolved.path = expandPath(share.path, from);
        break;
      case 'comment':
        break;
      case 'forceUser':
      case 'forceGroup':
        resolved[field] = plain(field, share[field] ?? '');
        break;
      default:
        resolved[field] = share[field].map(
          ({ kind, name }): Principal => ({ kind, name: plain(field, name) }),
        );
    }
  }
  const whole = { ...share, ...resolved };
  if (!templates.includes('comment')) return whole;
  return { ...whole, comment: commentOf(whole, from) };
}

/** Nobody is let in by a comment: what has no value is left out of it. */
export function commentOf({ comment, path }: ShareConfiguration, from: MacroSource): string {
  const value = (letter: string): string =>
    momentValue(letter, from) ?? (letter === 'P' ? path : macroOf(letter, from)) ?? '';
  return expand(comment, value).replace(/\p{Cc}/gu, '');
}

const expand = (template: string, value: (letter: string) => string): string =>
  template.replace(/%(.)/gsu, (_, letter: string) => (letter === '%' ? '%' : value(letter)));

/** Each component of its own, so that no value makes two of one, or a step upwards. */
function expandPath(template: string, from: MacroSource): string {
  const components = template.split('/').flatMap((component) => {
    if (!component.includes('%')) return [component];
    // The only one that is a path itself; it comes from the system's users.
    if (component === '%H') return homeOf(from).split('/').slice(1);
    const name = expand(component, (letter) =>
      letter === 'H'
        ? fail('path', '%H has to be a component of its own')
        : nameOf(letter, from, 'path'),
    );
    if (name === '.' || name === '..') fail('path', `"${name}" leads elsewhere`);
    if (Buffer.byteLength(name) > MAX_COMPONENT_BYTES) fail('path', 'a component is too long');
    return [name];
  });
  const path = components.join('/');
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) fail('path', 'it is too long');
  return path;
}

function homeOf({ system, userName }: MacroSource): string {
  const home = system.homeOf(userName);
  if (home === undefined) fail('path', '%H: the user has no home folder');
  const isPath = home.startsWith('/') && !home.includes('\0');
  const parts = home
    .replace(/\/+/g, '/')
    .replace(/(?<=.)\/$/, '')
    .split('/');
  if (!isPath || home === '/' || parts.includes('..')) {
    fail('path', `%H: the home folder is "${home}"`);
  }
  return parts.join('/');
}

function fail(field: string, why: string): never {
  throw new MacroProblem(`${field}: ${why}`);
}

/** A value as a name that is looked for: one component, and nobody by number. */
function nameOf(letter: string, from: MacroSource, field: string): string {
  const value = macroOf(letter, from);
  if (value === undefined || value === '') fail(field, `%${letter} has no value for this client`);
  const isName = !/[/\p{Cc}\p{Cs}\ufffd]/u.test(value) && value !== '.' && value !== '..';
  if (!isName || parseSid(value) !== undefined) {
    fail(field, `%${letter} is ${JSON.stringify(value)}, which is no name`);
  }
  return value;
}

/** Undefined: it has none for this client. */
function macroOf(letter: string, from: MacroSource): string | undefined {
  const { account, client, userName, system } = from;
  switch (letter) {
    case 'S':
      return from.share;
    case 'u':
      return shortName(userName);
    case 'U':
      return askedName(from);
    case 'g':
      return groupOf(userName, from);
    case 'G':
      return groupOf(askedName(from), from);
    case 'H':
      return system.homeOf(userName);
    case 'D':
      return domainOf(account) ?? from.netbiosName;
    case 'w':
      return '\\';
    case 'm':
      return account.asked?.machine?.toLowerCase() || client.address;
    case 'M':
    case 'I':
      return client.address;
    case 'J':
      return client.address.replace(/[.:]/g, '_');
    case 'i':
      return client.localAddress;
    case 'j':
      return client.localAddress?.replace(/[.:]/g, '_');
    case 'R':
      return client.dialect;
    default:
      return undefined;
  }
}

/** What changes from one moment to the next. */
function momentValue(letter: string, { now }: MacroSource): string | undefined {
  const [date, time] = now().toISOString().slice(0, 19).split('T');
  switch (letter) {
    case 'd':
      return `${process.pid}`;
    case 'T':
      return `${date!.replaceAll('-', '/')} ${time}`;
    case 't':
      return `${date!.replaceAll('-', '')}_${time!.replaceAll(':', '')}`;
    default:
      return undefined;
  }
}

/** As it was given at the login, which has proved to be its user's; a guest has proved nothing. */
function askedName({ account, userName }: MacroSource): string {
  if (account.kind !== 'user') return userName;
  return (account.asked?.user ?? shortName(userName)).toLowerCase();
}

/** Of `DOMAIN\name` the name. */
export const shortName = (name: string): string => name.slice(name.indexOf('\\') + 1);

function domainOf({ name }: Account): string | undefined {
  const at = name.indexOf('\\');
  return at < 0 ? undefined : name.slice(0, at);
}

function groupOf(name: string, { system }: MacroSource): string | undefined {
  const user = system.userByName(name) ?? system.userByName(name.toLowerCase());
  return user && system.groupName(user.identity.gid);
}
