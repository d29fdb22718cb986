/** security.NTACL: bytes as Samba 4.17 wrote them, of versions 1 to 3 as its own NDR library makes them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ACCESS_DENIED_ACE_TYPE,
  ACL_REVISION_DS,
  allowedAce,
  auditAce,
  deniedAce,
  makeAcl,
} from '../../dtyp/acl.ts';
import { SE_DACL_PROTECTED, type SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import { CREATOR_GROUP, CREATOR_OWNER, EVERYONE, type Sid } from '../../dtyp/sid.ts';
import { decodePosixAcl, type PosixPermissions } from '../../fscc/posix-acl.ts';
import {
  decodeNtAcl,
  encodeNtAcl,
  hashOfDescriptor,
  hashOfPermissions,
  isCurrent,
  ksmbdHashOfPermissions,
} from './nt-acl.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s+/g, ''), 'hex');

/** A directory that its owner made inheritable entries for, and a file with a group of its own. */
const DIRECTORY = hex(`
  0400040000000200040002000100a5a50830ac1bc3e5c8fcfa24a8d081322e4d9a210b24a5d6a258fc2ad9f8
  918e0000000000000000000000000000000000000000000000000000000000000000706f7369785f61636c00
  98de41ba2e7fdd01a0128344665c815f99d0e7ccae68b7d5ff6b4288a23c4bc8b18214cf7380d78d00000000
  0000000000000000000000000000000000000000000000000000000001000480b4000000d000000000000000
  ec000000010500000000000515000000d64a43aea7149705331bd892e8030000010500000000000515000000
  d64a43aea7149705331bd8920102000002008c000500000000031400a9001200010100000000000100000000
  000b1400ff011f00010100000000000300000000000b1400a900120001010000000000030100000000002400
  a9001200010500000000000515000000d64a43aea7149705331bd8920102000000002400ff011f0001050000
  0000000515000000d64a43aea7149705331bd892e8030000`);
const DIRECTORY_ACL = hex(`
  0200000001000700ffffffff02000700e903000004000500ffffffff08000500e903000010000700ffffffff
  20000500ffffffff`);
const FILE = hex(`
  0400040000000200040002000100e5fb858e5dd9e9caf87ac2eda5b069928e8235dde0479652131abe7c4c0a
  704d0000000000000000000000000000000000000000000000000000000000000000706f7369785f61636c00
  88d352ba2e7fdd01892589223119d6e30b180d0373b63f8e7f7cab5eabb0910a3fa82d420282aa3f00000000
  0000000000000000000000000000000000000000000000000000000001000480b4000000d000000000000000
  ec000000010500000000000515000000d64a43aea7149705331bd892e8030000010500000000000515000000
  d64a43aea7149705331bd8920102000002007c000400000000001400a9001200010100000000000100000000
  00001800020000000102000000000016020000000700000000002400a9001200010500000000000515000000
  d64a43aea7149705331bd8920102000000002400ff011f00010500000000000515000000d64a43aea7149705
  331bd892e8030000`);
const FILE_ACL = hex(`
  0200000001000700ffffffff02000700e903000004000500ffffffff080002000700000008000500e9030000
  10000700ffffffff20000500ffffffff`);

/** Version 1 to 3 of one descriptor, with hashes of ascending bytes. */
const OLDER = [
  hex(`
  0100010000000200010014901c0000002c0000003c00000058000000010200000000001601000000e9030000
  010200000000001602000000e903000004001c000100000002401400ff011f00010100000000000100000000
  040034000200000000031800ff011f00010200000000001601000000e9030000010014000200000001010000
  0000000100000000`),
  hex(`
  020002000000020004000200000102030405060708090a0b0c0d0e0f01001490300000004000000050000000
  6c000000010200000000001601000000e9030000010200000000001602000000e903000004001c0001000000
  02401400ff011f00010100000000000100000000040034000200000000031800ff011f000102000000000016
  01000000e90300000100140002000000010100000000000100000000`),
  hex(`
  0300030000000200040002000100000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d
  1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f00000100149064000000
  7400000084000000a0000000010200000000001601000000e9030000010200000000001602000000e9030000
  04001c000100000002401400ff011f00010100000000000100000000040034000200000000031800ff011f00
  010200000000001601000000e90300000100140002000000010100000000000100000000`),
];

const TESTER: Sid = 'S-1-5-21-2923645654-93787303-2463636275-1000';
const NONE: Sid = 'S-1-5-21-2923645654-93787303-2463636275-513';
const READ = 0x1200a9;
const FULL = 0x1f01ff;
const OI_CI = 0x03;
const OI_CI_IO = 0x0b;

