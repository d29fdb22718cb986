/**
 * MS-SAMR 3.1.1: the objects that a client opens: the server, its two domains (its own and the built-in one),
 * users, groups and aliases. All of it is read from the accounts and the groups; nothing is kept here.
 */
import {
  BUILTIN_ADMINISTRATORS,
  BUILTIN_DOMAIN,
  BUILTIN_GUESTS,
  BUILTIN_USERS,
  RID_GUEST,
  type Sid,
  sidInDomain,
  splitSid,
} from '../../dtyp/sid.ts';
import { SidNameUse } from '../../rpc/security-types.ts';
import type { AccountGuard } from '../account-guard.ts';
import type { GroupStore } from '../group-store.ts';
import {
  BUILTIN_ALIASES,
  BUILTIN_NAME,
  NONE_NAME,
  type Principals,
  RID_NONE,
} from '../principals.ts';

export interface SamUser {
  readonly kind: 'user';
  readonly rid: number;
  readonly name: string;
  readonly control: number;
  readonly isGuest: boolean;
}

export interface SamGroup {
  readonly kind: 'group' | 'alias';
  readonly rid: number;
  readonly name: string;
  readonly comment: string;
}

/** A domain: MS-SAMR 3.1.1.1. */
export interface SamDomain {
  readonly kind: 'domain';
  readonly name: string;
  readonly sid: Sid;
  users(): readonly SamUser[];
  groups(): readonly SamGroup[];
  aliases(): readonly SamGroup[];
}

/** What a handle stands for. */
export type SamObject =
  | { readonly kind: 'server' }
  | {
      readonly kind: 'domain';
      readonly domain: SamDomain;
      /** DOMAIN_* of MS-SAMR 2.2.1.4 that it was opened with. */
      readonly granted: number;
    }
  | { readonly kind: 'user'; readonly user: SamUser; readonly domain: SamDomain }
  | { readonly kind: 'group' | 'alias'; readonly group: SamGroup; readonly domain: SamDomain };

/** MS-SAMR 2.2.1.12. */
const USER_ACCOUNT_DISABLED = 0x0000_0001;
const USER_NORMAL_ACCOUNT = 0x0000_0010;
export const USER_DONT_EXPIRE_PASSWORD = 0x0000_0200;
/** Too many wrong passwords. */
export const USER_ACCOUNT_AUTO_LOCKED = 0x0000_0400;
/** MS-SAMR 2.2.1.10: a group that is there and counts. */
export const GROUP_ATTRIBUTES = 0x7;

const NONE: SamGroup = {
  kind: 'group',
  rid: RID_NONE,
  name: NONE_NAME,
  comment: 'Everybody who has an account',
};

/** As it is now. */
export const samGroup = (domain: SamDomain, rid: number): SamGroup | undefined =>
  [...domain.groups(), ...domain.aliases()].find((group) => group.rid === rid);

export function samDomains(
  principals: Principals,
  store: GroupStore,
  guard: AccountGuard,
): readonly [own: SamDomain, builtin: SamDomain] {
  const own: SamDomain = {
    kind: 'domain',
    name: principals.machineName,
    sid: principals.machineSid,
    users: () => usersOf(principals, guard),
    groups: () => [NONE, ...store.groups.filter(({ kind }) => kind === 'group')],
    aliases: () => store.groups.filter(({ kind }) => kind === 'alias'),
  };
  const builtin: SamDomain = {
    kind: 'domain',
    name: BUILTIN_NAME,
    sid: BUILTIN_DOMAIN,
    users: () => [],
    groups: () => [],
    aliases: () =>
      BUILTIN_ALIASES.map(([rid, name, comment]) => ({ kind: 'alias', rid, name, comment })),
  };
  return [own, builtin];
}

/** By RID, each once: of several accounts that act as one system user the first has its SID. */
function usersOf(principals: Principals, guard: AccountGuard): SamUser[] {
  const guestSid = sidInDomain(principals.machineSid, RID_GUEST);
  const guest: SamUser = {
    kind: 'user',
    rid: RID_GUEST,
    name: principals.bySid(guestSid)!.name,
    control: USER_NORMAL_ACCOUNT | USER_DONT_EXPIRE_PASSWORD | USER_ACCOUNT_DISABLED,
    isGuest: true,
  };
  const users = new Map<number, SamUser>([[guest.rid, guest]]);
  for (const { sid, name } of principals.accounts()) {
    const { rid } = splitSid(sid)!;
    if (users.has(rid)) continue;
    const { isLockedOut, mustChangeMs } = guard.stateOf(name);
    const locked = isLockedOut ? USER_ACCOUNT_AUTO_LOCKED : 0;
    const endless = mustChangeMs === undefined ? USER_DONT_EXPIRE_PASSWORD : 0;
    const control = USER_NORMAL_ACCOUNT | endless | locked;
    users.set(rid, { kind: 'user', rid, name, control, isGuest: false });
  }
  return [...users.values()].sort((a, b) => a.rid - b.rid);
}

export interface SamEntry {
  readonly rid: number;
  readonly name: string;
  readonly use: SidNameUse;
}

export const entriesOf = (domain: SamDomain): SamEntry[] => [
  ...domain.users().map(({ rid, name }) => ({ rid, name, use: SidNameUse.SidTypeUser })),
  ...domain.groups().map(({ rid, name }) => ({ rid, name, use: SidNameUse.SidTypeGroup })),
  ...domain.aliases().map(({ rid, name }) => ({ rid, name, use: SidNameUse.SidTypeAlias })),
];

/** The aliases of `domain` that any of these SIDs is a member of: 3.1.5.9.1. */
export function aliasesOf(
  domain: SamDomain,
  own: SamDomain,
  sids: readonly Sid[],
  store: GroupStore,
): number[] {
  const members = new Set(sids);
  return domain
    .aliases()
    .map(({ rid }) => rid)
    .filter((rid) => membersOf(domain, own, rid, store).some((sid) => members.has(sid)));
}

/** Who is in it by what he is, and then who was put into it. */
export function membersOf(
  domain: SamDomain,
  own: SamDomain,
  rid: number,
  store: GroupStore,
): Sid[] {
  const sid = sidInDomain(domain.sid, rid);
  const born = domain.sid === own.sid && rid === RID_NONE ? everybody(own) : bornMembers(own, sid);
  return [...new Set([...born, ...store.membersOf(sid)])];
}

const everybody = (own: SamDomain): Sid[] =>
  own.users().map(({ rid }) => sidInDomain(own.sid, rid));

/** Who is root is an administrator; everybody with an account a user; the guest a guest. */
function bornMembers(own: SamDomain, alias: Sid): Sid[] {
  switch (alias) {
    case BUILTIN_ADMINISTRATORS:
      return own
        .users()
        .filter((user) => user.rid === RID_OF_ROOT)
        .map((user) => sidInDomain(own.sid, user.rid));
    case BUILTIN_USERS:
      return [sidInDomain(own.sid, RID_NONE)];
    case BUILTIN_GUESTS:
      return [sidInDomain(own.sid, RID_GUEST)];
    default:
      return [];
  }
}

/** dtyp/unix-sids.ts: uid 0. */
const RID_OF_ROOT = 1000;
