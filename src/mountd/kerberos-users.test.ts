import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sid } from '../dtyp/sid.ts';
import { localNameOf, sidsOfDomain } from './kerberos-users.ts';

const local = (
  principal: string,
  { localName = undefined as string | undefined, realm = 'EXAMPLE.COM', map = {} } = {},
) =>
  localNameOf(
    { principal, localName },
    {
      realm,
      mapped: (names) => names.map((one) => (map as Record<string, string>)[one]).find(Boolean),
    },
  );

test('a user of the realm has its name here; others have none', () => {
  assert.equal(local('ann@EXAMPLE.COM'), 'ann');
  assert.equal(local('ann@example.com'), 'ann');
  assert.equal(local('ann@ELSEWHERE.COM'), undefined);
  assert.equal(local('ann@EXAMPLE.COM', { realm: '' }), undefined);
  assert.equal(local('ann/admin@EXAMPLE.COM'), undefined);
  assert.equal(local('ann@EXAMPLE.COM@EXAMPLE.COM'), undefined);
});

test('krb5.conf goes before the realm, and the username map before both', () => {
  assert.equal(local('ann@EXAMPLE.COM', { localName: 'anna' }), 'anna');
  assert.equal(local('ann/admin@ELSEWHERE.COM', { localName: 'ann-admin' }), 'ann-admin');
  for (const key of ['ann@EXAMPLE.COM', 'EXAMPLE.COM\\ann', 'EXAMPLE\\ann', 'ann']) {
    assert.equal(local('ann@EXAMPLE.COM', { localName: 'anna', map: { [key]: 'root2' } }), 'root2');
  }
  // The bare name is that of a user of this realm only.
  assert.equal(local('ann@ELSEWHERE.COM', { map: { ann: 'ann' } }), undefined);
});

test('a domain vouches for its own, not for this machine, its groups or Unix users', () => {
  const good: Sid[] = ['S-1-5-21-1-2-3-1104', 'S-1-5-21-1-2-3-512', 'S-1-18-1'];
  const bad: Sid[] = [
    'S-1-5-21-7-7-7-1000',
    'S-1-5-32-544',
    'S-1-22-1-0',
    'S-1-22-2-0',
    'S-1-5-18',
    'S-1-5-88-1-0',
    'S-1-1-0',
    'S-1-5-21-1-2-3',
  ];
  assert.deepEqual(sidsOfDomain([...bad, ...good], 'S-1-5-21-7-7-7'), good);
});
