/** Groups name suites that are there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GROUPS, suitesOfGroup } from './groups.ts';
import { suitesOf } from './suites.ts';

test('each suite of a group is one of a release', () => {
  const known = new Set([...suitesOf(false), ...suitesOf(true)].map(({ name }) => name));
  for (const names of Object.values(GROUPS)) {
    for (const name of names) assert.ok(known.has(name), name);
    assert.equal(new Set(names).size, names.length);
  }
});

test('a release has its own suites of a group', () => {
  const names = (newer: boolean): string[] => suitesOfGroup('ntfs', newer).map(({ name }) => name);
  assert.ok(names(false).includes('smb2.acls'));
  assert.ok(!names(true).includes('smb2.acls'));
  assert.ok(names(true).includes('smb2.acls-with-sysacl'));
  assert.throws(() => suitesOfGroup('fat', false), /there is ntfs/);
});
