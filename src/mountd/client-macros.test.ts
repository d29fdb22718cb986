/** What a client says of itself must not lead a share out of its place. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configure } from '../config/configuration.ts';
import type { ClientField } from '../config/macros.ts';
import type { Account } from '../ipc/control-plane.ts';
import { MacroProblem, resolveShare } from './client-macros.ts';
import { systemAccounts } from './system-accounts.ts';

const system = systemAccounts(
  [
    'ann:x:1000:100:Ann:/home/ann:/bin/sh',
    'bob:x:1001:100:Bob::/bin/sh',
    'eve:x:1002:100:Eve:/home/../etc:/bin/sh',
  ],
  ['users:x:100:', 'domain users:x:101:'],
);
const ANN: Account = { name: 'ann', kind: 'user', identity: undefined };

function resolve(values: object, account: Account = ANN, share = 'data') {
  const own = { name: 'data', path: '/srv', ...values };
  const [made] = configure({ shares: [own] }).shares;
  const templates = Object.keys(values) as ClientField[];
  return resolveShare(
    { ...made!, templates },
    {
      ...{ account, share, system, netbiosName: 'BOX' },
      userName: account.kind === 'user' ? account.name : 'nobody',
      client: { address: 'fe80::1', localAddress: '192.0.2.9', dialect: 'SMB3_11' },
      now: () => new Date('2026-11-29T10:20:30Z'),
    },
  );
}
const path = (template: string, account: Account = ANN): string =>
  resolve({ path: template }, account).path;
const saying = (machine: string, user?: string): Account => ({ ...ANN, asked: { machine, user } });

test('each macro has its value', () => {
  const asked = saying('WS1', 'Ann.Old');
  assert.equal(path('/srv/%U/%u/%m', asked), '/srv/ann.old/ann/ws1');
  assert.equal(path('/srv/%g-%D-%S', ANN), '/srv/users-BOX-data');
  assert.equal(path('/%H/files'), '/home/ann/files');
  assert.equal(path('/srv/%I/%J/%i/%j/%R'), '/srv/fe80::1/fe80__1/192.0.2.9/192_0_2_9/SMB3_11');
  assert.equal(path('/srv/50%%/%m'), '/srv/50%/fe80::1');
  const domain: Account = { ...ANN, name: 'CORP\\ann' };
  assert.equal(path('/srv/%D/%u', domain), '/srv/CORP/ann');
  const { comment } = resolve({ comment: '%u at %t, %P, %G%%' });
  assert.equal(comment, 'ann at 20261129_102030, /srv, users%');
});

test('no name leads a path elsewhere', () => {
  const names = ['..', '.', '../..', 'a/b', '/', '/etc', 'a\0b', 'a\nb', '\ud800', 'S-1-5-32-544'];
  for (const name of names) {
    assert.throws(() => path('/srv/%m', saying(name)), MacroProblem, name);
    assert.throws(() => path('/srv/%U/x', saying('ws', name)), MacroProblem, name);
  }
  // Harmless alone, and not together.
  assert.throws(() => path('/srv/.%m', saying('.')), MacroProblem);
  assert.throws(() => path('/srv/%m', saying('x'.repeat(256))), MacroProblem);
  assert.equal(path('/srv/%m', saying('..x')), '/srv/..x');
  assert.equal(path('/srv/%m', saying('%H')), '/srv/%h');
});

test('what has no value fails, and is not left out', () => {
  assert.throws(() => path('/%H', { ...ANN, name: 'bob' }), /no home folder/);
  assert.throws(() => path('/%H', { ...ANN, name: 'eve' }), /home\/..\/etc/);
  assert.throws(() => path('/srv/x%H'), MacroProblem);
  assert.throws(() => path('/srv/%g', { ...ANN, name: 'stranger' }), /%g has no value/);
  assert.throws(() =>
    resolve({ validUsers: [{ kind: 'group', name: '%g' }] }, { ...ANN, name: 'x' }),
  );
});

test('a list has as many names as before, of the same kinds', () => {
  const list = [
    { kind: 'group', name: '%g' },
    { kind: 'user', name: '%D%w%u' },
    { kind: 'user', name: '%m' },
  ] as const;
  const { validUsers } = resolve({ validUsers: list }, saying('@wheel, root'));
  assert.deepEqual(validUsers, [
    { kind: 'group', name: 'users' },
    { kind: 'user', name: 'BOX\\ann' },
    { kind: 'user', name: '@wheel, root' },
  ]);
});

test('a guest is not who it says', () => {
  const guest: Account = {
    ...{ name: 'nobody', kind: 'guest', identity: undefined },
    asked: { user: 'ann' },
  };
  assert.equal(path('/srv/%U', guest), '/srv/nobody');
});
