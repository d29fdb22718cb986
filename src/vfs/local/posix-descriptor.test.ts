/** Mode and POSIX ACL as a descriptor, and back: held against the kernel's own rule, acl(5). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AccessToken, maximumAllowed } from '../../dtyp/access-check.ts';
import {
  FILE_ALL_ACCESS,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
  GENERIC_ALL,
  WRITE_DAC,
  WRITE_OWNER,
} from '../../dtyp/access-mask.ts';
import { type Ace, type Acl, allowedAce, deniedAce, makeAcl } from '../../dtyp/acl.ts';
import type { SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import { CREATOR_GROUP, CREATOR_OWNER, EVERYONE, nfsModeSid, type Sid } from '../../dtyp/sid.ts';
import { makeSidMap, sidsOfUser, type UnixUser } from '../../dtyp/unix-sids.ts';
import {
  ACL_GROUP,
  ACL_GROUP_OBJ,
  ACL_MASK,
  ACL_OTHER,
  ACL_USER,
  ACL_USER_OBJ,
  aclOfMode,
  type PosixAcl,
  type PosixAclEntry,
  type PosixAclTag,
  type PosixPermissions,
} from '../../fscc/posix-acl.ts';
import { descriptorOfPermissions } from './posix-descriptor.ts';
import { permissionsOfDacl } from './reflected-permissions.ts';

const MACHINE: Sid = 'S-1-5-21-1-2-3';
/** User N is in the groups N and N + 1; user 3 has no account. */
const groupsOf = (uid: number): number[] => [uid, uid + 1];
const map = makeSidMap({ machineSid: MACHINE, hasAccount: (uid) => uid !== 3, groupsOf });
const NEW_MODE = 0o755;
const OI_CI = 0x03;
const OI_CI_IO = 0x0b;

const userOf = (uid: number): UnixUser => ({
  uid,
  gid: uid,
  groups: groupsOf(uid),
  isGuest: false,
});

function tokenOf(uid: number): AccessToken {
  const sids = sidsOfUser(map, MACHINE, userOf(uid));
  return { user: sids[0]!, primaryGroup: sids[1]!, sids, privileges: 0 };
}

const entry = (tag: PosixAclTag, permissions: number, id?: number): PosixAclEntry => ({
  tag,
  permissions,
  id,
});

/** "ACCESS CHECK ALGORITHM" of acl(5), each bit by itself. */
function kernelBits(acl: PosixAcl, owner: { uid: number; gid: number }, user: UnixUser): number {
  const of = (tag: PosixAclTag): number => acl.find((entry) => entry.tag === tag)?.permissions ?? 7;
  if (user.uid === owner.uid) return of(ACL_USER_OBJ);
  const mask = of(ACL_MASK);
  const named = acl.find(({ tag, id }) => tag === ACL_USER && id === user.uid);
  if (named !== undefined) return named.permissions & mask;
  const groups = acl.filter(
    ({ tag, id }) =>
      (tag === ACL_GROUP_OBJ && user.groups.includes(owner.gid)) ||
      (tag === ACL_GROUP && user.groups.includes(id!)),
  );
  if (groups.length === 0) return of(ACL_OTHER);
  return groups.reduce((bits, { permissions }) => bits | permissions, 0) & mask;
}

const bitsOf = (rights: number): number =>
  ((rights & FILE_READ_DATA) === 0 ? 0 : 4) |
  ((rights & FILE_WRITE_DATA) === 0 ? 0 : 2) |
  ((rights & FILE_EXECUTE) === 0 ? 0 : 1);

const permissionsOf = (mode: number, access?: PosixAcl, defaults?: PosixAcl): PosixPermissions => ({
  uid: 1,
  gid: 1,
  mode,
  access,
  default: defaults,
});

const told = (permissions: PosixPermissions): SecurityDescriptor =>
  descriptorOfPermissions(permissions, map, NEW_MODE);

