/**
 * Names and SIDs of everybody whom a descriptor may name (MS-LSAT 3.1.1.1): the well-known ones of MS-DTYP
 * 2.4.2.4, the built-in aliases, the accounts and groups of this server in its own domain, and the system's
 * users and groups as Samba names them.
 */
import {
  BUILTIN_DOMAIN,
  gidOf,
  nfsGidOf,
  nfsGroupSid,
  nfsUidOf,
  nfsUserSid,
  RID_GUEST,
  type Sid,
  sidInDomain,
  splitSid,
  uidOf,
  unixGroupSid,
  unixUserSid,
} from '../dtyp/sid.ts';
import { idOfRid, isLocalGroupRid, ridOfUser } from '../dtyp/unix-sids.ts';
import { SidNameUse } from '../rpc/security-types.ts';
import type { DomainNames } from './domain-names.ts';
import type { LocalGroup } from './group-store.ts';
import type { SystemAccounts } from './system-accounts.ts';

export interface Principal {
  readonly sid: Sid;
  /** Empty for a domain. */
  readonly name: string;
  readonly domain: string;
  /** Of a well-known one its authority: S-1-1 for Everyone. */
  readonly domainSid: Sid;
  readonly use: SidNameUse;
}

/** An account of this server, and the system user that it acts as. */
export interface AccountPrincipal {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface PrincipalFacts {
  /** The server's NetBIOS name, which is its domain's. */
  readonly machineName: string;
  readonly machineSid: Sid;
  accounts(): readonly AccountPrincipal[];
  /** Those of its own, which the system does not know. */
  groups(): readonly LocalGroup[];
  readonly guestName: string;
  /** Those of other domains; absent: there are none. */
  readonly domains?: DomainNames;
  /** The system's users and groups by name and number. */
  systemNames(): Pick<SystemAccounts, 'userName' | 'groupName' | 'uidByName' | 'gidByName'>;
}

const NT_AUTHORITY = 'NT AUTHORITY';
const NT_AUTHORITY_SID: Sid = 'S-1-5';
const UNIX_USER = 'Unix User';
const UNIX_GROUP = 'Unix Group';
const UNIX_USER_SID: Sid = 'S-1-22-1';
const UNIX_GROUP_SID: Sid = 'S-1-22-2';
/** The same numbers as clients of NFS, Linux' and Apple's write them; Windows has no names for them. */
const NFS_USER = 'NFS User';
const NFS_GROUP = 'NFS Group';
const NFS_USER_SID: Sid = 'S-1-5-88-1';
const NFS_GROUP_SID: Sid = 'S-1-5-88-2';
/** The group that each account of a machine outside any domain is in, as Windows calls it. */
export const RID_NONE = 513;
export const NONE_NAME = 'None';

const { SidTypeUser, SidTypeGroup, SidTypeDomain, SidTypeAlias, SidTypeWellKnownGroup } =
  SidNameUse;

/** MS-DTYP 2.4.2.4; names as Windows in English has them. */
const WELL_KNOWN: readonly (readonly [sid: Sid, domain: string, name: string])[] = [
  ['S-1-0-0', '', 'NULL SID'],
  ['S-1-1-0', '', 'Everyone'],
  ['S-1-2-0', '', 'LOCAL'],
  ['S-1-3-0', '', 'CREATOR OWNER'],
  ['S-1-3-1', '', 'CREATOR GROUP'],
  ['S-1-3-2', '', 'CREATOR OWNER SERVER'],
  ['S-1-3-3', '', 'CREATOR GROUP SERVER'],
  ['S-1-3-4', '', 'OWNER RIGHTS'],
  ['S-1-5-1', 'NT AUTHORITY', 'DIALUP'],
  ['S-1-5-2', 'NT AUTHORITY', 'NETWORK'],
  ['S-1-5-3', 'NT AUTHORITY', 'BATCH'],
  ['S-1-5-4', 'NT AUTHORITY', 'INTERACTIVE'],
  ['S-1-5-6', 'NT AUTHORITY', 'SERVICE'],
  ['S-1-5-7', 'NT AUTHORITY', 'ANONYMOUS LOGON'],
  ['S-1-5-8', 'NT AUTHORITY', 'PROXY'],
  ['S-1-5-9', 'NT AUTHORITY', 'ENTERPRISE DOMAIN CONTROLLERS'],
  ['S-1-5-10', 'NT AUTHORITY', 'SELF'],
  ['S-1-5-11', 'NT AUTHORITY', 'Authenticated Users'],
  ['S-1-5-12', 'NT AUTHORITY', 'RESTRICTED'],
  ['S-1-5-13', 'NT AUTHORITY', 'TERMINAL SERVER USER'],
  ['S-1-5-14', 'NT AUTHORITY', 'REMOTE INTERACTIVE LOGON'],
  ['S-1-5-15', 'NT AUTHORITY', 'This Organization'],
  ['S-1-5-17', 'NT AUTHORITY', 'IUSR'],
  ['S-1-5-18', 'NT AUTHORITY', 'SYSTEM'],
  ['S-1-5-19', 'NT AUTHORITY', 'LOCAL SERVICE'],
  ['S-1-5-20', 'NT AUTHORITY', 'NETWORK SERVICE'],
  ['S-1-5-33', 'NT AUTHORITY', 'WRITE RESTRICTED'],
  ['S-1-5-64-10', 'NT AUTHORITY', 'NTLM Authentication'],
  ['S-1-5-64-14', 'NT AUTHORITY', 'SChannel Authentication'],
  ['S-1-5-64-21', 'NT AUTHORITY', 'Digest Authentication'],
  ['S-1-5-113', 'NT AUTHORITY', 'Local account'],
  ['S-1-5-114', 'NT AUTHORITY', 'Local account and member of Administrators group'],
  ['S-1-5-1000', 'NT AUTHORITY', 'Other Organization'],
  ['S-1-18-1', '', 'Authentication authority asserted identity'],
  ['S-1-18-2', '', 'Service asserted identity'],
];

/** MS-DTYP 2.4.2.4: aliases of the built-in domain, by RID. */
export const BUILTIN_ALIASES: readonly (readonly [rid: number, name: string, comment: string])[] = [
  [544, 'Administrators', 'Members can fully administer the server'],
  [545, 'Users', 'Everybody who has an account'],
  [546, 'Guests', 'Those who come without one'],
  [547, 'Power Users', ''],
  [548, 'Account Operators', ''],
  [549, 'Server Operators', ''],
  [550, 'Print Operators', ''],
  [551, 'Backup Operators', 'Members can read and write whatever there is, to back it up'],
  [552, 'Replicator', ''],
];
export const BUILTIN_NAME = 'BUILTIN';

const domainPrincipal = (domain: string, sid: Sid): Principal => ({
  sid,
  name: '',
  domain,
  domainSid: sid,
  use: SidTypeDomain,
});

export type OwnAccount = Principal & AccountPrincipal;

interface Accounts {
  readonly untilMs: number;
  readonly list: readonly OwnAccount[];
  readonly bySid: ReadonlyMap<Sid, OwnAccount>;
}

/** One lookup may ask for thousands; whoever was just added is there a moment later. */
const ACCOUNTS_AGE_MS = 1000;

export class Principals {
  machineName: string;
  readonly machineSid: Sid;
  readonly #facts: PrincipalFacts;
  #fixed: readonly Principal[];
  #known: Accounts | undefined;

