import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import {
  ACCESS_ALLOWED_OBJECT_ACE_TYPE,
  type Ace,
  aclBytes,
  allowedAce,
  auditAce,
  CONTAINER_INHERIT_ACE,
  decodeAcl,
  deniedAce,
  encodeAcl,
  FAILED_ACCESS_ACE_FLAG,
  makeAcl,
  OBJECT_INHERIT_ACE,
  SYSTEM_MANDATORY_LABEL_ACE_TYPE,
} from './acl.ts';
import {
  BACKUP_SECURITY_INFORMATION,
  DACL_SECURITY_INFORMATION,
  decodeSecurityDescriptor,
  encodeSecurityDescriptor,
  GROUP_SECURITY_INFORMATION,
  LABEL_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
  SACL_SECURITY_INFORMATION,
  SE_DACL_AUTO_INHERITED,
  SE_DACL_PROTECTED,
  SE_OWNER_DEFAULTED,
  SE_SACL_PROTECTED,
  type SecurityDescriptor,
  selectSecurity,
} from './security-descriptor.ts';
import {
  BUILTIN_ADMINISTRATORS,
  BUILTIN_USERS,
  CREATOR_OWNER,
  EVERYONE,
  LOCAL_SYSTEM,
} from './sid.ts';

/** MS-DTYP 2.5.1.4: O:BAG:BAD:P(A;CIOI;GRGX;;;BU)(A;CIOI;GA;;;BA)(A;CIOI;GA;;;SY)(A;CIOI;GA;;;CO)S:P(AU;FA;GR;;;WD) */
const example =
  '010014b090000000a00000001400000030000000' +
  '02001c00010000000280140000000080010100000000000100000000' +
  '0200600004000000000318000000' +
  '00a0010200000000000520000000' +
  '2102000000031800000000100102' +
  '0000000000052000000020020000' +
  '0003140000000010010100000000' +
  '0005120000000003140000000010' +
  '010100000000000300000000' +
  '01020000000000052000000020020000' +
  '01020000000000052000000020020000';
const inherit = CONTAINER_INHERIT_ACE | OBJECT_INHERIT_ACE;
const descriptor: SecurityDescriptor = {
  control: SE_DACL_PROTECTED | SE_SACL_PROTECTED,
  owner: BUILTIN_ADMINISTRATORS,
  group: BUILTIN_ADMINISTRATORS,
  dacl: makeAcl([
    allowedAce(BUILTIN_USERS, 0xa0000000, inherit),
    allowedAce(BUILTIN_ADMINISTRATORS, 0x10000000, inherit),
    allowedAce(LOCAL_SYSTEM, 0x10000000, inherit),
    allowedAce(CREATOR_OWNER, 0x10000000, inherit),
  ]),
  sacl: makeAcl([auditAce(EVERYONE, 0x80000000, FAILED_ACCESS_ACE_FLAG)]),
};

test('the example of MS-DTYP 2.5.1.4, both ways', () => {
  assert.equal(encodeSecurityDescriptor(descriptor).toString('hex'), example);
  assert.deepEqual(decodeSecurityDescriptor(Buffer.from(example, 'hex')), descriptor);
});

test('every truncation is a WireError', () => {
  const b = Buffer.from(example, 'hex');
  for (let n = 0; n < b.length; n++) {
    assert.throws(() => decodeSecurityDescriptor(b.subarray(0, n)), WireError, `${n}`);
  }
  const acl = encodeAcl(descriptor.dacl!);
  assert.equal(acl.length, aclBytes(descriptor.dacl!));
  for (let n = 0; n < acl.length; n++)
    assert.throws(() => decodeAcl(acl.subarray(0, n)), WireError);
  assert.throws(() => decodeAcl(acl, -1), WireError);
});

test('no DACL, a NULL DACL and an empty one stay three things', () => {
  for (const dacl of [undefined, null, makeAcl([])]) {
    const value = { control: 0, owner: undefined, group: undefined, sacl: undefined, dacl };
    const b = encodeSecurityDescriptor(value);
    assert.equal(b.length, dacl ? 28 : 20);
    assert.deepEqual(decodeSecurityDescriptor(b), value);
  }
});