const text = ({ dacl }: SecurityDescriptor): string[] =>
  dacl!.aces.map((ace) =>
    ace.kind === 'raw'
      ? 'raw'
      : `${ace.type === 0 ? '+' : '-'}${ace.sid} ${ace.mask.toString(16)} ${ace.flags}`,
  );

test('of a file', () => {
  const descriptor = told(permissionsOf(0o100750));
  assert.equal(descriptor.owner, 'S-1-5-21-1-2-3-1002');
  assert.equal(descriptor.group, 'S-1-22-2-1');
  assert.deepEqual(text(descriptor), [
    '+S-1-5-21-1-2-3-1002 1f01ff 0',
    '+S-1-22-2-1 1200a9 0',
    '+S-1-1-0 120080 0',
  ]);
});

test('what others have and the owner or the group has not is denied', () => {
  assert.deepEqual(text(told(permissionsOf(0o100406))), [
    '+S-1-5-21-1-2-3-1002 1e0189 0',
    '-S-1-5-21-1-2-3-1002 10156 0',
    '+S-1-22-2-1 120080 0',
    '-S-1-22-2-1 1015f 0',
    '+S-1-1-0 13019f 0',
  ]);
});

test('what a directory hands on', () => {
  const handedOn = (permissions: PosixPermissions): string[] =>
    text(told(permissions)).filter((ace) => ace.endsWith(` ${OI_CI_IO}`));
  assert.deepEqual(handedOn(permissionsOf(0o40700)), [
    `+${CREATOR_OWNER} 1f01ff ${OI_CI_IO}`,
    `+${CREATOR_GROUP} 1200a9 ${OI_CI_IO}`,
    `+${EVERYONE} 1200a9 ${OI_CI_IO}`,
  ]);
  const defaults = [
    entry(ACL_USER_OBJ, 7),
    entry(ACL_USER, 7, 3),
    entry(ACL_GROUP_OBJ, 5),
    entry(ACL_MASK, 5),
    entry(ACL_OTHER, 0),
  ];
  assert.deepEqual(handedOn(permissionsOf(0o40700, undefined, defaults)), [
    `+${CREATOR_OWNER} 1f01ff ${OI_CI_IO}`,
    `+S-1-22-1-3 1200a9 ${OI_CI_IO}`,
    `+${CREATOR_GROUP} 1200a9 ${OI_CI_IO}`,
    `+${EVERYONE} 120080 ${OI_CI_IO}`,
  ]);
});

test('no mode gives others the right to change owner or DACL', () => {
  for (let mode = 0; mode <= 0o777; mode++) {
    const descriptor = told(permissionsOf(0o100000 | mode));
    const rights = maximumAllowed(tokenOf(2), descriptor) | maximumAllowed(tokenOf(5), descriptor);
    assert.equal(rights & (WRITE_DAC | WRITE_OWNER), 0, mode.toString(8));
    const own = maximumAllowed(tokenOf(1), descriptor);
    assert.notEqual(own & WRITE_DAC, 0);
    assert.notEqual(own & FILE_WRITE_ATTRIBUTES, 0);
  }
});

// Users 0 to 6; the file is of user 1 and group 1, of which user 0 is as well.
const arbBits = fc.nat(7);
const arbList = fc
  .record({
    users: fc.uniqueArray(fc.constantFrom(0, 2, 3, 4, 5), { maxLength: 3 }),
    groups: fc.uniqueArray(fc.constantFrom(0, 2, 3, 4, 5), { maxLength: 3 }),
    bits: fc.array(arbBits, { minLength: 10, maxLength: 10 }),
  })
  .map(({ users, groups, bits }): PosixAcl => {
    const named = users.length + groups.length > 0;
    return [
      entry(ACL_USER_OBJ, bits[0]!),
      ...users.map((id, i) => entry(ACL_USER, bits[4 + i]!, id)),
      entry(ACL_GROUP_OBJ, bits[1]!),
      ...groups.map((id, i) => entry(ACL_GROUP, bits[7 + i]!, id)),
      ...(named ? [entry(ACL_MASK, bits[3]!)] : []),
      entry(ACL_OTHER, bits[2]!),
    ];
  });