const DIRECTORY_DESCRIPTOR: SecurityDescriptor = {
  control: 0,
  owner: TESTER,
  group: NONE,
  sacl: undefined,
  dacl: makeAcl([
    allowedAce(EVERYONE, READ, OI_CI),
    allowedAce(CREATOR_OWNER, FULL, OI_CI_IO),
    allowedAce(CREATOR_GROUP, READ, OI_CI_IO),
    allowedAce(NONE, READ),
    allowedAce(TESTER, FULL),
  ]),
};

const OLDER_DESCRIPTOR: SecurityDescriptor = {
  control: SE_DACL_PROTECTED,
  owner: 'S-1-22-1-1001',
  group: 'S-1-22-2-1001',
  sacl: { revision: ACL_REVISION_DS, aces: [auditAce(EVERYONE, FULL, 0x40)] },
  dacl: {
    revision: ACL_REVISION_DS,
    aces: [allowedAce('S-1-22-1-1001', FULL, OI_CI), deniedAce(EVERYONE, 2)],
  },
};

const of = (mode: number, access: Buffer, defaults?: Buffer): PosixPermissions => ({
  uid: 1001,
  gid: 1001,
  mode,
  access: decodePosixAcl(access),
  default: defaults && decodePosixAcl(defaults),
});

const never = (): never => assert.fail('asked for the descriptor of the mode');

/** The same bytes with Samba's hash and time put in. */
const again = (bytes: Buffer): Buffer => {
  const { descriptor, descriptorHash, permissionsHash } = decodeNtAcl(bytes)!;
  return encodeNtAcl({
    descriptor,
    descriptorHash: descriptorHash!,
    permissionsHash: permissionsHash!,
    time: bytes.readBigUInt64LE(88),
  });
};

test('version 4, as Samba writes it, both ways', () => {
  assert.deepEqual(decodeNtAcl(DIRECTORY)?.descriptor, DIRECTORY_DESCRIPTOR);
  assert.equal(again(DIRECTORY).toString('hex'), DIRECTORY.toString('hex'));
  assert.equal(again(FILE).toString('hex'), FILE.toString('hex'));
});

test('the hash of the POSIX ACLs is that of Samba', () => {
  const directory = of(0o40775, DIRECTORY_ACL, DIRECTORY_ACL);
  const file = of(0o100775, FILE_ACL);
  const { permissionsHash } = decodeNtAcl(DIRECTORY)!;
  assert.equal(hashOfPermissions(directory).toString('hex'), permissionsHash?.toString('hex'));
  assert.ok(isCurrent(decodeNtAcl(DIRECTORY)!, directory, never));
  assert.ok(isCurrent(decodeNtAcl(FILE)!, file, never));
});

test('any other owner, mode or list outdates what was set', () => {
  const acl = decodeNtAcl(DIRECTORY)!;
  const now = of(0o40775, DIRECTORY_ACL, DIRECTORY_ACL);
  const other = (): SecurityDescriptor => OLDER_DESCRIPTOR;
  const changes: Partial<PosixPermissions>[] = [
    { uid: 1002 },
    { gid: 0 },
    { mode: 0o40755 },
    { access: undefined },
    { default: undefined },
    { access: now.access!.map((entry) => ({ ...entry, permissions: 7 })) },
  ];
  for (const change of changes) {
    assert.equal(isCurrent(acl, { ...now, ...change }, other), false, JSON.stringify(change));
  }
});

test('where the lists differ the descriptor that they amount to is asked', () => {
  const derived: SecurityDescriptor = { ...DIRECTORY_DESCRIPTOR, control: SE_DACL_PROTECTED };
  const time = 7n;
  const acl = decodeNtAcl(
    encodeNtAcl({
      descriptor: OLDER_DESCRIPTOR,
      descriptorHash: hashOfDescriptor(derived),
      permissionsHash: Buffer.alloc(32, 1),
      time,
    }),
  )!;
  const now = of(0o100644, FILE_ACL);
  assert.equal(
    isCurrent(acl, now, () => derived),
    true,
  );
  assert.equal(
    isCurrent(acl, now, () => DIRECTORY_DESCRIPTOR),
    false,
  );
});

test('a file without a list is hashed as the list of its mode', () => {
  const minimal = of(0o100640, hex('02000000 01000600ffffffff 04000400ffffffff 20000000ffffffff'));
  const bare = { ...minimal, access: undefined };
  assert.deepEqual(hashOfPermissions(bare), hashOfPermissions(minimal));
});

