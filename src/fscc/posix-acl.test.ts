/** system.posix_acl_access: bytes as Linux gives them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ACL_GROUP,
  ACL_GROUP_OBJ,
  ACL_MASK,
  ACL_OTHER,
  ACL_USER,
  ACL_USER_OBJ,
  aclOfMode,
  decodePosixAcl,
  encodePosixAcl,
  isDirectoryMode,
  type PosixAcl,
  type PosixAclEntry,
} from './posix-acl.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s+/g, ''), 'hex');

/** user::rwx user:1001:rwx group::r-x group:7:-w- mask::rwx other::r-x */
const BYTES = hex(`02000000
  01000700ffffffff 02000700e9030000 04000500ffffffff 0800020007000000 10000700ffffffff
  20000500ffffffff`);
const ACL: PosixAcl = [
  { tag: ACL_USER_OBJ, permissions: 7, id: undefined },
  { tag: ACL_USER, permissions: 7, id: 1001 },
  { tag: ACL_GROUP_OBJ, permissions: 5, id: undefined },
  { tag: ACL_GROUP, permissions: 2, id: 7 },
  { tag: ACL_MASK, permissions: 7, id: undefined },
  { tag: ACL_OTHER, permissions: 5, id: undefined },
];

test('golden, both ways', () => {
  assert.deepEqual(decodePosixAcl(BYTES), ACL);
  assert.deepEqual(encodePosixAcl(ACL), BYTES);
});

test('the list of a mode', () => {
  const acl = aclOfMode(0o104751).map(({ tag, permissions }) => [tag, permissions]);
  assert.deepEqual(acl, [
    [ACL_USER_OBJ, 7],
    [ACL_GROUP_OBJ, 5],
    [ACL_OTHER, 1],
  ]);
  assert.ok(isDirectoryMode(0o40700));
  assert.ok(!isDirectoryMode(0o60700));
});

test('what the kernel would not give is nothing', () => {
  const changed = (offset: number, value: number): Buffer => {
    const bytes = Buffer.from(BYTES);
    bytes.writeUInt16LE(value, offset);
    return bytes;
  };
  assert.equal(decodePosixAcl(changed(0, 1)), undefined, 'version');
  assert.equal(decodePosixAcl(changed(4, 3)), undefined, 'tag');
  assert.equal(decodePosixAcl(changed(6, 8)), undefined, 'permissions');
  const nobody = Buffer.from(BYTES);
  nobody.writeUInt32LE(0xffff_ffff, 16);
  assert.equal(decodePosixAcl(nobody), undefined, 'a user without an id');
});

test('every prefix and any bytes give a value or nothing', () => {
  for (let length = 0; length < BYTES.length; length++) {
    const found = decodePosixAcl(BYTES.subarray(0, length));
    if (length >= 4 && (length - 4) % 8 === 0) assert.equal(found?.length, (length - 4) / 8);
    else assert.equal(found, undefined, `${length} bytes`);
  }
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 80 }),
      (bytes) => void decodePosixAcl(Buffer.from(bytes)),
    ),
  );
});

test('any list comes back', () => {
  const permissions = fc.nat(7);
  const own = fc.record(
    {
      tag: fc.constantFrom(ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_MASK, ACL_OTHER),
      permissions,
      id: fc.constant(undefined),
    },
    { noNullPrototype: true },
  );
  const named = fc.record(
    {
      tag: fc.constantFrom(ACL_USER, ACL_GROUP),
      permissions,
      id: fc.integer({ min: 0, max: 0xffff_fffe }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(fc.oneof<fc.Arbitrary<PosixAclEntry>[]>(own, named)), (acl) => {
      assert.deepEqual(decodePosixAcl(encodePosixAcl(acl)), acl);
    }),
  );
});
