/** What kernels without faccessat2 are asked instead; path_resolution(7), "Permissions". */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowedByMode } from './permissions.ts';

const FILE = 0o100000;
const DIRECTORY = 0o040000;

test('one class of bits counts: the owner’s, else the group’s, else the others’', () => {
  const user = { uid: 1000, gid: 100, groups: [27, 30] };
  assert.equal(allowedByMode(FILE | 0o640, 1000, 0, user), 6);
  // The owner's bits, though the others' would give more.
  assert.equal(allowedByMode(FILE | 0o077, 1000, 100, user), 0);
  assert.equal(allowedByMode(FILE | 0o640, 0, 100, user), 4);
  assert.equal(allowedByMode(FILE | 0o750, 0, 30, user), 5);
  assert.equal(allowedByMode(FILE | 0o707, 0, 27, user), 0);
  assert.equal(allowedByMode(FILE | 0o754, 0, 0, user), 4);
});

test('the superuser reads and writes all, and runs what anybody may run', () => {
  const root = { uid: 0, gid: 0, groups: [] };
  assert.equal(allowedByMode(FILE, 1000, 100, root), 6);
  assert.equal(allowedByMode(FILE | 0o001, 1000, 100, root), 7);
  assert.equal(allowedByMode(DIRECTORY, 1000, 100, root), 7);
});
