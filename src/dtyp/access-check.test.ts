/** MS-DTYP 2.5.3.2, beside a model that decides each right by itself: the first entry that names it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AccessToken,
  ALL_FILE_PRIVILEGES,
  maximumAllowed,
  missingAccess,
  SE_SECURITY_PRIVILEGE,
  SE_TAKE_OWNERSHIP_PRIVILEGE,
} from './access-check.ts';
import {
  ACCESS_SYSTEM_SECURITY,
  FILE_ALL_ACCESS,
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_GENERIC_READ,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
  GENERIC_ALL,
  GENERIC_READ,
  READ_CONTROL,
  WRITE_DAC,
  WRITE_OWNER,
} from './access-mask.ts';
import {
  ACCESS_ALLOWED_ACE_TYPE,
  ACCESS_ALLOWED_CALLBACK_ACE_TYPE,
  ACCESS_ALLOWED_OBJECT_ACE_TYPE,
  ACCESS_DENIED_ACE_TYPE,
  ACCESS_DENIED_CALLBACK_ACE_TYPE,
  type Ace,
  allowedAce,
  auditAce,
  deniedAce,
  INHERIT_ONLY_ACE,
  makeAcl,
} from './acl.ts';
import type { SecurityDescriptor } from './security-descriptor.ts';
import { EVERYONE, encodeSid, OWNER_RIGHTS, type Sid } from './sid.ts';

const ANN: Sid = 'S-1-5-21-1-2-3-1001';
const BOB: Sid = 'S-1-5-21-1-2-3-1002';
const STAFF: Sid = 'S-1-5-21-1-2-3-2001';

const tokenOf = (user: Sid, privileges = 0, ...groups: Sid[]): AccessToken => ({
  user,
  primaryGroup: STAFF,
  sids: [user, STAFF, EVERYONE, ...groups],
  privileges,
});

const descriptor = (aces: readonly Ace[] | null, owner: Sid = BOB): SecurityDescriptor => ({
  control: 0,
  owner,
  group: STAFF,
  sacl: undefined,
  dacl: aces === null ? null : makeAcl(aces),
});

const ann = tokenOf(ANN);

test('an entry earlier in the list goes before a later one, deny or allow', () => {
  const allowFirst = descriptor([allowedAce(ANN, FILE_READ_DATA), deniedAce(ANN, FILE_READ_DATA)]);
  assert.equal(missingAccess(ann, allowFirst, FILE_READ_DATA), 0);
  assert.equal(maximumAllowed(ann, allowFirst), FILE_READ_DATA);
  const denyFirst = descriptor([deniedAce(ANN, FILE_READ_DATA), allowedAce(ANN, FILE_ALL_ACCESS)]);
  assert.equal(missingAccess(ann, denyFirst, FILE_READ_DATA), FILE_READ_DATA);
  assert.equal(maximumAllowed(ann, denyFirst), FILE_ALL_ACCESS & ~FILE_READ_DATA);
});

test('rights come from the user, its groups and everybody, together', () => {
  const from = descriptor([
    allowedAce(ANN, FILE_READ_DATA),
    allowedAce(STAFF, FILE_WRITE_DATA),
    allowedAce(EVERYONE, FILE_EXECUTE),
    allowedAce(BOB, FILE_APPEND_DATA),
  ]);
  const all = FILE_READ_DATA | FILE_WRITE_DATA | FILE_EXECUTE;
  assert.equal(missingAccess(ann, from, all), 0);
  assert.equal(missingAccess(ann, from, all | FILE_APPEND_DATA), FILE_APPEND_DATA);
  assert.equal(maximumAllowed(ann, from), all);
});

test('no DACL grants all that a file has, an empty one nothing', () => {
  assert.equal(missingAccess(ann, descriptor(null), FILE_ALL_ACCESS), 0);
  assert.equal(maximumAllowed(ann, descriptor(null)), FILE_ALL_ACCESS);
  assert.notEqual(missingAccess(ann, descriptor(null), ACCESS_SYSTEM_SECURITY), 0);
  assert.equal(missingAccess(ann, descriptor([]), FILE_READ_DATA), FILE_READ_DATA);
  assert.equal(maximumAllowed(ann, descriptor([])), 0);
});

test('the owner reads and writes the DACL, unless an entry says what owners may', () => {
  const implied = READ_CONTROL | WRITE_DAC;
  assert.equal(missingAccess(ann, descriptor([], ANN), implied), 0);
  assert.equal(maximumAllowed(ann, descriptor([deniedAce(ANN, implied)], ANN)), implied);
  const said = descriptor([allowedAce(OWNER_RIGHTS, READ_CONTROL)], ANN);
  assert.equal(missingAccess(ann, said, READ_CONTROL), 0);
  assert.equal(missingAccess(ann, said, WRITE_DAC), WRITE_DAC);
  assert.equal(maximumAllowed(ann, said), READ_CONTROL);
  // It is about owners only.
  const ofBob = descriptor([allowedAce(OWNER_RIGHTS, FILE_ALL_ACCESS)], BOB);
  assert.equal(maximumAllowed(ann, ofBob), 0);
  // What is only inherited from it says nothing of the file itself.
  const inherited = descriptor([allowedAce(OWNER_RIGHTS, 0, INHERIT_ONLY_ACE)], ANN);
  assert.equal(maximumAllowed(ann, inherited), implied);
});

test('an owner who is a group is its members', () => {
  assert.equal(maximumAllowed(ann, descriptor([], STAFF)), READ_CONTROL | WRITE_DAC);
});

test('privileges: the SACL for who may see it, ownership for who may take it', () => {
  const closed = descriptor([]);
  assert.equal(
    missingAccess(ann, closed, ACCESS_SYSTEM_SECURITY | WRITE_OWNER),
    ACCESS_SYSTEM_SECURITY + WRITE_OWNER,
  );
  const security = tokenOf(ANN, SE_SECURITY_PRIVILEGE);
  assert.equal(missingAccess(security, closed, ACCESS_SYSTEM_SECURITY), 0);
  const taker = tokenOf(ANN, SE_TAKE_OWNERSHIP_PRIVILEGE);
  assert.equal(missingAccess(taker, closed, WRITE_OWNER), 0);
  assert.equal(maximumAllowed(tokenOf(ANN, ALL_FILE_PRIVILEGES), closed), 0);
  // No entry grants the SACL, whatever its mask.
  const generous = descriptor([allowedAce(ANN, 0xffff_ffff)]);
  assert.notEqual(missingAccess(ann, generous, ACCESS_SYSTEM_SECURITY), 0);
  assert.equal(maximumAllowed(ann, generous), FILE_ALL_ACCESS);
});

test('generic rights in an entry are the rights that they stand for', () => {
  assert.equal(maximumAllowed(ann, descriptor([allowedAce(ANN, GENERIC_READ)])), FILE_GENERIC_READ);
  const denied = descriptor([deniedAce(ANN, GENERIC_READ), allowedAce(ANN, GENERIC_ALL)]);
  assert.equal(maximumAllowed(ann, denied), FILE_ALL_ACCESS & ~FILE_GENERIC_READ);
});

test('entries that cannot be judged grant nothing, and deny where they would', () => {
  const body = (mask: number): Buffer => {
    const bytes = Buffer.concat([Buffer.alloc(4), encodeSid(ANN), Buffer.from('artx\0\0\0\0')]);
    bytes.writeUInt32LE(mask, 0);
    return bytes;
  };
  const raw = (type: number, bytes: Buffer): Ace => ({ kind: 'raw', type, flags: 0, body: bytes });
  const grants = descriptor([
    raw(ACCESS_ALLOWED_CALLBACK_ACE_TYPE, body(FILE_ALL_ACCESS)),
    raw(ACCESS_ALLOWED_OBJECT_ACE_TYPE, body(FILE_ALL_ACCESS)),
    auditAce(ANN, FILE_ALL_ACCESS),
  ]);
  assert.equal(maximumAllowed(ann, grants), 0);
  const denies = descriptor([
    raw(ACCESS_DENIED_CALLBACK_ACE_TYPE, Buffer.alloc(3)),
    raw(ACCESS_DENIED_CALLBACK_ACE_TYPE, Buffer.alloc(16, 0xff)),
    raw(ACCESS_DENIED_CALLBACK_ACE_TYPE, body(FILE_WRITE_DATA)),
    allowedAce(ANN, FILE_WRITE_DATA | FILE_READ_DATA),
  ]);
  assert.equal(maximumAllowed(ann, denies), FILE_READ_DATA);
});

const SIDS = [ANN, BOB, STAFF, EVERYONE, OWNER_RIGHTS] as const;
/** Few bits, so that entries meet; no generic ones, which the model does not map. */
const masks = fc.integer({ min: 0, max: 15 }).map((bits) => (bits & 3) | ((bits & 12) << 15));
const aces: fc.Arbitrary<Ace> = fc.record({
  kind: fc.constant('sid' as const),
  type: fc.constantFrom(ACCESS_ALLOWED_ACE_TYPE, ACCESS_DENIED_ACE_TYPE),
  flags: fc.constantFrom(0, 0, 0, INHERIT_ONLY_ACE),
  mask: masks,
  sid: fc.constantFrom(...SIDS),
});

