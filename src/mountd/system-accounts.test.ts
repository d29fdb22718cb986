import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSystemAccounts, systemAccounts } from './system-accounts.ts';

const accounts = systemAccounts(
  ['root:x:0:0:root:/root:/bin/sh', 'ann:x:1000:100::/home/ann:', '', 'bad:x:y:1', '+::::::'],
  ['users:x:100:', 'staff:x:50:bob,ann', 'audio:x:29:ann', 'bad:x', 'big:x:4294967295:ann'],
);

test('a user has the groups that name him, without the primary one', () => {
  const ann = { name: 'ann', identity: { uid: 1000, gid: 100, groups: [50, 29] } };
  assert.deepEqual(accounts.userByName('ann'), ann);
  assert.deepEqual(accounts.userById(1000), ann);
  assert.equal(accounts.userByName('bad'), undefined);
  assert.equal(accounts.userById(7), undefined);
});

test('membership, by list and by primary group', () => {
  assert.equal(accounts.isMember('ann', 'staff'), true);
  assert.equal(accounts.isMember('ANN', 'Users'), true);
  assert.equal(accounts.isMember('root', 'staff'), false);
  assert.equal(accounts.isMember('ann', 'none'), false);
  assert.equal(accounts.groupId('staff'), 50);
  assert.equal(accounts.groupId('none'), undefined);
});

test("the machine's own files have root; missing ones nobody", () => {
  assert.equal(readSystemAccounts().userById(0)?.name, 'root');
  assert.equal(readSystemAccounts('/nonexistent').userById(0), undefined);
});
