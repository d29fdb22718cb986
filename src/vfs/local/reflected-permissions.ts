/**
 * A DACL (MS-DTYP 2.4.5) as mode and POSIX ACLs (acl(5)), which are set with it.
 *
 * For the owner, the group, Everyone and each user and group that an entry names, the rights are worked out
 * as the access check would (MS-DTYP 2.5.3.2), for a user with its groups, and become r, w and x. So the
 * kernel refuses nobody what the descriptor grants, as far as its SIDs are known here, and other programs
 * on the host hold to the same as nearly as POSIX can say it. Entries that are handed on become the
 * default ACL: CREATOR_OWNER's and CREATOR_GROUP's for whoever will make something.
 */
import {
  type AccessMask,
  FILE_ADD_FILE,
  FILE_ADD_SUBDIRECTORY,
  FILE_DELETE_CHILD,
  FILE_EXECUTE,
  FILE_READ_DATA,
  mapGenericRights,
} from '../../dtyp/access-mask.ts';
import {
  ACCESS_ALLOWED_ACE_TYPE,
  ACCESS_DENIED_ACE_TYPE,
  type Acl,
  CONTAINER_INHERIT_ACE,
  INHERIT_ONLY_ACE,
  OBJECT_INHERIT_ACE,
} from '../../dtyp/acl.ts';
import { CREATOR_GROUP, CREATOR_OWNER, nfsModeOf, OWNER_RIGHTS, type Sid } from '../../dtyp/sid.ts';
import type { SidMap, UnixId } from '../../dtyp/unix-sids.ts';
import {
  ACL_EXECUTE,
  ACL_GROUP,
  ACL_GROUP_OBJ,
  ACL_MASK,
  ACL_OTHER,
  ACL_READ,
  ACL_USER,
  ACL_USER_OBJ,
  ACL_WRITE,
  aclOfMode,
  type PosixAcl,
  type PosixAclEntry,
} from '../../fscc/posix-acl.ts';

/** Named users and groups of one list; ext4 has room for some 500 entries in a block. */
const MAX_NAMED_ENTRIES = 256;

export interface Reflection {
  readonly access: PosixAcl;
  /** Undefined: the directory hands nothing on, or it is none. */
  readonly default: PosixAcl | undefined;
}

/** Whose file it is that gets the DACL. */
export interface ReflectedObject {
  readonly uid: number;
  readonly gid: number;
  readonly isDirectory: boolean;
}

const EVERYTHING = 0o777;

export function permissionsOfDacl(
  dacl: Acl | null | undefined,
  object: ReflectedObject,
  map: SidMap,
): Reflection {
  // No DACL grants everything.
  if (dacl === null || dacl === undefined) {
    return { access: aclOfMode(EVERYTHING), default: undefined };
  }
  const { uid, gid, isDirectory } = object;
  const groupsOf = (uid: number): Sid[] => map.groupsOf(uid).map((gid) => map.groupSid(gid));
  const owner = [map.userSid(uid), OWNER_RIGHTS, ...groupsOf(uid)];
  const group = [map.groupSid(gid)];
  const context = { map, groupsOf, isDirectory };
  const own = decisionsOf(dacl, map, (flags) => (flags & INHERIT_ONLY_ACE) === 0);
  const isOwn = (kind: 'user' | 'group', id: number): boolean =>
    id === (kind === 'user' ? uid : gid);
  const access = listOf(own, { owner, group, isOwn }, context);
  const handedOn = isDirectory ? decisionsOf(dacl, map, isHandedOn) : [];
  if (handedOn.length === 0) return { access: withToldMode(access, dacl), default: undefined };
  const creators: Subjects = {
    owner: [CREATOR_OWNER, ...owner],
    group: [CREATOR_GROUP, ...group],
    isOwn: () => false,
  };
  return { access: withToldMode(access, dacl), default: listOf(handedOn, creators, context) };
}

const isHandedOn = (flags: number): boolean =>
  (flags & (OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE)) !== 0;

interface Decision {
  readonly isAllowed: boolean;
  readonly mask: AccessMask;
  /** Of a user or group that is known here, the one of its SIDs that the map tells. */
  readonly sid: Sid;
  readonly id: UnixId | undefined;
}

/** Entries that allow or deny; a server has no claims by which others could be judged. */
function decisionsOf({ aces }: Acl, map: SidMap, counts: (flags: number) => boolean): Decision[] {
  return aces.flatMap((ace) => {
    if (ace.kind !== 'sid' || !counts(ace.flags)) return [];
    const isAllowed = ace.type === ACCESS_ALLOWED_ACE_TYPE;
    if (!isAllowed && ace.type !== ACCESS_DENIED_ACE_TYPE) return [];
    const id = map.idOf(ace.sid);
    return [{ isAllowed, mask: mapGenericRights(ace.mask), sid: sidOf(id, map) ?? ace.sid, id }];
  });
}

