import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_TOLD_FAILURES } from '../ipc/administration.ts';
import { LoginFailures } from './login-failures.ts';

test('failures are counted by user and address until a login is good', () => {
  let now = 1000;
  const failures = new LoginFailures(() => now++);
  failures.failed('ann', '192.0.2.1');
  failures.failed('bob', '192.0.2.1');
  failures.failed('Ann', '192.0.2.1');
  failures.failed('ann', '192.0.2.2');
  assert.deepEqual(
    failures.all.map(({ user, address, failures: count, lastMs }) => [
      user,
      address,
      count,
      lastMs,
    ]),
    [
      ['ann', '192.0.2.2', 1, 1003],
      ['Ann', '192.0.2.1', 2, 1002],
      ['bob', '192.0.2.1', 1, 1001],
    ],
  );
  failures.succeeded('ANN', '192.0.2.1');
  assert.deepEqual(
    failures.all.map(({ user }) => user),
    ['ann', 'bob'],
  );
});

test('those of a user, from an address or of everybody are forgotten', () => {
  const left = (user?: string, address?: string): number => {
    const failures = new LoginFailures();
    for (const name of ['ann', 'bob']) for (const from of ['a', 'b']) failures.failed(name, from);
    const forgotten = failures.forget(user, address);
    assert.equal(forgotten + failures.all.length, 4);
    return failures.all.length;
  };
  assert.deepEqual([left(), left('ANN'), left(undefined, 'a'), left('ann', 'b')], [0, 2, 2, 3]);
});

test('a guesser of names takes no memory', () => {
  const failures = new LoginFailures();
  for (let i = 0; i < 3 * MAX_TOLD_FAILURES; i++) failures.failed(`${i}${'x'.repeat(300)}`, 'a');
  assert.equal(failures.all.length, MAX_TOLD_FAILURES);
  assert.equal(failures.all[0]?.user.length, 100);
});
