/**
 * Owner, mode and POSIX ACL (acl(5)) as a security descriptor, MS-DTYP 2.4.6: what is told of a file that has
 * none of its own.
 *
 * Owner, named users, groups, and then Everyone get the rights of their entries, in the order in which the
 * kernel asks them. Since the kernel stops at the first that is the user's, while Windows goes on and adds,
 * an entry is followed by one that denies what later ones would add. What the owner may do whatever the
 * mode says (times, mode, group) is told as well. A directory hands on the entries of its default ACL, or
 * else those of the mode that new files get.
 */
import {
  type AccessMask,
  DELETE,
  FILE_ALL_ACCESS,
  FILE_APPEND_DATA,
  FILE_DELETE_CHILD,
  FILE_EXECUTE,
  FILE_GENERIC_EXECUTE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_READ_EA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
  FILE_WRITE_EA,
  READ_CONTROL,
  SYNCHRONIZE,
  WRITE_DAC,
  WRITE_OWNER,
} from '../../dtyp/access-mask.ts';
import {
  type Ace,
  allowedAce,
  CONTAINER_INHERIT_ACE,
  deniedAce,
  INHERIT_ONLY_ACE,
  makeAcl,
  OBJECT_INHERIT_ACE,
} from '../../dtyp/acl.ts';
import type { SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import { CREATOR_GROUP, CREATOR_OWNER, EVERYONE, type Sid } from '../../dtyp/sid.ts';
import type { SidMap } from '../../dtyp/unix-sids.ts';
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
  isDirectoryMode,
  type PosixAcl,
  type PosixAclEntry,
  type PosixPermissions,
} from '../../fscc/posix-acl.ts';

/** stat(2) refuses nobody. */
const ALWAYS = FILE_READ_ATTRIBUTES | READ_CONTROL | SYNCHRONIZE;
/** chmod(2), chown(2) to a group of its own, utimensat(2). */
const OWNER_ALWAYS = ALWAYS | FILE_WRITE_ATTRIBUTES | WRITE_DAC | WRITE_OWNER;
const ALL_BITS = ACL_READ | ACL_WRITE | ACL_EXECUTE;

const has = (bits: number, bit: number): boolean => (bits & bit) !== 0;

/** What an entry allows. Deleting is the directory's matter, but Windows calls it a part of writing. */
function allowedRights(bits: number, isDirectory: boolean): AccessMask {
  return (
    ALWAYS |
    (has(bits, ACL_READ) ? FILE_GENERIC_READ : 0) |
    (has(bits, ACL_WRITE) ? FILE_GENERIC_WRITE | DELETE : 0) |
    (has(bits, ACL_WRITE) && isDirectory ? FILE_DELETE_CHILD : 0) |
    (has(bits, ACL_EXECUTE) ? FILE_GENERIC_EXECUTE : 0)
  );
}

const ownersRights = (bits: number, isDirectory: boolean): AccessMask =>
  bits === ALL_BITS ? FILE_ALL_ACCESS : allowedRights(bits, isDirectory) | OWNER_ALWAYS;

/** What an entry that lacks these bits takes away: no right that comes with another bit as well. */
const deniedRights = (bits: number): AccessMask =>
  (has(bits, ACL_READ) ? FILE_READ_DATA | FILE_READ_EA : 0) |
  (has(bits, ACL_WRITE)
    ? FILE_WRITE_DATA |
      FILE_APPEND_DATA |
      FILE_WRITE_EA |
      FILE_WRITE_ATTRIBUTES |
      FILE_DELETE_CHILD |
      DELETE
    : 0) |
  (has(bits, ACL_EXECUTE) ? FILE_EXECUTE : 0);

/** Whom the entries without an id are about. */
interface Principals {
  readonly owner: Sid;
  readonly group: Sid;
}

/** The bits that count: the mask holds for all but the owner and others. */
function effectiveEntries(acl: PosixAcl): PosixAcl {
  const mask = acl.find(({ tag }) => tag === ACL_MASK)?.permissions ?? ALL_BITS;
  return acl.map((entry) =>
    entry.tag === ACL_USER_OBJ || entry.tag === ACL_OTHER
      ? entry
      : { ...entry, permissions: entry.permissions & mask },
  );
}

const union = (entries: PosixAcl): number =>
  entries.reduce((bits, { permissions }) => bits | permissions, 0);

/** A list as entries of a DACL, with these flags. */
function acesOf(
  acl: PosixAcl,
  { owner, group }: Principals,
  map: SidMap,
  isDirectory: boolean,
  flags: number,
): Ace[] {
  const effective = effectiveEntries(acl);
  const tagged = (...tags: readonly number[]): PosixAcl =>
    effective.filter(({ tag }) => tags.includes(tag));
  const users = tagged(ACL_USER);
  const groups = tagged(ACL_GROUP_OBJ, ACL_GROUP);
  const others = union(tagged(ACL_OTHER));
  const behindUsers = union(groups) | others;
  const groupSid = ({ id }: PosixAclEntry): Sid => (id === undefined ? group : map.groupSid(id));
  const allow = (sid: Sid, rights: AccessMask): Ace[] => [allowedAce(sid, rights, flags)];
  const deny = (sid: Sid, bits: number): Ace[] =>
    bits === 0 ? [] : [deniedAce(sid, deniedRights(bits), flags)];
  const own = union(tagged(ACL_USER_OBJ));
  return [
    ...allow(owner, ownersRights(own, isDirectory)),
    ...deny(owner, (union(users) | behindUsers) & ~own),
    ...users.flatMap(({ id, permissions }) => {
      const sid = map.userSid(id!);
      return [
        ...allow(sid, allowedRights(permissions, isDirectory)),
        ...deny(sid, behindUsers & ~permissions),
      ];
    }),
    ...groups.flatMap((entry) =>
      allow(groupSid(entry), allowedRights(entry.permissions, isDirectory)),
    ),
    ...groups.flatMap((entry) => deny(groupSid(entry), others & ~entry.permissions)),
    ...allow(EVERYONE, allowedRights(others, isDirectory)),
  ];
}

const HANDED_ON = OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE | INHERIT_ONLY_ACE;
const CREATORS: Principals = { owner: CREATOR_OWNER, group: CREATOR_GROUP };

/**
 * What owner, mode and POSIX ACLs amount to. `newMode`: what new files in a directory get where it has no
 * default ACL.
 */
export function descriptorOfPermissions(
  permissions: PosixPermissions,
  map: SidMap,
  newMode: number,
): SecurityDescriptor {
  const { uid, gid, mode } = permissions;
  const isDirectory = isDirectoryMode(mode);
  const owner = map.userSid(uid);
  const group = map.groupSid(gid);
  const access = permissions.access ?? aclOfMode(mode);
  const aces = acesOf(access, { owner, group }, map, isDirectory, 0);
  if (isDirectory) {
    const handedOn = permissions.default ?? aclOfMode(newMode);
    aces.push(...acesOf(handedOn, CREATORS, map, isDirectory, HANDED_ON));
  }
  return { control: 0, owner, group, sacl: undefined, dacl: makeAcl(aces) };
}
