/**
 * SIDs of Unix users and groups, both ways. None is stored: a SID tells its uid or gid, so the mapping is the
 * same after every restart, and for every server that has the same machine SID.
 *
 * - A user who has an account here: the machine's domain and an algorithmic RID, Samba's uid * 2 + 1000
 *   (gid * 2 + 1001 for groups). MS-DTYP 2.4.2.4 leaves RIDs below 1000 to well-known accounts.
 * - Other users, and all groups: S-1-22-1-uid and S-1-22-2-gid, as Samba tells those it has no account for.
 * - A domain's users and groups: what smb.conf's `idmap config` gives them (id-blocks.ts).
 * - S-1-5-88-1-uid and S-1-5-88-2-gid, from clients that know of Unix, are understood.
 */
import type { DomainIds } from './id-blocks.ts';
import {
  AUTHENTICATED_USERS,
  BUILTIN_GUESTS,
  BUILTIN_USERS,
  EVERYONE,
  gidOf,
  NETWORK,
  nfsGidOf,
  nfsGroupSid,
  nfsUidOf,
  nfsUserSid,
  RID_DOMAIN_USERS,
  type Sid,
  sidInDomain,
  splitSid,
  uidOf,
  unixGroupSid,
  unixUserSid,
} from './sid.ts';

export interface UnixId {
  /** 'both': of a domain, whose SIDs do not tell. */
  readonly kind: 'user' | 'group' | 'both';
  readonly id: number;
}

export interface SidMap {
  userSid(uid: number): Sid;
  groupSid(gid: number): Sid;
  /** Undefined: it is no Unix user or group, or one of another machine. */
  idOf(sid: Sid): UnixId | undefined;
  /** The groups of a user, its own one among them; empty where nobody knows. */
  groupsOf(uid: number): readonly number[];
  /** SIDs that every user has who comes over the network, guests aside. */
  readonly everybody: readonly Sid[];
}

/** What the mapping depends on. */
export interface SidMapFacts {
  /** `S-1-5-21-a-b-c`. */
  readonly machineSid: Sid;
  /** Whether a user has an account here. */
  hasAccount(uid: number): boolean;
  groupsOf(uid: number): readonly number[];
  /** Of domains; absent: they have none. */
  readonly domains?: DomainIds | undefined;
}

/** "algorithmic rid base" of Samba. */
const FIRST_RID = 1000;
const IS_GROUP = 1;
/** The largest uid or gid whose RID has 32 bits. */
const MAX_ID_WITH_RID = (0xffff_ffff - FIRST_RID - IS_GROUP) >>> 1;
/**
 * RIDs of groups that are this server's own and no group of the system's (mountd/group-store.ts). The ids that would
 * have them, beyond a billion, are told by their Unix SIDs.
 */
export const FIRST_LOCAL_GROUP_RID = 0x7fff_0000;
export const LAST_LOCAL_GROUP_RID = 0x7fff_ffff;

export const isLocalGroupRid = (rid: number): boolean =>
  rid >= FIRST_LOCAL_GROUP_RID && rid <= LAST_LOCAL_GROUP_RID;

/** Whether a user or group of this number has a RID. */
const hasRid = (id: number): boolean =>
  id <= MAX_ID_WITH_RID && !isLocalGroupRid(ridOfUser(id)) && !isLocalGroupRid(ridOfGroup(id));

export const ridOfUser = (uid: number): number => uid * 2 + FIRST_RID;
export const ridOfGroup = (gid: number): number => gid * 2 + FIRST_RID + IS_GROUP;

export function idOfRid(rid: number): UnixId | undefined {
  if (rid < FIRST_RID || isLocalGroupRid(rid)) return undefined;
  const id = Math.floor((rid - FIRST_RID) / 2);
  return { kind: (rid - FIRST_RID) % 2 === IS_GROUP ? 'group' : 'user', id };
}

/** (uid_t) -1 is nobody's. */
const isId = (id: number | undefined): id is number => id !== undefined && id < 0xffff_ffff;

const EVERYBODY: readonly Sid[] = [EVERYONE, NETWORK, AUTHENTICATED_USERS, BUILTIN_USERS];

export function makeSidMap({ machineSid, hasAccount, groupsOf, domains }: SidMapFacts): SidMap {
  return {
    userSid: (uid) =>
      hasRid(uid) && hasAccount(uid)
        ? sidInDomain(machineSid, ridOfUser(uid))
        : (domains?.sidOf(uid) ?? unixUserSid(uid)),
    groupSid: (gid) => domains?.sidOf(gid) ?? unixGroupSid(gid),
    idOf(sid) {
      const user = uidOf(sid) ?? nfsUidOf(sid);
      if (isId(user)) return { kind: 'user', id: user };
      const group = gidOf(sid) ?? nfsGidOf(sid);
      if (isId(group)) return { kind: 'group', id: group };
      const split = splitSid(sid);
      if (split?.domain === machineSid) return idOfRid(split.rid);
      const id = domains?.idOf(sid);
      return id === undefined ? undefined : { kind: 'both', id };
    },
    groupsOf,
    everybody: [...EVERYBODY, sidInDomain(machineSid, RID_DOMAIN_USERS)],
  };
}

/** Without a machine of its own: every user and group is told by its Unix SID. */
export const unixSidMap: SidMap = {
  userSid: unixUserSid,
  groupSid: unixGroupSid,
  idOf(sid) {
    const user = uidOf(sid) ?? nfsUidOf(sid);
    if (isId(user)) return { kind: 'user', id: user };
    const group = gidOf(sid) ?? nfsGidOf(sid);
    return isId(group) ? { kind: 'group', id: group } : undefined;
  },
  groupsOf: () => [],
  everybody: EVERYBODY,
};

/** Who acts, as far as SIDs depend on it. */
export interface UnixUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly isGuest: boolean;
}

/**
 * The SIDs of a user who came over the network, its own first, its primary group's second (MS-DTYP 2.5.2).
 * Whatever SID an entry names it by, it is the same user: those of each kind are among them. Linux' client names with
 * idsfromsid who makes a file by S-1-5-88-1 and -2, as its owner and in the DACL.
 */
export function sidsOfUser(map: SidMap, machineSid: Sid, user: UnixUser): Sid[] {
  const { uid, gid, groups, isGuest } = user;
  const sids = [map.userSid(uid), map.groupSid(gid), unixUserSid(uid), nfsUserSid(uid)];
  if (hasRid(uid)) sids.push(sidInDomain(machineSid, ridOfUser(uid)));
  for (const group of [gid, ...groups]) {
    sids.push(unixGroupSid(group), nfsGroupSid(group));
    if (hasRid(group)) sids.push(sidInDomain(machineSid, ridOfGroup(group)));
  }
  sids.push(...(isGuest ? [EVERYONE, NETWORK, BUILTIN_GUESTS] : map.everybody));
  return [...new Set(sids)];
}