test('only what is asked for goes out', () => {
  const full = {
    ...descriptor,
    control: SE_DACL_PROTECTED | SE_DACL_AUTO_INHERITED | SE_SACL_PROTECTED | SE_OWNER_DEFAULTED,
  };
  const nothing = { control: 0, owner: undefined, group: undefined };
  assert.deepEqual(selectSecurity(full, 0), { ...nothing, sacl: undefined, dacl: undefined });
  assert.deepEqual(selectSecurity(full, OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION), {
    control: SE_OWNER_DEFAULTED,
    owner: full.owner,
    group: full.group,
    sacl: undefined,
    dacl: undefined,
  });
  assert.deepEqual(selectSecurity(full, DACL_SECURITY_INFORMATION), {
    ...nothing,
    control: SE_DACL_PROTECTED | SE_DACL_AUTO_INHERITED,
    sacl: undefined,
    dacl: full.dacl,
  });
  assert.deepEqual(selectSecurity(full, BACKUP_SECURITY_INFORMATION), full);
  assert.equal(encodeSecurityDescriptor(full, 0).toString('hex'), `01000080${'00'.repeat(16)}`);
});

test('labels are asked for apart from the audit entries', () => {
  const label: Ace = {
    kind: 'sid',
    type: SYSTEM_MANDATORY_LABEL_ACE_TYPE,
    flags: 0,
    mask: 1,
    sid: 'S-1-16-8192',
  };
  const audit = descriptor.sacl!.aces[0]!;
  const value = { ...descriptor, sacl: makeAcl([audit, label]) };
  const acesFor = (information: number) => selectSecurity(value, information).sacl?.aces;
  assert.deepEqual(acesFor(SACL_SECURITY_INFORMATION), [audit]);
  assert.deepEqual(acesFor(LABEL_SECURITY_INFORMATION), [label]);
  assert.deepEqual(acesFor(LABEL_SECURITY_INFORMATION | SACL_SECURITY_INFORMATION), [audit, label]);
});

test('object and other entries keep their bytes', () => {
  const raw: Ace = {
    kind: 'raw',
    type: ACCESS_ALLOWED_OBJECT_ACE_TYPE,
    flags: 0x10,
    body: Buffer.from('0102030405060708', 'hex'),
  };
  const acl = { revision: 4, aces: [raw, deniedAce(EVERYONE, 1)] };
  const b = encodeAcl(acl);
  assert.equal(b.toString('hex', 0, 20), '04002800020000000510' + '0c000102030405060708');
  assert.deepEqual(decodeAcl(b), acl);
});

test('bytes behind the SID of an entry are ignored', () => {
  const b = Buffer.from('02002000010000000000180001000000010100000000000100000000aaaaaaaa', 'hex');
  assert.deepEqual(decodeAcl(b).aces, [allowedAce(EVERYONE, 1)]);
});

test('hostile lists and offsets', () => {
  const acl = (hex: string) => () => decodeAcl(Buffer.from(hex, 'hex'));
  for (const hex of [
    '0200080001000000',
    '02000800ffff0000',
    '02000700000000000000',
    '0200ffff00000000',
    '0100080000000000',
    '0500080000000000',
    '02000c000100000000000000',
    '02000c000100000000000300',
    '02000c000100000000000500ffff',
    '02000c000100000000000400',
    '0200140001000000000014000000000002010000000000',
  ]) {
    assert.throws(acl(hex), WireError, hex);
  }
  for (const offset of [1, 19, 0xb1, 0x7fffffff, 0xffffffff]) {
    for (const field of [4, 8, 12, 16]) {
      const b = Buffer.from(example, 'hex');
      b.writeUInt32LE(offset, field);
      assert.throws(() => decodeSecurityDescriptor(b), WireError);
    }
  }
});

test('a SID count above 15 and a revision of another age', () => {
  const b = Buffer.from(example, 'hex');
  b[0x91] = 16;
  assert.throws(() => decodeSecurityDescriptor(b), WireError);
  b[0] = 2;
  assert.throws(() => decodeSecurityDescriptor(b), WireError);
});

test('random and mutated bytes decode or are a WireError', () => {
  const mutations = fc.array(fc.tuple(fc.nat(0xaf), fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(mutations, (changes) => {
      const b = Buffer.from(example, 'hex');
      for (const [at, value] of changes) b[at] = value;
      try {
        const value = decodeSecurityDescriptor(b);
        assert.deepEqual(decodeSecurityDescriptor(encodeSecurityDescriptor(value)), value);
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