const RUNS = { numRuns: 500 };

test('the access check by what is told agrees with the kernel, for everybody', () => {
  fc.assert(
    fc.property(arbList, fc.boolean(), (acl, isDirectory) => {
      const descriptor = told(permissionsOf(isDirectory ? 0o40000 : 0o100000, acl));
      for (let uid = 0; uid <= 6; uid++) {
        const expected = kernelBits(acl, { uid: 1, gid: 1 }, userOf(uid));
        assert.equal(bitsOf(maximumAllowed(tokenOf(uid), descriptor)), expected, `user ${uid}`);
      }
    }),
    RUNS,
  );
});

/** The owner (user 1) reads what it may execute. */
const withReading = (uid: number, bits: number): number =>
  uid === 1 && (bits & 1) !== 0 ? bits | 4 : bits;

test('what is told and set again changes nothing for anybody', () => {
  fc.assert(
    fc.property(arbList, (acl) => {
      const { dacl } = told(permissionsOf(0o100000, acl));
      const set = permissionsOfDacl(dacl, { uid: 1, gid: 1, isDirectory: false }, map);
      for (let uid = 0; uid <= 6; uid++) {
        const owner = { uid: 1, gid: 1 };
        const expected = withReading(uid, kernelBits(acl, owner, userOf(uid)));
        assert.equal(kernelBits(set.access, owner, userOf(uid)), expected, `user ${uid}`);
      }
      assert.equal(set.default, undefined);
    }),
    RUNS,
  );
});

test('a default list that is told and set again is the same', () => {
  const defaults = [
    entry(ACL_USER_OBJ, 7),
    entry(ACL_USER, 5, 1),
    entry(ACL_USER, 0, 3),
    entry(ACL_GROUP_OBJ, 5),
    entry(ACL_GROUP, 7, 4),
    entry(ACL_MASK, 7),
    entry(ACL_OTHER, 0),
  ];
  const { dacl } = told(permissionsOf(0o40750, undefined, defaults));
  const set = permissionsOfDacl(dacl, { uid: 1, gid: 1, isDirectory: true }, map);
  assert.deepEqual(set.default, defaults);
  assert.deepEqual(set.access, aclOfMode(0o750));
});

const arbSid = fc.oneof(
  fc.constantFrom<Sid>(EVERYONE, 'S-1-5-11', 'S-1-5-32-545', 'S-1-3-4'),
  fc.nat(5).map((uid) => map.userSid(uid)),
  fc.nat(5).map((uid): Sid => `S-1-22-1-${uid}`),
  fc.nat(6).map((gid): Sid => `S-1-22-2-${gid}`),
);
const arbMask = fc.oneof(fc.nat(FILE_ALL_ACCESS), fc.constantFrom(GENERIC_ALL, FILE_ALL_ACCESS));
const arbDacl = fc
  .array(
    fc
      .record({ sid: arbSid, mask: arbMask, denies: fc.boolean() })
      .map(({ sid, mask, denies }): Ace => (denies ? deniedAce : allowedAce)(sid, mask)),
    { maxLength: 8 },
  )
  .map(makeAcl);

test('the kernel refuses nobody what a DACL grants', () => {
  fc.assert(
    fc.property(arbDacl, fc.boolean(), (dacl, isDirectory) => {
      const owner = { uid: 1, gid: 1 };
      const descriptor = {
        control: 0,
        owner: map.userSid(1),
        group: undefined,
        sacl: undefined,
        dacl,
      };
      const { access } = permissionsOfDacl(dacl, { ...owner, isDirectory }, map);
      const named = new Set(access.filter(({ tag }) => tag === ACL_USER).map(({ id }) => id));
      for (let uid = 0; uid <= 6; uid++) {
        const given = bitsOf(maximumAllowed(tokenOf(uid), descriptor));
        const kernel = kernelBits(access, owner, userOf(uid));
        assert.equal(kernel & given, given, `user ${uid}: ${given} of ${kernel}`);
        // No group's entry stands in between: they agree, but for bits that have two rights.
        const isExact = uid === 1 || named.has(uid);
        if (!isExact || isDirectory) continue;
        assert.equal(kernel & 5, withReading(uid, given) & 5, `user ${uid}`);
      }
    }),
    RUNS,
  );
});

