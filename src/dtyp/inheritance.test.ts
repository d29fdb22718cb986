/** MS-DTYP 2.5.3.4, beside the section's table of what each combination of flags gives to a child. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AccessToken } from './access-check.ts';
import {
  FILE_ALL_ACCESS,
  FILE_GENERIC_READ,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
  GENERIC_READ,
} from './access-mask.ts';
import {
  ACCESS_ALLOWED_OBJECT_ACE_TYPE,
  type Ace,
  type Acl,
  allowedAce,
  auditAce,
  CONTAINER_INHERIT_ACE as CI,
  deniedAce,
  INHERITED_ACE as ID,
  INHERIT_ONLY_ACE as IO,
  makeAcl,
  NO_PROPAGATE_INHERIT_ACE as NP,
  OBJECT_INHERIT_ACE as OI,
} from './acl.ts';
import { createSecurityDescriptor, defaultDacl, storedControl } from './inheritance.ts';
import {
  SE_DACL_AUTO_INHERIT_REQ,
  SE_DACL_AUTO_INHERITED,
  SE_DACL_PROTECTED,
  SE_SACL_AUTO_INHERIT_REQ,
  SE_SACL_AUTO_INHERITED,
  type SecurityDescriptor,
} from './security-descriptor.ts';
import { CREATOR_GROUP, CREATOR_OWNER, EVERYONE, type Sid } from './sid.ts';

const ANN: Sid = 'S-1-5-21-1-2-3-1001';
const BOB: Sid = 'S-1-5-21-1-2-3-1002';
const STAFF: Sid = 'S-1-5-21-1-2-3-2001';
const ann: AccessToken = {
  user: ANN,
  primaryGroup: STAFF,
  sids: [ANN, STAFF, EVERYONE],
  privileges: 0,
};

const descriptor = (
  aces: readonly Ace[],
  control = 0,
  sacl?: readonly Ace[],
): SecurityDescriptor => ({
  control,
  owner: BOB,
  group: STAFF,
  sacl: sacl && makeAcl(sacl),
  dacl: makeAcl(aces),
});

const child = (parent: SecurityDescriptor, isContainer: boolean): SecurityDescriptor =>
  createSecurityDescriptor(ann, parent, undefined, isContainer)!;

const flagsOf = ({ dacl }: SecurityDescriptor): number[] => dacl!.aces.map(({ flags }) => flags);

/** The rows of the table; undefined: no inheritance. Of CI,OI it shows the entry that is handed on. */
const TABLE: readonly [parent: number, container: number | undefined, leaf: number | undefined][] =
  [
    [0, undefined, undefined],
    [IO, undefined, undefined],
    [OI, IO | OI, 0],
    [OI | NP, undefined, 0],
    [CI, CI, undefined],
    [CI | NP, 0, undefined],
    [CI | OI, CI | OI, 0],
    [CI | OI | NP, 0, 0],
  ];

test('what a child inherits by the flags of the entry, whatever IO and ID are', () => {
  for (const [flags, container, leaf] of TABLE) {
    for (const more of [0, IO, ID, IO | ID]) {
      const parent = descriptor([allowedAce(EVERYONE, FILE_READ_DATA, flags | more)]);
      const expected = (kind: number | undefined): unknown =>
        kind === undefined
          ? defaultDacl(ANN)
          : makeAcl([allowedAce(EVERYONE, FILE_READ_DATA, kind)]);
      assert.deepEqual(child(parent, true).dacl, expected(container), `container, ${flags}`);
      assert.deepEqual(child(parent, false).dacl, expected(leaf), `leaf, ${flags}`);
    }
  }
});

test('the creator stands in the place of CREATOR_OWNER and CREATOR_GROUP, and these are handed on', () => {
  const parent = descriptor([
    allowedAce(CREATOR_OWNER, FILE_ALL_ACCESS, OI | CI),
    allowedAce(CREATOR_GROUP, FILE_READ_DATA, OI | CI | NP),
  ]);
  assert.deepEqual(child(parent, false).dacl?.aces, [
    allowedAce(ANN, FILE_ALL_ACCESS),
    allowedAce(STAFF, FILE_READ_DATA),
  ]);
  assert.deepEqual(child(parent, true).dacl?.aces, [
    allowedAce(ANN, FILE_ALL_ACCESS),
    allowedAce(CREATOR_OWNER, FILE_ALL_ACCESS, OI | CI | IO),
    allowedAce(STAFF, FILE_READ_DATA),
  ]);
});

test('generic rights are mapped where they count and handed on as they are', () => {
  const parent = descriptor([deniedAce(BOB, GENERIC_READ, CI)]);
  assert.deepEqual(child(parent, true).dacl?.aces, [
    deniedAce(BOB, FILE_GENERIC_READ),
    deniedAce(BOB, GENERIC_READ, CI | IO),
  ]);
});

test('entries are marked as inherited where the parent is of that kind', () => {
  const parent = descriptor([allowedAce(BOB, FILE_READ_DATA, OI | CI)], SE_DACL_AUTO_INHERITED);
  assert.deepEqual(flagsOf(child(parent, true)), [OI | CI | ID]);
  assert.equal(child(parent, true).control, SE_DACL_AUTO_INHERITED);
  const plain = descriptor([allowedAce(BOB, FILE_READ_DATA, OI | CI | ID)]);
  assert.deepEqual(flagsOf(child(plain, true)), [OI | CI]);
  assert.equal(child(plain, true).control, 0);
  // That the parent was protected from its own is not inherited.
  const shielded = descriptor([allowedAce(BOB, FILE_READ_DATA, CI)], SE_DACL_PROTECTED);
  assert.equal(child(shielded, true).control, 0);
});