  constructor(facts: PrincipalFacts) {
    this.#facts = facts;
    this.machineName = facts.machineName;
    this.machineSid = facts.machineSid;
    this.#fixed = this.#fixedWith(facts.guestName);
  }

  /** Both come from the configuration, which may be another now. */
  rename(machineName: string, guestName: string): void {
    this.machineName = machineName;
    this.#fixed = this.#fixedWith(guestName);
    this.forget();
  }

  #fixedWith(guestName: string): Principal[] {
    return [
      ...WELL_KNOWN.map(([sid, domain, name]) => ({
        sid,
        name,
        domain,
        domainSid: splitSid(sid)!.domain,
        use: SidTypeWellKnownGroup,
      })),
      ...BUILTIN_ALIASES.map(([rid, name]) => ({
        sid: sidInDomain(BUILTIN_DOMAIN, rid),
        name,
        domain: BUILTIN_NAME,
        domainSid: BUILTIN_DOMAIN,
        use: SidTypeAlias,
      })),
      domainPrincipal(BUILTIN_NAME, BUILTIN_DOMAIN),
      domainPrincipal(NT_AUTHORITY, NT_AUTHORITY_SID),
      domainPrincipal(this.machineName, this.machineSid),
      this.#ofMachine(RID_NONE, NONE_NAME, SidTypeGroup),
      this.#ofMachine(RID_GUEST, guestName, SidTypeUser),
    ];
  }