const aclOf = (...aces: readonly Ace[]): Acl => makeAcl(aces);
const FILE = { uid: 1, gid: 1, isDirectory: false };
const DIRECTORY = { uid: 1, gid: 1, isDirectory: true };

test('no DACL grants everything, an empty one nothing', () => {
  for (const none of [null, undefined]) {
    assert.deepEqual(permissionsOfDacl(none, FILE, map).access, aclOfMode(0o777));
  }
  assert.deepEqual(permissionsOfDacl(aclOf(), FILE, map).access, aclOfMode(0));
});

test('an entry that denies before one that allows', () => {
  const dacl = aclOf(
    deniedAce('S-1-22-2-4', FILE_WRITE_DATA),
    allowedAce(EVERYONE, FILE_READ_DATA | FILE_WRITE_DATA),
  );
  assert.deepEqual(permissionsOfDacl(dacl, FILE, map).access, [
    entry(ACL_USER_OBJ, 6),
    entry(ACL_GROUP_OBJ, 6),
    entry(ACL_GROUP, 4, 4),
    entry(ACL_MASK, 6),
    entry(ACL_OTHER, 6),
  ]);
});

test('who reads a directory walks through it', () => {
  const dacl = aclOf(allowedAce('S-1-22-1-3', FILE_READ_DATA));
  assert.deepEqual(permissionsOfDacl(dacl, DIRECTORY, map).access, [
    entry(ACL_USER_OBJ, 0),
    entry(ACL_USER, 5, 3),
    entry(ACL_GROUP_OBJ, 0),
    entry(ACL_MASK, 5),
    entry(ACL_OTHER, 0),
  ]);
});

test('what is only handed on, and what a file hands on', () => {
  const dacl = aclOf(
    allowedAce(CREATOR_OWNER, FILE_ALL_ACCESS, OI_CI_IO),
    allowedAce(EVERYONE, FILE_READ_DATA, OI_CI),
  );
  const directory = permissionsOfDacl(dacl, DIRECTORY, map);
  assert.deepEqual(directory.access, aclOfMode(0o555));
  assert.deepEqual(directory.default, aclOfMode(0o755));
  assert.deepEqual(permissionsOfDacl(dacl, FILE, map), {
    access: aclOfMode(0o444),
    default: undefined,
  });
});

test('all SIDs of a user are one entry, those of strangers none', () => {
  const dacl = aclOf(
    allowedAce('S-1-22-1-2', FILE_READ_DATA),
    allowedAce('S-1-5-21-1-2-3-1004', FILE_WRITE_DATA),
    allowedAce('S-1-5-21-9-9-9-1004', FILE_ALL_ACCESS),
  );
  const named = permissionsOfDacl(dacl, FILE, map).access.filter(({ tag }) => tag === ACL_USER);
  assert.deepEqual(named, [entry(ACL_USER, 6, 2)]);
});

test('a mode that the client tells', () => {
  const dacl = aclOf(allowedAce(nfsModeSid(0o100640), 0), allowedAce(EVERYONE, FILE_ALL_ACCESS));
  assert.deepEqual(permissionsOfDacl(dacl, FILE, map).access, aclOfMode(0o640));
});

test('more names than a list has room for', () => {
  const many = Array.from({ length: 400 }, (_, i) => allowedAce(`S-1-22-2-${i + 10}`, 1));
  const named = permissionsOfDacl(makeAcl(many), FILE, map).access.filter(
    ({ tag }) => tag === ACL_GROUP,
  );
  assert.equal(named.length, 256);
});