test('nothing to inherit: the token’s default, full control for the owner and the system', () => {
  const made = child(descriptor([allowedAce(EVERYONE, FILE_ALL_ACCESS)]), false);
  assert.deepEqual(made, {
    control: 0,
    owner: ANN,
    group: STAFF,
    sacl: undefined,
    dacl: defaultDacl(ANN),
  });
});

test('a descriptor of the creator goes before the parent’s, part by part', () => {
  const parent = descriptor([allowedAce(BOB, FILE_READ_DATA, OI)], 0, [
    auditAce(EVERYONE, FILE_WRITE_DATA, OI),
  ]);
  const given = { control: 0, owner: undefined, group: undefined, sacl: undefined };
  const dacl = makeAcl([allowedAce(ANN, GENERIC_READ)]);
  const made = createSecurityDescriptor(ann, parent, { ...given, dacl }, false);
  assert.deepEqual(made?.dacl, makeAcl([allowedAce(ANN, FILE_GENERIC_READ)]));
  assert.deepEqual(made?.sacl, makeAcl([auditAce(EVERYONE, FILE_WRITE_DATA)]));
  assert.equal(made?.owner, ANN);
  const open = createSecurityDescriptor(ann, parent, { ...given, dacl: null }, false);
  assert.equal(open?.dacl, null);
  const owned = createSecurityDescriptor(
    ann,
    parent,
    { ...given, owner: BOB, dacl: undefined },
    false,
  );
  assert.equal(owned?.owner, BOB);
  assert.deepEqual(owned?.dacl, makeAcl([allowedAce(BOB, FILE_READ_DATA)]));
});

test('neither parent nor creator: nothing is said', () => {
  assert.equal(createSecurityDescriptor(ann, undefined, undefined, true), undefined);
  const empty = { control: 0, owner: undefined, group: undefined, sacl: undefined };
  const silent = { ...empty, dacl: undefined };
  assert.equal(createSecurityDescriptor(ann, undefined, silent, true), undefined);
  assert.ok(createSecurityDescriptor(ann, undefined, { ...empty, dacl: null }, true));
});

test('AUTO_INHERITED is kept from who asks for it, and the asking is not kept', () => {
  assert.equal(storedControl(SE_DACL_AUTO_INHERITED), 0);
  assert.equal(storedControl(SE_DACL_AUTO_INHERIT_REQ), 0);
  assert.equal(
    storedControl(SE_DACL_AUTO_INHERITED | SE_DACL_AUTO_INHERIT_REQ | SE_DACL_PROTECTED),
    SE_DACL_AUTO_INHERITED | SE_DACL_PROTECTED,
  );
  assert.equal(storedControl(SE_SACL_AUTO_INHERITED | SE_DACL_AUTO_INHERIT_REQ), 0);
  assert.equal(
    storedControl(SE_SACL_AUTO_INHERITED | SE_SACL_AUTO_INHERIT_REQ),
    SE_SACL_AUTO_INHERITED,
  );
});

test('entries of other kinds are inherited with their bytes', () => {
  const body = Buffer.from('0123456789abcdef');
  const ace: Ace = { kind: 'raw', type: ACCESS_ALLOWED_OBJECT_ACE_TYPE, flags: OI | CI, body };
  assert.deepEqual(child(descriptor([ace]), false).dacl?.aces, [{ ...ace, flags: 0 }]);
});

test('any list of entries: each gives what it gives alone, in order, and never grows for ever', () => {
  const aces = fc.record({
    sid: fc.constantFrom(BOB, EVERYONE, CREATOR_OWNER),
    mask: fc.constantFrom(FILE_READ_DATA, GENERIC_READ),
    flags: fc.integer({ min: 0, max: 0x1f }),
  });
  fc.assert(
    fc.property(fc.array(aces, { maxLength: 6 }), fc.boolean(), (list, isContainer) => {
      const all = list.map(({ sid, mask, flags }) => allowedAce(sid, mask, flags));
      const alone = all.flatMap((ace) => {
        const { dacl } = child(descriptor([ace]), isContainer);
        return dacl!.aces.length === 2 && dacl!.aces[1]!.kind === 'sid' && isDefault(dacl!.aces)
          ? []
          : dacl!.aces;
      });
      const made = child(descriptor(all), isContainer).dacl!.aces;
      assert.deepEqual(made, alone.length === 0 ? defaultDacl(ANN).aces : alone);
      // The grandchild of a directory has as many entries as its child.
      if (isContainer && alone.length > 0) {
        const next = child(descriptor(made), true).dacl!.aces;
        assert.ok(next.length <= Math.max(made.length, 2));
      }
    }),
    { numRuns: 1000 },
  );
});

const isDefault = (aces: readonly Ace[]): boolean =>
  JSON.stringify(aces) === JSON.stringify(defaultDacl(ANN).aces);

test('where nothing is handed on there is the default, or no descriptor', () => {
  const parent = {
    control: 0,
    owner: undefined,
    group: undefined,
    sacl: undefined,
    dacl: makeAcl([]),
  };
  const made = (...how: [((owner: Sid) => Acl) | null] | []) =>
    createSecurityDescriptor(ann, parent, undefined, false, ...how);
  const everybody = makeAcl([allowedAce(EVERYONE, FILE_ALL_ACCESS)]);
  assert.deepEqual(made()?.dacl, defaultDacl(ann.user));
  assert.deepEqual(made(() => everybody)?.dacl, everybody);
  assert.equal(made(null), undefined);
  const owned = createSecurityDescriptor(
    ann,
    parent,
    { ...parent, dacl: undefined, owner: ann.user },
    false,
    null,
  );
  assert.deepEqual(owned?.dacl, defaultDacl(ann.user), 'a creator that says something');
});