/** One right by itself: the first entry that is about it and the token. */
function hasRight(token: AccessToken, { owner, dacl }: SecurityDescriptor, right: number): boolean {
  const owns = token.sids.includes(owner!);
  const effective = (dacl?.aces ?? []).filter(({ flags }) => flags !== INHERIT_ONLY_ACE);
  const about = (ace: Ace): boolean =>
    ace.kind === 'sid' && (ace.sid === OWNER_RIGHTS ? owns : token.sids.includes(ace.sid));
  const isSaid = effective.some((ace) => ace.kind === 'sid' && ace.sid === OWNER_RIGHTS);
  if (owns && !isSaid && (right === READ_CONTROL || right === WRITE_DAC)) return true;
  const first = effective.find(
    (ace) => about(ace) && ace.kind === 'sid' && (ace.mask & right) !== 0,
  );
  return first?.type === ACCESS_ALLOWED_ACE_TYPE;
}

const RIGHTS = [FILE_READ_DATA, FILE_WRITE_DATA, READ_CONTROL, WRITE_DAC, FILE_EXECUTE];

test('any list: each right is what its first entry says', () => {
  fc.assert(
    fc.property(
      fc.array(aces, { maxLength: 8 }),
      fc.constantFrom(ANN, BOB),
      fc.subarray(RIGHTS),
      (list, owner, wanted) => {
        const subject = descriptor(list, owner);
        const missing = wanted.filter((right) => !hasRight(ann, subject, right));
        const mask = wanted.reduce((sum, right) => sum | right, 0);
        const remaining = missingAccess(ann, subject, mask);
        assert.equal(remaining === 0, missing.length === 0);
        assert.equal(remaining & ~mask, 0);
        const most = RIGHTS.filter((right) => hasRight(ann, subject, right));
        assert.equal(
          maximumAllowed(ann, subject),
          most.reduce((sum, right) => sum | right, 0),
        );
      },
    ),
    { numRuns: 3000 },
  );
});
