/**
 * Which system user an account acts as. Undefined in an Account means "as the server process does", which
 * is right only where that process is unprivileged; a server run as root answers with an identity or with
 * a refusal, never with its own.
 */
import type { ShareConfiguration } from '../config/configuration.ts';
import type { Account, DomainUser, MappedUser } from '../ipc/control-plane.ts';
import type { SystemAccounts, SystemUser } from './system-accounts.ts';

export type Identity = NonNullable<Account['identity']>;

/** Undefined inside: as the process does. 'none': there is no such system user, or group. */
export type Acting = { readonly identity: Identity | undefined } | 'none';

/** Holds nothing on any system: for an account on IPC$, where no file is. */
export const NOBODY: Identity = { uid: 65534, gid: 65534, groups: [] };

/** Of `admin users`, whatever `force user` says (as in Samba). */
export const ROOT: Identity = { uid: 0, gid: 0, groups: [] };

export interface IdentityRules {
  /** Whether the process can and must act as its users: it runs as root. */
  readonly switches: boolean;
  /** Those that whoever started the server chose. */
  chosen(name: string): Identity | undefined;
  /** As the system has them at the time of the call. */
  systemAccounts(): SystemAccounts;
}

/** Of who has both numbers there. */
export function identityOfDomain({ mapped }: DomainUser): Identity | undefined {
  if (mapped?.uid === undefined || mapped.gid === undefined) return undefined;
  const { uid, gid, groups } = mapped;
  return { uid, gid, groups: groups.filter((group) => group !== gid) };
}

/** A user of this machine, with the groups of its domain. */
export function withGroups(own: Identity, mapped: MappedUser | undefined): Identity {
  if (mapped === undefined || mapped.groups.length === 0) return own;
  const groups = new Set([...own.groups, ...mapped.groups]);
  groups.delete(own.gid);
  return { ...own, groups: [...groups] };
}

/** By the account's own name, or by `guestAccount` for a guest. */
export function actingAs(rules: IdentityRules, name: string): Acting {
  const chosen = rules.chosen(name);
  if (chosen !== undefined) return { identity: chosen };
  if (!rules.switches) return { identity: undefined };
  return identityOf(rules.systemAccounts().userByName(name));
}

/** What `force user` and `force group` of a share make of it. */
export function actingOnShare(
  rules: IdentityRules,
  own: Acting,
  { forceUser, forceGroup }: Pick<ShareConfiguration, 'forceUser' | 'forceGroup'>,
): Acting {
  if (!rules.switches || (forceUser === undefined && forceGroup === undefined)) return own;
  const accounts = rules.systemAccounts();
  const acting = forceUser === undefined ? own : identityOf(accounts.userByName(forceUser));
  if (acting === 'none' || acting.identity === undefined || forceGroup === undefined) return acting;
  const gid = accounts.groupId(forceGroup);
  return gid === undefined ? 'none' : { identity: { ...acting.identity, gid } };
}

const identityOf = (user: SystemUser | undefined): Acting =>
  user === undefined ? 'none' : { identity: user.identity };