test('what ksmbd kept of a file is known as well', () => {
  const sha256 = (text: string): string => createHash('sha256').update(hex(text)).digest('hex');
  const list = hex('02000000 01000600ffffffff 04000400ffffffff 20000000ffffffff');
  const ids = 'e903000000000000 e903000000000000';
  const entries = `03000000 03000000 00000000
    0200 0200 06000000 0400 0400 04000000 0500 0500 00000000`;
  const cases: [PosixPermissions, string][] = [
    [{ ...of(0o100640, list), access: undefined }, `00000000 00000000 ${ids} a0810000`],
    [{ ...of(0o40750, list, list), access: undefined }, `00000000 00000200 ${ids} e8410000`],
    [of(0o40640, list), `00000200 00000000 ${ids} a0410000 ${entries}`],
  ];
  for (const [permissions, bytes] of cases) {
    const permissionsHash = ksmbdHashOfPermissions(permissions);
    assert.equal(permissionsHash.toString('hex'), sha256(bytes));
    const acl = { descriptor: OLDER_DESCRIPTOR, descriptorHash: undefined, permissionsHash };
    assert.ok(isCurrent({ ...acl, descriptorHash: Buffer.alloc(32) }, permissions, never));
  }
  // With both lists there is one way only to write them.
  const both = of(0o40750, list, list);
  assert.deepEqual(ksmbdHashOfPermissions(both), hashOfPermissions(both));
});

test('versions 1 to 3', () => {
  const ascending = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
  for (const [i, bytes] of OLDER.entries()) {
    const acl = decodeNtAcl(bytes)!;
    assert.deepEqual(acl.descriptor, OLDER_DESCRIPTOR, `version ${i + 1}`);
    assert.equal(acl.permissionsHash, undefined);
    assert.deepEqual(acl.descriptorHash, i === 2 ? ascending : undefined);
  }
  const [first, second] = OLDER;
  for (const bytes of [first!, second!]) {
    assert.ok(isCurrent(decodeNtAcl(bytes)!, of(0o100600, FILE_ACL), never), 'nothing was kept');
  }
});

test('a descriptor is hashed as version 3 without a hash', () => {
  const third = Buffer.from(OLDER[2]!);
  third.fill(0, 14, 14 + 64);
  const expected = createHash('sha256').update(third).digest('hex');
  assert.equal(hashOfDescriptor(OLDER_DESCRIPTOR).toString('hex'), expected);
});

test('a hash of no type keeps nothing, one of another type is not understood', () => {
  const bytes = Buffer.from(FILE);
  bytes.writeUInt16LE(0, 12);
  assert.equal(decodeNtAcl(bytes)?.permissionsHash, undefined);
  assert.equal(decodeNtAcl(bytes)?.descriptorHash, undefined);
  bytes.writeUInt16LE(2, 12);
  assert.equal(decodeNtAcl(bytes), undefined);
});

test('the hash of another kind of ACL is not taken for one of POSIX', () => {
  const bytes = Buffer.from(FILE);
  bytes.write('nfs4_acls', 78, 'latin1');
  assert.equal(decodeNtAcl(bytes)?.permissionsHash, undefined);
  assert.deepEqual(decodeNtAcl(bytes)?.descriptor, decodeNtAcl(FILE)?.descriptor);
});

test('every prefix and any bytes give a value or nothing', () => {
  for (const whole of [FILE, DIRECTORY, ...OLDER]) {
    for (let length = 0; length < whole.length; length++) {
      assert.equal(decodeNtAcl(whole.subarray(0, length)), undefined, `${length} bytes`);
    }
  }
  const mutation = fc.record({ at: fc.nat(FILE.length - 1), byte: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
      const mutated = Buffer.from(FILE);
      for (const { at, byte } of mutations) mutated[at] = byte;
      decodeNtAcl(mutated);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decodeNtAcl(Buffer.from(bytes))),
  );
});

test('any descriptor comes back', () => {
  const sid = fc.constantFrom<Sid>(EVERYONE, CREATOR_OWNER, TESTER, NONE, 'S-1-22-1-7');
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const ace = fc
    .record({ sid, mask: u32, flags: fc.nat(255), denies: fc.boolean() })
    .map(({ sid, mask, flags, denies }) => ({
      ...allowedAce(sid, mask, flags),
      ...(denies ? { type: ACCESS_DENIED_ACE_TYPE } : {}),
    }));
  const acl = fc.option(fc.array(ace, { maxLength: 20 }).map(makeAcl), { nil: null });
  const part = fc.option(sid, { nil: undefined });
  const descriptor = fc.record(
    {
      control: fc.constantFrom(0, SE_DACL_PROTECTED),
      owner: part,
      group: part,
      sacl: acl,
      dacl: acl,
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(descriptor, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value, time) => {
      const hash = Buffer.alloc(32, 3);
      const bytes = encodeNtAcl({
        descriptor: value,
        descriptorHash: hash,
        permissionsHash: hash,
        time,
      });
      assert.deepEqual(decodeNtAcl(bytes), {
        descriptor: value,
        descriptorHash: hash,
        permissionsHash: hash,
      });
    }),
  );
});
