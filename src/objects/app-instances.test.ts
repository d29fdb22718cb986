import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppInstances, isOutdated } from './app-instances.ts';
import type { Open } from './open.ts';

test('3.3.5.9.13: a version that is there yields to a higher one alone', () => {
  const rows: readonly [bigint | undefined, bigint | undefined, boolean][] = [
    [undefined, undefined, false],
    [undefined, 1n, false],
    [1n, undefined, true],
    [1n, 1n, true],
    [2n, 1n, true],
    [1n, 2n, false],
    [1n, 1n << 64n, false],
    [1n << 64n, (1n << 64n) - 1n, true],
  ];
  for (const [there, comes, outdated] of rows) {
    assert.equal(isOutdated(there, comes, true), outdated, `${there} ${comes}`);
  }
});

test('opens are found by their application as long as they are open', () => {
  const instances = new AppInstances();
  const make = (): Open => ({ appInstance: undefined }) as unknown as Open;
  const [one, two, none] = [make(), make(), make()];
  const values = { version: undefined, clientGuid: Buffer.alloc(16), fileName: 'f' };
  instances.add(one, { id: 'a', ...values });
  instances.add(two, { id: 'a', ...values });
  assert.deepEqual(instances.find('a'), [one, two]);
  assert.deepEqual(instances.find('b'), []);
  instances.remove(none);
  instances.remove(one);
  instances.remove(one);
  assert.deepEqual(instances.find('a'), [two]);
  instances.remove(two);
  assert.equal(instances.size, 0);
});