  /** Those of this server's own domain, the guest aside. */
  accounts(): readonly OwnAccount[] {
    return this.#current().list;
  }

  /** Accounts have changed. */
  forget(): void {
    this.#known = undefined;
  }

  #current(): Accounts {
    const now = performance.now();
    if (this.#known === undefined || now >= this.#known.untilMs) {
      const list = this.#facts.accounts().map((account) => ({
        ...this.#ofMachine(ridOfUser(account.uid), account.name, SidTypeUser),
        ...account,
      }));
      // Of several that act as one system user the first has its SID.
      const bySid = new Map([...list].reverse().map((one) => [one.sid, one]));
      this.#known = { untilMs: now + ACCOUNTS_AGE_MS, list, bySid };
    }
    return this.#known;
  }

  bySid(sid: Sid): Principal | undefined {
    const fixed = this.#fixed.find((one) => one.sid === sid);
    if (fixed !== undefined) return fixed;
    const uid = uidOf(sid);
    if (uid !== undefined) return this.#unixUser(uid);
    const gid = gidOf(sid);
    if (gid !== undefined) return this.#unixGroup(gid);
    const nfsUid = nfsUidOf(sid);
    if (nfsUid !== undefined) return this.#nfsUser(nfsUid);
    const nfsGid = nfsGidOf(sid);
    if (nfsGid !== undefined) return this.#nfsGroup(nfsGid);
    const split = splitSid(sid);
    if (split === undefined) return undefined;
    if (split.domain !== this.machineSid) return this.#ofDomain(sid, split.domain);
    const account = this.#current().bySid.get(sid);
    if (account !== undefined) return account;
    if (isLocalGroupRid(split.rid)) return this.#localGroups().find((one) => one.sid === sid);
    const id = idOfRid(split.rid);
    return id?.kind === 'group' ? this.#systemGroup(id.id, split.rid) : undefined;
  }

  /** `name`, `DOMAIN\name` or `name@DOMAIN`, without regard to case. */
  byName(text: string): Principal | undefined {
    const { domain, name } = parse(text);
    return this.ownByName(text) ?? this.#farByName(domain, name);
  }

  /** The same without other domains: what decides about access believes no ticket's names. */
  ownByName(text: string): Principal | undefined {
    const { domain, name } = parse(text);
    const key = name.toLowerCase();
    const inDomain = (one: string): boolean =>
      domain === undefined || one.toLowerCase() === domain.toLowerCase();
    const matches = (one: Principal): boolean =>
      inDomain(one.domain) && one.name.toLowerCase() === key && one.use !== SidTypeDomain;
    const found =
      this.#fixed.find(matches) ??
      this.accounts().find(matches) ??
      this.#localGroups().find(matches);
    if (found !== undefined) return found;
    const system = this.#facts.systemNames();
    const uid = inDomain(UNIX_USER) ? system.uidByName(name) : undefined;
    if (uid !== undefined) return this.#unixUser(uid);
    const gid = inDomain(UNIX_GROUP) ? system.gidByName(name) : undefined;
    if (gid !== undefined) return this.#unixGroup(gid);
    // A domain by its name, with a backslash behind it or without.
    const whole = domain === undefined ? key : name === '' ? domain.toLowerCase() : undefined;
    return this.#fixed.find(
      (one) => one.use === SidTypeDomain && one.domain.toLowerCase() === whole,
    );
  }

  /** The name of another domain that this one has, though nobody knows whose the SID is. */
  domainOf(sid: Sid): Pick<Principal, 'domain' | 'domainSid'> | undefined {
    const domainSid = splitSid(sid)?.domain;
    const domain = domainSid && this.#facts.domains?.domainBySid(domainSid);
    return domain === undefined || domainSid === undefined ? undefined : { domain, domainSid };
  }

  #ofDomain(sid: Sid, domainSid: Sid): Principal | undefined {
    const { domains } = this.#facts;
    const whole = domains?.domainBySid(sid);
    if (whole !== undefined) return domainPrincipal(whole, sid);
    const domain = domains?.domainBySid(domainSid);
    const name = domains?.userBySid(sid);
    if (domain === undefined || name === undefined) return undefined;
    return { sid, name, domain, domainSid, use: SidTypeUser };
  }

  /** With its domain only: a bare name is one of this machine's. */
  #farByName(domain: string | undefined, name: string): Principal | undefined {
    if (domain?.toLowerCase() === NFS_USER.toLowerCase()) {
      const uid = this.#facts.systemNames().uidByName(name);
      return uid === undefined ? undefined : this.#nfsUser(uid);
    }
    if (domain?.toLowerCase() === NFS_GROUP.toLowerCase()) {
      const gid = this.#facts.systemNames().gidByName(name);
      return gid === undefined ? undefined : this.#nfsGroup(gid);
    }
    const { domains } = this.#facts;
    const found = domains?.domainByName(domain ?? name);
    if (found === undefined || domains === undefined) return undefined;
    if (domain === undefined || name === '') return domainPrincipal(found.name, found.sid);
    const user = domains.userByName(found.sid, name);
    return user && this.#ofDomain(user.sid, found.sid);
  }

  #ofMachine(rid: number, name: string, use: SidNameUse): Principal {
    const { machineSid, machineName } = this;
    return {
      sid: sidInDomain(machineSid, rid),
      name,
      domain: machineName,
      domainSid: machineSid,
      use,
    };
  }

  #localGroups(): Principal[] {
    return this.#facts
      .groups()
      .map(({ rid, name, kind }) =>
        this.#ofMachine(rid, name, kind === 'group' ? SidTypeGroup : SidTypeAlias),
      );
  }

  #systemGroup(gid: number, rid: number): Principal | undefined {
    const name = this.#facts.systemNames().groupName(gid);
    return name === undefined ? undefined : this.#ofMachine(rid, name, SidTypeAlias);
  }

  /** A number without a name is its name, as Samba tells it. */
  #unixUser(uid: number): Principal {
    return {
      sid: unixUserSid(uid),
      name: this.#facts.systemNames().userName(uid) ?? String(uid),
      domain: UNIX_USER,
      domainSid: UNIX_USER_SID,
      use: SidTypeUser,
    };
  }

  #nfsUser(uid: number): Principal {
    const of = { domain: NFS_USER, domainSid: NFS_USER_SID };
    return { ...this.#unixUser(uid), ...of, sid: nfsUserSid(uid) };
  }

  #nfsGroup(gid: number): Principal {
    const of = { domain: NFS_GROUP, domainSid: NFS_GROUP_SID };
    return { ...this.#unixGroup(gid), ...of, sid: nfsGroupSid(gid) };
  }

  #unixGroup(gid: number): Principal {
    return {
      sid: unixGroupSid(gid),
      name: this.#facts.systemNames().groupName(gid) ?? String(gid),
      domain: UNIX_GROUP,
      domainSid: UNIX_GROUP_SID,
      use: SidTypeGroup,
    };
  }
}

function parse(text: string): { readonly domain: string | undefined; readonly name: string } {
  const slash = text.lastIndexOf('\\');
  if (slash >= 0) return { domain: text.slice(0, slash), name: text.slice(slash + 1) };
  const at = text.lastIndexOf('@');
  if (at > 0) return { domain: text.slice(at + 1), name: text.slice(0, at) };
  return { domain: undefined, name: text };
}