const sidOf = (id: UnixId | undefined, map: SidMap): Sid | undefined =>
  id && (id.kind === 'group' ? map.groupSid(id.id) : map.userSid(id.id));

/** The rights of whoever has these SIDs: what an earlier entry decided no later one changes. */
function granted(decisions: readonly Decision[], sids: ReadonlySet<Sid>): AccessMask {
  let allowed = 0;
  let denied = 0;
  for (const { isAllowed, mask, sid } of decisions) {
    if (!sids.has(sid)) continue;
    if (isAllowed) allowed |= mask & ~denied;
    else denied |= mask & ~allowed;
  }
  return allowed;
}

/** Windows lets everybody walk through directories, the kernel only those with x. */
function bitsOf(rights: AccessMask, isDirectory: boolean): number {
  const writing = FILE_ADD_FILE | FILE_ADD_SUBDIRECTORY | (isDirectory ? FILE_DELETE_CHILD : 0);
  const bits =
    ((rights & FILE_READ_DATA) !== 0 ? ACL_READ : 0) | ((rights & writing) !== 0 ? ACL_WRITE : 0);
  const executes = (rights & FILE_EXECUTE) !== 0 || (isDirectory && bits !== 0);
  return bits | (executes ? ACL_EXECUTE : 0);
}

/** To execute a file is to read it, for a client; the owner, who could change the mode, is not kept from it. */
const ownersBits = (bits: number): number => ((bits & ACL_EXECUTE) === 0 ? bits : bits | ACL_READ);

interface Subjects {
  readonly owner: readonly Sid[];
  readonly group: readonly Sid[];
  /** Whether the entries without an id are about this user or group already. */
  readonly isOwn: (kind: 'user' | 'group', id: number) => boolean;
}

interface Context {
  readonly map: SidMap;
  readonly groupsOf: (uid: number) => readonly Sid[];
  readonly isDirectory: boolean;
}

function listOf(
  decisions: readonly Decision[],
  { owner, group, isOwn }: Subjects,
  { map, groupsOf, isDirectory }: Context,
): PosixAcl {
  const bits = (...sids: readonly Sid[]): number =>
    bitsOf(granted(decisions, new Set([...sids, ...map.everybody])), isDirectory);
  const users = new Map<number, PosixAclEntry>();
  const groups = new Map<number, PosixAclEntry>();
  for (const { sid, id: unixId } of decisions) {
    if (unixId === undefined) continue;
    if (users.size + groups.size >= MAX_NAMED_ENTRIES) break;
    const { kind, id } = unixId;
    if (kind !== 'group' && !users.has(id) && !isOwn('user', id)) {
      users.set(id, { tag: ACL_USER, permissions: bits(sid, ...groupsOf(id)), id });
    }
    if (kind !== 'user' && !groups.has(id) && !isOwn('group', id)) {
      groups.set(id, { tag: ACL_GROUP, permissions: bits(sid), id });
    }
  }
  const groupObject = plain(ACL_GROUP_OBJ, bits(...group));
  const named = [...users.values(), ...groups.values()];
  return [
    plain(ACL_USER_OBJ, ownersBits(bits(...owner))),
    ...byId(users),
    groupObject,
    ...byId(groups),
    ...(named.length === 0 ? [] : [plain(ACL_MASK, union([groupObject, ...named]))]),
    plain(ACL_OTHER, bits()),
  ];
}

const plain = (
  tag: typeof ACL_USER_OBJ | typeof ACL_GROUP_OBJ | typeof ACL_MASK | typeof ACL_OTHER,
  permissions: number,
): PosixAclEntry => ({ tag, permissions, id: undefined });

/** As the tools of acl(5) sort them. */
const byId = (entries: ReadonlyMap<number, PosixAclEntry>): PosixAclEntry[] =>
  [...entries.values()].sort((a, b) => a.id! - b.id!);

const union = (entries: PosixAcl): number =>
  entries.reduce((bits, { permissions }) => bits | permissions, 0);

/** A client that knows of Unix tells the mode by an entry of its own, which says it better than all others. */
function withToldMode(access: PosixAcl, { aces }: Acl): PosixAcl {
  for (const ace of aces) {
    const mode = ace.kind === 'sid' ? nfsModeOf(ace.sid) : undefined;
    if (mode === undefined || (ace.flags & INHERIT_ONLY_ACE) !== 0) continue;
    const told = new Map(aclOfMode(mode).map(({ tag, permissions }) => [tag, permissions]));
    return access.map((entry) => ({
      ...entry,
      permissions: told.get(entry.tag) ?? entry.permissions,
    }));
  }
  return access;
}
