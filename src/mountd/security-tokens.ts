/**
 * Who a user is in security descriptors: its SIDs (MS-DTYP 2.5.2) and privileges, and whose SIDs the users and
 * groups of the disk are.
 */
import { type AccessToken, ALL_FILE_PRIVILEGES } from '../dtyp/access-check.ts';
import type { DomainIds } from '../dtyp/id-blocks.ts';
import { ANONYMOUS, BUILTIN_ADMINISTRATORS, type Sid } from '../dtyp/sid.ts';
import { makeSidMap, type SidMap, sidsOfUser } from '../dtyp/unix-sids.ts';
import type { Account } from '../ipc/control-plane.ts';
import { type Identity, NOBODY } from './identities.ts';
import { readSystemAccounts, type SystemAccounts } from './system-accounts.ts';

/** How long what passwd(5), group(5) and the accounts tell of users is believed before it is read again. */
const FACTS_AGE_MS = 10_000;
/** Users whose groups are remembered until then. */
const MAX_USERS = 4096;

export interface SecurityTokensOptions {
  readonly machineSid: Sid;
  readonly systemAccounts: () => SystemAccounts;
  /** The uids that accounts act as. */
  readonly accountIds: (system: SystemAccounts) => Iterable<number>;
  /** Whom the process acts as where it cannot be another. */
  readonly own: Identity;
  /** Of the users and groups of domains; absent: they have no ids here. */
  readonly domains?: DomainIds | undefined;
  /** Groups of this server's own, and built-in ones, that somebody who is all of these was put into. */
  readonly groupsOf?: ((sids: readonly Sid[]) => readonly Sid[]) | undefined;
  /** Those that somebody who is all of these was given: SE_… bits. Absent: administrators alone have any. */
  readonly privilegesOf?: ((sids: readonly Sid[]) => number) | undefined;
  readonly now?: (() => number) | undefined;
}

interface Facts {
  readonly untilMs: number;
  readonly system: SystemAccounts;
  readonly accountIds: ReadonlySet<number>;
  readonly groups: Map<number, readonly number[]>;
}

/** As a data plane has it that is told of the accounts by a control plane elsewhere. */
export function sidsOfFacts(facts: {
  readonly machineSid: Sid;
  readonly accountIds: () => Iterable<number>;
  readonly domains?: DomainIds | undefined;
}): SidMap {
  return new SecurityTokens({
    machineSid: facts.machineSid,
    systemAccounts: () => readSystemAccounts(),
    accountIds: facts.accountIds,
    own: NOBODY,
    domains: facts.domains,
  }).sids;
}

export class SecurityTokens {
  readonly sids: SidMap;
  readonly #options: SecurityTokensOptions;
  readonly #now: () => number;
  #facts: Facts | undefined;

  constructor(options: SecurityTokensOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.sids = makeSidMap({
      machineSid: options.machineSid,
      hasAccount: (uid) => this.#current().accountIds.has(uid),
      groupsOf: (uid) => this.#groupsOf(uid),
      domains: options.domains,
    });
  }

  /** `identity` undefined: as the process does. */
  of(
    identity: Identity | undefined,
    kind: Account['kind'],
    /** Those that a domain vouches for. */
    ofDomain: readonly Sid[] = [],
  ): AccessToken {
    const { uid, gid, groups } = identity ?? this.#options.own;
    const user = { uid, gid, groups, isGuest: kind !== 'user' };
    const sids = sidsOfUser(this.sids, this.#options.machineSid, user);
    const isAdministrator = kind === 'user' && uid === 0;
    if (kind === 'anonymous') sids.push(ANONYMOUS);
    if (isAdministrator) sids.push(BUILTIN_ADMINISTRATORS);
    sids.push(...ofDomain);
    if (kind === 'user') sids.push(...this.#ownGroupsOf(sids));
    return {
      user: sids[0]!,
      primaryGroup: sids[1]!,
      sids,
      privileges: kind === 'user' ? this.#privilegesOf(sids, isAdministrator) : 0,
    };
  }

  #ownGroupsOf(sids: readonly Sid[]): Sid[] {
    const groups = this.#options.groupsOf?.(sids) ?? [];
    return groups.filter((sid) => !sids.includes(sid));
  }

  #privilegesOf(sids: readonly Sid[], isAdministrator: boolean): number {
    const { privilegesOf } = this.#options;
    if (privilegesOf !== undefined) return privilegesOf(sids);
    return isAdministrator ? ALL_FILE_PRIVILEGES : 0;
  }

  /** As it was not long ago. */
  get system(): SystemAccounts {
    return this.#current().system;
  }

  /** As they were not long ago. */
  get accountIds(): readonly number[] {
    return [...this.#current().accountIds];
  }

  /** Looks at the system's users anew. */
  forget(): void {
    this.#facts = undefined;
  }

  #groupsOf(uid: number): readonly number[] {
    const { groups, system } = this.#current();
    const known = this.#options.domains?.groupsOf(uid) ?? groups.get(uid);
    if (known !== undefined) return known;
    const identity = system.userById(uid)?.identity;
    const found = identity === undefined ? [] : [identity.gid, ...identity.groups];
    if (groups.size >= MAX_USERS) groups.clear();
    groups.set(uid, found);
    return found;
  }

  #current(): Facts {
    const now = this.#now();
    if (this.#facts === undefined || now >= this.#facts.untilMs) {
      const system = this.#options.systemAccounts();
      this.#facts = {
        untilMs: now + FACTS_AGE_MS,
        system,
        accountIds: new Set(this.#options.accountIds(system)),
        groups: new Map(),
      };
    }
    return this.#facts;
  }
}
